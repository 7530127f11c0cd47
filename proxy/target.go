package proxy

import (
	"net/http"
	"net/url"
	"strings"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/auth"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
)

// target is what one attempt sends: everything is rendered anew for each, with the values of its moment.
type target struct {
	url      *url.URL // its Opaque is the path as it goes out
	public   string   // the URL without the query parameters that the provider's entry adds, for the log
	header   http.Header
	own      []string // names of headers that carry what belongs to this origin only, in canonical form
	body     []byte
	foreign  []byte // the body for another origin: without what the provider's entry adds
	redactor *causeway.Redactor
}

func (p *Proxy) target(provider *providers.Provider, call *Call) (*target, error) {
	facts := &facts{method: call.Method, endpoint: call.Endpoint, contentType: call.Header.Get("Content-Type")}
	scope := p.scope(call, nil)
	block := &provider.Proxy
	if len(provider.IntegrationConfig) > 0 && call.Integration != nil {
		block = configured(provider, call.Integration)
	}
	base, err := p.base(provider, block, call, scope)
	if err != nil {
		return nil, err
	}
	t := &target{}
	if t.url, t.public, err = join(block, call, scope, base); err != nil {
		return nil, err
	}
	if err := p.Client.Policy().CheckURL(t.url); err != nil {
		return nil, refusal(err, call)
	}
	t.foreign = call.Body
	if t.body, err = body(block, call, scope); err != nil {
		return nil, err
	}
	facts.url, facts.body = t.url, t.body
	headerScope := p.scope(call, facts)
	headerScope.Now, headerScope.Random = scope.Now, scope.Random
	return t, t.headers(provider, block, call, headerScope)
}

// configured is the provider's block with what an integration says of its own API: base URL and place of the key.
func configured(provider *providers.Provider, i *causeway.Integration) *providers.Proxy {
	block := provider.Proxy
	get := func(name string) string {
		if v := i.Config[name]; v != "" {
			return v
		}
		return i.Secrets.Custom[name]
	}
	if base := get("baseUrl"); base != "" {
		block.BaseURL = providers.Compile(base)
	}
	name, value := get("keyName"), get("valueTemplate")
	if name == "" || value == "" {
		return &block
	}
	place := providers.NamedTemplate{Name: strings.ToLower(name), Value: providers.Compile(value), Secret: true}
	if get("keyPlacement") == "query" {
		place.Name = name
		block.Query = append(append([]providers.NamedTemplate{}, block.Query...), place)
	} else {
		block.Headers = append(append([]providers.NamedTemplate{}, block.Headers...), place)
	}
	return &block
}

// refused are headers that a caller can't set: they belong to the connection or to the framing of the message.
var refused = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true,
	"Upgrade": true, "Proxy-Authorization": true, "Proxy-Connection": true, "Proxy-Authenticate": true, "Expect": true, "Http2-Settings": true,
}

// accepted are the codings that send.go opens.
const accepted = "gzip, deflate"

// headers puts the mode's default first, then the provider's, then the caller's, which win but for the client's identification.
func (t *target) headers(provider *providers.Provider, block *providers.Proxy, call *Call, scope *providers.Scope) error {
	t.header = make(http.Header, 8)
	value, err := authorization(call.Connection.Credentials, block)
	if err != nil {
		return err
	}
	if value != "" {
		t.set("Authorization", value, true)
	}
	agent := ""
	for i := range block.Headers {
		h := &block.Headers[i]
		value, resolved := h.Value.Value(scope)
		if !resolved {
			continue // half a header is worse than none
		}
		name := http.CanonicalHeaderKey(h.Name)
		t.set(name, value, h.Secret || h.NeedsConfig)
		if name == "User-Agent" {
			agent = value
		}
	}
	for name, values := range call.Header {
		name = http.CanonicalHeaderKey(name)
		if refused[name] || len(values) == 0 {
			continue
		}
		t.header[name] = values
		if secretHeader(name) {
			t.own = append(t.own, name)
		}
	}
	if agent != "" {
		t.header.Set("User-Agent", agent)
	} else if t.header.Get("User-Agent") == "" {
		t.header.Set("User-Agent", "causeway")
	}
	if len(t.header["Accept-Encoding"]) == 0 {
		t.header["Accept-Encoding"] = []string{accepted}
	}
	if len(t.body) > 0 && len(t.header["Content-Type"]) == 0 && len(call.Body) == 0 {
		t.header.Set("Content-Type", "application/json") // the body is made of the provider's fields alone
	}
	for name, values := range t.header {
		if !validHeader(name, values) {
			return causeway.Errorf(http.StatusBadRequest, "invalid_headers", "header %q of provider %s holds what no header may hold", name, provider.Name)
		}
	}
	return nil
}

// authorization is the default header of the credentials' mode. Two-step logins whose headers carry the token themselves have none.
func authorization(c causeway.Credentials, block *providers.Proxy) (string, error) {
	m, ok := auth.For(c.Type())
	if !ok {
		return "", causeway.Errorf(http.StatusBadRequest, "unsupported_auth", "calls with credentials of type %s are not supported yet", c.Type())
	}
	if c.Type() == causeway.AuthTwoStep && block.SuppressBearer {
		return "", nil
	}
	value, err := m.Header(c)
	if err != nil {
		return "", causeway.Errorf(http.StatusBadRequest, "unsupported_auth", "%s", err.Error()).WithCause(err)
	}
	return value, nil
}

// set sets a header of ours.
func (t *target) set(name, value string, own bool) {
	t.header[name] = []string{value}
	if own {
		t.own = append(t.own, name)
	}
}

func secretHeader(name string) bool {
	return (&causeway.Redactor{}).Header(name, "x") == causeway.Redacted
}

func validHeader(name string, values []string) bool {
	if name == "" || strings.ContainsAny(name, " \t\r\n:\x00") {
		return false
	}
	for _, v := range values {
		if strings.ContainsAny(v, "\r\n\x00") {
			return false
		}
	}
	return true
}

// forStrangers leaves out what must not go to another origin: what the platform has set for the connection, the caller's own credentials,
// and whatever else holds one of the connection's secrets.
func (t *target) forStrangers(h http.Header, c causeway.Credentials) http.Header {
	out := h.Clone()
	for _, name := range t.own {
		out.Del(name)
	}
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		out.Del(name)
	}
	r := t.redact(c)
	for name, values := range out {
		for _, v := range values {
			if r.Text(v) != v {
				out.Del(name)
				break
			}
		}
	}
	return out
}

// redact is the redactor of the connection, made when it is needed.
func (t *target) redact(c causeway.Credentials) *causeway.Redactor {
	if t.redactor == nil {
		t.redactor = causeway.NewRedactor(c)
	}
	return t.redactor
}

// refusal turns the policy's verdict on a call's own URL into the caller's error.
func refusal(err error, call *Call) error {
	if !egress.IsDenied(err) {
		return causeway.Errorf(http.StatusBadRequest, "missing_api_url", "the URL can't be called").WithCause(err)
	}
	code := "base_url_denied"
	if call.BaseURLOverride != "" {
		code = "base_url_override_not_allowed"
	}
	return causeway.Errorf(http.StatusBadRequest, code, "%s; egress.allow_private opens private addresses", err.Error()).WithCause(err)
}
