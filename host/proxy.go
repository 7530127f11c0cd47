package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/proxy"
	"github.com/causeway-dev/causeway/script"
)

// Proxy makes a call of a script with a connection's credentials, which the script never sees. Another connection is looked up inside the
// run's environment only.
func (h *Host) Proxy(ctx context.Context, run *script.Run, q script.ProxyRequest, body []byte) (script.HTTPAnswer, []byte, error) {
	read := func(ctx context.Context) (*causeway.Connection, error) {
		return h.connection(ctx, run, q.IntegrationKey, q.ConnectionID)
	}
	c, err := read(ctx)
	if errors.Is(err, causeway.ErrNotFound) {
		return script.HTTPAnswer{}, nil, &script.CallError{Code: "failed_to_get_connection", Message: "there is no such connection in this environment"}
	}
	if err != nil {
		return script.HTTPAnswer{}, nil, err
	}
	i, err := h.Store.Integration(ctx, run.EnvironmentID, c.IntegrationKey)
	if err != nil {
		return script.HTTPAnswer{}, nil, err
	}
	call := proxy.Call{
		Connection: c, Integration: i, Again: read, Method: verb(q.Method), Endpoint: q.Endpoint, BaseURLOverride: q.BaseURLOverride, Header: header(q.Headers),
		Body: body, Retries: q.Retries, RetryOn: q.RetryOn, ForwardHeadersOnRedirect: q.ForwardHeadersOnRedirect, Script: true,
		Attempted: func(a proxy.Attempt) { h.Logs.Message(a.Message(run.EnvironmentID, run.OperationID)) },
	}
	for _, p := range q.Params {
		call.Params = append(call.Params, p)
	}
	if q.Query != "" {
		call.Params = append(call.Params, [2]string{"", q.Query})
	}
	if q.RetryHeader != nil {
		call.RetryAt, call.RetryAfter = q.RetryHeader.At, q.RetryHeader.After
	}
	contentType(&call, q.BodyKind)
	resp, err := h.Calls.Do(ctx, call)
	if err != nil {
		return script.HTTPAnswer{}, nil, callError(err)
	}
	return h.answer(resp)
}

func verb(method string) string {
	if method == "" {
		return http.MethodGet
	}
	return strings.ToUpper(method)
}

// contentType says what a body is when the script's headers don't.
func contentType(call *proxy.Call, kind string) {
	if call.Header.Get("Content-Type") != "" {
		return
	}
	switch kind {
	case "json":
		call.Header.Set("Content-Type", "application/json")
	case "form":
		call.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
}

func header(pairs []script.Pair) http.Header {
	h := http.Header{}
	for _, p := range pairs {
		h.Add(p[0], p[1])
	}
	return h
}

// connection finds the run's own connection, or another one of its environment.
func (h *Host) connection(ctx context.Context, run *script.Run, integrationKey, connectionID string) (*causeway.Connection, error) {
	if connectionID == "" {
		connectionID = run.ConnectionKey
	}
	if integrationKey == "" || integrationKey == run.IntegrationKey {
		return h.Store.Connection(ctx, run.EnvironmentID, run.IntegrationID, connectionID)
	}
	i, err := h.Store.Integration(ctx, run.EnvironmentID, integrationKey)
	if err != nil {
		return nil, err
	}
	return h.Store.Connection(ctx, run.EnvironmentID, i.ID, connectionID)
}

// answer reads a provider's answer whole, up to the limit of what a script gets.
func (h *Host) answer(resp *proxy.Response) (script.HTTPAnswer, []byte, error) {
	defer func() { _ = resp.Body.Close() }()
	limit := int64(h.ResponseBytes)
	if limit <= 0 {
		limit = script.MaxBody
	}
	large := &script.CallError{Code: "script_response_too_large", Message: fmt.Sprintf("the answer is larger than %d bytes", limit)}
	if resp.Length > limit {
		return script.HTTPAnswer{}, nil, large
	}
	var body bytes.Buffer
	if resp.Length > 0 {
		body.Grow(int(resp.Length) + bytes.MinRead) // what it needs to see the end without growing
	}
	if _, err := body.ReadFrom(io.LimitReader(resp.Body, limit+1)); err != nil {
		return script.HTTPAnswer{}, nil, &script.CallError{Code: proxy.NetworkCode(err), Network: true, Message: "the provider's answer breaks off", Cause: err}
	}
	if int64(body.Len()) > limit {
		return script.HTTPAnswer{}, nil, large
	}
	return script.HTTPAnswer{Status: resp.Status, StatusText: http.StatusText(resp.Status), Headers: pairs(resp.Header), URL: resp.URL}, body.Bytes(), nil
}

// pairs are header lines, sorted by name so that a journal of the same answer is the same. Values outside UTF-8 are taken for Latin-1, as
// Node does.
func pairs(h http.Header) []script.Pair {
	out := make([]script.Pair, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			out = append(out, script.Pair{strings.ToLower(name), latin1(v)})
		}
	}
	return out
}

func latin1(v string) string {
	if utf8.ValidString(v) {
		return v
	}
	runes := make([]rune, len(v))
	for i := range len(v) {
		runes[i] = rune(v[i])
	}
	return string(runes)
}

// callError is a call that brought no answer, as a script sees it.
func callError(err error) error {
	if network, ok := errors.AsType[*proxy.NetworkError](err); ok {
		return &script.CallError{Code: network.Code, Network: true, Message: "the provider could not be reached", Cause: network.Cause}
	}
	if e, ok := errors.AsType[*causeway.Error](err); ok {
		return &script.CallError{Code: e.Code, Message: e.Message, Cause: e.Cause} // a mistake of the call's configuration
	}
	return err
}
