package fast

import (
	"slices"

	"github.com/dop251/goja"
)

// namespace is an object of zod's functions: those that are recorded come from the recorder, the rest from zod, which is loaded when one of
// them is read. Its names are known without that, since bundles may list them.
type namespace struct {
	names  []string                     // in zod's order
	own    map[string]goja.Value        // those that are not zod's, as far as they were read
	make   func(name string) goja.Value // undefined for a function that is not recorded
	real   func() *goja.Object
	before func(name string) // called before a member of zod is handed out
}

func (n *namespace) Get(name string) goja.Value {
	if v, ok := n.own[name]; ok {
		return v
	}
	if _, ok := slices.BinarySearch(n.names, name); !ok {
		return nil
	}
	if v := n.make(name); !goja.IsUndefined(v) {
		n.own[name] = v
		return v
	}
	if n.before != nil {
		n.before(name)
	}
	return n.real().Get(name)
}

func (n *namespace) Has(name string) bool {
	_, ok := slices.BinarySearch(n.names, name)
	return ok
}

func (n *namespace) Set(string, goja.Value) bool { return false }
func (n *namespace) Delete(name string) bool     { return !n.Has(name) }
func (n *namespace) Keys() []string              { return slices.Clone(n.names) }

// outside is the package: its namespace, and that once more as z and as default.
type outside struct {
	*namespace
	z   goja.Value
	yes goja.Value // true
}

func (o *outside) Get(name string) goja.Value {
	switch name {
	case "z", "default":
		return o.z
	case "__esModule":
		return o.yes
	}
	return o.namespace.Get(name)
}

func (o *outside) Has(name string) bool {
	return name == "z" || name == "default" || name == "__esModule" || o.namespace.Has(name)
}

func (o *outside) Delete(name string) bool { return !o.Has(name) }

func (o *outside) Keys() []string {
	names := append(o.namespace.Keys(), "default", "z")
	slices.Sort(names)
	return names
}

// copier is the function by which bundles copy a package for "import * as z".
const copier = "__copyProps"

// packageOf is the package as an object. It inherits its members from o and shows them as accessors of its own, as zod's does. A bundle
// that imports all of it makes an object with the same prototype and copies each of 238 names to it; since they are inherited there
// already, that copier finds none.
func packageOf(vm *goja.Runtime, o *outside) goja.Value {
	return vm.ToValue(vm.NewProxy(vm.CreateObject(vm.NewDynamicObject(o)), &goja.ProxyTrapConfig{
		OwnKeys: func(*goja.Object) *goja.Object {
			if frames := vm.CaptureCallStack(2, nil); len(frames) == 2 && frames[1].FuncName() == copier {
				return vm.NewArray()
			}
			names := []any{"__esModule"}
			for _, name := range o.Keys() {
				names = append(names, name)
			}
			return vm.NewArray(names...)
		},
		GetOwnPropertyDescriptor: func(_ *goja.Object, name string) goja.PropertyDescriptor {
			switch {
			case name == "__esModule":
				return goja.PropertyDescriptor{Value: o.yes, Writable: goja.FLAG_FALSE, Enumerable: goja.FLAG_FALSE, Configurable: goja.FLAG_TRUE}
			case o.Has(name):
				get := vm.ToValue(func(goja.FunctionCall) goja.Value { return o.Get(name) })
				return goja.PropertyDescriptor{Getter: get, Enumerable: goja.FLAG_TRUE, Configurable: goja.FLAG_TRUE}
			}
			return goja.PropertyDescriptor{}
		},
	}))
}
