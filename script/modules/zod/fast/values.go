package fast

import (
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// valueSet is a set of primitive values, compared as a Set does.
type valueSet struct {
	texts map[string]int // exact ones
	rest  []int          // what else there is
	list  []goja.Value
}

func newValueSet(list []goja.Value) *valueSet {
	s := &valueSet{texts: map[string]int{}, list: list}
	for i, v := range list {
		text, exact := exactText(v)
		if !exact {
			s.rest = append(s.rest, i)
		} else if _, had := s.texts[text]; !had {
			s.texts[text] = i
		}
	}
	return s
}

// exactText is a JavaScript text as a Go string; false if it is none, or may hold lone surrogates, which a Go string can't.
func exactText(v goja.Value) (string, bool) {
	t, ok := v.(goja.String)
	if !ok {
		return "", false
	}
	s := t.String()
	return s, !strings.ContainsRune(s, utf8.RuneError)
}

// find gives the place of a value in the list, -1 if it isn't there.
func (s *valueSet) find(v goja.Value) int {
	if text, exact := exactText(v); exact {
		if i, ok := s.texts[text]; ok {
			return i
		}
		return -1
	}
	if _, isObject := v.(*goja.Object); isObject {
		return -1
	}
	for _, i := range s.rest {
		if s.list[i].StrictEquals(v) || s.list[i].SameAs(v) { // the second for NaN
			return i
		}
	}
	return -1
}

// choice is literal and enum.
type choice struct{ values *valueSet }

func (n choice) check(_ *run, v goja.Value) (goja.Value, verdict) {
	return v, when(n.values.find(v) >= 0)
}
