package api_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/api"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

func TestWhoCalls(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	revoked, err := p.store.CreateKey(t.Context(), p.env.ID, "revoked", []string{"environment:*"})
	require.NoError(t, err)
	key, err := p.store.APIKey(t.Context(), revoked)
	require.NoError(t, err)
	require.NoError(t, p.store.RevokeKey(t.Context(), p.env.ID, key.ID))
	expired := uuid.NewString()
	p.exec(`insert into api_key (account_id, environment_id, kind, display_name, secret_hash, secret_hint, scopes, expires_at)
 values ($1, $2, 'environment', 'expired', sha256($3::bytea), 'abcd', '{environment:*}', now() - interval '1 s')`, p.env.AccountID, p.env.ID, []byte(expired))
	var signing string
	p.exec(`insert into api_key (account_id, environment_id, kind, display_name, secret_hash, secret_hint, scopes)
 values ($1, $2, 'webhook_signing', 'signing', sha256($3::bytea), 'abcd', '{environment:*}')`, p.env.AccountID, p.env.ID, []byte("6f9619ff-8b86-4011-b42d-00c04fc964ff"))
	signing = "6f9619ff-8b86-4011-b42d-00c04fc964ff"

	for name, c := range map[string]struct {
		header string
		code   string // empty: let in
	}{
		"a bearer":                 {"Bearer " + p.key, ""},
		"a bare key":               {p.key, ""},
		"the last bearer":          {"Bearer x Bearer " + p.key, ""},
		"upper case":               {"Bearer " + strings.ToUpper(p.key), ""},
		"nothing":                  {"", "missing_auth_header"},
		"an empty bearer":          {"Bearer ", "malformed_auth_header"},
		"the word alone":           {"Bearer", "malformed_auth_header"},
		"no UUID":                  {"Bearer not-a-uuid", "invalid_secret_key_format"},
		"a UUID of version 1":      {"Bearer 6f9619ff-8b86-1011-b42d-00c04fc964ff", "invalid_secret_key_format"},
		"a UUID in braces":         {"Bearer {" + p.key + "}", "invalid_secret_key_format"},
		"an unknown key":           {"Bearer " + uuid.NewString(), "unknown_account"},
		"a revoked key":            {"Bearer " + revoked, "unknown_account"},
		"an expired key":           {"Bearer " + expired, "unknown_account"},
		"a key that signs":         {"Bearer " + signing, "unknown_account"},
		"a token of a browser":     {"Bearer nango_connect_session_" + strings.Repeat("0", 64), "invalid_secret_key_format"},
		"SQL":                      {"Bearer ' or 1=1 --", "invalid_secret_key_format"},
		"half a key and more text": {"Bearer " + p.key + " x", "invalid_secret_key_format"},
	} {
		a := p.call("GET", "/integrations", "", "Authorization", c.header)
		if c.code == "" {
			assert.Equal(t, 200, a.status, "%s: %s", name, a.body)
			continue
		}
		assert.Equal(t, 401, a.status, name)
		assert.Equal(t, c.code, a.code(), name)
		assert.Contains(t, a.body, `"payload":{}`, "the envelope of these always has it")
	}
	a := p.call("GET", "/integrations", "", "Authorization", "")
	assert.JSONEq(t, `{"error":{"message":"Authentication failed. The request is missing the Authorization header.","payload":{},"code":"missing_auth_header"}}`, a.body)
}

