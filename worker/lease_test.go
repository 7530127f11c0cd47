package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

// leases stands for the control plane: it can be away, hang, and declare a worker dead.
type leases struct {
	mu         sync.Mutex
	away       bool
	hangs      bool
	dead       bool
	cancelled  []int64
	registered []string
}

func (l *leases) set(change func(*leases)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *leases) RegisterWorker(_ context.Context, w storage.WorkerRow, _ time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return errors.New("no database")
	}
	l.registered = append(l.registered, w.ID)
	l.dead = false
	return nil
}

func (l *leases) RenewWorker(ctx context.Context, _ string, _ time.Duration) ([]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.hangs:
		l.mu.Unlock()
		<-ctx.Done()
		l.mu.Lock()
		return nil, ctx.Err()
	case l.away:
		return nil, errors.New("no database")
	case l.dead:
		return nil, storage.ErrDeclaredDead
	}
	return l.cancelled, nil
}

// leased is a lease that renews, with one script.
func leased(t *testing.T, db *leases) (l *lease, ctx context.Context) {
	t.Helper()
	w := &Worker{Options: Options{Slots: map[string]int{"sync": 1}}}
	w.registry = newRegistry(w)
	l = newLease(db, 15*time.Second, storage.WorkerRow{}, w.registry, slog.New(slog.DiscardHandler))
	w.lease = l
	require.NoError(t, l.register(t.Context()))
	ctx, cancel := context.WithCancelCause(t.Context())
	w.registry.runs[7] = &execution{ref: causeway.RunRef{RunID: 7, Kind: causeway.RunSync}, cancel: cancel, done: make(chan struct{})}
	run, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go l.run(run)
	return l, ctx
}

func whyAborted(ctx context.Context) script.Reason {
	var abort *script.AbortError
	if errors.As(context.Cause(ctx), &abort) {
		return abort.Reason
	}
	return ""
}

func TestALeaseThatIsRenewedLetsScriptsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ctx := leased(t, &leases{})
		time.Sleep(10 * time.Minute) // of the bubble's clock
		require.NoError(t, ctx.Err())
	})
}

func TestARenewalBringsCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &leases{}
		_, ctx := leased(t, db)
		began := time.Now()
		db.set(func(l *leases) { l.cancelled = []int64{3, 7} })
		<-ctx.Done()
		assert.Equal(t, script.ReasonCancelled, whyAborted(ctx))
		assert.LessOrEqual(t, time.Since(began), renewEvery)
	})
}

// The lease is over after 15 s; whoever takes the run over then must be alone with it.
func TestScriptsStopTenSecondsAfterTheLastGoodRenewal(t *testing.T) {
	for name, fault := range map[string]func(*leases){
		"the database refuses": func(l *leases) { l.away = true },
		"the database hangs":   func(l *leases) { l.hangs = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &leases{}
				_, ctx := leased(t, db)
				time.Sleep(9*time.Second + time.Millisecond)
				last := time.Now() // a renewal has just been sent
				db.set(fault)
				<-ctx.Done()
				assert.Equal(t, script.ReasonLost, whyAborted(ctx))
				assert.InDelta(t, 10, time.Since(last).Seconds(), 2.1)
				assert.Less(t, time.Since(last), 15*time.Second)
			})
		})
	}
}

func TestAShortOutageStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &leases{}
		_, ctx := leased(t, db)
		db.set(func(l *leases) { l.away = true })
		time.Sleep(8 * time.Second)
		db.set(func(l *leases) { l.away = false })
		time.Sleep(time.Minute)
		require.NoError(t, ctx.Err())
	})
}

func TestAWorkerThatWasDeclaredDeadRegistersAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &leases{}
		l, ctx := leased(t, db)
		first := l.id()
		queues := make(chan string, 1)
		l.changed = func(id string) { queues <- id }
		db.set(func(l *leases) { l.dead = true })
		<-ctx.Done()
		assert.Equal(t, script.ReasonLost, whyAborted(ctx))
		assert.Equal(t, l.id(), <-queues)
		assert.NotEqual(t, first, l.id())

		// A claim that was made under the old id comes back late: it stops nothing of the new one's.
		later, cancel := context.WithCancelCause(t.Context())
		l.registry.mu.Lock()
		l.registry.runs[8] = &execution{ref: causeway.RunRef{RunID: 8}, cancel: cancel, done: make(chan struct{})}
		l.registry.mu.Unlock()
		l.lost(first)
		time.Sleep(time.Minute)
		require.NoError(t, later.Err())
		assert.Len(t, db.registered, 2)
	})
}

func TestRegisteringAnewIsTriedUntilTheDatabaseIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &leases{}
		l, _ := leased(t, db)
		first := l.id()
		db.set(func(l *leases) { l.dead, l.away = true, true })
		l.lost(first)
		time.Sleep(20 * time.Second)
		assert.Equal(t, first, l.id())
		db.set(func(l *leases) { l.away = false })
		time.Sleep(renewEvery + time.Millisecond)
		assert.NotEqual(t, first, l.id())
	})
}
