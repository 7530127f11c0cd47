package worker_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/mocks"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/worker"
	"github.com/causeway-dev/causeway/worker/workertest"
)

// process is a worker without queues, whose activities the tests call.
type process struct {
	*workertest.Stack
	worker  *worker.Worker
	runs    *activities.Runs
	runners *workertest.Runners
	client  *mocks.Client
}

func newProcess(t *testing.T) *process {
	t.Helper()
	p := &process{Stack: workertest.NewStack(t), runners: workertest.NewRunners(), client: mocks.NewClient(t)}
	for _, call := range []string{"ExecuteWorkflow", "SignalWithStartWorkflow", "CancelWorkflow"} {
		p.client.On(call, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, nil).Maybe()
	}
	p.client.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, nil).Maybe()
	options := p.Options(p.client, p.Dispatcher(p.client), p.runners)
	options.Drain = 200 * time.Millisecond
	var err error
	p.worker, p.runs, err = worker.Unserved(t.Context(), options)
	require.NoError(t, err)
	return p
}

// action runs the action "act" to its end.
func (p *process) action(t *testing.T, s workertest.Script, change func(n *storage.NewRun)) (activities.Report, *storage.EndedRun) {
	t.Helper()
	p.runners.Set("act", s)
	created := p.Action(t, change)
	r, err := p.runs.Perform(t.Context(), created.Ref)
	require.NoError(t, err)
	ended, err := p.Store.EndedRun(t.Context(), p.Env.ID, created.Ref.RunUID)
	if err != nil {
		require.ErrorIs(t, err, causeway.ErrNotFound)
		return r, nil
	}
	return r, ended
}

// sync opens a run of the sync.
func (p *process) sync(t *testing.T, want storage.SyncRequest) causeway.RunRef {
	t.Helper()
	ref, _, err := p.Store.RequestSync(t.Context(), p.Env.ID, p.Sync(t), want)
	require.NoError(t, err)
	require.NotNil(t, ref)
	return *ref
}

func failing(code string) workertest.Script {
	return func(context.Context, script.Start, *script.Run) script.Result {
		return script.Result{Code: code, Message: "it failed", Error: []byte(`{"payload":{"a":1}}`)}
	}
}

func TestHowRunsEnd(t *testing.T) {
	p := newProcess(t)
	for name, c := range map[string]struct {
		script  workertest.Script
		state   causeway.RunState
		code    string
		output  string
		failure string
	}{
		"a value":                 {workertest.Returning(map[string]int{"n": 1}), causeway.RunSucceeded, "", `{"n":1}`, ""},
		"an error of the script":  {failing(causeway.CodeActionRuntimeError), causeway.RunFailed, causeway.CodeActionRuntimeError, "", `{"payload":{"a":1}}`},
		"too large an output":     {workertest.Returning(strings.Repeat("x", script.MaxOutput)), causeway.RunFailed, causeway.CodeOutputTooLarge, "", ""},
		"an output for the blobs": {workertest.Returning(strings.Repeat("x", 100_000)), causeway.RunSucceeded, "", `"` + strings.Repeat("x", 100_000) + `"`, ""},
		"its runner dies": {func(context.Context, script.Start, *script.Run) script.Result { return script.Result{Crashed: true} },
			causeway.RunFailed, causeway.CodeRunnerCrashed, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, ended := p.action(t, c.script, nil)
			assert.Equal(t, activities.Report{Status: activities.Closed, State: c.state, Code: c.code}, r)
			assert.Equal(t, c.state, ended.Outcome.State)
			assert.Equal(t, c.output, string(ended.Outcome.Output))
			assert.Equal(t, c.failure, string(ended.Outcome.Error))
		})
	}
}

