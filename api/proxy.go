package api

import (
	"encoding/json"
	"errors"
	"io"
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
	call, key, connectionID, err := proxyRequest(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	i, err := s.Store.Integration(ctx, p.environment.ID, key)
	if errors.Is(err, causeway.ErrNotFound) {
		return unknownIntegration(http.StatusNotFound)
	}
	if err != nil {
		return err
	}
	call.Connection, err = s.Store.Connection(ctx, p.environment.ID, i.ID, connectionID)
	if errors.Is(err, causeway.ErrNotFound) {
		return causeway.Errorf(http.StatusBadRequest, "server_error", "there is no connection %q", connectionID)
	}
	if err != nil {
		return err
	}
	log := s.logCall(c, p, i, &call)
	resp, err := s.Proxy.Do(ctx, call)
	if err != nil {
		log(0, err)
		return networkAnswer(c, call.Method, err)
	}
	defer func() { _ = resp.Body.Close() }()
	log(resp.Status, nil)
	return pass(c, resp)
}

// proxyRequest reads the call from its request. The path is taken from the request line: its bytes are the provider's business.
func proxyRequest(c *gin.Context) (call proxy.Call, key, connectionID string, err error) {
	var found issues
	h := c.Request.Header
	key, connectionID = h.Get("Provider-Config-Key"), h.Get("Connection-Id")
	found.check(causeway.ValidIntegrationKey(key), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "provider-config-key")
	found.check(causeway.ValidConnectionID(connectionID), "invalid_format", "Invalid string: must be the id of a connection", "connection-id")
	call = proxy.Call{Method: c.Request.Method, Endpoint: strings.TrimPrefix(requestPath(c.Request), "/proxy"), Header: http.Header{}, BaseURLOverride: h.Get("Base-Url-Override")}
	if t := h.Get("Retries"); t != "" {
		n, err := strconv.Atoi(t)
		found.check(err == nil && n >= 0, "invalid_type", "Invalid input: expected number", "retries")
		call.Retries = n
	}
	if t := h.Get("Retry-On"); t != "" {
		found.check(retryOn.MatchString(t), "invalid_format", "Invalid string: a comma list of statuses", "retry-on")
		for _, part := range splitList(t) {
			if n, err := strconv.Atoi(part); err == nil {
				call.RetryOn = append(call.RetryOn, n)
			}
		}
	}
	if t := h.Get("Forward-Headers-On-Redirect"); t != "" {
		forward := t == "true"
		found.check(t == "true" || t == "false", "invalid_value", `Invalid option: expected one of "true"|"false"`, "forward-headers-on-redirect")
		call.ForwardHeadersOnRedirect = &forward
	}
	if t := call.BaseURLOverride; t != "" {
		u, err := url.Parse(t)
		found.check(err == nil && (u.Host != "" || strings.Contains(t, "${")), "invalid_format", "Invalid URL", "base-url-override")
	}
	for name, values := range h {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), passed); ok && rest != "" {
			call.Header[http.CanonicalHeaderKey(rest)] = values
		}
	}
	if err := found.err(badHeaders); err != nil {
		return call, "", "", err
	}
	call.Body, err = readBody(c)
	if call.Header.Get("Content-Type") == "" && len(call.Body) > 0 && h.Get("Content-Type") != "" {
		call.Header.Set("Content-Type", h.Get("Content-Type"))
	}
	return call, key, connectionID, err
}

// requestPath is path and query as they stand in the request line.
func requestPath(r *http.Request) string {
	uri := r.RequestURI
	if i := strings.Index(uri, "://"); i >= 0 { // absolute form
		if j := strings.IndexByte(uri[i+3:], '/'); j >= 0 {
			return uri[i+3+j:]
		}
	}
	return uri
}

// hopByHop are headers that belong to one connection; those of cross-origin rules are our own.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// pass gives the provider's answer to the caller: status, headers and body as they came.
func pass(c *gin.Context, resp *proxy.Response) error {
	h := c.Writer.Header()
	for name, values := range resp.Header {
		if !hopByHop[name] && !strings.HasPrefix(name, "Access-Control-") {
			h[name] = values
		}
	}
	c.Writer.WriteHeader(resp.Status)
	if c.Request.Method == http.MethodHead || resp.Status == http.StatusNoContent || resp.Status == http.StatusNotModified {
		c.Writer.WriteHeaderNow()
		return nil
	}
	if _, err := io.Copy(flushing{c.Writer, resp.Header.Get("Content-Length") == ""}, resp.Body); err != nil {
		panic(http.ErrAbortHandler) // the caller must not take a half for the whole
	}
	return nil
}

// flushing sends each piece on as it comes when the length isn't known: it may be a stream.
type flushing struct {
	gin.ResponseWriter
	on bool
}

func (f flushing) Write(b []byte) (int, error) {
	n, err := f.ResponseWriter.Write(b)
	if f.on {
		f.Flush()
	}
	return n, err
}

// networkAnswer shows that no answer came, in the form that the clients know: it isn't the error envelope.
func networkAnswer(c *gin.Context, method string, err error) error {
	network, ok := errors.AsType[*proxy.NetworkError](err)
	if !ok {
		return err
	}
	return answer(c, http.StatusInternalServerError, gin.H{"message": "the provider could not be reached: " + network.Code, "code": network.Code, "status": nil, "method": method})
}

// logCall writes a proxied call as an operation with a message for each attempt, and returns what ends it.
func (s *Server) logCall(c *gin.Context, p *principal, i *causeway.Integration, call *proxy.Call) func(status int, err error) {
	if c.GetHeader("Nango-Is-Dry-Run") == "true" {
		return func(int, error) {}
	}
	began := time.Now()
	op := causeway.Operation{
		ID: causeway.NewOperationID(began), EnvironmentID: p.environment.ID, Type: "proxy", Action: "call", Level: causeway.LevelInfo, State: causeway.OperationRunning,
		IntegrationID: i.ID, ConnectionID: call.Connection.ID, StartedAt: &began,
		Names: causeway.OperationNames{Environment: p.environment.Name, Provider: i.Provider, Integration: i.UniqueKey, Connection: call.Connection.ConnectionID},
	}
	call.Attempted = func(a proxy.Attempt) { s.Logs.Message(a.Message(op.EnvironmentID, op.ID)) }
	return func(status int, err error) {
		now := time.Now()
		op.EndedAt, op.UpdatedAt, op.State = &now, now, causeway.OperationSuccess
		op.Request = quickJSON(gin.H{"method": call.Method, "path": c.FullPath()})
		op.Response = quickJSON(gin.H{"code": status})
		if err != nil || status >= 400 {
			op.State, op.Level = causeway.OperationFailed, causeway.LevelError
		}
		if err != nil {
			code := causeway.ErrorCode(err)
			if network, ok := errors.AsType[*proxy.NetworkError](err); ok {
				code = network.Code
			}
			op.Error = quickJSON(gin.H{"code": code})
		}
		s.Logs.Operation(op)
	}
}

func quickJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return raw
}
