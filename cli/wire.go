package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	temporal "go.temporal.io/sdk/client"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/config"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/proxy"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/worker"
)

// platform is the parts of this process, wired by the up… methods in the order in which they need each other. causeway dev, server and
// worker are made of the same ones: they differ in which they start, and in where the servers are.
type platform struct {
	conf    *config.Loaded
	log     *slog.Logger
	steps   *steps
	health  *health
	metrics *prometheus.Registry

	baseURLs   map[string]string // of providers that run beside us
	exceptions []netip.AddrPort  // and their addresses, which the egress policy lets through

	key      []byte // the instance key
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

func newPlatform(conf *config.Loaded, log *slog.Logger) platform {
	p := platform{conf: conf, log: log, steps: &steps{log: log}, health: &health{}, metrics: prometheus.NewRegistry()}
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return p
}

// startWithin is the deadline of a part that only has to connect.
const startWithin = 30 * time.Second

// inOrder starts parts one after the other.
func inOrder(ctx context.Context, ups ...func(context.Context) error) error {
	for _, up := range ups {
		if err := up(ctx); err != nil {
			return err
		}
	}
	return nil
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

// upStorage opens the databases, Redis and the blob store.
func (p *platform) upStorage(ctx context.Context) error {
	return inOrder(ctx, p.upControl, p.upRecords, p.upLogs, p.upRedis, p.upBlob)
}

// upSchema refuses databases that nobody has migrated.
func (p *platform) upSchema(ctx context.Context) error {
	return p.steps.up(ctx, "database", startWithin, func(ctx context.Context) (func(context.Context) error, error) {
		return nil, migrated(ctx, p.conf)
	})
}

func (p *platform) upControl(ctx context.Context) error {
	var err error
	if p.key, err = storage.ParseKey(p.conf.Encryption.Key); err != nil {
		return err
	}
	return p.steps.up(ctx, "control plane", startWithin, func(ctx context.Context) (func(context.Context) error, error) {
		p.store, err = storage.Open(ctx, storage.Options{
			URL: p.conf.Database.URL, DirectURL: directURL(p.conf), MaxConns: p.conf.Database.MaxConns, ExecMode: p.conf.Database.ExecMode,
			Key: p.key, ScheduleGroups: p.conf.Scheduler.Groups, Logger: p.log,
		})
		if err != nil {
			return nil, err
		}
		dealt, err := p.store.DealGroups(ctx)
		if err != nil {
			p.store.Close()
			return nil, err
		}
		if dealt {
			p.log.Info("the environments were dealt to the scheduler groups", "groups", p.conf.Scheduler.Groups)
		}
		return func(context.Context) error { p.store.Close(); return nil }, nil
	})
}

func (p *platform) upRecords(ctx context.Context) error {
	return p.steps.up(ctx, "records", startWithin, func(ctx context.Context) (func(context.Context) error, error) {
		var err error
		p.records, err = storage.OpenRecords(ctx, storage.RecordsOptions{
			URL: recordsURL(p.conf), ExecMode: p.conf.Database.ExecMode, Keys: p.store.Keys(),
			CompressFrom: p.conf.Records.CompressFrom, History: p.conf.Records.HistoryDays > 0,
		})
		if err != nil {
			return nil, err
		}
		if err := p.records.MaintainPartitions(ctx, p.conf.Records.ChangeDays, p.conf.Records.HistoryDays); err != nil {
			p.records.Close()
			return nil, err
		}
		return func(context.Context) error { p.records.Close(); return nil }, nil
	})
}

func (p *platform) upLogs(ctx context.Context) error {
	return p.steps.up(ctx, "logs", startWithin, func(ctx context.Context) (func(context.Context) error, error) {
		var err error
		p.logs, err = storage.OpenLogs(ctx, storage.LogsOptions{
			URL: directURL(p.conf), Enabled: p.conf.Logs.Enabled, Search: p.conf.Logs.Search, Logger: p.log,
			OpenSearch: storage.OpenSearchOptions{URL: p.conf.OpenSearch.URL, Prefix: p.conf.OpenSearch.Prefix, Replicas: p.conf.OpenSearch.Replicas},
		})
		if err != nil {
			return nil, err
		}
		p.metric("causeway_logs_lost_total", "Operations and messages that could not be stored.", func() float64 { return float64(p.logs.Dropped()) })
		// OpenSearch is not asked for anything: it may be away.
		if err := p.store.MaintainPartitions(ctx, p.conf.Logs.Retention); err != nil {
			p.logs.Close()
			return nil, err
		}
		return func(context.Context) error { p.logs.Close(); return nil }, nil
	})
}

func (p *platform) upRedis(ctx context.Context) error {
	return p.steps.up(ctx, "Redis", startWithin, func(ctx context.Context) (func(context.Context) error, error) {
		var err error
		if p.redis, err = storage.OpenRedis(ctx, p.conf.Redis.URL, p.conf.Redis.PasswordFile); err != nil {
			return nil, err
		}
		return func(context.Context) error { return p.redis.Close() }, nil
	})
}

func (p *platform) upBlob(ctx context.Context) error {
	return p.steps.up(ctx, "blob store", startWithin, func(ctx context.Context) (func(context.Context) error, error) {
		var err error
		if p.blob, err = storage.OpenBlob(ctx, p.conf.Blob.URL, p.store.Keys()); err != nil {
			return nil, err
		}
		p.store.UseBlob(p.blob)
		return func(context.Context) error { return p.blob.Close() }, nil
	})
}

// laneCaps are the caps of new environments.
func laneCaps(conf *config.Loaded) storage.LaneCaps {
	l, caps := conf.Limits, storage.DefaultLaneCaps()
	caps[causeway.LaneSync], caps[causeway.LaneAction] = l.SyncConcurrency, l.ActionConcurrency
	caps[causeway.LaneWebhook], caps[causeway.LaneEvent] = l.WebhookConcurrency, l.EventConcurrency
	return caps
}

// metric registers a number that is read when somebody asks for the metrics.
func (p *platform) metric(name, help string, read func() float64) {
	p.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// watching runs f in the background until the returned stop is called, which waits for its end.
func watching(ctx context.Context, f func(context.Context)) (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	return func(limit context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-limit.Done():
			return fmt.Errorf("it goes on: %w", context.Cause(limit))
		}
	}
}
