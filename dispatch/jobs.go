package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	causeway "github.com/causeway-dev/causeway"
)

// job is something periodic. It is a native Temporal Schedule, never a ticker in a process: it goes on whichever process dies.
type job struct {
	id, workflow string
	every        time.Duration
	within       time.Duration
}

var jobs = []job{
	{"reconcile", causeway.WorkflowReconcile, 10 * time.Second, time.Minute},
	{"cleanup", causeway.WorkflowCleanup, time.Hour, 30 * time.Minute},
}

// EnsureJobs makes the schedules of the periodic jobs that are missing and brings the others up to date. One that a person has paused
// stays paused.
func (d *Dispatcher) EnsureJobs(ctx context.Context) error {
	for _, j := range jobs {
		if err := d.ensureJob(ctx, j); err != nil {
			return fmt.Errorf("schedule of job %s: %w", j.id, err)
		}
	}
	return nil
}

func (d *Dispatcher) ensureJob(ctx context.Context, j job) error {
	action := &client.ScheduleWorkflowAction{
		ID: j.id, Workflow: j.workflow, TaskQueue: causeway.QueueControl, WorkflowRunTimeout: j.within,
		TypedSearchAttributes: temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(causeway.AttributeKind).ValueSet("job")),
	}
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: j.every}}}
	_, err := d.Client.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: j.id, Spec: spec, Action: action, Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: 10 * time.Second,
	})
	if err == nil {
		return nil
	}
	_, exists := errors.AsType[*serviceerror.AlreadyExists](err)
	if _, started := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); !exists && !started && !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return d.Client.ScheduleClient().GetHandle(ctx, j.id).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := in.Description.Schedule
			old := s.Spec.Intervals
			if len(old) == 1 && old[0].Every == j.every {
				return nil, temporal.ErrSkipScheduleUpdate
			}
			s.Spec, s.Action = &spec, action
			return &client.ScheduleUpdate{Schedule: &s}, nil
		},
	})
}
