package dispatch_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

type operations struct {
	mu  sync.Mutex
	all []causeway.Operation
}

func (o *operations) Operation(op causeway.Operation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, op)
}

type fixture struct {
	*dispatch.Dispatcher
	env     storagetest.Environment
	store   *storage.Store
	client  *mocks.Client
	logs    *operations
	started []client.StartWorkflowOptions
	inputs  []causeway.RunRef
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	url := storagetest.URL(t)
	f := &fixture{store: storagetest.Open(t, url), env: storagetest.Seed(t, storagetest.Pool(t, url), "acme"), client: mocks.NewClient(t), logs: &operations{}}
	f.Dispatcher = dispatch.New(dispatch.Options{Client: f.client, Store: f.store, Logger: slog.New(slog.DiscardHandler), Logs: f.logs})
	return f
}

// takeStarts lets Temporal take starts, or refuse them.
func (f *fixture) takeStarts(err error) {
	f.client.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Run(func(a mock.Arguments) {
		f.started = append(f.started, a.Get(1).(client.StartWorkflowOptions))
		f.inputs = append(f.inputs, a.Get(3).(causeway.RunRef))
	}).Return(nil, err)
}

func (f *fixture) run(t *testing.T, kind causeway.RunKind, lane causeway.Lane, async bool) causeway.RunRef {
	t.Helper()
	created, err := f.store.CreateRun(t.Context(), f.env.ID, storage.NewRun{
		Kind: kind, Lane: lane, IntegrationID: f.env.IntegrationID, ConnectionID: f.env.ConnectionID, FunctionID: f.env.ActionFunctionID,
		StartWithin: 30 * time.Second, FinishWithin: 15 * time.Minute, MaxAttempts: 2, OperationID: causeway.NewOperationID(time.Now()),
		StartedBy: map[string]any{"type": "api_key", "id": 4}, Opts: causeway.RunOpts{Async: async},
	})
	require.NoError(t, err)
	require.True(t, created.Admitted)
	return created.Ref
}

func (f *fixture) end(t *testing.T, ref causeway.RunRef) {
	t.Helper()
	require.NoError(t, f.store.RegisterWorker(t.Context(), storage.WorkerRow{ID: ref.RunUID.String(), Slots: map[string]int{"action": 9}}, time.Minute))
	claim, err := f.store.ClaimRun(t.Context(), f.env.ID, ref.RunID, ref.RunUID.String(), ref.Attempt)
	require.NoError(t, err)
	require.Equal(t, storage.Claimed, claim.Verdict)
	_, err = f.store.CloseRun(t.Context(), ref, claim.Fence, causeway.Outcome{State: causeway.RunSucceeded, Output: []byte(`{"ok":true}`)}, nil)
	require.NoError(t, err)
}

func TestStartingARun(t *testing.T) {
	f := newFixture(t)
	f.takeStarts(nil)
	ref := f.run(t, causeway.RunAction, causeway.LaneAction, false)
	require.NoError(t, f.StartRun(t.Context(), ref))
	require.Len(t, f.started, 1)
	o := f.started[0]
	assert.Equal(t, "action:"+ref.RunUID.String(), o.ID)
	assert.Equal(t, "pool:default:interactive", o.TaskQueue)
	assert.Equal(t, enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, o.WorkflowIDReusePolicy)
	assert.True(t, o.EnableEagerStart)
	assert.Equal(t, 15*time.Minute+90*time.Second, o.WorkflowRunTimeout)
	assert.Equal(t, 1, o.Priority.PriorityKey)
	assert.NotEmpty(t, o.Priority.FairnessKey)
	for name, want := range map[string]string{
		causeway.AttributeEnvironment: "acme/dev", causeway.AttributeIntegration: "demo", causeway.AttributeConnection: "c1", causeway.AttributeFunction: "act",
		causeway.AttributeKind: "action", causeway.AttributeTrigger: "api", causeway.AttributeRunID: ref.RunUID.String(),
	} {
		value, _ := o.TypedSearchAttributes.GetKeyword(temporal.NewSearchAttributeKeyKeyword(name))
		assert.Equal(t, want, value, name)
	}
	require.Len(t, f.logs.all, 1)
	assert.Equal(t, causeway.OperationWaiting, f.logs.all[0].State)
	assert.JSONEq(t, `{"type":"api_key","id":4}`, string(f.logs.all[0].Actor))
}

