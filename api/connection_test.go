package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
)

const connectionProviders = `
oauth1: {display_name: O, auth_mode: OAUTH1, docs: x, request_url: "https://x.test/r"}
client-credentials: {display_name: C, auth_mode: OAUTH2_CC, docs: x}
tba: {display_name: T, auth_mode: TBA, docs: x}
none: {display_name: N, auth_mode: NONE, docs: x}
bill: {display_name: B, auth_mode: BILL, docs: x}
oauth2: {display_name: O2, auth_mode: OAUTH2, docs: x}
mcp: {display_name: M, auth_mode: MCP_OAUTH2, docs: x}
basic: {display_name: B, auth_mode: BASIC, docs: x}
`

// integrations makes an integration of each of these providers, under its name.
func (p *product) integrations(names ...string) {
	p.t.Helper()
	for _, name := range names {
		require.NoError(p.t, p.store.CreateIntegration(p.t.Context(), &causeway.Integration{EnvironmentID: p.env.ID, UniqueKey: name, Provider: name}))
	}
}

func (p *product) importConnection(body string) map[string]any {
	p.t.Helper()
	a := p.call("POST", "/connections", body)
	require.Equal(p.t, 201, a.status, a.body)
	var c map[string]any
	require.NoError(p.t, json.Unmarshal([]byte(a.body), &c))
	return c
}

func TestImportingConnectionsOfEachKind(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.catalog(t, connectionProviders)
	p.integrations("oauth1", "client-credentials", "tba", "none", "oauth2", "mcp", "basic")
	for _, c := range []struct{ integration, more, credentials, shown string }{
		{"oauth2", "", `{"type":"OAUTH2","access_token":"a","refresh_token":"r","expires_at":"2030-01-02T03:04:05Z","config_override":{"client_id":"c"}}`,
			`{"type":"OAUTH2","access_token":"a","refresh_token":"r","expires_at":"2030-01-02T03:04:05.000Z","config_override":{"client_id":"c"},"raw":{}}`},
		{"mcp", "", `{"type":"OAUTH2","access_token":"a","expires_at":1893553445000}`, `{"type":"OAUTH2","access_token":"a","expires_at":"2030-01-02T03:04:05.000Z","raw":{}}`},
		{"client-credentials", "", `{"type":"OAUTH2_CC","token":"t","client_id":"i","client_secret":"s"}`, `{"type":"OAUTH2_CC","token":"t","client_id":"i","client_secret":"s","raw":{}}`},
		{"oauth1", "", `{"type":"OAUTH1","oauth_token":"t","oauth_token_secret":"s"}`, `{"type":"OAUTH1","oauth_token":"t","oauth_token_secret":"s","raw":{}}`},
		{"demo", "", `{"type":"API_KEY","apiKey":"ключ"}`, `{"type":"API_KEY","apiKey":"ключ"}`},
		{"basic", "", `{"type":"BASIC","username":"u","password":""}`, `{"type":"BASIC","username":"u","password":""}`},
		{"tba", `"connection_config":{"accountId":"1"},`, `{"type":"TBA","token_id":"t","token_secret":"s"}`, `{"type":"TBA","token_id":"t","token_secret":"s"}`},
		{"none", "", `{"type":"NONE"}`, `{"type":"NONE"}`},
	} {
		made := p.importConnection(`{"provider_config_key":"` + c.integration + `",` + c.more + `"credentials":` + c.credentials + `}`)
		assert.ElementsMatch(t, []string{
			"id", "connection_id", "provider_config_key", "provider", "errors", "end_user", "tags", "metadata", "connection_config", "webhook_url_override",
			"created_at", "updated_at", "last_fetched_at", "credentials",
		}, keysOf(made), c.integration)
		assert.Regexp(t, `^[0-9a-f-]{36}$`, made["connection_id"], "a generated id")
		assert.Regexp(t, `Z$`, made["created_at"])
		assert.Equal(t, []any{}, made["errors"])
		shown, err := json.Marshal(made["credentials"])
		require.NoError(t, err)
		assert.JSONEq(t, c.shown, string(shown), c.integration)

		var sealed []byte
		require.NoError(t, p.pool.QueryRow(t.Context(), `select envelope from connection_credential where environment_id = $1 and connection_id = $2`, p.env.ID, int64(made["id"].(float64))).Scan(&sealed))
		assert.NotContains(t, string(sealed), "type", "the database has no credentials in clear")
	}
}

