package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/config"
)

// build names the commit that the binary was made from; the build sets it.
var build = "unknown"

// Main runs the command line and returns the exit code: 0, 1 after a failure, 2 after a wrong use.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := New()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "causeway:", err)
	if _, usage := errors.AsType[usageError](err); usage {
		return 2
	}
	return 1
}

// usageError is a mistake in how a command was called.
type usageError struct{ error }

// New makes the command tree. What it prints goes to the command's own output, so tests can read it.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:           "causeway",
		Short:         "The open platform for product integrations",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().String("config", "", "settings file (default: causeway.yaml of this folder, if there is one)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddGroup(
		&cobra.Group{ID: "project", Title: "Projects:"},
		&cobra.Group{ID: "use", Title: "A running platform:"},
		&cobra.Group{ID: "run", Title: "The platform itself:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("project", newInit(), newDeploy(), newCompile(), newTest(), newDryRun())
	add("use", newIntegrations(), newConnections(), newRun(), newLogs(), newJournal(), newReplay())
	add("run", newDev(), newServer(), newWorker(), newMigrate(), newTemporal(), newTemporalLink(), newAccount(), newDoctor(), newConfig(), newVersion())
	root.AddCommand(newRunner(), newInternal())
	return root
}

// load reads the settings of a command.
func load(cmd *cobra.Command) (*config.Loaded, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = config.DefaultFile(os.DirFS("."))
	}
	return config.Load(path, os.Environ())
}

// newLogger writes the process log: one JSON object a line.
func newLogger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
}
