package realm

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// maxDepth is how deep values may be nested where our own code walks them.
const maxDepth = 10_000

// encodeError says why a value can't be JSON, and where.
type encodeError struct {
	path     string
	reason   string
	tooLarge bool
}

func (e *encodeError) Error() string {
	if e.path == "" {
		return e.reason
	}
	return fmt.Sprintf("property %s %s", e.path, e.reason)
}

// encoder writes engine values as JSON text, as JSON.stringify does, straight into bytes. Unlike that it stops at a size,
// at a depth, and names the property that closes a circle.
type encoder struct {
	r     *run
	buf   []byte
	limit int
	open  []*goja.Object // the objects that the current one lies in
	path  []string       // their keys
}

// encode returns nil for undefined (and functions). It runs inside the engine; an exception of a getter or toJSON becomes
// the error.
func (r *run) encode(v goja.Value, limit int) ([]byte, error) {
	e := encoder{r: r, limit: limit}
	var err error
	written := false
	if ex := r.vm.Try(func() { written, err = e.value(v, "") }); ex != nil {
		return nil, ex
	}
	if err == nil && len(e.buf) > limit {
		err = e.tooLarge()
	}
	if err != nil || !written {
		return nil, err
	}
	return e.buf, nil
}

func (e *encoder) fail(reason string) error {
	return &encodeError{path: strings.TrimPrefix(strings.Join(e.path, ""), "."), reason: reason}
}

func (e *encoder) tooLarge() error {
	return &encodeError{reason: fmt.Sprintf("is larger than %d bytes", e.limit), tooLarge: true}
}

// value appends one value; false: it is nothing that JSON knows.
func (e *encoder) value(v goja.Value, key string) (bool, error) {
	if len(e.buf) > e.limit {
		return false, e.tooLarge()
	}
	switch v := v.(type) {
	case nil:
		return false, nil
	case *goja.Object:
		return e.object(v, key)
	case goja.String:
		e.text(v)
		return true, nil
	case *goja.Symbol:
		return false, nil
	}
	switch {
	case goja.IsUndefined(v):
		return false, nil
	case goja.IsNull(v):
		e.buf = append(e.buf, "null"...)
		return true, nil
	}
	switch x := v.Export().(type) {
	case int64:
		e.buf = strconv.AppendInt(e.buf, x, 10)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			e.buf = append(e.buf, "null"...)
		} else {
			e.buf = append(e.buf, v.String()...)
		}
	case bool:
		e.buf = strconv.AppendBool(e.buf, x)
	case *big.Int:
		return false, e.fail("is a BigInt, which JSON doesn't know")
	default:
		return false, e.fail("is of a type that JSON doesn't know")
	}
	return true, nil
}

func (e *encoder) object(o *goja.Object, key string) (bool, error) {
	if len(e.open) >= maxDepth {
		return false, e.fail("is nested too deeply")
	}
	if toJSON, ok := goja.AssertFunction(o.Get("toJSON")); ok {
		v, err := toJSON(o, e.r.vm.ToValue(key))
		if err != nil {
			return false, err
		}
		if inner, ok := v.(*goja.Object); !ok || inner != o {
			if !ok {
				return e.value(v, key)
			}
			return e.plain(inner)
		}
	}
	return e.plain(o)
}

func (e *encoder) plain(o *goja.Object) (bool, error) {
	switch o.ClassName() {
	case "Function", "AsyncFunction", "GeneratorFunction":
		return false, nil
	case "Number":
		return e.value(o.ToNumber(), "")
	case "String":
		return e.value(o.ToString(), "")
	case "Boolean":
		return e.value(e.r.vm.ToValue(o.Export()), "")
	}
	for _, outer := range e.open {
		if outer == o {
			return false, e.fail("closes a circle")
		}
	}
	e.open = append(e.open, o)
	var err error
	if o.ClassName() == "Array" {
		err = e.list(o)
	} else {
		err = e.members(o)
	}
	e.open = e.open[:len(e.open)-1]
	return err == nil, err
}

func (e *encoder) members(o *goja.Object) error {
	e.buf = append(e.buf, '{')
	first := true
	for _, key := range o.Keys() {
		at := len(e.buf)
		if !first {
			e.buf = append(e.buf, ',')
		}
		e.buf = appendQuoted(e.buf, key)
		e.buf = append(e.buf, ':')
		e.path = append(e.path, "."+key)
		written, err := e.value(o.Get(key), key)
		if err != nil {
			return err
		}
		e.path = e.path[:len(e.path)-1]
		if written {
			first = false
		} else {
			e.buf = e.buf[:at]
		}
	}
	e.buf = append(e.buf, '}')
	return nil
}

func (e *encoder) list(o *goja.Object) error {
	length := o.Get("length").ToInteger()
	if length*2 > int64(e.limit) { // each item takes two bytes at least
		return e.tooLarge()
	}
	e.buf = append(e.buf, '[')
	for i := range length {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		index := strconv.FormatInt(i, 10)
		e.path = append(e.path, "["+index+"]")
		written, err := e.value(o.Get(index), index)
		if err != nil {
			return err
		}
		e.path = e.path[:len(e.path)-1]
		if !written {
			e.buf = append(e.buf, "null"...)
		}
	}
	e.buf = append(e.buf, ']')
	return nil
}

// text appends a JavaScript string. Lone surrogates, which UTF-8 can't hold, are written as escapes.
func (e *encoder) text(v goja.String) {
	s := v.String()
	if !strings.ContainsRune(s, utf8.RuneError) {
		e.buf = appendQuoted(e.buf, s)
		return
	}
	e.buf = append(e.buf, '"')
	for i := 0; i < v.Length(); i++ {
		c := rune(v.CharAt(i))
		switch {
		case c >= 0xd800 && c < 0xdc00 && i+1 < v.Length() && v.CharAt(i+1)&0xfc00 == 0xdc00:
			i++
			e.buf = utf8.AppendRune(e.buf, 0x10000+(c-0xd800)<<10+rune(v.CharAt(i))-0xdc00)
		case c >= 0xd800 && c < 0xe000:
			e.buf = fmt.Appendf(e.buf, `\u%04x`, c)
		default:
			e.buf = appendEscaped(e.buf, string(c))
		}
	}
	e.buf = append(e.buf, '"')
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	b = appendEscaped(b, s)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
	}
	return append(b, s[from:]...)
}
