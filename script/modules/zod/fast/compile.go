package fast

import (
	"math"
	"strings"

	"github.com/dop251/goja"
)

// function is the schema that a function of zod makes.
func (n *note) function() compiled {
	if made := scalar(n.kind); made != nil {
		return compiled{node: made, in: n.kind == "undefined", out: n.kind == "undefined"}
	}
	switch n.kind {
	case "literal":
		return compiled{node: choice{newValueSet(n.values(n.arg(0)))}}
	case "enum":
		return compiled{node: choice{newValueSet(n.values(n.args))}}
	case "object":
		return n.object()
	case "tuple":
		return n.tuple()
	case "record":
		return n.record()
	case "union":
		return n.union(n.arg(0))
	case "discriminatedUnion":
		return n.discriminated()
	case "array", "optional", "nullable", "nullish", "nonoptional":
		return n.wrap(n.kind, n.sub(0))
	case "_default":
		return n.fallback(n.sub(0), n.arg(1), false)
	case "prefault":
		return n.fallback(n.sub(0), n.arg(1), true)
	}
	if check := format(strings.TrimPrefix(n.kind, "iso.")); check != nil {
		return compiled{node: (&text{}).with(check, false)}
	}
	return compiled{}
}

// scalar is the node of a schema without arguments; nil if there is none.
func scalar(kind string) node {
	switch kind {
	case "string", "coerce.string":
		return &text{coerce: kind != "string"}
	case "number", "coerce.number":
		return &number{coerce: kind != "number"}
	case "int":
		return (&number{}).with(whole(-maxSafe, maxSafe))
	case "int32":
		return (&number{}).with(whole(math.MinInt32, math.MaxInt32))
	case "uint32":
		return (&number{}).with(whole(0, math.MaxUint32))
	case "float64":
		return (&number{}).with(within(-math.MaxFloat64, math.MaxFloat64))
	case "boolean", "coerce.boolean":
		return boolean{coerce: kind != "boolean"}
	case "null":
		return null{}
	case "undefined", "void":
		return absent{}
	case "any", "unknown":
		return anything{}
	case "never":
		return nothing{}
	case "date":
		return date{}
	}
	return nil
}

// method is the schema that a method makes of another one.
func (n *note) method(on *compiled) compiled {
	if on.node == nil {
		return compiled{}
	}
	name := n.kind[1:]
	switch name {
	case "describe", "meta":
		return *on
	case "array", "optional", "nullable", "nullish", "nonoptional":
		return n.wrap(name, on)
	case "default":
		return n.fallback(on, n.arg(0), false)
	case "prefault":
		return n.fallback(on, n.arg(0), true)
	case "or":
		return either([]*compiled{on, n.sub(0)})
	}
	switch base := on.node.(type) {
	case *text:
		if check := lengthCheck(name, limitOf(n.arg(0))); check != nil {
			return compiled{node: base.with(check, true)}
		}
		if check := n.textCheck(name); check != nil {
			return compiled{node: base.with(check, false)}
		}
	case *number:
		if check := n.numberCheck(name); check != nil {
			return compiled{node: base.with(check)}
		}
	case *list:
		if check := sizeCheck(name, limitOf(n.arg(0))); check != nil {
			return compiled{node: base.with(check)}
		}
	}
	return compiled{}
}

// limitOf is a bound; what is no number was not recorded, but by methods that need none.
func limitOf(v goja.Value) float64 {
	if goja.IsNumber(v) {
		return v.ToFloat()
	}
	return math.NaN()
}

func (n *note) textCheck(name string) textCheck {
	switch name {
	case "trim", "toLowerCase", "toUpperCase":
		return change(name)
	case "includes", "startsWith", "endsWith":
		return part(name, n.arg(0))
	}
	return format(name)
}

func (n *note) numberCheck(name string) func(float64) bool {
	switch name {
	case "int", "safe":
		return whole(-maxSafe, maxSafe)
	case "positive":
		return bound("gt", 0)
	case "nonnegative":
		return bound("gte", 0)
	case "negative":
		return bound("lt", 0)
	case "nonpositive":
		return bound("lte", 0)
	}
	return bound(name, limitOf(n.arg(0)))
}

