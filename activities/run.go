package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

// Names of the activities of a run.
const (
	Perform   = "Perform"   // local: take a slot, claim, start the script, wait for two seconds
	Attend    = "Attend"    // on the queue of the process that runs the script: wait for its end
	RunScript = "RunScript" // on the pool's queue: claim again, run, wait
	Settle    = "Settle"    // local: what has become of a run whose process is not heard
)

// Status is where a run stands after an activity.
type Status string

// The statuses.
const (
	Closed      Status = "closed"       // it has ended; State and Code say how
	HandedOver  Status = "handed_over"  // its script goes on in the process that serves Queue
	Busy        Status = "busy"         // this process has no slot
	ToResume    Status = "to_resume"    // a sync that another process shall go on with
	NotAdmitted Status = "not_admitted" // it isn't this execution's to run
)

// Report is the result of an activity of a run. It holds codes only.
type Report struct {
	Status Status            `json:"status"`
	State  causeway.RunState `json:"state,omitempty"`
	Code   string            `json:"code,omitempty"`
	Queue  string            `json:"queue,omitempty"`
}

// Timing of the activities.
const (
	handOverAfter  = 2 * time.Second
	heartbeatEvery = 5 * time.Second
	slotEvery      = 250 * time.Millisecond
	drainingWait   = 2 * time.Second  // a process that stops sends who waits for a slot to another one after this
	stopWithin     = 15 * time.Second // how long a script that was told to stop is waited for
)

// Attending names a run that somebody waits for.
type Attending struct {
	causeway.RunRef
	// Cancelled: the execution was asked to end when no activity of it could hear of that.
	Cancelled bool `json:"cancelled,omitempty"`
}

// Registry is the worker's: it runs scripts, each in a slot, and knows those that run in this process.
type Registry interface {
	WorkerID() string
	// Reserve takes a script slot and a runner slot together, without waiting.
	Reserve(ref causeway.RunRef) (Reservation, bool)
	// Find returns the script of this attempt of a run, if it runs here.
	Find(ref causeway.RunRef) (Execution, bool)
	// Draining says that this process takes no more runs.
	Draining() bool
	// Died says that this process was declared dead under an id: it aborts everything and registers anew.
	Died(workerID string)
}

// Reservation is a slot that a run may take.
type Reservation interface {
	// Begin starts the script of a run that was claimed with this fence.
	Begin(ref causeway.RunRef, claim storage.Claim) Execution
	Release()
}

// Execution is a script that runs in this process. Its end closes the run's row.
type Execution interface {
	Done() <-chan struct{}
	Report() Report // after Done
	Abort(reason script.Reason, code string)
}

// RunStore is what the activities of runs need of the control plane.
type RunStore interface {
	ClaimRun(ctx context.Context, environmentID, runID int64, workerID string, attempt int) (storage.Claim, error)
	Run(ctx context.Context, environmentID, runID int64) (*causeway.Run, error)
	HandBackRun(ctx context.Context, environmentID, runID, fence int64) (bool, error)
	CloseRun(ctx context.Context, ref causeway.RunRef, fence int64, out causeway.Outcome, openedAt *time.Time) (storage.Closed, error)
	CloseWaitingRun(ctx context.Context, ref causeway.RunRef, fence int64, out causeway.Outcome) (storage.Closed, error)
	EndedState(ctx context.Context, ref causeway.RunRef) (causeway.RunState, string, error)
	Owner(ctx context.Context, environmentID, runID int64) (storage.Ownership, error)
}

// Follower does what follows a close (package dispatch).
type Follower interface {
	Closed(ctx context.Context, ref causeway.RunRef, c storage.Closed)
}

// Runs are the activities of runs.
type Runs struct {
	Store    RunStore
	Registry Registry
	Dispatch Follower
	// Shut lets the owner of a run that is about to be closed write no more records.
	Shut   func(ctx context.Context, ref causeway.RunRef, fence int64) error
	Ended  func(ctx context.Context, ref causeway.RunRef, out causeway.Outcome) // clears up after a run that was closed
	Logger *slog.Logger

	claims claims
}

// Perform takes a slot, claims the run, starts its script and waits for two seconds. A script that goes on is handed over.
func (r *Runs) Perform(ctx context.Context, ref causeway.RunRef) (Report, error) {
	ex, report, err := r.begin(ctx, ref)
	if err != nil || ex == nil {
		return report, err
	}
	t := time.NewTimer(handOverAfter)
	defer t.Stop()
	select {
	case <-ex.Done():
		return ex.Report(), nil
	case <-ctx.Done():
		return r.interrupted(ctx, ref, ex)
	case <-t.C:
		return Report{Status: HandedOver, Queue: causeway.QueueSelf(r.Registry.WorkerID())}, nil
	}
}

