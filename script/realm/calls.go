package realm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/metrics"
	"time"

	"github.com/causeway-dev/causeway/script"
)

// calls is a run's way to the host: numbered calls, at most script.InFlight at once, the rest waiting in order. Answers
// come back on a channel and are delivered by the loop.
type calls struct {
	ctx     context.Context // of the run; its end cancels calls
	late    context.Context // of calls that are completed although the run is being stopped
	cancel  context.CancelFunc
	caller  Caller
	answers chan answered
	waiting []*pending
	flying  int
	writes  int // of the open calls, how many change something
	seq     uint32
	tape    *tape
	// Only while a tape is followed: calls without a delivered answer, and answers that wait for their turn.
	issued  map[uint32]struct{}
	held    map[uint32]answered
	made    map[string]int
	refused int
}

// pending is a call on its way. done runs on the loop, inside the engine.
type pending struct {
	ctx  context.Context
	spec *script.Spec
	call script.Call
	done func(script.Answer, *script.CallError) error
}

type answered struct {
	*pending
	answer script.Answer
	err    *script.CallError
}

// maxRefused is how many calls over a limit a run may make before it is ended.
const maxRefused = 20

func newCalls(ctx context.Context, caller Caller, t *tape) *calls {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &calls{
		ctx: ctx, late: late, cancel: cancel, caller: caller, made: map[string]int{}, tape: t,
		answers: make(chan answered, script.InFlight), // never blocks a caller's goroutine
	}
	if t.in != nil {
		c.issued, c.held = map[uint32]struct{}{}, map[uint32]answered{}
	}
	return c
}

func (c *calls) close() { c.cancel() }

// open is how many calls have no answer yet.
func (c *calls) open() int { return c.flying + len(c.waiting) }

// openWrites is how many of them change something.
func (c *calls) openWrites() int { return c.writes }

// send issues a call, whose context is that of the run or, if it is needed to complete another, late. What is too large or
// over its quota is refused here, and never leaves the runner.
//
//nolint:contextcheck // the run's context or late, as the caller says
func (c *calls) send(
	ctx context.Context, name string, request any, body []byte, done func(script.Answer, *script.CallError) error,
) *script.CallError {
	spec := script.SpecOf(name)
	meta, err := json.Marshal(request)
	if err != nil {
		return &script.CallError{Code: "script_call_invalid", Message: fmt.Sprintf("%s: the request can't be written", name), Cause: err}
	}
	if len(meta) > script.MaxMeta || len(body) > spec.MaxBody {
		return &script.CallError{Code: "script_call_too_large", Message: fmt.Sprintf("%s: the request is larger than allowed", name)}
	}
	c.made[name]++
	if spec.PerRun > 0 && c.made[name] > spec.PerRun {
		c.refused++
		return &script.CallError{
			Code: "script_call_limit", Message: fmt.Sprintf("a run may make %d calls of %s", spec.PerRun, name),
			Fatal: c.refused > maxRefused,
		}
	}
	c.seq++
	if spec.AfterAbort {
		ctx = c.late
	}
	p := &pending{ctx: ctx, spec: spec, call: script.Call{Seq: c.seq, Name: name, Meta: meta, Body: body, Tape: c.tape.take()}, done: done}
	if c.issued != nil {
		c.issued[c.seq] = struct{}{}
	}
	if spec.Effect == script.Write {
		c.writes++
	}
	if c.flying >= script.InFlight {
		c.waiting = append(c.waiting, p)
		return nil
	}
	c.fly(p)
	return nil
}

func (c *calls) fly(p *pending) {
	c.flying++
	go func() { // ends with its context, which the run cancels
		answer, err := c.caller.Call(p.ctx, p.call)
		a := answered{pending: p, answer: answer}
		if err != nil && !errors.As(err, &a.err) {
			a.err = script.AsCallError(err)
		}
		c.answers <- a
	}()
}

// deliver hands an answer to whoever waits for it, and lets the next call go.
func (c *calls) deliver(a answered) error {
	c.drop(a)
	c.tape.delivered(script.DeliveredAnswer, int64(a.call.Seq))
	return a.done(a.answer, a.err)
}

// drop takes an answer off the books without telling the script.
func (c *calls) drop(a answered) {
	delete(c.issued, a.call.Seq)
	c.flying--
	if a.spec.Effect == script.Write {
		c.writes--
	}
	if len(c.waiting) > 0 {
		next := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.fly(next)
	}
}

// progress tells the worker that the run lives.
func (c *calls) progress(engine time.Duration, turns uint64) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	p := script.Progress{
		Turns: int64(turns), EngineMs: engine.Milliseconds(), Pending: c.open(), HeapBytes: int64(heap[0].Value.Uint64()),
	}
	meta, err := json.Marshal(p)
	if err != nil {
		return // it is numbers only
	}
	c.caller.Note(script.Call{Name: script.CallProgress, Meta: meta})
}
