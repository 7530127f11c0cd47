package fast

import "github.com/dop251/goja"

// compiler makes validators from recorded schemas, for one realm.
type compiler struct {
	realm Realm
	miss  *goja.Object // what a validator answers when zod has to
	read  goja.Callable

	objectPrototype, arrayPrototype, datePrototype *goja.Object
	objectConstructor                              goja.Value
	symbols                                        goja.Callable // Object.getOwnPropertySymbols
	textMethods                                    map[string]goja.Callable
}

func newCompiler(realm Realm) *compiler {
	vm := realm.VM
	c := &compiler{realm: realm, miss: vm.NewObject(), textMethods: map[string]goja.Callable{}}
	c.objectPrototype = vm.NewObject().Prototype()
	c.arrayPrototype = vm.NewArray().Prototype()
	c.objectConstructor = c.objectPrototype.Get("constructor")
	c.datePrototype, _ = realm.Date.Get("prototype").(*goja.Object)
	c.symbols, _ = goja.AssertFunction(c.objectConstructor.ToObject(vm).Get("getOwnPropertySymbols"))
	texts := vm.ToValue("").ToObject(vm).Prototype()
	for _, name := range []string{"trim", "toLowerCase", "toUpperCase"} {
		method, _ := goja.AssertFunction(texts.Get(name))
		c.textMethods[name] = func(this goja.Value, args ...goja.Value) (goja.Value, error) { return method(this, args...) }
	}
	return c
}

// compile answers with a function that checks a value, or null if the schema is one for zod.
func (c *compiler) compile(schema goja.Value) goja.Value {
	made := (&compilation{c: c, done: map[*goja.Object]*compiled{}}).schema(schema, 0)
	if made.node == nil {
		return goja.Null()
	}
	return c.realm.VM.ToValue(func(call goja.FunctionCall) goja.Value {
		if out, ok := c.validate(made.node, call.Argument(0)); ok {
			return out
		}
		return c.miss
	})
}

// maxNesting of schemas; deeper ones are left to zod.
const maxNesting = 200

// compilation is one schema being compiled, with all that it is made of.
type compilation struct {
	c    *compiler
	done map[*goja.Object]*compiled // nil nodes of schemas that are being made: one that holds itself is left to zod
}

// compiled is a node; nil if the schema is left to zod.
type compiled struct {
	node    node
	in, out bool // what zod calls optin and optout being "optional"
}

var leftToZod = &compiled{}

func (m *compilation) schema(v goja.Value, depth int) *compiled {
	schema, ok := v.(*goja.Object)
	if !ok || depth > maxNesting {
		return leftToZod
	}
	if made, ok := m.done[schema]; ok {
		return made
	}
	made := &compiled{}
	m.done[schema] = made
	entry, err := m.c.read(goja.Undefined(), schema)
	if err != nil {
		return leftToZod
	}
	noted, ok := entry.(*goja.Object)
	if !ok {
		return leftToZod
	}
	args, _ := noted.Get("2").(*goja.Object)
	note := note{m: m, depth: depth + 1, kind: noted.Get("0").String(), args: args}
	if parent := noted.Get("1"); !goja.IsUndefined(parent) {
		*made = note.method(m.schema(parent, depth+1))
	} else {
		*made = note.function()
	}
	return made
}

// note is a recorded call.
type note struct {
	m     *compilation
	depth int
	kind  string
	args  *goja.Object
}

func (n *note) arg(i int) goja.Value { return itemOf(n.args, i) }

func (n *note) sub(i int) *compiled { return n.m.schema(n.arg(i), n.depth) }

// subs compiles a list of schemas; false if one is left to zod.
func (n *note) subs(v goja.Value) ([]*compiled, []node, bool) {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil, nil, false
	}
	var all []*compiled
	var nodes []node
	for i := range int(o.Get("length").ToInteger()) {
		made := n.m.schema(itemOf(o, i), n.depth)
		if made.node == nil {
			return nil, nil, false
		}
		all, nodes = append(all, made), append(nodes, made.node)
	}
	return all, nodes, true
}

// values are the items of an array, or the one value that is none.
func (n *note) values(v goja.Value) []goja.Value {
	o, ok := v.(*goja.Object)
	if !ok {
		return []goja.Value{v}
	}
	out := make([]goja.Value, o.Get("length").ToInteger())
	for i := range out {
		out[i] = itemOf(o, i)
	}
	return out
}
