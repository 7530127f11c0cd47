package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
)

// ScheduleInput names the group of environments of a scheduler.
type ScheduleInput struct {
	Group int `json:"group"`
}

const (
	// defaultTick is the shortest distance of two turns if the setting isn't told. Timers below a second may fire a second late.
	defaultTick  = time.Second
	longestTimer = 12 * time.Hour
	silence      = time.Minute // a scheduler that has nothing ahead ends after this; the next bell starts it again
	maxTurns     = 500
	maxAge       = 24 * time.Hour
)

// Schedule is the scheduler of a group of environments. The due times are rows; it holds a durable timer on the earliest, and takes a turn
// when that fires or when a bell rings.
func Schedule(ctx workflow.Context, in ScheduleInput) error {
	s := &scheduler{in: in, bell: workflow.GetSignalChannel(ctx, causeway.SignalBell), began: workflow.Now(ctx)}
	for {
		s.hushed() // before the look, never between look and wait: a bell that rings now is meant for the next look
		report, err := s.turn(ctx)
		if err != nil {
			return err
		}
		s.show(ctx, report)
		switch {
		case report.Gone:
			return nil
		case s.turns >= maxTurns, workflow.GetInfo(ctx).GetContinueAsNewSuggested(), workflow.Now(ctx).Sub(s.began) > maxAge:
			return workflow.NewContinueAsNewError(ctx, causeway.WorkflowSchedule, in)
		case report.More:
			continue
		}
		if goOn, err := s.wait(ctx, report.In, max(report.Tick, defaultTick)); err != nil || !goOn {
			return err
		}
	}
}

type scheduler struct {
	in    ScheduleInput
	bell  workflow.ReceiveChannel
	began time.Time
	last  time.Time // when the last turn began
	turns int
}

// hushed forgets bells that have rung.
func (s *scheduler) hushed() {
	for s.bell.ReceiveAsync(nil) {
		continue
	}
}

func (s *scheduler) turn(ctx workflow.Context) (activities.TurnReport, error) {
	s.turns++
	s.last = workflow.Now(ctx)
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 30 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, MaximumInterval: 10 * time.Second},
	})
	var report activities.TurnReport
	name := fmt.Sprintf("%s:%d", workflow.GetInfo(ctx).WorkflowExecution.RunID, s.turns)
	err := workflow.ExecuteLocalActivity(ctx, activities.DispatchDue, activities.TurnInput{Group: s.in.Group, Turn: name}).Get(ctx, &report)
	return report, err
}

// show says in Temporal's UI where the scheduler stands. It costs nothing while nobody looks.
func (s *scheduler) show(ctx workflow.Context, report activities.TurnReport) {
	next := "nothing is due"
	if report.In >= 0 {
		next = "next look " + s.last.Add(report.In).UTC().Format(time.TimeOnly) + " UTC"
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("%s · started %d · held back %d · turn %d", next, report.Started, report.Held, s.turns))
}

// wait sleeps until the next look is due or a bell rings, and keeps the distance of two turns. false: nothing is ahead and nobody rang.
func (s *scheduler) wait(ctx workflow.Context, in, tick time.Duration) (bool, error) {
	rest := tick - workflow.Now(ctx).Sub(s.last)
	sleep, idle := min(max(in, rest), longestTimer), in < 0
	if idle {
		sleep = silence
	}
	tctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	rung := false
	var failure error
	workflow.NewSelector(ctx).
		AddReceive(s.bell, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil); rung = true }).
		AddFuture(workflow.NewTimer(tctx, sleep), func(f workflow.Future) { failure = f.Get(tctx, nil) }).
		Select(ctx)
	if failure != nil {
		return false, failure
	}
	if !rung {
		return !idle, nil
	}
	if rest = tick - workflow.Now(ctx).Sub(s.last); rest > 0 {
		return true, workflow.Sleep(ctx, rest)
	}
	return true, nil
}
