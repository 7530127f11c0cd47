package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	temporal "go.temporal.io/sdk/client"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/api"
	"github.com/causeway-dev/causeway/config"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/host"
	"github.com/causeway-dev/causeway/migrations"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/proxy"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/worker"
)

// platform is the parts of this process, wired by the up… methods in the order in which they need each other.
type platform struct {
	conf  *config.Loaded
	log   *slog.Logger
	steps *steps

	baseURLs   map[string]string // of providers that run beside us
	exceptions []netip.AddrPort  // and their addresses, which the egress policy lets through

	store    *storage.Store
	records  *storage.Records
	logs     *storage.Logs
	redis    *storage.Redis
	blob     *storage.Blob
	temporal temporal.Client
	dispatch *dispatch.Dispatcher
	catalog  *providers.Catalog
	egress   *egress.Client
	calls    *proxy.Proxy
	worker   *worker.Worker
}

// recordsURL is the database that records live in.
func recordsURL(conf *config.Loaded) string {
	if conf.Records.URL != "" {
		return conf.Records.URL
	}
	return conf.Database.URL
}

// directURL is the control plane past a pooler.
func directURL(conf *config.Loaded) string {
	if conf.Database.DirectURL != "" {
		return conf.Database.DirectURL
	}
	return conf.Database.URL
}

// migrate brings both databases to this program's version, and says how many files that took.
func migrate(ctx context.Context, conf *config.Loaded) (int, error) {
	control, err := migrateOne(ctx, storage.OpenMigrator, directURL(conf), migrations.Control)
	if err != nil {
		return control, err
	}
	records, err := migrateOne(ctx, storage.OpenRecordsMigrator, recordsURL(conf), migrations.Records())
	return control + records, err
}

func migrateOne(
	ctx context.Context, open func(context.Context, string, fs.FS) (*storage.Migrator, error), url string, files fs.FS,
) (int, error) {
	m, err := open(ctx, url, files)
	if err != nil {
		return 0, err
	}
	defer func() { _ = m.Close() }()
	return m.Up(ctx)
}

// upStorage opens the databases, Redis and the blob store.
func (p *platform) upStorage(ctx context.Context) error {
	key, err := storage.ParseKey(p.conf.Encryption.Key)
	if err != nil {
		return fmt.Errorf("encryption.key: %w", err)
	}
	if err := p.steps.up(ctx, "control plane", 30*time.Second, func(context.Context) (func(context.Context) error, error) {
		p.store, err = storage.Open(ctx, storage.Options{
			URL: p.conf.Database.URL, DirectURL: directURL(p.conf), MaxConns: p.conf.Database.MaxConns, ExecMode: p.conf.Database.ExecMode,
			Key: key, ScheduleGroups: p.conf.Scheduler.Groups, Logger: p.log,
		})
		if err != nil {
			return nil, err
		}
		return func(context.Context) error { p.store.Close(); return nil }, nil
	}); err != nil {
		return err
	}
	if err := p.steps.up(ctx, "records", 30*time.Second, func(context.Context) (func(context.Context) error, error) {
		p.records, err = storage.OpenRecords(ctx, storage.RecordsOptions{
			URL: recordsURL(p.conf), ExecMode: p.conf.Database.ExecMode, Keys: p.store.Keys(),
			CompressFrom: p.conf.Records.CompressFrom, History: p.conf.Records.HistoryDays > 0,
		})
		if err != nil {
			return nil, err
		}
		return func(context.Context) error { p.records.Close(); return nil }, p.records.MaintainPartitions(ctx, p.conf.Records.ChangeDays, p.conf.Records.HistoryDays)
	}); err != nil {
		return err
	}
	if err := p.steps.up(ctx, "logs", 30*time.Second, func(context.Context) (func(context.Context) error, error) {
		p.logs, err = storage.OpenLogs(ctx, storage.LogsOptions{
			URL: directURL(p.conf), Enabled: p.conf.Logs.Enabled, Search: p.conf.Logs.Search, Logger: p.log,
		})
		if err != nil {
			return nil, err
		}
		if p.logs.Enabled() {
			err = p.logs.MaintainPartitions(ctx, p.conf.Logs.Retention)
		}
		return func(context.Context) error { p.logs.Close(); return nil }, err
	}); err != nil {
		return err
	}
	if err := p.steps.up(ctx, "Redis", 30*time.Second, func(context.Context) (func(context.Context) error, error) {
		p.redis, err = storage.OpenRedis(ctx, p.conf.Redis.URL, p.conf.Redis.PasswordFile)
		if err != nil {
			return nil, err
		}
		return func(context.Context) error { return p.redis.Close() }, nil
	}); err != nil {
		return err
	}
	return p.steps.up(ctx, "blob store", 30*time.Second, func(context.Context) (func(context.Context) error, error) {
		p.blob, err = storage.OpenBlob(ctx, p.conf.Blob.URL, p.store.Keys())
		if err != nil {
			return nil, err
		}
		p.store.UseBlob(p.blob)
		return func(context.Context) error { return p.blob.Close() }, nil
	})
}

