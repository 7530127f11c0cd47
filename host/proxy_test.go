package host_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/e2e/fakeapi"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/proxy"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// newCallers is a host before a fake API that connections c1 and c2 lead to.
func newCallers(t *testing.T) (*triggers, *fakeapi.Server) {
	t.Helper()
	x := newReaders(t)
	fake, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	policy, err := egress.NewPolicy(egress.Options{AllowPrivate: true})
	require.NoError(t, err)
	x.Egress, err = egress.NewClient(policy, egress.ClientOptions{})
	require.NoError(t, err)
	t.Cleanup(x.Egress.Close)
	x.Catalog, err = providers.Load()
	require.NoError(t, err)
	x.Calls, x.ResponseBytes = proxy.New(proxy.Options{Client: x.Egress, Catalog: x.Catalog, BaseURLs: map[string]string{"demo": fake.URL()}}), 1000
	return x, fake
}

func (x *triggers) proxied(t *testing.T, q script.ProxyRequest, body string) (script.HTTPAnswer, string, error) {
	t.Helper()
	a, raw, err := x.Proxy(t.Context(), x.run, q, []byte(body))
	return a, string(raw), err
}

func callErrorOf(t *testing.T, err error) *script.CallError {
	t.Helper()
	var e *script.CallError
	require.ErrorAs(t, err, &e)
	return e
}

func TestAScriptCallsAnAPI(t *testing.T) {
	x, fake := newCallers(t)
	fake.Answer("/", fakeapi.JSON(201, `{"id":7615917337495251231}`, "X-B", "2", "X-A", "1", "X-Name", "Zo\xEB"))
	a, body, err := x.proxied(t, script.ProxyRequest{
		Method: "post", Endpoint: "/v1/things?x=1", Params: []script.Pair{{"limit", "a b"}, {"x", "2"}}, BodyKind: "json", Headers: []script.Pair{{"x-own", "1"}},
	}, `{"a":1.0}`)
	require.NoError(t, err)
	assert.Equal(t, 201, a.Status)
	assert.Equal(t, "Created", a.StatusText)
	assert.Equal(t, `{"id":7615917337495251231}`, body)
	assert.Equal(t, []script.Pair{{"content-length", "26"}, {"content-type", "application/json"}, {"x-a", "1"}, {"x-b", "2"}, {"x-name", "Zoë"}}, a.Headers)
	assert.Equal(t, fake.URL()+"/v1/things?x=2&limit=a+b", a.URL)
	got := fake.Last()
	assert.Equal(t, "/v1/things?x=2&limit=a+b", got.Target)
	assert.Equal(t, `{"a":1.0}`, string(got.Body))
	assert.Equal(t, "application/json", got.Get("Content-Type"))
	assert.Equal(t, "Bearer token-of-c1", got.Get("Authorization"))

	_, _, err = x.proxied(t, script.ProxyRequest{Endpoint: "/x", IntegrationKey: "demo", ConnectionID: "c2"}, "")
	require.NoError(t, err)
	assert.Equal(t, "Bearer token-of-c2", fake.Last().Get("Authorization"), "another connection of the environment")
	assert.Equal(t, "GET", fake.Last().Method)

	x.Logs.Flush(t.Context())
	pool := storagetest.Pool(t, x.url)
	var lines, leaks int
	require.NoError(t, pool.QueryRow(t.Context(), `select count(*), count(*) filter (where m::text like '%token-of%') from message m where kind = 'http' and operation_id = $1`, x.run.OperationID).Scan(&lines, &leaks))
	assert.Equal(t, 2, lines)
	assert.Zero(t, leaks)
}

func TestHowAScriptsCallFails(t *testing.T) {
	x, fake := newCallers(t)
	fake.Answer("/large", fakeapi.JSON(200, strings.Repeat("x", 1001)))
	fake.Answer("/stream", fakeapi.Answer{Body: []byte(strings.Repeat("x", 1001)), Chunked: true})
	fake.Answer("/broken", fakeapi.Answer{Body: []byte("0123456789"), Truncate: 3})
	fake.Answer("/gone", fakeapi.Answer{HangUp: true})
	for _, c := range []struct {
		name, code string
		network    bool
		request    script.ProxyRequest
	}{
		{"another environment's connection", "failed_to_get_connection", false, script.ProxyRequest{Endpoint: "/x", ConnectionID: "theirs"}},
		{"an unknown integration", "failed_to_get_connection", false, script.ProxyRequest{Endpoint: "/x", IntegrationKey: "none", ConnectionID: "c1"}},
		{"too large", "script_response_too_large", false, script.ProxyRequest{Endpoint: "/large"}},
		{"too large without a length", "script_response_too_large", false, script.ProxyRequest{Endpoint: "/stream"}},
		{"breaks off", "ECONNRESET", true, script.ProxyRequest{Endpoint: "/broken"}},
		{"hangs up", "ECONNRESET", true, script.ProxyRequest{Endpoint: "/gone"}},
		{"a denied address", "base_url_override_not_allowed", false, script.ProxyRequest{Endpoint: "/x", BaseURLOverride: "http://169.254.169.254"}},
		{"two queries", "invalid_query_params", false, script.ProxyRequest{Endpoint: "/x?a=1", Query: "b=2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := x.proxied(t, c.request, "")
			e := callErrorOf(t, err)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, c.network, e.Network)
			assert.NotContains(t, e.Message, "token-of")
		})
	}
}

