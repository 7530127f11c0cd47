package api_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
)

// onEvent deploys a function for an event of the connections of "demo".
func (p *product) onEvent(name, event string) {
	p.t.Helper()
	p.exec(`with f as (insert into function (environment_id, integration_id, kind, name, event) values ($1, $2, 'on-event', $3, $4) returning id),
  v as (insert into function_version (environment_id, function_id, version, bundle_key, source_key, definition) select $1, id, '0.0.1', repeat('0', 64), '', '{}' from f returning id, function_id)
  select 1 from v`, p.env.ID, p.env.IntegrationID, name, event)
	p.exec(`update function f set active_version_id = v.id from function_version v where f.environment_id = $1 and v.environment_id = $1 and v.function_id = f.id and f.name = $2`, p.env.ID, name)
}

// ran are the names of the on-event functions that have ended, in order.
func (p *product) ran() (names []string) {
	p.t.Helper()
	rows, err := p.pool.Query(p.t.Context(), `select f.name from run_history r join function f on f.environment_id = r.environment_id and f.id = r.function_id
 where r.environment_id = $1 and r.kind = 'event' order by r.id`, p.env.ID)
	require.NoError(p.t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(p.t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(p.t, rows.Err())
	return names
}

const newC2 = `{"provider_config_key":"demo","connection_id":"c2","credentials":{"type":"API_KEY","apiKey":"k"}}`

func TestANewConnectionIsAnnouncedToFunctions(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.onEvent("greet", causeway.EventConnectionCreated)
	p.onEvent("asleep", causeway.EventConnectionCreated)
	p.exec(`update function set enabled = false where environment_id = $1 and name = 'asleep'`, p.env.ID)
	p.onEvent("later", causeway.EventConnectionDeletion)

	p.importConnection(newC2)
	assert.Equal(t, 1, p.count(`select count(*) from run where environment_id = $1 and kind = 'event' and lane = 'event' and finish_s = 300 and max_attempts = 1
   and extract(epoch from start_by - created_at) between 29 and 31`, p.env.ID), "it waits for its start; nobody waits for it")
	run, err := p.store.Run(t.Context(), p.env.ID, p.engine.started[0].RunID)
	require.NoError(t, err)
	assert.Equal(t, "greet", run.FunctionName)
	assert.Equal(t, "c2", run.ConnectionKey)
	assert.Equal(t, causeway.EventConnectionCreated, run.Event)

	p.importConnection(newC2)
	assert.Len(t, p.engine.started, 1, "new credentials are no new connection")
}

func TestFunctionsRunBeforeAConnectionIsDeleted(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.onEvent("first", causeway.EventConnectionDeletion)
	p.onEvent("second", causeway.EventConnectionDeletion)
	p.engine.outcome = causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeScriptInternalError, Message: "no"}

	a := p.call("DELETE", "/connections/c1?provider_config_key=demo", "")
	assert.JSONEq(t, `{"success":true}`, a.body, "their failure keeps nothing alive")
	assert.Equal(t, []string{"first", "second"}, p.ran())
	assert.Equal(t, 404, p.call("GET", "/connections/c1?provider_config_key=demo", "").status)

	a = p.call("DELETE", "/connections/c1?provider_config_key=demo", "")
	assert.JSONEq(t, `{"error":{"code":"unknown_connection"}}`, a.body)
	assert.Len(t, p.ran(), 2, "nothing runs for a connection that isn't there")
}

func TestFunctionsJudgeConnections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure string // of the function: its error as JSON
		want    string
	}{
		"message":    {`{"payload":{"message":"the account has no plan"}}`, "the account has no plan"},
		"error":      {`{"payload":{"error":"wrong region"}}`, "wrong region"},
		"no text":    {`{"payload":{"message":{"a":1}}}`, "The connection was rejected by a validation function"},
		"no payload": {`{}`, "The connection was rejected by a validation function"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProduct(t)
			p.onEvent("check", causeway.EventConnectionValidate)
			p.onEvent("check-too", causeway.EventConnectionValidate)
			p.onEvent("greet", causeway.EventConnectionCreated)
			p.engine.outcome = causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeActionRuntimeError, Error: json.RawMessage(c.failure)}

			a := p.call("POST", "/connections", newC2)
			assert.Equal(t, 400, a.status)
			assert.Equal(t, causeway.CodeValidationFailed, a.code())
			assert.Contains(t, a.body, c.want)
			assert.Equal(t, []string{"check"}, p.ran(), "the first failure decides")
			assert.Zero(t, p.count(`select count(*) from connection where environment_id = $1 and connection_id = 'c2'`, p.env.ID), "the rejected one is gone with its credentials")
			assert.Zero(t, p.count(`select count(*) from run where environment_id = $1 and kind = 'event'`, p.env.ID), "it was never announced")

			a = p.call("POST", "/connections", `{"provider_config_key":"demo","connection_id":"c1","credentials":{"type":"API_KEY","apiKey":"bad"}}`)
			assert.Equal(t, 400, a.status)
			a = p.call("GET", "/connections/c1?provider_config_key=demo", "")
			require.Equal(t, 200, a.status, "an older connection is kept")
			var kept struct {
				Errors []struct {
					Type  string `json:"type"`
					LogID string `json:"log_id"`
				} `json:"errors"`
			}
			require.NoError(t, json.Unmarshal([]byte(a.body), &kept))
			require.Len(t, kept.Errors, 1)
			assert.Equal(t, "auth", kept.Errors[0].Type)
			assert.Len(t, kept.Errors[0].LogID, 22)

			p.engine.outcome = causeway.Outcome{State: causeway.RunSucceeded}
			p.importConnection(`{"provider_config_key":"demo","connection_id":"c1","credentials":{"type":"API_KEY","apiKey":"good"}}`)
			assert.Contains(t, p.call("GET", "/connections/c1?provider_config_key=demo", "").body, `"errors":[]`, "good credentials clear it")
			p.importConnection(newC2)
			assert.Equal(t, []string{"check", "check", "check", "check-too", "check", "check-too"}, p.ran())
			assert.Equal(t, 1, p.count(`select count(*) from run where environment_id = $1 and kind = 'event'`, p.env.ID), "the new one is announced")
		})
	}
}

// Each event has its own type of operation in the logs.
func TestOperationsOfEvents(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{
		causeway.EventConnectionCreated: "post_connection_creation", causeway.EventConnectionDeletion: "pre_connection_deletion", causeway.EventConnectionValidate: "validate_connection",
	} {
		name, action := causeway.OperationType(causeway.RunEvent, event)
		assert.Equal(t, []string{"events", want}, []string{name, action})
	}
}
