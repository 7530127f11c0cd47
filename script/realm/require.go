package realm

import (
	"errors"
	"strings"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script/modules/zod/fast"
)

// module loads a module of ours, once per realm.
func (r *run) module(name string) goja.Value {
	if v, ok := r.loaded[name]; ok {
		return v
	}
	m, ok := r.engine.modules[name]
	if !ok {
		panic(r.newError("Module '"+name+"' is not allowed", r.callStack()))
	}
	natives := r.vm.NewObject()
	for key, f := range m.natives(r.env) {
		_ = natives.Set(key, r.function(key, f))
	}
	v, err := r.runInternal(m.program, natives, r.internalRequire(), r.vm.GlobalObject())
	if err != nil {
		panic(err)
	}
	r.loaded[name] = v
	return v
}

// require is what a script's require() answers.
func (r *run) require(name string) goja.Value {
	plain := strings.TrimPrefix(name, "node:")
	if v, ok := r.loaded[plain]; ok && !strings.HasPrefix(plain, "causeway:") {
		return v
	}
	switch plain {
	case "buffer", "crypto", "soap", "unzipper", "url":
		return r.module(plain)
	case "zod", "zod/v4":
		return r.zod()
	case "nango", "causeway":
		v := r.nangoModule()
		r.loaded[plain] = v
		return v
	case "botbuilder":
		panic(r.newError("Module 'botbuilder' is not supported: call the Bot Framework's REST API with nango.post instead", r.callStack()))
	}
	panic(r.newError("Module '"+name+"' is not allowed", r.callStack()))
}

// zod is the stand-in that records schemas and checks values in Go, with zod itself behind it.
func (r *run) zod() goja.Value {
	if v, ok := r.loaded["zod"]; ok {
		return v
	}
	if !r.engine.hasZod { // a script learns that at once, not when it first fails to parse
		panic(r.newError(errNoZod.Error(), r.callStack()))
	}
	var exports goja.Value
	if r.engine.plainZod {
		exports = r.realZod()
	} else {
		v, err := fast.Load(fast.Realm{VM: r.vm, CallDepth: maxCallDepth, Real: r.realZod, Date: r.hooks.dateCtor})
		if err != nil {
			panic(err)
		}
		exports = v
	}
	r.loaded["zod"] = exports
	return exports
}

// realZod runs zod itself in this realm.
func (r *run) realZod() *goja.Object {
	program, err := r.engine.zod()
	if err != nil {
		panic(r.newError(err.Error(), r.callStack()))
	}
	exports, err := r.evaluate(program, r.vm.NewObject(), goja.Undefined())
	if err != nil {
		panic(err)
	}
	return exports.ToObject(r.vm)
}

// nangoModule holds what a bundle may still import of it at run time: the wrappers, which tag a definition.
func (r *run) nangoModule() goja.Value {
	o := r.vm.NewObject()
	for name, kind := range map[string]string{"createSync": "sync", "createAction": "action", "createOnEvent": "onEvent"} {
		_ = o.Set(name, r.function(name, func(c goja.FunctionCall) goja.Value {
			tagged := r.vm.NewObject()
			_ = tagged.Set("type", kind)
			if d, ok := c.Argument(0).(*goja.Object); ok {
				for _, k := range d.Keys() {
					_ = tagged.Set(k, d.Get(k))
				}
			}
			return tagged
		}))
	}
	_ = o.Set("ActionError", r.hooks.actionError)
	return o
}

// commonJS evaluates a module and returns its exports.
func (r *run) commonJS(p *goja.Program) (goja.Value, error) {
	vm := r.vm
	module, exports := vm.NewObject(), vm.NewObject()
	if err := module.Set("exports", exports); err != nil {
		return nil, err
	}
	require := r.function("require", func(c goja.FunctionCall) goja.Value { return r.require(c.Argument(0).String()) })
	for name, v := range map[string]goja.Value{"require": require, "module": module, "exports": exports} {
		// Bundles read them as arguments of their wrapper; as globals they are part of the contract too.
		if err := vm.GlobalObject().DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			return nil, err
		}
	}
	return r.evaluate(p, module, require)
}

// evaluate calls a module's function and returns its exports.
func (r *run) evaluate(p *goja.Program, module *goja.Object, require goja.Value) (goja.Value, error) {
	exports := module.Get("exports")
	if exports == nil {
		exports = r.vm.NewObject()
		if err := module.Set("exports", exports); err != nil {
			return nil, err
		}
	}
	v, err := r.vm.RunProgram(p)
	if err != nil {
		return nil, err
	}
	fn, ok := goja.AssertFunction(v)
	if !ok {
		return nil, errors.New("the bundle is no module")
	}
	if _, err := fn(exports, exports, require, module); err != nil {
		return nil, err
	}
	return module.Get("exports"), nil
}