func TestWhatConnectionsRefuse(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.catalog(t, connectionProviders)
	p.integrations("bill", "tba", "oauth2", "unknown")
	ok := `"credentials":{"type":"API_KEY","apiKey":"k"}`
	eleven := map[string]string{}
	for i := range 11 {
		eleven[fmt.Sprintf("k%d", i)] = "v"
	}
	tags, err := json.Marshal(eleven)
	require.NoError(t, err)
	for _, c := range []struct {
		name, body, code, path string
		status                 int
	}{
		{"no integration", `{"provider_config_key":"nowhere",` + ok + `}`, "not_found", "", 404},
		{"no provider", `{"provider_config_key":"unknown",` + ok + `}`, "not_found", "", 404},
		{"another kind of credentials", `{"provider_config_key":"demo","credentials":{"type":"BASIC","username":"","password":""}}`, "invalid_body", "", 400},
		{"a kind that can't be imported", `{"provider_config_key":"bill","credentials":{"type":"BILL"}}`, "invalid_body", "credentials", 400},
		{"TBA without an account", `{"provider_config_key":"tba","credentials":{"type":"TBA","token_id":"t","token_secret":"s"}}`, "invalid_body", "", 400},
		{"no credentials", `{"provider_config_key":"demo"}`, "invalid_body", "credentials", 400},
		{"credentials without a type", `{"provider_config_key":"demo","credentials":{"apiKey":"k"}}`, "invalid_body", "credentials", 400},
		{"an empty key", `{"provider_config_key":"demo","credentials":{"type":"API_KEY","apiKey":""}}`, "invalid_body", "credentials.apiKey", 400},
		{"a long key", `{"provider_config_key":"demo","credentials":{"type":"API_KEY","apiKey":"` + strings.Repeat("k", 1025) + `"}}`, "invalid_body", "credentials.apiKey", 400},
		{"a number as key", `{"provider_config_key":"demo","credentials":{"type":"API_KEY","apiKey":7}}`, "invalid_body", "credentials.apiKey", 400},
		{"a field of another kind", `{"provider_config_key":"demo","credentials":{"type":"API_KEY","apiKey":"k","token":"t"}}`, "invalid_body", "credentials", 400},
		{"no date", `{"provider_config_key":"oauth2","credentials":{"type":"OAUTH2","access_token":"a","expires_at":"soon"}}`, "invalid_body", "credentials.expires_at", 400},
		{"an override that isn't one", `{"provider_config_key":"oauth2","credentials":{"type":"OAUTH2","access_token":"a","config_override":{"x":"y"}}}`, "invalid_body", "credentials.config_override", 400},
		{"a strange id", `{"provider_config_key":"demo","connection_id":"a#b",` + ok + `}`, "invalid_body", "connection_id", 400},
		{"a long id", `{"provider_config_key":"demo","connection_id":"` + strings.Repeat("a", 256) + `",` + ok + `}`, "invalid_body", "connection_id", 400},
		{"metadata that is a list", `{"provider_config_key":"demo","metadata":[1],` + ok + `}`, "invalid_body", "metadata", 400},
		{"tags that differ by case only", `{"provider_config_key":"demo","tags":{"a":"1","A":"2"},` + ok + `}`, "invalid_body", "tags.a", 400},
		{"eleven tags", `{"provider_config_key":"demo","tags":` + string(tags) + `,` + ok + `}`, "invalid_body", "tags", 400},
		{"a tag's key", `{"provider_config_key":"demo","tags":{"1a":"x"},` + ok + `}`, "invalid_body", "tags.1a", 400},
		{"a tag's mail", `{"provider_config_key":"demo","tags":{"end_user_email":"x"},` + ok + `}`, "invalid_body", "tags.end_user_email", 400},
		{"a user without id", `{"provider_config_key":"demo","end_user":{"email":"u@x.test"},` + ok + `}`, "invalid_body", "end_user.id", 400},
		{"a user's mail", `{"provider_config_key":"demo","end_user":{"id":"u","email":"x"},` + ok + `}`, "invalid_body", "end_user.email", 400},
		{"no webhook address", `{"provider_config_key":"demo","webhook_url_override":"ftp://x",` + ok + `}`, "invalid_body", "webhook_url_override", 400},
		{"an unknown field", `{"provider_config_key":"demo","secret":"x",` + ok + `}`, "invalid_body", "", 400},
	} {
		a := p.call("POST", "/connections", c.body)
		assert.Equal(t, c.status, a.status, "%s: %s", c.name, a.body)
		assert.Equal(t, c.code, a.code(), "%s: %s", c.name, a.body)
		if c.path != "" {
			var e struct {
				Error struct{ Errors []causeway.Issue }
			}
			require.NoError(t, json.Unmarshal([]byte(a.body), &e))
			require.Len(t, e.Error.Errors, 1, "%s: %s", c.name, a.body)
			assert.Equal(t, c.path, strings.Join(e.Error.Errors[0].Path, "."), c.name)
		}
	}
	assert.Equal(t, 1, p.count(`select count(*) from connection where environment_id = $1`, p.env.ID), "none of them was made")
}

