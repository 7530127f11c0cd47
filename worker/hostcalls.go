package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/frame"
	"github.com/causeway-dev/causeway/script/wire"
)

// maxOpen is how many calls of a run may be without an answer. A runner keeps to script.InFlight, but forgets calls when it
// is told to stop, while they are still being answered here.
const maxOpen = 2 * script.InFlight

// execRun is a run inside a runner, as the worker sees it: everything that a frame may not say.
type execRun struct {
	runner  *runner
	id      uint32 // in the runner
	run     *script.Run
	host    script.Host
	program func() ([]byte, error)
	hash    string
	log     *slog.Logger
	turn    time.Duration

	late   context.Context // of calls that are completed although the run is being stopped
	drop   context.CancelFunc
	calls  context.Context // of the others
	cancel context.CancelCauseFunc

	stopped  atomic.Bool
	lost     atomic.Bool // no call is answered any more
	seen     atomic.Int64
	handlers sync.WaitGroup
	result   chan script.Result // has room for one
	once     sync.Once

	mu       sync.Mutex
	open     map[uint32]struct{} // calls without an answer
	finished bool                // no call is taken any more
	stuck    *script.Result
}

// ended gives the run its result; the first one counts.
func (x *execRun) ended(result script.Result) {
	x.once.Do(func() {
		x.mu.Lock()
		x.finished = true
		x.mu.Unlock()
		x.result <- result
	})
}

func (x *execRun) alive() { x.seen.Store(time.Now().UnixNano()) }

// silent is how long nothing was heard of the run. A run within one turn of its script says nothing, but makes calls.
func (x *execRun) silent(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, x.seen.Load()))
}

// call takes a host call and answers it in a goroutine of its own.
func (x *execRun) call(m frame.Message) error {
	x.alive()
	var c wire.Call
	if err := json.Unmarshal(m.Meta, &c); err != nil {
		return m.Violation("unreadable call")
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, twice := x.open[m.Call]; twice {
		return m.Violation("a call number used twice")
	}
	if len(x.open) >= maxOpen {
		return m.Violation("too many calls at once")
	}
	if x.finished {
		return nil
	}
	x.open[m.Call] = struct{}{}
	x.handlers.Go(func() { x.serve(m, c) })
	return nil
}

// serve answers a call. That is done when the answer has been written: what waits in the worker stays bounded.
func (x *execRun) serve(m frame.Message, c wire.Call) {
	ctx, late := x.calls, false
	if spec := script.SpecOf(c.Name); spec != nil && spec.AfterAbort {
		ctx, late = x.late, true
	}
	var answer script.Answer
	var err error
	if x.stopped.Load() && !late {
		err = &script.CallError{Code: causeway.CodeScriptAborted, Message: "the run is being stopped"}
	} else {
		answer, err = x.handle(ctx, script.Call{Seq: m.Call, Name: c.Name, Meta: c.Request, Body: m.Body, Tape: c.Tape})
	}
	if err != nil && x.stopped.Load() && !late { // whatever the host made of its context's end
		err = &script.CallError{Code: causeway.CodeScriptAborted, Message: "the run is being stopped"}
	}
	m.Release()
	if !x.lost.Load() {
		// An error is the end of the run or of its runner, which others see.
		_ = x.runner.proc.link.Send(answerMessage(m, answer, err))
	}
	x.mu.Lock()
	delete(x.open, m.Call)
	x.mu.Unlock()
}

// handle asks the host. A defect in one call must not end the process that serves all runs.
func (x *execRun) handle(ctx context.Context, call script.Call) (answer script.Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &script.CallError{Code: "internal_error", Message: "internal error of the platform", Cause: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
		if e := (*script.CallError)(nil); errors.As(err, &e) && e.Code == "internal_error" && e.Cause != nil && ctx.Err() == nil {
			x.log.Error("a host call failed", "call", call.Name, "run", x.run.RunID, "environment", x.run.EnvironmentID, "error", e.Cause)
		}
	}()
	return script.Handle(ctx, x.host, x.run, call)
}

// answerMessage is the answer on the wire; one that doesn't fit becomes an error that the script may catch.
func answerMessage(m frame.Message, answer script.Answer, err error) frame.Message {
	out := frame.Message{Type: frame.Answer, Run: m.Run, Call: m.Call, Body: answer.Body}
	if err == nil {
		out.Meta, err = json.Marshal(wire.Answer{Answer: answer.Meta})
	}
	if err == nil && (len(out.Meta) > frame.MaxMeta || len(out.Body) > script.MaxBody) {
		err = &script.CallError{Code: "script_response_too_large", Message: "the response is larger than allowed"}
	}
	if err != nil {
		out.Failed = true
		out.Meta, out.Body = wire.EncodeCallError(script.AsCallError(err))
	}
	return out
}

// note takes a log line or a sign of life. The host neither waits nor fails for them.
func (x *execRun) note(m frame.Message) error {
	x.alive()
	defer m.Release()
	var c wire.Call
	if err := json.Unmarshal(m.Meta, &c); err != nil {
		return m.Violation("unreadable note")
	}
	spec := script.SpecOf(c.Name)
	if spec == nil || !spec.Note {
		return m.Violation("a note that is none")
	}
	if c.Name == script.CallProgress {
		var p script.Progress
		if err := json.Unmarshal(c.Request, &p); err != nil {
			return m.Violation("unreadable progress")
		}
		x.runner.heap.Store(p.HeapBytes)
	}
	if x.lost.Load() {
		return nil
	}
	_, _ = x.handle(x.calls, script.Call{Name: c.Name, Meta: c.Request, Body: m.Body}) // a log never fails a run
	return nil
}

// need brings the program's text.
func (x *execRun) need(m frame.Message) error {
	x.alive()
	var n wire.Need
	if err := json.Unmarshal(m.Meta, &n); err != nil || n.Program != x.hash {
		return m.Violation("a program that is not the run's")
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.finished {
		return nil
	}
	x.handlers.Go(func() {
		out := frame.Message{Type: frame.Program, Run: x.id}
		text, err := x.program()
		if err == nil && hashOf(text) != x.hash {
			err = errors.New("the stored program has changed")
		}
		if err != nil {
			noProgram(x.log, x.run, err)
			out.Failed = true
		} else {
			out.Body = text
		}
		_ = x.runner.proc.link.Send(out) // an error is the end of the run or of its runner, which others see
	})
	return nil
}

// noProgram says for the process log why a run has no program, and gives its result.
func noProgram(log *slog.Logger, run *script.Run, err error) script.Result {
	log.Error("a program could not be loaded", "run", run.RunID, "environment", run.EnvironmentID, "error", err)
	return script.Result{Code: causeway.CodeScriptInternalError, Message: "the script could not be loaded"}
}
