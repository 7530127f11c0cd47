package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/frame"
	"github.com/causeway-dev/causeway/script/wire"
)

const (
	defaultTurn = 60 * time.Second
	// stuckAfter is how long after its interrupt a run that has not ended is in native code and takes its runner along.
	stuckAfter   = 2 * time.Second
	cancelGrace  = 5 * time.Second  // of a cancelled run, until it is interrupted
	drainGrace   = 60 * time.Second // of a sync: it ends at its next call
	progressPace = time.Second
)

// maxRunners is how many runners a run is offered to that turn out to have ended.
const maxRunners = 3

// Run runs a script in the slot's runner, answers its host calls by host, and returns when it has ended and no call is
// being answered any more. The cause of ctx, a *script.AbortError, says how to stop.
func (s *Slot) Run(ctx context.Context, start script.Start, program func() ([]byte, error), run *script.Run, host script.Host) script.Result {
	text, err := s.pools.identify(&start, program)
	if err != nil {
		return noProgram(s.pools.opts.Logger, run, err)
	}
	for range maxRunners {
		result, begun := s.try(ctx, start, text, run, host)
		if begun {
			return result
		}
		if !s.pools.replace(s) { //nolint:contextcheck // a new runner outlives the run // nothing of the run has happened so far
			break
		}
	}
	return script.Result{Code: causeway.CodeRunnerCrashed, Message: "the script's process could not be started", Crashed: true}
}

// try runs a script in the slot's runner, unless that has ended before the run began.
func (s *Slot) try(
	ctx context.Context, start script.Start, program func() ([]byte, error), run *script.Run, host script.Host,
) (_ script.Result, begun bool) {
	r := s.runner
	select {
	case <-r.ready:
	case <-ctx.Done():
		return abortedResult(reasonOf(ctx)), true
	}
	late, drop := context.WithCancel(context.WithoutCancel(ctx))
	calls, cancel := context.WithCancelCause(late)
	x := &execRun{
		runner: r, run: run, host: host, log: s.pools.opts.Logger, turn: turnLimit(start), program: program, hash: start.Program,
		late: late, drop: drop, calls: calls, cancel: cancel, open: map[uint32]struct{}{}, result: make(chan script.Result, 1),
	}
	defer x.handlers.Wait()
	defer drop()
	x.alive()
	err := r.begin(x, start)
	if errors.Is(err, errRunnerEnded) {
		return script.Result{}, false
	}
	if err != nil {
		s.pools.opts.Logger.Error("a run could not be started", "run", run.RunID, "error", err)
		return script.Result{Code: causeway.CodeScriptInternalError, Message: "the script could not be started"}, true
	}
	return x.await(ctx, time.Duration(start.FinishMs)*time.Millisecond), true
}

func turnLimit(s script.Start) time.Duration {
	if s.TurnLimitMs > 0 {
		return time.Duration(s.TurnLimitMs) * time.Millisecond
	}
	return defaultTurn
}

// identify puts the hash of the program's text into the start, in the place of the key under which it is stored. It returns
// how to get the text: the runner asks for it unless it has it.
func (p *Pools) identify(start *script.Start, program func() ([]byte, error)) (func() ([]byte, error), error) {
	key := start.Program
	if hash, ok := p.hashes.Get(key); ok {
		start.Program = hash
		return program, nil
	}
	text, err := program()
	if err != nil {
		return nil, err
	}
	start.Program = hashOf(text)
	p.hashes.Add(key, start.Program)
	return func() ([]byte, error) { return text, nil }, nil
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// await waits for the result, and sees to it that there is one.
func (x *execRun) await(ctx context.Context, limit time.Duration) script.Result {
	var wall <-chan time.Time
	if limit > 0 { // the runner keeps the limit itself; this is for one that can't
		t := time.NewTimer(limit + stuckAfter)
		defer t.Stop()
		wall = t.C
	}
	watch := time.NewTicker(progressPace)
	defer watch.Stop()
	done := ctx.Done()
	var grace <-chan time.Time
	for {
		select {
		case result := <-x.result:
			return result
		case <-done:
			done = nil
			reason := reasonOf(ctx)
			x.abort(reason)
			t := time.NewTimer(x.graceOf(reason))
			defer t.Stop()
			grace = t.C
		case <-grace:
			x.kill(abortedResult(reasonOf(ctx)))
		case <-wall:
			x.kill(abortedResult(script.ReasonTimeout))
		case now := <-watch.C:
			if x.silent(now) > x.turn+progressPace+stuckAfter {
				x.kill(script.Result{Code: causeway.CodeCPULimit, Message: "the script ran too long without a pause"})
			}
		}
	}
}

// kill ends the runner for this run's sake; the result comes back by its death.
func (x *execRun) kill(result script.Result) {
	x.mu.Lock()
	if x.stuck == nil {
		x.stuck = &result
	}
	x.mu.Unlock()
	x.runner.kill(x)
}

func (x *execRun) stuckResult() script.Result {
	x.mu.Lock()
	defer x.mu.Unlock()
	return *x.stuck
}

// abort passes a stop on to the runner. Calls that are under way end; if the run was lost, none is answered any more.
func (x *execRun) abort(reason script.Reason) {
	if reason == script.ReasonLost {
		x.lost.Store(true)
		x.drop()
	}
	x.stopped.Store(true)
	x.cancel(&script.AbortError{Reason: reason})
	meta, err := json.Marshal(wire.Abort{Reason: reason})
	if err != nil {
		return
	}
	_ = x.runner.proc.link.Post(frame.Message{Type: frame.Abort, Run: x.id, Meta: meta}) // fails if the run has ended
}

// graceOf is how long after an abort a run must have ended.
func (x *execRun) graceOf(reason script.Reason) time.Duration {
	switch {
	case reason == script.ReasonDrain && x.run.Kind == causeway.RunSync:
		return drainGrace
	case reason == script.ReasonDrain, reason == script.ReasonCancelled:
		return cancelGrace + stuckAfter
	default:
		return stuckAfter
	}
}

// reasonOf is why a context has ended.
func reasonOf(ctx context.Context) script.Reason {
	cause := context.Cause(ctx)
	if abort := (*script.AbortError)(nil); errors.As(cause, &abort) {
		return abort.Reason
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return script.ReasonTimeout
	}
	return script.ReasonCancelled
}

func abortedResult(reason script.Reason) script.Result {
	if reason == script.ReasonTimeout {
		return script.Result{Code: causeway.CodeExecutionTimeout, Message: "the script ran longer than it may"}
	}
	return script.Result{Code: causeway.CodeScriptAborted, Message: "the run was stopped"}
}
