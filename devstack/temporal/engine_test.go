package temporal_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/devstack/temporal"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/worker"
	"github.com/causeway-dev/causeway/worker/workertest"
)

// marker stands for what a customer sends and gets. It must not lie in Temporal's files.
const marker = "ZEBRA-7f3a-CUSTOMER"

// engine is a server, stores and a worker.
type engine struct {
	*workertest.Stack
	t       *testing.T
	dir     string
	server  *temporal.Server
	client  client.Client
	do      *dispatch.Dispatcher
	runners *workertest.Runners
	worker  *worker.Worker
}

// behave is what the action of these tests does, by its input.
type behave struct {
	For    time.Duration `json:"for"`
	Fail   string        `json:"fail"`
	Return any           `json:"return"`
}

func startEngine(t *testing.T) *engine {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	e := &engine{Stack: workertest.NewStack(t), t: t, dir: t.TempDir(), runners: workertest.NewRunners()}
	var err error
	e.server, err = temporal.Start(ctx, temporal.Options{Dir: e.dir})
	require.NoError(t, err)
	t.Cleanup(e.server.Stop)
	e.client = e.dial()
	_, err = dispatch.SetUp(ctx, e.client, "causeway", 72*time.Hour)
	require.NoError(t, err)
	e.runners.Set("act", func(ctx context.Context, start script.Start, run *script.Run) script.Result {
		var b behave
		if err := json.Unmarshal(start.Input, &b); err != nil {
			return script.Result{Code: causeway.CodeActionRuntimeError, Message: err.Error()}
		}
		if b.Fail != "" {
			return script.Result{Code: causeway.CodeActionRuntimeError, Message: b.Fail, Error: []byte(`{"payload":"` + b.Fail + `"}`)}
		}
		if b.For > 0 {
			if r := workertest.Lasting(b.For)(ctx, start, run); r.Code != "" {
				return r
			}
		}
		return workertest.Returning(b.Return)(ctx, start, run)
	})
	e.do = e.Dispatcher(e.client)
	e.worker, err = worker.Start(ctx, e.Options(e.client, e.do, e.runners))
	require.NoError(t, err)
	return e
}

func (e *engine) dial() client.Client {
	e.t.Helper()
	c, err := dispatch.NewClient(context.Background(), dispatch.ClientOptions{Address: e.server.Address(), Namespace: "causeway", Keys: e.Store.Keys(), Logger: e.Log})
	require.NoError(e.t, err)
	e.t.Cleanup(c.Close)
	return c
}

// start begins an action and returns its run.
func (e *engine) start(t *testing.T, b behave) causeway.RunRef {
	t.Helper()
	input, err := json.Marshal(b)
	require.NoError(t, err)
	created := e.Action(t, func(n *storage.NewRun) { n.Input = input })
	require.True(t, created.Admitted)
	require.NoError(t, e.do.StartRun(t.Context(), created.Ref))
	return created.Ref
}

func (e *engine) wait(t *testing.T, ref causeway.RunRef) *storage.EndedRun {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	ended, err := e.do.Wait(ctx, e.Env.ID, ref.RunUID)
	require.NoError(t, err)
	return ended
}

// closed waits for the end of an execution and returns its status.
func (e *engine) closed(t *testing.T, id string) enums.WorkflowExecutionStatus {
	t.Helper()
	var status enums.WorkflowExecutionStatus
	require.Eventually(t, func() bool {
		d, err := e.client.DescribeWorkflowExecution(t.Context(), id, "")
		status = d.GetWorkflowExecutionInfo().GetStatus()
		return err == nil && status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	}, 40*time.Second, 50*time.Millisecond, "%s does not end", id)
	return status
}

func actionID(ref causeway.RunRef) string { return "action:" + ref.RunUID.String() }

func (e *engine) running(t *testing.T, ref causeway.RunRef) {
	t.Helper()
	require.Eventually(t, func() bool {
		o, err := e.Store.Owner(t.Context(), e.Env.ID, ref.RunID)
		return err == nil && o.State == causeway.RunRunning
	}, 20*time.Second, 20*time.Millisecond)
}

// attended waits until the script of a run was handed over.
func (e *engine) attended(t *testing.T, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, err := e.client.DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil && len(d.GetPendingActivities()) > 0 && d.GetPendingActivities()[0].GetState() == enums.PENDING_ACTIVITY_STATE_STARTED
	}, 20*time.Second, 50*time.Millisecond)
}

