package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/devstack/postgres"
	"github.com/causeway-dev/causeway/script/compile"
	"github.com/causeway-dev/causeway/script/runner"
)

// newRunner is a runner process, for which this binary stands in where causeway-runner isn't beside it, and the compile mode,
// which is only here.
func newRunner() *cobra.Command {
	return &cobra.Command{
		Use:                "runner",
		Hidden:             true,
		DisableFlagParsing: true,
		Run: func(_ *cobra.Command, args []string) {
			for _, arg := range args {
				if arg == "--compile" {
					os.Exit(runner.CompileMain(args, compile.Lower))
				}
			}
			os.Exit(runner.Main(args))
		},
	}
}

// newInternal are commands that other commands call.
func newInternal() *cobra.Command {
	cmd := &cobra.Command{Use: "internal", Hidden: true}
	cmd.AddCommand(newInternalTemporal(), &cobra.Command{
		Use:  "fetch-postgres folder",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return postgres.FetchEmbedded(args[0]) },
	})
	return cmd
}
