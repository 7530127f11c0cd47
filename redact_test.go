package causeway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	causeway "github.com/causeway-dev/causeway"
)

func TestRedaction(t *testing.T) {
	r := causeway.NewRedactor(causeway.Credentials{
		"type": "OAUTH2", "access_token": "at-secret+1", "raw": map[string]any{"nested": []any{"deep-secret"}, "scope": "repo:read"}, "short": "abc",
	})
	t.Run("urls", func(t *testing.T) {
		for in, want := range map[string]string{
			"https://user:pw@x.test/a?page=2":               "https://REDACTED@x.test/a?page=2",
			"https://x.test/?api_key=k1&q=1":                "https://x.test/?api_key=REDACTED&q=1",
			"https://x.test/?access_token=1&page_size=3":    "https://x.test/?access_token=REDACTED&page_size=3",
			"https://x.test/u/deep-secret?x=at-secret%2B1":  "https://x.test/u/REDACTED?x=REDACTED",
			"https://x.test/p#at-secret+1":                  "https://x.test/p",
			"https://x.test/abc?scope=repo:read&empty&q=%%": "https://x.test/abc?scope=repo:read&empty&q=%%",
			"http://[::1": causeway.Redacted,
		} {
			assert.Equal(t, want, r.URL(in), in)
		}
	})
	t.Run("headers", func(t *testing.T) {
		assert.Equal(t, map[string]string{
			"authorization": causeway.Redacted, "x-shopify-access-token": causeway.Redacted, "accept": "application/json",
			"x-echo": "was REDACTED", "set-cookie": causeway.Redacted,
		}, r.Headers(map[string][]string{
			"Authorization": {"Bearer x"}, "X-Shopify-Access-Token": {"t"}, "Accept": {"application/json"}, "X-Echo": {"was deep-secret"},
			"Set-Cookie": {"a=1", "b=2"},
		}))
	})
}

func TestCredentialsShowNothingOfThemselves(t *testing.T) {
	c := causeway.Credentials{"type": "API_KEY", "apiKey": "hunter2"}
	assert.Equal(t, "Credentials(API_KEY)", c.String())
	assert.Equal(t, "Credentials(API_KEY)", c.GoString())
}

func TestASecretThatBeginsWithAnotherLeavesNoRest(t *testing.T) {
	r := causeway.NewRedactor(causeway.Credentials{"a": "token-1", "b": "token-1-and-more", "c": `quo"ted & more`})
	for _, text := range []string{"token-1-and-more", "token-1", `quo"ted & more`, `quo\"ted & more`, `quo\"ted \u0026 more`, "quo%22ted+%26+more"} {
		if got := r.Text(text); got != causeway.Redacted {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
}