func TestQueuesAndIDsByLane(t *testing.T) {
	f := newFixture(t)
	f.takeStarts(nil)
	for _, c := range []struct {
		kind     causeway.RunKind
		lane     causeway.Lane
		queue    string
		priority int
	}{
		{causeway.RunEvent, causeway.LaneEvent, "pool:default:interactive", 2},
		{causeway.RunWebhook, causeway.LaneWebhook, "pool:default:background", 3},
		{causeway.RunAction, causeway.LaneActionAsync, "pool:default:background", 3},
	} {
		ref := f.run(t, c.kind, c.lane, c.lane == causeway.LaneActionAsync)
		require.NoError(t, f.StartRun(t.Context(), ref))
		o := f.started[len(f.started)-1]
		assert.Regexp(t, "^"+string(c.kind)+":"+ref.RunUID.String(), o.ID)
		assert.Equal(t, c.lane == causeway.LaneActionAsync, o.ID == "action:"+ref.RunUID.String()+":1")
		assert.Equal(t, c.queue, o.TaskQueue)
		assert.Equal(t, c.priority, o.Priority.PriorityKey)
	}
}

func TestAConnectionIDCanBeHidden(t *testing.T) {
	f := newFixture(t)
	f.HashConnections = []byte("key")
	f.takeStarts(nil)
	require.NoError(t, f.StartRun(t.Context(), f.run(t, causeway.RunAction, causeway.LaneAction, false)))
	value, _ := f.started[0].TypedSearchAttributes.GetKeyword(temporal.NewSearchAttributeKeyKeyword(causeway.AttributeConnection))
	assert.Regexp(t, "^[0-9a-f]{16}$", value)
}

func TestStartingAgain(t *testing.T) {
	f := newFixture(t)
	ref := f.run(t, causeway.RunAction, causeway.LaneAction, false)
	f.takeStarts(serviceerror.NewWorkflowExecutionAlreadyStarted("started", "", ""))
	require.NoError(t, f.StartRun(t.Context(), ref), "it is started: that is what was wanted")

	for status, want := range map[enums.WorkflowExecutionStatus]dispatch.Execution{
		enums.WORKFLOW_EXECUTION_STATUS_RUNNING: dispatch.ExecutionOpen, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED: dispatch.ExecutionTerminated,
		enums.WORKFLOW_EXECUTION_STATUS_CANCELED: dispatch.ExecutionCancelled, enums.WORKFLOW_EXECUTION_STATUS_FAILED: dispatch.ExecutionClosed,
	} {
		f.client.On("DescribeWorkflowExecution", mock.Anything, "action:"+ref.RunUID.String(), "").Return(&workflowservice.DescribeWorkflowExecutionResponse{
			WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: status},
		}, nil).Once()
		got, err := f.Restart(t.Context(), ref)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}

	f.end(t, ref)
	before := len(f.started)
	require.NoError(t, f.StartRun(t.Context(), ref), "it has ended: there is nothing to start")
	assert.Len(t, f.started, before)
}

func TestAStartThatFailsIsSaid(t *testing.T) {
	f := newFixture(t)
	f.takeStarts(errors.New("no server"))
	require.ErrorContains(t, f.StartRun(t.Context(), f.run(t, causeway.RunAction, causeway.LaneAction, false)), "no server")
}

func TestACancelReachesAScriptOfThisProcessAtOnce(t *testing.T) {
	f := newFixture(t)
	ref := f.run(t, causeway.RunAction, causeway.LaneActionAsync, true)
	var stopped []int64
	f.StopHere(func(id int64) { stopped = append(stopped, id) })
	f.client.On("CancelWorkflow", mock.Anything, "action:"+ref.RunUID.String()+":1", "").Return(errors.New("no server")).Once()
	f.CancelRun(t.Context(), ref)
	assert.Equal(t, []int64{ref.RunID}, stopped)
}

