package fast

import (
	"math"
	"time"

	"github.com/dop251/goja"
)

// anything is any and unknown.
type anything struct{}

func (anything) check(_ *run, v goja.Value) (goja.Value, verdict) { return v, pass }

// nothing is never.
type nothing struct{}

func (nothing) check(*run, goja.Value) (goja.Value, verdict) { return nil, fail }

type null struct{}

func (null) check(_ *run, v goja.Value) (goja.Value, verdict) { return v, when(goja.IsNull(v)) }

// absent is undefined and void.
type absent struct{}

func (absent) check(_ *run, v goja.Value) (goja.Value, verdict) { return v, when(goja.IsUndefined(v)) }

func when(ok bool) verdict {
	if ok {
		return pass
	}
	return fail
}

type boolean struct{ coerce bool }

func (n boolean) check(r *run, v goja.Value) (goja.Value, verdict) {
	if n.coerce {
		return r.c.realm.VM.ToValue(v.ToBoolean()), pass
	}
	return v, when(isBoolean(v))
}

// number is a finite number within bounds.
type number struct {
	coerce bool
	checks []func(float64) bool
}

func (n *number) check(r *run, v goja.Value) (goja.Value, verdict) {
	if n.coerce {
		if !convertible(v) {
			return nil, unsure
		}
		v = v.ToNumber()
	}
	f, ok := isNumber(v)
	if !ok {
		return nil, fail
	}
	for _, holds := range n.checks {
		if !holds(f) {
			return nil, fail
		}
	}
	return v, pass
}

// convertible says that converting a value to a text or a number calls nothing and throws nothing.
func convertible(v goja.Value) bool {
	if goja.IsUndefined(v) || goja.IsNull(v) || goja.IsNumber(v) || isBoolean(v) {
		return true
	}
	_, isText := v.(goja.String)
	return isText
}

// with adds a check; schemas share the checks before it.
func (n *number) with(check func(float64) bool) *number {
	return &number{n.coerce, append(n.checks[:len(n.checks):len(n.checks)], check)}
}

// maxSafe is the largest integer that zod takes for one, and the smallest but for its sign.
const maxSafe = 1<<53 - 1

func within(low, high float64) func(float64) bool {
	return func(f float64) bool { return f >= low && f <= high }
}

func whole(low, high float64) func(float64) bool {
	return func(f float64) bool { return f == math.Trunc(f) && f >= low && f <= high }
}

// bound is the check of a method that compares with a number; nil for any other method.
func bound(method string, limit float64) func(float64) bool {
	switch method {
	case "gt":
		return func(f float64) bool { return f > limit }
	case "gte", "min":
		return func(f float64) bool { return f >= limit }
	case "lt":
		return func(f float64) bool { return f < limit }
	case "lte", "max":
		return func(f float64) bool { return f <= limit }
	}
	return nil
}

// date is a valid date, which stays the object that it is.
type date struct{}

func (date) check(r *run, v goja.Value) (goja.Value, verdict) {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil, fail
	}
	switch object(o) {
	case plainObject, listObject:
		if r.ordinary(o) {
			return nil, fail
		}
	case dateObject:
		if o.Prototype() == r.c.datePrototype && len(o.GetOwnPropertyNames()) == 0 {
			_, valid := o.Export().(time.Time)
			return v, when(valid)
		}
	case otherObject:
	}
	return nil, unsure
}
