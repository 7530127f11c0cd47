package providers_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/providers"
)

func TestTheBuiltInCatalogHoldsWhatTheExamplesNeed(t *testing.T) {
	c, err := providers.Load()
	require.NoError(t, err)
	assert.Empty(t, c.Findings(), "not even a warning")
	for name, mode := range map[string]causeway.AuthMode{
		"github": causeway.AuthOAuth2, "hubspot": causeway.AuthOAuth2, "slack": causeway.AuthOAuth2, "demo": causeway.AuthAPIKey,
		"unauthenticated": causeway.AuthNone, "private-api-bearer": causeway.AuthAPIKey, "private-api-basic": causeway.AuthBasic,
		"gitlab": causeway.AuthOAuth2, "salesforce": causeway.AuthOAuth2, "notion": causeway.AuthOAuth2, "linear": causeway.AuthOAuth2,
		"jira": causeway.AuthOAuth2, "zendesk": causeway.AuthOAuth2, "intercom": causeway.AuthOAuth2, "stripe-api-key": causeway.AuthBasic,
		"google-drive": causeway.AuthOAuth2, "google-calendar": causeway.AuthOAuth2, "airtable": causeway.AuthOAuth2, "shopify": causeway.AuthOAuth2,
	} {
		p, ok := c.Provider(name)
		require.True(t, ok, name)
		assert.Equal(t, mode, p.AuthMode, name)
	}
	github, _ := c.Provider("github")
	assert.Equal(t, "x-ratelimit-remaining", github.Proxy.Retry.Remaining)
	assert.JSONEq(t, `{"type":"link","limit_name_in_request":"per_page","link_rel_in_response_header":"next"}`, string(github.Proxy.Paginate))
	drive, _ := c.Provider("google-drive")
	assert.JSONEq(t, `{"type":"cursor","cursor_path_in_response":"nextPageToken","cursor_name_in_request":"pageToken","limit_name_in_request":"pageSize","response_path":"files"}`,
		string(drive.Proxy.Paginate), "what Google's APIs share, with the names of this one")
}

func TestFilesAreLaidOverAndABrokenEntryTakesNothingDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
acme: { display_name: Acme, auth_mode: API_KEY, docs: x, proxy: { base_url: "https://api.acme.test", retry: { error_code: [429, 5xx] } } }
acme-eu: { alias: acme, display_name: Acme EU, proxy: { base_url: "https://eu.acme.test" } }
acme-eu-2: { alias: acme-eu, display_name: Acme EU 2 }
broken: { display_name: Broken }
lost: { alias: nowhere }
circle-a: { alias: circle-b }
circle-b: { alias: circle-a }
slack: { display_name: My Slack, auth_mode: OAUTH2, docs: x }
`), 0o600))
	c, err := providers.Load(path)
	require.NoError(t, err)
	acme, ok := c.Provider("acme")
	require.True(t, ok)
	assert.Equal(t, []providers.StatusRule{{From: 429, To: 429, Text: "429"}, {From: 500, To: 599, Text: "5xx"}}, acme.Proxy.Retry.Codes)
	eu, ok := c.Provider("acme-eu-2")
	require.True(t, ok)
	assert.Equal(t, "https://eu.acme.test", eu.Proxy.BaseURL.String())
	assert.Empty(t, eu.Proxy.Retry.Codes, "a block that is given replaces the inherited one whole")
	slack, _ := c.Provider("slack")
	assert.Equal(t, "My Slack", slack.DisplayName)
	for _, name := range []string{"broken", "lost", "circle-a", "circle-b"} {
		_, ok := c.Provider(name)
		assert.False(t, ok, name)
		require.ErrorContains(t, c.Problems(), name)
	}
	_, err = providers.Load("/nowhere.yaml")
	require.ErrorContains(t, err, "catalog.files")
}

func catalogOf(t *testing.T, text string) *providers.Catalog {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	c, err := providers.Load(path)
	require.NoError(t, err)
	return c
}

func TestExtendsMergesDeeplyAndDisabledHides(t *testing.T) {
	c := catalogOf(t, `
