package worker

import (
	"context"
	"sync"
	"time"

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
	slots   map[causeway.RunKind]*scriptSlots
	closing bool          // no new ones
	idle    chan struct{} // closed when closing and no slot is taken
}

func newRegistry(w *Worker) *registry {
	r := &registry{w: w, runs: map[int64]*execution{}, slots: map[causeway.RunKind]*scriptSlots{}, idle: make(chan struct{})}
	for kind := range scriptTypes {
		r.slots[kind] = newScriptSlots(w.Slots[string(kind)])
	}
	return r
}

// interactive says whether somebody waits for a run.
func interactive(lane causeway.Lane) bool {
	return lane == causeway.LaneAction || lane == causeway.LaneEvent
}

// WorkerID is the id under which this process holds runs.
func (r *registry) WorkerID() string { return r.w.lease.id() }

// Died says that this process was declared dead under an id.
func (r *registry) Died(workerID string) { r.w.lease.lost(workerID) }

// Reserve takes a script slot and a runner slot together, without waiting: nothing is claimed that can't run.
func (r *registry) Reserve(ref causeway.RunRef) (activities.Reservation, bool) {
	r.mu.Lock()
	if r.closing || !r.slots[ref.Kind].take(ref.EnvironmentID, time.Now()) {
		r.mu.Unlock()
		return nil, false
	}
	r.mu.Unlock()
	slot, ok := r.w.Runners.TryAcquire(ref.EnvironmentID, interactive(ref.Lane))
	if !ok {
		r.release(ref)
		return nil, false
	}
	return &reservation{r, ref, slot}, true
}

func (r *registry) release(ref causeway.RunRef) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slots[ref.Kind].free(ref.EnvironmentID)
	r.rest()
}

// rest tells whoever waits for the end of all runs. A slot that is taken counts, also while its run is being claimed.
func (r *registry) rest() {
	for _, s := range r.slots {
		if s.total > 0 {
			return
		}
	}
	if !r.closing {
		return
	}
	select {
	case <-r.idle:
	default:
		close(r.idle)
	}
}

// Find returns the script of this attempt of a run. The attempt before may still be leaving: its row is already the next one's.
func (r *registry) Find(ref causeway.RunRef) (activities.Execution, bool) {
	ex := r.execution(ref.RunID)
	if ex == nil || ex.ref.Attempt != ref.Attempt {
		return nil, false
	}
	return ex, true
}

func (r *registry) execution(runID int64) *execution {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs[runID]
}

// Draining says that this process takes no more runs.
func (r *registry) Draining() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closing
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
		if ex := r.execution(id); ex != nil {
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
	ref      causeway.RunRef
	slot     RunnerSlot
}

// Release gives the slot back unused.
func (s *reservation) Release() {
	s.slot.Release()
	s.registry.release(s.ref)
}

// Begin starts the script of a claimed run.
func (s *reservation) Begin(ref causeway.RunRef, claim storage.Claim) activities.Execution {
	r := s.registry
	// The lease ends a script, nothing else: no activity's context, no request's.
	ctx, cancel := context.WithCancelCause(r.w.base)
	ex := &execution{ref: ref, fence: claim.Fence, attempt: claim.Attempt, slot: s.slot, cancel: cancel, done: make(chan struct{})}
	r.mu.Lock()
	r.runs[ref.RunID] = ex
	closing := r.closing
	r.mu.Unlock()
	if closing && ref.Kind == causeway.RunSync { // the drain has begun while it was claimed
		ex.Abort(script.ReasonDrain, "")
	}
	if claim.Owner != r.w.lease.id() || r.w.lease.left() <= 0 { // this process was declared dead, or may be, while it was claimed
		ex.Abort(script.ReasonLost, "")
	}
	go func() { // its end is waited for by the drain, through the slot that it holds
		ex.report = r.w.execute(ctx, ex)
		cancel(nil)
		ex.slot.Release()
		r.mu.Lock()
		if r.runs[ref.RunID] == ex { // the next attempt may be here already
			delete(r.runs, ref.RunID)
		}
		r.mu.Unlock()
		r.release(ref)
		close(ex.done)
	}()
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
	journal recording

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
