package workflows_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/workflows"
)

var ref = causeway.RunRef{RunID: 7, RunUID: uuid.MustParse("0199e6f4-0000-7000-8000-000000000007"), EnvironmentID: 3, Kind: causeway.RunSync, Lane: causeway.LaneSync, Resumable: true}

var (
	succeeded = activities.Report{Status: activities.Closed, State: causeway.RunSucceeded}
	cancelled = activities.Report{Status: activities.Closed, State: causeway.RunCancelled, Code: causeway.CodeScriptAborted}
	toResume  = activities.Report{Status: activities.ToResume}
	busy      = activities.Report{Status: activities.Busy}
	handed    = activities.Report{Status: activities.HandedOver, Queue: "self:w1"}
)

// execution is a workflow whose activities answer what a case says, one after the other.
type execution struct {
	*testsuite.TestWorkflowEnvironment
	steps   []string
	outcome string
}

type step struct {
	activity string
	report   activities.Report
	err      error
	cancel   bool // the workflow is cancelled while the activity runs
}

func runOf(t *testing.T, steps ...step) *execution {
	t.Helper()
	suite := quiet()
	x := &execution{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}
	x.SetTestTimeout(10 * time.Second)
	next := func(name string) (activities.Report, error) {
		if !assert.Less(t, len(x.steps), len(steps), "unexpected activity %s after %v", name, x.steps) {
			return activities.Report{}, temporal.NewNonRetryableApplicationError("unexpected activity", "unexpected", nil)
		}
		s := steps[len(x.steps)]
		x.steps = append(x.steps, name)
		assert.Equal(t, s.activity, name, "activity number %d", len(x.steps))
		if s.cancel {
			x.CancelWorkflow()
		}
		return s.report, s.err
	}
	var r *activities.Runs
	for name, f := range map[string]any{activities.Perform: r.Perform, activities.RunScript: r.RunScript, activities.Attend: r.Attend, activities.Settle: r.Settle} {
		x.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	for _, name := range []string{activities.Perform, activities.RunScript} {
		x.OnActivity(name, mock.Anything, mock.Anything).Return(func(_ context.Context, in causeway.RunRef) (activities.Report, error) {
			assert.Equal(t, ref, in)
			return next(name)
		}).Maybe()
	}
	for _, name := range []string{activities.Attend, activities.Settle} {
		x.OnActivity(name, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.Attending) (activities.Report, error) {
			assert.Equal(t, ref, in.RunRef)
			if in.Cancelled {
				return next(name + " of a cancelled one")
			}
			return next(name)
		}).Maybe()
	}
	x.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(a temporal.SearchAttributes) bool {
		x.outcome, _ = a.GetKeyword(temporal.NewSearchAttributeKeyKeyword(causeway.AttributeOutcome))
		return true
	})).Return(nil).Maybe()
	x.ExecuteWorkflow(workflows.Run, ref)
	require.True(t, x.IsWorkflowCompleted())
	assert.Len(t, x.steps, len(steps), "activities that ran: %v", x.steps)
	return x
}

// status is how an execution shows in Temporal.
func (x *execution) status() string {
	err := x.GetWorkflowError()
	var failure *temporal.ApplicationError
	switch {
	case err == nil:
		return "completed"
	case temporal.IsCanceledError(err):
		return "canceled"
	case errors.As(err, &failure):
		return "failed " + failure.Type()
	default:
		return err.Error()
	}
}

const ofCancelled = " of a cancelled one"

