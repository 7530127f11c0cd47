package cli

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/causeway-dev/causeway/api"
)

// newAPI makes the public interface.
func (p *platform) newAPI(appsOptional bool) *api.Server {
	return api.New(api.Deps{
		Store: p.store, Records: p.records, Logs: p.logs, Blob: p.blob, Dispatch: p.dispatch, Proxy: p.calls, Catalog: p.catalog,
		AppsOptional: appsOptional, CallsPerMinute: p.conf.RateLimit.PerMinute, CountCall: p.redis.CountCall, PublicURL: strings.TrimSuffix(p.conf.Server.PublicURL, "/"), Logger: p.log,
	})
}

// upAPI serves the public interface.
func (p *platform) upAPI(ctx context.Context) error {
	ui, err := p.newTemporalUI() //nolint:contextcheck // requests bring their own
	if err != nil {
		return err
	}
	public := p.newAPI(false).Handler() //nolint:contextcheck // requests bring their own
	return p.upListener(ctx, "API", p.conf.Server.Listen, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, temporalPath) {
			ui.ServeHTTP(w, r)
			return
		}
		public.ServeHTTP(w, r)
	}))
}

// upAdmin serves what operators look at. It starts first and stops last, so that /livez and /readyz tell the truth all the time.
func (p *platform) upAdmin(ctx context.Context) error {
	return p.upListener(ctx, "admin port", p.conf.Server.AdminListen, adminHandler(p.health, p.metrics))
}

// upListener serves on an address.
func (p *platform) upListener(ctx context.Context, name, listen string, handler http.Handler) error {
	return p.steps.up(ctx, name, 10*time.Second, func(context.Context) (func(context.Context) error, error) {
		return serve(ctx, listen, handler)
	})
}
