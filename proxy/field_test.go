package proxy

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/e2e/fakeapi"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
)

// bed is a proxy before one fake provider, with a clock that moves by waiting.
type bed struct {
	*Proxy
	fake *fakeapi.Server

	mu       sync.Mutex
	now      time.Time
	waits    []time.Duration
	attempts []Attempt
}

func newBed(t testing.TB, block map[string]any) *bed {
	t.Helper()
	fake, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	if block == nil {
		block = map[string]any{}
	}
	if block["base_url"] == nil {
		block["base_url"] = fake.URL()
	}
	return bedWith(t, fake, catalogWith(t, block), egress.ClientOptions{})
}

func bedWith(t testing.TB, fake *fakeapi.Server, catalog *providers.Catalog, o egress.ClientOptions) *bed {
	b := &bed{fake: fake, now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	b.Proxy = New(Options{
		Client: clientFor(t, egress.Options{AllowPrivate: true}, o), Catalog: catalog,
		Now: func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now },
		Sleep: func(_ context.Context, d time.Duration) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.waits, b.now = append(b.waits, d), b.now.Add(d)
			return nil
		},
	})
	return b
}

// call is a GET of /x with a bearer token.
func (b *bed) call() Call {
	return Call{
		Connection: &causeway.Connection{Provider: "acme", ConnectionID: "c1", Config: map[string]any{}, Credentials: causeway.Credentials{"type": "OAUTH2", "access_token": "secret-token"}},
		Method:     "GET", Endpoint: "/x", Header: http.Header{},
		Attempted: func(a Attempt) { b.mu.Lock(); b.attempts = append(b.attempts, a); b.mu.Unlock() },
	}
}

// answer makes a call and reads its answer whole.
func (b *bed) answer(t testing.TB, call Call) (*Response, string) {
	t.Helper()
	resp, err := b.Do(t.Context(), call)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(body)
}

func TestC068ThePathGoesOutByteForByte(t *testing.T) {
	b := newBed(t, nil)
	b.fake.Answer("/", fakeapi.JSON(200, `{}`))
	for _, path := range []string{
		"/api/v4/projects/a%2Fb/x", "/a//b/", "/a/%2e%2e/b", "/a|b^c", "/%E9", "/x;v=1/y", "/a%20b+c", "/q%3Fx", "//a", "/a/../b", "/x?a=b?c&d=%2F&e=a+b%20c", "/x?", "/é", "/`{}",
		"/a,b:c@d!$&'()*~",
	} {
		call := b.call()
		call.Endpoint = path
		b.answer(t, call)
		got := b.fake.Last().Target
		if path == "//a" || path == "/x?" {
			got = strings.TrimPrefix(got, b.fake.URL())
		}
		assert.Equal(t, path, got)
	}
	t.Run("a script's path is made fit for a request line", func(t *testing.T) {
		call := b.call()
		call.Endpoint, call.Script = "/a b/é\r\nX: y?q=ü \"", true
		b.answer(t, call)
		assert.Equal(t, "/a%20b/%C3%A9%0D%0AX:%20y?q=%C3%BC%20%22", b.fake.Last().Target)
	})
}

func TestC070BodiesAreNotReprinted(t *testing.T) {
	odd := `{"p_id":7615917337495251231,  "x":1.0, "x": 2, "s":"a\/b\u0000", "b":1, "a":2}`
	big := `{"t":"` + strings.Repeat("x", 5<<20) + `"}`
	b := newBed(t, nil)
	b.fake.Answer("/x", fakeapi.JSON(200, `{}`))
	for _, body := range []string{odd, big, "not json", "{\"a\":1}\n"} {
		call := b.call()
		call.Method, call.Body = "POST", []byte(body)
		call.Header.Set("Content-Type", "application/json")
		b.answer(t, call)
		require.Equal(t, body, string(b.fake.Last().Body))
		require.Equal(t, strconv.Itoa(len(body)), b.fake.Last().Get("Content-Length"))
	}
	t.Run("merged with the provider's fields, numbers keep their digits and the rest its order", func(t *testing.T) {
		b := newBed(t, map[string]any{"body": map[string]any{"x": "${accessToken}", "auth": map[string]any{"k": "v", "gone": "${connectionConfig.no}"}}})
		b.fake.Answer("/x", fakeapi.JSON(200, `{}`))
		send := func(contentType, body string) string {
			call := b.call()
			call.Method, call.Body = "POST", []byte(body)
			call.Header.Set("Content-Type", contentType)
			b.answer(t, call)
			return string(b.fake.Last().Body)
		}
		for sent, want := range map[string]string{
			odd:                  `{"p_id":7615917337495251231,"x":"secret-token","s":"a\/b\u0000","b":1,"a":2,"auth":{"k":"v"}}`,
			`{"auth":{"z":1.0}}`: `{"auth":{"z":1.0,"k":"v"},"x":"secret-token"}`,
			`[1]`:                `[1]`,
		} {
			assert.Equal(t, want, send("application/json", sent))
		}
		assert.Equal(t, "<a/>", send("text/xml", "<a/>"))
		assert.Equal(t, "a=1%20&x=secret-token&auth%5Bk%5D=v", send("application/x-www-form-urlencoded", "a=1%20&x=old"))
		form := "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\r\n\x00\xff\r\n--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nold\r\n--B--\r\n"
		merged := send("multipart/form-data; boundary=B", form)
		assert.Contains(t, merged, "filename=\"a.bin\"\r\n\r\n\x00\xff\r\n")
		assert.Contains(t, merged, "name=\"x\"\r\n\r\nsecret-token\r\n")
		assert.NotContains(t, merged, "old")
	})
}

