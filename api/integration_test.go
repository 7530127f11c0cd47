package api_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/api"
	"github.com/causeway-dev/causeway/providers"
)

const pem = `-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----`

// catalog lays entries over the built-in ones.
func (p *product) catalog(t *testing.T, entries string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "more.yaml")
	require.NoError(t, os.WriteFile(file, []byte(entries), 0o600))
	c, err := providers.Load(file)
	require.NoError(t, err)
	p.handler = api.New(api.Deps{Store: p.store, Catalog: c, Logs: p.logs, Dispatch: p.engine, PublicURL: "http://causeway.test"}).Handler()
}

const moreProviders = `
app-provider: {display_name: App, auth_mode: APP, docs: x}
custom-provider: {display_name: Custom, auth_mode: CUSTOM, docs: x, token_url: {OAUTH2: "https://x.test/a", APP: "https://x.test/b"}}
scoped: {display_name: Scoped, auth_mode: OAUTH2, default_scopes: [read, write], docs: x}
configured:
  display_name: Configured
  auth_mode: API_KEY
  docs: x
  integration_config:
    region: {type: string, title: Region, enum: [eu, us], default_value: eu}
    host: {type: string, title: Host, format: uri}
    tenant: {type: string, title: Tenant, pattern: "^t[0-9]+$", optional: true}
    proxy: {type: string, title: Proxy, visible_when: {field: region, equals: us}}
`

func data(t *testing.T, a answer) map[string]any {
	t.Helper()
	require.Equal(t, 200, a.status, a.body)
	d, ok := a.field(t, "data").(map[string]any)
	require.True(t, ok, a.body)
	return d
}

func TestIntegrationsThereAndBack(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.catalog(t, moreProviders)
	for _, c := range []struct{ provider, credentials, shown string }{
		{"github", `{"type":"OAUTH2","client_id":"id","client_secret":"s","scopes":"repo,user","webhook_secret":"w"}`, `{"type":"OAUTH2","client_id":"id","client_secret":"s","scopes":"repo,user","webhook_secret":"w"}`},
		{"app-provider", `{"type":"APP","app_id":"7","app_link":"http://l","private_key":"` + pem + `"}`, `{"type":"APP","app_id":"7","app_link":"http://l","private_key":"` + pem + `"}`},
		{"custom-provider", `{"type":"CUSTOM","client_id":"id","client_secret":"s","app_id":"7","app_link":"http://l","private_key":"` + pem + `"}`, `{"type":"CUSTOM","client_id":"id","client_secret":"s","app_id":"7","app_link":"http://l","private_key":"` + pem + `"}`},
		{"demo", ``, `null`},
	} {
		key := "my " + c.provider + "@x:~.1"
		path := "/integrations/" + strings.ReplaceAll(key, " ", "%20")
		body := `{"provider":"` + c.provider + `","unique_key":"` + key + `"}`
		if c.credentials != "" {
			body = strings.TrimSuffix(body, "}") + `,"credentials":` + c.credentials + `}`
		}
		made := data(t, p.call("POST", "/integrations", body))
		assert.ElementsMatch(t, []string{"unique_key", "provider", "display_name", "logo", "forward_webhooks", "created_at", "updated_at"}, keysOf(made))
		assert.Equal(t, key, made["unique_key"])
		assert.Equal(t, true, made["forward_webhooks"])
		assert.Equal(t, "http://causeway.test/images/template-logos/"+c.provider+".svg", made["logo"])
		assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, made["created_at"])

		got := data(t, p.call("GET", path+"?include=credentials&include=webhook", ""))
		shown, err := json.Marshal(got["credentials"])
		require.NoError(t, err)
		assert.JSONEq(t, c.shown, string(shown))
		assert.Contains(t, got, "credentials")
		assert.Regexp(t, `^http://causeway\.test/webhook/[0-9a-f-]{36}/my%20`, got["webhook_url"])
		assert.NotContains(t, data(t, p.call("GET", path, "")), "credentials")

		changed := data(t, p.call("PATCH", path, `{"display_name":"Named","forward_webhooks":false}`))
		assert.Equal(t, "Named", changed["display_name"])
		assert.Equal(t, false, changed["forward_webhooks"])
		got = data(t, p.call("GET", path+"?include=credentials", ""))
		shown, err = json.Marshal(got["credentials"])
		require.NoError(t, err)
		assert.JSONEq(t, c.shown, string(shown), "what isn't sent stays")

		assert.JSONEq(t, `{"success":true}`, p.call("DELETE", path, "").body)
		assert.Equal(t, 404, p.call("GET", path, "").status)
		assert.Equal(t, 404, p.call("DELETE", path, "").status)
		assert.Equal(t, 200, p.call("POST", "/integrations", body).status, "its key is free again")
	}
	assert.Len(t, list(t, p.call("GET", "/integrations", "")), 5)
	assert.NotContains(t, p.call("GET", "/integrations", "").body, "credentials")
}

