package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/config"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Print the settings in force, and where each comes from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := load(cmd)
			if err != nil {
				return err
			}
			return printSettings(cmd.OutOrStdout(), settings)
		},
	}
	c.AddCommand(&cobra.Command{
		Use:   "reference",
		Short: "Print the table of all settings, as it stands in docs/settings.md",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), config.Reference())
			return err
		},
	})
	return c
}

func printSettings(w io.Writer, settings *config.Loaded) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range settings.Settings() {
		if _, err := fmt.Fprintf(t, "%s\t%s\t%s\n", s.Key, s.Masked(), s.Source); err != nil {
			return err
		}
	}
	return t.Flush()
}
