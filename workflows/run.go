package workflows

import (
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
)

// Run executes one run of a script, of any kind. Its status in Temporal is the run's: Completed, Failed with the wire code as type, or
// Canceled.
//
// A short script begins and ends within a local activity, which costs nothing more. A longer one is handed over, after two seconds, to a
// regular activity on a queue that only the process of the script polls.
func Run(ctx workflow.Context, ref causeway.RunRef) error {
	r := &run{ref: ref}
	report, err := r.perform(ctx)
	for err == nil && !final(report) {
		report, err = r.next(ctx, report)
	}
	if err != nil {
		return err
	}
	return r.end(ctx, report)
}

// run is the state of one execution.
type run struct {
	ref    causeway.RunRef
	rounds int // of going on elsewhere
}

func final(r activities.Report) bool {
	return r.Status == activities.Closed || r.Status == activities.NotAdmitted
}

// Options of the activities. No retry policy of Temporal's runs a script again: what the row says does.
const (
	performWithin = 20 * time.Second
	settleWithin  = 10 * time.Second
	heartbeat     = 15 * time.Second
	startWithin   = 30 * time.Second
	longest       = 25 * time.Hour // a net only: limits are the row's
	firstPause    = time.Second
	longestPause  = 30 * time.Second
)

func (r *run) perform(ctx workflow.Context) (activities.Report, error) {
	pctx := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: performWithin, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	var report activities.Report
	if err := workflow.ExecuteLocalActivity(pctx, activities.Perform, r.ref).Get(ctx, &report); err != nil {
		return r.settle(ctx) // the claim may have been made, or not: the row knows
	}
	return report, nil
}

// next takes the step that follows a report that isn't final.
func (r *run) next(ctx workflow.Context, last activities.Report) (activities.Report, error) {
	pool := workflow.GetInfo(ctx).TaskQueueName
	if ctx.Err() != nil && last.Status != activities.HandedOver {
		return r.settle(ctx) // nobody runs it, and nobody shall
	}
	switch last.Status {
	case activities.HandedOver:
		return r.attend(ctx, activities.Attend, last.Queue, activities.Attending{RunRef: r.ref, Cancelled: ctx.Err() != nil})
	case activities.ToResume:
		if err := r.pause(ctx); err != nil {
			return r.settle(ctx)
		}
		return r.attend(ctx, activities.RunScript, pool, r.ref)
	case activities.Busy:
		return r.attend(ctx, activities.RunScript, pool, r.ref)
	case activities.Closed, activities.NotAdmitted:
	}
	return last, temporal.NewNonRetryableApplicationError("unexpected report", "unexpected_report", nil)
}

// attend waits for a script by a regular activity, which carries cancels by its heartbeats. When that isn't heard any more, the row says
// what has become of the run. In an execution that was cancelled before, it is not cancelled again, or it would never begin: its input says
// so.
func (r *run) attend(ctx workflow.Context, name, queue string, in any) (activities.Report, error) {
	actx := ctx
	if ctx.Err() != nil {
		var cancel workflow.CancelFunc
		actx, cancel = workflow.NewDisconnectedContext(ctx)
		defer cancel()
	}
	actx = workflow.WithActivityOptions(actx, workflow.ActivityOptions{
		TaskQueue: queue, HeartbeatTimeout: heartbeat, ScheduleToStartTimeout: startWithin, StartToCloseTimeout: longest,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}, WaitForCancellation: true,
	})
	var report activities.Report
	err := workflow.ExecuteActivity(actx, name, in).Get(actx, &report)
	if err == nil {
		return report, nil
	}
	if timeout, ok := errors.AsType[*temporal.TimeoutError](err); ok && timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START && name == activities.RunScript && ctx.Err() == nil {
		return activities.Report{Status: activities.Busy}, nil // every process is full: go on waiting
	}
	return r.settle(ctx)
}

// settle asks the row. It works also in an execution that was cancelled, and then ends a run that nobody runs.
func (r *run) settle(ctx workflow.Context) (activities.Report, error) {
	in := activities.Attending{RunRef: r.ref, Cancelled: ctx.Err() != nil}
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: settleWithin})
	var report activities.Report
	err := workflow.ExecuteLocalActivity(ctx, activities.Settle, in).Get(ctx, &report)
	return report, err
}

// pause waits before a run is gone on with elsewhere, longer each time: a script that kills its runner must not do so all the time.
func (r *run) pause(ctx workflow.Context) error {
	d := min(firstPause<<min(r.rounds, 10), longestPause)
	r.rounds++
	return workflow.Sleep(ctx, d)
}

// end shows the outcome and ends as what the run was.
func (r *run) end(ctx workflow.Context, report activities.Report) error {
	dctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	outcome := outcomeOf(report)
	if err := workflow.UpsertTypedSearchAttributes(dctx, temporal.NewSearchAttributeKeyKeyword(causeway.AttributeOutcome).ValueSet(outcome)); err != nil {
		return err
	}
	switch {
	case report.Status == activities.NotAdmitted:
		return temporal.NewNonRetryableApplicationError("the run was not admitted", string(activities.NotAdmitted), nil)
	case report.State == causeway.RunSucceeded:
		return nil
	case report.State == causeway.RunCancelled:
		return temporal.NewCanceledError() // Go's own error would show as Failed
	default:
		return temporal.NewNonRetryableApplicationError("the run failed", outcome, nil)
	}
}

// outcomeOf is what the search attribute shows: succeeded, or the code.
func outcomeOf(report activities.Report) string {
	switch {
	case report.Status == activities.NotAdmitted:
		return string(activities.NotAdmitted)
	case report.State != causeway.RunSucceeded && report.Code != "":
		return report.Code
	default:
		return string(report.State)
	}
}