// Ids may hold slashes, plus signs, quotes and more. They are found everywhere, escaped as clients do it.
func TestConnectionsWithStrangeIDs(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	for _, id := range []string{`team/42+eu@x "q"`, `a+b`, `a b`, `a/b/c`, `{"a":[1]}`, `\x`, `..`, `.`, `a;b,c=d`, `metadata`} {
		if !causeway.ValidConnectionID(id) {
			t.Fatal(id)
		}
		quoted, err := json.Marshal(id)
		require.NoError(t, err)
		made := p.importConnection(`{"provider_config_key":"demo","connection_id":` + string(quoted) + `,"credentials":{"type":"API_KEY","apiKey":"k"}}`)
		assert.Equal(t, id, made["connection_id"])
		forms := map[string]string{"as browsers do": strings.ReplaceAll(url.QueryEscape(id), "+", "%20")}
		if !strings.ContainsAny(id, `/"\{}[] `) && id != "." && id != ".." {
			forms["as little as possible"] = id
		}
		for how, escaped := range forms {
			path := "/connections/" + escaped + "?provider_config_key=demo"
			if escaped == "metadata" || escaped == "." || escaped == ".." {
				path = strings.Replace(path, "/connections/", "/connection/", 1)
			}
			a := p.call("GET", path, "")
			require.Equal(t, 200, a.status, "%q %s: %s", id, how, a.body)
			assert.Equal(t, id, a.field(t, "connection_id"), how)
			assert.Equal(t, 200, p.call("GET", strings.Replace(path, "?", "/?", 1), "").status, "%q %s, with a slash at the end", id, how)
		}
		listed := p.call("GET", "/connections?connectionId="+url.QueryEscape(id), "")
		assert.Contains(t, listed.body, `"connection_id":`+string(quoted), id)
		assert.Equal(t, 201, p.call("POST", "/connections/metadata", `{"connection_id":[`+string(quoted)+`],"provider_config_key":"demo","metadata":{"x":1}}`).status, id)
		assert.Equal(t, 200, p.call("GET", "/records?model=Item", "", "Provider-Config-Key", "demo", "Connection-Id", id).status, "%q in a header", id)
		assert.Equal(t, 200, p.call("DELETE", "/connection/"+strings.ReplaceAll(url.QueryEscape(id), "+", "%20")+"?provider_config_key=demo", "").status, id)
		assert.Equal(t, 0, p.count(`select count(*) from connection where environment_id = $1 and connection_id = $2 and deleted_at is null`, p.env.ID, id))
	}
}

