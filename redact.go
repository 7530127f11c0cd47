package causeway

import (
	"net/url"
	"strings"
)

// Redacted stands in a log for what nobody may see.
const Redacted = "REDACTED"

// secretHeaders carry credentials whatever the provider is.
var secretHeaders = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true, "x-api-key": true, "api-key": true,
	"apikey": true, "x-auth-token": true, "x-access-token": true, "x-csrf-token": true, "x-amz-security-token": true,
}

// secretWords in the name of a header or of a query parameter mark its value as a credential.
var secretWords = []string{"token", "secret", "password", "passwd", "apikey", "api_key", "api-key", "signature", "credential", "authorization", "session"}

// Redactor hides credentials in what is logged: values of headers and parameters that carry credentials by their name, and
// the given secret values wherever they stand.
type Redactor struct{ values []string }

// minSecret is the length below which a value isn't searched for: a user name "a" would blacken every text.
const minSecret = 5

// NewRedactor makes a redactor for a call with these credentials. Texts in them, at any depth, are secret, but for the type
// and for names that are no secret.
func NewRedactor(credentials Credentials) *Redactor {
	r := &Redactor{}
	r.collect(map[string]any(credentials))
	return r
}

func (r *Redactor) collect(v any) {
	switch v := v.(type) {
	case string:
		if len(v) >= minSecret {
			r.values = append(r.values, v)
			if escaped := url.QueryEscape(v); escaped != v {
				r.values = append(r.values, escaped)
			}
		}
	case map[string]any:
		for key, inner := range v {
			if key != "type" && key != "expires_at" && key != "token_type" && key != "scope" {
				r.collect(inner)
			}
		}
	case []any:
		for _, inner := range v {
			r.collect(inner)
		}
	}
}

// Text hides the secret values in a text.
func (r *Redactor) Text(s string) string {
	for _, v := range r.values {
		s = strings.ReplaceAll(s, v, Redacted)
	}
	return s
}

// URL hides credentials in a URL: its user info, parameters that are secret by their name, and the secret values.
func (r *Redactor) URL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return Redacted // what can't be read can't be judged
	}
	if u.User != nil {
		u.User = url.User(Redacted)
	}
	if u.RawQuery != "" {
		parts := strings.Split(u.RawQuery, "&")
		for i, p := range parts {
			if name, _, ok := strings.Cut(p, "="); ok && secretName(name) {
				parts[i] = name + "=" + Redacted
			}
		}
		u.RawQuery = strings.Join(parts, "&")
	}
	u.Fragment = ""
	return r.Text(u.String())
}

// Header hides the value of a header line.
func (r *Redactor) Header(name, value string) string {
	if name = strings.ToLower(name); secretHeaders[name] || secretName(name) {
		return Redacted
	}
	return r.Text(value)
}

// Headers hides credentials in header lines; several lines of one name are joined by a comma.
func (r *Redactor) Headers(lines map[string][]string) map[string]string {
	out := make(map[string]string, len(lines))
	for name, values := range lines {
		out[strings.ToLower(name)] = r.Header(name, strings.Join(values, ", "))
	}
	return out
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, w := range secretWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return name == "key" || name == "sig" || name == "auth" || name == "code"
}
