package realm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/causeway-dev/causeway/script"
)

// Library is JavaScript of ours that a session begins with: an expression whose value is a function (global, env). All libraries of a
// session share env: what one puts there, the next one finds.
type Library struct{ code *goja.Program }

// NewLibrary compiles a library; it is safe for concurrent use.
func NewLibrary(name, source string) (*Library, error) {
	code, err := goja.Compile(internalPrefix+name, source, true)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", name, err)
	}
	return &Library{code}, nil
}

// Module is one compiled file of a session; it is safe for concurrent use.
type Module struct{ code *goja.Program }

// moduleParameters are what the text of a Module can name.
const moduleParameters = "function (exports, require, module, __filename, __dirname, __url, __env) {"

// NewModule compiles a CommonJS text. name stands in stack traces. The function of an async one returns a promise.
func NewModule(name string, text []byte, async bool) (*Module, error) {
	head := "(" + moduleParameters
	if async {
		head = "(async " + moduleParameters
	}
	tree, err := goja.Parse(name, head+string(text)+"\n})", parser.WithDisableSourceMaps)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	code, err := goja.CompileAST(tree, false)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", name, err)
	}
	return &Module{code}, nil
}

// SessionHost is what a session's libraries reach outside of the realm. Its methods are called by the goroutine of RunSession.
type SessionHost interface {
	// Call answers env.call(name, …), whose arguments and result are texts. An error is thrown into the realm.
	Call(name string, args []string) (string, error)
	// Load finds the module of env.load(path).
	Load(path string) (*Module, error)
	// Unhandled is told of an exception that belongs to no promise, or of a promise whose rejection nothing handled.
	Unhandled(text string)
}

// Session is a realm for test files: libraries of ours, which load modules, in an event loop whose clock jumps to the next timer when
// nothing else is left to do. There is no host call in it: what is asked for is answered at once.
//
// The last library leaves functions in env: main, which returns a promise for the session's end, and interrupted(reason), which is called
// when a limit set by env.limit(wallMs, virtualMs) has passed between two turns ("time_limit"), or nothing is left that could settle main
// ("idle"); it answers whether the session goes on. A turn that a limit has to end takes the session with it.
type Session struct {
	Libraries []*Library
	Host      SessionHost
}

// ErrSessionLimit says that a turn was interrupted by the limit that was set for it.
var ErrSessionLimit = errors.New("the time limit has passed")

var errSessionIdle = errors.New("the session waits for a promise that nothing can settle any more")

// session is a run without a script: the realm and its globals are the same.
type session struct {
	*run
	host   SessionHost
	ctx    context.Context
	env    *goja.Object
	began  time.Time
	ahead  time.Duration // how far timers have taken the clock
	latest time.Time     // on the clock of timers, for what runs now; zero: no limit
	reads  int           // of the clock by JavaScript

	mu      sync.Mutex
	inside  bool
	watch   *time.Timer
	number  int  // of the limit that watch belongs to
	expired bool // that limit has passed
}

// RunSession returns when main has settled: with its error if it was rejected, with the cause of ctx, or with ErrSessionLimit.
func (e *Engine) RunSession(ctx context.Context, s Session) error {
	r := newRun(ctx, e, script.Start{}, nil)
	defer r.close()
	x := &session{run: r, host: s.Host, ctx: ctx, began: time.Now()}
	r.loop.now = x.now
	r.vm.SetTimeSource(func() time.Time { x.reads++; return time.Now().Add(x.ahead) })
	defer x.stopWatch()
	defer context.AfterFunc(ctx, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.inside {
			r.vm.Interrupt(context.Cause(ctx))
		}
	})()
	if err := x.enter(func() error { return x.prepare(s.Libraries) }); err != nil {
		return err
	}
	if err := x.enter(x.begin); err != nil {
		return err
	}
	return x.turn()
}

// now is the clock of timers: it stands still but for their jumps, so that their order does not depend on how busy the machine is. Dates go
// on in between.
func (x *session) now() time.Time { return x.began.Add(x.ahead) }

// prepare makes the realm and runs the libraries.
func (x *session) prepare(libraries []*Library) error {
	if err := x.run.prepare(); err != nil {
		return err
	}
	vm := x.vm
	x.env = vm.NewObject()
	for name, f := range map[string]func(goja.FunctionCall) goja.Value{
		"call": x.call, "load": x.loadModule, "limit": x.limit,
		"require":    func(c goja.FunctionCall) goja.Value { return x.require(c.Argument(0).String()) },
		"clockReads": func(goja.FunctionCall) goja.Value { return vm.ToValue(x.reads) },
	} {
		if err := x.env.Set(name, x.function(name, f)); err != nil {
			return err
		}
	}
	if err := x.env.Set("ActionError", x.hooks.actionError); err != nil {
		return err
	}
	for _, l := range libraries {
		if _, err := x.runInternal(l.code, vm.GlobalObject(), x.env); err != nil {
			return fmt.Errorf("prepare the session: %w", err)
		}
	}
	return nil
}

