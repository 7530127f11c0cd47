package providers

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Scope gives templates their values. Substituted text is never scanned again, so a secret may hold anything.
type Scope struct {
	// Get returns a top-level name's value: a text, a number, a boolean, or a map[string]any that dotted names walk into.
	// A whole dotted name may be asked for too, since captured values are stored under such names.
	Get func(name string) (any, bool)
	// Now and Random are pinned by the caller, so that several templates of one request agree.
	Now    time.Time
	Random string // a UUID
}

// Template is a compiled text with ${…} placeholders and functions, and possibly two alternatives, "left || right". It is
// immutable and safe for concurrent use.
type Template struct {
	raw          string
	whole        []node // without the meaning of ||
	left, right  []node
	alternatives bool
	placeholders []string // names of values, functions' arguments included
}

// node is a piece of a template.
type node interface {
	// render appends to b and says whether everything in it was resolved to a value that isn't empty.
	render(b *strings.Builder, s *Scope, plain bool) bool
}

type literal string

type value struct {
	raw  string // "${a.b}"
	name string
	path []string
}

type call struct {
	raw  string
	name string
	args []node
}

// Compile parses a template. Every text is one: what is no placeholder is literal.
func Compile(text string) *Template {
	t := &Template{raw: text}
	t.whole = parseNodes(text)
	if left, rest, ok := strings.Cut(text, "||"); ok {
		right, _, _ := strings.Cut(rest, "||") // only two alternatives are considered
		t.alternatives = true
		t.left, t.right = parseNodes(strings.TrimSpace(left)), parseNodes(strings.TrimSpace(right))
	}
	t.placeholders = names(t.whole, nil)
	return t
}

// String is the text of the template.
func (t *Template) String() string { return t.raw }

// Dynamic says whether the template holds placeholders.
func (t *Template) Dynamic() bool { return strings.Contains(t.raw, "${") }

// Mentions says whether a placeholder's name is name or lies below it.
func (t *Template) Mentions(name string) bool {
	for _, p := range t.placeholders {
		if p == name || strings.HasPrefix(p, name) && p[len(name)] == '.' {
			return true
		}
	}
	return false
}

// Placeholders are the names that the template asks for, in order, with repetitions.
func (t *Template) Placeholders() []string { return t.placeholders }

// Plain renders the template without the meaning of ||. Placeholders that don't resolve stay as they are, and resolved is
// false.
func (t *Template) Plain(s *Scope) (text string, resolved bool) { return renderNodes(t.whole, s, true) }

// Fallback renders the template: the left alternative if all of its placeholders resolve to values that aren't empty,
// else the right one.
func (t *Template) Fallback(s *Scope) (text string, resolved bool) {
	if !t.alternatives {
		return renderNodes(t.whole, s, false)
	}
	if len(names(t.left, nil)) > 0 || hasCall(t.left) {
		if text, full := renderStrict(t.left, s); full {
			return text, true
		}
	}
	return renderNodes(t.right, s, false)
}

// Value is Fallback, but a text without any placeholder stays untouched.
func (t *Template) Value(s *Scope) (text string, resolved bool) {
	if !t.Dynamic() {
		return t.raw, true
	}
	return t.Fallback(s)
}

func hasCall(nodes []node) bool {
	for _, n := range nodes {
		if _, ok := n.(*call); ok {
			return true
		}
	}
	return false
}

func renderNodes(nodes []node, s *Scope, plain bool) (string, bool) {
	if len(nodes) == 1 {
		if l, ok := nodes[0].(literal); ok {
			return string(l), true
		}
	}
	var b strings.Builder
	resolved := true
	for _, n := range nodes {
		if !n.render(&b, s, plain) {
			resolved = false
		}
	}
	text := b.String()
	return text, resolved || !strings.Contains(text, "${") && !anyMissing(nodes, s, plain)
}

// anyMissing tells values that are empty, which are resolved, from those that are missing.
func anyMissing(nodes []node, s *Scope, plain bool) bool {
	for _, n := range nodes {
		switch n := n.(type) {
		case *value:
			if _, ok := n.lookup(s, plain); !ok {
				return true
			}
		case *call:
			if anyMissing(n.args, s, plain) {
				return true
			}
		}
	}
	return false
}

// renderStrict is for left alternatives: empty values count as missing.
func renderStrict(nodes []node, s *Scope) (string, bool) {
	var b strings.Builder
	for _, n := range nodes {
		if !n.render(&b, s, false) {
			return "", false
		}
	}
	return b.String(), true
}

func names(nodes []node, out []string) []string {
	for _, n := range nodes {
		switch n := n.(type) {
		case *value:
			out = append(out, n.name)
		case *call:
			out = names(n.args, out)
		}
	}
	return out
}

func (l literal) render(b *strings.Builder, _ *Scope, _ bool) bool {
	b.WriteString(string(l))
	return true
}

func (v *value) render(b *strings.Builder, s *Scope, plain bool) bool {
	text, ok := v.lookup(s, plain)
	if !ok {
		b.WriteString(v.raw)
		return false
	}
	b.WriteString(text)
	return text != "" || v.name == "endpoint"
}

func (v *value) lookup(s *Scope, plain bool) (string, bool) {
	switch {
	case v.name == "now" || strings.HasPrefix(v.name, "now:") || strings.HasPrefix(v.name, "now+") || strings.HasPrefix(v.name, "now-"):
		return renderNow(v.name, s.Now)
	case v.name == "random":
		return s.Random, s.Random != ""
	}
	if found, ok := v.find(s, plain); ok {
		return found, true
	}
	return "", v.name == "endpoint" && !plain // missing means empty
}

// find looks a name up: in plain mode the whole name first, then the walk; else the walk first. The walk tries each split
// at which a map holds the rest as one flat key.
func (v *value) find(s *Scope, plain bool) (string, bool) {
	if len(v.path) == 1 {
		found, ok := s.Get(v.name)
		return scalar(found, plain), ok && isScalar(found, plain)
	}
	if plain {
		if found, ok := s.Get(v.name); ok && isScalar(found, true) {
			return scalar(found, true), true
		}
	}
	if found, ok := s.Get(v.path[0]); ok {
		if m, ok := found.(map[string]any); ok {
			if inner, ok := walk(m, v.path[1:]); ok && isScalar(inner, false) {
				return scalar(inner, false), true
			}
		}
	}
	if !plain {
		found, ok := s.Get(v.name)
		return scalar(found, false), ok && isScalar(found, false)
	}
	return "", false
}

func walk(m map[string]any, path []string) (any, bool) {
	if len(path) == 1 {
		v, ok := m[path[0]]
		return v, ok
	}
	if inner, ok := m[path[0]].(map[string]any); ok {
		if v, ok := walk(inner, path[1:]); ok {
			return v, true
		}
	}
	for n := len(path); n > 1; n-- {
		v, ok := m[strings.Join(path[:n], ".")]
		if !ok {
			continue
		}
		if n == len(path) {
			return v, true
		}
		if inner, ok := v.(map[string]any); ok {
			return walk(inner, path[n:])
		}
	}
	return nil, false
}

// isScalar says whether a value may be substituted: texts and numbers, and in plain mode at the top also booleans.
func isScalar(v any, withBool bool) bool {
	switch v.(type) {
	case string, float64, int, int64, json.Number:
		return true
	case bool:
		return withBool
	}
	return false
}

func scalar(v any, withBool bool) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e21 {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		if withBool {
			return strconv.FormatBool(v)
		}
	}
	return ""
}
