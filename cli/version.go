package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/script/realm"
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
				case "github.com/dop251/goja":
					if _, err := fmt.Fprintf(w, "%s %s (%s)\n", d.Path, engineVersion(d), engineKind()); err != nil {
						return err
					}
				case "github.com/evanw/esbuild", "go.temporal.io/server", "go.temporal.io/sdk":
					if _, err := fmt.Fprintf(w, "%s %s\n", d.Path, d.Version); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// engineVersion is empty in a workspace, whose copy of the engine has none.
func engineVersion(d *debug.Module) string {
	if d.Version == "" || d.Version == "(devel)" {
		return "copy"
	}
	return d.Version
}

func engineKind() string {
	if realm.Patched() {
		return "with Causeway's patches"
	}
	return "plain"
}