func TestReadingAConnection(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.catalog(t, connectionProviders)
	p.integrations("oauth2")
	p.importConnection(`{"provider_config_key":"oauth2","connection_id":"c","metadata":{"z":1,"a":[1.50,"<&>"]},"webhook_url_override":"https://hook.test/x","tags":{"Plan":"Gold"},
	  "connection_config":{"sub":"domain","nested":{"refresh_token":"config-refresh"}},"end_user":{"id":"u1","email":"u@x.test","display_name":"Ünal"},
	  "credentials":{"type":"OAUTH2","access_token":"access","refresh_token":"refresh-secret"}}`)
	get := func(query string, headers ...string) answer {
		return p.call("GET", "/connections/c?provider_config_key=oauth2"+query, "", headers...)
	}
	a := get("&refresh_token=false&force_refresh=false&refresh_github_app_jwt_token=false") // as the official client asks
	require.Equal(t, 200, a.status, a.body)
	assert.Regexp(t, `"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"`, a.body)
	assert.Equal(t, map[string]any{"z": 1.0, "a": []any{1.5, "<&>"}}, a.field(t, "metadata"))
	assert.Equal(t, map[string]any{"plan": "Gold", "end_user_id": "u1", "end_user_email": "u@x.test", "end_user_display_name": "Ünal"}, a.field(t, "tags"))
	assert.Equal(t, map[string]any{"id": "u1", "email": "u@x.test", "display_name": "Ünal", "tags": map[string]any{}, "organization": nil}, a.field(t, "end_user"))
	assert.Equal(t, "https://hook.test/x", a.field(t, "webhook_url_override"))
	assert.Equal(t, map[string]any{"type": "OAUTH2", "access_token": "access", "raw": map[string]any{}}, a.field(t, "credentials"))
	assert.Equal(t, map[string]any{"sub": "domain", "nested": map[string]any{}}, a.field(t, "connection_config"))
	assert.Contains(t, get("&refresh_token=true").body, "refresh-secret")
	assert.Contains(t, get("&refresh_token=YES").body, "config-refresh")

	reader, err := p.store.CreateKey(t.Context(), p.env.ID, "reader", []string{"environment:connections:read"})
	require.NoError(t, err)
	a = get("", "Authorization", "Bearer "+reader)
	assert.Equal(t, 200, a.status)
	assert.Equal(t, map[string]any{}, a.field(t, "credentials"))
	for _, flag := range []string{"refresh_token", "force_refresh", "refresh_github_app_jwt_token"} {
		a = get("&"+flag+"=true", "Authorization", "Bearer "+reader)
		assert.Equal(t, 403, a.status, flag)
		assert.Equal(t, "forbidden", a.code())
	}
	for path, want := range map[string]string{
		"/connections/c": "invalid_query_params",
		"/connections/c?provider_config_key=nowhere":                      "unknown_provider_config",
		"/connections/d?provider_config_key=oauth2":                       "not_found",
		"/connections/c?provider_config_key=demo":                         "not_found",
		"/connections/c%23?provider_config_key=demo":                      "invalid_uri_params",
		"/connections/c?provider_config_key=oauth2&force_refresh=perhaps": "invalid_query_params",
		"/connections/c?provider_config_key=oauth2&x=1":                   "invalid_query_params",
	} {
		assert.Equal(t, want, p.call("GET", path, "").code(), path)
	}
}

