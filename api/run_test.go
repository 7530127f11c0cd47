package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/api"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// engine stands for package dispatch and a worker: who waits for a run gets it ended with the outcome.
type engine struct {
	store   *storage.Store
	outcome causeway.Outcome
	started []causeway.RunRef
	closed  []causeway.RunRef
	bells   []causeway.RunRef
	asked   []time.Time
	input   json.RawMessage
}

func (e *engine) StartRun(_ context.Context, ref causeway.RunRef) error {
	e.started = append(e.started, ref)
	return errors.New("Temporal is away") // costs delay only
}

func (e *engine) CancelRun(_ context.Context, ref causeway.RunRef) { e.bells = append(e.bells, ref) }

func (e *engine) Ask(_ context.Context, _ int64, due time.Time) error {
	e.asked = append(e.asked, due)
	return nil
}

func (e *engine) Closed(_ context.Context, ref causeway.RunRef, _ storage.Closed) {
	e.closed = append(e.closed, ref)
}

func (e *engine) StartDeploy(context.Context, int64, uuid.UUID) error { return nil }

func (e *engine) Wait(ctx context.Context, environmentID int64, uid uuid.UUID) (*storage.EndedRun, error) {
	if err := e.run(ctx, e.started[len(e.started)-1]); err != nil {
		return nil, err
	}
	return e.store.EndedRun(ctx, environmentID, uid)
}

func (e *engine) run(ctx context.Context, ref causeway.RunRef) error {
	claim, err := e.store.ClaimRun(ctx, ref.EnvironmentID, ref.RunID, "w1", ref.Attempt)
	if err != nil {
		return err
	}
	if e.input, err = e.store.RunInput(ctx, ref.EnvironmentID, ref.RunID); err != nil {
		return err
	}
	_, err = e.store.CloseRun(ctx, ref, claim.Fence, e.outcome, nil)
	return err
}

// product is a customer's back end, with the key of environment "one"; the other environment has the same names.
type product struct {
	t          *testing.T
	pool       *pgxpool.Pool
	store      *storage.Store
	logs       *storage.Logs
	env, other storagetest.Environment
	engine     *engine
	handler    http.Handler
	key, their string
}

func newProduct(t *testing.T) *product {
	t.Helper()
	url := storagetest.URL(t)
	p := &product{t: t, pool: storagetest.Pool(t, url), store: storagetest.Open(t, url)}
	ctx := t.Context()
	var err error
	p.logs, err = storage.OpenLogs(ctx, storage.LogsOptions{URL: url, Enabled: true, Search: true})
	require.NoError(t, err)
	t.Cleanup(p.logs.Close)
	p.env, p.other = storagetest.Seed(t, p.pool, "one"), storagetest.Seed(t, p.pool, "two")
	p.engine = &engine{store: p.store}
	for _, e := range []storagetest.Environment{p.env, p.other} {
		_, err = p.store.EnsureSyncs(ctx, e.ID, e.ConnectionID)
		require.NoError(t, err)
	}
	p.key, err = p.store.CreateKey(ctx, p.env.ID, "all", []string{"environment:*"})
	require.NoError(t, err)
	p.their, err = p.store.CreateKey(ctx, p.other.ID, "all", []string{"environment:*"})
	require.NoError(t, err)
	require.NoError(t, p.store.RegisterWorker(ctx, storage.WorkerRow{ID: "w1", Slots: map[string]int{"sync": 10}}, time.Minute))
	catalog, err := providers.Load()
	require.NoError(t, err)
	p.handler = api.New(api.Deps{Store: p.store, Catalog: catalog, Records: storagetest.OpenRecords(t, url, p.store.Keys()), Logs: p.logs, Dispatch: p.engine, PublicURL: "http://causeway.test"}).Handler()
	return p
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (p *product) call(method, path, body string, headers ...string) answer {
	p.t.Helper()
	return p.callContext(p.t.Context(), method, path, body, headers...)
}

func (p *product) callContext(ctx context.Context, method, path, body string, headers ...string) answer {
	p.t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, path, bytes.NewBufferString(body))
	r.Header.Set("Authorization", "Bearer "+p.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// code is the error code of an answer, or "".
func (a answer) code() string {
	var e struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.Error.Code
}

func (a answer) field(t *testing.T, name string) any {
	t.Helper()
	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &o), a.body)
	return o[name]
}

