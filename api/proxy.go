package api

import (
	"context"
	"errors"
	"math"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/proxy"
)

var retryOn = regexp.MustCompile(`^\d+(,\d+)*$`)

// passed is the prefix of headers that go to the provider, without it.
const passed = "nango-proxy-"

func (s *Server) proxyCall(c *gin.Context, p *principal) error {
	r, err := proxyRequest(c)
	if err != nil {
		return err
	}
	log := s.logProxy(c, p, r)
	resp, err := s.proxied(c.Request.Context(), p, r, log)
	if err != nil {
		log.end(0, err)
		return networkAnswer(c, r.call.Method, err)
	}
	defer func() { _ = resp.Body.Close() }()
	log.end(resp.Status, nil)
	s.pass(c, resp)
	return nil
}

// proxied finds the connection and makes the call.
func (s *Server) proxied(ctx context.Context, p *principal, r *proxyRequested, log *proxyLog) (*proxy.Response, error) {
	i, err := s.Store.Integration(ctx, p.environment.ID, r.integrationKey)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, unknownIntegration(http.StatusNotFound)
	}
	if err != nil {
		return nil, err
	}
	r.call.Integration = i
	r.call.Again = func(ctx context.Context) (*causeway.Connection, error) {
		return s.Store.Connection(ctx, p.environment.ID, i.ID, r.connectionID)
	}
	r.call.Connection, err = r.call.Again(ctx)
	if errors.Is(err, causeway.ErrNotFound) {
		log.target(i, nil)
		return nil, causeway.Errorf(http.StatusBadRequest, "server_error", "there is no connection %q", r.connectionID)
	}
	if err != nil {
		return nil, err
	}
	log.target(i, r.call.Connection)
	r.call.Attempted = log.attempted
	return s.Proxy.Do(ctx, r.call)
}

// proxyRequested is a call as its request asks for it.
type proxyRequested struct {
	call                         proxy.Call
	integrationKey, connectionID string
	operationID                  string // of the caller; empty: the call is an operation of its own
	silent                       bool   // a dry run
}

// proxyRequest reads the call from its request. The path is taken from the request line: its bytes are the provider's business.
func proxyRequest(c *gin.Context) (*proxyRequested, error) {
	h := c.Request.Header
	r := &proxyRequested{
		integrationKey: h.Get("Provider-Config-Key"), connectionID: h.Get("Connection-Id"), operationID: h.Get("Nango-Activity-Log-Id"), silent: h.Get("Nango-Is-Dry-Run") == "true",
		call: proxy.Call{Method: c.Request.Method, Endpoint: endpointOf(c.Request), Header: http.Header{}, BaseURLOverride: h.Get("Base-Url-Override")},
	}
	if err := r.controls(h); err != nil {
		return nil, err
	}
	for name, values := range h {
		if len(name) > len(passed) && strings.EqualFold(name[:len(passed)], passed) {
			r.call.Header[http.CanonicalHeaderKey(name[len(passed):])] = values
		}
	}
	var err error
	if r.call.Body, err = readBody(c); err != nil {
		return nil, err
	}
	r.contentType(h.Get("Content-Type"))
	return r, nil
}

// controls reads the headers that steer the call.
func (r *proxyRequested) controls(h http.Header) error {
	var found issues
	found.check(causeway.ValidIntegrationKey(r.integrationKey), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "provider-config-key")
	found.check(causeway.ValidConnectionID(r.connectionID), "invalid_format", "Invalid string: must be the id of a connection", "connection-id")
	found.check(len(r.operationID) <= 255, "too_big", "Too big: expected string to have <=255 characters", "nango-activity-log-id")
	if t := h.Get("Retries"); t != "" {
		n, err := strconv.ParseFloat(t, 64)
		found.check(err == nil && n >= 0 && !math.IsInf(n, 0), "invalid_type", "Invalid input: expected number, received string", "retries")
		r.call.Retries = int(min(n, proxy.MaxRetries))
	}
	if t := h.Get("Retry-On"); t != "" {
		found.check(retryOn.MatchString(t), "invalid_format", `Invalid string: must match pattern /^\d+(,\d+)*$/`, "retry-on")
		for _, part := range strings.Split(t, ",") {
			if n, err := strconv.Atoi(part); err == nil {
				r.call.RetryOn = append(r.call.RetryOn, n)
			}
		}
	}
	for _, name := range []string{"Forward-Headers-On-Redirect", "Decompress", "Nango-Is-Sync", "Nango-Is-Dry-Run"} {
		t := h.Get(name)
		found.check(t == "" || t == "true" || t == "false", "invalid_value", `Invalid option: expected one of "true"|"false"`, strings.ToLower(name))
		if t != "" && name == "Forward-Headers-On-Redirect" {
			forward := t == "true"
			r.call.ForwardHeadersOnRedirect = &forward
		}
	}
	if t := r.call.BaseURLOverride; t != "" {
		u, err := url.Parse(t)
		found.check(strings.Contains(t, "${") || err == nil && u.Scheme != "" && u.Host != "", "invalid_format", "Invalid URL", "base-url-override")
	}
	return found.err(badHeaders)
}

