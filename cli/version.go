package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print what this binary is made of",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			if _, err := fmt.Fprintf(w, "causeway %s\n%s %s/%s\n", build, runtime.Version(), runtime.GOOS, runtime.GOARCH); err != nil {
				return err
			}
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return nil
			}
			for _, d := range info.Deps {
				switch d.Path {
				case "github.com/dop251/goja", "github.com/evanw/esbuild", "go.temporal.io/server", "go.temporal.io/sdk":
					if _, err := fmt.Fprintf(w, "%s %s\n", d.Path, d.Version); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}
