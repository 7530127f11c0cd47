package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/api"
	"github.com/causeway-dev/causeway/e2e/fakeapi"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/proxy"
)

// oddID is a connection id that breaks what takes it for a part of a path or of a query.
const oddID = `team/42+eu@x "q"`

// proxied is the product behind a real listener, before a fake API: integration acme, connection oddID.
type proxied struct {
	*product
	fake    *fakeapi.Server
	address string
}

func newProxied(t *testing.T) *proxied {
	t.Helper()
	p := &proxied{product: newProduct(t)}
	var err error
	p.fake, err = fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(p.fake.Close)
	policy, err := egress.NewPolicy(egress.Options{AllowPrivate: true})
	require.NoError(t, err)
	client, err := egress.NewClient(policy, egress.ClientOptions{})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	catalog, err := providers.Load()
	require.NoError(t, err)
	p.handler = api.New(api.Deps{
		Store: p.store, Catalog: catalog, Logs: p.logs, Dispatch: p.engine, PublicURL: "http://causeway.test", Proxy: proxy.New(proxy.Options{Client: client, Catalog: catalog}),
	}).Handler()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: p.handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(api.Listener(listener)) }()
	t.Cleanup(func() { _ = server.Close() })
	p.address = listener.Addr().String()

	a := p.call("POST", "/integrations", `{"provider":"private-api-bearer","unique_key":"acme","display_name":"Acme"}`)
	require.Equal(t, 200, a.status, a.body)
	connection, err := json.Marshal(map[string]any{
		"provider_config_key": "acme", "connection_id": oddID, "connection_config": map[string]string{"baseUrl": p.fake.URL() + "/base"},
		"credentials": map[string]string{"type": "API_KEY", "apiKey": "secret-key-1"},
	})
	require.NoError(t, err)
	a = p.call("POST", "/connections", string(connection))
	require.Equal(t, 201, a.status, a.body)
	return p
}