// Attend waits for a script that runs in this process.
func (r *Runs) Attend(ctx context.Context, in Attending) (Report, error) {
	ex, here := r.Registry.Find(in.RunRef)
	if !here {
		return r.Settle(ctx, in)
	}
	if in.Cancelled {
		ex.Abort(script.ReasonCancelled, causeway.CodeScriptAborted)
	}
	return r.attend(ctx, in.RunRef, ex)
}

// RunScript claims a run, perhaps again, and waits for its end. Without a free slot it waits for one.
func (r *Runs) RunScript(ctx context.Context, ref causeway.RunRef) (Report, error) {
	t := time.NewTicker(slotEvery)
	defer t.Stop()
	for began := time.Now(); ; {
		ex, report, err := r.begin(ctx, ref)
		if err != nil {
			return report, err
		}
		if ex != nil {
			return r.attend(ctx, ref, ex)
		}
		if report.Status != Busy || r.Registry.Draining() && time.Since(began) > drainingWait {
			return report, nil
		}
		activity.RecordHeartbeat(ctx)
		select {
		case <-ctx.Done():
			return report, nil // nothing has begun here
		case <-activity.GetWorkerStopChannel(ctx):
			return report, nil
		case <-t.C:
		}
	}
}

func (r *Runs) attend(ctx context.Context, ref causeway.RunRef, ex Execution) (Report, error) {
	t := time.NewTicker(heartbeatEvery)
	defer t.Stop()
	for {
		activity.RecordHeartbeat(ctx)
		select {
		case <-ex.Done():
			return ex.Report(), nil
		case <-ctx.Done():
			return r.interrupted(ctx, ref, ex)
		case <-t.C:
		}
	}
}

// interrupted tells why Temporal ended an activity's context. A cancel, or an execution that was terminated, stops the script; a server
// that is away or slow does not: the script goes on, and the next attempt finds it.
func (r *Runs) interrupted(ctx context.Context, ref causeway.RunRef, ex Execution) (Report, error) {
	cause := context.Cause(ctx)
	switch {
	case terminated(cause):
		ex.Abort(script.ReasonCancelled, causeway.CodeTerminated)
	case cancelRequested(cause):
		ex.Abort(script.ReasonCancelled, causeway.CodeScriptAborted)
	default:
		return Report{Status: HandedOver, Queue: causeway.QueueSelf(r.Registry.WorkerID())}, nil
	}
	t := time.NewTimer(stopWithin)
	defer t.Stop()
	select {
	case <-ex.Done():
		return ex.Report(), nil
	case <-t.C:
		return Report{}, fmt.Errorf("run %d does not stop", ref.RunID)
	}
}

// begin claims a run and starts its script, or finds it running here. Without an execution the report says why there is none.
func (r *Runs) begin(ctx context.Context, ref causeway.RunRef) (Execution, Report, error) {
	leave, err := r.claims.enter(ctx, ref.RunID)
	if err != nil {
		return nil, Report{}, err
	}
	defer leave()
	if ex, here := r.Registry.Find(ref); here {
		return ex, Report{}, nil
	}
	slot, free := r.Registry.Reserve(ref)
	if !free {
		return nil, Report{Status: Busy}, nil
	}
	worker := r.Registry.WorkerID()
	claim, err := r.Store.ClaimRun(ctx, ref.EnvironmentID, ref.RunID, worker, ref.Attempt)
	if err == nil && (claim.Verdict == storage.Claimed || claim.Verdict == storage.Resume) {
		claim.Owner = worker
		return slot.Begin(ref, claim), Report{}, nil
	}
	slot.Release()
	if err != nil {
		return nil, Report{}, err
	}
	if claim.Verdict == storage.Dead {
		r.Registry.Died(worker)
		return nil, Report{Status: Busy}, nil
	}
	report, err := r.refused(ctx, ref, claim)
	return nil, report, err
}

// refused acts on a verdict that lets nobody run the script.
func (r *Runs) refused(ctx context.Context, ref causeway.RunRef, claim storage.Claim) (Report, error) {
	switch claim.Verdict {
	case storage.Ended:
		return r.ended(ctx, ref)
	case storage.NotAdmitted:
		r.Logger.Warn("a run was started before it was admitted, or for an attempt that is past", "run", ref.RunID, "attempt", ref.Attempt)
		return Report{Status: NotAdmitted}, nil
	case storage.Late:
		return r.close(ctx, ref, claim.Fence, true, causeway.Outcome{State: causeway.RunExpired, Code: causeway.CodeStartTimeout, Message: "it was not started in time"})
	case storage.Cancelled:
		return r.close(ctx, ref, claim.Fence, true, causeway.Outcome{State: causeway.RunCancelled, Code: causeway.CodeScriptAborted, Message: "cancelled before it started"})
	case storage.Blocked:
		return r.close(ctx, ref, claim.Fence, true, causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeDisabledResource, Message: "what it belongs to is disabled, paused or gone"})
	case storage.Lost:
		return r.lost(ctx, ref, claim.Fence)
	case storage.Held:
		return r.held(ctx, ref, claim)
	case storage.Claimed, storage.Resume, storage.Dead:
	}
	return Report{}, fmt.Errorf("run %d: unexpected verdict %s", ref.RunID, claim.Verdict)
}

