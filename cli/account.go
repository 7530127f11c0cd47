package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// newAccount makes accounts, for which there is no API: an API key belongs to an environment, and the first one has to come from
// somewhere.
func newAccount() *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "Make accounts and environments, in the database itself"}
	create := &cobra.Command{
		Use:   "create name",
		Short: "Make an account and environments that it lacks, and print the API key of each",
		Args:  cobra.ExactArgs(1),
	}
	environments := create.Flags().StringSlice("environments", []string{"dev", "prod"}, "its environments")
	create.RunE = func(cmd *cobra.Command, args []string) error {
		conf, err := load(cmd)
		if err != nil {
			return err
		}
		if err := needSettings(conf, "encryption.key", "database.url"); err != nil {
			return err
		}
		if args[0] == "" || len(*environments) == 0 {
			return usageError{errors.New("an account has a name and at least one environment")}
		}
		ctx := cmd.Context()
		p := newPlatform(conf, slog.New(slog.DiscardHandler))
		defer p.steps.down(ctx)
		if err := inOrder(ctx, p.upSchema, p.upControl); err != nil {
			return err
		}
		if err := p.store.EnsureAccount(ctx, args[0], *environments, laneCaps(conf)); err != nil {
			return err
		}
		t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, name := range *environments {
			environment, err := p.store.EnvironmentByName(ctx, args[0], name)
			if err != nil {
				return err
			}
			secret, err := p.store.DefaultSecret(ctx, environment.ID)
			if err != nil {
				return err
			}
			fmt.Fprintf(t, "%s\t%s\n", name, secret)
		}
		return t.Flush()
	}
	cmd.AddCommand(create)
	return cmd
}