func TestEngine(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	t.Run("runs", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *engine){
			"a short action": shortAction, "an action that fails": failingAction, "a long action is handed over": longAction,
			"cancelled in Temporal before the handover": cancelledEarly, "cancelled in Temporal after it": cancelledLate,
			"terminated in Temporal": terminated, "attempts of an async action": attempts, "a sync by its schedule": scheduled,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, e)
			})
		}
	})
	t.Run("an action waits for a slot", func(t *testing.T) { busy(t, e) })
	t.Run("a worker that is declared dead", func(t *testing.T) { declaredDead(t, e) })
	t.Run("a worker that stops hands its sync over", func(t *testing.T) { drained(t, e) })
	t.Run("executions replay", func(t *testing.T) { replayed(t, e) })
	t.Run("Temporal's files hold no words of customers", func(t *testing.T) { unreadable(t, e) })
}

func shortAction(t *testing.T, e *engine) {
	ref := e.start(t, behave{Return: marker})
	ended := e.wait(t, ref)
	assert.Equal(t, causeway.RunSucceeded, ended.Outcome.State)
	assert.JSONEq(t, `"`+marker+`"`, string(ended.Outcome.Output))
	assert.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, e.closed(t, actionID(ref)))
	require.Eventually(t, func() bool {
		found, err := e.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: `CausewayOutcome = 'succeeded' AND CausewayEnvironment = 'acme/dev' AND CausewayRunId = '` + ref.RunUID.String() + `'`,
		})
		return err == nil && len(found.GetExecutions()) == 1
	}, 10*time.Second, 50*time.Millisecond, "it is found by its attributes")
	require.Eventually(t, func() bool {
		op, err := e.Logs().FindOperation(t.Context(), e.Env.ID, ended.OperationID)
		return err == nil && op.State == causeway.OperationSuccess && op.StartedAt != nil && op.EndedAt != nil
	}, 10*time.Second, 50*time.Millisecond)
}

func failingAction(t *testing.T, e *engine) {
	ref := e.start(t, behave{Fail: marker})
	ended := e.wait(t, ref)
	assert.Equal(t, causeway.RunFailed, ended.Outcome.State)
	assert.Equal(t, causeway.CodeActionRuntimeError, ended.Outcome.Code)
	assert.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_FAILED, e.closed(t, actionID(ref)))
}

func longAction(t *testing.T, e *engine) {
	ref := e.start(t, behave{For: 3 * time.Second, Return: "late"})
	e.attended(t, actionID(ref))
	assert.JSONEq(t, `"late"`, string(e.wait(t, ref).Outcome.Output))
	assert.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, e.closed(t, actionID(ref)))
}

func cancelledEarly(t *testing.T, e *engine) {
	ref := e.start(t, behave{For: time.Minute})
	e.running(t, ref)
	require.NoError(t, e.client.CancelWorkflow(t.Context(), actionID(ref), ""))
	assert.Equal(t, causeway.RunCancelled, e.wait(t, ref).Outcome.State)
	assert.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_CANCELED, e.closed(t, actionID(ref)))
}

func cancelledLate(t *testing.T, e *engine) {
	ref := e.start(t, behave{For: time.Minute})
	e.attended(t, actionID(ref))
	require.NoError(t, e.client.CancelWorkflow(t.Context(), actionID(ref), ""))
	assert.Equal(t, causeway.RunCancelled, e.wait(t, ref).Outcome.State)
	assert.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_CANCELED, e.closed(t, actionID(ref)))
}

func terminated(t *testing.T, e *engine) {
	ref := e.start(t, behave{For: time.Minute})
	e.attended(t, actionID(ref))
	require.NoError(t, e.client.TerminateWorkflow(t.Context(), actionID(ref), "", "by hand"))
	ended := e.wait(t, ref)
	assert.Equal(t, causeway.RunCancelled, ended.Outcome.State)
	assert.Equal(t, causeway.CodeTerminated, ended.Outcome.Code)
}

func attempts(t *testing.T, e *engine) {
	input, err := json.Marshal(behave{Fail: "once more"})
	require.NoError(t, err)
	created := e.Action(t, func(n *storage.NewRun) {
		n.Lane, n.MaxAttempts, n.Opts, n.Input = causeway.LaneActionAsync, 3, causeway.RunOpts{Async: true}, input
	})
	require.NoError(t, e.do.StartRun(t.Context(), created.Ref))
	assert.Equal(t, causeway.RunFailed, e.wait(t, created.Ref).Outcome.State)
	for _, n := range []string{":1", ":2", ":3"} {
		assert.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_FAILED, e.closed(t, actionID(created.Ref)+n), "attempt %s has an execution of its own", n)
	}
}