func TestWhatAScriptBeginsWith(t *testing.T) {
	p := newProcess(t)
	var seen script.Start
	_, ended := p.action(t, func(_ context.Context, start script.Start, run *script.Run) script.Result {
		seen = start
		assert.Equal(t, script.Action, run.Flavour)
		assert.EqualValues(t, 1, run.Fence)
		assert.Equal(t, "action:act", run.CheckpointKey)
		return script.Result{}
	}, func(n *storage.NewRun) { n.Input = json.RawMessage(`{"q":1}`) })
	require.Equal(t, causeway.RunSucceeded, ended.Outcome.State)
	assert.JSONEq(t, `{"q":1}`, string(seen.Input))
	assert.Equal(t, "act-demo", seen.Script)
	assert.Equal(t, "c1", seen.Values.ConnectionID)
	assert.Equal(t, "action", seen.Values.ScriptType)
	assert.Equal(t, ended.OperationID, seen.Values.ActivityLogID)
	assert.InDelta(t, 120_000, seen.FinishMs, 3_000)
	assert.Zero(t, seen.SoftMs)
	assert.NotZero(t, seen.Seed)
}

func TestASyncWhoseRunnerDies(t *testing.T) {
	p := newProcess(t)
	for name, c := range map[string]struct {
		deaths int
		state  causeway.RunState
		code   string
		starts int
	}{
		"three times goes on from its checkpoint": {3, causeway.RunSucceeded, "", 4},
		"each time fails":                         {99, causeway.RunFailed, causeway.CodeRunnerCrashed, 4},
	} {
		t.Run(name, func(t *testing.T) {
			before, deaths := p.runners.Starts("items"), 0
			p.runners.Set("items", func(context.Context, script.Start, *script.Run) script.Result {
				if deaths++; deaths <= c.deaths {
					return script.Result{Crashed: true, Code: causeway.CodeRunnerCrashed}
				}
				return script.Result{}
			})
			r, err := p.runs.Perform(t.Context(), p.sync(t, storage.RequestRun))
			require.NoError(t, err)
			assert.Equal(t, activities.Report{Status: activities.Closed, State: c.state, Code: c.code}, r)
			assert.Equal(t, c.starts, p.runners.Starts("items")-before)
		})
	}
}

func TestASyncThatIsToBeginAnewBeginsEmpty(t *testing.T) {
	p := newProcess(t)
	write := func(ctx context.Context, run *script.Run, ids ...string) error {
		rows := make([]causeway.RecordInput, len(ids))
		for i, id := range ids {
			rows[i] = causeway.RecordInput{ID: id, JSON: json.RawMessage(`{"id":"` + id + `"}`)}
		}
		_, err := p.Records().Save(ctx, run.EnvironmentID, storage.RecordRun{RunID: run.RunID, ConnectionID: run.ConnectionID, Fence: run.Fence}, "Item", rows)
		return err
	}
	p.runners.Set("items", func(ctx context.Context, _ script.Start, run *script.Run) script.Result {
		if err := write(ctx, run, "a", "b"); err != nil {
			return script.Result{Code: causeway.CodeScriptInternalError, Message: err.Error()}
		}
		return script.Result{}
	})
	for _, want := range []storage.SyncRequest{storage.RequestRun, storage.RequestFullEmpty} {
		ref := p.sync(t, want)
		r, err := p.runs.Perform(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, causeway.RunSucceeded, r.State)
		ended, err := p.Store.EndedRun(t.Context(), p.Env.ID, ref.RunUID)
		require.NoError(t, err)
		assert.EqualValues(t, 2, ended.Outcome.Result.Models["Item"].Added, "%s: all records are new", want)
	}
}

func TestAnAttemptThatFailsIsPutBack(t *testing.T) {
	p := newProcess(t)
	var refs []causeway.RunRef
	created := p.Action(t, func(n *storage.NewRun) {
		n.Lane, n.MaxAttempts, n.Opts = causeway.LaneActionAsync, 2, causeway.RunOpts{Async: true}
	})
	refs = append(refs, created.Ref, created.Ref)
	refs[1].Attempt = 2
	p.runners.Set("act", failing(causeway.CodeActionRuntimeError))
	for i, ref := range refs {
		r, err := p.runs.Perform(t.Context(), ref)
		require.NoError(t, err)
		assert.Equal(t, activities.Report{Status: activities.Closed, State: causeway.RunFailed, Code: causeway.CodeActionRuntimeError}, r)
		lives, err := p.Store.RunLives(t.Context(), p.Env.ID, ref.RunUID)
		require.NoError(t, err)
		assert.Equal(t, i == 0, lives)
	}
	assert.Equal(t, 2, p.runners.Starts("act"))
}