// raw sends a request byte for byte and reads the answer; target stands in the request line as it is.
func (p *proxied) raw(method, target, body string, headers ...string) (*http.Response, string) {
	p.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(p.t.Context(), "tcp", p.address)
	require.NoError(p.t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(p.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nProvider-Config-Key: acme\r\nConnection-Id: %s\r\n", method, target, p.key, oddID)
	for i := 0; i < len(headers); i += 2 {
		_, _ = fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if body != "" {
		_, _ = fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	_, err = io.WriteString(conn, b.String()+"\r\n"+body)
	require.NoError(p.t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(p.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	return resp, string(text)
}

func TestProxiedPathsGoOutByteForByte(t *testing.T) {
	p := newProxied(t)
	p.fake.Answer("/", fakeapi.JSON(200, `{}`))
	for _, path := range []string{
		"/api/v4/projects/a%2Fb/x", "/a//b/", "/a/%2e%2e/b", "/a|b^c", "/%E9", "/x;v=1/y", "/a%20b+c", "/q%3Fx", "/x/", "//x", "/x?a=%zz&b=100%", "/x?tags[a]=1&tags[a]=2", "/a/../b", "/A\"<>`{}",
	} {
		resp, body := p.raw("GET", "/proxy"+path, "")
		require.Equal(t, 200, resp.StatusCode, path+" "+body)
		assert.Equal(t, "/base"+path, p.fake.Last().Target)
	}
	resp, body := p.raw("GET", "/proxy/100%", "")
	assert.Equal(t, 400, resp.StatusCode)
	assert.Equal(t, "application/json; charset=utf-8", resp.Header.Get("Content-Type"))
	assert.Contains(t, body, `"code":"invalid_request"`)
}

func TestProxiedRequests(t *testing.T) {
	p := newProxied(t)
	p.fake.Answer("/", fakeapi.JSON(201, `{"made":7615917337495251231}`, "X-Thing", "1", "Set-Cookie", "a=1", "Set-Cookie", "b=2", "Access-Control-Allow-Origin", "evil"))
	t.Run("body, headers and status are what they were", func(t *testing.T) {
		sent := `{"p_id":7615917337495251231, "x":1.0}`
		resp, body := p.raw("POST", "/proxy/x", sent, "Content-Type", "application/json", "Nango-Proxy-X-A", "1", "nango-proxy-x-a", "2", "X-Not-Passed", "1", "Nango-Proxy-Host", "evil", "Base-Url-Override", "", "Nango-Activity-Log-Id", "")
		assert.Equal(t, 201, resp.StatusCode)
		assert.Equal(t, `{"made":7615917337495251231}`, body)
		assert.Equal(t, "1", resp.Header.Get("X-Thing"))
		assert.Equal(t, []string{"a=1", "b=2"}, resp.Header.Values("Set-Cookie"))
		assert.Equal(t, []string{"*"}, resp.Header.Values("Access-Control-Allow-Origin"), "the rules for other origins are ours")
		got := p.fake.Last()
		assert.Equal(t, sent, string(got.Body))
		assert.Equal(t, "application/json", got.Get("Content-Type"))
		assert.Equal(t, []string{"1", "2"}, got.Values("X-A"))
		assert.Equal(t, "Bearer secret-key-1", got.Get("Authorization"))
		assert.Equal(t, p.fake.Host(), got.Get("Host"))
		assert.Empty(t, got.Get("X-Not-Passed"))
		assert.Empty(t, got.Get("Connection-Id"))
	})
	t.Run("a form's boundary is the request's", func(t *testing.T) {
		p.raw("POST", "/proxy/x", "--b\r\n\r\n--b--", "Content-Type", "multipart/form-data; boundary=b", "Nango-Proxy-Content-Type", "multipart/form-data")
		assert.Equal(t, "multipart/form-data; boundary=b", p.fake.Last().Get("Content-Type"))
	})
	t.Run("bodies of GET and DELETE pass", func(t *testing.T) {
		for _, method := range []string{"GET", "DELETE"} {
			p.raw(method, "/proxy/x", `{"ids":[1]}`)
			assert.JSONEq(t, `{"ids":[1]}`, string(p.fake.Last().Body), method)
		}
	})
	t.Run("what is wrong with the headers is said", func(t *testing.T) {
		for _, header := range [][2]string{{"Retries", "many"}, {"Retry-On", "4xx"}, {"Forward-Headers-On-Redirect", "maybe"}, {"Base-Url-Override", "nothing"}, {"Decompress", "1"}} {
			resp, body := p.raw("GET", "/proxy/x", "", header[0], header[1])
			assert.Equal(t, 400, resp.StatusCode, header)
			assert.Contains(t, body, "invalid_headers", header)
			assert.Contains(t, body, strings.ToLower(header[0]), header)
		}
		assert.Equal(t, "invalid_headers", p.call("GET", "/proxy/x", "").code())
	})
	t.Run("what isn't there", func(t *testing.T) {
		a := p.call("GET", "/proxy/x", "", "Provider-Config-Key", "none", "Connection-Id", "c")
		assert.Equal(t, 404, a.status)
		assert.Equal(t, "unknown_provider_config", a.code())
		a = p.call("GET", "/proxy/x", "", "Provider-Config-Key", "acme", "Connection-Id", "c")
		assert.Equal(t, 400, a.status)
		assert.Equal(t, "server_error", a.code())
	})
}

func TestProxiedAnswersWithoutBody(t *testing.T) {
	p := newProxied(t)
	for _, c := range []struct {
		method string
		answer fakeapi.Answer
	}{
		{"HEAD", fakeapi.Status(200, "Content-Length", "29", "Content-Encoding", "gzip")},
		{"GET", fakeapi.Status(204, "Content-Encoding", "gzip", "Content-Type", "application/json")},
		{"GET", fakeapi.Status(304, "ETag", `"1"`)},
		{"GET", fakeapi.Status(205)},
		{"GET", fakeapi.Status(200, "Content-Length", "0")},
	} {
		p.fake.Answer("/", c.answer)
		resp, body := p.raw(c.method, "/proxy/x", "", "Nango-Proxy-If-None-Match", `"1"`)
		assert.Equal(t, c.answer.Status, resp.StatusCode)
		assert.Empty(t, body)
		assert.Equal(t, `"1"`, p.fake.Last().Get("If-None-Match"))
		if c.method == "HEAD" {
			assert.Equal(t, "29", resp.Header.Get("Content-Length"))
		}
	}
}

func TestAStreamArrivesPieceByPieceAndABrokenOneIsNoWhole(t *testing.T) {
	p := newProxied(t)
	p.fake.Answer("/", fakeapi.Answer{Header: []fakeapi.Line{{Name: "Content-Type", Value: "text/event-stream"}}, Body: []byte("data: 1\n\ndata: 2\n\n"), Chunked: true, ChunkSize: 9, ChunkDelay: time.Hour})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.address+"/proxy/x", http.NoBody)
	require.NoError(t, err)
	req.Header = http.Header{"Authorization": {"Bearer " + p.key}, "Provider-Config-Key": {"acme"}, "Connection-Id": {oddID}}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	first := make([]byte, 9)
	_, err = io.ReadFull(resp.Body, first)
	require.NoError(t, err)
	assert.Equal(t, "data: 1\n\n", string(first))
	require.NoError(t, resp.Body.Close())

	for _, a := range []fakeapi.Answer{{Body: []byte(strings.Repeat("x", 100)), Truncate: 50}, {Body: []byte(strings.Repeat("x", 100)), Chunked: true, Truncate: 50}} {
		p.fake.Answer("/", a)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		require.Error(t, err)
	}
}

func TestAProviderThatCannotBeReachedIsSaidInTheClientsForm(t *testing.T) {
	p := newProxied(t)
	gone, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	gone.Close()
	resp, body := p.raw("GET", "/proxy/x", "", "Base-Url-Override", gone.URL())
	assert.Equal(t, 500, resp.StatusCode)
	assert.JSONEq(t, `{"message":"the provider could not be reached: ECONNREFUSED","code":"ECONNREFUSED","status":null,"method":"GET"}`, body)
	resp, body = p.raw("GET", "/proxy/x", "", "Base-Url-Override", "http://169.254.169.254")
	assert.Equal(t, 400, resp.StatusCode)
	assert.Contains(t, body, "base_url_override_not_allowed")
}

func TestProxiedCallsAreLoggedWithoutCredentials(t *testing.T) {
	p := newProxied(t)
	p.fake.Answer("/base/ok", fakeapi.JSON(200, `{}`, "X-Echo", "secret-key-1"))
	p.raw("GET", "/proxy/ok?q=secret-key-1", "")
	p.raw("GET", "/proxy/missing", "")
	p.raw("GET", "/proxy/ok", "", "Nango-Is-Dry-Run", "true")
	p.call("GET", "/proxy/x", "", "Provider-Config-Key", "acme", "Connection-Id", "nobody")
	p.logs.Flush(t.Context())
	assert.Equal(t, 1, p.count(`select count(*) from operation where type = 'proxy' and state = 'success' and connection_id is not null`))
	assert.Equal(t, 2, p.count(`select count(*) from operation where type = 'proxy' and state = 'failed'`))
	assert.Equal(t, 2, p.count(`select count(*) from message where kind = 'http'`))
	assert.Zero(t, p.count(`select count(*) from message m where m::text like '%secret-key-1%'`))
	assert.Zero(t, p.count(`select count(*) from operation o where o::text like '%secret-key-1%'`))
}
