package realm

import (
	"github.com/dop251/goja"
)

// iterator is an async iterator as an async generator would be: requests are answered one after another, an error ends it.
type iterator struct {
	r        *run
	step     func(t *task, yield func(goja.Value), end func())
	queue    []*task
	busy     bool
	finished bool
}

// asyncIterator makes the object for a step function, which settles its task by yield, end, or a rejection.
func (r *run) asyncIterator(step func(t *task, yield func(goja.Value), end func())) goja.Value {
	it := &iterator{r: r, step: step}
	o := r.vm.NewObject()
	_ = o.Set("next", r.function("next", func(goja.FunctionCall) goja.Value {
		t := r.newTask()
		it.queue = append(it.queue, t)
		it.serve()
		return t.promise
	}))
	_ = o.Set("return", r.function("return", func(c goja.FunctionCall) goja.Value {
		it.finished = true
		t := r.newTask()
		t.resolve(r.iteration(c.Argument(0), true))
		return t.promise
	}))
	_ = o.Set("throw", r.function("throw", func(c goja.FunctionCall) goja.Value {
		it.finished = true
		t := r.newTask()
		t.reject(c.Argument(0))
		return t.promise
	}))
	_ = o.SetSymbol(r.hooks.asyncIterator, r.function("[Symbol.asyncIterator]", func(goja.FunctionCall) goja.Value { return o }))
	return o
}

// serve answers the oldest request, if none is being answered.
func (it *iterator) serve() {
	if it.busy || len(it.queue) == 0 {
		return
	}
	t := it.queue[0]
	it.queue = it.queue[1:]
	it.busy = true
	t.settled = func(rejected bool) {
		it.busy = false
		it.finished = it.finished || rejected
		it.serve()
	}
	switch {
	case it.finished:
		t.resolve(it.r.iteration(goja.Undefined(), true))
	case it.r.stopped() != nil:
		t.abort()
	default:
		t.step(func() {
			it.step(t,
				func(v goja.Value) { t.resolve(it.r.iteration(v, false)) },
				func() {
					it.finished = true
					t.resolve(it.r.iteration(goja.Undefined(), true))
				})
		})
	}
}

func (r *run) iteration(v goja.Value, done bool) *goja.Object {
	o := r.vm.NewObject()
	_ = o.Set("value", v)
	_ = o.Set("done", done)
	return o
}
