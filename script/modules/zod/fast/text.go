package fast

import (
	"regexp"
	"strings"

	"github.com/dop251/goja"
)

// text is a string; its checks run in their order, since some change it.
type text struct {
	coerce   bool
	measured bool // there is a check of the length
	checks   []textCheck
}

// textCheck gives the text as it goes on, and whether it is fit.
type textCheck func(r *run, s goja.String) (goja.String, bool)

func (n *text) check(r *run, v goja.Value) (goja.Value, verdict) {
	if n.coerce {
		if !convertible(v) {
			return nil, unsure
		}
		if _, isText := v.(goja.String); !isText {
			v = r.c.realm.VM.ToValue(v.String())
		}
	}
	s, ok := v.(goja.String)
	if !ok {
		return nil, r.misfit(v, n.measured)
	}
	for _, check := range n.checks {
		if s, ok = check(r, s); !ok {
			return nil, fail
		}
	}
	return s, pass
}

func (n *text) with(check textCheck, measured bool) *text {
	return &text{n.coerce, n.measured || measured, append(n.checks[:len(n.checks):len(n.checks)], check)}
}

// lengthCheck counts UTF-16 units, as the language does.
func lengthCheck(method string, limit float64) textCheck {
	holds := sizeCheck(method, limit)
	if holds == nil {
		return nil
	}
	return func(_ *run, s goja.String) (goja.String, bool) { return s, holds(float64(s.Length())) }
}

// sizeCheck is the check of a method on the length of a text or a list; nil for any other method.
func sizeCheck(method string, limit float64) func(float64) bool {
	switch method {
	case "min", "max":
		return bound(method, limit)
	case "nonempty":
		return bound("min", 1)
	case "length":
		return func(n float64) bool { return n == limit }
	}
	return nil
}

// change calls a method of the language that makes a text of a text.
func change(method string) textCheck {
	return func(r *run, s goja.String) (goja.String, bool) {
		v, err := r.c.textMethods[method](s)
		if err != nil {
			return nil, false
		}
		out, ok := v.(goja.String)
		return out, ok
	}
}

// part looks for a part of the text; nil if the part isn't exact.
func part(method string, v goja.Value) textCheck {
	has := map[string]func(s, part string) bool{"includes": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix}[method]
	want, exact := exactText(v)
	if has == nil || !exact {
		return nil
	}
	return func(_ *run, s goja.String) (goja.String, bool) { return s, has(s.String(), want) }
}

// format checks a text against a format of zod without parameters; nil for those that are left to zod.
func format(name string) textCheck {
	pattern, ok := formats[name]
	if !ok {
		return nil
	}
	return func(_ *run, s goja.String) (goja.String, bool) {
		t := s.String()
		if name == "email" && (strings.HasPrefix(t, ".") || strings.Contains(t, "..")) {
			return nil, false
		}
		return s, pattern.MatchString(t)
	}
}

const (
	hex4  = `[0-9a-fA-F]{4}`
	hex12 = `[0-9a-fA-F]{12}`
	day   = `(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29|\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])` +
		`|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8])))`
	clock = `(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?`
	octet = `(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])`
)

// formats accept what zod's own patterns accept. All are of ASCII, so that it doesn't matter that a Go string shows lone surrogates as
// something else. An email has two conditions more, see format.
var formats = map[string]*regexp.Regexp{
	"email": regexp.MustCompile(`^[A-Za-z0-9_'+\-.]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`),
	"guid":  regexp.MustCompile(`^[0-9a-fA-F]{8}-` + hex4 + `-` + hex4 + `-` + hex4 + `-` + hex12 + `$`),
	"uuid": regexp.MustCompile(`^([0-9a-fA-F]{8}-` + hex4 + `-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-` + hex12 +
		`|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$`),
	"date":     regexp.MustCompile(`^` + day + `$`),
	"time":     regexp.MustCompile(`^` + clock + `$`),
	"datetime": regexp.MustCompile(`^` + day + `T` + clock + `Z$`),
	"ipv4":     regexp.MustCompile(`^(?:` + octet + `\.){3}` + octet + `$`),
	"ulid":     regexp.MustCompile(`^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$`),
	"nanoid":   regexp.MustCompile(`^[a-zA-Z0-9_-]{21}$`),
	"e164":     regexp.MustCompile(`^\+[1-9]\d{6,14}$`),
}
