package proxy

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/auth"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
)

// Options are the proxy's settings.
type Options struct {
	Client  *egress.Client
	Catalog *providers.Catalog
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

// Proxy makes calls.
type Proxy struct{ Options }

// New makes a proxy.
func New(o Options) *Proxy {
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
	Method     string
	Endpoint   string // path and query, byte for byte; or an absolute URL that begins with the base URL
	Params     [][2]string
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

// Attempt is one try of a call, for the log.
type Attempt struct {
	Number, Max int
	Method      string
	URL         string // redacted
	Request     map[string]string
	Status      int // 0: no answer
	Response    map[string]string
	Code        string // of a network failure
	Began       time.Time
	Took        time.Duration
	Waits       time.Duration // before the next try; 0: there is none
}

// Response is a provider's answer. Its body has to be closed.
type Response struct {
	Status int
	Header http.Header
	Body   io.ReadCloser
	URL    string // where it came from, without credentials
}

// NetworkError says that no answer came.
type NetworkError struct {
	Code  string // ECONNREFUSED and the like
	Cause error
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
	waited := time.Duration(0)
	for n := 0; ; n++ {
		t, err := p.target(provider, &call)
		if err != nil {
			return nil, err
		}
		began := p.Now()
		resp, err := p.send(ctx, t, &call, provider)
		again, wait := p.again(provider, &call, resp, err, n, waited)
		if call.Attempted != nil {
			call.Attempted(t.attempt(&call, resp, err, n, began, p.Now().Sub(began), wait))
		}
		if !again {
			return resp, err
		}
		if resp != nil {
			_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
			_ = resp.Body.Close()
		}
		if err := p.Sleep(ctx, wait); err != nil {
			return nil, err
		}
		waited += wait
	}
}

// send makes one attempt, with its redirects.
func (p *Proxy) send(ctx context.Context, t *target, call *Call, provider *providers.Provider) (*Response, error) {
	limit := p.TimeoutAPI
	if call.Script {
		limit = p.TimeoutScript
	}
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(limit, cancel) // up to the header; a body may stream for longer
	resp, err := p.follow(ctx, t, call, provider)
	timedOut := !timer.Stop()
	if err != nil {
		cancel()
		if timedOut {
			return nil, &NetworkError{Code: "ETIMEDOUT", Cause: err}
		}
		return nil, classify(err)
	}
	resp.Body = &closing{resp.Body, cancel}
	return resp, nil
}

// closing ends an attempt's context with its body.
type closing struct {
	io.ReadCloser
	end context.CancelFunc
}

func (c *closing) Close() error {
	err := c.ReadCloser.Close()
	c.end()
	return err
}

func (p *Proxy) follow(ctx context.Context, t *target, call *Call, provider *providers.Provider) (*Response, error) {
	method, header, body, at := call.Method, t.header, t.body, t.url
	forward := provider.Proxy.ForwardHeadersOnRedirect
	if call.ForwardHeadersOnRedirect != nil {
		forward = *call.ForwardHeadersOnRedirect
	}
	for hop := 0; ; hop++ {
		req := request(ctx, method, at, header, body)
		resp, err := p.Client.Do(req)
		if err != nil {
			return nil, err
		}
		location, redirected, err := egress.RedirectLocation(full(at), resp)
		if err != nil || !redirected {
			if err != nil {
				_ = resp.Body.Close()
				return nil, err
			}
			return decoded(resp, method, at, t.redactor)
		}
		_ = resp.Body.Close()
		if hop == p.Client.Policy().MaxRedirects() {
			return nil, causeway.Errorf(http.StatusBadGateway, "too_many_redirects", "the provider redirected more than %d times", hop)
		}
		next, keep := egress.RedirectMethod(resp.StatusCode, method)
		if method = next; !keep {
			body = nil
			header = without(header, "content-type", "content-length", "content-encoding")
		}
		if !egress.SameOrigin(full(at), location) && !forward {
			header = t.plain(header)
		}
		at = location
	}
}

// request builds one request whose path goes out byte for byte.
func request(ctx context.Context, method string, at *url.URL, header http.Header, body []byte) *http.Request {
	req := (&http.Request{Method: method, URL: at, Host: at.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if len(body) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return req
}

// decoded opens a compressed body. Answers that have none by their nature stay as they are.
func decoded(resp *http.Response, method string, at *url.URL, r *causeway.Redactor) (*Response, error) {
	out := &Response{Status: resp.StatusCode, Header: resp.Header, Body: resp.Body, URL: r.URL(full(at).String())}
	if method == http.MethodHead || resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusResetContent || resp.StatusCode == http.StatusNotModified {
		return out, nil
	}
	if !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return out, nil
	}
	zip, err := gzip.NewReader(resp.Body)
	if errors.Is(err, io.EOF) { // an empty body that says it is compressed
		out.Body = http.NoBody
		_ = resp.Body.Close()
	} else if err != nil {
		_ = resp.Body.Close()
		return nil, &NetworkError{Code: "ERR_BAD_RESPONSE", Cause: err}
	} else {
		out.Body = &unzipped{zip, resp.Body}
	}
	out.Header = out.Header.Clone()
	out.Header.Del("Content-Encoding")
	out.Header.Del("Content-Length")
	return out, nil
}

type unzipped struct {
	*gzip.Reader
	inner io.Closer
}

func (u *unzipped) Close() error { return errors.Join(u.Reader.Close(), u.inner.Close()) }

// authorization is the header that follows from the credentials' mode.
func authorization(c causeway.Credentials) (string, error) {
	m, ok := auth.For(c.Type())
	if !ok {
		return "", causeway.Errorf(http.StatusBadRequest, "unsupported_auth", "calls with credentials of type %s are not supported yet", c.Type())
	}
	return m.Header(c)
}

// scope gives the provider's templates their values.
func (p *Proxy) scope(c *causeway.Connection) *providers.Scope {
	metadata := func() any {
		var m map[string]any
		if unmarshal(c.Metadata, &m) != nil {
			return nil
		}
		return m
	}
	return &providers.Scope{Now: p.Now(), Random: uuid.NewString(), Get: func(name string) (any, bool) {
		switch name {
		case "connectionConfig":
			return c.Config, true
		case "metadata":
			return metadata(), true
		case "credentials":
			return map[string]any(c.Credentials), true
		case "accessToken":
			v, ok := c.Credentials["access_token"]
			return v, ok
		default:
			v, ok := c.Credentials[name]
			return v, ok
		}
	}}
}