// What holds for every route, from the table.
func TestEveryRoute(t *testing.T) {
	t.Parallel()
	w := newWalk(t)
	p, ctx := w.p, t.Context()
	none, err := p.store.CreateKey(ctx, p.env.ID, "none", []string{"environment:nothing"})
	require.NoError(t, err)
	account := uuid.NewString()
	p.exec(`insert into api_key (account_id, kind, display_name, secret_hash, secret_hint, scopes) values ($1, 'account', 'a', sha256($2::bytea), 'abcd', '{account:*}')`, p.env.AccountID, []byte(account))

	for _, r := range w.table() {
		for _, method := range r.Methods {
			name := method + " " + r.Path
			a, target := w.attack(r, method)
			if r.Open {
				assert.Equal(t, 200, p.call(method, target, "", "Authorization", "").status, name)
				continue
			}
			assert.Equal(t, "missing_auth_header", p.call(method, target, a.body, "Authorization", "").code(), name)
			refused := map[string]string{"a key without the scope": none, "an account's key": account}
			var want string
			switch len(r.Scopes) {
			case 0:
				want = "API key is not authorized for an environment"
				delete(refused, "a key without the scope")
			case 1:
				want = "Insufficient scope. Required: " + r.Scopes[0]
			default:
				want = "Insufficient scope. Required one of: " + strings.Join(r.Scopes, " or ")
			}
			for who, key := range refused {
				got := p.call(method, target, a.body, "Authorization", "Bearer "+key)
				assert.Equal(t, 403, got.status, "%s with %s: %s", name, who, got.body)
				assert.Equal(t, map[string]any{"code": "forbidden", "message": want}, got.field(t, "error"), "%s with %s", name, who)
			}
			text := p.call(method, target, "x", "Content-Type", "text/plain", "Authorization", "")
			if r.Guarded {
				assert.Equal(t, 415, text.status, "%s: before anybody is asked who he is", name)
				assert.Equal(t, "invalid_content_type", text.code(), name)
			} else {
				assert.NotEqual(t, 415, text.status, name)
			}
			if path, query, _ := strings.Cut(target, "?"); !a.endless && !r.Wildcard {
				_, plain := w.do(none, method, target, a)
				_, slash := w.do(none, method, path+"/?"+query, a)
				assert.Equal(t, plain, slash, "%s with a slash at the end", name)
			}
		}
	}
}

func TestScopesThatStandForOthers(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	for scope, allowed := range map[string]bool{
		"environment:*": true, "environment:syncs:*": true, "environment:syncs:read": true,
		"environment:records:read": false, "environment:syncs:execute": false, "environment:sync:*": false, "environment:syncs:re*": false, "*": false, "account:*": false,
	} {
		key, err := p.store.CreateKey(t.Context(), p.env.ID, scope, []string{scope})
		require.NoError(t, err)
		a := p.call("GET", "/sync/status?syncs=*&provider_config_key=demo", "", "Authorization", "Bearer "+key)
		assert.Equal(t, allowed, a.status == 200, "%s: %s", scope, a.body)
	}
}

