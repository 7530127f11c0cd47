package activities_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/storage"
)

// engine stands for the dispatcher: it knows what has become of executions, and notes what it is asked.
type engine struct {
	follower
	store     *storage.Store
	execution dispatch.Execution
	failure   error

	mu        sync.Mutex
	restarted []int64
	rung      []int
	cancelled []int64
	deploys   []uuid.UUID
	lanes     []causeway.Lane
}

func (d *engine) StartRun(context.Context, causeway.RunRef) error { return d.failure }

func (d *engine) Restart(_ context.Context, ref causeway.RunRef) (dispatch.Execution, error) {
	d.restarted = append(d.restarted, ref.RunID)
	return d.execution, d.failure
}

func (d *engine) Execution(context.Context, causeway.RunRef) (dispatch.Execution, error) {
	return d.execution, d.failure
}

func (d *engine) AdmitWaiting(ctx context.Context, environmentID int64, lane causeway.Lane) error {
	d.lanes = append(d.lanes, lane)
	_, err := d.store.AdmitNext(ctx, environmentID, lane)
	return err
}

func (d *engine) Ring(_ context.Context, group int) error {
	d.rung = append(d.rung, group)
	return nil
}

func (d *engine) StartDeploy(_ context.Context, _ int64, uid uuid.UUID) error {
	d.deploys = append(d.deploys, uid)
	return nil
}

func (d *engine) CancelRun(_ context.Context, ref causeway.RunRef) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cancelled = append(d.cancelled, ref.RunID)
}

func (f *fixture) reconciler(execution dispatch.Execution) (*activities.Reconciler, *engine) {
	d := &engine{store: f.store, execution: execution}
	return &activities.Reconciler{
		Store: f.store, Dispatch: d, Repairs: activities.NewRepairs(), Logger: slog.New(slog.DiscardHandler),
		Shut:  func(context.Context, causeway.RunRef, int64) error { return nil },
		Ended: func(_ context.Context, _ causeway.RunRef, out causeway.Outcome) { f.ended = append(f.ended, out) },
	}, d
}

// outcome is how a run has ended; nil: it lives.
func (f *fixture) outcome(ref causeway.RunRef) *causeway.Outcome {
	f.t.Helper()
	ended, err := f.store.EndedRun(f.t.Context(), f.env.ID, ref.RunUID)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil
	}
	require.NoError(f.t, err)
	return &ended.Outcome
}

func (f *fixture) settled() {
	f.t.Helper()
	f.exec(`update schedule set wakes_at = clock_timestamp() + interval '1 h'`)
}

// A run that was admitted long ago and never claimed, by what Temporal knows of its execution.
func TestAnAdmittedRunThatNobodyClaimed(t *testing.T) {
	f := newFixture(t)
	f.settled()
	for execution, want := range map[dispatch.Execution]struct {
		outcome *causeway.Outcome
		repairs float64
	}{
		dispatch.ExecutionMissing:    {nil, 1}, // it has been started now
		dispatch.ExecutionOpen:       {nil, 0}, // it waits for a worker
		dispatch.ExecutionTerminated: {&causeway.Outcome{State: causeway.RunCancelled, Code: causeway.CodeTerminated}, 1},
		dispatch.ExecutionCancelled:  {&causeway.Outcome{State: causeway.RunCancelled, Code: causeway.CodeScriptAborted}, 1},
		dispatch.ExecutionClosed:     {&causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeOutcomeUnknown}, 1},
	} {
		t.Run(string(execution), func(t *testing.T) {
			r, d := f.reconciler(execution)
			ref := f.action(false)
			require.NoError(t, r.Reconcile(t.Context()))
			assert.Empty(t, d.restarted, "it was admitted just now")
			f.exec(`update run set admitted_at = clock_timestamp() - interval '16 s' where id = $1`, ref.RunID)
			require.NoError(t, r.Reconcile(t.Context()))
			assert.Equal(t, []int64{ref.RunID}, d.restarted)
			got := f.outcome(ref)
			assert.Equal(t, want.outcome == nil, got == nil)
			if got != nil {
				assert.Equal(t, want.outcome.State, got.State)
				assert.Equal(t, want.outcome.Code, got.Code)
			}
			assert.InDelta(t, want.repairs, testutil.ToFloat64(r.Repairs.WithLabelValues("bell")), 0)
			f.exec(`delete from run where id = $1`, ref.RunID)
			f.exec(`update run_lane set used = 0`)
		})
	}
}

