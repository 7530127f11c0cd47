package dispatch

import (
	"context"
	"errors"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	causeway "github.com/causeway-dev/causeway"
)

// Execution is what Temporal knows of a run.
type Execution string

// What Temporal may know.
const (
	ExecutionMissing    Execution = "missing"    // never started, or its retention is over
	ExecutionOpen       Execution = "open"       // it goes on, or waits for a worker
	ExecutionCancelled  Execution = "cancelled"  // a person asked it to end
	ExecutionTerminated Execution = "terminated" // a person ended it by hand
	ExecutionClosed     Execution = "closed"     // it ended otherwise
)

// Restart starts the workflow of a run that should have one, and says what became of an earlier one. ExecutionMissing: there was none; it
// has been started now.
func (d *Dispatcher) Restart(ctx context.Context, ref causeway.RunRef) (Execution, error) {
	before, err := d.startRun(ctx, ref)
	if err != nil || before == "" {
		return ExecutionMissing, err
	}
	return d.describe(ctx, before)
}

// Execution says what Temporal knows of a living run.
func (d *Dispatcher) Execution(ctx context.Context, ref causeway.RunRef) (Execution, error) {
	run, err := d.Store.Run(ctx, ref.EnvironmentID, ref.RunID)
	if err != nil {
		return "", err
	}
	return d.describe(ctx, workflowID(run, currentAttempt(run)))
}

func (d *Dispatcher) describe(ctx context.Context, id string) (Execution, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	found, err := d.Client.DescribeWorkflowExecution(ctx, id, "")
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return ExecutionMissing, nil
	}
	if err != nil {
		return "", fmt.Errorf("describe workflow %s: %w", id, err)
	}
	switch found.GetWorkflowExecutionInfo().GetStatus() {
	case enums.WORKFLOW_EXECUTION_STATUS_RUNNING, enums.WORKFLOW_EXECUTION_STATUS_PAUSED, enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED:
		return ExecutionOpen, nil
	case enums.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return ExecutionTerminated, nil
	case enums.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return ExecutionCancelled, nil
	default:
		return ExecutionClosed, nil
	}
}
