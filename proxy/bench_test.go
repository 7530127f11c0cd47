package proxy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/egress"
)

// BenchmarkDo is one call of 1 kB against a server on loopback.
func BenchmarkDo(b *testing.B) {
	upstream := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1000))
	})
	server := &http.Server{Handler: upstream, ReadHeaderTimeout: time.Minute}
	listener, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	address := listener.Addr().String()
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	catalog := catalogWith(b, map[string]any{"base_url": "http://" + address, "headers": map[string]any{"x-version": "2022"}, "retry": map[string]any{"after": "retry-after"}})
	bench := bedWith(b, nil, catalog, egress.ClientOptions{})
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			call := bench.call()
			call.Attempted = func(a Attempt) { _ = a.Message(1, "op") }
			resp, err := bench.Do(b.Context(), call)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
}