func (x *session) begin() error {
	main, ok := goja.AssertFunction(x.env.Get("main"))
	if !ok {
		return errors.New("the session's libraries have no main")
	}
	return x.settle(func() (goja.Value, error) { return main(x.env) },
		func(goja.Value) { x.settled = true },
		func(v goja.Value) { x.settled, x.failed, x.outcome = true, true, v })
}

// turn fires timers until main has settled.
func (x *session) turn() error {
	for {
		if err := x.reportRejections(); err != nil {
			return err
		}
		if err := context.Cause(x.ctx); err != nil {
			return err
		}
		if x.settled {
			return x.end()
		}
		if err := x.step(); err != nil {
			return err
		}
	}
}

// step does the next thing that is due, going ahead in time if there is none yet.
func (x *session) step() error {
	switch {
	case x.passed():
		return x.interrupted("time_limit")
	case len(x.loop.timers) == 0:
		return x.interrupted("idle")
	}
	if wait := x.loop.timers[0].at.Sub(x.now()); wait > 0 {
		x.ahead += wait
	}
	if !x.latest.IsZero() && x.now().After(x.latest) {
		return x.interrupted("time_limit")
	}
	id := x.loop.first()
	if id == 0 {
		return nil
	}
	err := x.enter(func() error { return x.loop.fire(id) })
	var thrown *goja.Exception
	if errors.As(err, &thrown) {
		return x.enter(func() error {
			x.host.Unhandled("uncaught exception in a timer: " + x.describe(thrown.Value()).line())
			return nil
		})
	}
	return err
}

// interrupted tells the libraries.
func (x *session) interrupted(reason string) error {
	x.clearLimit()
	f, ok := goja.AssertFunction(x.env.Get("interrupted"))
	if !ok {
		return errSessionIdle
	}
	var goesOn goja.Value
	err := x.enter(func() (err error) {
		goesOn, err = f(x.env, x.vm.ToValue(reason))
		return err
	})
	switch {
	case err != nil:
		return err
	case !goesOn.ToBoolean():
		return errSessionIdle
	}
	return nil
}

func (x *session) end() error {
	if !x.failed {
		return nil
	}
	var text string
	if err := x.enter(func() error { text = x.describe(x.outcome).line(); return nil }); err != nil {
		return err
	}
	return errors.New(text)
}

// enter runs f with the engine, so that the watch may interrupt it.
func (x *session) enter(f func() error) (err error) {
	x.mu.Lock()
	x.inside = true
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		x.inside = false
		x.mu.Unlock()
		x.vm.ClearInterrupt()
	}()
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case *goja.InterruptedError:
			err = cause
		case *goja.StackOverflowError:
			err = cause
		default:
			panic(cause)
		}
		var stopped *goja.InterruptedError
		if errors.As(err, &stopped) {
			if reason, ok := stopped.Value().(error); ok {
				err = reason
			}
		}
	}()
	if ex := x.vm.Try(func() { err = f() }); ex != nil {
		return ex
	}
	return err
}

func (x *session) reportRejections() error {
	if len(x.rejections) == 0 {
		return nil
	}
	unhandled := x.rejections
	x.rejections = nil
	return x.enter(func() error {
		for _, p := range unhandled {
			x.host.Unhandled("unhandled rejection: " + cutText(x.describe(p.Result()).line(), 2000))
		}
		return nil
	})
}

func (x *session) call(c goja.FunctionCall) goja.Value {
	args := make([]string, 0, len(c.Arguments))
	for _, a := range c.Arguments[min(1, len(c.Arguments)):] {
		args = append(args, a.String())
	}
	out, err := x.host.Call(c.Argument(0).String(), args)
	if err != nil {
		panic(x.newError(err.Error(), x.callStack()))
	}
	return x.vm.ToValue(out)
}

// loadModule returns the function of a module.
func (x *session) loadModule(c goja.FunctionCall) goja.Value {
	m, err := x.host.Load(c.Argument(0).String())
	if err != nil {
		panic(x.newError(err.Error(), ""))
	}
	v, err := x.vm.RunProgram(m.code)
	if err != nil {
		panic(err)
	}
	return v
}

// limit bounds what runs from now on, in milliseconds of wall time and of the virtual clock; 0: no limit.
func (x *session) limit(c goja.FunctionCall) goja.Value {
	x.clearLimit()
	if virtual := c.Argument(1).ToInteger(); virtual > 0 {
		x.latest = x.now().Add(time.Duration(virtual) * time.Millisecond)
	}
	wall := c.Argument(0).ToInteger()
	if wall <= 0 {
		return goja.Undefined()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	number := x.number
	x.watch = time.AfterFunc(time.Duration(wall)*time.Millisecond, func() { x.expire(number) })
	return goja.Undefined()
}

func (x *session) clearLimit() {
	x.latest = time.Time{}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.number++
	x.expired = false
	if x.watch != nil {
		x.watch.Stop()
	}
}

// expire is called by the watch; one that fires late finds another number.
func (x *session) expire(number int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if number != x.number {
		return
	}
	x.expired = true
	if x.inside {
		x.vm.Interrupt(ErrSessionLimit)
	}
}

func (x *session) passed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.expired
}

func (x *session) stopWatch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.watch != nil {
		x.watch.Stop()
	}
}