func TestACallRefusedForItsCredentialsIsRepeatedWithTheNewOnes(t *testing.T) {
	x, fake := newCallers(t)
	x.Calls = proxy.New(proxy.Options{Client: x.Egress, Catalog: x.Catalog, BaseURLs: map[string]string{"demo": fake.URL()}})
	fake.Handle("/x", func(r *fakeapi.Request) fakeapi.Answer {
		if r.Get("Authorization") == "Bearer renewed" {
			return fakeapi.JSON(200, `{}`)
		}
		_, _, err := x.Store.SaveConnection(t.Context(), x.env.ID, storage.NewConnection{
			IntegrationID: x.env.IntegrationID, ConnectionID: "c1", Credentials: causeway.Credentials{"type": "OAUTH2", "access_token": "renewed"},
		})
		if err != nil {
			return fakeapi.Status(500)
		}
		return fakeapi.Status(401, "Retry-After", "0.2")
	})
	a, _, err := x.proxied(t, script.ProxyRequest{Endpoint: "/x", Retries: 1}, "")
	require.NoError(t, err)
	assert.Equal(t, 200, a.Status)
	assert.Equal(t, 2, fake.Count("/x"))
}

func TestFetch(t *testing.T) {
	x, fake := newCallers(t)
	other, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(other.Close)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err = w.Write([]byte("plain"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	other.Answer("/", fakeapi.Answer{Body: zipped.Bytes(), Header: []fakeapi.Line{{Name: "Content-Encoding", Value: "gzip"}}})
	fake.Answer("/away", fakeapi.Status(302, "Location", other.URL()+"/y?z=1"))
	fake.Answer("/see", fakeapi.Status(303, "Location", "/post"))
	fake.Answer("/post", fakeapi.JSON(200, `{}`))
	fake.Answer("/round", fakeapi.Status(302, "Location", "/round"))
	fake.Answer("/odd", fakeapi.Status(302, "Location", "mailto:x"))
	fake.Answer("/inside", fakeapi.Status(302, "Location", "http://169.254.169.254/"))

	headers := []script.Pair{{"authorization", "mine"}, {"x-kept", "1"}, {"host", "evil"}}
	a, body, err := x.Fetch(t.Context(), x.run, script.FetchRequest{URL: fake.URL() + "/away", Headers: headers}, nil)
	require.NoError(t, err)
	assert.Equal(t, "plain", string(body))
	assert.Equal(t, other.URL()+"/y?z=1", a.URL)
	assert.Equal(t, "mine", fake.Last().Get("Authorization"))
	assert.Empty(t, other.Last().Get("Authorization"))
	assert.Equal(t, "1", other.Last().Get("X-Kept"))
	assert.Equal(t, other.Host(), other.Last().Get("Host"))

	_, _, err = x.Fetch(t.Context(), x.run, script.FetchRequest{Method: "POST", URL: fake.URL() + "/see", Headers: []script.Pair{{"content-type", "text/plain"}}}, []byte("body"))
	require.NoError(t, err)
	assert.Equal(t, "GET", fake.Last().Method)
	assert.Empty(t, fake.Last().Body)
	assert.Empty(t, fake.Last().Get("Content-Type"))

	for url, code := range map[string]string{
		fake.URL() + "/round": "too_many_redirects", fake.URL() + "/odd": "invalid_redirect", fake.URL() + "/inside": "url_not_allowed",
		"http://metadata.google.internal/": "url_not_allowed", "file:///etc/passwd": "url_not_allowed", "": "url_not_allowed",
	} {
		_, _, err := x.Fetch(t.Context(), x.run, script.FetchRequest{URL: url}, nil)
		e := callErrorOf(t, err)
		assert.Equal(t, code, e.Code, url)
		assert.True(t, e.Action)
		assert.Contains(t, string(e.Body), code)
	}
	closed, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	_, _, err = x.Fetch(t.Context(), x.run, script.FetchRequest{URL: closed.URL()}, nil)
	assert.Equal(t, "ECONNREFUSED", callErrorOf(t, err).Code)
}