func (n *note) wrap(kind string, on *compiled) compiled {
	if on.node == nil {
		return compiled{}
	}
	switch kind {
	case "array":
		return compiled{node: &list{item: on.node}}
	case "nullable":
		return compiled{&nullable{on.node}, on.in, on.out}
	case "nullish":
		return compiled{&optional{&nullable{on.node}, on.in}, true, true}
	case "nonoptional":
		return compiled{node: &required{on.node}}
	default:
		return compiled{&optional{on.node, on.in}, true, true}
	}
}

// fallback takes primitive values only: zod copies others, in ways that call into the script.
func (n *note) fallback(on *compiled, value goja.Value, before bool) compiled {
	if on.node == nil || goja.IsUndefined(value) || !convertible(value) {
		return compiled{}
	}
	return compiled{node: &fallback{on.node, value, before}, in: true}
}

func (n *note) union(options goja.Value) compiled {
	all, _, ok := n.subs(options)
	if !ok {
		return compiled{}
	}
	return either(all)
}

func either(options []*compiled) compiled {
	made := &union{}
	out := compiled{node: made}
	for _, o := range options {
		if o.node == nil {
			return compiled{}
		}
		made.options = append(made.options, o.node)
		out.in, out.out = out.in || o.in, out.out || o.out
	}
	return out
}

// discriminated knows unions of object schemas whose field is a literal or an enum, each value once.
func (n *note) discriminated() compiled {
	name, exact := exactText(n.arg(0))
	_, options, ok := n.subs(n.arg(1))
	if !ok || !exact {
		return compiled{}
	}
	made := &discriminated{field: name}
	var values []goja.Value
	for _, option := range options {
		of, isObject := option.(*fields)
		if !isObject {
			return compiled{}
		}
		named, ok := of.choice(name)
		if !ok {
			return compiled{}
		}
		for _, v := range named {
			if newValueSet(values).find(v) >= 0 {
				return compiled{}
			}
			values = append(values, v)
			made.options = append(made.options, option)
		}
	}
	made.values = newValueSet(values)
	return compiled{node: made}
}

// choice gives the values that a field can have, if it is a choice.
func (n *fields) choice(name string) ([]goja.Value, bool) {
	for _, f := range n.list {
		if of, ok := f.schema.(choice); ok && f.name == name {
			return of.values.list, len(of.values.list) > 0
		}
	}
	return nil, false
}

func (n *note) object() compiled {
	shape, ok := n.arg(0).(*goja.Object)
	if !ok {
		return compiled{}
	}
	made := &fields{known: map[string]bool{}}
	for _, name := range shape.Keys() {
		of := n.m.schema(shape.Get(name), n.depth)
		if of.node == nil || !exactKey(name) {
			return compiled{}
		}
		made.known[name] = true
		made.list = append(made.list, field{name, of.node, of.out})
	}
	if catchall := n.arg(1); !goja.IsUndefined(catchall) {
		of := n.m.schema(catchall, n.depth)
		if of.node == nil {
			return compiled{}
		}
		if _, made.strict = of.node.(nothing); !made.strict {
			made.catchall = of.node
		}
	}
	return compiled{node: made}
}

func (n *note) tuple() compiled {
	all, items, ok := n.subs(n.arg(0))
	if !ok {
		return compiled{}
	}
	made := &tuple{items: items}
	for i, item := range all {
		if !item.in {
			made.optional = i + 1
		}
	}
	if rest := n.arg(1); !goja.IsUndefined(rest) {
		of := n.m.schema(rest, n.depth)
		if of.node == nil {
			return compiled{}
		}
		made.rest = of.node
	}
	return compiled{node: made}
}

// record knows keys that are any text, or one of given texts.
func (n *note) record() compiled {
	keys, values := n.sub(0), n.sub(1)
	if keys.node == nil || values.node == nil {
		return compiled{}
	}
	made := &record{schema: values.node}
	switch of := keys.node.(type) {
	case *text:
		if of.coerce || len(of.checks) > 0 {
			return compiled{}
		}
	case choice:
		made.keys, made.values = map[string]bool{}, &valueSet{}
		for _, v := range of.values.list {
			key, exact := exactText(v)
			if !exact || !exactKey(key) {
				return compiled{}
			}
			if !made.keys[key] {
				made.keys[key] = true
				made.values.list = append(made.values.list, v)
			}
		}
	default:
		return compiled{}
	}
	return compiled{node: made}
}
