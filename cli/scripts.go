package cli

import (
	"context"
	"encoding/json"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/host"
	"github.com/causeway-dev/causeway/script/realm"
	"github.com/causeway-dev/causeway/worker"
)

// upWorker starts the runner pools and the worker.
func (p *platform) upWorker(ctx context.Context) error {
	if !realm.Patched() {
		p.log.Warn("this program was built with the plain script engine: a hostile script may take the other scripts of its process along; build with ./task build")
	}
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
	counted := activities.NewRepairs()
	p.metrics.MustRegister(counted)
	remains := &worker.Remains{Store: p.store, Records: p.records, Redis: p.redis, Logs: p.logs, Logger: p.log}
	// Its stop may take as long as the drain.
	return p.steps.up(ctx, "worker", time.Minute+p.conf.Worker.Drain, func(context.Context) (func(context.Context) error, error) {
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
			EmptyPages: p.conf.Proxy.EmptyPages,
			Schedules:  &activities.Schedules{Store: p.store, Dispatch: p.dispatch, Tick: p.conf.Scheduler.Tick, Logger: p.log},
			Reconcile: &activities.Reconciler{
				Store: p.store, Dispatch: p.dispatch, Shut: worker.Shut(p.records), Ended: remains.Clear, Remains: remains.Find, Repairs: counted, Logger: p.log,
			},
			Cleaner: &activities.Cleaner{Parts: p.cleanParts()},
			Deploys: &activities.Deploys{
				Store: p.store, Bundles: p.blob, Compiler: pools, Dispatch: p.dispatch, Stop: p.dispatch.Stop, Notify: p.dispatch.Ended, Logger: p.log,
			},
			Queues: w.Queues, Pools: w.Pools, Lease: w.Lease, Drain: w.Drain, TurnLimit: p.conf.Scripts.TurnLimit, Journal: p.conf.Scripts.Journal, Version: build, Logger: p.log,
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
		{Name: "partitions of the control plane", Do: func(ctx context.Context) error {
			return p.store.MaintainPartitions(ctx, p.conf.Logs.Retention)
		}},
		{Name: "journals", Do: func(ctx context.Context) error {
			return p.blob.DropJournals(ctx, time.Now().Add(-p.conf.Scripts.JournalRetention))
		}},
		{Name: "idempotency keys", Do: func(ctx context.Context) error { return untilFew(ctx, batch, p.store.PruneRunKeys) }},
	}
	if p.logs.Enabled() {
		parts = append(parts, activities.CleanPart{Name: "days of logs", Do: func(ctx context.Context) error {
			return p.logs.MaintainPartitions(ctx, p.conf.Logs.Retention)
		}}, activities.CleanPart{Name: "operations whose time is over", Do: func(ctx context.Context) error {
			_, err := p.logs.ExpireOperations(ctx)
			return err
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
	if p.conf.Records.DeleteAfter > 0 {
		parts = append(parts, activities.CleanPart{Name: "models that nothing writes", Do: p.deleteStale})
	}
	return parts
}

// deleteStale deletes the records of models that haven't changed for long and that no sync writes any more.
func (p *platform) deleteStale(ctx context.Context) error {
	const many = 10_000
	age := p.conf.Records.DeleteAfter
	models, err := p.records.StaleModels(ctx, age, many)
	if err != nil {
		return err
	}
	for _, m := range models {
		writes, err := p.store.WritesModel(ctx, m.EnvironmentID, m.ConnectionID, m.Model, age)
		if err != nil {
			return err
		}
		if writes {
			continue
		}
		if _, err := p.records.EmptyModel(ctx, m.EnvironmentID, 0, m.ConnectionID, m.Model); err != nil {
			return err
		}
	}
	return nil
}

// untilFew repeats a bounded piece of work until it finds less than its bound.
func untilFew(ctx context.Context, limit int, f func(context.Context, int) (int64, error)) error {
	for {
		if n, err := f(ctx, limit); err != nil || n < int64(limit) {
			return err
		}
	}
}