func TestBrowsersAreToldWhatTheyMay(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	a := p.call("OPTIONS", "/integrations", "", "Origin", "https://app.test", "Access-Control-Request-Method", "GET", "Authorization", "")
	assert.Equal(t, 204, a.status)
	assert.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "600", a.header.Get("Access-Control-Max-Age"))
	assert.Contains(t, a.header.Get("Access-Control-Allow-Headers"), "Provider-Config-Key")
	for _, path := range []string{"/health", "/integrations", "/nowhere"} {
		a := p.call("GET", path, "")
		assert.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"), path)
		assert.Empty(t, a.header.Get("Access-Control-Allow-Credentials"), "a page of somebody else may not use a login")
		assert.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), path)
		assert.Empty(t, a.header.Get("X-Powered-By"))
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	for _, c := range []struct {
		method, path, body, code string
		status                   int
	}{
		{"GET", "/nowhere", "", "not_found", 404},
		{"PUT", "/integrations", "{}", "not_found", 404},
		{"POST", "/connections", `{"a":`, "invalid_json", 400},
		{"POST", "/connections", `[]`, "invalid_body", 400},
		{"POST", "/connections", `"x"`, "invalid_body", 400},
		{"GET", "/integrations?x=1", "", "invalid_query_params", 400},
		{"GET", "/connections?limit=2001", "", "invalid_query_params", 400},
		{"GET", "/connections?limit=ten", "", "invalid_query_params", 400},
		{"GET", "/connections?limit=1&limit=2", "", "invalid_query_params", 400},
		{"GET", "/connections?search[a]=1", "", "invalid_query_params", 400},
		{"GET", "/connections?search=%00", "", "invalid_query_params", 400},
		{"GET", "/connections?search=%ff", "", "invalid_query_params", 400},
		{"GET", "/connections?tags=x", "", "invalid_query_params", 400},
		{"GET", "/connections/c1?provider_config_key=%00", "", "invalid_query_params", 400},
		{"GET", "/connections/c%00?provider_config_key=demo", "", "invalid_uri_params", 400},
		{"GET", "/integrations/x%00", "", "invalid_uri_params", 400},
		{"DELETE", "/integrations/x%ff", "", "invalid_uri_params", 400},
		{"PATCH", "/integrations/%3F", "{}", "invalid_uri_params", 400},
		{"POST", "/connections/metadata", `{"connection_id":"c1","provider_config_key":"demo","metadata":{"a":["\u0000"]}}`, "invalid_body", 400},
		{"POST", "/connections/metadata", `{"connection_id":"c1","provider_config_key":"demo\u0000","metadata":{}}`, "invalid_body", 400},
	} {
		a := p.call(c.method, c.path, c.body)
		assert.Equal(t, c.status, a.status, "%s %s: %s", c.method, c.path, a.body)
		assert.Equal(t, c.code, a.code(), "%s %s: %s", c.method, c.path, a.body)
	}
	a := p.call("POST", "/connections/metadata", `{"connection_id":"c1","provider_config_key":"demo","metadata":{"a":["\ud800"]},"more":1}`)
	assert.Equal(t, []any{
		map[string]any{"code": "invalid_format", "message": "Invalid string: must not contain NUL or half of a surrogate pair", "path": []any{"metadata", "a", "0"}},
		map[string]any{"code": "unrecognized_keys", "message": `Unrecognized key: "more"`, "path": []any{}},
	}, a.field(t, "error").(map[string]any)["errors"])
}

// A failure of ours shows an id, which the process log has too, and nothing of its cause.
func TestAFailureOfOursShowsAnIDOnly(t *testing.T) {
	t.Parallel()
	url := storagetest.URL(t)
	store := storagetest.Open(t, url)
	pool := storagetest.Pool(t, url)
	e := storagetest.Seed(t, pool, "one")
	key, err := store.CreateKey(t.Context(), e.ID, "k", []string{"environment:*"})
	require.NoError(t, err)
	var log bytes.Buffer
	server := httptest.NewServer(api.New(api.Deps{Store: store, Logger: slog.New(slog.NewTextHandler(&log, nil))}).Handler())
	t.Cleanup(server.Close)
	_, err = pool.Exec(t.Context(), `alter table environment_variable rename to gone`)
	require.NoError(t, err)
	status, body := get(t, server.URL+"/environment-variables", key)
	assert.Equal(t, 500, status)
	id := regexpID.FindString(body)
	require.NotEmpty(t, id, body)
	assert.Contains(t, body, `"code":"generic_error_support"`)
	assert.NotContains(t, body, "environment_variable")
	assert.Contains(t, log.String(), id)
	assert.Contains(t, log.String(), "environment_variable")
	assert.NotContains(t, log.String(), key)

	// A panic is the same to the caller.
	status, body = get(t, server.URL+"/integrations/demo?include=webhook", key)
	assert.Equal(t, 500, status, "there is no catalog")
	require.NotEmpty(t, regexpID.FindString(body), body)
	assert.Contains(t, log.String(), regexpID.FindString(body))
}

func get(t *testing.T, url, key string) (int, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	require.NoError(t, err)
	q.Header.Set("Authorization", "Bearer "+key)
	a, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	defer func() { _ = a.Body.Close() }()
	raw, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	return a.StatusCode, string(raw)
}

var regexpID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
