package cli

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/config"
	"github.com/causeway-dev/causeway/devstack/temporal"
	"github.com/causeway-dev/causeway/dispatch"
)

// setUpTemporal makes what a Temporal lacks.
func setUpTemporal(ctx context.Context, conf *config.Loaded, log *slog.Logger) (dispatch.Made, error) {
	o, err := temporalOptions(conf, log)
	if err != nil {
		return dispatch.Made{}, err
	}
	c, err := dispatch.NewClient(ctx, o)
	if err != nil {
		return dispatch.Made{}, err
	}
	defer c.Close()
	return dispatch.SetUp(ctx, c, o.Namespace, conf.Temporal.Retention)
}

func newTemporal() *cobra.Command {
	cmd := &cobra.Command{Use: "temporal", Short: "Prepare the Temporal of an installation"}
	cmd.AddCommand(&cobra.Command{
		Use:   "setup",
		Short: "Make the namespace and the search attributes that Temporal lacks",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := load(cmd)
			if err != nil {
				return err
			}
			if err := needSettings(conf, "temporal.address"); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Minute)
			defer cancel()
			made, err := setUpTemporal(ctx, conf, slog.New(slog.DiscardHandler))
			out := cmd.OutOrStdout()
			if made.Namespace {
				fmt.Fprintf(out, "namespace %s: made\n", conf.Temporal.Namespace)
			}
			for _, name := range made.Attributes {
				fmt.Fprintf(out, "search attribute %s: added\n", name)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "Temporal at %s is ready.\n", conf.Temporal.Address)
			return nil
		},
	})
	return cmd
}

// newInternalTemporal runs the embedded Temporal server alone, for tests of an installation whose parts are separate processes. It has no
// namespace of ours: causeway temporal setup makes it.
func newInternalTemporal() *cobra.Command {
	cmd := &cobra.Command{Use: "temporal folder", Args: cobra.ExactArgs(1)}
	port := cmd.Flags().Int("port", 7233, "of the front end")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		server, err := temporal.Start(ctx, temporal.Options{Dir: filepath.Clean(args[0]), Port: *port, Notice: func(text string) {
			fmt.Fprintln(cmd.ErrOrStderr(), text)
		}})
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), server.Address())
		<-ctx.Done()
		server.Stop()
		return nil
	}
	return cmd
}
