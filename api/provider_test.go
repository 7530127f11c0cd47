package api_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheCatalog(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	one := data(t, p.call("GET", "/providers/github", ""))
	assert.Equal(t, "github", one["name"])
	assert.Equal(t, "http://causeway.test/images/template-logos/github.svg", one["logo_url"])
	assert.Equal(t, "OAUTH2", one["auth_mode"])
	assert.Equal(t, "https://api.github.com", one["proxy"].(map[string]any)["base_url"], "as the catalog has it")
	a := p.call("GET", "/providers/none", "")
	assert.Equal(t, 404, a.status)
	assert.Equal(t, map[string]any{"code": "not_found", "message": "Unknown provider none"}, a.field(t, "error"))
	assert.Equal(t, "invalid_uri_params", p.call("GET", "/providers/a%20b", "").code())

	names := func(query string) (out []any) {
		for _, x := range list(t, p.call("GET", "/providers"+query, "")) {
			out = append(out, x.(map[string]any)["name"])
		}
		return out
	}
	assert.Contains(t, names(""), "hubspot")
	assert.Equal(t, []any{"github", "github-pat"}, names("?search=GIT.ub"))
	assert.Empty(t, names("?search=nothing-like-it"))
	assert.Equal(t, "invalid_query_params", p.call("GET", "/providers?search=(a", "").code())

	a = p.call("GET", "/providers.json", "", "Authorization", "")
	require.Equal(t, 200, a.status)
	github, ok := a.field(t, "github").(map[string]any)
	require.True(t, ok)
	assert.NotContains(t, github, "name")
	assert.NotContains(t, github, "logo_url")
}
