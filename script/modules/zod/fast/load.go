package fast

import (
	_ "embed"
	"errors"
	"fmt"
	"sync"

	"github.com/dop251/goja"
)

//go:embed recorder.js
var recorderSource string

var recorderProgram = sync.OnceValues(func() (*goja.Program, error) {
	return goja.Compile("causeway:zod-recorder.js", recorderSource, true)
})

// Realm is what Load needs to know of the realm that a script runs in.
type Realm struct {
	VM *goja.Runtime
	// CallDepth is the realm's limit of nested calls, which is changed while a value is looked at and set back.
	CallDepth int
	// Real gives the exports of zod itself; it is called once, and panics with the engine's exception if it can't.
	Real func() *goja.Object
	// Date is the realm's own constructor of dates.
	Date *goja.Object
}

// Load makes the stand-in for zod in a realm: what require("zod") answers.
func Load(realm Realm) (goja.Value, error) {
	program, err := recorderProgram()
	if err != nil {
		return nil, fmt.Errorf("compile the recorder of zod: %w", err)
	}
	factory, err := realm.VM.RunProgram(program)
	if err != nil {
		return nil, err
	}
	start, ok := goja.AssertFunction(factory)
	if !ok {
		return nil, errors.New("the recorder of zod is no function")
	}
	l := &loader{realm: realm, compiler: newCompiler(realm)}
	natives := realm.VM.NewObject()
	for name, v := range map[string]any{
		"miss":    l.compiler.miss,
		"real":    func(goja.FunctionCall) goja.Value { return l.realExports() },
		"members": func(c goja.FunctionCall) goja.Value { return l.members(c.Argument(0), c.Argument(1), c.Argument(2)) },
		"compile": func(c goja.FunctionCall) goja.Value { return l.compiler.compile(c.Argument(0)) },
	} {
		if err := natives.Set(name, v); err != nil {
			return nil, err
		}
	}
	made, err := start(goja.Undefined(), natives)
	if err != nil {
		return nil, err
	}
	return l.exports(made.ToObject(realm.VM))
}

type loader struct {
	realm    Realm
	compiler *compiler
	real     *goja.Object
}

func (l *loader) realExports() *goja.Object {
	if l.real == nil {
		l.real = l.realm.Real()
	}
	return l.real
}

// exports are laid out as zod's: the package has all of its namespace z, and z and default beside it.
func (l *loader) exports(recorder *goja.Object) (goja.Value, error) {
	vm := l.realm.VM
	var functions [3]goja.Callable
	for i, name := range []string{"read", "settle", "maker"} {
		var ok bool
		if functions[i], ok = goja.AssertFunction(recorder.Get(name)); !ok {
			return nil, errors.New("the recorder of zod is not whole")
		}
	}
	l.compiler.read = functions[0]
	settle, maker := functions[1], functions[2]
	must := func(v goja.Value, err error) goja.Value {
		if err != nil {
			panic(err)
		}
		return v
	}
	of := func(prefix string) func(string) goja.Value {
		return func(name string) goja.Value { return must(maker(goja.Undefined(), vm.ToValue(prefix+name))) }
	}
	inner := func(name string, names []string) goja.Value {
		return vm.NewDynamicObject(&namespace{
			names: names, own: map[string]goja.Value{}, make: of(name + "."),
			real: func() *goja.Object { return l.realExports().Get(name).ToObject(vm) },
		})
	}
	whole := &namespace{
		names: exportedNames, make: of(""), real: l.realExports,
		own: map[string]goja.Value{"coerce": inner("coerce", coerceNames), "iso": inner("iso", isoNames)},
		before: func(name string) {
			if name == "globalRegistry" || name == "core" {
				must(settle(goja.Undefined()))
			}
		},
	}
	z := vm.NewDynamicObject(whole)
	return packageOf(vm, &outside{namespace: whole, z: z, yes: vm.ToValue(true)}), nil
}
