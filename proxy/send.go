package proxy

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
)

// send makes one attempt, with its redirects.
func (p *Proxy) send(ctx context.Context, t *target, call *Call, provider *providers.Provider) (*Response, error) {
	limit := p.TimeoutAPI
	if call.Script {
		limit = p.TimeoutScript
	}
	attempt, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(limit, cancel) // up to the header; a body may stream for longer
	resp, err := p.follow(attempt, t, call, provider)
	timedOut := !timer.Stop()
	if err != nil {
		cancel()
		if timedOut && ctx.Err() == nil {
			return nil, &NetworkError{Code: "ETIMEDOUT", Cause: err}
		}
		return nil, err
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

// follow sends the request and goes where redirects lead. Credentials of any kind stay with their origin, unless forwarding was asked for.
func (p *Proxy) follow(ctx context.Context, t *target, call *Call, provider *providers.Provider) (*Response, error) {
	method, header, body, at := call.Method, t.header, t.body, t.url
	forward := provider.Proxy.ForwardHeadersOnRedirect
	if call.ForwardHeadersOnRedirect != nil {
		forward = *call.ForwardHeadersOnRedirect
	}
	for hop := 0; ; hop++ {
		resp, err := p.Client.Do(request(ctx, method, at, header, body))
		if err != nil {
			return nil, classify(err, hop, call)
		}
		location := redirection(at, resp)
		if location == nil {
			return decoded(resp, method, at, t, call)
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
		_ = resp.Body.Close()
		if hop == p.Client.Policy().MaxRedirects() {
			return nil, &NetworkError{Code: "ERR_FR_TOO_MANY_REDIRECTS", Cause: errors.New("too many redirects")}
		}
		next, keep := egress.RedirectMethod(resp.StatusCode, method)
		if method = next; !keep {
			body, t.foreign = nil, nil
			header = without(header, "Content-Type", "Content-Encoding", "Content-Language", "Content-Location")
		}
		if !egress.SameOrigin(full(at), location) && !forward {
			header = t.forStrangers(header, call.Connection.Credentials)
			body = t.foreign
		}
		at = location
	}
}

// redirection is where an answer leads; nil: nowhere, or to something that is no URL, and then the answer is the caller's.
func redirection(at *url.URL, resp *http.Response) *url.URL {
	if resp.StatusCode < 300 || resp.StatusCode >= 400 {
		return nil
	}
	location, ok, err := egress.RedirectLocation(full(at), resp)
	if !ok || err != nil {
		return nil
	}
	return location
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

func without(h http.Header, names ...string) http.Header {
	out := h.Clone()
	for _, n := range names {
		out.Del(n)
	}
	return out
}

// decoded makes the response: without what belongs to the connection, and with its body opened if it is compressed. Answers that have no
// body by their nature stay as they are.
func decoded(resp *http.Response, method string, at *url.URL, t *target, call *Call) (*Response, error) {
	if resp.StatusCode < http.StatusOK || resp.StatusCode > 999 {
		_ = resp.Body.Close()
		return nil, &NetworkError{Code: "EPROTO", Cause: errors.New("the answer's status is no final one")}
	}
	out := &Response{Status: resp.StatusCode, Header: safe(resp.Header), Body: resp.Body, Length: resp.ContentLength, Stream: resp.ContentLength < 0}
	if call.Script {
		out.URL = t.public
		if at != t.url {
			out.URL = at.String()
		}
		out.URL = t.redact(call.Connection.Credentials).URL(out.URL)
	}
	if Bodiless(method, resp.StatusCode) {
		_ = resp.Body.Close() // a 205 without a length would be waited for until the provider hangs up
		out.Body, out.Length = http.NoBody, 0
		return out, nil
	}
	if err := Decode(out, method); err != nil {
		_ = resp.Body.Close()
		return nil, &NetworkError{Code: "ERR_BAD_RESPONSE", Cause: err}
	}
	return out, nil
}

// hopByHop are headers that belong to one connection (RFC 9110 §7.6.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// safe removes from an answer's headers those of the connection, those that Connection names, and the rules for other origins, which are
// our own. The header is the response's alone, so it is changed in place.
func safe(h http.Header) http.Header {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			delete(h, name)
		}
	}
	return h
}

// Bodiless says that an answer has no body whatever its headers say.
func Bodiless(method string, status int) bool {
	return method == http.MethodHead || status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified
}

// Decode opens a response's compressed body, if the coding is one that is known here, and corrects its headers and length.
func Decode(r *Response, method string) error {
	if Bodiless(method, r.Status) || r.Length == 0 {
		return nil
	}
	coding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	var open func(io.Reader) (io.ReadCloser, error)
	switch coding {
	case "gzip", "x-gzip":
		open = func(in io.Reader) (io.ReadCloser, error) { return gzip.NewReader(in) }
	case "deflate":
		open = inflate
	default:
		return nil
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(r.Body, first); errors.Is(err, io.EOF) { // an empty body that says it is compressed
		r.Length = 0
	} else if err != nil {
		return err
	} else {
		inner := r.Body
		zip, err := open(io.MultiReader(bytes.NewReader(first), inner))
		if err != nil {
			return err
		}
		r.Body, r.Length = &unzipped{zip, inner}, -1
	}
	r.Header.Del("Content-Encoding")
	r.Header.Del("Content-Length")
	return nil
}

// inflate opens "deflate", which is zlib by its definition and raw DEFLATE by the habit of some servers.
func inflate(in io.Reader) (io.ReadCloser, error) {
	head := make([]byte, 2)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), in)
	if n == 2 && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(whole)
	}
	return flate.NewReader(whole), nil
}

type unzipped struct {
	io.ReadCloser
	inner io.Closer
}

func (u *unzipped) Close() error { return errors.Join(u.ReadCloser.Close(), u.inner.Close()) }

// peek reads the beginning of a body and puts it back.
func peek(r *Response, most int64) []byte {
	head, err := io.ReadAll(io.LimitReader(r.Body, most))
	var rest io.Reader = r.Body
	if err != nil {
		rest = failing{err}
	}
	r.Body = &peeked{io.MultiReader(bytes.NewReader(head), rest), r.Body}
	return head
}

type peeked struct {
	io.Reader
	io.Closer
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
