package realm

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// parseJSON turns JSON text into engine values without an intermediate tree. Beside being faster than the engine's own
// parser it reads numbers beyond the float range and lone surrogates, has a depth limit, and words its errors as V8 does.
func (r *run) parseJSON(s string) (goja.Value, error) {
	p := decoder{vm: r.vm, s: s}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.i != len(s) {
		return nil, p.at("Unexpected non-whitespace character after JSON")
	}
	return v, nil
}

// jsonParse is JSON.parse. With a reviver the engine's own does the walking, over a text that is known to be good.
func (r *run) jsonParse(native goja.Callable) func(goja.FunctionCall) goja.Value {
	return func(c goja.FunctionCall) goja.Value {
		text := c.Argument(0).ToString()
		if reviver := c.Argument(1); !goja.IsUndefined(reviver) {
			v, err := native(c.This, text, reviver)
			if err != nil {
				panic(err) // the engine's own, which it knows how to throw
			}
			return v
		}
		v, err := r.parseJSON(text.String())
		if err != nil {
			r.throw("SyntaxError", err.Error())
		}
		return v
	}
}

type decoder struct {
	vm *goja.Runtime
	s  string
	i  int
}

// at is an error at the current position, counted in UTF-16 units.
func (p *decoder) at(what string) error {
	if !strings.HasSuffix(what, " JSON") {
		what += " in JSON"
	}
	return fmt.Errorf("%s at position %d", what, units(p.s[:p.i]))
}

// unexpected is V8's most frequent one: it shows the character and up to ten around it.
func (p *decoder) unexpected() error {
	const around = 10
	if p.i >= len(p.s) {
		return fmt.Errorf("Unexpected end of JSON input")
	}
	if p.i == 0 && (p.s == "undefined" || p.s == "[object Object]") {
		return fmt.Errorf("%q is not valid JSON", p.s)
	}
	c, _ := utf8.DecodeRuneInString(p.s[p.i:])
	if c == '"' {
		return p.at("Unexpected string")
	}
	if c == '-' || c >= '0' && c <= '9' {
		return p.at("Unexpected number")
	}
	// Runes stand for UTF-16 units here: it is about a hint for people.
	before := []rune(p.s[max(0, p.i-4*around):p.i])
	after := []rune(p.s[p.i:min(len(p.s), p.i+4*around)])
	lead, trail := "", ""
	if utf8.RuneCountInString(p.s[:min(len(p.s), 8*around)]) > 2*around {
		if len(before) > around {
			before, lead = before[len(before)-around:], "..."
		}
		if len(after) > around {
			after, trail = after[:around], "..."
		}
	}
	return fmt.Errorf(`Unexpected token '%c', %s"%s%s"%s is not valid JSON`, c, lead, string(before), string(after), trail)
}

func units(s string) int {
	n := 0
	for _, c := range s {
		n += utf16.RuneLen(c)
	}
	return n
}

func (p *decoder) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// is consumes c if it comes next.
func (p *decoder) is(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *decoder) value(depth int) (goja.Value, error) {
	if p.i >= len(p.s) {
		return nil, p.unexpected()
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("JSON is nested deeper than %d", maxDepth)
	}
	switch p.s[p.i] {
	case '{':
		p.i++
		return p.object(depth)
	case '[':
		p.i++
		return p.list(depth)
	case '"':
		return p.textValue()
	case 't':
		return p.word("true", p.vm.ToValue(true))
	case 'f':
		return p.word("false", p.vm.ToValue(false))
	case 'n':
		return p.word("null", goja.Null())
	default:
		return p.number()
	}
}

