package fast

import (
	"strconv"

	"github.com/dop251/goja"
)

// list is an array schema.
type list struct {
	item   node
	checks []func(float64) bool // of the length
}

func (n *list) with(check func(float64) bool) *list {
	return &list{n.item, append(n.checks[:len(n.checks):len(n.checks)], check)}
}

func (n *list) check(r *run, v goja.Value) (goja.Value, verdict) {
	o, length, found := arrayOf(r, v)
	if found == fail {
		return nil, r.misfit(v, len(n.checks) > 0)
	}
	if found != pass {
		return nil, found
	}
	items := make([]any, length)
	for i := range items {
		value, verdict := n.item.check(r, itemOf(o, i))
		items[i] = value
		if found = worse(found, verdict); r.settled(found) {
			return nil, found
		}
	}
	for _, holds := range n.checks {
		if !holds(float64(length)) {
			found = worse(found, fail)
		}
	}
	if found != pass {
		return nil, found
	}
	return r.c.realm.VM.NewArray(items...), pass
}

func arrayOf(r *run, v goja.Value) (*goja.Object, int, verdict) {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil, 0, fail
	}
	switch object(o) {
	case plainObject:
		return nil, 0, fail
	case listObject:
	default:
		return nil, 0, unsure
	}
	length := r.length(o)
	if length < 0 {
		return nil, 0, unsure
	}
	return o, length, pass
}

// itemOf reads an item; a hole is undefined.
func itemOf(o *goja.Object, i int) goja.Value {
	if v := o.Get(strconv.Itoa(i)); v != nil {
		return v
	}
	return goja.Undefined()
}

// tuple is an array of given items; rest, if not nil, is the schema of those behind them.
type tuple struct {
	items    []node
	optional int // from this item on all may be left out
	rest     node
}

func (n *tuple) check(r *run, v goja.Value) (goja.Value, verdict) {
	o, length, found := arrayOf(r, v)
	if found != pass {
		return nil, found
	}
	if n.rest != nil && o.Prototype() != r.c.arrayPrototype { // zod takes a slice, which may call a constructor
		return nil, unsure
	}
	if n.rest == nil && (length > len(n.items) || length < n.optional-1) {
		return nil, fail
	}
	var items []any
	for i := range max(length, len(n.items)) {
		schema := n.rest
		if i < len(n.items) {
			schema = n.items[i]
		}
		if i >= length && i >= n.optional {
			continue
		}
		value, verdict := schema.check(r, itemOf(o, i))
		items = append(items, value)
		if found = worse(found, verdict); r.settled(found) {
			return nil, found
		}
	}
	if found != pass {
		return nil, found
	}
	return r.c.realm.VM.NewArray(items...), pass
}
