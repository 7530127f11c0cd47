//go:build e2e

package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/causeway-dev/causeway/e2e/rest"
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

type answer rest.Answer

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
	server := servers[c.next.Add(1)%uint32(len(servers))]
	a, err := rest.Call(ctx, c.http, "http://"+rest.Loopback(c.st.ports[server]), c.st.apiKey, method, path, body, headers...)
	return answer(a), err
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
