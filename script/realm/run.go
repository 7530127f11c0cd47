package realm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dop251/goja"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/modules"
)

const (
	defaultTurnLimit = 60 * time.Second
	// maxCallDepth is the engine's limit of nested calls; beyond it the plain engine ends the run.
	maxCallDepth = 4096
	progressPace = time.Second
)

// run is one execution of a script: its realm and everything that lives as long. All of it but guard and the goroutines of
// calls belongs to the goroutine that called Engine.Run.
type run struct {
	engine *Engine
	start  script.Start
	vm     *goja.Runtime
	env    *modules.Env
	loop   *loop
	tape   *tape
	guard  *guard
	calls  *calls
	nango  *nango
	log    *logger
	memo   memo

	hooks  hooks
	loaded map[string]goja.Value

	abort       *script.AbortError // set once the run is to be stopped
	aborted     bool               // a method refused because of it, so that the script has not done all it meant to
	interrupted bool               // saveCheckpoint told the script that its soft limit has passed
	softAt      time.Time
	file        string                // of the script, in stack traces
	platform    map[*goja.Object]bool // HTTP errors that came from the platform's own API
	rejections  []*goja.Promise       // rejected in this turn, without a handler so far
	settled     bool
	failed      bool
	outcome     goja.Value
}

// hooks are values of the realm that our Go code needs; they are taken when it is made, before a script can change them.
type hooks struct {
	host          *goja.Object
	errorCtor     *goja.Object
	actionError   *goja.Object
	dateCtor      *goja.Object
	mapCtor       *goja.Object
	asyncIterator *goja.Symbol
	settle        goja.Callable
	mapSet        goja.Callable
}

func newRun(ctx context.Context, e *Engine, start script.Start, caller Caller) *run {
	vm := goja.New()
	r := &run{
		engine: e, start: start, vm: vm,
		loaded:   map[string]goja.Value{},
		platform: map[*goja.Object]bool{},
	}
	r.loop = newLoop()
	r.tape = newTape(start)
	if !r.tape.plain() {
		vm.SetTimeSource(r.tape.now)
	}
	r.guard = newGuard(vm, turnLimit(start))
	r.calls = newCalls(ctx, caller, r.tape)
	r.log = newLogger(start.LoggerLevel, caller, r.tape)
	if start.SoftMs > 0 {
		r.softAt = r.tape.now().Add(time.Duration(start.SoftMs) * time.Millisecond)
	}
	r.nango = newNango(r)
	random := rand.NewChaCha8(start.Seed)
	r.env = &modules.Env{VM: vm, Rand: random, Fetch: r.nango.action.uncontrolledFetch}
	vm.SetMaxCallStackSize(maxCallDepth)
	vm.SetRandSource(rand.New(random).Float64) //nolint:gosec // Math.random, drawn from the run's seed so that it can be repeated
	vm.SetParserOptions(parserOptions...)
	vm.SetPromiseRejectionTracker(r.trackRejection)
	if e, ok := any(vm).(patchedRuntime); ok {
		e.DisableCodeGeneration()
		e.CatchStackOverflow()
	}
	return r
}

func turnLimit(start script.Start) time.Duration {
	if start.TurnLimitMs > 0 {
		return time.Duration(start.TurnLimitMs) * time.Millisecond
	}
	return defaultTurnLimit
}

// close ends what the run has started outside of its goroutine.
func (r *run) close() {
	r.guard.close()
	r.calls.close()
}

// execute is the life of a run: prepare the realm, evaluate the module, call its function, turn the loop until the result
// has settled, say how it ended.
func (r *run) execute(p *Program) (result script.Result) {
	defer func() {
		if x := recover(); x != nil { // a defect of the engine or of ours: the run fails, its neighbours go on
			result = r.defect(x)
		}
		r.log.flush()
		result.EngineMs, result.Tape = r.guard.spent().Milliseconds(), r.tape.take()
	}()
	r.file = p.name + ".cjs"
	stop := r.watchAbort()
	defer stop()
	if err := r.enter(r.prepare); err != nil {
		return r.ended(err)
	}
	if err := r.enter(func() error { return r.begin(p) }); err != nil {
		return r.ended(err)
	}
	if err := r.turn(); err != nil {
		return r.ended(err)
	}
	r.finishWrites()
	if err := r.enter(func() error { result = r.result(); return nil }); err != nil {
		return r.ended(err)
	}
	return result
}

// defect says that the engine or our own code failed. The trace may hold the customer's data and goes nowhere.
func (r *run) defect(x any) script.Result {
	return failure(causeway.CodeScriptInternalError, fmt.Sprintf("internal error of the script engine (%T)", x), nil)
}

