package realm

import (
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // a sandboxed process can't read the system's

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/causeway-dev/causeway/script/modules"
	"github.com/causeway-dev/causeway/script/pattern"
)

// Bounds of single values in a script, as V8 has them or below.
const (
	maxText  = 128 << 20 // UTF-16 units of a text
	maxItems = 16 << 20  // items that one native call may make or join
)

var parserOptions = []parser.Option{parser.WithDisableSourceMaps}

// lazyGlobals are built when a script first names one of them: by a module, by intl.js, or by web.js.
var lazyGlobals = []any{
	"Buffer", "URL", "URLSearchParams", "crypto", "Intl",
	"TextEncoder", "TextDecoder", "atob", "btoa", "structuredClone", "DOMException", "Event", "EventTarget", "AbortSignal",
	"AbortController", "Headers", "Blob", "File", "FormData", "Response", "performance",
}

// prepare makes the realm: the core's text, and getters for the rest.
func (r *run) prepare() error {
	vm := r.vm
	host := vm.NewObject()
	r.hooks.host = host
	if err := r.addNatives(host); err != nil {
		return err
	}
	if _, err := r.runInternal(r.engine.core, vm.GlobalObject(), host); err != nil {
		return fmt.Errorf("prepare the realm: %w", err)
	}
	if err := r.takeHooks(host); err != nil {
		return err
	}
	json := vm.Get("JSON").ToObject(vm)
	native, _ := goja.AssertFunction(json.Get("parse"))
	if err := json.DefineDataProperty("parse", r.function("parse", r.jsonParse(native)), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
		return err
	}
	lazy, ok := goja.AssertFunction(host.Get("lazy"))
	if !ok {
		return errors.New("prepare the realm: the core is not whole")
	}
	build := r.function("build", func(c goja.FunctionCall) goja.Value { return r.global(c.Argument(0).String()) })
	_, err := lazy(goja.Undefined(), vm.NewArray(lazyGlobals...), build)
	return err
}

// global builds a global of lazyGlobals.
func (r *run) global(name string) goja.Value {
	switch name {
	case "Buffer":
		return r.member("buffer", name)
	case "URL", "URLSearchParams":
		return r.member("url", name)
	case "crypto":
		return r.member("crypto", "webcrypto")
	case "Intl":
		return r.load("intl").Get(name)
	default:
		return r.load("web").Get(name)
	}
}

func (r *run) addNatives(host *goja.Object) error {
	natives := map[string]func(goja.FunctionCall) goja.Value{
		"setTimer": func(c goja.FunctionCall) goja.Value {
			fn, _ := goja.AssertFunction(c.Argument(2))
			id := r.loop.set(time.Duration(c.Argument(0).ToFloat()*float64(time.Millisecond)), c.Argument(1).ToBoolean(), fn)
			if id == 0 {
				r.guard.interrupt(errTimerLimit)
			}
			return r.vm.ToValue(id)
		},
		"clearTimer": func(c goja.FunctionCall) goja.Value {
			r.loop.clear(c.Argument(0).ToInteger())
			return goja.Undefined()
		},
		"wellFormed": func(c goja.FunctionCall) goja.Value { return r.vm.ToValue(c.Argument(0).String()) },
		"pattern":    r.pattern,
		"intl":       func(goja.FunctionCall) goja.Value { return r.load("intl") },
		"zoneParts":  r.zoneParts,
		"require":    func(c goja.FunctionCall) goja.Value { return r.module(c.Argument(0).String()) },
	}
	for name, f := range natives {
		if err := host.Set(name, r.function(name, f)); err != nil {
			return err
		}
	}
	for name, v := range map[string]int{"maxText": maxText, "maxBytes": modules.MaxBytes, "maxItems": maxItems} {
		if err := host.Set(name, v); err != nil {
			return err
		}
	}
	return nil
}

