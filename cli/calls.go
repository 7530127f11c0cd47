package cli

import (
	"context"
	"errors"
	"net/url"

	"github.com/causeway-dev/causeway/config"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/proxy"
)

// upCalls makes what calls to outside APIs go through: the egress policy, the catalog, the proxy.
func (p *platform) upCalls(ctx context.Context) error {
	return inOrder(ctx, p.upEgress, p.upCatalog)
}

func (p *platform) upEgress(ctx context.Context) error {
	return p.steps.up(ctx, "egress", startWithin, func(context.Context) (func(context.Context) error, error) {
		e := p.conf.Egress
		policy, err := egress.NewPolicy(egress.Options{
			Mode: egress.Mode(e.Mode), Deny: e.Deny, Allow: e.Allow, KeepDefaultDeny: true, AllowPrivate: e.AllowPrivate, Exceptions: p.exceptions,
		})
		if err != nil {
			return nil, err
		}
		o, err := egressOptions(p.conf)
		if err != nil {
			return nil, err
		}
		if p.egress, err = egress.NewClient(policy, o); err != nil {
			return nil, err
		}
		return func(context.Context) error { p.egress.Close(); return nil }, nil
	})
}

func egressOptions(conf *config.Loaded) (o egress.ClientOptions, err error) {
	if conf.Egress.Proxy == "" {
		return o, nil
	}
	if o.Proxy, err = url.Parse(conf.Egress.Proxy); err != nil {
		return o, errors.New("egress.proxy can't be read as a URL") // the cause would show the password
	}
	o.NoProxy = conf.Egress.NoProxy
	return o, nil
}

// upCatalog loads the providers, and keeps what is laid over the built-in ones fresh.
func (p *platform) upCatalog(ctx context.Context) error {
	return p.steps.up(ctx, "provider catalog", startWithin, func(ctx context.Context) (func(context.Context) error, error) {
		c := p.conf.Catalog
		var err error
		if p.catalog, err = providers.Open(ctx, providers.Options{Files: c.Files, URL: c.URL, Client: p.egress}); err != nil {
			return nil, err
		}
		report := func() {
			if problems := p.catalog.Problems(); problems != nil {
				p.log.Warn("entries of the catalog were left out", "error", problems)
			}
		}
		report()
		p.catalog.OnChange(func() { p.log.Info("the provider catalog has changed", "providers", len(p.catalog.Names())); report() })
		o := p.conf.Proxy
		p.calls = proxy.New(proxy.Options{
			Client: p.egress, Catalog: p.catalog, TimeoutAPI: o.TimeoutAPI, TimeoutScript: o.TimeoutScript, WaitAPI: o.WaitAPI,
			WaitScript: o.WaitScript, NoBaseURLOverride: !o.BaseURLOverride, BaseURLs: p.baseURLs,
		})
		if c.Refresh == 0 {
			return nil, nil //nolint:nilnil // there is nothing to stop
		}
		return watching(ctx, func(ctx context.Context) {
			p.catalog.Watch(ctx, c.Refresh, func(err error) {
				p.log.Warn("the provider catalog could not be read again; the last good one stays", "error", err)
			})
		}), nil
	})
}
