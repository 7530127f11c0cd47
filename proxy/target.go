package proxy

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
)

// target is what one attempt sends: everything is rendered anew for each, with the values of its moment.
type target struct {
	url      *url.URL // its Opaque is the path as it goes out
	header   http.Header
	own      map[string]bool // names of headers that carry what belongs to this origin only
	body     []byte
	redactor *causeway.Redactor
}

func (p *Proxy) target(provider *providers.Provider, call *Call) (*target, error) {
	scope := p.scope(call.Connection)
	base, err := p.base(provider, call, scope)
	if err != nil {
		return nil, err
	}
	t := &target{own: map[string]bool{}, redactor: causeway.NewRedactor(call.Connection.Credentials)}
	if t.url, err = p.url(provider, call, scope, base); err != nil {
		return nil, err
	}
	if err := t.headers(provider, call, scope); err != nil {
		return nil, err
	}
	t.body, err = body(provider, call, scope)
	return t, err
}

// base chooses the base URL: the caller's, one that only the running platform knows, or the provider's.
func (p *Proxy) base(provider *providers.Provider, call *Call, scope *providers.Scope) (string, error) {
	switch {
	case call.BaseURLOverride != "" && p.NoBaseURLOverride:
		return "", causeway.Errorf(http.StatusBadRequest, "base_url_override_disabled", "base URLs of callers are switched off (proxy.base_url_override)")
	case call.BaseURLOverride != "":
		text, resolved := providers.Compile(call.BaseURLOverride).Plain(scope)
		if !resolved {
			return "", causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the base URL needs a value that the connection has not")
		}
		return text, nil
	case p.BaseURLs[provider.Name] != "" && call.Connection.Config["baseUrl"] == nil:
		return p.BaseURLs[provider.Name], nil
	case provider.Proxy.BaseURL == nil:
		return "", causeway.Errorf(http.StatusBadRequest, "unsupported_provider", "provider %s has no base URL: give one", provider.Name)
	default:
		text, resolved := provider.Proxy.BaseURL.Fallback(scope)
		if !resolved || text == "" {
			return "", causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the base URL of provider %s needs a value that the connection has not: %s", provider.Name, strings.Join(provider.Proxy.BaseURL.Placeholders(), ", "))
		}
		return text, nil
	}
}

// url joins base and endpoint by one slash and keeps the endpoint's bytes.
func (p *Proxy) url(provider *providers.Provider, call *Call, scope *providers.Scope, base string) (*url.URL, error) {
	endpoint := call.Endpoint
	if strings.Contains(endpoint, "${") {
		rendered, resolved := providers.Compile(endpoint).Plain(scope)
		if !resolved {
			return nil, causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the endpoint needs a value that the connection has not")
		}
		endpoint = rendered
	}
	endpoint = strip(endpoint, base)
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the base URL is no http(s) URL")
	}
	path, query, hasQuery := strings.Cut(endpoint, "?")
	if i := strings.IndexByte(path, '#'); i >= 0 {
		path = path[:i]
	}
	full := strings.TrimRight(u.EscapedPath(), "/")
	switch {
	case path == "":
	case strings.HasPrefix(path, "/"):
		full += path
	default:
		full += "/" + path
	}
	if full == "" {
		full = "/"
	}
	if i := strings.IndexByte(query, '#'); i >= 0 {
		query = query[:i]
	}
	parts := []string{}
	for _, part := range []string{u.RawQuery, query} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	query, err = withParams(strings.Join(parts, "&"), call.Params)
	if err != nil {
		return nil, err
	}
	for _, pair := range provider.Proxy.Query {
		if value, resolved := pair.Value.Value(scope); resolved {
			query = appendQuery(query, url.QueryEscape(pair.Name)+"="+url.QueryEscape(value))
		}
	}
	out := &url.URL{Scheme: strings.ToLower(u.Scheme), Host: u.Host, Opaque: opaque(u, full), RawQuery: query, ForceQuery: hasQuery && query == ""}
	if err := p.Client.Policy().CheckURL(out); err != nil {
		return nil, denied(err, call)
	}
	return out, nil
}

// opaque is a path as it goes out. One that begins with two slashes would be read as a host, so the whole URL stands before it.
func opaque(u *url.URL, path string) string {
	if strings.HasPrefix(path, "//") {
		return "//" + u.Host + path
	}
	return path
}