func TestARunWhoseWorkerDied(t *testing.T) {
	f := newFixture(t)
	f.settled()
	r, d := f.reconciler(dispatch.ExecutionOpen)
	action, sync := f.action(false), f.sync()
	f.claim(action, "elsewhere")
	f.claim(sync, "elsewhere")
	require.NoError(t, r.Reconcile(t.Context()))
	assert.Nil(t, f.outcome(action))

	f.exec(`update worker set lease_until = clock_timestamp() - interval '1 s' where id = 'elsewhere'`)
	require.NoError(t, r.Reconcile(t.Context()))
	assert.Equal(t, causeway.CodeOutcomeUnknown, f.outcome(action).Code, "an action may not be repeated")
	assert.Nil(t, f.outcome(sync), "a sync goes on elsewhere")
	assert.Equal(t, []int64{sync.RunID}, d.restarted)
	assert.Contains(t, d.cancelled, action.RunID)
	assert.InDelta(t, 1, testutil.ToFloat64(r.Repairs.WithLabelValues("dead")), 0)
}

// Its workflow may wait for a slot at this moment: told to stop, it would close the run as cancelled before the reconciler does.
func TestARunThatExpiresIsNotCancelled(t *testing.T) {
	f := newFixture(t)
	f.settled()
	r, d := f.reconciler(dispatch.ExecutionOpen)
	ref := f.action(false)
	f.exec(`update run set start_by = clock_timestamp() - interval '1 s' where id = $1`, ref.RunID)
	require.NoError(t, r.Reconcile(t.Context()))
	assert.Equal(t, causeway.RunExpired, f.outcome(ref).State)
	assert.Equal(t, causeway.CodeStartTimeout, f.outcome(ref).Code)
	assert.Empty(t, d.cancelled)
}

func TestALongRunWhoseWorkflowWasTerminated(t *testing.T) {
	f := newFixture(t)
	f.settled()
	ref := f.action(false)
	f.claim(ref, "elsewhere")
	f.exec(`update run set started_at = clock_timestamp() - interval '61 s' where id = $1`, ref.RunID)
	for execution, stopped := range map[dispatch.Execution]bool{dispatch.ExecutionOpen: false, dispatch.ExecutionMissing: false} {
		r, _ := f.reconciler(execution)
		require.NoError(t, r.Reconcile(t.Context()))
		owner, err := f.store.Owner(t.Context(), f.env.ID, ref.RunID)
		require.NoError(t, err)
		assert.Equal(t, stopped, owner.Cancelled, "%s", execution)
	}
	r, _ := f.reconciler(dispatch.ExecutionTerminated)
	require.NoError(t, r.Reconcile(t.Context()))
	cancelled, err := f.store.RenewWorker(t.Context(), "elsewhere", time.Minute)
	require.NoError(t, err)
	assert.Equal(t, []int64{ref.RunID}, cancelled, "its owner hears of it")
}

func TestOtherSteps(t *testing.T) {
	f := newFixture(t)
	f.settled()
	f.exec(`update run_lane set cap = 0 where lane = 'action'`)
	queued := f.action(false)
	late := f.action(false)
	f.exec(`update run set start_by = clock_timestamp() - interval '1 s' where id = $1`, late.RunID)
	f.exec(`update run_lane set cap = 5 where lane = 'action'`)
	f.exec(`update schedule set wakes_at = clock_timestamp() - interval '4 s'`)
	r, d := f.reconciler(dispatch.ExecutionOpen)
	require.NoError(t, r.Reconcile(t.Context()))
	assert.Equal(t, causeway.RunExpired, f.outcome(late).State)
	assert.Equal(t, []causeway.Lane{causeway.LaneAction}, d.lanes, "a lane with room")
	assert.Equal(t, []int{0}, d.rung, "a promise that was not kept")
	assert.Equal(t, storage.Claimed, f.claim(queued, "here").Verdict)

	t.Run("a step that fails doesn't keep the others", func(t *testing.T) {
		broken, d := f.reconciler(dispatch.ExecutionOpen)
		d.failure = errors.New("no Temporal")
		waiting := f.action(false)
		f.exec(`update run set admitted_at = clock_timestamp() - interval '16 s' where id = $1`, waiting.RunID)
		require.ErrorContains(t, broken.Reconcile(t.Context()), "bell: no Temporal")
		assert.Equal(t, []int{0}, d.rung)
	})
}
