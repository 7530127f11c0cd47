package fast

import "github.com/dop251/goja"

// members makes an object that answers for all members of what inherits from it, by functions of the recorder: get (name, schema), where
// miss is no member at all, set (name, schema, value) and has (name).
func (l *loader) members(get, set, has goja.Value) goja.Value {
	call := func(f goja.Value) func(args ...any) goja.Value {
		function, ok := goja.AssertFunction(f)
		if !ok {
			panic(l.realm.VM.NewTypeError("the recorder of zod is not whole"))
		}
		return func(args ...any) goja.Value {
			values := make([]goja.Value, len(args))
			for i, a := range args {
				values[i] = l.realm.VM.ToValue(a)
			}
			v, err := function(goja.Undefined(), values...)
			if err != nil {
				panic(err)
			}
			return v
		}
	}
	getMember, setMember, hasMember := call(get), call(set), call(has)
	return l.realm.VM.ToValue(l.realm.VM.NewProxy(l.realm.VM.NewObject(), &goja.ProxyTrapConfig{
		Get: func(_ *goja.Object, name string, schema goja.Value) goja.Value {
			if v := getMember(name, schema); v != l.compiler.miss {
				return v
			}
			return nil
		},
		Set: func(_ *goja.Object, name string, value, schema goja.Value) bool {
			return setMember(name, schema, value).ToBoolean()
		},
		Has: func(_ *goja.Object, name string) bool { return hasMember(name).ToBoolean() },
	}))
}
