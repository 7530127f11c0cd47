package host_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// newReaders is a host whose run's connection has credentials, and a second connection beside it.
func newReaders(t *testing.T) *triggers {
	t.Helper()
	x := newTriggers(t)
	catalog, err := providers.Load()
	require.NoError(t, err)
	x.Catalog, x.PublicURL = catalog, "http://causeway.test"
	x.Logs, err = storage.OpenLogs(t.Context(), storage.LogsOptions{URL: x.url, Enabled: true})
	require.NoError(t, err)
	t.Cleanup(x.Logs.Close)
	for _, id := range []string{"c1", "c2"} {
		_, _, err := x.Store.SaveConnection(t.Context(), x.env.ID, storage.NewConnection{
			IntegrationID: x.env.IntegrationID, ConnectionID: id, Metadata: json.RawMessage(`{"of":"` + id + `"}`), Config: map[string]any{"refreshToken": "hidden"},
			Credentials: causeway.Credentials{"type": "OAUTH2", "access_token": "token-of-" + id, "refresh_token": "hidden"},
		})
		require.NoError(t, err)
	}
	return x
}

func (x *triggers) connection(t *testing.T, q script.ConnectionRequest) (map[string]any, error) {
	t.Helper()
	raw, err := x.Connection(t.Context(), x.run, q)
	if err != nil {
		return nil, err
	}
	var c map[string]any
	require.NoError(t, json.Unmarshal(raw, &c))
	return c, nil
}

func TestAScriptReadsConnections(t *testing.T) {
	x := newReaders(t)
	c, err := x.connection(t, script.ConnectionRequest{})
	require.NoError(t, err)
	assert.Equal(t, "c1", c["connection_id"])
	assert.Equal(t, map[string]any{"type": "OAUTH2", "access_token": "token-of-c1"}, c["credentials"], "without the refresh token")
	assert.Equal(t, map[string]any{}, c["connection_config"])
	c, err = x.connection(t, script.ConnectionRequest{IntegrationKey: "demo", ConnectionID: "c2", RefreshToken: true})
	require.NoError(t, err)
	assert.Equal(t, "hidden", c["credentials"].(map[string]any)["refresh_token"], "unless it is asked for")

	for name, q := range map[string]script.ConnectionRequest{
		"another environment's": {ConnectionID: "theirs"}, "nobody's": {ConnectionID: "none"}, "of no integration": {IntegrationKey: "none", ConnectionID: "c1"},
	} {
		_, err := x.connection(t, q)
		assert.Equal(t, "not_found", causeway.ErrorCode(err), name)
		require.NotNil(t, script.AsCallError(err).Response, name)
	}
	x.Logs.Flush(t.Context())
	var lines int
	require.NoError(t, storagetest.Pool(t, x.url).QueryRow(t.Context(), `select count(*) from message where environment_id = $1 and operation_id = $2 and source = 'internal' and text like '%c2 of demo%'`, x.env.ID, x.run.OperationID).Scan(&lines))
	assert.Equal(t, 1, lines, "what was handed out is in the log")
}

func TestWhatAnEnvironmentLetsScriptsSee(t *testing.T) {
	for setting, want := range map[string]struct{ own, other map[string]any }{
		"":      {map[string]any{"type": "OAUTH2", "access_token": "token-of-c1"}, map[string]any{"type": "OAUTH2", "access_token": "token-of-c2"}},
		"allow": {map[string]any{"type": "OAUTH2", "access_token": "token-of-c1"}, map[string]any{"type": "OAUTH2", "access_token": "token-of-c2"}},
		"own":   {map[string]any{"type": "OAUTH2", "access_token": "token-of-c1"}, map[string]any{}},
		"deny":  {map[string]any{"type": "OAUTH2"}, map[string]any{"type": "OAUTH2"}},
		"typo":  {map[string]any{"type": "OAUTH2"}, map[string]any{"type": "OAUTH2"}},
	} {
		x := newReaders(t)
		_, err := storagetest.Pool(t, x.url).Exec(t.Context(), `update environment set settings = jsonb_build_object('scripts.credentials', $2::text) where id = $1`, x.env.ID, setting)
		require.NoError(t, err)
		own, err := x.connection(t, script.ConnectionRequest{})
		require.NoError(t, err)
		assert.Equal(t, want.own, own["credentials"], setting)
		other, err := x.connection(t, script.ConnectionRequest{ConnectionID: "c2"})
		require.NoError(t, err)
		assert.Equal(t, want.other, other["credentials"], setting)
		raw, err := x.Integration(t.Context(), x.run, script.IntegrationRequest{Include: []string{"credentials"}})
		require.NoError(t, err)
		assert.Equal(t, setting != "deny" && setting != "typo", strings.Contains(string(raw), `"credentials":`), setting)
	}
}

func TestAScriptWritesMetadata(t *testing.T) {
	x, ctx := newReaders(t), t.Context()
	stored := func(id string) string {
		c, err := x.Store.Connection(ctx, x.env.ID, x.env.IntegrationID, id)
		require.NoError(t, err)
		return string(c.Metadata)
	}
	a, body, err := x.UpdateMetadata(ctx, x.run, []byte(`{"n":1}`))
	require.NoError(t, err)
	assert.Equal(t, 200, a.Status)
	assert.JSONEq(t, `{"connection_id":"c1","provider_config_key":"demo","metadata":{"n":1}}`, string(body))
	assert.JSONEq(t, `{"of":"c1","n":1}`, stored("c1"))
	a, _, err = x.SetMetadata(ctx, x.run, []byte(`{"n":2}`))
	require.NoError(t, err)
	assert.Equal(t, 201, a.Status)
	assert.JSONEq(t, `{"n":2}`, stored("c1"))
	assert.JSONEq(t, `{"of":"c2"}`, stored("c2"), "of its own connection only")

	for _, bad := range []string{`[]`, `null`, `7`, `{`, ``, `{"a":"\u0000"}`, `{"a":"\ud800"}`} {
		_, _, err := x.SetMetadata(ctx, x.run, []byte(bad))
		assert.Equal(t, "invalid_body", causeway.ErrorCode(err), bad)
	}
	x.run.Fence++ // another worker has taken it over
	_, _, err = x.SetMetadata(ctx, x.run, []byte(`{"late":true}`))
	assert.True(t, script.AsCallError(err).Fatal, "what comes late is not written")
	assert.JSONEq(t, `{"n":2}`, stored("c1"))
}

func TestAScriptReadsItsIntegrationAndVariables(t *testing.T) {
	x, ctx := newReaders(t), t.Context()
	require.NoError(t, x.Store.SetVariables(ctx, x.env.ID, []causeway.Variable{{Name: "a", Value: "1"}}))
	require.NoError(t, x.Store.SetVariables(ctx, x.other.ID, []causeway.Variable{{Name: "b", Value: "theirs"}}))
	raw, err := x.Variables(ctx, x.run)
	require.NoError(t, err)
	assert.JSONEq(t, `[{"name":"a","value":"1"}]`, string(raw))
	raw, err = x.Integration(ctx, x.run, script.IntegrationRequest{Include: []string{"webhook"}})
	require.NoError(t, err)
	var i map[string]any
	require.NoError(t, json.Unmarshal(raw, &i))
	assert.Equal(t, "demo", i["unique_key"])
	assert.Equal(t, "Demo", i["display_name"], "the provider's, where it has none of its own")
	assert.Regexp(t, `^http://causeway\.test/webhook/[0-9a-f-]{36}/demo$`, i["webhook_url"])
	assert.NotContains(t, i, "credentials")
}
