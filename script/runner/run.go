package runner

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/frame"
	"github.com/causeway-dev/causeway/script/wire"
)

// run is one run of a script, and the Caller of its engine.
type run struct {
	id      uint32
	link    *frame.Link
	ctx     context.Context // its cause is the abort
	cancel  context.CancelCauseFunc
	program chan frame.Message

	mu    sync.Mutex
	calls map[uint32]chan frame.Message // without an answer so far
}

// errNoProgram is what a run fails with whose program the worker could not load.
var errNoProgram = errors.New("the program could not be loaded")

// fetch asks the worker for a program's text.
func (r *run) fetch(ctx context.Context, hash string) ([]byte, error) {
	meta, err := json.Marshal(wire.Need{Program: hash})
	if err != nil {
		return nil, err
	}
	if err := r.link.Send(frame.Message{Type: frame.Need, Run: r.id, Meta: meta}); err != nil {
		return nil, err
	}
	select {
	case m := <-r.program:
		if m.Failed {
			return nil, errNoProgram
		}
		return m.Body, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (r *run) programCame(m frame.Message) error {
	select {
	case r.program <- m:
		return nil
	default:
		return m.Violation("a second program")
	}
}

func (r *run) abort(m frame.Message) error {
	var a wire.Abort
	if err := json.Unmarshal(m.Meta, &a); err != nil {
		return m.Violation("unreadable abort")
	}
	r.cancel(&script.AbortError{Reason: a.Reason})
	return nil
}

// answer hands an answer to its call. The channel has room, so that the receiving goroutine never waits.
func (r *run) answer(m frame.Message) error {
	r.mu.Lock()
	call := r.calls[m.Call]
	delete(r.calls, m.Call)
	r.mu.Unlock()
	if call == nil {
		return m.Violation("an answer to no call")
	}
	call <- m
	return nil
}

// Call makes a host call. One that is given up keeps its number until its answer comes.
func (r *run) Call(ctx context.Context, call script.Call) (script.Answer, error) {
	meta, err := json.Marshal(wire.Call{Name: call.Name, Request: call.Meta, Tape: call.Tape})
	if err != nil {
		return script.Answer{}, &script.CallError{Code: "script_call_invalid", Message: call.Name + ": the request can't be written", Cause: err}
	}
	answer := make(chan frame.Message, 1)
	r.mu.Lock()
	r.calls[call.Seq] = answer
	r.mu.Unlock()
	if err := r.link.Send(frame.Message{Type: frame.Call, Run: r.id, Call: call.Seq, Meta: meta, Body: call.Body}); err != nil {
		r.mu.Lock()
		delete(r.calls, call.Seq)
		r.mu.Unlock()
		if errors.Is(err, frame.ErrTooLarge) {
			return script.Answer{}, &script.CallError{Code: "script_call_too_large", Message: call.Name + ": the request is larger than allowed"}
		}
		return script.Answer{}, &script.CallError{Code: causeway.CodeScriptAborted, Message: "the run has ended", Fatal: true, Cause: err}
	}
	select {
	case m := <-answer:
		return decode(m)
	case <-ctx.Done():
		return script.Answer{}, &script.CallError{Code: causeway.CodeScriptAborted, Message: "the run is being stopped", Cause: context.Cause(ctx)}
	}
}

func decode(m frame.Message) (script.Answer, error) {
	unreadable := &script.CallError{Code: "internal_error", Message: "internal error of the platform"}
	if m.Failed {
		e, err := wire.DecodeCallError(m)
		if err != nil {
			return script.Answer{}, unreadable
		}
		return script.Answer{}, e
	}
	var a wire.Answer
	if len(m.Meta) > 0 && json.Unmarshal(m.Meta, &a) != nil {
		return script.Answer{}, unreadable
	}
	return script.Answer{Meta: a.Answer, Body: m.Body}, nil
}

// Note sends a log line or a sign of life. If too much is waiting it is lost: a run must not stand still for its log.
func (r *run) Note(call script.Call) {
	meta, err := json.Marshal(wire.Call{Name: call.Name, Request: call.Meta})
	if err != nil {
		return
	}
	_ = r.link.Post(frame.Message{Type: frame.Note, Run: r.id, Meta: meta, Body: call.Body})
}

// maxError is how much error data leaves the runner, in bytes.
const maxError = 8 << 20

// finish sends the result; what is too large is left out.
func (r *run) finish(result script.Result) error {
	if len(result.Output) > script.MaxOutput {
		result = script.Result{
			Code: causeway.CodeOutputTooLarge, Message: "the output is larger than 2 MiB", EngineMs: result.EngineMs,
		}
	}
	if len(result.Error) > maxError {
		result.Error = nil
	}
	m, err := wire.EncodeResult(r.id, result)
	if err != nil {
		return err
	}
	return r.link.Finish(m)
}