// held is the answer while a worker that lives runs the script. If that is this one and the script isn't here, the answer to its claim
// was lost: it never began.
func (r *Runs) held(ctx context.Context, ref causeway.RunRef, claim storage.Claim) (Report, error) {
	if claim.Owner != r.Registry.WorkerID() {
		return Report{Status: HandedOver, Queue: causeway.QueueSelf(claim.Owner)}, nil
	}
	if _, here := r.Registry.Find(ref); here {
		return Report{Status: HandedOver, Queue: causeway.QueueSelf(claim.Owner)}, nil
	}
	if ref.Kind == causeway.RunSync {
		_, err := r.Store.HandBackRun(ctx, ref.EnvironmentID, ref.RunID, claim.Fence)
		return Report{Status: ToResume}, err
	}
	return r.lost(ctx, ref, claim.Fence)
}

func (r *Runs) lost(ctx context.Context, ref causeway.RunRef, fence int64) (Report, error) {
	return r.close(ctx, ref, fence, false, causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeOutcomeUnknown, Message: "the worker that ran it died"})
}

// close ends a run that nobody runs.
func (r *Runs) close(ctx context.Context, ref causeway.RunRef, fence int64, waiting bool, out causeway.Outcome) (Report, error) {
	if err := r.Shut(ctx, ref, fence); err != nil {
		return Report{}, err
	}
	var (
		closed storage.Closed
		err    error
	)
	if waiting {
		closed, err = r.Store.CloseWaitingRun(ctx, ref, fence, out)
	} else {
		closed, err = r.Store.CloseRun(ctx, ref, fence, out, nil)
	}
	if errors.Is(err, storage.ErrStale) { // somebody was faster
		return r.ended(ctx, ref)
	}
	if err != nil {
		return Report{}, err
	}
	r.Ended(ctx, ref, out)
	r.Dispatch.Closed(ctx, ref, closed)
	return Report{Status: Closed, State: out.State, Code: out.Code}, nil
}

// ended reports a run that has ended before. Its closer may have died before it did what follows a close, so that is done again.
func (r *Runs) ended(ctx context.Context, ref causeway.RunRef) (Report, error) {
	state, code, err := r.Store.EndedState(ctx, ref)
	if errors.Is(err, causeway.ErrNotFound) {
		return Report{Status: NotAdmitted}, nil
	}
	if err != nil {
		return Report{}, err
	}
	r.Dispatch.Closed(ctx, ref, storage.Closed{Lane: ref.Lane, Next: true, Repeated: true})
	return Report{Status: Closed, State: state, Code: code}, nil
}

// Settle says what has become of a run whose process isn't heard: it has ended, it is lost, another process shall go on with it, or it
// still runs there. A cancelled one that nobody runs is ended.
func (r *Runs) Settle(ctx context.Context, in Attending) (Report, error) {
	ref := in.RunRef
	leave, err := r.claims.enter(ctx, ref.RunID)
	if err != nil {
		return Report{}, err
	}
	defer leave()
	owner, err := r.Store.Owner(ctx, ref.EnvironmentID, ref.RunID)
	if errors.Is(err, causeway.ErrNotFound) {
		return r.ended(ctx, ref)
	}
	if err != nil {
		return Report{}, err
	}
	cancelled := causeway.Outcome{State: causeway.RunCancelled, Code: causeway.CodeScriptAborted, Message: "cancelled"}
	waiting := owner.State == causeway.RunWaiting
	switch {
	case ref.Attempt > 0 && (owner.Attempt > ref.Attempt || waiting && owner.Attempt == ref.Attempt): // a later attempt has its own execution
		return Report{Status: NotAdmitted}, nil
	case waiting && in.Cancelled:
		return r.close(ctx, ref, owner.Fence, true, cancelled)
	case waiting:
		return Report{Status: Busy}, nil
	case owner.Alive && owner.WorkerID != r.Registry.WorkerID():
		return Report{Status: HandedOver, Queue: causeway.QueueSelf(owner.WorkerID)}, nil
	case owner.Alive:
		return r.held(ctx, ref, storage.Claim{Verdict: storage.Held, Fence: owner.Fence, Owner: owner.WorkerID})
	case ref.Kind == causeway.RunSync && (owner.Cancelled || in.Cancelled):
		return r.close(ctx, ref, owner.Fence, false, cancelled)
	case ref.Kind == causeway.RunSync:
		return Report{Status: ToResume}, nil
	default:
		return r.lost(ctx, ref, owner.Fence)
	}
}
