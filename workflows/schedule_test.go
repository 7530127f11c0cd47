package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/workflows"
)

const none = -1 * time.Nanosecond // nothing is promised

// schedulerOf runs a scheduler whose turns answer what turn says, and returns when its turns began, after its start.
func schedulerOf(t *testing.T, turn func(n int) activities.TurnReport, prepare func(env *testsuite.TestWorkflowEnvironment)) (*testsuite.TestWorkflowEnvironment, []time.Duration) {
	t.Helper()
	suite := quiet()
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(30 * time.Second)
	var (
		s     *activities.Schedules
		turns []time.Duration
		names = map[string]bool{}
	)
	began := env.Now()
	env.RegisterWorkflowWithOptions(workflows.Schedule, workflow.RegisterOptions{Name: causeway.WorkflowSchedule})
	env.RegisterActivityWithOptions(s.DispatchDue, activity.RegisterOptions{Name: activities.DispatchDue})
	env.OnActivity(activities.DispatchDue, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.TurnInput) (activities.TurnReport, error) {
		assert.Equal(t, 5, in.Group)
		assert.False(t, names[in.Turn], "turn %s has a name of its own", in.Turn)
		names[in.Turn] = true
		turns = append(turns, env.Now().Sub(began).Round(100*time.Millisecond))
		return turn(len(turns)), nil
	})
	if prepare != nil {
		prepare(env)
	}
	env.ExecuteWorkflow(causeway.WorkflowSchedule, workflows.ScheduleInput{Group: 5})
	require.True(t, env.IsWorkflowCompleted())
	return env, turns
}

// script answers turn by turn; after the last one the group is gone.
func script(reports ...activities.TurnReport) func(n int) activities.TurnReport {
	return func(n int) activities.TurnReport {
		if n > len(reports) {
			return activities.TurnReport{Gone: true}
		}
		return reports[n-1]
	}
}

func rings(after ...time.Duration) func(env *testsuite.TestWorkflowEnvironment) {
	return func(env *testsuite.TestWorkflowEnvironment) {
		for _, d := range after {
			env.RegisterDelayedCallback(func() { env.SignalWorkflow(causeway.SignalBell, nil) }, d)
		}
	}
}

func TestScheduler(t *testing.T) {
	for name, c := range map[string]struct {
		turns func(n int) activities.TurnReport
		bells []time.Duration
		began []time.Duration
	}{
		"sleeps until the next due time":            {script(activities.TurnReport{In: 30 * time.Second}), nil, []time.Duration{0, 30 * time.Second}},
		"turns are at least a tick apart":           {script(activities.TurnReport{In: 0}, activities.TurnReport{In: 100 * time.Millisecond}), nil, []time.Duration{0, time.Second, 2 * time.Second}},
		"the tick is a setting":                     {script(activities.TurnReport{In: 0, Tick: 3 * time.Second}), nil, []time.Duration{0, 3 * time.Second}},
		"turns again at once when there is more":    {script(activities.TurnReport{More: true}, activities.TurnReport{In: 5 * time.Second}), nil, []time.Duration{0, 0, 5 * time.Second}},
		"looks after twelve hours at the latest":    {script(activities.TurnReport{In: 100 * time.Hour}), nil, []time.Duration{0, 12 * time.Hour}},
		"a bell during the sleep wakes it":          {script(activities.TurnReport{In: time.Hour}), []time.Duration{10 * time.Second}, []time.Duration{0, 10 * time.Second}},
		"a bell right after a turn waits a tick":    {script(activities.TurnReport{In: time.Hour}), []time.Duration{300 * time.Millisecond}, []time.Duration{0, time.Second}},
		"many bells are one turn":                   {script(activities.TurnReport{In: time.Hour}), []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond}, []time.Duration{0, time.Second}},
		"a bell wakes it while nothing is promised": {script(activities.TurnReport{In: none}), []time.Duration{40 * time.Second}, []time.Duration{0, 40 * time.Second}},
		"it ends after a minute of silence":         {func(int) activities.TurnReport { return activities.TurnReport{In: none} }, nil, []time.Duration{0}},
		"it ends when its group is no more":         {script(), nil, []time.Duration{0}},
	} {
		t.Run(name, func(t *testing.T) {
			env, began := schedulerOf(t, c.turns, rings(c.bells...))
			require.NoError(t, env.GetWorkflowError())
			assert.Equal(t, c.began, began)
		})
	}
}

func TestASchedulerContinuesAsNew(t *testing.T) {
	t.Run("after five hundred turns", func(t *testing.T) {
		env, began := schedulerOf(t, func(int) activities.TurnReport { return activities.TurnReport{In: time.Second} }, nil)
		assert.Len(t, began, 500)
		var again *workflow.ContinueAsNewError
		require.ErrorAs(t, env.GetWorkflowError(), &again)
		assert.Equal(t, causeway.WorkflowSchedule, again.WorkflowType.Name)
	})
	t.Run("after a day", func(t *testing.T) {
		env, began := schedulerOf(t, func(int) activities.TurnReport { return activities.TurnReport{In: 11 * time.Hour} }, nil)
		assert.Len(t, began, 4)
		require.True(t, workflow.IsContinueAsNewError(env.GetWorkflowError()))
	})
}
