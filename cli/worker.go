package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/config"
)

// newWorker is the role that runs scripts.
func newWorker() *cobra.Command {
	r := role{name: "worker", needs: stores, parts: func(p *platform) []func(context.Context) error {
		return []func(context.Context) error{p.upSchema, p.upStorage, p.upDispatch, p.upCalls, p.upWorker}
	}}
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Run scripts, with Postgres, Temporal, Redis and the blob store elsewhere",
		Long: "Run scripts. Postgres, Temporal, Redis and the blob store are elsewhere, as the settings say.\n" +
			"SIGTERM drains it: it takes no new run, syncs go on in another worker from where they are, other scripts have worker.drain to end.",
	}
	queues := cmd.Flags().String("queues", "", "kinds of queues to serve: interactive, background, control (worker.queues)")
	pools := cmd.Flags().String("pools", "", "worker pools to serve (worker.pools)")
	return r.command(cmd, func(conf *config.Loaded) error {
		if *queues != "" {
			conf.Set("worker.queues", *queues)
		}
		if *pools != "" {
			conf.Set("worker.pools", *pools)
		}
		return conf.Check()
	})
}
