package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

const allSyncs = `{"syncs":[],"provider_config_key":"demo","connection_id":"c1"}`

func (p *product) status() map[string]any {
	p.t.Helper()
	a := p.call("GET", "/sync/status?syncs=*&provider_config_key=demo&connection_id=c1", "")
	require.Equal(p.t, 200, a.status, a.body)
	var out struct{ Syncs []map[string]any }
	require.NoError(p.t, json.Unmarshal([]byte(a.body), &out))
	require.Len(p.t, out.Syncs, 1)
	return out.Syncs[0]
}

func TestTriggeringSyncs(t *testing.T) {
	p := newProduct(t)
	a := p.call("POST", "/sync/trigger", `{"syncs":["items"],"provider_config_key":"demo","connection_id":"c1"}`)
	require.Equal(t, 200, a.status, a.body)
	assert.JSONEq(t, `{"success":true}`, a.body)
	require.Len(t, p.engine.started, 1)
	assert.Equal(t, "already_running", p.call("POST", "/sync/trigger", allSyncs).code(), "the only one that was meant")
	assert.Equal(t, "RUNNING", p.status()["status"])
	assert.Equal(t, "RUNNING", p.status()["latestExecutionStatus"])

	// A full run stops the one in its way; that waits, so it is closed here, and what follows opens the new one.
	a = p.call("POST", "/sync/trigger", `{"syncs":[{"name":"items","variant":"base"}],"provider_config_key":"demo","connection_id":"c1","opts":{"reset":true,"emptyCache":true}}`)
	require.Equal(t, 200, a.status, a.body)
	require.Len(t, p.engine.closed, 1)
	assert.Equal(t, 1, p.count(`select count(*) from sync where environment_id = $1 and request = 'full_empty'`, p.env.ID))

	older := p.call("POST", "/sync/trigger", `{"syncs":["items"],"full_resync":true}`, "Provider-Config-Key", "demo", "Connection-Id", "c1")
	assert.Equal(t, 200, older.status, older.body)
}

func TestWhatSyncCommandsRefuse(t *testing.T) {
	p := newProduct(t)
	p.exec(`insert into connection (environment_id, integration_id, connection_id) values ($1, $2, 'theirs')`, p.other.ID, p.other.IntegrationID)
	for _, c := range []struct {
		name, path, body string
		status           int
		code             string
	}{
		{"no integration named", "/sync/trigger", `{"syncs":[]}`, 400, "missing_provider_config_key"},
		{"none of this name", "/sync/trigger", `{"syncs":[],"provider_config_key":"none"}`, 400, "unknown_provider_config"},
		{"a connection of another environment", "/sync/trigger", `{"syncs":[],"provider_config_key":"demo","connection_id":"theirs"}`, 404, "unknown_connection"},
		{"no such sync", "/sync/trigger", `{"syncs":["none"],"provider_config_key":"demo","connection_id":"c1"}`, 400, "no_syncs_found"},
		{"no such variant", "/sync/trigger", `{"syncs":["items::eu"],"provider_config_key":"demo"}`, 400, "no_syncs_found"},
		{"new and old options", "/sync/trigger", `{"syncs":["items"],"provider_config_key":"demo","opts":{},"full_resync":true}`, 400, "invalid_body"},
		{"emptied without a reset", "/sync/trigger", `{"syncs":["items"],"provider_config_key":"demo","opts":{"emptyCache":true}}`, 400, "invalid_body"},
		{"a mode that nobody knows", "/sync/trigger", `{"syncs":["items"],"provider_config_key":"demo","sync_mode":"sideways"}`, 400, "invalid_body"},
		{"options of a pause", "/sync/pause", `{"syncs":["items"],"provider_config_key":"demo","opts":{}}`, 400, "invalid_body"},
		{"syncs left out", "/sync/pause", `{"provider_config_key":"demo"}`, 400, "invalid_body"},
		{"no integration", "/sync/start", `{"syncs":[]}`, 400, "invalid_body"},
		{"a query", "/sync/start?x=1", allSyncs, 400, "invalid_query_params"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.t = t
			a := p.call("POST", c.path, c.body)
			assert.Equal(t, c.status, a.status, a.body)
			assert.Equal(t, c.code, a.code(), a.body)
		})
	}
	assert.Empty(t, p.engine.started)
}

func TestPausingAndStartingSyncs(t *testing.T) {
	p := newProduct(t)
	require.Equal(t, 200, p.call("POST", "/sync/trigger", allSyncs).status)
	require.Equal(t, 200, p.call("POST", "/sync/pause", allSyncs).status)
	assert.Len(t, p.engine.closed, 1, "the run that waits is closed at once")
	s := p.status()
	assert.Equal(t, "PAUSED", s["status"])
	assert.Nil(t, s["nextScheduledSyncAt"])
	assert.Equal(t, 0, p.count(`select count(*) from sync where environment_id = $1 and paused_at is not null`, p.other.ID), "of another environment")

	require.Equal(t, 200, p.call("POST", "/sync/start", allSyncs).status)
	assert.Len(t, p.engine.asked, 1)
	s = p.status()
	assert.NotEqual(t, "PAUSED", s["status"])
	assert.NotNil(t, s["nextScheduledSyncAt"])
	require.Equal(t, 200, p.call("POST", "/sync/start", allSyncs).status, "again: a silent success")
}

