package realm

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script"
)

// task is one call of an asynchronous method: its promise, and the steps that lead to it. Steps run on the loop, inside
// the engine; a JavaScript error that one of them throws rejects the promise.
type task struct {
	r       *run
	promise goja.Value
	fulfil  func(any) error
	refuse  func(any) error
	stack   string // where the script made the call
	err     error  // an interruption met while settling: it ends the run
	settled func(rejected bool)
}

// task starts a method. Every method first fails if the run is to be stopped.
func (r *run) task(f func(t *task)) goja.Value {
	t := r.newTask()
	if abort := r.stopped(); abort != nil {
		t.abort()
		return t.promise
	}
	t.step(func() { f(t) })
	return t.promise
}

// lateTask is task for the two kinds of methods that are completed first and fail then.
func (r *run) lateTask(f func(t *task)) goja.Value {
	t := r.newTask()
	t.step(func() { f(t) })
	return t.promise
}

func (r *run) newTask() *task {
	promise, fulfil, refuse := r.vm.NewPromise()
	return &task{r: r, promise: r.vm.ToValue(promise), fulfil: fulfil, refuse: refuse, stack: r.callStack()}
}

// step runs f and turns what it throws into a rejection.
func (t *task) step(f func()) {
	if ex := t.r.vm.Try(f); ex != nil {
		t.reject(ex.Value())
	}
}

func (t *task) resolve(v any) { t.settle(t.fulfil, v, false) }

func (t *task) reject(v goja.Value) { t.settle(t.refuse, v, true) }

func (t *task) settle(f func(any) error, v any, rejected bool) {
	if err := f(v); err != nil && t.err == nil {
		t.err = err
	}
	if next := t.settled; next != nil {
		t.settled = nil
		next(rejected)
	}
}

// fail rejects with an error of ours, of the realm's own constructor.
func (t *task) fail(message string) { t.reject(t.r.newError(message, t.stack)) }

// abort rejects with what a stopped run gets, and remembers that the script was kept from going on.
func (t *task) abort() {
	t.r.aborted = true
	e := t.r.newError("The run was aborted", t.stack)
	_ = e.Set("name", "AbortedSDKError")
	_ = e.Set("code", abortCode(t.r.abort))
	t.reject(e)
}

// call asks the host and goes on with next when the answer is there; a failure rejects the promise.
func (t *task) call(name string, request any, body []byte, next func(a script.Answer)) {
	t.ask(name, request, body, func(a script.Answer, err *script.CallError) {
		switch {
		case err == nil:
			next(a)
		case t.r.stopped() != nil: // the abort cancelled it
			t.abort()
		default:
			t.reject(t.r.callError(err, t.stack))
		}
	})
}

// ask is call for those who handle failures themselves.
func (t *task) ask(name string, request any, body []byte, next func(a script.Answer, err *script.CallError)) {
	t.issue(t.r.calls.ctx, name, request, body, next)
}

// askLate is ask for a call that is needed to complete another one although the run is being stopped.
func (t *task) askLate(name string, request any, next func(a script.Answer, err *script.CallError)) {
	t.issue(t.r.calls.late, name, request, nil, next)
}

func (t *task) issue(ctx context.Context, name string, request any, body []byte, next func(a script.Answer, err *script.CallError)) {
	refused := t.r.calls.send(ctx, name, request, body, func(a script.Answer, err *script.CallError) error {
		if err != nil && err.Fatal {
			return &fatalCall{err}
		}
		t.step(func() { next(a, err) })
		return t.err
	})
	switch {
	case refused == nil:
	case refused.Fatal:
		t.r.guard.interrupt(&fatalCall{refused})
	default:
		next(script.Answer{}, refused)
	}
}

// decode reads an answer's structured part. It was written by our own side, so a failure is a defect.
func decode[T any](t *task, a script.Answer) T {
	var v T
	if len(a.Meta) > 0 {
		if err := json.Unmarshal(a.Meta, &v); err != nil {
			panic(t.r.newError("the platform's answer can't be read", t.stack))
		}
	}
	return v
}

// callStack is where the script is, in the form of an error's stack, innermost first; our own frames are left out.
func (r *run) callStack() string {
	var b strings.Builder
	n := 0
	for _, f := range r.vm.CaptureCallStack(0, nil) {
		name := f.SrcName()
		if name == "<native>" || strings.HasPrefix(name, internalPrefix) {
			continue
		}
		if n++; n > maxStackLines {
			break
		}
		b.WriteString("\n    at ")
		at := f.Position()
		place := name + ":" + strconv.Itoa(at.Line) + ":" + strconv.Itoa(at.Column)
		if fn := f.FuncName(); fn != "" && fn != "<anonymous>" {
			b.WriteString(fn + " (" + place + ")")
		} else {
			b.WriteString(place)
		}
	}
	return b.String()
}
