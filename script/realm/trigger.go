package realm

import (
	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script"
)

// triggerAction runs another action and resolves to its output.
func (a *actionMethods) triggerAction(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		q := script.ActionRequest{IntegrationKey: r.textArg(c, 0), ConnectionID: r.textArg(c, 1), Name: r.textArg(c, 2)}
		input, err := r.encode(c.Argument(3), script.SpecOf(script.CallActionTrigger).MaxBody)
		if err != nil {
			t.fail(reason("The input can't be written as JSON", err))
			return
		}
		t.call(script.CallActionTrigger, q, input, func(answer script.Answer) { t.resolve(r.jsonValue(answer.Body)) })
	})
}

// triggerSync runs a sync once. Its last argument is {reset, emptyCache}, or one of the older forms: a mode or a boolean.
func (a *actionMethods) triggerSync(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		q := script.SyncRequest{IntegrationKey: r.textArg(c, 0), ConnectionID: r.textArg(c, 1)}
		ref, ok := r.syncRef(c.Argument(2))
		if !ok {
			t.fail("triggerSync needs a sync: a name, or {name, variant}")
			return
		}
		q.Syncs = []script.SyncRef{ref}
		switch o := c.Argument(3).(type) {
		case *goja.Object:
			q.Reset = r.property(o, "reset").ToBoolean()
			q.EmptyCache = r.property(o, "emptyCache").ToBoolean()
		case goja.String:
			switch o.String() {
			case "incremental":
			case "full_refresh":
				q.Reset = true
			case "full_refresh_and_clear_cache":
				q.Reset, q.EmptyCache = true, true
			default:
				t.fail("Unknown sync mode: " + o.String())
				return
			}
		default:
			q.Reset = c.Argument(3).ToBoolean()
		}
		t.call(script.CallSyncTrigger, q, nil, func(script.Answer) { t.resolve(goja.Undefined()) })
	})
}

// startSync starts schedules.
func (a *actionMethods) startSync(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		q := script.SyncRequest{IntegrationKey: r.textArg(c, 0), ConnectionID: r.textArg(c, 2)}
		if list, ok := c.Argument(1).(*goja.Object); ok {
			for _, k := range r.keys(list) {
				ref, ok := r.syncRef(r.property(list, k))
				if !ok {
					t.fail("startSync needs syncs: names, or {name, variant}")
					return
				}
				q.Syncs = append(q.Syncs, ref)
			}
		}
		t.call(script.CallSyncStart, q, nil, func(script.Answer) { t.resolve(goja.Undefined()) })
	})
}

func (r *run) syncRef(v goja.Value) (script.SyncRef, bool) {
	switch v := v.(type) {
	case goja.String:
		return script.SyncRef{Name: v.String()}, true
	case *goja.Object:
		ref := script.SyncRef{Name: r.text(v, "name"), Variant: r.text(v, "variant")}
		return ref, ref.Name != ""
	}
	return script.SyncRef{}, false
}
