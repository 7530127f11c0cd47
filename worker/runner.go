package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/frame"
	"github.com/causeway-dev/causeway/script/wire"
)

const (
	helloWithin = 10 * time.Second
	endWithin   = 2 * time.Second // from the request to end
	// buffered bounds the bodies of calls that wait in the worker, per runner, in bytes.
	buffered = 128 << 20
)

// runner is one runner process from its start to its end.
type runner struct {
	pools *Pools
	ready chan struct{} // closed when it has said hello, or never will
	gone  chan struct{} // closed when it has ended and its runs were told

	// Of Pools.mu.
	environment int64
	used, total int
	born        time.Time
	idleSince   time.Time
	draining    bool

	resident atomic.Int64 // bytes, when last looked at
	heap     atomic.Int64 // bytes, as it says itself

	mu       sync.Mutex
	proc     *process // nil before it has started
	err      error    // why it is not to be used; set when ready is closed, or later
	assigned bool
	ending   bool
	stuck    *execRun // the run because of which it was killed
	overfull bool     // it was killed for its memory
	runs     map[uint32]*execRun
	lastRun  uint32
}

func newRunner(p *Pools) *runner {
	now := time.Now()
	return &runner{pools: p, ready: make(chan struct{}), gone: make(chan struct{}), born: now, idleSince: now, runs: map[uint32]*execRun{}}
}

var errRunnerEnded = errors.New("the runner has ended")

// live is the runner's goroutine: it starts the process, takes what it says, and sorts out its death.
func (r *runner) live() {
	defer close(r.gone)
	defer r.pools.remove(r)
	proc, hello, err := r.pools.spawn(r.pools.command, r.pools.runnerOptions())
	if err == nil {
		err = r.pools.acceptable(hello)
	}
	r.mu.Lock()
	r.proc, r.err = proc, err
	ending := r.ending
	r.mu.Unlock()
	close(r.ready)
	if err != nil {
		r.pools.opts.Logger.Error("a runner could not be started", "error", err)
		if proc != nil {
			proc.discard()
		}
		return
	}
	if ending {
		proc.discard()
		return
	}
	r.buried(r.listen())
}

// spawn starts a process and waits for its hello.
func (p *Pools) spawn(c command, o processOptions) (*process, wire.Hello, error) {
	var hello wire.Hello
	proc, err := p.spawner.start(c, o)
	if err != nil {
		return nil, hello, err
	}
	late := time.AfterFunc(helloWithin, proc.kill)
	defer late.Stop()
	m, err := proc.link.Receive()
	if err == nil {
		hello, err = decodeHello(m)
	}
	if err != nil {
		proc.discard()
		return nil, hello, fmt.Errorf("a runner did not say hello: %w (%s: %s)", err, proc.cmd.ProcessState, strings.TrimSpace(proc.stderr.String()))
	}
	return proc, hello, nil
}

func decodeHello(m frame.Message) (wire.Hello, error) {
	var hello wire.Hello
	if m.Type != frame.Hello || json.Unmarshal(m.Meta, &hello) != nil {
		return hello, m.Violation("no hello")
	}
	return hello, nil
}

// discard ends a process and waits for that.
func (p *process) discard() {
	p.kill()
	<-p.exited
	_ = p.link.Close()
}

// listen takes messages until the connection ends. It never waits for a run.
func (r *runner) listen() error {
	for {
		m, err := r.proc.link.Receive()
		if err == nil {
			err = r.take(m)
		}
		if err != nil {
			return err
		}
	}
}

func (r *runner) take(m frame.Message) error {
	if m.Type == frame.Bye {
		r.pools.retire(r)
		return nil
	}
	r.mu.Lock()
	x := r.runs[m.Run]
	if m.Type == frame.Result {
		delete(r.runs, m.Run)
	}
	r.mu.Unlock()
	if x == nil {
		return m.Violation("unexpected message")
	}
	switch m.Type {
	case frame.Result:
		result, err := wire.DecodeResult(m)
		if err != nil {
			r.mu.Lock()
			r.runs[m.Run] = x // it is told with the others
			r.mu.Unlock()
			return err
		}
		x.ended(result)
		return nil
	case frame.Call:
		return x.call(m)
	case frame.Note:
		return x.note(m)
	case frame.Need:
		return x.need(m)
	default:
		return m.Violation("unexpected message")
	}
}

// begin hands a run to the process. Starts leave in the order of their numbers.
func (r *runner) begin(x *execRun, start script.Start) error {
	sent, err := r.queue(x, start)
	if err == nil {
		err = <-sent
	}
	if errors.Is(err, frame.ErrClosed) || errors.Is(err, frame.ErrRunEnded) {
		return nil // whoever ended the connection or the run tells how
	}
	return err
}

