package proxy

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/e2e/fakeapi"
	"github.com/causeway-dev/causeway/egress"
)

func TestC072RedirectsKeepCredentialsAtTheirOrigin(t *testing.T) {
	stranger, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(stranger.Close)
	stranger.Answer("/", fakeapi.JSON(200, `{"at":"stranger"}`))
	block := map[string]any{"headers": map[string]any{"x-custom": "${credentials.access_token}", "accept": "text/csv"}, "query": map[string]any{"api_key": "${credentials.access_token}"}}
	b := newBed(t, block)
	follow := func(status int, location string, change func(*Call)) (*Response, error) {
		stranger.Forget()
		b.fake.Forget()
		b.fake.Answer("/", fakeapi.JSON(200, `{"at":"home"}`))
		b.fake.Answer("/x", fakeapi.Status(status, "Location", location))
		call := b.call()
		call.Header.Set("Cookie", "s=1")
		call.Header.Set("X-Extra", "kept")
		call.Header.Set("X-Mine", "has secret-token inside")
		call.Header.Set("X-Api-Key", "callers-own")
		if change != nil {
			change(&call)
		}
		resp, err := b.Do(t.Context(), call)
		if err == nil {
			t.Cleanup(func() { _ = resp.Body.Close() })
		}
		return resp, err
	}
	t.Run("another origin gets no credential of any kind", func(t *testing.T) {
		_, err := follow(302, stranger.URL()+"/file?sig=1#part", nil)
		require.NoError(t, err)
		got := stranger.Last()
		assert.Equal(t, "/file?sig=1", got.Target)
		assert.NotContains(t, string(got.Raw), "secret-token")
		assert.NotContains(t, string(got.Raw), "callers-own")
		assert.NotContains(t, string(got.Raw), "s=1")
		assert.Equal(t, "kept", got.Get("X-Extra"))
		assert.Equal(t, "text/csv", got.Get("Accept"))
	})
	t.Run("user information in the location is no way to smuggle some", func(t *testing.T) {
		_, err := follow(302, strings.Replace(stranger.URL(), "://", "://u:p@", 1)+"/y", nil)
		require.NoError(t, err)
		assert.Empty(t, stranger.Last().Get("Authorization"))
	})
	t.Run("the same origin keeps them, relative too", func(t *testing.T) {
		for _, location := range []string{b.fake.URL() + "/y", "/y", "y"} {
			_, err := follow(302, location, nil)
			require.NoError(t, err)
			assert.Equal(t, "/y", b.fake.Last().Target)
			assert.Equal(t, "Bearer secret-token", b.fake.Last().Get("Authorization"))
		}
	})
	t.Run("with the flag they travel", func(t *testing.T) {
		yes := true
		_, err := follow(307, stranger.URL()+"/y", func(c *Call) { c.ForwardHeadersOnRedirect = &yes })
		require.NoError(t, err)
		assert.Equal(t, "Bearer secret-token", stranger.Last().Get("Authorization"))
	})
	t.Run("307 and 308 keep method and body, 301 to 303 turn a POST into a GET", func(t *testing.T) {
		body := bytes.Repeat([]byte("b"), 5<<20)
		for status, method := range map[int]string{301: "GET", 302: "GET", 303: "GET", 307: "POST", 308: "POST"} {
			_, err := follow(status, stranger.URL()+"/y", func(c *Call) {
				c.Method, c.Body = "POST", body
				c.Header.Set("Content-Type", "text/plain")
			})
			require.NoError(t, err)
			got := stranger.Last()
			assert.Equal(t, method, got.Method, status)
			if method == "POST" {
				assert.True(t, bytes.Equal(body, got.Body), status)
				assert.Equal(t, "text/plain", got.Get("Content-Type"))
			} else {
				assert.Empty(t, got.Body, status)
				assert.Empty(t, got.Get("Content-Type"), status)
			}
		}
	})
	t.Run("the sixth hop is refused", func(t *testing.T) {
		b.fake.Handle("/chain/", func(r *fakeapi.Request) fakeapi.Answer {
			n, _ := strconv.Atoi(strings.TrimPrefix(r.Path(), "/chain/"))
			if n == 0 {
				return fakeapi.JSON(200, `{}`)
			}
			return fakeapi.Status(302, "Location", fmt.Sprintf("/chain/%d", n-1))
		})
		call := b.call()
		call.Endpoint = "/chain/5"
		resp, _ := b.answer(t, call)
		assert.Equal(t, 200, resp.Status)
		call.Endpoint = "/chain/6"
		_, err := b.Do(t.Context(), call)
		var network *NetworkError
		require.ErrorAs(t, err, &network)
		assert.Equal(t, "ERR_FR_TOO_MANY_REDIRECTS", network.Code)
	})
	t.Run("a redirect to a denied address is refused", func(t *testing.T) {
		_, err := follow(302, "http://169.254.169.254/latest/meta-data", nil)
		assert.Equal(t, "proxy_redirect_to_denied_host", causeway.ErrorCode(err))
	})
	t.Run("a redirect to something else is the caller's answer", func(t *testing.T) {
		for _, location := range []string{"myapp://callback", "", "http://[::1"} {
			resp, err := follow(302, location, nil)
			require.NoError(t, err)
			assert.Equal(t, 302, resp.Status)
		}
	})
	t.Run("https to http is another origin", func(t *testing.T) {
		secure, err := fakeapi.StartTLS(t.Context(), "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(secure.Close)
		secure.Answer("/x", fakeapi.Status(302, "Location", stranger.URL()+"/plain"))
		b := bedWith(t, secure, catalogWith(t, map[string]any{"base_url": secure.URL()}), egress.ClientOptions{RootCAs: secure.Roots()})
		b.answer(t, b.call())
		assert.Equal(t, "Bearer secret-token", secure.Last().Get("Authorization"))
		assert.Empty(t, stranger.Last().Get("Authorization"))
	})
}
