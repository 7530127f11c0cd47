package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/causeway-dev/causeway/activities"
)

// Reconcile makes rows and executions agree. A native Temporal Schedule starts it every ten seconds.
func Reconcile(ctx workflow.Context) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 50 * time.Second, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}})
	return workflow.ExecuteLocalActivity(ctx, activities.Reconcile).Get(ctx, nil)
}

// Cleanup makes partitions ahead and drops what is kept no longer. A native Temporal Schedule starts it every hour.
func Cleanup(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 20 * time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 2}})
	return workflow.ExecuteActivity(ctx, activities.Cleanup).Get(ctx, nil)
}