func TestAskingASchedulerRingsOnlyWhenItWouldLookTooLate(t *testing.T) {
	f := newFixture(t)
	f.client.On("SignalWithStartWorkflow", mock.Anything, "schedule:0", causeway.SignalBell, nil, mock.Anything, causeway.WorkflowSchedule, mock.Anything).Return(nil, nil).Once()
	require.NoError(t, f.Ask(t.Context(), f.env.ID, time.Time{}))
	require.NoError(t, f.Ask(t.Context(), f.env.ID, time.Now().Add(time.Hour)), "somebody has rung: it looks now, which is early enough")
}

func TestWaitingForARun(t *testing.T) {
	f := newFixture(t)
	quick := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		t.Cleanup(cancel)
		return ctx
	}
	t.Run("that ended before anybody waited", func(t *testing.T) {
		ref := f.run(t, causeway.RunAction, causeway.LaneAction, false)
		f.end(t, ref)
		f.Closed(t.Context(), ref, storage.Closed{Lane: ref.Lane})
		began := time.Now()
		ended, err := f.Wait(quick(t), f.env.ID, ref.RunUID)
		require.NoError(t, err)
		assert.JSONEq(t, `{"ok":true}`, string(ended.Outcome.Output))
		assert.Less(t, time.Since(began), 500*time.Millisecond, "the news is remembered")
	})
	t.Run("that ends here", func(t *testing.T) {
		ref := f.run(t, causeway.RunAction, causeway.LaneAction, false)
		done := make(chan error, 1)
		go func() {
			_, err := f.Wait(quick(t), f.env.ID, ref.RunUID)
			done <- err
		}()
		f.end(t, ref)
		f.Closed(t.Context(), ref, storage.Closed{Lane: ref.Lane})
		require.NoError(t, <-done)
	})
	t.Run("whose news are lost", func(t *testing.T) {
		ref := f.run(t, causeway.RunAction, causeway.LaneAction, false)
		f.end(t, ref)
		ended, err := f.Wait(quick(t), f.env.ID, ref.RunUID)
		require.NoError(t, err)
		assert.Equal(t, causeway.RunSucceeded, ended.Outcome.State)
	})
	t.Run("that never was", func(t *testing.T) {
		_, err := f.Wait(quick(t), f.env.ID, uuid.Must(uuid.NewV7()))
		require.ErrorIs(t, err, causeway.ErrNotFound)
	})
	t.Run("and going away", func(t *testing.T) {
		ref := f.run(t, causeway.RunAction, causeway.LaneAction, false)
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the client went away")
		cancel(gone)
		_, err := f.Wait(ctx, f.env.ID, ref.RunUID)
		require.ErrorIs(t, err, gone)
		lives, err := f.store.RunLives(t.Context(), f.env.ID, ref.RunUID)
		require.NoError(t, err)
		assert.True(t, lives)
	})
}

func TestTheNextRunOfALaneIsStartedWhenOneEnds(t *testing.T) {
	f := newFixture(t)
	f.takeStarts(nil)
	first := f.run(t, causeway.RunAction, causeway.LaneActionAsync, true)
	second, err := f.store.CreateRun(t.Context(), f.env.ID, storage.NewRun{
		Kind: causeway.RunAction, Lane: causeway.LaneActionAsync, IntegrationID: f.env.IntegrationID, ConnectionID: f.env.ConnectionID, FunctionID: f.env.ActionFunctionID,
		StartWithin: time.Minute, FinishWithin: time.Minute, Opts: causeway.RunOpts{Async: true},
	})
	require.NoError(t, err)
	require.False(t, second.Admitted, "async actions run one after the other")
	f.end(t, first)
	f.Closed(t.Context(), first, storage.Closed{Lane: first.Lane, Next: true})
	require.Len(t, f.inputs, 1)
	assert.Equal(t, second.Ref.RunID, f.inputs[0].RunID)
	assert.Equal(t, 1, f.inputs[0].Attempt)
}