func (p *product) exec(sql string, args ...any) {
	p.t.Helper()
	_, err := p.pool.Exec(p.t.Context(), sql, args...)
	require.NoError(p.t, err, sql)
}

func (p *product) count(sql string, args ...any) (n int) {
	p.t.Helper()
	require.NoError(p.t, p.pool.QueryRow(p.t.Context(), sql, args...).Scan(&n), sql)
	return n
}

func (p *product) act(body string, headers ...string) answer {
	p.t.Helper()
	return p.call("POST", "/action/trigger", body, append([]string{"Provider-Config-Key", "demo", "Connection-Id", "c1"}, headers...)...)
}

func TestAnActionAnswersWithItsBareOutput(t *testing.T) {
	p := newProduct(t)
	for _, output := range []string{`{"a":[1,2]}`, `"text"`, `0`, `null`, ``} {
		p.engine.outcome = causeway.Outcome{State: causeway.RunSucceeded, Output: json.RawMessage(output)}
		a := p.act(`{"action_name":"act","input":{"n":1}}`)
		assert.Equal(t, 200, a.status)
		assert.Equal(t, output, a.body)
		assert.JSONEq(t, `{"n":1}`, string(p.engine.input))
	}
	p.act(`{"action_name":"act","input":0,"unknown":1}`)
	assert.Nil(t, p.engine.input, "a falsy input reaches the function as null")

	p.engine.outcome = causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeScriptHTTPError, Error: json.RawMessage(`{"payload":{"no":1},"upstream":{"status":404,"headers":{"content-type":"text/plain"},"body":"gone"}}`)}
	a := p.act(`{"action_name":"act"}`)
	assert.Equal(t, 424, a.status)
	assert.JSONEq(t, `{"error":{"code":"script_http_error","payload":{"no":1},"upstream":{"status":404,"headers":{"content-type":"text/plain"},"body":"gone"}}}`, a.body)
	p.engine.outcome = causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeOutcomeUnknown, Message: "the worker that ran it died"}
	a = p.act(`{"action_name":"act"}`)
	assert.Equal(t, 500, a.status)
	assert.JSONEq(t, `{"error":{"code":"action_script_failure","message":"the worker that ran it died","payload":{"error":"outcome_unknown"}}}`, a.body)
}

func TestWhatAnActionCallRefuses(t *testing.T) {
	p := newProduct(t)
	p.exec(`insert into connection (environment_id, integration_id, connection_id) values ($1, $2, 'theirs')`, p.other.ID, p.other.IntegrationID)
	ok := `{"action_name":"act"}`
	for _, c := range []struct {
		name, path, body string
		headers          []string
		status           int
		code             string
	}{
		{"no connection", "/action/trigger", ok, []string{"Connection-Id", "none"}, 400, "unknown_connection"},
		{"a connection of another environment", "/action/trigger", ok, []string{"Connection-Id", "theirs"}, 400, "unknown_connection"},
		{"no integration", "/action/trigger", ok, []string{"Provider-Config-Key", "none"}, 400, "unknown_connection"},
		{"no action", "/action/trigger", `{"action_name":"none"}`, nil, 404, "not_found"},
		{"a sync is no action", "/action/trigger", `{"action_name":"items"}`, nil, 404, "not_found"},
		{"too many retries", "/action/trigger", ok, []string{"X-Async", "true", "X-Max-Retries", "6"}, 400, "invalid_headers"},
		{"half an answer to async", "/action/trigger", ok, []string{"X-Async", "perhaps"}, 400, "invalid_headers"},
		{"a query", "/action/trigger?x=1", ok, nil, 400, "invalid_query_params"},
		{"no name", "/action/trigger", `{}`, nil, 400, "invalid_body"},
		{"no JSON", "/action/trigger", `{`, nil, 400, "invalid_json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.t = t
			a := p.call("POST", c.path, c.body, append([]string{"Provider-Config-Key", "demo", "Connection-Id", "c1"}, c.headers...)...)
			assert.Equal(t, c.status, a.status, a.body)
			assert.Equal(t, c.code, a.code(), a.body)
		})
	}
	p.t = t
	_, _, err := p.store.SetFunctionEnabled(t.Context(), p.env.ID, p.env.ActionFunctionID, false)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.act(ok).code() == "disabled_resource" }, 5*time.Second, 10*time.Millisecond, "as soon as the cache hears of it")
	assert.Zero(t, p.count(`select count(*) from run where state = 'waiting'`))
}