func (r *runner) queue(x *execRun, start script.Start) (<-chan error, error) {
	m, err := wire.EncodeStart(0, start)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || r.ending {
		return nil, errors.Join(errRunnerEnded, r.err)
	}
	if !r.assigned {
		if err := r.assign(); err != nil { // its connection has just ended
			return nil, errors.Join(errRunnerEnded, err)
		}
		r.assigned = true
	}
	r.lastRun++
	x.id, m.Run = r.lastRun, r.lastRun
	r.runs[x.id] = x
	r.proc.link.Open(x.id)
	return r.proc.link.Queue(m)
}

// assign is sent before the first start, so that no start comes before it.
func (r *runner) assign() error {
	meta, err := json.Marshal(wire.Assign{Runs: r.pools.opts.Runs})
	if err != nil {
		return err
	}
	return r.proc.link.Post(frame.Message{Type: frame.Assign, Meta: meta})
}

// end asks the process to end, and ends it if it doesn't. Nothing runs in it.
func (r *runner) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ending {
		return
	}
	r.ending = true
	if r.proc != nil {
		_ = r.proc.link.Post(frame.Message{Type: frame.Drain}) // fails if it has ended
	}
	late := time.AfterFunc(endWithin, func() { r.kill(nil) })
	go func() { <-r.gone; late.Stop() }()
}

// kill ends the process at once, because of a run that doesn't end, or for no run's sake.
func (r *runner) kill(because *execRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stuck == nil {
		r.stuck = because
	}
	if r.proc != nil {
		r.proc.kill()
	}
}

// watchMemory is the outermost line: beyond a fifth over its limit a runner is killed.
func (r *runner) watchMemory() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proc == nil {
		return
	}
	n := residentBytes(r.proc.cmd.Process.Pid)
	r.resident.Store(n)
	if n > r.pools.opts.Memory/5*6 {
		r.overfull = true
		r.proc.kill()
	}
}

// buried says to the runs that were inside how their runner died.
func (r *runner) buried(cause error) {
	var violation *frame.ViolationError
	forged := errors.As(cause, &violation)
	if forged {
		r.proc.kill()
	}
	late := time.AfterFunc(time.Second, r.proc.kill) // it has closed its socket
	<-r.proc.exited
	late.Stop()
	_ = r.proc.link.Close()
	r.mu.Lock()
	r.err = errRunnerEnded
	runs, stuck := r.runs, r.stuck
	r.runs = map[uint32]*execRun{}
	full := r.overfull || r.diedFull()
	r.mu.Unlock()
	for _, x := range runs {
		x.ended(epitaph(x, forged, full && len(runs) == 1, x == stuck))
	}
	r.report(cause, forged, full, len(runs))
}

// epitaph is the result of a run whose runner died.
func epitaph(x *execRun, forged, full, stuck bool) script.Result {
	switch {
	case forged:
		return script.Result{Code: causeway.CodeProtocolViolation, Message: "the script's process was ended because it broke the protocol"}
	case stuck:
		return x.stuckResult()
	case full:
		return script.Result{Code: causeway.CodeOutOfMemory, Message: "the script needed more memory than it may have"}
	default:
		return script.Result{Code: causeway.CodeRunnerCrashed, Message: "the process that ran the script died", Crashed: true}
	}
}

// diedFull tells a death for want of memory by state first: the runtime's last words differ from case to case.
func (r *runner) diedFull() bool {
	memory := r.pools.opts.Memory
	if r.proc.cmd.ProcessState.Success() {
		return false
	}
	if r.stuck == nil && (r.heap.Load() > softLine(memory) || r.resident.Load() > memory/10*9) {
		return true
	}
	first, _, _ := strings.Cut(r.proc.stderr.String(), "\n")
	return strings.Contains(first, "out of memory") || strings.Contains(first, "cannot allocate memory")
}

func (r *runner) report(cause error, forged, full bool, runs int) {
	r.pools.mu.Lock()
	environment := r.environment
	r.pools.mu.Unlock()
	log := r.pools.opts.Logger.With("runner", r.proc.id, "environment", environment, "runs", runs)
	switch {
	case forged:
		log.Error("a runner broke the protocol and was ended", "error", cause)
	case runs > 0 || !r.proc.cmd.ProcessState.Success():
		r.mu.Lock()
		ending := r.ending
		r.mu.Unlock()
		if ending && runs == 0 {
			return
		}
		// A trace of the engine may hold parts of a script's data.
		log.Warn("a runner died", "status", r.proc.cmd.ProcessState.String(), "memory", full, "sensitive_stderr", r.proc.stderr.String())
	}
}
