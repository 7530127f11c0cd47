package realm

import (
	"errors"

	"github.com/dop251/goja"

	causeway "github.com/causeway-dev/causeway"
)

// begin evaluates the script's module and calls its function.
func (r *run) begin(p *Program) error {
	exports, err := r.commonJS(p.code)
	if err != nil {
		return err
	}
	fn, self, input, err := r.entry(exports)
	if err != nil {
		return err
	}
	object := r.vm.NewDynamicObject(r.nango)
	args := []goja.Value{object}
	if input != nil {
		args = append(args, input)
	}
	return r.settle(func() (goja.Value, error) { return fn(self, args...) },
		func(v goja.Value) { r.settled, r.outcome = true, v },
		func(v goja.Value) { r.settled, r.failed, r.outcome = true, true, v })
}

// entry finds the function to call, its this and its input. A default export that is an object is a definition, one that
// is a function is the older style.
func (r *run) entry(exports goja.Value) (goja.Callable, goja.Value, goja.Value, error) {
	module, ok := exports.(*goja.Object)
	if !ok {
		return nil, nil, nil, errors.New("Invalid script exports")
	}
	kind := r.start.Kind
	def, ok := r.property(module, "default").(*goja.Object)
	if !ok {
		return nil, nil, nil, errors.New("Invalid script exports")
	}
	if fn, ok := goja.AssertFunction(def); ok {
		if kind == causeway.RunWebhook {
			if fn, ok = goja.AssertFunction(r.property(module, "onWebhookPayloadReceived")); !ok {
				return nil, nil, nil, errors.New("Missing onWebhookPayloadReceived function")
			}
		}
		return fn, goja.Undefined(), r.input(false), nil
	}
	name := "exec"
	if kind == causeway.RunWebhook {
		name = "onWebhook"
	}
	want := map[causeway.RunKind]string{
		causeway.RunSync: "sync", causeway.RunWebhook: "sync", causeway.RunAction: "action", causeway.RunEvent: "onEvent",
	}[kind]
	fn, ok := goja.AssertFunction(r.property(def, name))
	if !ok || r.text(def, "type") != want {
		return nil, nil, nil, errors.New("Invalid script configuration")
	}
	return fn, def, r.input(true), nil
}

// input is the second argument: an action's input, a webhook's payload. A definition without input gets {}, the older
// style gets undefined for an empty object.
func (r *run) input(definition bool) goja.Value {
	switch r.start.Kind {
	case causeway.RunAction:
		v := r.jsonValue(r.start.Input)
		if goja.IsUndefined(v) || goja.IsNull(v) {
			if definition {
				return r.vm.NewObject()
			}
			return v
		}
		if o, ok := v.(*goja.Object); ok && !definition && o.ClassName() == "Object" && len(o.Keys()) == 0 {
			return goja.Undefined()
		}
		return v
	case causeway.RunWebhook:
		return r.jsonValue(r.start.Input)
	default:
		return nil
	}
}

// settle calls f and reports how what it returned settled, whatever that is.
func (r *run) settle(f func() (goja.Value, error), done, failed func(goja.Value)) error {
	call := r.function("call", func(goja.FunctionCall) goja.Value {
		v, err := f()
		if err != nil {
			panic(err)
		}
		return v
	})
	report := func(to func(goja.Value)) goja.Value {
		return r.function("report", func(c goja.FunctionCall) goja.Value {
			to(c.Argument(0))
			return goja.Undefined()
		})
	}
	_, err := r.hooks.settle(goja.Undefined(), call, report(done), report(failed))
	return err
}

// await calls f, waits for what it returns, and goes on; a failure rejects the task.
func (r *run) await(t *task, f func() (goja.Value, error), next func()) {
	err := r.settle(f, func(goja.Value) { t.step(next) }, t.reject)
	if err != nil && t.err == nil {
		t.err = err
	}
}
