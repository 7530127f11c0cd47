package proxy

import (
	"net/http"
	"net/url"
	"strings"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/providers"
)

// base chooses the base URL: the caller's, one that only the running platform knows, or the provider's.
func (p *Proxy) base(provider *providers.Provider, block *providers.Proxy, call *Call, scope *providers.Scope) (string, error) {
	custom := block.BaseURL != provider.Proxy.BaseURL // the integration's
	switch {
	case (call.BaseURLOverride != "" || custom) && p.NoBaseURLOverride:
		return "", causeway.Errorf(http.StatusBadRequest, "base_url_override_disabled", "base URLs of callers are switched off (proxy.base_url_override)")
	case call.BaseURLOverride != "":
		text, resolved := call.BaseURLOverride, true
		if strings.Contains(text, "${") {
			text, resolved = providers.Compile(text).Plain(scope)
		}
		if !resolved {
			return "", causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the base URL needs a value that the connection has not")
		}
		return text, nil
	case p.BaseURLs[provider.Name] != "" && call.Connection.Config["baseUrl"] == nil:
		return p.BaseURLs[provider.Name], nil
	case block.BaseURL == nil:
		return "", causeway.Errorf(http.StatusBadRequest, "unsupported_provider", "provider %s has no base URL: give one", provider.Name)
	default:
		text, resolved := block.BaseURL.Fallback(scope)
		if !resolved || text == "" {
			return "", causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the base URL of provider %s needs a value that the connection has not: %s",
				provider.Name, strings.Join(block.BaseURL.Placeholders(), ", "))
		}
		return text, nil
	}
}

// join joins base and endpoint by one slash and keeps the endpoint's bytes. public is the same without the provider's query parameters.
func join(block *providers.Proxy, call *Call, scope *providers.Scope, base string) (u *url.URL, public string, err error) {
	endpoint := call.Endpoint
	if strings.Contains(endpoint, "${") {
		rendered, resolved := providers.Compile(endpoint).Plain(scope)
		if !resolved {
			return nil, "", causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the endpoint needs a value that the connection has not")
		}
		endpoint = rendered
	}
	endpoint = strip(endpoint, base)
	scheme, host, basePath, baseQuery, err := splitBase(base)
	if err != nil {
		return nil, "", err
	}
	endpoint, _, _ = strings.Cut(endpoint, "#")
	path, query, hasQuery := strings.Cut(endpoint, "?")
	path = joinPath(basePath, path)
	if baseQuery != "" {
		query = appendQuery(baseQuery, query)
	}
	if query, err = withParams(query, call.Params); err != nil {
		return nil, "", err
	}
	path, query = escape(path, call.Script), escape(query, call.Script)
	public = scheme + "://" + host + path
	if query != "" {
		public += "?" + query
	}
	for i := range block.Query {
		pair := &block.Query[i]
		if value, resolved := pair.Value.Value(scope); resolved {
			query = setQuery(query, pair.Name, value)
		}
	}
	return &url.URL{Scheme: scheme, Host: host, Opaque: opaque(host, path), RawQuery: query, ForceQuery: hasQuery && query == ""}, public, nil
}

// splitBase takes a base URL apart and keeps the bytes of its path.
func splitBase(base string) (scheme, host, path, query string, err error) {
	bad := func(cause error) error {
		return causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the base URL is no http(s) URL").WithCause(cause)
	}
	base, _, _ = strings.Cut(strings.TrimSpace(base), "#")
	scheme, rest, ok := strings.Cut(base, "://")
	if !ok {
		return "", "", "", "", bad(nil)
	}
	rest, query, _ = strings.Cut(rest, "?")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, path = rest[:i], rest[i:]
	}
	u, parseErr := url.Parse(scheme + "://" + rest)
	if parseErr != nil || u.Host == "" || u.User != nil || strings.Contains(rest, "\\") {
		return "", "", "", "", bad(parseErr)
	}
	return u.Scheme, u.Host, path, query, nil // url.Parse lowers the scheme
}

func joinPath(base, path string) string {
	switch {
	case path == "" && base == "":
		return "/"
	case path == "":
		return base
	}
	return strings.TrimSuffix(base, "/") + "/" + strings.TrimPrefix(path, "/")
}

// opaque is a path as it goes out. One that begins with two slashes would be read as a host, so the whole URL stands before it.
func opaque(host, path string) string {
	if strings.HasPrefix(path, "//") {
		return "//" + host + path
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

// withParams sets parameters one by one: a name that is there already is replaced, where it stands.
func withParams(query string, params [][2]string) (string, error) {
	for _, p := range params {
		if p[0] != "" {
			query = setQuery(query, p[0], p[1])
			continue
		}
		if query != "" {
			return "", causeway.Errorf(http.StatusBadRequest, "invalid_query_params", "params can't be a text when the endpoint has a query already")
		}
		query = strings.TrimPrefix(p[1], "?")
	}
	return query, nil
}

// setQuery sets one parameter and leaves the bytes of all others alone.
func setQuery(query, name, value string) string {
	pair := url.QueryEscape(name) + "=" + url.QueryEscape(value)
	if query == "" {
		return pair
	}
	parts := strings.Split(query, "&")
	kept, set := parts[:0], false
	for _, part := range parts {
		key, _, _ := strings.Cut(part, "=")
		if decodeQuery(key) != name {
			kept = append(kept, part)
		} else if !set {
			kept, set = append(kept, pair), true
		}
	}
	if !set {
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}

func appendQuery(query, part string) string {
	if query == "" || part == "" {
		return query + part
	}
	return query + "&" + part
}

// escape percent-encodes what can't stand in a request line: blanks and control characters. A script's URL hasn't been through an HTTP
// parser, so bytes beyond ASCII and signs that no URL may hold are encoded too, as browsers do; an API caller's bytes stay what they are.
func escape(text string, script bool) string {
	clean := true
	for i := range len(text) {
		if mustEscape(text[i], script) {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; mustEscape(c, script) {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func mustEscape(c byte, script bool) bool {
	return c <= ' ' || c == 0x7f || script && (c > 0x7f || c == '"' || c == '<' || c == '>' || c == '`' || c == '{' || c == '}')
}