func TestOverwritingAConnection(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	first := p.importConnection(`{"provider_config_key":"demo","connection_id":"c","metadata":{"a":1},"connection_config":{"x":"y"},"tags":{"a":"b"},"webhook_url_override":"https://h.test","end_user":{"id":"u"},"credentials":{"type":"API_KEY","apiKey":"one"}}`)
	p.exec(`insert into problem (environment_id, connection_id, type, operation_id) values ($1, $2, 'auth', 'op')`, p.env.ID, int64(first["id"].(float64)))
	second := p.importConnection(`{"provider_config_key":"demo","connection_id":"c","credentials":{"type":"API_KEY","apiKey":"two"}}`)
	assert.Equal(t, first["id"], second["id"])
	for field, want := range map[string]any{"metadata": map[string]any{}, "connection_config": map[string]any{}, "tags": map[string]any{}, "webhook_url_override": nil, "errors": []any{}} {
		assert.Equal(t, want, second[field], field)
	}
	assert.Equal(t, "u", second["end_user"].(map[string]any)["id"], "the user stays")
	assert.Equal(t, "two", p.call("GET", "/connections/c?provider_config_key=demo", "").field(t, "credentials").(map[string]any)["apiKey"])
	assert.Equal(t, 1, p.count(`select count(*) from sync s join connection c on c.environment_id = s.environment_id and c.id = s.connection_id
 where s.environment_id = $1 and c.connection_id = 'c' and s.deleted_at is null`, p.env.ID), "its syncs were made once")
	assert.NotEmpty(t, p.engine.asked, "and the scheduler was told")
}

func TestListingConnections(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.catalog(t, connectionProviders)
	p.integrations("none")
	for i, more := range []string{
		`"end_user":{"id":"user-a","email":"Anna@X.test","display_name":"Änne"},"tags":{"Plan":"gold"}`,
		`"end_user":{"id":"user-b"},"tags":{"plan":"blue","area":"eu"}`,
		`"tags":{}`,
	} {
		p.importConnection(fmt.Sprintf(`{"provider_config_key":"none","connection_id":"n%d",%s,"credentials":{"type":"NONE"}}`, i, more))
	}
	for query, want := range map[string]string{
		"":                                   "n2 n1 n0 c1",
		"connectionId=n1":                    "n1",
		"search=ANNA@":                       "n0",
		"search=%C3%A4NNE":                   "n0",
		"search=N":                           "n2 n1 n0",
		"endUserId=user-b":                   "n1",
		"endUserOrganizationId=x":            "",
		"integrationId=demo":                 "c1",
		"integrationId=demo,%20none":         "n2 n1 n0 c1",
		"integrationId=":                     "!",
		"tags[plan]=gold":                    "n0",
		"tags[PLAN]=blue&tags[area]=eu":      "n1",
		"tags[plan]=gold&tags[area]=eu":      "",
		"tags[1]=x":                          "!",
		"limit=2":                            "n2 n1",
		"limit=2&page=1":                     "n0 c1",
		"limit=1&page=4":                     "",
		"limit=0":                            "!",
		"page=-1":                            "!",
		"unknown=1":                          "!",
		"search=" + strings.Repeat("x", 256): "!",
	} {
		for _, path := range []string{"/connections", "/connection"} {
			a := p.call("GET", path+"?"+query, "")
			if want == "!" {
				assert.Equal(t, "invalid_query_params", a.code(), "%s: %s", query, a.body)
				continue
			}
			require.Equal(t, 200, a.status, "%s: %s", query, a.body)
			var found struct{ Connections []map[string]any }
			require.NoError(t, json.Unmarshal([]byte(a.body), &found))
			ids := []string{}
			for _, c := range found.Connections {
				ids = append(ids, c["connection_id"].(string))
				assert.ElementsMatch(t, []string{"id", "connection_id", "provider_config_key", "provider", "errors", "end_user", "tags", "metadata", "created"}, keysOf(c))
			}
			assert.Equal(t, want, strings.Join(ids, " "), query)
		}
	}
	all := p.call("GET", "/connections", "").body
	assert.Regexp(t, `"created":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}\+00:00"`, all)

	// A change of who it belongs to is found as well.
	require.Equal(t, 200, p.call("PATCH", "/connections/n2?provider_config_key=none", `{"end_user":{"id":"later","email":"late@x.test"}}`).status)
	assert.Contains(t, p.call("GET", "/connections?search=late@x", "").body, `"n2"`)
}