func compressed(t *testing.T, coding, text string) []byte {
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if coding == "deflate" {
		w = zlib.NewWriter(&b)
	}
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestC074AnswersWithoutABody(t *testing.T) {
	b := newBed(t, nil)
	for _, c := range []struct {
		method string
		answer fakeapi.Answer
	}{
		{"HEAD", fakeapi.Status(200, "Content-Length", "29", "Content-Encoding", "gzip")},
		{"GET", fakeapi.Status(204, "Content-Encoding", "gzip", "Content-Type", "application/json")},
		{"GET", fakeapi.Status(304, "ETag", `"1"`)},
		{"GET", fakeapi.Status(205)},
		{"GET", fakeapi.Status(200, "Content-Length", "0")},
		{"GET", fakeapi.Status(200, "Content-Encoding", "gzip", "Content-Length", "0")},
		{"GET", fakeapi.Answer{Status: 200, Chunked: true, Header: []fakeapi.Line{{Name: "Content-Encoding", Value: "gzip"}}}},
	} {
		b.fake.Answer("/x", c.answer)
		call := b.call()
		call.Method = c.method
		resp, body := b.answer(t, call)
		assert.Empty(t, body)
		assert.Equal(t, c.answer.Status, resp.Status)
	}
	b.fake.Answer("/x", fakeapi.Status(200, "Content-Length", "29", "Content-Encoding", "gzip"))
	call := b.call()
	call.Method = "HEAD"
	resp, _ := b.answer(t, call)
	assert.Equal(t, "29", resp.Header.Get("Content-Length"))
}

func TestCompressedBodiesAreOpened(t *testing.T) {
	b := newBed(t, nil)
	for _, coding := range []string{"gzip", "deflate"} {
		a := fakeapi.JSON(200, "", "Content-Encoding", coding)
		a.Body = compressed(t, coding, `{"a":1}`)
		b.fake.Answer("/x", a)
		resp, body := b.answer(t, b.call())
		assert.Equal(t, `{"a":1}`, body, coding)
		assert.Empty(t, resp.Header.Get("Content-Encoding"))
		assert.Empty(t, resp.Header.Get("Content-Length"))
	}
	assert.Equal(t, "gzip, deflate", b.fake.Last().Get("Accept-Encoding"))
	t.Run("what we can't open stays as it came", func(t *testing.T) {
		a := fakeapi.JSON(200, "xyz", "Content-Encoding", "br")
		b.fake.Answer("/x", a)
		call := b.call()
		call.Header.Set("Accept-Encoding", "br")
		resp, body := b.answer(t, call)
		assert.Equal(t, "xyz", body)
		assert.Equal(t, "br", resp.Header.Get("Content-Encoding"))
		assert.Equal(t, "br", b.fake.Last().Get("Accept-Encoding"))
	})
	t.Run("a broken one is an error", func(t *testing.T) {
		b.fake.Answer("/x", fakeapi.JSON(200, "no gzip", "Content-Encoding", "gzip"))
		_, err := b.Do(t.Context(), b.call())
		var network *NetworkError
		require.ErrorAs(t, err, &network)
	})
}

func TestC077BodiesOfDeleteAndGetArePassed(t *testing.T) {
	b := newBed(t, nil)
	b.fake.Answer("/x", fakeapi.JSON(200, `{}`))
	for _, c := range [][2]string{{"DELETE", `{"ids":[1]}`}, {"DELETE", "text"}, {"GET", `{"query":{}}`}, {"OPTIONS", ""}} {
		call := b.call()
		call.Method, call.Body = c[0], []byte(c[1])
		b.answer(t, call)
		assert.Equal(t, c[0], b.fake.Last().Method)
		assert.Equal(t, c[1], string(b.fake.Last().Body))
	}
}

func TestC079SeveralHeaderLinesAndOddValues(t *testing.T) {
	b := newBed(t, nil)
	a := fakeapi.JSON(200, `{}`, "Set-Cookie", "a=1", "Set-Cookie", "b=2", "Link", "<1>", "Link", "<2>", "X-Name", "Zo\xEB", "X-Long", strings.Repeat("l", 30_000),
		"Connection", "X-Hop, keep-alive", "X-Hop", "1", "Access-Control-Allow-Origin", "*", "Keep-Alive", "timeout=5")
	for i := range 150 {
		a.Header = append(a.Header, fakeapi.Line{Name: fmt.Sprintf("X-H%d", i), Value: "v"})
	}
	b.fake.Answer("/x", a)
	call := b.call()
	call.Header = http.Header{
		"X-A": {"1", "2"}, "X-Empty": {""}, "Host": {"evil.test"}, "Content-Length": {"99"}, "Transfer-Encoding": {"chunked"}, "Connection": {"X-A"}, "Te": {"trailers"}, "Upgrade": {"h2c"},
	}
	resp, _ := b.answer(t, call)
	assert.Equal(t, []string{"a=1", "b=2"}, resp.Header.Values("Set-Cookie"))
	assert.Equal(t, []string{"<1>", "<2>"}, resp.Header.Values("Link"))
	assert.Equal(t, "Zo\xEB", resp.Header.Get("X-Name"))
	assert.Len(t, resp.Header.Get("X-Long"), 30_000)
	assert.Equal(t, "v", resp.Header.Get("X-H149"))
	for _, name := range []string{"X-Hop", "Connection", "Keep-Alive", "Access-Control-Allow-Origin"} {
		assert.Empty(t, resp.Header.Get(name), name)
	}
	got := b.fake.Last()
	assert.Equal(t, []string{"1", "2"}, got.Values("X-A"))
	assert.Equal(t, []string{""}, got.Values("X-Empty"))
	assert.Equal(t, []string{b.fake.Host()}, got.Values("Host"))
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Connection", "Te", "Upgrade"} {
		assert.Empty(t, got.Values(name), name)
	}
	t.Run("an odd spelling of the framing is framing", func(t *testing.T) {
		b.fake.Answer("/x", fakeapi.Answer{Raw: []byte("HTTP/1.1 200 OK\r\ntRANSFER-encoding: ChUnKeD\r\n\r\n2\r\nab\r\n0\r\n\r\n")})
		_, body := b.answer(t, b.call())
		assert.Equal(t, "ab", body)
	})
}

