package worker

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

const (
	renewEvery  = 3 * time.Second
	renewWithin = 3 * time.Second
	// safety is how long before its lease may be over a process stops its scripts itself.
	safety = 5 * time.Second
)

// lease is this process's word that it lives. It is renewed every three seconds; nobody takes the process's runs while it holds.
type lease struct {
	store    *storage.Store
	length   time.Duration
	row      storage.WorkerRow
	registry *registry
	log      *slog.Logger
	changed  func(id string) // a new id: the queue of this process has a new name

	mu     sync.Mutex
	worker string
	sent   time.Time // when the last good renewal was sent (monotonic)
	dead   chan struct{}
}

func newLease(store *storage.Store, length time.Duration, row storage.WorkerRow, r *registry, log *slog.Logger) *lease {
	return &lease{store: store, length: length, row: row, registry: r, log: log, dead: make(chan struct{}, 1)}
}

func (l *lease) id() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.worker
}

// register takes a new id. A process that was declared dead must not own its predecessor's runs.
func (l *lease) register(ctx context.Context) error {
	row := l.row
	row.ID = uuid.NewString()
	if host, err := os.Hostname(); err == nil {
		row.Host = host
	}
	sent := time.Now()
	if err := l.store.RegisterWorker(ctx, row, l.length); err != nil {
		return err
	}
	l.mu.Lock()
	l.worker, l.sent = row.ID, sent
	l.mu.Unlock()
	if l.changed != nil {
		l.changed(row.ID)
	}
	return nil
}

// lost says that a claim found this process declared dead.
func (l *lease) lost() {
	select {
	case l.dead <- struct{}{}:
	default:
	}
}

// run renews until ctx ends.
func (l *lease) run(ctx context.Context) {
	t := time.NewTicker(renewEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.dead:
			l.again(ctx)
		case <-t.C:
			l.renew(ctx)
		}
	}
}

func (l *lease) renew(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	sent := time.Now()
	cancelled, err := l.store.RenewWorker(limited, l.id(), l.length)
	switch {
	case err == nil:
		l.mu.Lock()
		l.sent = sent
		l.mu.Unlock()
		l.registry.cancelled(cancelled)
	case errors.Is(err, storage.ErrDeclaredDead):
		l.again(ctx)
	case ctx.Err() != nil:
	default:
		l.mu.Lock()
		age := time.Since(l.sent)
		l.mu.Unlock()
		l.log.Warn("the lease could not be renewed", "age_ms", age.Milliseconds(), "error", err)
		if age > l.length-safety {
			// Nobody else may run beside us: stop before the lease can be over.
			l.registry.abortAll(script.ReasonLost, "")
		}
	}
}

// again aborts everything and registers under a new id.
func (l *lease) again(ctx context.Context) {
	l.log.Error("this worker was declared dead: all its scripts are stopped, and it registers anew", "worker", l.id())
	l.registry.abortAll(script.ReasonLost, "")
	if err := l.register(ctx); err != nil {
		l.log.Error("the worker could not register", "error", err)
		l.lost() // at the next turn again
	}
}
