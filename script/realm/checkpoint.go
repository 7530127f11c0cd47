package realm

import (
	"github.com/dop251/goja"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// checkpoint is what a run knows of its checkpoint. Operations run one after another, also if the script didn't await
// them, since each needs the version that the one before it left.
type checkpoint struct {
	known   bool // version holds what was read or written last
	version int
	busy    bool
	queue   []func()
}

func (p *checkpoint) do(f func()) {
	if p.busy {
		p.queue = append(p.queue, f)
		return
	}
	p.busy = true
	f()
}

// next starts the following operation. It is called exactly once by each.
func (p *checkpoint) next() {
	if len(p.queue) == 0 {
		p.busy = false
		return
	}
	f := p.queue[0]
	p.queue = p.queue[1:]
	f()
}

func (a *actionMethods) getCheckpoint(goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		a.checkpoint.do(func() {
			t.ask(script.CallCheckpointGet, script.None{}, nil, func(answer script.Answer, err *script.CallError) {
				defer a.checkpoint.next()
				switch {
				case err != nil && r.stopped() != nil:
					t.abort()
					return
				case err != nil: // a reading failure counts as "no checkpoint"
					t.resolve(goja.Null())
					return
				}
				a.checkpoint.known, a.checkpoint.version = true, decode[script.CheckpointAnswer](t, answer).Version
				if len(answer.Body) == 0 {
					t.resolve(goja.Null())
					return
				}
				t.resolve(r.jsonValue(answer.Body))
			})
		})
	})
}

// withVersion hands on the version that a write has to name, reading it first if nothing has been read yet.
func (a *actionMethods) withVersion(t *task, next func(version int)) {
	if a.checkpoint.known {
		next(a.checkpoint.version)
		return
	}
	t.askLate(script.CallCheckpointGet, script.None{}, func(answer script.Answer, err *script.CallError) {
		if err == nil {
			a.checkpoint.version = decode[script.CheckpointAnswer](t, answer).Version
		}
		a.checkpoint.known = true
		next(a.checkpoint.version)
	})
}

// saveCheckpoint stores first, and only then fails if the run is being stopped or has passed its soft limit.
func (a *actionMethods) saveCheckpoint(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.lateTask(func(t *task) {
		value, err := r.encode(c.Argument(0), script.SpecOf(script.CallCheckpointSave).MaxBody)
		if err == nil {
			err = causeway.ValidateCheckpoint(value)
		}
		if err != nil {
			t.fail("Error saving checkpoint: " + err.Error())
			return
		}
		a.checkpoint.do(func() {
			a.withVersion(t, func(version int) {
				t.ask(script.CallCheckpointSave, script.CheckpointRequest{Version: version}, value, func(answer script.Answer, err *script.CallError) {
					defer a.checkpoint.next()
					if err != nil {
						a.checkpointFailed(t, "Error saving checkpoint: ", err)
						return
					}
					saved := decode[script.CheckpointAnswer](t, answer)
					a.checkpoint.version = saved.Version
					a.afterSave(t, saved.Interrupt)
				})
			})
		})
	})
}

func (a *actionMethods) afterSave(t *task, interrupt bool) {
	r := a.run
	switch {
	case r.stopped() != nil:
		t.abort()
	case interrupt || !r.softAt.IsZero() && r.tape.now().After(r.softAt):
		r.interrupted = true
		e := r.newError("The run passed its soft time limit", t.stack)
		_ = e.Set("name", "ExecutionInterruptedError")
		_ = e.Set("code", causeway.CodeInterrupted)
		t.reject(e)
	default:
		t.resolve(goja.Undefined())
	}
}

func (a *actionMethods) clearCheckpoint(goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		a.checkpoint.do(func() {
			a.withVersion(t, func(version int) {
				t.ask(script.CallCheckpointClear, script.CheckpointRequest{Version: version}, nil, func(answer script.Answer, err *script.CallError) {
					defer a.checkpoint.next()
					if err != nil {
						a.checkpointFailed(t, "Error deleting checkpoint: ", err)
						return
					}
					a.checkpoint.version = decode[script.CheckpointAnswer](t, answer).Version
					t.resolve(goja.Undefined())
				})
			})
		})
	})
}

// checkpointFailed rejects. The version stays: after a conflict somebody else owns the checkpoint, and trying again must
// not overwrite it.
func (a *actionMethods) checkpointFailed(t *task, what string, err *script.CallError) {
	if a.run.stopped() != nil {
		t.abort()
		return
	}
	e := a.run.newError(what+callMessage(err), t.stack)
	if err.Code != "" {
		_ = e.Set("code", err.Code)
	}
	t.reject(e)
}

// callMessage is the text of a failed call, its code if there is none.
func callMessage(err *script.CallError) string {
	if err.Message == "" {
		return err.Code
	}
	return err.Message
}