func TestBytesOfOtherCharacterSetsPass(t *testing.T) { // C064
	b := newBed(t, nil)
	for _, body := range []string{"\xEF\xBB\xBF{\"a\":1}", "{\"n\":\"\xE9\"}", "\xFF\xFE{\x00}\x00", `{"id":7615917337495251231}`} {
		b.fake.Answer("/x", fakeapi.JSON(200, body, "X-Charset", "any"))
		_, got := b.answer(t, b.call())
		assert.Equal(t, body, got)
	}
}

func TestNetworkFailuresHaveTheirCodes(t *testing.T) {
	b := newBed(t, nil)
	code := func(call Call) string {
		_, err := b.Do(t.Context(), call)
		var network *NetworkError
		require.ErrorAs(t, err, &network)
		assert.NotContains(t, network.Error(), "127.0.0.1")
		return network.Code
	}
	call := b.call()
	b.fake.Answer("/x", fakeapi.Answer{HangUp: true})
	assert.Equal(t, "ECONNRESET", code(call))
	b.fake.Answer("/x", fakeapi.Answer{Reset: true})
	assert.Equal(t, "ECONNRESET", code(call))
	b.fake.Answer("/x", fakeapi.Answer{Raw: []byte("hello\r\n\r\n"), Close: true})
	assert.Equal(t, "EPROTO", code(call))
	for _, status := range []string{"050 Odd", "101 Switching Protocols"} {
		b.fake.Answer("/x", fakeapi.Answer{Raw: []byte("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n"), Close: true})
		assert.Equal(t, "EPROTO", code(call), status)
	}
	b.TimeoutAPI = 50 * time.Millisecond
	b.fake.Answer("/x", fakeapi.Answer{Delay: time.Minute})
	assert.Equal(t, "ETIMEDOUT", code(call))
	closed, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	call.BaseURLOverride, call.Retries = closed.URL(), 2
	assert.Equal(t, "ECONNREFUSED", code(call))
	assert.Equal(t, []time.Duration{3 * time.Second, 6 * time.Second}, b.waits)
}

