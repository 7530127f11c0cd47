package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	causeway "github.com/causeway-dev/causeway"
)

// RegisterRuns registers the workflows of runs, for the queues of worker pools.
func RegisterRuns(r worker.WorkflowRegistry) {
	for _, name := range []string{causeway.WorkflowAction, causeway.WorkflowSync, causeway.WorkflowOnEvent, causeway.WorkflowWebhook} {
		r.RegisterWorkflowWithOptions(Run, workflow.RegisterOptions{Name: name})
	}
}

// RegisterControl registers the workflows of the control queue.
func RegisterControl(r worker.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(Schedule, workflow.RegisterOptions{Name: causeway.WorkflowSchedule})
	r.RegisterWorkflowWithOptions(Deploy, workflow.RegisterOptions{Name: causeway.WorkflowDeploy})
	r.RegisterWorkflowWithOptions(Reconcile, workflow.RegisterOptions{Name: causeway.WorkflowReconcile})
	r.RegisterWorkflowWithOptions(Cleanup, workflow.RegisterOptions{Name: causeway.WorkflowCleanup})
}
