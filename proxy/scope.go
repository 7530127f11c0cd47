package proxy

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/causeway-dev/causeway/auth"
	"github.com/causeway-dev/causeway/providers"
)

// scope gives the provider's templates their values. Nothing in it is computed before a template asks for it.
func (p *Proxy) scope(call *Call, facts *facts) *providers.Scope {
	c := call.Connection
	get := func(name string) (any, bool) {
		switch name {
		case "connectionConfig":
			return c.Config, c.Config != nil
		case "credentials":
			return map[string]any(c.Credentials), true
		case "metadata":
			var m map[string]any
			if len(c.Metadata) == 0 || json.Unmarshal(c.Metadata, &m) != nil {
				return nil, false
			}
			return m, true
		case "accessToken":
			if m, ok := auth.For(c.Credentials.Type()); ok && m.Token(c.Credentials) != "" {
				return m.Token(c.Credentials), true
			}
			return nil, false
		case "clientId", "clientSecret":
			return clientOf(call, name)
		}
		if facts != nil {
			if v, ok := facts.get(name); ok {
				return v, true
			}
		}
		v, ok := c.Credentials[name]
		return v, ok && name != "type"
	}
	return &providers.Scope{Now: p.Now(), Random: uuid.NewString(), Get: get}
}

// clientOf is the developer app of the call: the connection's own one, if it was imported with one, else the integration's.
func clientOf(call *Call, name string) (any, bool) {
	key := map[string]string{"clientId": "client_id", "clientSecret": "client_secret"}[name]
	if own, ok := call.Connection.Credentials["config_override"].(map[string]any); ok {
		if v, ok := own[key].(string); ok && v != "" {
			return v, true
		}
	}
	if call.Integration == nil {
		return nil, false
	}
	v := call.Integration.Secrets.ClientID
	if name == "clientSecret" {
		v = call.Integration.Secrets.ClientSecret
	}
	return v, v != ""
}

// facts are what templates of headers may say of the request itself.
type facts struct {
	method, endpoint string
	url              *url.URL
	body             []byte
	contentType      string
}

func (f *facts) get(name string) (any, bool) {
	switch name {
	case "method":
		return f.method, true
	case "endpoint":
		return f.endpoint, true
	case "host":
		return f.url.Host, true
	case "path":
		return full(f.url).EscapedPath(), true
	case "contentType":
		return f.contentType, true
	case "urlCanonicalParams":
		return canonicalQuery(f.url.RawQuery), true
	case "bodyCanonicalParams":
		return f.bodyParams(), true
	case "params":
		if f.hasBody() {
			return canonicalBody(f.body), true
		}
		return canonicalQuery(f.url.RawQuery), true
	}
	return nil, false
}

func (f *facts) hasBody() bool {
	return f.method == http.MethodPost || f.method == http.MethodPut || f.method == http.MethodPatch
}

func (f *facts) bodyParams() string {
	if !f.hasBody() {
		return ""
	}
	return string(f.body)
}

// canonicalQuery sorts a query by name and value and encodes everything that RFC 3986 doesn't call unreserved.
func canonicalQuery(raw string) string {
	var pairs []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, unreserved(decodeQuery(name))+"="+unreserved(decodeQuery(value)))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func decodeQuery(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

// canonicalBody is a body's parameters in the same form: those of a form, or the top level of a JSON object.
func canonicalBody(body []byte) string {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return canonicalQuery(string(body))
	}
	var pairs []string
	for name, raw := range object {
		text := string(bytes.TrimSpace(raw))
		var s string
		if json.Unmarshal(raw, &s) == nil {
			text = s
		}
		pairs = append(pairs, unreserved(name)+"="+unreserved(text))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func unreserved(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