func TestABodyThatBreaksOffIsAnError(t *testing.T) {
	b := newBed(t, nil)
	b.fake.Answer("/x", fakeapi.Answer{Body: []byte("0123456789"), Truncate: 4})
	resp, err := b.Do(t.Context(), b.call())
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	_, err = io.ReadAll(resp.Body)
	require.Error(t, err)
}

func TestNoCredentialReachesALogLine(t *testing.T) {
	b := newBed(t, map[string]any{"query": map[string]any{"k": "${accessToken}"}, "headers": map[string]any{"x-thing": "v ${accessToken}"}})
	b.fake.Answer("/x", fakeapi.JSON(200, `{}`, "X-Echo", "secret-token", "Set-Cookie", "session=abc"))
	call := b.call()
	call.Endpoint = "/x?q=secret-token&token=other"
	call.Header.Set("Authorization", "Bearer mine-own")
	call.Script = true
	resp, _ := b.answer(t, call)
	assert.NotContains(t, resp.URL, "secret-token")
	require.Len(t, b.attempts, 1)
	line, err := json.Marshal(b.attempts[0].Message(1, "op"))
	require.NoError(t, err)
	for _, secret := range []string{"secret-token", "other", "mine-own", "session=abc"} {
		assert.NotContains(t, string(line), secret)
	}
	assert.Contains(t, string(line), `"x-thing":"REDACTED"`)
}

func TestWrongCallsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	b := newBed(t, nil)
	for _, c := range []struct {
		name   string
		change func(*bed, *Call)
		code   string
	}{
		{"unknown provider", func(_ *bed, c *Call) { c.Connection.Provider = "nobody" }, "unknown_provider"},
		{"no base URL", func(_ *bed, c *Call) {
			c.Connection.Provider = "unauthenticated"
			c.Connection.Credentials = causeway.Credentials{"type": "NONE"}
		}, "unsupported_provider"},
		{"unresolved base URL", func(_ *bed, c *Call) {
			c.Connection.Provider = "private-api-bearer"
			c.Connection.Credentials = causeway.Credentials{"type": "API_KEY", "apiKey": "k"}
		}, "missing_api_url"},
		{"a mode that can't be", func(_ *bed, c *Call) { c.Connection.Credentials = causeway.Credentials{"type": "TBA"} }, "unsupported_auth"},
		{"no token", func(_ *bed, c *Call) { c.Connection.Credentials = causeway.Credentials{"type": "OAUTH2"} }, "unsupported_auth"},
		{"metadata address", func(_ *bed, c *Call) { c.BaseURLOverride = "http://169.254.169.254" }, "base_url_override_not_allowed"},
		{"odd spelling of it", func(_ *bed, c *Call) { c.BaseURLOverride = "http://0xA9FEA9FE" }, "base_url_override_not_allowed"},
		{"no URL", func(_ *bed, c *Call) { c.BaseURLOverride = "ftp//x" }, "missing_api_url"},
		{"user information", func(_ *bed, c *Call) { c.BaseURLOverride = "http://u:p@x.test" }, "missing_api_url"},
		{"another scheme", func(_ *bed, c *Call) { c.BaseURLOverride = "file:///etc/passwd" }, "missing_api_url"},
		{"switched off", func(b *bed, c *Call) { b.NoBaseURLOverride, c.BaseURLOverride = true, "http://x.test" }, "base_url_override_disabled"},
		{"a header with a line end", func(_ *bed, c *Call) { c.Header.Set("X-A", "a\r\nb: c") }, "invalid_headers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := b.call()
			c.change(b, &call)
			_, err := b.Do(t.Context(), call)
			require.Equal(t, c.code, causeway.ErrorCode(err), "%v", err)
		})
	}
	assert.Empty(t, b.fake.Requests())
}

func TestAnIntegrationPlacesTheKeyOfAPrivateAPI(t *testing.T) {
	fake, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	fake.Answer("/", fakeapi.JSON(200, `{}`))
	catalog, err := providers.Load()
	require.NoError(t, err)
	b := bedWith(t, fake, catalog, egress.ClientOptions{})
	for placement, check := range map[string]func(r *fakeapi.Request){
		"header": func(r *fakeapi.Request) { assert.Equal(t, "Key k-1", r.Get("X-Place")) },
		"query":  func(r *fakeapi.Request) { assert.Equal(t, "/x?X-Place=Key+k-1", r.Target) },
	} {
		call := b.call()
		call.Connection.Provider, call.Connection.Credentials = "private-api-generic", causeway.Credentials{"type": "API_KEY", "apiKey": "k-1"}
		call.Integration = &causeway.Integration{Config: map[string]string{"baseUrl": fake.URL(), "keyPlacement": placement, "keyName": "X-Place", "valueTemplate": "Key ${apiKey}"}}
		b.answer(t, call)
		check(fake.Last())
	}
}
