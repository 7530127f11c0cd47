package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
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
	cmd := &cobra.Command{Use: "temporal", Short: "Run the embedded Temporal server alone, on loopback", Args: cobra.NoArgs}
	dir := cmd.Flags().String("dir", "temporal", "of the state")
	listen := cmd.Flags().String("listen", "127.0.0.1:7233", "address of the front end, on loopback")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		address, err := netip.ParseAddrPort(*listen)
		if err != nil || address.Addr() != netip.MustParseAddr("127.0.0.1") {
			return usageError{fmt.Errorf("--listen: %q is no address of 127.0.0.1", *listen)}
		}
		server, err := temporal.Start(cmd.Context(), temporal.Options{Dir: *dir, Port: int(address.Port()), Notice: func(text string) {
			fmt.Fprintln(cmd.ErrOrStderr(), text)
		}})
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), server.Address())
		<-cmd.Context().Done()
		server.Stop()
		return nil
	}
	return cmd
}
