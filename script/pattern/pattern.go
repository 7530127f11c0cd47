package pattern

import (
	"errors"
	"fmt"
	"strings"
)

// Rewrite returns a pattern and its flags as the engine takes them. The error names the construct that the engine lacks.
func Rewrite(source, flags string) (string, string, error) {
	if strings.ContainsRune(flags, 'd') {
		return "", "", errors.New("the flag d (indices of groups) is not supported")
	}
	sets := strings.ContainsRune(flags, 'v')
	if !sets && !strings.ContainsRune(flags, 'u') {
		if i := modifiers(source); i >= 0 {
			return "", "", errModifiers
		}
		return source, flags, nil
	}
	r := rewriter{in: source, sets: sets}
	if err := r.run(); err != nil {
		return "", "", err
	}
	return r.out.String(), strings.Replace(flags, "v", "u", 1), nil
}

var errModifiers = errors.New("flags within a group, as in (?i:…), are not supported")

// modifiers finds a group with flags of its own, outside of classes.
func modifiers(source string) int {
	class := false
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '(' && !class && isModifier(source[i:]):
			return i
		}
	}
	return -1
}

// isModifier says whether a text begins as in (?i: or (?-s:.
func isModifier(s string) bool {
	rest, ok := strings.CutPrefix(s, "(?")
	if !ok {
		return false
	}
	colon := strings.IndexByte(rest, ':')
	return colon > 0 && strings.Trim(rest[:colon], "ims-") == ""
}

// rewriter goes through a pattern of the flags u or v.
type rewriter struct {
	in   string
	at   int
	sets bool // the flag v
	out  strings.Builder
}

func (r *rewriter) run() error {
	for r.at < len(r.in) {
		switch c := r.in[r.at]; {
		case c == '\\':
			if err := r.escape(false); err != nil {
				return err
			}
		case c == '[':
			if err := r.class(); err != nil {
				return err
			}
		case c == '(' && isModifier(r.in[r.at:]):
			return errModifiers
		default:
			r.take(1)
		}
	}
	return nil
}

func (r *rewriter) take(n int) {
	n = min(n, len(r.in)-r.at)
	r.out.WriteString(r.in[r.at : r.at+n])
	r.at += n
}

// class takes a class to its end.
func (r *rewriter) class() error {
	r.take(1)
	if r.at < len(r.in) && r.in[r.at] == '^' {
		r.take(1)
	}
	for r.at < len(r.in) {
		switch c := r.in[r.at]; {
		case c == ']':
			r.take(1)
			return nil
		case c == '\\':
			if err := r.escape(true); err != nil {
				return err
			}
		case r.sets && (c == '[' || strings.HasPrefix(r.in[r.at:], "--") || strings.HasPrefix(r.in[r.at:], "&&")):
			return errors.New("sets within a class (flag v) are not supported")
		default:
			r.take(1)
		}
	}
	return nil // not closed: the engine says so
}

// setPunctuation may be escaped in a class of the flag v, and must not be in one of the flag u.
const setPunctuation = "&!#%,:;<=>@`~"

func (r *rewriter) escape(inClass bool) error {
	if r.at+1 >= len(r.in) {
		r.take(1)
		return nil
	}
	switch c := r.in[r.at+1]; {
	case c == 'p' || c == 'P':
		return r.property(c == 'P', inClass)
	case r.sets && inClass && c == 'q':
		return errors.New(`texts within a class (\q{…}, flag v) are not supported`)
	case r.sets && inClass && strings.IndexByte(setPunctuation, c) >= 0:
		r.at++
		r.take(1)
	default:
		r.take(2)
	}
	return nil
}

func (r *rewriter) property(negated, inClass bool) error {
	name, ok := strings.CutPrefix(r.in[r.at+2:], "{")
	end := strings.IndexByte(name, '}')
	if !ok || end < 0 {
		return errors.New(`\p needs the name of a property, as in \p{L}`)
	}
	name = name[:end]
	ranges, ok := property(name)
	if !ok {
		return fmt.Errorf(`the property \p{%.40s} is not known`, name)
	}
	if negated {
		ranges = inverted(ranges)
	}
	if !inClass {
		r.out.WriteByte('[')
	}
	for _, p := range ranges {
		fmt.Fprintf(&r.out, `\u{%x}`, p.low)
		if p.high > p.low {
			fmt.Fprintf(&r.out, `-\u{%x}`, p.high)
		}
	}
	if !inClass {
		r.out.WriteByte(']')
	}
	r.at += len(`\p{`) + end + 1
	return nil
}