// upDispatch connects to Temporal, with the one client of this process.
func (p *platform) upDispatch(ctx context.Context) error {
	return p.steps.up(ctx, "connection to Temporal", time.Minute, func(context.Context) (func(context.Context) error, error) {
		t := p.conf.Temporal
		o := dispatch.ClientOptions{Address: t.Address, Namespace: t.Namespace, APIKey: t.APIKey, Keys: p.store.Keys(), Logger: p.log}
		var err error
		if t.TLS.Enabled || t.TLS.CertFile != "" || t.APIKey != "" {
			if o.TLS, err = dispatch.LoadTLS(t.TLS.CertFile, t.TLS.KeyFile, t.TLS.CAFile, t.TLS.ServerName); err != nil {
				return nil, err
			}
		}
		if p.temporal, err = dispatch.NewClient(ctx, o); err != nil {
			return nil, err
		}
		p.dispatch = dispatch.New(dispatch.Options{Client: p.temporal, Store: p.store, Redis: p.redis, Logger: p.log, Logs: p.logs})
		hearing, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.dispatch.Hear(hearing)
		}()
		return func(context.Context) error {
			stop()
			<-done
			p.temporal.Close()
			return nil
		}, nil
	})
}

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

// upWorker starts the runner pools and the worker.
func (p *platform) upWorker(ctx context.Context) error {
	var pools *worker.Pools
	if err := p.steps.up(ctx, "runners", 30*time.Second, func(context.Context) (func(context.Context) error, error) {
		r := p.conf.Runners
		spares := r.Spares
		if spares == 0 {
			spares = -1
		}
		var err error
		pools, err = worker.NewPools(worker.PoolOptions{ //nolint:contextcheck // the pools outlive the start
			Isolation: r.Isolation, Memory: int64(r.Memory) << 20, Runs: r.Runs, Spares: spares, UID: r.UID, Logger: p.log,
		})
		if err != nil {
			return nil, err
		}
		return pools.Close, nil
	}); err != nil {
		return err
	}
	return p.steps.up(ctx, "worker", time.Minute, func(context.Context) (func(context.Context) error, error) {
		w := p.conf.Worker
		var err error
		p.worker, err = worker.Start(ctx, worker.Options{
			Client: p.temporal, Store: p.store, Records: p.records, Redis: p.redis, Logs: p.logs, Blob: p.blob, Dispatch: p.dispatch,
			Runners: pools,
			Host: &host.Host{
				Store: p.store, Records: p.records, Redis: p.redis, Logs: p.logs, Runs: p.dispatch, Catalog: p.catalog, Calls: p.calls,
				Egress: p.egress, Logger: p.log, ResponseBytes: p.conf.Limits.ResponseBytes, PublicURL: p.conf.Server.PublicURL,
			},
			Paginate: func(name string) json.RawMessage {
				if provider, ok := p.catalog.Provider(name); ok {
					return provider.Proxy.Paginate
				}
				return nil
			},
			Schedules: &activities.Schedules{Store: p.store, Dispatch: p.dispatch, Tick: p.conf.Scheduler.Tick, Logger: p.log},
			Reconcile: &activities.Reconciler{
				Store: p.store, Dispatch: p.dispatch, Shut: worker.Shut(p.records), Ended: worker.EndOperation(p.store, p.logs), Logger: p.log,
			},
			Cleaner: &activities.Cleaner{Parts: p.cleanParts()},
			Deploys: &activities.Deploys{
				Store: p.store, Bundles: p.blob, Compiler: pools, Dispatch: p.dispatch, Stop: p.dispatch.Stop, Notify: p.dispatch.Ended, Logger: p.log,
			},
			Queues: w.Queues, Pools: w.Pools, Lease: w.Lease, Drain: w.Drain, TurnLimit: p.conf.Scripts.TurnLimit, Version: build, Logger: p.log,
			Slots: map[string]int{
				string(causeway.RunSync): w.Slots.Sync, string(causeway.RunAction): w.Slots.Action,
				string(causeway.RunWebhook): w.Slots.Webhook, string(causeway.RunEvent): w.Slots.Event,
			},
		})
		if err != nil {
			return nil, err
		}
		return p.worker.Stop, nil
	})
}

