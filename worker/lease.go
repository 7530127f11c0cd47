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
	store    leaseStore
	length   time.Duration
	row      storage.WorkerRow
	registry *registry
	log      *slog.Logger
	changed  func(id string) // a new id: the queue of this process has a new name

	mu     sync.Mutex
	worker string
	sent   time.Time   // when the last good renewal was sent (monotonic)
	dead   chan string // ids under which a claim found this process declared dead
}

// leaseStore is what a lease needs of the control plane.
type leaseStore interface {
	RegisterWorker(ctx context.Context, w storage.WorkerRow, lease time.Duration) error
	RenewWorker(ctx context.Context, id string, lease time.Duration) (cancelled []int64, err error)
}

func newLease(store leaseStore, length time.Duration, row storage.WorkerRow, r *registry, log *slog.Logger) *lease {
	return &lease{store: store, length: length, row: row, registry: r, log: log, dead: make(chan string, 1)}
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

// lost says that a claim under this id found this process declared dead.
func (l *lease) lost(id string) {
	select {
	case l.dead <- id:
	default:
	}
}

// run renews until ctx ends.
func (l *lease) run(ctx context.Context) {
	t := time.NewTicker(renewEvery)
	defer t.Stop()
	dead := false
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-l.dead:
			if id != l.id() { // that is behind us
				continue
			}
			dead = true
		case <-t.C:
		}
		if dead {
			dead = !l.again(ctx)
		} else {
			dead = !l.renew(ctx)
		}
	}
}

// renew renews the lease. false: this process was declared dead, and could not register anew yet.
func (l *lease) renew(ctx context.Context) bool {
	within := renewWithin
	if left := l.left(); left > 0 {
		within = min(within, left) // when it isn't answered by then, the scripts have to stop
	}
	limited, cancel := context.WithTimeout(ctx, within)
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
		return l.again(ctx)
	case ctx.Err() != nil:
	default:
		left := l.left()
		l.log.Warn("the lease could not be renewed", "left_ms", left.Milliseconds(), "error", err)
		if left <= 0 {
			// Nobody else may run beside us: stop before the lease can be over.
			l.registry.abortAll(script.ReasonLost, "")
		}
	}
	return true
}

// left is how long scripts may still run without a renewal.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.length - safety - time.Since(l.sent)
}

// again aborts everything and registers under a new id. false: that has to be tried again.
func (l *lease) again(ctx context.Context) bool {
	l.log.Error("this worker was declared dead: all its scripts are stopped, and it registers anew", "worker", l.id())
	l.registry.abortAll(script.ReasonLost, "")
	limited, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	if err := l.register(limited); err != nil {
		l.log.Error("the worker could not register", "error", err)
		return false
	}
	return true
}
