package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/storage"
)

// Reconcile is the activity that makes rows and executions agree, whatever was lost.
const Reconcile = "Reconcile"

const (
	bellAge      = 15 * time.Second // an admitted run that waits for longer is started again
	lookAge      = 60 * time.Second // a run that takes longer is looked up in Temporal now and then
	looks        = 50               // how many of those in a pass
	deployAge    = 60 * time.Second
	closesAtOnce = 8
)

// ReconcileStore finds what was lost.
type ReconcileStore interface {
	DeclareDead(ctx context.Context) (int64, error)
	OverdueRuns(ctx context.Context) ([]storage.Over, error)
	RunsToRing(ctx context.Context, age time.Duration) ([]causeway.RunRef, error)
	LongRuns(ctx context.Context, age time.Duration, limit int) ([]causeway.RunRef, error)
	Owner(ctx context.Context, environmentID, runID int64) (storage.Ownership, error)
	CancelRun(ctx context.Context, environmentID, runID int64, by string) (storage.Cancelling, error)
	LanesWithRoom(ctx context.Context) ([]storage.LaneRef, error)
	RequestedSyncs(ctx context.Context) ([]storage.SyncRef, error)
	OpenRequested(ctx context.Context, environmentID, syncID int64) (*causeway.RunRef, error)
	LateGroups(ctx context.Context) ([]int, error)
	RecountLanes(ctx context.Context) (int, error)
	UnfinishedDeploys(ctx context.Context, age time.Duration) (map[uuid.UUID]int64, error)
	CloseRun(ctx context.Context, ref causeway.RunRef, fence int64, out causeway.Outcome, openedAt *time.Time) (storage.Closed, error)
	CloseWaitingRun(ctx context.Context, ref causeway.RunRef, fence int64, out causeway.Outcome) (storage.Closed, error)
}

// ReconcileDispatch starts and rings (package dispatch).
type ReconcileDispatch interface {
	Starter
	Follower
	Restart(ctx context.Context, ref causeway.RunRef) (dispatch.Execution, error)
	Execution(ctx context.Context, ref causeway.RunRef) (dispatch.Execution, error)
	AdmitWaiting(ctx context.Context, environmentID int64, lane causeway.Lane) error
	Ring(ctx context.Context, group int) error
	StartDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) error
	CancelRun(ctx context.Context, ref causeway.RunRef)
}

// Reconciler makes rows and executions agree. Each step is safe to repeat and to run in two places at once.
type Reconciler struct {
	Store    ReconcileStore
	Dispatch ReconcileDispatch
	Shut     func(ctx context.Context, ref causeway.RunRef, fence int64) error
	Ended    func(ctx context.Context, ref causeway.RunRef, out causeway.Outcome)
	Remains  func(ctx context.Context) (int, error) // clears up after runs whose closers died before they did; nil: nobody does
	Repairs  *prometheus.CounterVec                 // by step; nil: not counted
	Logger   *slog.Logger
}

// NewRepairs makes the counter of repairs. A steady rate of any step but "over" is a bug.
func NewRepairs() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "causeway_reconciled_total", Help: "Repairs by the reconciler, by step."}, []string{"step"})
}

// Reconcile takes every step. One that fails doesn't keep the others from being taken.
func (r *Reconciler) Reconcile(ctx context.Context) error {
	var failed []error
	for _, step := range []struct {
		name string
		do   func(context.Context) (int, error)
	}{
		{"dead", r.dead}, {"over", r.over}, {"bell", r.bell}, {"room", r.room}, {"asked", r.asked}, {"schedule", r.schedule}, {"recount", r.Store.RecountLanes}, {"deploy", r.deploys}, {"workflow", r.workflows}, {"remains", r.Remains},
	} {
		if step.do == nil {
			continue
		}
		n, err := step.do(ctx)
		if n > 0 {
			if r.Repairs != nil {
				r.Repairs.WithLabelValues(step.name).Add(float64(n))
			}
			r.Logger.Info("reconciled", "step", step.name, "repairs", n)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", step.name, err))
		}
	}
	return errors.Join(failed...)
}

func (r *Reconciler) dead(ctx context.Context) (int, error) {
	n, err := r.Store.DeclareDead(ctx)
	return int(n), err
}

func (r *Reconciler) over(ctx context.Context) (int, error) {
	all, err := r.Store.OverdueRuns(ctx)
	if err != nil {
		return 0, err
	}
	var g errgroup.Group
	g.SetLimit(closesAtOnce)
	for _, o := range all {
		g.Go(func() error { return r.end(ctx, o) })
	}
	return len(all), g.Wait()
}