func scheduled(t *testing.T, e *engine) {
	var seen []string
	e.runners.Set("items", func(_ context.Context, start script.Start, run *script.Run) script.Result {
		seen = append(seen, start.Values.ScriptType+" "+run.RunType)
		return script.Result{}
	})
	id := e.Sync(t)
	require.NoError(t, e.do.Ask(t.Context(), e.Env.ID, time.Time{}))
	var state string
	require.Eventually(t, func() bool {
		err := e.Scan(&state, `select coalesce(last_run_state, '') from sync where id = $1 and next_due_at > clock_timestamp() and last_sync_at is not null`, id)
		return err == nil && state != ""
	}, 20*time.Second, 50*time.Millisecond)
	assert.Equal(t, "succeeded", state)
	assert.Equal(t, []string{"sync full"}, seen)
	d, err := e.client.DescribeWorkflowExecution(t.Context(), "schedule:0", "")
	require.NoError(t, err)
	assert.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, d.GetWorkflowExecutionInfo().GetStatus(), "its scheduler waits for the next due time")
}

func busy(t *testing.T, e *engine) {
	e.runners.Fill(true)
	ref := e.start(t, behave{Return: 1})
	require.Eventually(t, func() bool {
		d, err := e.client.DescribeWorkflowExecution(t.Context(), actionID(ref), "")
		return err == nil && len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetActivityType().GetName() == "RunScript"
	}, 20*time.Second, 50*time.Millisecond)
	e.runners.Fill(false)
	assert.Equal(t, causeway.RunSucceeded, e.wait(t, ref).Outcome.State)
	assert.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, e.closed(t, actionID(ref)))
}

// sync starts a run of the sync whose script goes on until it is aborted, except in its second process.
func (e *engine) sync(t *testing.T) (ref *causeway.RunRef, first chan error) {
	t.Helper()
	first = make(chan error, 1)
	starts := 0
	e.runners.Set("items", func(ctx context.Context, _ script.Start, _ *script.Run) script.Result {
		if starts++; starts > 1 {
			return script.Result{}
		}
		<-ctx.Done()
		first <- context.Cause(ctx)
		return script.Result{Code: causeway.CodeScriptAborted}
	})
	var id int64
	require.NoError(t, e.Scan(&id, `select id from sync where environment_id = $1`, e.Env.ID))
	ref, _, err := e.Store.RequestSync(t.Context(), e.Env.ID, id, storage.RequestRun)
	require.NoError(t, err)
	require.NotNil(t, ref)
	require.NoError(t, e.do.StartRun(t.Context(), *ref))
	e.running(t, *ref)
	return ref, first
}

func declaredDead(t *testing.T, e *engine) {
	ref, first := e.sync(t)
	before := e.worker.ID()
	require.NoError(t, e.Exec(`update worker set dead_at = clock_timestamp() where id = $1`, before))
	ended := e.wait(t, *ref)
	assert.Equal(t, causeway.RunSucceeded, ended.Outcome.State, "another execution went on with it")
	var abort *script.AbortError
	require.ErrorAs(t, <-first, &abort)
	assert.Equal(t, script.ReasonLost, abort.Reason)
	assert.NotEqual(t, before, e.worker.ID())
	assert.Equal(t, causeway.RunSucceeded, e.wait(t, e.start(t, behave{For: 2500 * time.Millisecond})).Outcome.State, "its new queue is served")
}

func drained(t *testing.T, e *engine) {
	ref, first := e.sync(t)
	c := e.dial()
	second, err := worker.Start(t.Context(), e.Options(c, e.Dispatcher(c), e.runners))
	require.NoError(t, err)
	long := e.start(t, behave{For: time.Second, Return: "in time"})
	e.running(t, long)
	began := time.Now()
	require.NoError(t, e.worker.Stop(t.Context()))
	assert.Less(t, time.Since(began), 12*time.Second)
	var abort *script.AbortError
	require.ErrorAs(t, <-first, &abort)
	assert.Equal(t, script.ReasonDrain, abort.Reason)
	assert.Equal(t, causeway.RunSucceeded, e.wait(t, *ref).Outcome.State)
	assert.Equal(t, causeway.RunSucceeded, e.wait(t, long).Outcome.State)
	require.NoError(t, second.Stop(t.Context()))
}

// unreadable looks for what customers sent in the files of the store, and for what should be there, so that the search is known to find.
func unreadable(t *testing.T, e *engine) {
	e.client.Close()
	e.server.Stop()
	var all strings.Builder
	files, err := filepath.Glob(filepath.Join(e.dir, "temporal.db*"))
	require.NoError(t, err)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		_, _ = all.Write(raw)
	}
	text := all.String()
	require.Contains(t, text, "acme/dev")
	require.Contains(t, text, causeway.CodeActionRuntimeError)
	for _, secret := range []string{marker, "the run failed", `"run_id"`, "environment_id"} {
		assert.NotContains(t, text, secret)
	}
}