func TestAnAsyncAction(t *testing.T) {
	p := newProduct(t)
	a := p.act(`{"action_name":"act","input":[1]}`, "X-Async", "true", "X-Max-Retries", "2")
	require.Equal(t, 202, a.status, a.body)
	id, _ := a.field(t, "id").(string)
	path := "/action/" + id
	assert.Equal(t, path, a.header.Get("Location"))
	assert.Equal(t, path, a.field(t, "statusUrl"))
	assert.Equal(t, 1, p.count(`select count(*) from run where lane = 'action_async' and max_attempts = 3`))

	assert.Equal(t, 404, p.call("GET", path, "").status, "while it waits")
	second := p.act(`{"action_name":"act"}`, "X-Async", "true")
	require.Equal(t, 202, second.status)
	require.Len(t, p.engine.started, 1, "one at a time")

	p.engine.outcome = causeway.Outcome{State: causeway.RunSucceeded, Output: json.RawMessage(`{"done":true}`)}
	require.NoError(t, p.engine.run(t.Context(), p.engine.started[0]))
	a = p.call("GET", path, "")
	assert.Equal(t, 200, a.status)
	assert.JSONEq(t, `{"done":true}`, a.body)
	p.key = p.their
	assert.Equal(t, 404, p.call("GET", path, "").status, "another environment's")
	assert.Equal(t, "invalid_uri_params", p.call("GET", "/action/42", "").code())
}

func TestAnAsyncActionWithoutOutputIsNotFound(t *testing.T) {
	p := newProduct(t)
	a := p.act(`{"action_name":"act"}`, "X-Async", "true")
	path, _ := a.field(t, "statusUrl").(string)
	p.engine.outcome = causeway.Outcome{State: causeway.RunSucceeded, Output: json.RawMessage(`null`)}
	require.NoError(t, p.engine.run(t.Context(), p.engine.started[0]))
	assert.Equal(t, 404, p.call("GET", path, "").status)
}

func TestAnActionThatWaitsOrIsRefusedIsSeenInTheLogs(t *testing.T) {
	p := newProduct(t)
	states := func() map[string]int {
		p.logs.Flush(t.Context())
		rows, err := p.pool.Query(t.Context(), `select state || coalesce(' ' || (error->>'code'), '') || ' by ' || (actor->>'type') from operation where environment_id = $1`, p.env.ID)
		require.NoError(t, err)
		defer rows.Close()
		found := map[string]int{}
		for rows.Next() {
			var s string
			require.NoError(t, rows.Scan(&s))
			found[s]++
		}
		require.NoError(t, rows.Err())
		return found
	}
	p.act(`{"action_name":"act"}`, "X-Async", "true")
	p.act(`{"action_name":"act"}`, "X-Async", "true")
	assert.Equal(t, map[string]int{"waiting by api_key": 1}, states(), "the first begins at once: its worker writes it")
	p.exec(`update run_lane set queue_cap = 0 where lane = 'action_async'`)
	assert.Equal(t, 429, p.act(`{"action_name":"act"}`, "X-Async", "true").status)
	assert.Equal(t, map[string]int{"waiting by api_key": 1, "failed queue_full by api_key": 1}, states())

	var id string
	require.NoError(t, p.pool.QueryRow(t.Context(), `select id from operation where state = 'waiting'`).Scan(&id))
	p.logs.Operation(causeway.Operation{ID: id, EnvironmentID: p.env.ID, Type: "action", Action: "run", State: causeway.OperationRunning, Level: causeway.LevelInfo})
	assert.Equal(t, 1, states()["running by api_key"], "who goes on with it doesn't forget who asked")
}

func TestARepeatedActionCallRunsOnce(t *testing.T) {
	p := newProduct(t)
	first := p.act(`{"action_name":"act","input":1}`, "X-Async", "true", "Idempotency-Key", "k1")
	again := p.act(`{"action_name":"act","input":1}`, "X-Async", "true", "Idempotency-Key", "k1")
	assert.Equal(t, first.body, again.body)
	assert.Len(t, p.engine.started, 1)
	assert.Equal(t, "idempotency_key_reused", p.act(`{"action_name":"act","input":2}`, "X-Async", "true", "Idempotency-Key", "k1").code())
}
