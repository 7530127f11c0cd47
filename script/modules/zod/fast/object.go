package fast

import (
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// fields is an object schema.
type fields struct {
	list     []field
	known    map[string]bool
	strict   bool
	catchall node // for unknown members; nil: they are left out
}

type field struct {
	name     string
	schema   node
	optional bool // zod overlooks a failure if the member isn't there
}

func (n *fields) check(r *run, v goja.Value) (goja.Value, verdict) {
	o, is := plain(v)
	if is != pass {
		return nil, is
	}
	open := n.strict || n.catchall != nil
	if r.spend(len(n.list)) || open && !r.ordinary(o) {
		return nil, unsure
	}
	out := r.c.realm.VM.NewObject()
	found := pass
	for i := range n.list {
		f := &n.list[i]
		in := o.Get(f.name)
		there := in != nil
		if !there {
			in = goja.Undefined()
		}
		value, verdict := f.schema.check(r, in)
		if verdict == fail && f.optional && !there {
			return nil, unsure
		}
		if verdict == pass && (there || !goja.IsUndefined(value)) && out.Set(f.name, value) != nil {
			return nil, unsure
		}
		if found = worse(found, verdict); r.settled(found) {
			return nil, found
		}
	}
	if open {
		found = worse(found, n.others(r, o, out))
	}
	return out, found
}

// others checks the members that have no field.
func (n *fields) others(r *run, o, out *goja.Object) verdict {
	found := pass
	keys := o.Keys()
	if r.spend(len(keys)) {
		return unsure
	}
	for _, key := range keys {
		if n.known[key] {
			continue
		}
		if n.strict {
			found = fail
			continue
		}
		if !exactKey(key) {
			return unsure
		}
		value, verdict := n.catchall.check(r, o.Get(key))
		if verdict == pass && out.Set(key, value) != nil {
			return unsure
		}
		if found = worse(found, verdict); r.settled(found) {
			return found
		}
	}
	return found
}

// exactKey says that a key of an object came as it is, and can be set like any other.
func exactKey(key string) bool {
	return key != "__proto__" && !strings.ContainsRune(key, utf8.RuneError)
}

// worse joins the verdicts on two parts: unsure outweighs fail, and fail pass.
func worse(a, b verdict) verdict { return max(a, b) }

// settled says that looking further would change nothing.
func (r *run) settled(found verdict) bool { return found == unsure || found == fail && r.branches == 0 }

// record is an object with any keys (values nil) or exactly those of a set.
type record struct {
	values *valueSet
	keys   map[string]bool
	schema node
}

func (n *record) check(r *run, v goja.Value) (goja.Value, verdict) {
	o, is := plain(v)
	if is != pass {
		return nil, is
	}
	// zod takes an object for plain by its constructor.
	if made, isObject := o.Get("constructor").(*goja.Object); isObject && made != r.c.objectConstructor {
		return nil, unsure
	}
	if n.values != nil {
		return n.exactly(r, o)
	}
	if hidden, err := r.c.symbols(goja.Undefined(), o); err != nil || hidden.ToObject(r.c.realm.VM).Get("length").ToInteger() != 0 {
		return nil, unsure
	}
	out := r.c.realm.VM.NewObject()
	keys := o.GetOwnPropertyNames()
	if r.spend(len(keys)) {
		return nil, unsure
	}
	found := pass
	for _, key := range keys {
		if !exactKey(key) {
			return nil, unsure
		}
		value, verdict := n.schema.check(r, o.Get(key))
		if verdict == pass && out.Set(key, value) != nil {
			return nil, unsure
		}
		if found = worse(found, verdict); r.settled(found) {
			return nil, found
		}
	}
	return out, found
}

// exactly checks a record whose keys are given.
func (n *record) exactly(r *run, o *goja.Object) (goja.Value, verdict) {
	if !r.ordinary(o) || r.spend(len(n.values.list)) {
		return nil, unsure
	}
	out := r.c.realm.VM.NewObject()
	found := pass
	for _, key := range n.values.list {
		name := key.String()
		in := o.Get(name)
		if in == nil {
			in = goja.Undefined()
		}
		value, verdict := n.schema.check(r, in)
		if verdict == pass && out.Set(name, value) != nil {
			return nil, unsure
		}
		if found = worse(found, verdict); r.settled(found) {
			return nil, found
		}
	}
	for _, key := range o.Keys() {
		if !n.keys[key] {
			found = worse(found, fail)
		}
	}
	return out, found
}
