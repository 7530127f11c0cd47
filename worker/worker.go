package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

// Kinds of queues that a worker serves.
const (
	QueuesInteractive = "interactive"
	QueuesBackground  = "background"
	QueuesControl     = "control"
)

// RunnerSlot is a place in a runner process for one run at a time.
type RunnerSlot interface {
	// Run runs a script and answers its host calls. ctx ends with a *script.AbortError as cause.
	Run(ctx context.Context, start script.Start, program func() ([]byte, error), run *script.Run, host script.Host) script.Result
	Release()
}

// RunnerPool is the runner processes of this worker, a pool per environment.
type RunnerPool interface {
	TryAcquire(environmentID int64, interactive bool) (RunnerSlot, bool)
}

// Options are the parts that a worker is made of.
type Options struct {
	Client     client.Client
	Store      *storage.Store
	Records    *storage.Records
	Redis      *storage.Redis
	Logs       *storage.Logs
	Blob       *storage.Blob
	Dispatch   *dispatch.Dispatcher
	Host       script.Host
	Runners    RunnerPool
	Paginate   func(provider string) json.RawMessage // the provider's pagination defaults
	EmptyPages int                                   // in a row that a script's cursor may lead through; 0: the default
	Schedules  *activities.Schedules
	Reconcile  *activities.Reconciler
	Cleaner    *activities.Cleaner
	Deploys    *activities.Deploys

	Queues    []string       // kinds of queues; empty: all
	Pools     []string       // worker pools
	Slots     map[string]int // scripts at once by kind
	Lease     time.Duration
	Drain     time.Duration
	TurnLimit time.Duration
	Journal   string // which runs keep one, unless their environment or function says it; empty: none
	Version   string
	Logger    *slog.Logger
}

// Worker runs scripts.
type Worker struct {
	Options
	registry *registry
	lease    *lease
	queues   *queues
	maps     *maps
	base     context.Context // of all scripts
	end      context.CancelFunc
	renewing sync.WaitGroup
	stopped  context.CancelFunc
	grace    time.Duration // stopGrace, but for tests
}

// Start registers the worker, makes the periodic jobs sure, and serves its queues.
func Start(ctx context.Context, o Options) (*Worker, error) {
	w := assemble(ctx, o)
	if err := w.lease.register(ctx); err != nil {
		w.end()
		return nil, err
	}
	if err := w.queues.start(); err != nil {
		w.end()
		return nil, fmt.Errorf("serve the task queues: %w", err)
	}
	w.Dispatch.StopHere(func(runID int64) { w.registry.cancelled([]int64{runID}) })
	w.lease.changed = w.queues.serveSelf // from here on a new id means a new queue
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stopped = stop
	w.renewing.Go(func() { w.lease.run(run) })
	w.renewing.Go(func() { w.keepJobs(run) })
	return w, nil
}

func assemble(ctx context.Context, o Options) *Worker {
	w := &Worker{Options: o, grace: stopGrace}
	w.base, w.end = context.WithCancel(context.WithoutCancel(ctx))
	w.registry = newRegistry(w)
	w.lease = newLease(o.Store, o.Lease, storage.WorkerRow{Version: o.Version, Pools: o.Pools, Slots: o.Slots}, w.registry, o.Logger)
	w.queues = newQueues(w)
	w.maps = newMaps(o.Blob.Get)
	return w
}

// ID is the id under which this process holds runs.
func (w *Worker) ID() string { return w.lease.id() }

func (w *Worker) serves(kind string) bool {
	return len(w.Queues) == 0 || slices.Contains(w.Queues, kind)
}

// keepJobs makes sure of the periodic jobs, now and every minute.
func (w *Worker) keepJobs(ctx context.Context) {
	if !w.serves(QueuesControl) {
		return
	}
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		if err := w.Dispatch.EnsureJobs(ctx); err != nil && ctx.Err() == nil {
			w.Logger.Warn("the periodic jobs could not be made sure of", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Shut shuts the owner of a run that this process doesn't execute out of the records database: a batch in flight is waited for, later ones
// are refused. What the owner has left there stays until the run's row is closed: until then it may be resumed, and needs that.
func Shut(records *storage.Records) func(ctx context.Context, ref causeway.RunRef, fence int64) error {
	return func(ctx context.Context, ref causeway.RunRef, fence int64) error {
		return records.ShutOut(ctx, ref.EnvironmentID, ref.RunID, fence)
	}
}

// Stop drains the worker. The order matters: no script may be under a context of Temporal when its workers stop, or what ran would fail.
//
//  1. It takes no more runs, and its scheduler goes on elsewhere at once.
//  2. Syncs stop at their next call and are handed back; others go on until the drain time ends.
//  3. What still runs is closed as worker_stopped, what does not even stop then is given up.
//  4. The workers of the queues stop, then the lease ends.
func (w *Worker) Stop(ctx context.Context) error {
	var failed []error
	if err := w.Store.DrainWorker(ctx, w.ID()); err != nil {
		failed = append(failed, err)
	}
	w.registry.close()
	w.queues.stopControl()
	w.drain(ctx)
	w.queues.stop()
	w.stopped()
	w.renewing.Wait()
	w.end()
	if err := w.Store.RemoveWorker(ctx, w.ID()); err != nil {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// drain ends the scripts of this process.
func (w *Worker) drain(ctx context.Context) {
	for _, ex := range w.registry.all() {
		if ex.ref.Kind == causeway.RunSync {
			ex.Abort(script.ReasonDrain, "")
		}
	}
	w.await(ctx, w.Drain)
	w.registry.abortAll(script.ReasonDrain, causeway.CodeWorkerStopped)
	w.await(ctx, w.grace)
	w.giveUp(ctx)
}

// stopGrace is how long scripts that were told to stop for good are waited for.
const stopGrace = 8 * time.Second

// await waits until no run is left, for at most d.
func (w *Worker) await(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-w.registry.idle:
	case <-ctx.Done():
	case <-t.C:
	}
}

// giveUp ends the rows of scripts that don't stop. Their runner dies with this process; until then none of their writes is taken.
func (w *Worker) giveUp(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for _, ex := range w.registry.all() {
		ex.Abort(script.ReasonLost, "")
		if ex.ref.Kind == causeway.RunSync {
			if _, err := w.Store.HandBackRun(ctx, ex.ref.EnvironmentID, ex.ref.RunID, ex.fence); err != nil {
				w.Logger.Warn("a sync was not handed back; its lease will end", "run", ex.ref.RunID, "error", err)
			}
			continue
		}
		out := causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeWorkerStopped, Message: "the worker was stopped"}
		closed, err := w.Store.CloseRun(ctx, ex.ref, ex.fence, out, nil)
		if err != nil {
			w.Logger.Warn("a run was not closed; the reconciler will", "run", ex.ref.RunID, "error", err)
			continue
		}
		w.endedElsewhere(ctx, ex.ref, out)
		w.Dispatch.Closed(ctx, ex.ref, closed)
	}
}
