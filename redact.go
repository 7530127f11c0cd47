package causeway

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
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

// minSecret is the length below which a value isn't searched for: a user name "a" would blacken every text.
const minSecret = 5

// Secrets are values that must not be shown, in the forms in which they may stand in a text: as they are, in a URL, in JSON.
type Secrets struct {
	// Shown is what stands in the place of the nth value, which was found at a path such as credentials.apiKey; nil: Redacted.
	Shown func(n int, path string) string

	forms []secretForm // the longest first: a secret may begin with another one
	known map[string]bool
}

type secretForm struct{ text, shown string }

// Add adds the texts in a value, at any depth, but for names that are no secret.
func (s *Secrets) Add(path string, v any) {
	s.collect(path, v)
	slices.SortStableFunc(s.forms, func(a, b secretForm) int { return len(b.text) - len(a.text) })
}

func (s *Secrets) collect(path string, v any) {
	switch v := v.(type) {
	case string:
		s.add(path, v)
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key != "type" && key != "expires_at" && key != "token_type" && key != "scope" {
				s.collect(path+"."+key, v[key])
			}
		}
	case []any:
		for _, inner := range v {
			s.collect(path, inner)
		}
	}
}

func (s *Secrets) add(path, value string) {
	if len(value) < minSecret || s.known[value] {
		return
	}
	if s.known == nil {
		s.known = map[string]bool{}
	}
	s.known[value] = true
	shown := Redacted
	if s.Shown != nil {
		shown = s.Shown(len(s.known), path)
	}
	s.forms = append(s.forms, secretForm{value, shown})
	for _, form := range []string{url.QueryEscape(value), inJSON(value, true), inJSON(value, false)} {
		if form != value {
			s.forms = append(s.forms, secretForm{form, shown})
		}
	}
}

// inJSON is a text as it stands in JSON, with what HTML would need escaped (as Go writes it) or not (as JavaScript does).
func inJSON(value string, forHTML bool) string {
	if !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune(`"\<>&`, c) }) {
		return value // as nearly all are
	}
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(forHTML)
	if err := w.Encode(value); err != nil {
		return value
	}
	quoted := strings.TrimSuffix(b.String(), "\n")
	return quoted[1 : len(quoted)-1]
}

// Any says whether there are some.
func (s *Secrets) Any() bool { return len(s.forms) > 0 }

// Hide hides them in a text.
func (s *Secrets) Hide(text string) string {
	for _, f := range s.forms {
		text = strings.ReplaceAll(text, f.text, f.shown)
	}
	return text
}

// Redactor hides credentials in what is logged: values of headers and parameters that carry credentials by their name, and
// the given secret values wherever they stand.
type Redactor struct{ secrets Secrets }

// NewRedactor makes a redactor for a call with these credentials.
func NewRedactor(credentials Credentials) *Redactor {
	r := &Redactor{}
	r.secrets.Add("credentials", map[string]any(credentials))
	return r
}

// Text hides the secret values in a text.
func (r *Redactor) Text(s string) string { return r.secrets.Hide(s) }

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
