package egress

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// companyProxy is a proxy that keeps what it was asked to connect to and connects to one server instead.
func companyProxy(t *testing.T, target string) (proxy *url.URL, asked chan *http.Request) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	asked = make(chan *http.Request, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				req, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				asked <- req
				out, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer func() { _ = out.Close() }()
				_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
				go func() { _, _ = io.Copy(out, in) }()
				_, _ = io.Copy(conn, out)
			}()
		}
	}()
	return &url.URL{Scheme: "http", Host: listener.Addr().String(), User: url.UserPassword("u", "p")}, asked
}

func TestBehindAProxyTheTargetIsJudgedHereAndItsAddressPassedOn(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) })}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	proxy, asked := companyProxy(t, listener.Addr().String())
	resolver := names{"api.test": {"8.8.8.8"}, "inner.test": {"10.0.0.1"}, "direct.corp.test": {"127.0.0.1"}}
	client, err := NewClient(policyOf(t, Options{Resolver: resolver}), ClientOptions{Proxy: proxy, NoProxy: []string{".corp.test", "10.0.0.0/8"}})
	require.NoError(t, err)
	defer client.Close()
	get := func(u string) (string, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, http.NoBody)
		require.NoError(t, err)
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	host, err := get("http://api.test/x")
	require.NoError(t, err)
	assert.Equal(t, "api.test", host)
	connect := <-asked
	assert.Equal(t, "8.8.8.8:80", connect.Host, "the address that was judged, not the name")
	assert.Equal(t, "Basic dTpw", connect.Header.Get("Proxy-Authorization"))

	for _, u := range []string{"http://inner.test", "http://169.254.169.254", "http://" + proxy.Host, "http://direct.corp.test"} {
		_, err := get(u)
		assert.True(t, IsDenied(err), u)
	}
	assert.Empty(t, asked)

	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	open, err := NewClient(policyOf(t, Options{Resolver: resolver, AllowPrivate: true}), ClientOptions{Proxy: proxy, NoProxy: []string{".corp.test"}})
	require.NoError(t, err)
	defer open.Close()
	client = open
	_, err = get("http://direct.corp.test:" + port)
	require.NoError(t, err)
	assert.Empty(t, asked, "what is listed goes directly")
}