// contentType says what the body is when the headers for the provider don't: its bytes are the request's, so it is what the request says.
// Clients that rebuild forms name the type without the boundary, which is the request's as well.
func (r *proxyRequested) contentType(own string) {
	given := r.call.Header.Get("Content-Type")
	bare := strings.EqualFold(strings.TrimSpace(given), "multipart/form-data")
	if given != "" && !bare || len(r.call.Body) == 0 || own == "" {
		return
	}
	if bare {
		if kind, params, err := mime.ParseMediaType(own); err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
			return
		}
	}
	r.call.Header.Set("Content-Type", own)
}

// endpointOf is what stands behind /proxy in the request line.
func endpointOf(r *http.Request) string {
	uri := r.RequestURI
	if i := strings.Index(uri, "://"); i > 0 && uri[0] != '/' { // absolute form, RFC 9112 §3.2.2
		rest := uri[i+3:]
		uri = "/"
		if j := strings.IndexByte(rest, '/'); j >= 0 {
			uri = rest[j:]
		}
	}
	return strings.TrimPrefix(uri, "/proxy")
}

// proxyLog is a proxied call in the logs: an operation with a message for each attempt, or messages under the caller's operation.
type proxyLog struct {
	s      *Server
	op     causeway.Operation
	own    bool // the operation is the call's own
	silent bool
}

func (s *Server) logProxy(c *gin.Context, p *principal, r *proxyRequested) *proxyLog {
	began := time.Now()
	l := &proxyLog{s: s, silent: r.silent, own: true}
	l.op = causeway.Operation{
		EnvironmentID: p.environment.ID, Type: "proxy", Action: "call", Level: causeway.LevelInfo, CreatedAt: began, StartedAt: &began,
		Names:   causeway.OperationNames{Environment: p.environment.Name, Integration: r.integrationKey, Connection: r.connectionID},
		Request: quickJSON(gin.H{"method": c.Request.Method}),
	}
	if _, ok := causeway.OperationTime(r.operationID); ok {
		l.op.ID, l.own = r.operationID, false
	} else {
		l.op.ID = causeway.NewOperationID(began)
	}
	return l
}

func (l *proxyLog) target(i *causeway.Integration, c *causeway.Connection) {
	l.op.IntegrationID, l.op.Names.Provider = i.ID, i.Provider
	if c != nil {
		l.op.ConnectionID = c.ID
	}
}

func (l *proxyLog) attempted(a proxy.Attempt) {
	if l.silent {
		return
	}
	l.op.Request = quickJSON(gin.H{"method": a.Method, "url": a.URL})
	l.s.Logs.Message(a.Message(l.op.EnvironmentID, l.op.ID))
}

// end writes the operation, once and whole.
func (l *proxyLog) end(status int, err error) {
	if l.silent || !l.own {
		return
	}
	now := time.Now()
	l.op.EndedAt, l.op.UpdatedAt, l.op.State = &now, now, causeway.OperationSuccess
	if status != 0 {
		l.op.Response = quickJSON(gin.H{"code": status})
	}
	if err != nil || status >= 400 {
		l.op.State, l.op.Level = causeway.OperationFailed, causeway.LevelError
	}
	if err != nil {
		l.op.Error = quickJSON(gin.H{"type": failureCode(err)})
	}
	l.s.Logs.Operation(l.op)
}

func failureCode(err error) string {
	if network, ok := errors.AsType[*proxy.NetworkError](err); ok {
		return network.Code
	}
	if code := causeway.ErrorCode(err); code != "" {
		return code
	}
	return "internal_error"
}