func (p *decoder) object(depth int) (goja.Value, error) {
	o := p.vm.NewObject()
	p.space()
	if p.is('}') {
		return o, nil
	}
	expected := "Expected property name or '}'"
	for {
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != '"' {
			return nil, p.at(expected)
		}
		expected = "Expected double-quoted property name"
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		p.space()
		if !p.is(':') {
			return nil, p.at("Expected ':' after property name")
		}
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if key == "__proto__" {
			err = o.DefineDataProperty(key, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
		} else {
			err = o.Set(key, v)
		}
		if err != nil {
			return nil, err
		}
		p.space()
		switch {
		case p.is(','):
		case p.is('}'):
			return o, nil
		default:
			return nil, p.at("Expected ',' or '}' after property value")
		}
	}
}

func (p *decoder) list(depth int) (goja.Value, error) {
	p.space()
	if p.is(']') {
		return p.vm.NewArray(), nil
	}
	var items []any
	for {
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
		p.space()
		switch {
		case p.is(','):
		case p.is(']'):
			return p.vm.NewArray(items...), nil
		default:
			return nil, p.at("Expected ',' or ']' after array element")
		}
	}
}

func (p *decoder) word(w string, v goja.Value) (goja.Value, error) {
	for i := range len(w) {
		if !p.is(w[i]) {
			return nil, p.unexpected()
		}
	}
	return v, nil
}

func (p *decoder) digits() bool {
	from := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i > from
}

func (p *decoder) number() (goja.Value, error) {
	from := p.i
	negative := p.is('-')
	whole := true
	switch {
	case p.is('0'):
	case p.digits():
	case negative:
		return nil, p.at("No number after minus sign")
	default:
		return nil, p.unexpected()
	}
	if p.is('.') {
		whole = false
		if !p.digits() {
			return nil, p.at("Unterminated fractional number")
		}
	}
	if p.is('e') || p.is('E') {
		whole = false
		if !p.is('+') {
			p.is('-')
		}
		if !p.digits() {
			return nil, p.at("Exponent part is missing a number")
		}
	}
	text := p.s[from:p.i]
	if whole && len(text) <= 15 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		if n == 0 && negative {
			return p.vm.ToValue(math.Copysign(0, -1)), nil
		}
		return p.vm.ToValue(n), nil
	}
	f, _ := strconv.ParseFloat(text, 64) // beyond the range it is infinite, as in the language
	return p.vm.ToValue(f), nil
}

func (p *decoder) textValue() (goja.Value, error) {
	from := p.i
	s, err := p.text()
	if err != nil {
		return nil, err
	}
	raw := p.s[from+1 : p.i-1]
	if len(raw) != len(s) && strings.ContainsRune(s, utf8.RuneError) { // escapes that may be lone surrogates
		return exactText(raw), nil
	}
	return p.vm.ToValue(s), nil
}

// text reads a string. A lone surrogate in it becomes U+FFFD.
func (p *decoder) text() (string, error) {
	p.i++
	from := p.i
	var buf []byte // once there was an escape
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			if buf == nil {
				return p.s[from : p.i-1], nil
			}
			return string(buf), nil
		case c < 0x20:
			return "", p.at("Bad control character in string literal")
		case c == '\\':
			if buf == nil {
				buf = append(make([]byte, 0, p.i-from+32), p.s[from:p.i]...)
			}
			var err error
			if buf, err = p.escape(buf); err != nil {
				return "", err
			}
		default:
			if buf != nil {
				buf = append(buf, c)
			}
			p.i++
		}
	}
	return "", p.at("Unterminated string")
}

func (p *decoder) escape(buf []byte) ([]byte, error) {
	if p.i+1 >= len(p.s) {
		p.i = len(p.s)
		return nil, p.at("Unterminated string")
	}
	c := p.s[p.i+1]
	if c == 'u' {
		r, ok := hex4(p.s, p.i+2)
		if !ok {
			return nil, p.at("Bad Unicode escape")
		}
		p.i += 6
		if utf16.IsSurrogate(r) && p.i+1 < len(p.s) && p.s[p.i] == '\\' && p.s[p.i+1] == 'u' {
			if low, ok := hex4(p.s, p.i+2); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					r = pair
					p.i += 6
				}
			}
		}
		return utf8.AppendRune(buf, r), nil
	}
	plain, ok := unescape(c)
	if !ok {
		return nil, p.at("Bad escaped character")
	}
	p.i += 2
	return append(buf, plain), nil
}

func unescape(c byte) (byte, bool) {
	switch c {
	case '"', '\\', '/':
		return c, true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	}
	return 0, false
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[i:i+4], 16, 32)
	return rune(n), err == nil
}

// exactText rebuilds an escaped string, whose escapes are known to be good, as UTF-16 with its lone surrogates.
func exactText(s string) goja.Value {
	out := make([]uint16, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			r, n := utf8.DecodeRuneInString(s[i:])
			out = utf16.AppendRune(out, r)
			i += n
			continue
		}
		if s[i+1] == 'u' {
			r, _ := hex4(s, i+2)
			out = append(out, uint16(r))
			i += 6
			continue
		}
		c, _ := unescape(s[i+1])
		out = append(out, uint16(c))
		i += 2
	}
	return goja.StringFromUTF16(out)
}
