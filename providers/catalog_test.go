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
	require.NoError(t, c.Problems())
	for name, mode := range map[string]causeway.AuthMode{
		"github": causeway.AuthOAuth2, "hubspot": causeway.AuthOAuth2, "slack": causeway.AuthOAuth2, "demo": causeway.AuthAPIKey,
		"unauthenticated": causeway.AuthNone, "private-api-bearer": causeway.AuthAPIKey, "private-api-basic": causeway.AuthBasic,
	} {
		p, ok := c.Provider(name)
		require.True(t, ok, name)
		assert.Equal(t, mode, p.AuthMode, name)
	}
	github, _ := c.Provider("github")
	assert.Equal(t, "x-ratelimit-remaining", github.Proxy.Retry.Remaining)
	assert.JSONEq(t, `{"type":"link","limit_name_in_request":"per_page","link_rel_in_response_header":"next"}`, string(github.Proxy.Paginate))
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
	assert.Equal(t, []string{"429", "5xx"}, acme.Proxy.Retry.Codes)
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