func TestACancelledScriptsValueIsIgnored(t *testing.T) {
	p := newProcess(t)
	began := make(chan struct{})
	p.runners.Set("act", func(ctx context.Context, _ script.Start, _ *script.Run) script.Result {
		close(began)
		<-ctx.Done()
		return script.Result{Output: json.RawMessage(`"too late"`)}
	})
	created := p.Action(t, nil)
	go func() {
		<-began
		ex, _ := p.runs.Registry.Find(created.Ref)
		ex.Abort(script.ReasonCancelled, causeway.CodeScriptAborted)
	}()
	r, err := p.runs.Perform(t.Context(), created.Ref)
	require.NoError(t, err)
	assert.Equal(t, activities.Report{Status: activities.Closed, State: causeway.RunCancelled, Code: causeway.CodeScriptAborted}, r)
}

func TestARunThatIsLostIsLeftAlone(t *testing.T) {
	p := newProcess(t)
	began := make(chan struct{})
	p.runners.Set("act", func(ctx context.Context, _ script.Start, _ *script.Run) script.Result {
		close(began)
		<-ctx.Done()
		return script.Result{Output: json.RawMessage(`1`)}
	})
	created := p.Action(t, nil)
	go func() {
		<-began
		ex, _ := p.runs.Registry.Find(created.Ref)
		ex.Abort(script.ReasonLost, "")
	}()
	r, err := p.runs.Perform(t.Context(), created.Ref)
	require.NoError(t, err)
	assert.Equal(t, activities.ToResume, r.Status)
	owner, err := p.Store.Owner(t.Context(), p.Env.ID, created.Ref.RunID)
	require.NoError(t, err)
	assert.Equal(t, causeway.RunRunning, owner.State, "nothing was written")
}

func TestARunThatCannotBePreparedFails(t *testing.T) {
	p := newProcess(t)
	require.NoError(t, p.Exec(`alter table record_run rename to gone`))
	r, ended := p.action(t, workertest.Returning(1), nil)
	assert.Equal(t, causeway.RunFailed, r.State)
	assert.Equal(t, "action_script_failure", ended.Outcome.Code)
	assert.NotContains(t, ended.Outcome.Message, "record_run", "the cause is for the process log")
	assert.Zero(t, p.runners.Starts("act"))
}

func TestDraining(t *testing.T) {
	p := newProcess(t)
	stubborn, began := make(chan struct{}), make(chan struct{}, 3)
	p.runners.Set("items", func(ctx context.Context, _ script.Start, _ *script.Run) script.Result {
		began <- struct{}{}
		<-ctx.Done()
		return script.Result{Code: causeway.CodeScriptAborted}
	})
	p.runners.Set("act", func(ctx context.Context, _ script.Start, run *script.Run) script.Result {
		began <- struct{}{}
		if run.Opts.Async { // it doesn't stop
			<-stubborn
			return script.Result{}
		}
		return workertest.Lasting(time.Minute)(ctx, script.Start{}, run)
	})
	defer close(stubborn)
	refs := []causeway.RunRef{p.sync(t, storage.RequestRun), p.Action(t, nil).Ref, p.Action(t, func(n *storage.NewRun) {
		n.Lane, n.Opts = causeway.LaneActionAsync, causeway.RunOpts{Async: true}
	}).Ref}
	for _, ref := range refs {
		go func() { _, _ = p.runs.Perform(t.Context(), ref) }()
	}
	for range refs {
		<-began
	}
	p.worker.StopScripts(t.Context())

	owner, err := p.Store.Owner(t.Context(), p.Env.ID, refs[0].RunID)
	require.NoError(t, err)
	assert.Equal(t, causeway.RunWaiting, owner.State, "the sync is handed back")
	for _, ref := range refs[1:] {
		ended, err := p.Store.EndedRun(t.Context(), p.Env.ID, ref.RunUID)
		require.NoError(t, err)
		assert.Equal(t, causeway.CodeWorkerStopped, ended.Outcome.Code)
	}
	r, err := p.runs.Perform(t.Context(), p.Action(t, nil).Ref)
	require.NoError(t, err)
	assert.Equal(t, activities.Busy, r.Status, "it takes no more")
}
