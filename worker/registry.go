package worker

import (
	"context"
	"sync"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

// registry knows the runs that this process executes. It is what activities look at: they attend what is here.
type registry struct {
	w *Worker

	mu      sync.Mutex
	runs    map[int64]*execution
	used    map[string]int // script slots by kind
	closing bool           // no new ones
	idle    chan struct{}  // closed when closing and empty
}

func newRegistry(w *Worker) *registry {
	return &registry{w: w, runs: map[int64]*execution{}, used: map[string]int{}, idle: make(chan struct{})}
}

// slotOf is the kind of script slot that a run takes.
func slotOf(kind causeway.RunKind) string { return string(kind) }

// interactive says whether somebody waits for a run.
func interactive(lane causeway.Lane) bool {
	return lane == causeway.LaneAction || lane == causeway.LaneEvent
}

// WorkerID is the id under which this process holds runs.
func (r *registry) WorkerID() string { return r.w.lease.id() }

// Died says that this process was declared dead.
func (r *registry) Died() { r.w.lease.lost() }

// Reserve takes a script slot and a runner slot together, without waiting: nothing is claimed that can't run.
func (r *registry) Reserve(ref causeway.RunRef) (activities.Reservation, bool) {
	kind := slotOf(ref.Kind)
	r.mu.Lock()
	if r.closing || r.used[kind] >= r.w.Slots[kind] {
		r.mu.Unlock()
		return nil, false
	}
	r.used[kind]++
	r.mu.Unlock()
	slot, ok := r.w.Runners.TryAcquire(ref.EnvironmentID, interactive(ref.Lane))
	if !ok {
		r.release(kind)
		return nil, false
	}
	return &reservation{r, kind, slot}, true
}

func (r *registry) release(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used[kind]--
	r.rest()
}

// rest tells whoever waits for the end of all runs.
func (r *registry) rest() {
	if r.closing && len(r.runs) == 0 {
		select {
		case <-r.idle:
		default:
			close(r.idle)
		}
	}
}

// Find returns the execution of a run in this process.
func (r *registry) Find(runID int64) (activities.Execution, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ex, ok := r.runs[runID]
	return ex, ok
}

// abortAll stops every script.
func (r *registry) abortAll(reason script.Reason, code string) {
	for _, ex := range r.all() {
		ex.Abort(reason, code)
	}
}

func (r *registry) all() []*execution {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*execution, 0, len(r.runs))
	for _, ex := range r.runs {
		out = append(out, ex)
	}
	return out
}

// cancelled stops the runs that somebody wants stopped.
func (r *registry) cancelled(runIDs []int64) {
	for _, id := range runIDs {
		if ex, ok := r.Find(id); ok {
			ex.Abort(script.ReasonCancelled, causeway.CodeScriptAborted)
		}
	}
}

// close refuses new runs from here on.
func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
	r.rest()
}

// reservation is a slot that a run may take.
type reservation struct {
	registry *registry
	kind     string
	slot     RunnerSlot
}

// Release gives the slot back unused.
func (s *reservation) Release() {
	s.slot.Release()
	s.registry.release(s.kind)
}

// Begin starts the script of a claimed run.
func (s *reservation) Begin(ref causeway.RunRef, claim storage.Claim) activities.Execution {
	r := s.registry
	// The lease ends a script, nothing else: no activity's context, no request's.
	ctx, cancel := context.WithCancelCause(r.w.base)
	ex := &execution{ref: ref, fence: claim.Fence, attempt: claim.Attempt, slot: s.slot, cancel: cancel, done: make(chan struct{})}
	r.mu.Lock()
	r.runs[ref.RunID] = ex
	r.mu.Unlock()
	r.w.scripts.Go(func() {
		ex.report = r.w.execute(ctx, ex)
		cancel(nil)
		ex.slot.Release()
		r.mu.Lock()
		delete(r.runs, ref.RunID)
		r.used[s.kind]--
		r.rest()
		r.mu.Unlock()
		close(ex.done)
	})
	return ex
}

// execution is one script that runs in this process.
type execution struct {
	ref     causeway.RunRef
	fence   int64
	attempt int
	slot    RunnerSlot
	cancel  context.CancelCauseFunc
	done    chan struct{}
	report  activities.Report

	mu     sync.Mutex
	reason script.Reason // why it was aborted; empty: it wasn't
	code   string
}

// Done is closed when the run's row is closed.
func (ex *execution) Done() <-chan struct{} { return ex.done }

// Report is how the run ended.
func (ex *execution) Report() activities.Report { return ex.report }

// Abort stops the script. The first reason counts, but losing the run beats all: from then on nothing of it may be written.
func (ex *execution) Abort(reason script.Reason, code string) {
	ex.mu.Lock()
	if ex.reason == "" || reason == script.ReasonLost {
		ex.reason, ex.code = reason, code
	}
	ex.mu.Unlock()
	ex.cancel(&script.AbortError{Reason: reason})
}

func (ex *execution) aborted() (script.Reason, string) {
	ex.mu.Lock()
	defer ex.mu.Unlock()
	return ex.reason, ex.code
}