func TestChangingAConnection(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.importConnection(`{"provider_config_key":"demo","connection_id":"c","tags":{"a":"b"},"webhook_url_override":"https://h.test","credentials":{"type":"API_KEY","apiKey":"one"}}`)
	const path = "/connections/c?provider_config_key=demo"
	tags := func() any { return p.call("GET", path, "").field(t, "tags") }
	change := func(body string) {
		t.Helper()
		a := p.call("PATCH", path, body)
		require.Equal(t, 200, a.status, a.body)
		assert.JSONEq(t, `{"success":true}`, a.body)
	}
	change(`{}`)
	assert.Equal(t, map[string]any{"a": "b"}, tags())
	change(`{"tags":{"X":"y"}}`)
	assert.Equal(t, map[string]any{"x": "y"}, tags(), "they replace")
	assert.Equal(t, "https://h.test", p.call("GET", path, "").field(t, "webhook_url_override"))
	change(`{"end_user":{"id":"u","tags":{"Own":"tag"}}}`)
	assert.Equal(t, map[string]any{"end_user_id": "u", "own": "tag"}, tags())
	change(`{"webhook_url_override":""}`)
	assert.Nil(t, p.call("GET", path, "").field(t, "webhook_url_override"))
	assert.Equal(t, map[string]any{"end_user_id": "u", "own": "tag"}, tags())
	change(`{"tags":{}}`)
	assert.Equal(t, map[string]any{}, tags())
	for _, c := range []struct{ path, body, code string }{
		{path, `{"tags":{"a":""}}`, "invalid_body"}, {path, `{"metadata":{}}`, "invalid_body"}, {path, `{"webhook_url_override":"x"}`, "invalid_body"},
		{"/connections/d?provider_config_key=demo", `{}`, "not_found"}, {"/connections/c?provider_config_key=x", `{}`, "unknown_provider_config"}, {"/connections/c", `{}`, "invalid_query_params"},
	} {
		assert.Equal(t, c.code, p.call("PATCH", c.path, c.body).code(), c.body)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.importConnection(`{"provider_config_key":"demo","connection_id":"c2","metadata":{"keep":1},"credentials":{"type":"API_KEY","apiKey":"one"}}`)
	metadata := func(id string) any {
		return p.call("GET", "/connections/"+id+"?provider_config_key=demo", "").field(t, "metadata")
	}
	body := `{"connection_id":["c1","c2"],"provider_config_key":"demo","metadata":{"a":{"b":1}}}`
	a := p.call("PATCH", "/connections/metadata", body)
	assert.Equal(t, 200, a.status)
	assert.JSONEq(t, body, a.body, "an echo")
	assert.Equal(t, map[string]any{"keep": 1.0, "a": map[string]any{"b": 1.0}}, metadata("c2"))
	body = `{"connection_id":"c2","provider_config_key":"demo","metadata":{"a":{"c":2}}}`
	a = p.call("PATCH", "/connection/metadata", body)
	assert.JSONEq(t, body, a.body)
	assert.Equal(t, map[string]any{"keep": 1.0, "a": map[string]any{"c": 2.0}}, metadata("c2"), "top-level keys only")
	a = p.call("POST", "/connections/metadata", `{"connection_id":"c2","provider_config_key":"demo","metadata":{}}`)
	assert.Equal(t, 201, a.status)
	assert.Equal(t, map[string]any{}, metadata("c2"))

	a = p.call("POST", "/connections/metadata", `{"connection_id":["c1","none","c2"],"provider_config_key":"demo","metadata":{"half":true}}`)
	assert.Equal(t, 404, a.status)
	assert.Equal(t, "unknown_connection", a.code())
	assert.NotContains(t, metadata("c1"), "half", "all or nothing")
	for _, bad := range []string{
		`{"connection_id":[],"provider_config_key":"demo","metadata":{}}`, `{"connection_id":"a#","provider_config_key":"demo","metadata":{}}`, `{"provider_config_key":"demo","metadata":{}}`,
		`{"connection_id":"c1","metadata":{}}`, `{"connection_id":"c1","provider_config_key":"demo"}`, `{"connection_id":"c1","provider_config_key":"demo","metadata":[]}`,
		`{"connection_id":"c1","provider_config_key":"demo","metadata":null}`, `{"connection_id":7,"provider_config_key":"demo","metadata":{}}`,
	} {
		assert.Equal(t, "invalid_body", p.call("POST", "/connections/metadata", bad).code(), bad)
	}

	a = p.call("POST", "/connection/c1/metadata?provider_config_key=demo", `{"old":1}`)
	assert.Equal(t, 201, a.status, a.body)
	assert.JSONEq(t, `{"old":1}`, a.body)
	a = p.call("PATCH", "/connection/c1/metadata", `{"form":2}`, "Provider-Config-Key", "demo")
	assert.Equal(t, 200, a.status, a.body)
	assert.Equal(t, map[string]any{"old": 1.0, "form": 2.0}, metadata("c1"))
	a = p.call("PATCH", "/connection/none/metadata?provider_config_key=demo", `{"form":2}`)
	assert.Equal(t, 404, a.status)
	assert.Contains(t, a.body, `"payload":{}`)
}

func TestDeletingAConnection(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	require.Equal(t, 200, p.call("POST", "/sync/trigger", allSyncs).status)
	a := p.call("DELETE", "/connections/c1?provider_config_key=demo", "")
	assert.JSONEq(t, `{"success":true}`, a.body)
	assert.Equal(t, 404, p.call("GET", "/connections/c1?provider_config_key=demo", "").status, "its credentials are gone at once")
	assert.Zero(t, p.count(`select count(*) from sync where environment_id = $1 and deleted_at is null`, p.env.ID))
	assert.Zero(t, p.count(`select count(*) from run where environment_id = $1`, p.env.ID), "what waited is closed")
	a = p.call("DELETE", "/connections/c1?provider_config_key=demo", "")
	assert.Equal(t, 400, a.status)
	assert.JSONEq(t, `{"error":{"code":"unknown_connection"}}`, a.body)
	assert.Equal(t, "invalid_uri_params", p.call("DELETE", "/connections/c%23", "").code(), "the path is judged before the query")

	again := p.importConnection(`{"provider_config_key":"demo","connection_id":"c1","credentials":{"type":"API_KEY","apiKey":"k"}}`)
	assert.NotEqual(t, float64(p.env.ConnectionID), again["id"], "a new one under the same id")
	assert.Equal(t, 1, p.count(`select count(*) from connection where environment_id = $1 and deleted_at is null`, p.other.ID), "the other environment's stays")
}

// A connection that is read again and again costs no query, and no write of when it was last used.
func TestAConnectionIsReadFromMemory(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	const path = "/connections/c1?provider_config_key=demo"
	first := p.call("GET", path, "")
	require.Equal(t, 200, first.status)
	p.exec(`alter table api_key rename to away_key`)
	p.exec(`alter table environment rename to away_environment`)
	p.exec(`alter table integration rename to away_integration`)
	p.exec(`alter table connection rename to away_connection`)
	p.exec(`alter table connection_credential rename to away_credential`)
	assert.Equal(t, first.body, p.call("GET", path, "").body)
	assert.Equal(t, 500, p.call("GET", "/connections", "").status, "while a list is always read")
}
