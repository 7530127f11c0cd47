package fast

import (
	"math"
	"reflect"
	"time"

	"github.com/dop251/goja"
)

// verdict is what the validator makes of a value.
type verdict int8

const (
	pass   verdict = iota // zod would accept it, with the output given
	fail                  // zod would find an issue
	unsure                // only zod can tell, or looking would be noticed by the script
)

// node is a schema as the validator sees it. What it answers must be right or unsure.
type node interface {
	check(r *run, v goja.Value) (goja.Value, verdict)
}

// maxSteps bounds how many fields and items are looked at in one call, since no interruption of the run is noticed meanwhile: about 3 s. zod,
// which can be interrupted, gets what is larger.
const maxSteps = 50_000_000

// run is one call of a validator.
type run struct {
	c     *compiler
	steps int
	// branches counts the unions around: in one of them a failure is no end, so that all which zod would read must be read.
	branches int
}

// spend counts steps, and says whether they were too many.
func (r *run) spend(n int) bool {
	r.steps += n
	return r.steps > maxSteps
}

// validate checks a value. While it does so no JavaScript can run: a getter or a trap of the script must be called exactly as often as zod
// does, so the limit of nested calls is set below zero, and a value that needs a call ends in unsure.
func (c *compiler) validate(n node, v goja.Value) (out goja.Value, ok bool) {
	c.realm.VM.SetMaxCallStackSize(-1)
	defer func() {
		c.realm.VM.SetMaxCallStackSize(c.realm.CallDepth)
		if x := recover(); x != nil {
			if _, called := x.(*goja.StackOverflowError); !called {
				panic(x)
			}
			out, ok = nil, false
		}
	}()
	thrown := c.realm.VM.Try(func() {
		var found verdict
		out, found = n.check(&run{c: c}, v)
		ok = found == pass
	})
	return out, ok && thrown == nil
}

// kindOf says what an object is, as far as zod's checks differ and reading it is only reading.
type kindOf int8

const (
	otherObject kindOf = iota
	plainObject        // an ordinary object of any prototype
	listObject         // an array
	dateObject
)

var (
	mapType  = reflect.TypeFor[map[string]any]()
	listType = reflect.TypeFor[[]any]()
	timeType = reflect.TypeFor[time.Time]()
)

// object looks at what an object is. Maps, sets, proxies, buffers and objects of ours are told from plain ones by the pair of class and type.
func object(o *goja.Object) kindOf {
	switch o.ExportType() {
	case mapType:
		if o.ClassName() == "Object" {
			return plainObject
		}
	case listType:
		if o.ClassName() == "Array" {
			return listObject
		}
	case timeType:
		if o.ClassName() == "Date" {
			return dateObject
		}
	}
	return otherObject
}

// plain returns a value that is a plain object; else fail, or unsure of what may pass for one.
func plain(v goja.Value) (*goja.Object, verdict) {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil, fail
	}
	switch object(o) {
	case plainObject:
		return o, pass
	case listObject:
		return nil, fail
	default:
		return nil, unsure
	}
}

// length of an array, -1 if it is too long to look at.
func (r *run) length(o *goja.Object) int {
	n := o.Get("length").ToInteger()
	if n > maxSteps || r.spend(int(n)) {
		return -1
	}
	return int(n)
}

// ordinary says that an object inherits nothing that for…in would list.
func (r *run) ordinary(o *goja.Object) bool {
	p := o.Prototype()
	return p == nil || p == r.c.objectPrototype && len(p.Keys()) == 0 && p.Prototype() == nil
}

// misfit is the verdict of a schema on a value of another type. If the schema has checks of a length, zod compares the length of whatever has
// one even then, which may call what is behind it.
func (r *run) misfit(v goja.Value, measured bool) verdict {
	o, isObject := v.(*goja.Object)
	if !measured || !isObject {
		return fail
	}
	if kind := object(o); kind != plainObject && kind != listObject {
		return unsure
	}
	length := o.Get("length")
	if length == nil || convertible(length) {
		return fail
	}
	return unsure
}

func isBoolean(v goja.Value) bool {
	if _, isObject := v.(*goja.Object); isObject {
		return false
	}
	t := v.ExportType()
	return t != nil && t.Kind() == reflect.Bool
}

func isNumber(v goja.Value) (float64, bool) {
	if !goja.IsNumber(v) {
		return 0, false
	}
	f := v.ToFloat()
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}
