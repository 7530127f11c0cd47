package workflows_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/workflows"
)

var deployInput = workflows.DeployInput{EnvironmentID: 3, UID: uuid.MustParse("0199e6f4-0000-7000-8000-000000000009")}

func deployOf(applied bool, failures int) (env *testsuite.TestWorkflowEnvironment, afters *[]int64) {
	env = quiet().NewTestWorkflowEnvironment()
	var d *activities.Deploys
	env.RegisterActivityWithOptions(d.ApplyDeploy, activity.RegisterOptions{Name: activities.ApplyDeploy})
	env.RegisterActivityWithOptions(d.ReconcileDeploy, activity.RegisterOptions{Name: activities.ReconcileDeploy})
	env.OnActivity(activities.ApplyDeploy, mock.Anything, mock.Anything).Return(func(context.Context, activities.DeployRef) (bool, error) {
		if failures--; failures >= 0 {
			return false, errors.New("no database")
		}
		return applied, nil
	})
	afters = &[]int64{}
	env.OnActivity(activities.ReconcileDeploy, mock.Anything, mock.Anything, mock.Anything).Return(func(_ context.Context, _ activities.DeployRef, after int64) (int64, error) {
		*afters = append(*afters, after)
		return map[int64]int64{0: 500, 500: 900, 900: 0}[after], nil
	}).Maybe()
	return env, afters
}

func TestADeployAppliesAndReconciles(t *testing.T) {
	env, afters := deployOf(true, 2) // two faults that pass
	env.ExecuteWorkflow(workflows.Deploy, deployInput)
	require.NoError(t, env.GetWorkflowError())
	assert.Equal(t, []int64{0, 500, 900}, *afters)
}

func TestADeployThatFailedReconcilesNothing(t *testing.T) {
	env, afters := deployOf(false, 0)
	env.ExecuteWorkflow(workflows.Deploy, deployInput)
	var failure *temporal.ApplicationError
	require.ErrorAs(t, env.GetWorkflowError(), &failure)
	assert.Equal(t, "deploy_failed", failure.Type())
	assert.Empty(t, *afters)
}

// A pass that fails isn't repeated: the next one comes in ten seconds.
func TestReconcileIsTriedOnceAPass(t *testing.T) {
	env := quiet().NewTestWorkflowEnvironment()
	var r *activities.Reconciler
	passes := 0
	env.RegisterActivityWithOptions(r.Reconcile, activity.RegisterOptions{Name: activities.Reconcile})
	env.OnActivity(activities.Reconcile, mock.Anything).Return(func(context.Context) error {
		passes++
		return errors.New("no database")
	})
	env.ExecuteWorkflow(workflows.Reconcile)
	require.Error(t, env.GetWorkflowError())
	assert.Equal(t, 1, passes)
}
