package workflows

import (
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/causeway-dev/causeway/activities"
)

// DeployInput names a deploy.
type DeployInput struct {
	EnvironmentID int64     `json:"environment_id"`
	UID           uuid.UUID `json:"uid"`
}

// Deploy compiles the bundles of a deploy, makes its versions the active ones in one step, and brings the syncs of existing connections
// into step, in batches. Each part may be repeated.
func Deploy(ctx workflow.Context, in DeployInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Minute, HeartbeatTimeout: time.Minute,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 30 * time.Second, MaximumAttempts: 5},
	})
	ref := activities.DeployRef{EnvironmentID: in.EnvironmentID, UID: in.UID}
	var applied bool
	if err := workflow.ExecuteActivity(ctx, activities.ApplyDeploy, ref).Get(ctx, &applied); err != nil {
		return err
	}
	if !applied {
		return temporal.NewNonRetryableApplicationError("the deploy failed", "deploy_failed", nil)
	}
	for after := int64(0); ; {
		var next int64
		if err := workflow.ExecuteActivity(ctx, activities.ReconcileDeploy, ref, after).Get(ctx, &next); err != nil {
			return err
		}
		if next == 0 {
			return nil
		}
		after = next
	}
}
