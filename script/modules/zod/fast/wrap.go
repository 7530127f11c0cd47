package fast

import "github.com/dop251/goja"

// optional lets undefined through, unless the inner schema has an answer to it.
type optional struct {
	inner node
	asks  bool // the inner schema takes undefined
}

func (n *optional) check(r *run, v goja.Value) (goja.Value, verdict) {
	if !goja.IsUndefined(v) {
		return n.inner.check(r, v)
	}
	if !n.asks {
		return v, pass
	}
	if out, found := n.inner.check(r, v); found == pass {
		return out, pass
	}
	return nil, unsure
}

type nullable struct{ inner node }

func (n *nullable) check(r *run, v goja.Value) (goja.Value, verdict) {
	if goja.IsNull(v) {
		return v, pass
	}
	return n.inner.check(r, v)
}

// fallback stands a primitive value in for undefined: after the inner schema (default) or before it (prefault).
type fallback struct {
	inner  node
	value  goja.Value
	before bool
}

func (n *fallback) check(r *run, v goja.Value) (goja.Value, verdict) {
	if goja.IsUndefined(v) {
		if !n.before {
			return n.value, pass
		}
		v = n.value
	}
	out, found := n.inner.check(r, v)
	if found == pass && !n.before && goja.IsUndefined(out) {
		return n.value, pass
	}
	return out, found
}

// required refuses an output of undefined.
type required struct{ inner node }

func (n *required) check(r *run, v goja.Value) (goja.Value, verdict) {
	out, found := n.inner.check(r, v)
	if found == pass && goja.IsUndefined(out) {
		return nil, fail
	}
	return out, found
}

// union takes the first option that fits.
type union struct{ options []node }

func (n *union) check(r *run, v goja.Value) (goja.Value, verdict) {
	r.branches++
	defer func() { r.branches-- }()
	for _, option := range n.options {
		if out, found := option.check(r, v); found != fail {
			return out, found
		}
	}
	return nil, fail
}

// discriminated takes the option that a field names.
type discriminated struct {
	field   string
	values  *valueSet
	options []node // by place in values
}

func (n *discriminated) check(r *run, v goja.Value) (goja.Value, verdict) {
	o, is := plain(v)
	if is != pass {
		return nil, is
	}
	named := o.Get(n.field)
	if named == nil {
		named = goja.Undefined()
	}
	i := n.values.find(named)
	if i < 0 {
		return nil, fail
	}
	return n.options[i].check(r, v)
}
