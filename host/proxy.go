package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/proxy"
	"github.com/causeway-dev/causeway/script"
)

// Proxy makes a call of a script with a connection's credentials, which the script never sees. Another connection is looked up inside the
// run's environment only.
func (h *Host) Proxy(ctx context.Context, run *script.Run, q script.ProxyRequest, body []byte) (script.HTTPAnswer, []byte, error) {
	c, err := h.connection(ctx, run, q.IntegrationKey, q.ConnectionID)
	if errors.Is(err, causeway.ErrNotFound) {
		return script.HTTPAnswer{}, nil, &script.CallError{Code: "failed_to_get_connection", Message: "there is no such connection in this environment"}
	}
	if err != nil {
		return script.HTTPAnswer{}, nil, err
	}
	call := proxy.Call{
		Connection: c, Method: strings.ToUpper(q.Method), Endpoint: q.Endpoint, BaseURLOverride: q.BaseURLOverride, Header: header(q.Headers), Body: body,
		Retries: q.Retries, RetryOn: q.RetryOn, ForwardHeadersOnRedirect: q.ForwardHeadersOnRedirect, Script: true,
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
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return script.HTTPAnswer{}, nil, &script.CallError{Code: "ECONNRESET", Network: true, Message: "the provider's answer breaks off", Cause: err}
	}
	if int64(len(body)) > limit {
		return script.HTTPAnswer{}, nil, &script.CallError{Code: "script_response_too_large", Message: fmt.Sprintf("the answer is larger than %d bytes", limit)}
	}
	return script.HTTPAnswer{Status: resp.Status, StatusText: http.StatusText(resp.Status), Headers: pairs(resp.Header), URL: resp.URL}, body, nil
}

func pairs(h http.Header) []script.Pair {
	out := make([]script.Pair, 0, len(h))
	for name, values := range h {
		for _, v := range values {
			out = append(out, script.Pair{strings.ToLower(name), strings.ToValidUTF8(v, "\uFFFD")})
		}
	}
	return out
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

// Fetch makes a plain call without credentials. Every hop passes the egress policy, and leaving the origin drops credentials.
func (h *Host) Fetch(ctx context.Context, run *script.Run, q script.FetchRequest, body []byte) (script.HTTPAnswer, []byte, error) {
	at, err := h.Egress.Policy().Check(q.URL)
	if err != nil {
		return script.HTTPAnswer{}, nil, notAllowed(err)
	}
	method, headers := strings.ToUpper(q.Method), header(q.Headers)
	if method == "" {
		method = http.MethodGet
	}
	most := h.Egress.Policy().MaxRedirects()
	if q.MaxRedirects > 0 {
		most = min(most, q.MaxRedirects)
	}
	for hop := 0; ; hop++ {
		req, err := http.NewRequestWithContext(ctx, method, at.String(), strings.NewReader(string(body)))
		if err != nil {
			return script.HTTPAnswer{}, nil, &script.CallError{Code: "url_not_allowed", Message: "the request can't be made"}
		}
		req.Header = headers.Clone()
		resp, err := h.Egress.Do(req)
		if err != nil {
			return script.HTTPAnswer{}, nil, notAllowed(err)
		}
		location, redirected, err := egress.RedirectLocation(at, resp)
		if err != nil {
			_ = resp.Body.Close()
			return script.HTTPAnswer{}, nil, actionError("invalid_redirect", "the answer redirects to something that is no URL")
		}
		if !redirected {
			return h.answer(&proxy.Response{Status: resp.StatusCode, Header: resp.Header, Body: resp.Body, URL: plainURL(at)})
		}
		_ = resp.Body.Close()
		if hop == most {
			return script.HTTPAnswer{}, nil, actionError("too_many_redirects", fmt.Sprintf("more than %d redirects", most))
		}
		next, keep := egress.RedirectMethod(resp.StatusCode, method)
		if method = next; !keep {
			body = nil
			headers.Del("Content-Type")
			headers.Del("Content-Length")
		}
		if !egress.SameOrigin(at, location) {
			for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
				headers.Del(name)
			}
		}
		at = location
	}
}

func plainURL(u *url.URL) string {
	c := *u
	c.User, c.RawQuery, c.Fragment = nil, "", ""
	return c.String()
}

// notAllowed tells a refusal of the policy, which arrives as an ActionError, from a network failure.
func notAllowed(err error) error {
	if egress.IsDenied(err) {
		return actionError("url_not_allowed", err.Error())
	}
	return &script.CallError{Code: "ECONNREFUSED", Network: true, Message: "the address could not be reached", Cause: err}
}

func actionError(code, message string) error {
	return &script.CallError{Code: code, Message: message, Action: true, Body: []byte(fmt.Sprintf(`{"code":%q,"message":%q}`, code, message))}
}
