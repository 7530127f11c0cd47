package cli

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"time"

	"github.com/causeway-dev/causeway/config"
	"github.com/causeway-dev/causeway/dispatch"
)

// temporalOptions say how Temporal is reached.
func temporalOptions(conf *config.Loaded, log *slog.Logger) (dispatch.ClientOptions, error) {
	t := conf.Temporal
	o := dispatch.ClientOptions{Address: t.Address, Namespace: t.Namespace, APIKey: t.APIKey, Logger: log}
	if !t.TLS.Enabled && t.TLS.CertFile == "" && t.APIKey == "" {
		return o, nil
	}
	var err error
	o.TLS, err = dispatch.LoadTLS(t.TLS.CertFile, t.TLS.KeyFile, t.TLS.CAFile, t.TLS.ServerName)
	return o, err
}

// upDispatch connects to Temporal, with the one client of this process.
func (p *platform) upDispatch(ctx context.Context) error {
	return p.steps.up(ctx, "connection to Temporal", time.Minute, func(ctx context.Context) (func(context.Context) error, error) {
		o, err := temporalOptions(p.conf, p.log)
		if err != nil {
			return nil, err
		}
		o.Keys = p.store.Keys()
		if p.temporal, err = dispatch.NewClient(ctx, o); err != nil {
			return nil, err
		}
		if err := dispatch.Check(ctx, p.temporal, o.Namespace); err != nil {
			p.temporal.Close()
			return nil, err
		}
		p.dispatch = dispatch.New(dispatch.Options{
			Client: p.temporal, Store: p.store, Redis: p.redis, Logger: p.log, Logs: p.logs, HashConnections: p.connectionKey(),
		})
		stop := watching(ctx, p.dispatch.Hear)
		return func(ctx context.Context) error {
			err := stop(ctx)
			p.temporal.Close()
			return err
		}, nil
	})
}

// connectionKey is the key under which connection ids are hashed in search attributes; nil: they are plain.
func (p *platform) connectionKey() []byte {
	if p.conf.Temporal.ConnectionAttribute != "hashed" {
		return nil
	}
	return derived(p.key, "causeway connection attribute")
}

// derived is a key for one purpose that follows from the instance key, so that all processes have the same.
func derived(instanceKey []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, instanceKey)
	_, _ = mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

func (p *platform) pingTemporal(ctx context.Context) error {
	if p.temporal == nil {
		return errors.New("not connected")
	}
	_, err := p.temporal.CheckHealth(ctx, nil)
	return err
}
