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
	"github.com/causeway-dev/causeway/storage"
)

// Reconcile is the activity that makes rows and executions agree, whatever was lost.
const Reconcile = "Reconcile"

const (
	bellAge      = 15 * time.Second // an admitted run that waits for longer is started again
	deployAge    = 60 * time.Second
	closesAtOnce = 8
)

// ReconcileStore finds what was lost.
type ReconcileStore interface {
	DeclareDead(ctx context.Context) (int64, error)
	OverdueRuns(ctx context.Context) ([]storage.Over, error)
	RunsToRing(ctx context.Context, age time.Duration) ([]causeway.RunRef, error)
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
	Ended    func(ref causeway.RunRef, out causeway.Outcome)
	Repairs  *prometheus.CounterVec // by step; nil: not counted
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
		{"dead", r.dead}, {"over", r.over}, {"bell", r.bell}, {"room", r.room}, {"asked", r.asked}, {"schedule", r.schedule}, {"recount", r.Store.RecountLanes}, {"deploy", r.deploys},
	} {
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
	r.Dispatch.CancelRun(ctx, o.Ref) // its execution, if there is one, has nothing to do any more
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
	r.Ended(o.Ref, o.Outcome)
	r.Dispatch.Closed(ctx, o.Ref, closed)
	return nil
}

func (r *Reconciler) bell(ctx context.Context) (int, error) {
	all, err := r.Store.RunsToRing(ctx, bellAge)
	for _, ref := range all {
		if err := r.Dispatch.StartRun(ctx, ref); err != nil {
			return len(all), err
		}
	}
	return len(all), err
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