func TestRun(t *testing.T) {
	lost := errors.New("the connection was reset")
	failed := func(code string) activities.Report {
		return activities.Report{Status: activities.Closed, State: causeway.RunFailed, Code: code}
	}
	for name, c := range map[string]struct {
		steps           []step
		status, outcome string
	}{
		"a short script": {[]step{{activity: activities.Perform, report: succeeded}}, "completed", "succeeded"},
		"a script that fails": {
			[]step{{activity: activities.Perform, report: failed("action_script_runtime_error")}}, "failed action_script_runtime_error", "action_script_runtime_error",
		},
		"a run that nobody started in time": {
			[]step{{activity: activities.Perform, report: activities.Report{Status: activities.Closed, State: causeway.RunExpired, Code: causeway.CodeStartTimeout}}},
			"failed start_timeout", "start_timeout",
		},
		"a run that was cancelled by its row": {[]step{{activity: activities.Perform, report: cancelled}}, "canceled", "script_aborted"},
		"an execution of an earlier attempt": {
			[]step{{activity: activities.Perform, report: activities.Report{Status: activities.NotAdmitted}}}, "failed not_admitted", "not_admitted",
		},
		"a long script is handed over": {
			[]step{{activity: activities.Perform, report: handed}, {activity: activities.Attend, report: succeeded}}, "completed", "succeeded",
		},
		"no slot here": {
			[]step{{activity: activities.Perform, report: busy}, {activity: activities.RunScript, report: busy}, {activity: activities.RunScript, report: succeeded}},
			"completed", "succeeded",
		},
		"its worker stops, another one goes on": {
			[]step{{activity: activities.Perform, report: handed}, {activity: activities.Attend, report: toResume}, {activity: activities.RunScript, report: succeeded}},
			"completed", "succeeded",
		},
		"its worker dies, the row says that it is to be resumed": {
			[]step{
				{activity: activities.Perform, report: handed}, {activity: activities.Attend, err: temporal.NewHeartbeatTimeoutError()},
				{activity: activities.Settle, report: toResume}, {activity: activities.RunScript, report: succeeded},
			}, "completed", "succeeded",
		},
		"its worker dies, and its kind may not be repeated": {
			[]step{
				{activity: activities.Perform, report: handed}, {activity: activities.Attend, err: temporal.NewHeartbeatTimeoutError()},
				{activity: activities.Settle, report: failed(causeway.CodeOutcomeUnknown)},
			}, "failed outcome_unknown", "outcome_unknown",
		},
		"the first claim's answer is lost, the script runs": {
			[]step{{activity: activities.Perform, err: lost}, {activity: activities.Settle, report: handed}, {activity: activities.Attend, report: succeeded}},
			"completed", "succeeded",
		},
		// The suite ends a regular activity with the cancel and drops what it answers; the server waits for the answer.
		"cancelled while it is attended": {
			[]step{{activity: activities.Perform, report: handed}, {activity: activities.Attend, report: cancelled, cancel: true}, {activity: activities.Settle + ofCancelled, report: cancelled}},
			"canceled", "script_aborted",
		},
		"cancelled when its script had ended already": {
			[]step{{activity: activities.Perform, report: handed}, {activity: activities.Attend, report: succeeded, cancel: true}, {activity: activities.Settle + ofCancelled, report: succeeded}},
			"completed", "succeeded",
		},
		"cancelled before the handover: the process of the script hears of it": {
			[]step{
				{activity: activities.Perform, report: handed, cancel: true}, {activity: activities.Settle + ofCancelled, report: handed},
				{activity: activities.Attend + ofCancelled, report: cancelled},
			}, "canceled", "script_aborted",
		},
		"cancelled, and the process of the script is gone": {
			[]step{
				{activity: activities.Perform, report: handed}, {activity: activities.Attend, err: temporal.NewHeartbeatTimeoutError(), cancel: true},
				{activity: activities.Settle + ofCancelled, report: cancelled},
			}, "canceled", "script_aborted",
		},
		"cancelled while it waits for a slot": {
			[]step{
				{activity: activities.Perform, report: busy}, {activity: activities.RunScript, report: busy, cancel: true},
				{activity: activities.Settle + ofCancelled, report: cancelled},
			}, "canceled", "script_aborted",
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := runOf(t, c.steps...)
			assert.Equal(t, c.status, x.status())
			assert.Equal(t, c.outcome, x.outcome)
		})
	}
}

// A script that kills its process each time must not do so all the time.
func TestARunThatIsResumedAgainAndAgainWaitsLonger(t *testing.T) {
	suite := quiet()
	env := suite.NewTestWorkflowEnvironment()
	var r *activities.Runs
	for name, f := range map[string]any{activities.Perform: r.Perform, activities.RunScript: r.RunScript} {
		env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	var pauses []time.Duration
	env.SetOnTimerScheduledListener(func(_ string, d time.Duration) { pauses = append(pauses, d) })
	env.OnActivity(activities.Perform, mock.Anything, mock.Anything).Return(toResume, nil)
	env.OnActivity(activities.RunScript, mock.Anything, mock.Anything).Return(func(context.Context, causeway.RunRef) (activities.Report, error) {
		if len(pauses) < 7 {
			return toResume, nil
		}
		return succeeded, nil
	})
	env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil)
	env.ExecuteWorkflow(workflows.Run, ref)
	require.NoError(t, env.GetWorkflowError())
	seconds := slices.Collect(func(yield func(int) bool) {
		for _, p := range pauses {
			yield(int(p.Seconds()))
		}
	})
	assert.Equal(t, []int{1, 2, 4, 8, 16, 30, 30}, seconds)
}

// quiet is a test suite that logs nothing.
func quiet() *testsuite.WorkflowTestSuite {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	return &suite
}
