//go:build e2e

package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// caller calls the API as a product does behind a load balancer: the servers in turn, and the other one after a failure.
type caller struct {
	st   *stack
	http *http.Client
	next atomic.Uint32
}

func newCaller(st *stack, timeout time.Duration) *caller {
	return &caller{st: st, http: &http.Client{Timeout: timeout, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}}
}

// answer is an HTTP answer, read whole.
type answer struct {
	Status int
	Body   []byte
}

// problem is the wire's error: its code, and for runs of actions the platform's own code inside.
func (a answer) problem() (code, inner string) {
	var e struct {
		Error struct {
			Code    string
			Payload json.RawMessage
		}
	}
	if json.Unmarshal(a.Body, &e) != nil {
		return "", ""
	}
	var payload struct{ Error string }
	_ = json.Unmarshal(e.Error.Payload, &payload) // most errors have none
	return e.Error.Code, payload.Error
}

// call makes one call to the server whose turn it is. headers are name, value, name, value, …
func (c *caller) call(ctx context.Context, method, path string, body any, headers ...string) (answer, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(raw)
	}
	server := servers[c.next.Add(1)%uint32(len(servers))]
	req, err := http.NewRequestWithContext(ctx, method, "http://"+loopback(c.st.ports[server])+path, reader)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.st.apiKey)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, raw}, err
}

// must calls until the status comes, while the platform is whole.
func (c *caller) must(ctx context.Context, status int, method, path string, body any, headers ...string) {
	a, err := c.call(ctx, method, path, body, headers...)
	if err != nil || a.Status != status {
		c.st.t.Fatalf("%s %s: %v %d %s", method, path, err, a.Status, a.Body)
	}
}

// connect makes a connection to the outside API.
func (c *caller) connect(ctx context.Context, connection, baseURL string) {
	c.must(ctx, 201, "POST", "/connections", map[string]any{
		"provider_config_key": "crash", "connection_id": connection, "connection_config": map[string]any{"baseUrl": baseURL},
		"credentials": map[string]any{"type": "API_KEY", "apiKey": "a-key-nobody-may-see"},
	})
}

func connectionID(n int) string { return fmt.Sprintf("c%02d", n) }

// pause waits between two tries; false: ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
