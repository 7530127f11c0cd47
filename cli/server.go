package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/config"
)

// newServer is the role that answers the API. It runs no script.
func newServer() *cobra.Command {
	r := role{name: "server", needs: stores, parts: func(p *platform) []func(context.Context) error {
		return []func(context.Context) error{p.upSchema, p.upStorage, p.upDispatch, p.upCalls, p.upAPI}
	}}
	return r.command(&cobra.Command{
		Use:   "server",
		Short: "Answer the API, with Postgres, Temporal, Redis and the blob store elsewhere",
		Long: "Answer the API. Postgres, Temporal, Redis and the blob store are elsewhere, as the settings say.\n" +
			"Scripts are run by causeway worker. SIGTERM lets open requests end.",
	}, func(*config.Loaded) error { return nil })
}
