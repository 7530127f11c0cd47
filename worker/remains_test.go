package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/worker/workertest"
)

// left is an action whose worker died in the middle: its row is closed by somebody else, what it had beside it is still there.
type left struct {
	*workertest.Stack
	t   *testing.T
	ref causeway.RunRef
	out causeway.Outcome
	op  string
}

func newLeft(t *testing.T) *left {
	t.Helper()
	l := &left{Stack: workertest.NewStack(t), t: t, out: causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeOutcomeUnknown, Message: "the worker that ran it died"}}
	began := time.Now().Add(-2 * time.Minute)
	l.op = causeway.NewOperationID(began)
	l.ref = l.Action(t, func(n *storage.NewRun) { n.OperationID = l.op }).Ref
	require.NoError(t, l.Store.RegisterWorker(t.Context(), storage.WorkerRow{ID: "dead", Slots: map[string]int{"action": 1}}, time.Minute))
	claim, err := l.Store.ClaimRun(t.Context(), l.Env.ID, l.ref.RunID, "dead", 0)
	require.NoError(t, err)
	_, err = l.Records().OpenRun(t.Context(), l.Env.ID, l.ref.RunID, l.Env.ConnectionID, claim.Fence, nil)
	require.NoError(t, err)
	ok, err := l.Redis().AcquireLock(t.Context(), l.Env.ID, "k", l.op, time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	expires := time.Now().Add(time.Hour)
	l.Logs().Operation(causeway.Operation{
		ID: l.op, EnvironmentID: l.Env.ID, Type: "action", Action: "run", State: causeway.OperationRunning, Level: causeway.LevelInfo, RunUID: l.ref.RunUID,
		StartedAt: &began, ExpiresAt: &expires, UpdatedAt: began,
	})
	require.Eventually(t, func() bool { return l.operation() == causeway.OperationRunning }, 5*time.Second, 10*time.Millisecond)
	_, err = l.Store.CloseRun(t.Context(), l.ref, claim.Fence, l.out, nil)
	require.NoError(t, err)
	return l
}

func (l *left) operation() causeway.OperationState {
	op, err := l.Logs().FindOperation(l.t.Context(), l.Env.ID, l.op)
	if err != nil {
		return ""
	}
	return op.State
}

func (l *left) nothingIsLeft() {
	l.t.Helper()
	var open int
	require.NoError(l.t, l.Scan(&open, `select count(*) from record_run`))
	assert.Zero(l.t, open, "no run is open in the records database")
	ok, err := l.Redis().AcquireLock(l.t.Context(), l.Env.ID, "k", "somebody else", time.Minute)
	require.NoError(l.t, err)
	assert.True(l.t, ok, "its lock is free")
	assert.Eventually(l.t, func() bool { return l.operation() == causeway.OperationFailed }, 5*time.Second, 10*time.Millisecond)
}

func TestWhoClosesAnothersRunClearsUpAfterIt(t *testing.T) {
	l := newLeft(t)
	l.Remains().Clear(t.Context(), l.ref, l.out)
	l.nothingIsLeft()
}

// The closer died too, before it cleared up.
func TestTheReconcilerFindsWhatNobodyClearedUp(t *testing.T) {
	l := newLeft(t)
	n, err := l.Remains().Find(t.Context())
	require.NoError(t, err)
	assert.Zero(t, n, "its closer may be clearing up right now")

	require.NoError(t, l.Exec(`update record_run set opened_at = opened_at - interval '2 min'`))
	require.NoError(t, l.Exec(`update run_history set ended_at = ended_at - interval '2 min'`))
	n, err = l.Remains().Find(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, n, "a run in the records database, and an operation")
	l.nothingIsLeft()
}

func TestTheReconcilerLeavesWhatLives(t *testing.T) {
	s := workertest.NewStack(t)
	ref := s.Action(t, nil).Ref
	_, err := s.Records().OpenRun(t.Context(), s.Env.ID, ref.RunID, s.Env.ConnectionID, 1, nil)
	require.NoError(t, err)
	require.NoError(t, s.Exec(`update record_run set opened_at = opened_at - interval '2 min'`))
	n, err := s.Remains().Find(t.Context())
	require.NoError(t, err)
	assert.Zero(t, n)
	var open int
	require.NoError(t, s.Scan(&open, `select count(*) from record_run`))
	assert.Equal(t, 1, open)
}