// full is the URL in its usual form, for comparing and resolving.
func full(u *url.URL) *url.URL {
	if u.Opaque == "" {
		return u
	}
	path := strings.TrimPrefix(u.Opaque, "//"+u.Host)
	if out, err := url.Parse(u.Scheme + "://" + u.Host + path); err == nil {
		out.RawQuery = u.RawQuery
		return out
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/", RawQuery: u.RawQuery}
}

// strip removes the base URL from an endpoint that repeats it, once and at a real boundary only.
func strip(endpoint, base string) string {
	base = strings.TrimRight(base, "/")
	rest, ok := strings.CutPrefix(endpoint, base)
	if !ok || base == "" {
		return endpoint
	}
	if rest == "" || rest[0] == '/' || rest[0] == '?' || rest[0] == '#' {
		return rest
	}
	return endpoint
}

// withParams sets parameters one by one: a name that is there already is replaced.
func withParams(query string, params [][2]string) (string, error) {
	for _, p := range params {
		if p[0] == "" { // a text that is appended as it is
			if query != "" {
				return "", causeway.Errorf(http.StatusBadRequest, "invalid_query_params", "params can't be a text when the endpoint has a query already")
			}
			query = strings.TrimPrefix(p[1], "?")
			continue
		}
		name := url.QueryEscape(p[0])
		var kept []string
		for part := range strings.SplitSeq(query, "&") {
			key, _, _ := strings.Cut(part, "=")
			if decoded, err := url.QueryUnescape(key); part != "" && (err != nil || decoded != p[0]) {
				kept = append(kept, part)
			}
		}
		query = appendQuery(strings.Join(kept, "&"), name+"="+url.QueryEscape(p[1]))
	}
	return query, nil
}

func appendQuery(query, part string) string {
	if query == "" {
		return part
	}
	return query + "&" + part
}

// refused are headers that a caller can't set: they belong to the connection or to the framing of the message.
var refused = map[string]bool{
	"host": true, "content-length": true, "transfer-encoding": true, "connection": true, "keep-alive": true, "te": true, "trailer": true, "upgrade": true,
	"proxy-authorization": true, "proxy-connection": true, "expect": true,
}

// headers puts the mode's default first, then the provider's, then the caller's, which win but for the client's identification.
func (t *target) headers(provider *providers.Provider, call *Call, scope *providers.Scope) error {
	t.header = http.Header{}
	value, err := authorization(call.Connection.Credentials)
	if err != nil {
		return err
	}
	if value != "" {
		t.set("authorization", value)
	}
	for _, pair := range provider.Proxy.Headers {
		value, resolved := pair.Value.Value(scope)
		if !resolved && pair.Value.Mentions("connectionConfig") {
			continue
		}
		t.set(pair.Name, value)
	}
	agent := t.header.Get("User-Agent")
	for name, values := range call.Header {
		if !refused[strings.ToLower(name)] {
			t.header[http.CanonicalHeaderKey(name)] = values
			t.own[strings.ToLower(name)] = secretHeader(name)
		}
	}
	if agent != "" {
		t.header.Set("User-Agent", agent)
	} else if t.header.Get("User-Agent") == "" {
		t.header.Set("User-Agent", "causeway")
	}
	if t.header.Get("Accept-Encoding") == "" {
		t.header.Set("Accept-Encoding", "gzip")
	}
	return nil
}

// set sets a header of ours: it belongs to this origin.
func (t *target) set(name, value string) {
	t.header.Set(name, value)
	t.own[strings.ToLower(name)] = true
}

func secretHeader(name string) bool {
	return (&causeway.Redactor{}).Header(name, "x") == causeway.Redacted
}

// plain leaves out what must not go to another origin: every header that the platform has set for the connection, and the caller's
// credentials.
func (t *target) plain(h http.Header) http.Header {
	out := h.Clone()
	for name, own := range t.own {
		if own && name != "accept" && name != "user-agent" {
			out.Del(name)
		}
	}
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		out.Del(name)
	}
	return out
}

func without(h http.Header, names ...string) http.Header {
	out := h.Clone()
	for _, n := range names {
		out.Del(n)
	}
	return out
}

func denied(err error, call *Call) error {
	if !egress.IsDenied(err) {
		return causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the URL can't be called").WithCause(err)
	}
	code := "base_url_denied"
	if call.BaseURLOverride != "" {
		code = "base_url_override_not_allowed"
	}
	return causeway.Errorf(http.StatusBadRequest, code, "%s; egress.allow_private opens private addresses", err.Error()).WithCause(err)
}

func unmarshal(raw json.RawMessage, into any) error {
	if len(raw) == 0 {
		return errors.New("nothing")
	}
	return json.Unmarshal(raw, into)
}

// attempt is what the log shows of one try.
func (t *target) attempt(call *Call, resp *Response, err error, n int, began time.Time, took, wait time.Duration) Attempt {
	a := Attempt{Number: n + 1, Max: call.Retries + 1, Method: call.Method, URL: t.redactor.URL(full(t.url).String()), Request: t.redactor.Headers(t.header), Began: began, Took: took, Waits: wait}
	for name, own := range t.own {
		if own && name != "accept" && name != "user-agent" {
			if _, there := a.Request[name]; there {
				a.Request[name] = causeway.Redacted
			}
		}
	}
	if resp != nil {
		a.Status, a.Response = resp.Status, t.redactor.Headers(resp.Header)
	}
	if network, ok := errors.AsType[*NetworkError](err); ok {
		a.Code = network.Code
	} else if err != nil {
		a.Code = causeway.ErrorCode(err)
	}
	return a
}