// cleanParts is what the hourly cleanup does.
func (p *platform) cleanParts() []activities.CleanPart {
	const batch = 10_000
	parts := []activities.CleanPart{
		{Name: "partitions of records", Do: func(ctx context.Context) error {
			return p.records.MaintainPartitions(ctx, p.conf.Records.ChangeDays, p.conf.Records.HistoryDays)
		}},
		{Name: "idempotency keys", Do: func(ctx context.Context) error { return untilFew(ctx, batch, p.store.PruneRunKeys) }},
	}
	if p.logs.Enabled() {
		parts = append(parts, activities.CleanPart{Name: "partitions of logs", Do: func(ctx context.Context) error {
			return p.logs.MaintainPartitions(ctx, p.conf.Logs.Retention)
		}})
	}
	if age := p.conf.Records.PruneAfter; age > 0 {
		parts = append(parts, activities.CleanPart{Name: "payloads of unchanged records", Do: func(ctx context.Context) error {
			return untilFew(ctx, batch, func(ctx context.Context, limit int) (int64, error) {
				n, err := p.records.PruneAged(ctx, age, limit)
				return int64(n), err
			})
		}})
	}
	return parts
}

// untilFew repeats a bounded piece of work until it finds less than its bound.
func untilFew(ctx context.Context, limit int, f func(context.Context, int) (int64, error)) error {
	for {
		if n, err := f(ctx, limit); err != nil || n < int64(limit) {
			return err
		}
	}
}

// newAPI makes the public interface.
func (p *platform) newAPI(appsOptional bool) *api.Server {
	return api.New(api.Deps{
		Store: p.store, Records: p.records, Logs: p.logs, Blob: p.blob, Dispatch: p.dispatch, Proxy: p.calls, Catalog: p.catalog,
		AppsOptional: appsOptional, PublicURL: strings.TrimSuffix(p.conf.Server.PublicURL, "/"), Logger: p.log,
	})
}

// laneCaps are the caps of new environments.
func laneCaps(conf *config.Loaded) storage.LaneCaps {
	l, caps := conf.Limits, storage.DefaultLaneCaps()
	caps[causeway.LaneSync], caps[causeway.LaneAction] = l.SyncConcurrency, l.ActionConcurrency
	caps[causeway.LaneWebhook], caps[causeway.LaneEvent] = l.WebhookConcurrency, l.EventConcurrency
	return caps
}