// turn takes deliveries until the script's promise has settled.
func (r *run) turn() error {
	progress := time.NewTicker(progressPace)
	defer progress.Stop()
	done := r.calls.ctx.Done()
	for {
		r.reportRejections()
		if r.settled {
			return r.guard.final()
		}
		if err := r.guard.final(); err != nil {
			return err
		}
		if r.idle() {
			return errNeverSettles
		}
		if d, ok := r.tape.next(); ok {
			if err := r.follow(d); err != nil {
				return err
			}
			continue
		}
		if some, err := r.catchUp(); err != nil {
			return err
		} else if some {
			continue
		}
		select {
		case <-progress.C:
			r.calls.progress(r.guard.spent(), r.guard.turns())
		case <-r.guard.ended:
		case <-done:
			done = nil // methods see it; running code goes on until the guard ends it
		case answer := <-r.calls.answers:
			if err := r.enter(func() error { return r.calls.deliver(answer) }); err != nil {
				return err
			}
		case <-r.loop.due():
			if id := r.loop.first(); id != 0 {
				if err := r.enter(func() error { return r.fireTimer(id) }); err != nil {
					return err
				}
			}
		}
	}
}

// fireTimer calls a timer. What it throws belongs to no promise: it is logged, and the run goes on.
func (r *run) fireTimer(id int64) error {
	r.tape.delivered(script.DeliveredTimer, id)
	err := r.loop.fire(id)
	var thrown *goja.Exception
	if !errors.As(err, &thrown) {
		return err
	}
	r.log.write(causeway.LevelError, "Uncaught exception in a timer: "+r.describe(thrown.Value()).line(), nil)
	return nil
}

// idle says that nothing is left that could wake the script.
func (r *run) idle() bool {
	return r.calls.open() == 0 && !r.loop.hasTimers()
}

// finishWrites waits for writes that the script issued and did not await: they would otherwise be lost or half done.
func (r *run) finishWrites() {
	for r.calls.openWrites() > 0 {
		select {
		case answer := <-r.calls.answers:
			r.calls.drop(answer)
		case <-r.guard.ended:
			return
		}
	}
}

// enter runs f with the engine, under the turn limit. Its error ends the run: an interruption or a stack overflow; what
// a script throws goes into its promises instead.
func (r *run) enter(f func() error) (err error) {
	if err := r.guard.enter(); err != nil {
		return err
	}
	defer r.guard.leave()
	defer func() {
		switch x := recover().(type) {
		case nil:
		case *goja.InterruptedError:
			err = x
		case *goja.StackOverflowError:
			err = x
		default:
			panic(x)
		}
	}()
	if ex := r.vm.Try(func() { err = f() }); ex != nil {
		return ex
	}
	return err
}

// watchAbort interrupts the engine when the run's context ends, as its reason asks.
func (r *run) watchAbort() func() bool {
	return context.AfterFunc(r.calls.ctx, func() {
		switch abort := abortOf(r.calls.ctx); abort.Reason {
		case script.ReasonTimeout, script.ReasonLost:
			r.guard.interrupt(abort)
		case script.ReasonCancelled:
			r.guard.interruptAfter(r.engine.grace, abort)
		case script.ReasonDrain: // running code may go on until its next call
		}
	})
}

// abortOf is why a context has ended, nil if it has not.
func abortOf(ctx context.Context) *script.AbortError {
	var abort *script.AbortError
	switch {
	case ctx.Err() == nil:
		return nil
	case errors.As(context.Cause(ctx), &abort):
		return abort
	default:
		return &script.AbortError{Reason: script.ReasonLost}
	}
}

// stopped returns the abort that a method has to throw, or nil.
func (r *run) stopped() *script.AbortError {
	if r.abort != nil {
		return r.abort
	}
	if d, ok := r.tape.next(); ok && d.Kind == script.DeliveredAbort && int64(r.calls.seq) >= d.ID {
		r.tape.in.Next()
		r.abort = &script.AbortError{Reason: script.ReasonCancelled}
	} else {
		r.abort = abortOf(r.calls.ctx)
	}
	if r.abort != nil {
		r.tape.delivered(script.DeliveredAbort, int64(r.calls.seq))
	}
	return r.abort
}

// trackRejection notes promises that are rejected without a handler, as the engine reports them.
func (r *run) trackRejection(p *goja.Promise, op goja.PromiseRejectionOperation) {
	if op == goja.PromiseRejectionReject {
		r.rejections = append(r.rejections, p)
		return
	}
	for i, known := range r.rejections {
		if known == p {
			r.rejections = append(r.rejections[:i], r.rejections[i+1:]...)
			return
		}
	}
}

// reportRejections logs what is still unhandled at the end of a turn. It is not fatal.
func (r *run) reportRejections() {
	if len(r.rejections) == 0 {
		return
	}
	unhandled := r.rejections
	r.rejections = nil
	_ = r.enter(func() error {
		for _, p := range unhandled {
			text := cutText(r.describe(p.Result()).line(), 2000)
			r.log.write(causeway.LevelError, "Unhandled promise rejection: "+text, nil)
		}
		return nil
	})
}