// takeHooks keeps what our Go code needs later, before a script can touch it.
func (r *run) takeHooks(host *goja.Object) error {
	vm, h := r.vm, &r.hooks
	h.errorCtor = vm.Get("Error").ToObject(vm)
	h.dateCtor = vm.Get("Date").ToObject(vm)
	h.mapCtor = vm.Get("Map").ToObject(vm)
	h.actionError = host.Get("ActionError").ToObject(vm)
	var ok1, ok2, ok3 bool
	h.settle, ok1 = goja.AssertFunction(host.Get("settle"))
	h.mapSet, ok2 = goja.AssertFunction(h.mapCtor.Get("prototype").ToObject(vm).Get("set"))
	h.asyncIterator, ok3 = vm.Get("Symbol").ToObject(vm).Get("asyncIterator").(*goja.Symbol)
	if !ok1 || !ok2 || !ok3 {
		return errors.New("prepare the realm: the core is not whole")
	}
	return nil
}

// runInternal runs one of our programs, whose value is a function, with arguments.
func (r *run) runInternal(p *goja.Program, args ...goja.Value) (goja.Value, error) {
	v, err := r.vm.RunProgram(p)
	if err != nil {
		return nil, err
	}
	fn, ok := goja.AssertFunction(v)
	if !ok {
		return nil, errors.New("the program is no function")
	}
	return fn(goja.Undefined(), args...)
}

// load builds one of the rarer parts of the realm, once. It throws into the script when it fails.
func (r *run) load(name string) *goja.Object {
	if v, ok := r.loaded["causeway:"+name].(*goja.Object); ok {
		return v
	}
	program := r.engine.web
	if name == "intl" {
		program = r.engine.intl
	}
	v, err := r.runInternal(program, r.vm.GlobalObject(), r.hooks.host, r.internalRequire())
	if err != nil {
		panic(err)
	}
	o := v.ToObject(r.vm)
	r.loaded["causeway:"+name] = o
	return o
}

func (r *run) internalRequire() goja.Value { return r.hooks.host.Get("require") }

// webCall calls one of web.js's functions for the host.
func (r *run) webCall(name string, args ...goja.Value) goja.Value {
	f, ok := goja.AssertFunction(r.load("web").Get(name))
	if !ok {
		panic(r.newError("the realm has no "+name, ""))
	}
	v, err := f(goja.Undefined(), args...)
	if err != nil {
		panic(err)
	}
	return v
}

// member reads an export of a module of ours.
func (r *run) member(module, name string) goja.Value {
	return r.module(module).ToObject(r.vm).Get(name)
}

// buffer makes a Buffer of bytes.
func (r *run) buffer(b []byte) goja.Value {
	v, err := r.vm.New(r.member("buffer", "Buffer"), r.vm.ToValue(r.vm.NewArrayBuffer(b)))
	if err != nil {
		panic(err)
	}
	return v
}

// throw raises an error of a constructor of the language.
func (r *run) throw(constructor, message string) { r.env.Throw(constructor, "", "%s", message) }

// zoneParts gives a moment's parts in a zone, for Intl; null for an unknown zone.
func (r *run) zoneParts(c goja.FunctionCall) goja.Value {
	zone, err := time.LoadLocation(c.Argument(1).String())
	if err != nil {
		return goja.Null()
	}
	t := time.UnixMilli(c.Argument(0).ToInteger()).In(zone)
	name, offset := t.Zone()
	return r.vm.NewArray(t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), int(t.Weekday()), t.Nanosecond()/1e6, offset/60, name)
}

// pattern is a regular expression and its flags as the engine takes them.
func (r *run) pattern(c goja.FunctionCall) goja.Value {
	source, flags, err := pattern.Rewrite(c.Argument(0).String(), c.Argument(1).String())
	if err != nil {
		e, newErr := r.vm.New(r.vm.Get("SyntaxError"), r.vm.ToValue("Invalid regular expression: "+err.Error()))
		if newErr != nil {
			panic(newErr)
		}
		panic(e)
	}
	return r.vm.NewArray(source, flags)
}
