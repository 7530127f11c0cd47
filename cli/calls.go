package cli

import (
	"context"
	"time"

	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/proxy"
)

// upCalls makes what calls to outside APIs go through: the egress policy, the catalog, the proxy.
func (p *platform) upCalls(ctx context.Context) error {
	return p.steps.up(ctx, "provider catalog", 30*time.Second, func(context.Context) (func(context.Context) error, error) {
		e := p.conf.Egress
		policy, err := egress.NewPolicy(egress.Options{
			Mode: egress.Mode(e.Mode), Deny: e.Deny, Allow: e.Allow, KeepDefaultDeny: true, AllowPrivate: e.AllowPrivate, Exceptions: p.exceptions,
		})
		if err != nil {
			return nil, err
		}
		if p.egress, err = egress.NewClient(policy, egress.ClientOptions{}); err != nil {
			return nil, err
		}
		if p.catalog, err = providers.Load(p.conf.Catalog.Files...); err != nil { //nolint:contextcheck // reads files
			return nil, err
		}
		if problems := p.catalog.Problems(); problems != nil {
			p.log.Warn("entries of the catalog were left out", "error", problems)
		}
		c := p.conf.Proxy
		p.calls = proxy.New(proxy.Options{
			Client: p.egress, Catalog: p.catalog, TimeoutAPI: c.TimeoutAPI, TimeoutScript: c.TimeoutScript, WaitAPI: c.WaitAPI,
			WaitScript: c.WaitScript, NoBaseURLOverride: !c.BaseURLOverride, BaseURLs: p.baseURLs,
		})
		return nil, nil //nolint:nilnil // there is nothing to stop
	})
}