func TestTheStatusOfASync(t *testing.T) {
	p := newProduct(t)
	s := p.status()
	for _, absent := range []string{"finishedAt", "latestResult", "latestExecutionStatus"} {
		assert.NotContains(t, s, absent, "it never ran")
	}
	assert.Equal(t, "SUCCESS", s["status"])
	assert.Equal(t, "INITIAL", s["type"])
	assert.Equal(t, "every hour", s["frequency"])
	assert.Equal(t, map[string]any{"Item": 0.0}, s["recordCount"])
	assert.Nil(t, s["checkpoint"])

	require.Equal(t, 200, p.call("POST", "/sync/trigger", allSyncs).status)
	p.engine.outcome = causeway.Outcome{State: causeway.RunSucceeded, Result: &causeway.RunResult{Models: map[string]causeway.Counts{"Item": {Added: 2, Unchanged: 5}}}}
	require.NoError(t, p.engine.run(t.Context(), p.engine.started[0]))
	s = p.status()
	assert.Equal(t, "SUCCESS", s["latestExecutionStatus"])
	assert.Equal(t, map[string]any{"Item": map[string]any{"added": 2.0, "updated": 0.0, "deleted": 0.0}}, s["latestResult"])
	finished, _ := s["finishedAt"].(string)
	_, err := time.Parse("2006-01-02T15:04:05.000Z", finished)
	require.NoError(t, err, finished)

	require.Equal(t, 200, p.call("POST", "/sync/trigger", allSyncs).status)
	p.engine.outcome = causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeScriptHTTPError}
	require.NoError(t, p.engine.run(t.Context(), p.engine.started[1]))
	assert.Equal(t, "ERROR", p.status()["status"])

	a := p.call("GET", "/sync/status?syncs=none,items&provider_config_key=demo", "")
	assert.Equal(t, 200, a.status)
	assert.Len(t, a.field(t, "syncs"), 1, "unknown names are skipped")
	assert.Equal(t, "invalid_query_params", p.call("GET", "/sync/status?provider_config_key=demo", "").code())
	assert.Equal(t, "invalid_body", p.call("GET", "/sync/status?syncs=*&provider_config_key=demo&connection_id=none", "").code())
}

func TestTheFrequencyOfOneConnectionsSync(t *testing.T) {
	p := newProduct(t)
	put := func(frequency string) answer {
		t.Helper()
		return p.call("PUT", "/sync/update-connection-frequency", `{"sync_name":"items","provider_config_key":"demo","connection_id":"c1","frequency":`+frequency+`}`)
	}
	for in, out := range map[string]string{`"every 2 hours"`: "2 hours", `"every half day"`: "12h", `"every week"`: "1w", `"1d"`: "1d", `null`: "every hour"} {
		a := put(in)
		assert.Equal(t, 200, a.status, a.body)
		assert.Equal(t, out, a.field(t, "frequency"))
	}
	require.Equal(t, 200, put(`"90 minutes"`).status)
	assert.Equal(t, "90m", p.status()["frequency"])
	for _, bad := range []string{`"20s"`, `"often"`, `""`, `5`} {
		assert.Equal(t, "invalid_body", put(bad).code(), bad)
	}
	assert.Equal(t, "unknown_sync", p.call("PUT", "/sync/update-connection-frequency", `{"sync_name":"none","provider_config_key":"demo","connection_id":"c1","frequency":null}`).code())
	assert.Equal(t, "unknown_connection", p.call("PUT", "/sync/update-connection-frequency", `{"sync_name":"items","provider_config_key":"demo","connection_id":"none","frequency":null}`).code())
	assert.Equal(t, "unknown_connection", p.call("PUT", "/sync/update-connection-frequency", `{"sync_name":"items","provider_config_key":"none","connection_id":"c1","frequency":null}`).code())
}

func TestVariantsOverTheWire(t *testing.T) {
	p := newProduct(t)
	body := `{"provider_config_key":"demo","connection_id":"c1"}`
	a := p.call("POST", "/sync/items/variant/eu", body)
	require.Equal(t, 200, a.status, a.body)
	assert.Equal(t, "eu", a.field(t, "variant"))
	assert.Len(t, p.engine.asked, 1)
	assert.Equal(t, "sync_variant_already_exists", p.call("POST", "/sync/items/variant/eu", body).code())
	assert.Equal(t, "invalid_variant", p.call("POST", "/sync/items/variant/Base", body).code())
	assert.Equal(t, "unknown_sync", p.call("POST", "/sync/none/variant/eu", body).code())
	assert.Equal(t, "unknown_provider_config", p.call("POST", "/sync/items/variant/eu", `{"provider_config_key":"none","connection_id":"c1"}`).code())
	assert.Equal(t, "unknown_connection", p.call("POST", "/sync/items/variant/eu", `{"provider_config_key":"demo","connection_id":"none"}`).code())
	assert.Equal(t, "invalid_body", p.call("POST", "/sync/items/variant/eu", `{}`).code())

	require.Equal(t, 200, p.call("POST", "/sync/trigger", `{"syncs":["items::eu"],"provider_config_key":"demo","connection_id":"c1"}`).status)
	assert.JSONEq(t, `{"success":true}`, p.call("DELETE", "/sync/items/variant/eu", body).body)
	assert.Len(t, p.engine.closed, 1, "its run is stopped")
	assert.Equal(t, 404, p.call("DELETE", "/sync/items/variant/eu", body).status)
	assert.Equal(t, "invalid_variant", p.call("DELETE", "/sync/items/variant/base", body).code())
	rows, err := p.store.Syncs(t.Context(), p.env.ID, storage.SyncFilter{IntegrationID: p.env.IntegrationID})
	require.NoError(t, err)
	assert.Len(t, rows, 1)
}
