package causeway

import "strconv"

// Names of workflow types, as they stand in Temporal. They are explicit, so that renaming a function breaks nothing that runs.
const (
	WorkflowAction    = "Action"
	WorkflowSync      = "Sync"
	WorkflowOnEvent   = "OnEvent"
	WorkflowWebhook   = "Webhook"
	WorkflowSchedule  = "Schedule"
	WorkflowDeploy    = "Deploy"
	WorkflowReconcile = "Reconcile"
	WorkflowCleanup   = "Cleanup"
)

// SignalBell wakes a scheduler. It carries nothing: what is to be done is in rows.
const SignalBell = "bell"

// Search attributes of executions, all keywords. They are the only part of an execution that Temporal's UI shows in clear, and hold
// names only.
const (
	AttributeEnvironment = "CausewayEnvironment" // "<account>/<environment>"
	AttributeIntegration = "CausewayIntegration"
	AttributeConnection  = "CausewayConnection"
	AttributeFunction    = "CausewayFunction" // syncs: "name::variant"
	AttributeKind        = "CausewayKind"     // sync, action, webhook, event, schedule, deploy
	AttributeTrigger     = "CausewayTrigger"  // schedule, manual, api, retry
	AttributeRunID       = "CausewayRunId"
	AttributeOutcome     = "CausewayOutcome" // succeeded, or the code of the failure
)

// Attributes are all search attributes.
var Attributes = []string{
	AttributeEnvironment, AttributeIntegration, AttributeConnection, AttributeFunction, AttributeKind, AttributeTrigger, AttributeRunID, AttributeOutcome,
}

// QueueControl is the task queue of schedulers, deploys and periodic jobs.
const QueueControl = "control"

// QueueInteractive is the task queue of what people wait for in a worker pool.
func QueueInteractive(pool string) string { return "pool:" + pool + ":interactive" }

// QueueBackground is the task queue of everything else in a worker pool.
func QueueBackground(pool string) string { return "pool:" + pool + ":background" }

// QueueSelf is the task queue of one worker process: it finishes what that process has begun.
func QueueSelf(workerID string) string { return "self:" + workerID }

// DefaultPool is the worker pool of environments that have none of their own.
const DefaultPool = "default"

// ScheduleWorkflowID names the scheduler of a group of environments.
func ScheduleWorkflowID(group int) string { return "schedule:" + strconv.Itoa(group) }
