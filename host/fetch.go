package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/proxy"
	"github.com/causeway-dev/causeway/script"
)

// Fetch makes a plain call without credentials. Every hop passes the egress policy, and leaving the origin drops what credentials the
// script has given itself.
func (h *Host) Fetch(ctx context.Context, _ *script.Run, q script.FetchRequest, body []byte) (script.HTTPAnswer, []byte, error) {
	at, err := h.Egress.Policy().Check(q.URL)
	if err != nil {
		return script.HTTPAnswer{}, nil, notAllowed(err)
	}
	most := h.Egress.Policy().MaxRedirects()
	if q.MaxRedirects > 0 {
		most = min(most, q.MaxRedirects)
	}
	method, headers := verb(q.Method), header(q.Headers)
	for _, name := range []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Te", "Trailer", "Upgrade", "Expect"} {
		headers.Del(name) // framing is the connection's business
	}
	if headers.Get("Accept-Encoding") == "" {
		headers.Set("Accept-Encoding", "gzip, deflate")
	}
	for hop := 0; ; hop++ {
		resp, err := h.fetch(ctx, method, at, headers, body)
		if err != nil {
			return script.HTTPAnswer{}, nil, err
		}
		location, redirected, err := egress.RedirectLocation(at, resp)
		if err != nil {
			_ = resp.Body.Close()
			return script.HTTPAnswer{}, nil, actionError("invalid_redirect", "the answer redirects to something that is no URL")
		}
		if !redirected {
			return h.fetched(resp, method, at)
		}
		_ = resp.Body.Close()
		if hop == most {
			return script.HTTPAnswer{}, nil, actionError("too_many_redirects", fmt.Sprintf("more than %d redirects", most))
		}
		next, keep := egress.RedirectMethod(resp.StatusCode, method)
		if method = next; !keep {
			body = nil
			for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Location"} {
				headers.Del(name)
			}
		}
		if !egress.SameOrigin(at, location) {
			for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
				headers.Del(name)
			}
		}
		at = location
	}
}

// fetch makes one request.
func (h *Host) fetch(ctx context.Context, method string, at *url.URL, headers http.Header, body []byte) (*http.Response, error) {
	target := *at
	target.User = nil // user information is no credential here: fetch refuses it too
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &script.CallError{Code: "unknown_error", Message: "the request can't be made: its method or URL isn't valid"}
	}
	req.Header = headers.Clone()
	resp, err := h.Egress.Do(req)
	if err != nil {
		return nil, notAllowed(err)
	}
	return resp, nil
}

// fetched reads an answer, its compression opened.
func (h *Host) fetched(resp *http.Response, method string, at *url.URL) (script.HTTPAnswer, []byte, error) {
	shown := *at
	shown.User, shown.Fragment = nil, ""
	out := &proxy.Response{Status: resp.StatusCode, Header: resp.Header, Body: resp.Body, Length: resp.ContentLength, URL: shown.String()}
	if proxy.Bodiless(method, resp.StatusCode) {
		_ = resp.Body.Close()
		out.Body, out.Length = http.NoBody, 0
	}
	if err := proxy.Decode(out, method); err != nil {
		_ = resp.Body.Close()
		return script.HTTPAnswer{}, nil, &script.CallError{Code: "ERR_BAD_RESPONSE", Network: true, Message: "the answer's compression is broken", Cause: err}
	}
	return h.answer(out)
}

// notAllowed tells a refusal of the policy, which arrives as an ActionError, from a network failure.
func notAllowed(err error) error {
	if egress.IsDenied(err) {
		return actionError("url_not_allowed", err.Error())
	}
	return &script.CallError{Code: proxy.NetworkCode(err), Network: true, Message: "the address could not be reached", Cause: err}
}

func actionError(code, message string) error {
	payload, err := json.Marshal(map[string]string{"code": code, "message": message})
	if err != nil {
		return err
	}
	return &script.CallError{Code: code, Message: message, Action: true, Body: payload}
}
