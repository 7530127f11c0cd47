package proxy

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/auth"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
)

// MaxRetries bounds the retries of a call, so that an answer which says "now" can't make a hot loop.
const MaxRetries = 100

// Options are the proxy's settings.
type Options struct {
	Client  *egress.Client
	Catalog *providers.Catalog
	// Keeper gets credentials ready before each attempt; nil: they are used as they are.
	Keeper *auth.Keeper
	// Timeouts of one attempt, up to the answer's header, and caps of waits: for API callers all waits of a call together, for scripts each.
	TimeoutAPI, TimeoutScript time.Duration
	WaitAPI, WaitScript       time.Duration
	NoBaseURLOverride         bool
	// BaseURLs are base URLs of providers that only the running platform knows (the built-in demo API).
	BaseURLs map[string]string
	// Now and Sleep are the clock; nil: the real one.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Proxy makes calls. It is safe for concurrent use.
type Proxy struct{ Options }

// New makes a proxy. Timeouts and waits that are 0 become the defaults of the settings.
func New(o Options) *Proxy {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&o.TimeoutAPI, 2 * time.Minute}, {&o.TimeoutScript, 15 * time.Minute}, {&o.WaitAPI, 30 * time.Second}, {&o.WaitScript, 10 * time.Minute}} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Proxy{o}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Call is one call to an outside API.
type Call struct {
	Connection *causeway.Connection
	// Integration is needed for providers that integrations configure, and for those that want the developer app's id; may be nil.
	Integration *causeway.Integration
	// Again reads the connection again before each further attempt, so that credentials which were renewed meanwhile are used; nil: it
	// stays as it is.
	Again    func(ctx context.Context) (*causeway.Connection, error)
	Method   string
	Endpoint string // path and query, byte for byte; or an absolute URL that begins with the base URL
	// Params are set one by one on the query; one without a name is a whole query as text.
	Params [][2]string
	// BaseURLOverride replaces the provider's base URL.
	BaseURLOverride          string
	Header                   http.Header // the caller's; they win over the provider's
	Body                     []byte      // nil: none
	Retries                  int
	RetryOn                  []int
	RetryAt, RetryAfter      []string // the caller's headers that say when to try again
	ForwardHeadersOnRedirect *bool
	Script                   bool          // a script's call, as opposed to an API caller's
	Attempted                func(Attempt) // hears of each attempt; may be nil
}

// Response is a provider's answer. Its body has to be closed.
type Response struct {
	Status int
	// Header holds what the provider sent, without what belongs to one connection or to our own origin. Nobody else has it.
	Header http.Header
	Body   io.ReadCloser
	// Length of the body; -1: not known.
	Length int64
	// Stream: the provider didn't say how long its body is, so pieces of it may come one by one.
	Stream bool
	// URL is where it came from, without credentials. Scripts' calls only.
	URL string
}

// NetworkError says that no answer came.
type NetworkError struct {
	Code  string // ECONNREFUSED and the like
	Cause error  // may hold the URL: for the process log only
}

func (e *NetworkError) Error() string { return "network error " + e.Code }

func (e *NetworkError) Unwrap() error { return e.Cause }

// Do makes the call, with its retries. An answer of any status is a response; *causeway.Error says what is wrong with the call,
// *NetworkError that no answer came.
func (p *Proxy) Do(ctx context.Context, call Call) (*Response, error) {
	provider, ok := p.Catalog.Provider(call.Connection.Provider)
	if !ok {
		return nil, causeway.Errorf(http.StatusBadRequest, "unknown_provider", "the catalog has no provider %q", call.Connection.Provider)
	}
	call.Retries = min(call.Retries, MaxRetries)
	a := attempts{proxy: p, provider: provider, call: &call}
	for ; ; a.n++ {
		if err := a.ready(ctx); err != nil {
			return nil, err
		}
		resp, err := a.try(ctx)
		if !a.again(ctx, resp, err) {
			return resp, err
		}
		if resp != nil {
			_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
			_ = resp.Body.Close()
		}
		if err := p.Sleep(ctx, a.wait); err != nil {
			return nil, err
		}
		a.waited += a.wait
	}
}

// attempts are the tries of one call.
type attempts struct {
	proxy    *Proxy
	provider *providers.Provider
	call     *Call
	n        int           // of this one, from 0
	next     bool          // another one is worth it
	wait     time.Duration // before the next one
	waited   time.Duration // so far
}

// ready gets the connection's credentials ready.
func (a *attempts) ready(ctx context.Context) error {
	c, err := a.proxy.Keeper.Ready(ctx, a.call.Connection)
	if err != nil {
		return err
	}
	a.call.Connection = c
	return nil
}

// try makes one attempt and tells who listens.
func (a *attempts) try(ctx context.Context) (*Response, error) {
	began := a.proxy.Now()
	a.next = false
	t, err := a.proxy.target(a.provider, a.call)
	if err != nil {
		return nil, err
	}
	resp, err := a.proxy.send(ctx, t, a.call, a.provider)
	d := a.proxy.decide(ctx, a.provider, a.call, resp, err, a.n, a.waited)
	a.next, a.wait = d.again, d.wait
	if a.call.Attempted != nil {
		a.call.Attempted(t.attempt(a, resp, err, d, began))
	}
	return resp, err
}

// again says whether another attempt follows, and reads the connection again for it. A script's call that was refused for its credentials
// is made again only with other ones.
func (a *attempts) again(ctx context.Context, resp *Response, err error) bool {
	if !a.next || ctx.Err() != nil {
		return false
	}
	if a.call.Again == nil {
		return err != nil || resp.Status != http.StatusUnauthorized || !a.call.Script
	}
	fresh, readErr := a.call.Again(ctx)
	if readErr != nil {
		return false // what the provider said is more use to the caller
	}
	same := fresh.CredentialsVersion == a.call.Connection.CredentialsVersion && reflect.DeepEqual(fresh.Credentials, a.call.Connection.Credentials)
	if err == nil && resp.Status == http.StatusUnauthorized && a.call.Script && same {
		return false
	}
	a.call.Connection = fresh
	return true
}