func list(t *testing.T, a answer) []any {
	t.Helper()
	require.Equal(t, 200, a.status, a.body)
	d, ok := a.field(t, "data").([]any)
	require.True(t, ok, a.body)
	return d
}

func keysOf(m map[string]any) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

func TestSecretsOfIntegrationsNeedTheirScope(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	require.Equal(t, 200, p.call("POST", "/integrations", `{"provider":"github","unique_key":"gh","credentials":{"type":"OAUTH2","client_id":"id","client_secret":"hidden"}}`).status)
	reader, err := p.store.CreateKey(t.Context(), p.env.ID, "reader", []string{"environment:integrations:read"})
	require.NoError(t, err)
	a := p.call("GET", "/integrations/gh?include=credentials", "", "Authorization", "Bearer "+reader)
	assert.Equal(t, 200, a.status)
	assert.NotContains(t, a.body, "hidden")
	assert.NotContains(t, a.body, "credentials")
	var sealed []byte
	require.NoError(t, p.pool.QueryRow(t.Context(), `select secret_enc from integration where unique_key = 'gh'`).Scan(&sealed))
	assert.NotContains(t, string(sealed), "hidden", "nor does the database have it in clear")
}

func TestWhatIntegrationsRefuse(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.catalog(t, moreProviders)
	oauth := `"credentials":{"type":"OAUTH2","client_id":"id","client_secret":"s"}`
	for _, c := range []struct {
		name, method, path, body, path0 string // path0: of the first issue, or the start of the message
		status                          int
	}{
		{"no provider", "POST", "/integrations", `{"unique_key":"x"}`, "provider", 400},
		{"an unknown provider", "POST", "/integrations", `{"provider":"none","unique_key":"x"}`, "provider", 400},
		{"no key", "POST", "/integrations", `{"provider":"demo"}`, "unique_key", 400},
		{"a key that isn't one", "POST", "/integrations", `{"provider":"demo","unique_key":"a/b"}`, "unique_key", 400},
		{"a key in use", "POST", "/integrations", `{"provider":"demo","unique_key":"demo"}`, "uniqueKey", 400},
		{"no app", "POST", "/integrations", `{"provider":"github","unique_key":"x"}`, "credentials: provider github needs", 400},
		{"an app of another kind", "POST", "/integrations", `{"provider":"demo","unique_key":"x",` + oauth + `}`, "credentials: provider demo authenticates by API_KEY", 400},
		{"credentials without a type", "POST", "/integrations", `{"provider":"github","unique_key":"x","credentials":{}}`, "credentials", 400},
		{"a trailing comma", "POST", "/integrations", `{"provider":"github","unique_key":"x","credentials":{"type":"OAUTH2","client_id":"i","client_secret":"s","scopes":"a,"}}`, "credentials.scopes", 400},
		{"a field of another type", "POST", "/integrations", `{"provider":"github","unique_key":"x","credentials":{"type":"OAUTH2","client_id":"i","client_secret":"s","app_id":"1"}}`, "credentials", 400},
		{"no PEM", "POST", "/integrations", `{"provider":"app-provider","unique_key":"x","credentials":{"type":"APP","app_id":"1","app_link":"l","private_key":"k"}}`, "credentials.private_key", 400},
		{"a number for a text", "POST", "/integrations", `{"provider":"demo","unique_key":"x","display_name":7}`, "display_name", 400},
		{"unknown fields", "POST", "/integrations", `{"provider":"demo","unique_key":"x","b":1,"a":2}`, "", 400},
		{"a required setting", "POST", "/integrations", `{"provider":"configured","unique_key":"x"}`, "integration_config.host: required", 400},
		{"several settings", "POST", "/integrations", `{"provider":"configured","unique_key":"x","integration_config":{"host":"no","region":"asia","tenant":"x","other":"y"}}`,
			"integration_config.other: provider configured has no such setting, integration_config.host: must be a URL, integration_config.region: expected one of eu, us, integration_config.tenant: must match", 400},
		{"a setting that is seen now", "POST", "/integrations", `{"provider":"configured","unique_key":"x","integration_config":{"host":"http://h","region":"us"}}`, "integration_config.proxy: required", 400},
		{"free settings where they are declared", "POST", "/integrations", `{"provider":"configured","unique_key":"x","custom":{"a":"b"}}`, "custom:", 400},
		{"another provider", "PATCH", "/integrations/demo", `{"provider":"github"}`, "", 400},
		{"a new name with connections", "PATCH", "/integrations/demo", `{"unique_key":"other"}`, "unique_key: an integration that has connections", 400},
		{"an integration that isn't there", "PATCH", "/integrations/none", `{}`, "there is no integration", 404},
		{"a strange include", "GET", "/integrations/demo?include=all", "", "include", 400},
	} {
		a := p.call(c.method, c.path, c.body)
		assert.Equal(t, c.status, a.status, "%s: %s", c.name, a.body)
		var e struct {
			Error struct {
				Message string
				Errors  []struct{ Path []string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(a.body), &e), a.body)
		if len(e.Error.Errors) > 0 {
			assert.Equal(t, c.path0, strings.Join(e.Error.Errors[0].Path, "."), "%s: %s", c.name, a.body)
		} else {
			assert.True(t, strings.HasPrefix(e.Error.Message, c.path0), "%s: %s", c.name, a.body)
		}
	}
	assert.Len(t, list(t, p.call("GET", "/integrations", "")), 1, "none of them was made")
}

func TestSettingsAndScopesOfIntegrations(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.catalog(t, moreProviders)
	custom := func(key string) map[string]string {
		i, err := p.store.Integration(t.Context(), p.env.ID, key)
		require.NoError(t, err)
		return i.Secrets.Custom
	}
	require.Equal(t, 200, p.call("POST", "/integrations", `{"provider":"configured","unique_key":"c","integration_config":{"host":"https://h","tenant":"t1"}}`).status)
	assert.Equal(t, map[string]string{"host": "https://h", "region": "eu", "tenant": "t1"}, custom("c"))
	require.Equal(t, 200, p.call("PATCH", "/integrations/c", `{"integration_config":{"tenant":""}}`).status)
	assert.Equal(t, map[string]string{"host": "https://h", "region": "eu"}, custom("c"), "the empty text clears what is optional")
	require.Equal(t, 200, p.call("POST", "/integrations", `{"provider":"demo","unique_key":"f","custom":{"a":"1"}}`).status)
	require.Equal(t, 200, p.call("PATCH", "/integrations/f", `{"custom":{"b":"2"}}`).status)
	assert.Equal(t, map[string]string{"a": "1", "b": "2"}, custom("f"))

	require.Equal(t, 200, p.call("POST", "/integrations", `{"provider":"scoped","unique_key":"s","credentials":{"type":"OAUTH2","client_id":"i","client_secret":"s","webhook_secret":"w"}}`).status)
	shown := func() map[string]any {
		return data(t, p.call("GET", "/integrations/s?include=credentials", ""))["credentials"].(map[string]any)
	}
	assert.Equal(t, "read,write", shown()["scopes"], "the provider's own, where none are given")
	require.Equal(t, 200, p.call("PATCH", "/integrations/s", `{"credentials":{"type":"OAUTH2","client_id":"i2","client_secret":"s2"}}`).status)
	assert.Equal(t, map[string]any{"type": "OAUTH2", "client_id": "i2", "client_secret": "s2", "scopes": "read,write", "webhook_secret": "w"}, shown())
	require.Equal(t, 200, p.call("PATCH", "/integrations/s", `{"unique_key":"s3","credentials":{"type":"OAUTH2","client_id":"i2","client_secret":"s2","webhook_secret":"","scopes":""}}`).status)
	got := data(t, p.call("GET", "/integrations/s3?include=credentials", ""))["credentials"].(map[string]any)
	assert.Nil(t, got["webhook_secret"])
	assert.Nil(t, got["scopes"])
	assert.Equal(t, 404, p.call("GET", "/integrations/s", "").status)
}

func TestDeletingAnIntegrationEndsWhatHangsOnIt(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	require.Equal(t, 200, p.call("POST", "/sync/trigger", `{"syncs":["items"],"provider_config_key":"demo"}`).status)
	require.Equal(t, 200, p.call("DELETE", "/integrations/demo", "").status)
	assert.Zero(t, p.count(`select count(*) from connection where environment_id = $1 and deleted_at is null`, p.env.ID))
	assert.Zero(t, p.count(`select count(*) from sync where environment_id = $1 and deleted_at is null`, p.env.ID))
	assert.Zero(t, p.count(`select count(*) from function where environment_id = $1 and deleted_at is null`, p.env.ID))
	assert.Zero(t, p.count(`select count(*) from run where environment_id = $1 and state = 'waiting'`, p.env.ID))
	assert.Equal(t, 1, p.count(`select count(*) from connection where environment_id = $1 and deleted_at is null`, p.other.ID), "the other environment's of the same name stay")
}