base: { display_name: Base, auth_mode: API_KEY, docs: x, categories: [crm, hr], credentials: { apiKey: { type: string } },
  proxy: { base_url: "https://a.test", headers: { x-b: "1", x-a: "${apiKey}", x-c: v }, retry: { after: retry-after } } }
child: { extends: base, display_name: Child, categories: [erp], proxy: { base_url: "https://b.test", headers: { x-b: null, x-c: w } } }
slack: { display_name: Gone, auth_mode: NONE, docs: x, disabled: true }
`)
	child, ok := c.Provider("child")
	require.True(t, ok)
	assert.Equal(t, []string{"erp"}, child.Categories)
	assert.Equal(t, []string{"retry-after"}, child.Proxy.Retry.After)
	require.Len(t, child.Proxy.Headers, 2)
	assert.Equal(t, "x-a", child.Proxy.Headers[0].Name)
	assert.True(t, child.Proxy.Headers[0].Secret)
	assert.Equal(t, "w", child.Proxy.Headers[1].Value.String())
	_, ok = c.Provider("slack")
	assert.False(t, ok)
}

func TestEntriesThatCannotWorkAreRefusedEachForItsReason(t *testing.T) {
	c := catalogOf(t, `
a: { display_name: A, auth_mode: MAGIC, docs: x }
b: { display_name: B, auth_mode: OAUTH1, docs: x }
c: { display_name: C, auth_mode: TWO_STEP, docs: x }
d: { display_name: D, auth_mode: CUSTOM, docs: x, token_url: "https://x.test" }
e: { display_name: E, auth_mode: NONE, docs: x, proxy: { base_url: "https://x.test", retry: { error_code: [lots] } } }
f: { display_name: F, auth_mode: NONE, docs: x, credentials_verification_script: s, proxy: { base_url: "https://x.test", verification: { endpoints: [/a] } } }
B_A_D: { display_name: G, auth_mode: NONE, docs: x }
whoop: { display_name: W, auth_mode: NONE, docs: x, proxy: { base_url: "https://x.test", paginate: { type: cursor } } }
dated: { display_name: 2024-01-02, auth_mode: NONE, docs: x }
`)
	for name, reason := range map[string]string{
		"a": "MAGIC", "b": "request_url", "c": "token_response", "d": "token_url", "e": "lots", "f": "exclude each other", "B_A_D": "names are",
	} {
		_, ok := c.Provider(name)
		assert.False(t, ok, name)
		require.ErrorContains(t, c.Problems(), "provider "+name+": ")
		require.ErrorContains(t, c.Problems(), reason)
	}
	whoop, ok := c.Provider("whoop")
	require.True(t, ok, "a bad pagination block costs the block only")
	assert.Nil(t, whoop.Proxy.Paginate)
	dated, ok := c.Provider("dated")
	require.True(t, ok)
	assert.Equal(t, "2024-01-02", dated.Entry["display_name"])
}

func TestAReloadTakesTheNewFileAndKeepsTheOldOneWhenItIsBroken(t *testing.T) {
	folder := t.TempDir()
	write := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "a.yaml"), []byte(text), 0o600))
	}
	write(`a: { display_name: One, auth_mode: NONE, docs: x }`)
	c, err := providers.Load(folder)
	require.NoError(t, err)
	told := 0
	c.OnChange(func() { told++ })
	changed, err := c.Reload(t.Context())
	require.NoError(t, err)
	assert.False(t, changed)
	write(`a: { display_name: Two, auth_mode: NONE, docs: x }`)
	changed, err = c.Reload(t.Context())
	require.NoError(t, err)
	assert.True(t, changed)
	write(`a: { display_name: [`)
	_, err = c.Reload(t.Context())
	require.ErrorContains(t, err, "a.yaml")
	a, _ := c.Provider("a")
	assert.Equal(t, "Two", a.DisplayName)
	assert.Equal(t, 1, told)
}
