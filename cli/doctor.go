package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/script/realm"
	"github.com/causeway-dev/causeway/worker"
)

func newDoctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine has and lacks, and how well scripts are shut in on it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := load(cmd)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			for _, tool := range []struct{ name, why string }{
				{"node", "type checks of your projects"}, {"npm", "packages of your projects, and building from source"},
				{"git", "building from source"},
			} {
				has(cmd.Context(), out, tool.name, tool.why)
			}
			engine(out)
			return isolation(cmd.Context(), out, worker.PoolOptions{
				Memory: int64(conf.Runners.Memory) << 20, UID: conf.Runners.UID, Logger: slog.New(slog.DiscardHandler),
			})
		},
	}
}

func has(ctx context.Context, out io.Writer, name, why string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, name, "--version").Output()
	if err != nil {
		fmt.Fprintf(out, "- %s is missing (%s)\n", name, why)
		return
	}
	version, _, _ := strings.Cut(string(text), "\n")
	fmt.Fprintf(out, "+ %s %s\n", name, strings.TrimPrefix(version, name+" "))
}

// engine says which script engine runs.
func engine(out io.Writer) {
	if realm.Patched() {
		fmt.Fprintln(out, "+ script engine with Causeway's patches")
		return
	}
	fmt.Fprintln(out, "- script engine without Causeway's patches: some hostile scripts end their runner process and with it its other runs (build with ./task build)")
}

// isolation starts runner processes that try to get out.
func isolation(ctx context.Context, out io.Writer, o worker.PoolOptions) error {
	report, err := worker.ProbeIsolation(ctx, o)
	if err != nil {
		return fmt.Errorf("no runner process can be started: %w", err)
	}
	fmt.Fprintf(out, "\nRunner processes: %s\n", report.Program)
	for _, m := range report.Mechanisms {
		if m.Reason != "" {
			fmt.Fprintf(out, "- %s: %s\n", m.Name, m.Reason)
			continue
		}
		fmt.Fprintf(out, "+ %s\n", m.Name)
	}
	fmt.Fprintln(out, "\nWhat a script that broke out of its engine could still do:")
	open := 0
	for _, a := range report.Attempts {
		if a.Stopped {
			fmt.Fprintf(out, "+ refused: %s\n", a.Name)
			continue
		}
		open++
		fmt.Fprintf(out, "- POSSIBLE: %s (%s)\n", a.Name, a.Detail)
	}
	if open > 0 {
		return fmt.Errorf("%d of %d ways out are open: run workers in containers of their own, one per customer", open, len(report.Attempts))
	}
	return nil
}