func (r *Reconciler) end(ctx context.Context, o storage.Over) error {
	if err := r.Shut(ctx, o.Ref, o.Fence); err != nil {
		return err
	}
	if !o.Waiting {
		r.Dispatch.CancelRun(ctx, o.Ref) // its execution waits for an owner that is dead
	} // one that waits to be claimed must not be told before its row is closed: it would close that itself, as cancelled
	var (
		closed storage.Closed
		err    error
	)
	if o.Waiting {
		closed, err = r.Store.CloseWaitingRun(ctx, o.Ref, o.Fence, o.Outcome)
	} else {
		closed, err = r.Store.CloseRun(ctx, o.Ref, o.Fence, o.Outcome, nil)
	}
	if errors.Is(err, storage.ErrStale) {
		return nil
	}
	if err != nil {
		return err
	}
	r.Ended(ctx, o.Ref, o.Outcome)
	r.Dispatch.Closed(ctx, o.Ref, closed)
	return nil
}

// bell starts the workflows again that should go on. One that was ended by hand ends its run.
func (r *Reconciler) bell(ctx context.Context) (int, error) {
	all, err := r.Store.RunsToRing(ctx, bellAge)
	repaired := 0
	for _, ref := range all {
		execution, err := r.Dispatch.Restart(ctx, ref)
		if err != nil {
			return repaired, err
		}
		switch execution {
		case dispatch.ExecutionTerminated:
			err = r.orphan(ctx, ref, causeway.Outcome{State: causeway.RunCancelled, Code: causeway.CodeTerminated, Message: "its workflow was ended by hand"})
		case dispatch.ExecutionCancelled:
			err = r.orphan(ctx, ref, causeway.Outcome{State: causeway.RunCancelled, Code: causeway.CodeScriptAborted, Message: "cancelled"})
		case dispatch.ExecutionClosed:
			err = r.orphan(ctx, ref, causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeOutcomeUnknown, Message: "its workflow ended before it"})
		case dispatch.ExecutionMissing: // it was started just now
		case dispatch.ExecutionOpen: // it waits for a worker
			continue
		}
		if err != nil {
			return repaired, err
		}
		repaired++
	}
	return repaired, err
}

// orphan ends a run whose workflow has ended, if it still is as it was: waiting for that execution, or without a live owner.
func (r *Reconciler) orphan(ctx context.Context, ref causeway.RunRef, out causeway.Outcome) error {
	owner, err := r.Store.Owner(ctx, ref.EnvironmentID, ref.RunID)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	waiting := owner.State == causeway.RunWaiting
	if waiting && ref.Attempt > 0 && owner.Attempt >= ref.Attempt || !waiting && owner.Alive {
		return nil
	}
	return r.end(ctx, storage.Over{Ref: ref, Waiting: waiting, Fence: owner.Fence, Outcome: out})
}

// workflows looks up runs that take long. One whose workflow was ended by hand is to stop: its owner hears of that with its next renewal.
func (r *Reconciler) workflows(ctx context.Context) (int, error) {
	all, err := r.Store.LongRuns(ctx, lookAge, looks)
	stopped := 0
	for _, ref := range all {
		execution, err := r.Dispatch.Execution(ctx, ref)
		if errors.Is(err, causeway.ErrNotFound) {
			continue
		}
		if err != nil {
			return stopped, err
		}
		if execution == dispatch.ExecutionOpen || execution == dispatch.ExecutionMissing {
			continue // missing: the namespace was lost; the script goes on
		}
		if _, err := r.Store.CancelRun(ctx, ref.EnvironmentID, ref.RunID, "temporal"); err != nil && !errors.Is(err, causeway.ErrNotFound) {
			return stopped, err
		}
		stopped++
	}
	return stopped, err
}

func (r *Reconciler) room(ctx context.Context) (int, error) {
	lanes, err := r.Store.LanesWithRoom(ctx)
	for _, l := range lanes {
		if err := r.Dispatch.AdmitWaiting(ctx, l.EnvironmentID, l.Lane); err != nil {
			return len(lanes), err
		}
	}
	return len(lanes), err
}

func (r *Reconciler) asked(ctx context.Context) (int, error) {
	all, err := r.Store.RequestedSyncs(ctx)
	for _, s := range all {
		ref, err := r.Store.OpenRequested(ctx, s.EnvironmentID, s.ID)
		if err == nil && ref != nil {
			err = r.Dispatch.StartRun(ctx, *ref)
		}
		if err != nil {
			return len(all), err
		}
	}
	return len(all), err
}

func (r *Reconciler) schedule(ctx context.Context) (int, error) {
	groups, err := r.Store.LateGroups(ctx)
	for _, g := range groups {
		if err := r.Dispatch.Ring(ctx, g); err != nil {
			return len(groups), err
		}
	}
	return len(groups), err
}

func (r *Reconciler) deploys(ctx context.Context) (int, error) {
	all, err := r.Store.UnfinishedDeploys(ctx, deployAge)
	for uid, environmentID := range all {
		if err := r.Dispatch.StartDeploy(ctx, environmentID, uid); err != nil {
			return len(all), err
		}
	}
	return len(all), err
}
