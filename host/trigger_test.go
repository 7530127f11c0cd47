package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/host"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// engine stands for package dispatch and a worker: who waits for a run gets it ended with the outcome.
type engine struct {
	store   *storage.Store
	outcome causeway.Outcome
	started []causeway.RunRef
	stopped []storage.Cancelling
	asked   []time.Time
	input   json.RawMessage
}

func (e *engine) StartRun(_ context.Context, ref causeway.RunRef) error {
	e.started = append(e.started, ref)
	return errors.New("Temporal is away") // costs delay only
}

func (e *engine) Stop(_ context.Context, x storage.Cancelling) { e.stopped = append(e.stopped, x) }

func (e *engine) Ask(_ context.Context, _ int64, due time.Time) error {
	e.asked = append(e.asked, due)
	return nil
}

func (e *engine) Wait(ctx context.Context, environmentID int64, uid uuid.UUID) (*storage.EndedRun, error) {
	ref := e.started[len(e.started)-1]
	claim, err := e.store.ClaimRun(ctx, environmentID, ref.RunID, "w1", 0)
	if err != nil {
		return nil, err
	}
	if e.input, err = e.store.RunInput(ctx, environmentID, ref.RunID); err != nil {
		return nil, err
	}
	if _, err := e.store.CloseRun(ctx, ref, claim.Fence, e.outcome, nil); err != nil {
		return nil, err
	}
	return e.store.EndedRun(ctx, environmentID, uid)
}

type triggers struct {
	*host.Host
	env, other storagetest.Environment
	engine     *engine
	run        *script.Run
	url        string // of the database
}

// newTriggers is a host and a running action of the environment "one"; "two" has the same names.
func newTriggers(t *testing.T) *triggers {
	t.Helper()
	url := storagetest.URL(t)
	pool := storagetest.Pool(t, url)
	store := storagetest.Open(t, url)
	x := &triggers{url: url, env: storagetest.Seed(t, pool, "one"), other: storagetest.Seed(t, pool, "two"), engine: &engine{store: store}}
	x.Host = &host.Host{Store: store, Runs: x.engine, Logger: slog.New(slog.DiscardHandler)}
	ctx := t.Context()
	require.NoError(t, store.RegisterWorker(ctx, storage.WorkerRow{ID: "w1"}, time.Minute))
	_, err := pool.Exec(ctx, `insert into connection (environment_id, integration_id, connection_id) values ($1, $2, 'theirs')`, x.other.ID, x.other.IntegrationID)
	require.NoError(t, err)
	for _, e := range []storagetest.Environment{x.env, x.other} {
		_, err = store.EnsureSyncs(ctx, e.ID, e.ConnectionID)
		require.NoError(t, err)
	}
	parent, err := store.CreateRun(ctx, x.env.ID, storage.NewRun{Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: x.env.IntegrationID,
		ConnectionID: x.env.ConnectionID, FunctionID: x.env.ActionFunctionID, StartWithin: time.Minute, FinishWithin: time.Minute})
	require.NoError(t, err)
	claim, err := store.ClaimRun(ctx, x.env.ID, parent.Ref.RunID, "w1", 0)
	require.NoError(t, err)
	row, err := store.Run(ctx, x.env.ID, parent.Ref.RunID)
	require.NoError(t, err)
	row.Fence = claim.Fence
	x.run = &script.Run{Run: *row}
	return x
}

func (x *triggers) sync(t *testing.T, environmentID, integrationID int64) storage.SyncRow {
	t.Helper()
	rows, err := x.Store.Syncs(t.Context(), environmentID, storage.SyncFilter{IntegrationID: integrationID})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	return rows[0]
}

func TestAScriptCallsAnotherAction(t *testing.T) {
	x, ctx := newTriggers(t), t.Context()
	q := script.ActionRequest{IntegrationKey: "demo", ConnectionID: "c1", Name: "act"}
	x.engine.outcome = causeway.Outcome{State: causeway.RunSucceeded, Output: json.RawMessage(`{"out":1}`)}
	out, err := x.TriggerAction(ctx, x.run, q, []byte(`{"in":1}`))
	require.NoError(t, err, "a workflow that can't be started costs delay only")
	assert.JSONEq(t, `{"out":1}`, string(out))
	assert.JSONEq(t, `{"in":1}`, string(x.engine.input))

	_, err = x.TriggerAction(ctx, x.run, q, []byte(`0`))
	require.NoError(t, err)
	assert.Nil(t, x.engine.input, "a falsy input is null, as over the wire")

	x.engine.outcome = causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeScriptHTTPError, Error: json.RawMessage(`{"payload":{"no":1},"upstream":{"status":404,"headers":{},"body":"gone"}}`)}
	_, err = x.TriggerAction(ctx, x.run, q, nil)
	failure := script.AsCallError(err)
	require.NotNil(t, failure.Response, "the script gets the platform's answer")
	assert.Equal(t, 424, failure.Response.Status)
	assert.JSONEq(t, `{"error":{"code":"script_http_error","payload":{"no":1},"upstream":{"status":404,"headers":{},"body":"gone"}}}`, string(failure.Body))
}

func TestAScriptReachesNothingOfAnotherEnvironment(t *testing.T) {
	x, ctx := newTriggers(t), t.Context()
	_, err := x.TriggerAction(ctx, x.run, script.ActionRequest{IntegrationKey: "demo", ConnectionID: "theirs", Name: "act"}, nil)
	assert.Equal(t, "unknown_connection", causeway.ErrorCode(err))
	_, err = x.TriggerAction(ctx, x.run, script.ActionRequest{IntegrationKey: "demo", ConnectionID: "c1", Name: "none"}, nil)
	assert.Equal(t, "not_found", causeway.ErrorCode(err))
	err = x.TriggerSync(ctx, x.run, script.SyncRequest{IntegrationKey: "demo", ConnectionID: "theirs", Syncs: []script.SyncRef{{Name: "items"}}})
	assert.Equal(t, "unknown_connection", causeway.ErrorCode(err))
	require.NoError(t, x.TriggerSync(ctx, x.run, script.SyncRequest{IntegrationKey: "demo", Syncs: []script.SyncRef{{Name: "items"}}}))
	require.Len(t, x.engine.started, 1, "of every connection means of every one of its environment")
	assert.Equal(t, x.env.ID, x.engine.started[0].EnvironmentID)
	assert.False(t, x.sync(t, x.other.ID, x.other.IntegrationID).Running)
}

func TestARunThatWasTakenOverStartsNothing(t *testing.T) {
	x := newTriggers(t)
	x.run.Fence--
	_, err := x.TriggerAction(t.Context(), x.run, script.ActionRequest{IntegrationKey: "demo", ConnectionID: "c1", Name: "act"}, nil)
	failure := script.AsCallError(err)
	assert.True(t, failure.Fatal)
	assert.Empty(t, x.engine.started)
}

func TestAScriptTriggersAndStartsSyncs(t *testing.T) {
	x, ctx := newTriggers(t), t.Context()
	q := script.SyncRequest{IntegrationKey: "demo", ConnectionID: "c1", Syncs: []script.SyncRef{{Name: "items"}}}
	require.NoError(t, x.TriggerSync(ctx, x.run, q))
	require.Len(t, x.engine.started, 1)
	assert.Equal(t, "already_running", causeway.ErrorCode(x.TriggerSync(ctx, x.run, q)))

	q.EmptyCache = true
	assert.Equal(t, "invalid_body", causeway.ErrorCode(x.TriggerSync(ctx, x.run, q)), "to empty without a reset is refused, not ignored")
	q.Reset = true
	require.NoError(t, x.TriggerSync(ctx, x.run, q))
	assert.Len(t, x.engine.stopped, 1, "a full run stops the living one")

	q = script.SyncRequest{IntegrationKey: "demo", ConnectionID: "c1", Syncs: []script.SyncRef{{Name: "items", Variant: "none"}}}
	assert.Equal(t, "no_syncs_found", causeway.ErrorCode(x.StartSync(ctx, x.run, q)))

	s := x.sync(t, x.env.ID, x.env.IntegrationID)
	_, err := x.Store.PauseSync(ctx, x.env.ID, s.ID)
	require.NoError(t, err)
	require.NoError(t, x.StartSync(ctx, x.run, script.SyncRequest{IntegrationKey: "demo", ConnectionID: "c1"}))
	assert.Nil(t, x.sync(t, x.env.ID, x.env.IntegrationID).PausedAt)
	assert.Len(t, x.engine.asked, 1)
}
