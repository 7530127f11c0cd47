package causeway

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// RunKind is the kind of script that a run executes.
type RunKind string

// The kinds of runs.
const (
	RunSync    RunKind = "sync"
	RunAction  RunKind = "action"
	RunWebhook RunKind = "webhook"
	RunEvent   RunKind = "event"
)

// Lane is the queue of an environment in which a run waits for a slot.
type Lane string

// The lanes of an environment.
const (
	LaneSync        Lane = "sync"
	LaneAction      Lane = "action"
	LaneActionAsync Lane = "action_async"
	LaneWebhook     Lane = "webhook"
	LaneEvent       Lane = "event"
)

// Lanes are all lanes, in the order of their locks.
var Lanes = []Lane{LaneAction, LaneActionAsync, LaneEvent, LaneSync, LaneWebhook}

// RunState is where a run is. A run that has ended never changes again.
type RunState string

// The states of a run. Waiting and running rows live in table run, the others in run_history.
const (
	RunWaiting   RunState = "waiting"
	RunRunning   RunState = "running"
	RunSucceeded RunState = "succeeded"
	RunFailed    RunState = "failed"
	RunCancelled RunState = "cancelled"
	RunExpired   RunState = "expired"
)

// Codes with which a run can end beside those of the scripts.
const (
	CodeOutcomeUnknown      = "outcome_unknown"        // its worker died, and its kind may not be repeated
	CodeWorkerStopped       = "worker_stopped"         // the worker's drain time was over
	CodeTerminated          = "terminated_in_temporal" // a person ended its workflow by hand
	CodeStartTimeout        = "start_timeout"          // it was not started in time
	CodeDisabledResource    = "disabled_resource"      // its function is disabled, or what it belongs to is gone
	CodeScriptAborted       = "script_aborted"
	CodeExecutionTimeout    = "execution_timeout"
	CodeInterrupted         = "execution_interrupted"
	CodeRunnerCrashed       = "script_runner_crashed"
	CodeOutOfMemory         = "script_out_of_memory"
	CodeCPULimit            = "script_cpu_limit"
	CodeNeverSettles        = "script_never_settles"
	CodeProtocolViolation   = "script_protocol_violation"
	CodeOutputTooLarge      = "script_output_too_large"
	CodeActionRuntimeError  = "action_script_runtime_error"
	CodeScriptHTTPError     = "script_http_error"
	CodeScriptRateLimit     = "script_api_rate_limit_error"
	CodeScriptNetworkError  = "script_network_error"
	CodeScriptInternalError = "script_internal_error"
)

// RunRef names a run; it is all that crosses Temporal.
type RunRef struct {
	RunID         int64     `json:"run_id"`
	RunUID        uuid.UUID `json:"run_uid"`
	EnvironmentID int64     `json:"environment_id"`
	Kind          RunKind   `json:"kind"`
	Lane          Lane      `json:"lane"`
	Attempt       int       `json:"attempt,omitempty"` // async actions, from 1
	Resumable     bool      `json:"resumable,omitempty"`
}

// Run is a run with everything that is needed to execute it.
type Run struct {
	RunRef
	State          RunState
	Fence          int64
	Attempt        int
	MaxAttempts    int
	IntegrationID  int64
	ConnectionID   int64
	FunctionID     int64
	VersionID      int64
	SyncID         int64
	SyncUID        uuid.UUID
	RunNo          int64
	RunType        string // full or incremental
	Variant        string
	OperationID    string
	Opts           RunOpts
	FinishWithin   time.Duration
	CreatedAt      time.Time
	StartedAt      *time.Time
	LastSyncAt     *time.Time
	IntegrationKey string
	ConnectionKey  string // public connection id
	Provider       string
	FunctionName   string
	Event          string // of an on-event function
	StartedBy      map[string]any
}

// RunOpts are what was asked for with a run.
type RunOpts struct {
	Reset bool `json:"reset,omitempty"` // forget checkpoints and the last sync date
	Empty bool `json:"empty,omitempty"` // and hard-delete the records first
	Async bool `json:"async,omitempty"`
}

// Counts are the outcomes of a run's writes to one model.
type Counts struct {
	Added     int64 `json:"added"`
	Updated   int64 `json:"updated"`
	Deleted   int64 `json:"deleted"`
	Unchanged int64 `json:"unchanged,omitempty"`
}

// RunResult is what a run leaves beside its output.
type RunResult struct {
	Models      map[string]Counts `json:"models,omitempty"`
	Checkpoints *CheckpointRange  `json:"checkpoints,omitempty"`
	Interrupted bool              `json:"interrupted,omitempty"`
}

// CheckpointRange is the first checkpoint that a run saw and the last one that it wrote.
type CheckpointRange struct {
	From json.RawMessage `json:"from"`
	To   json.RawMessage `json:"to"`
}

// Outcome is how a run ended. Output and Error are the customer's: they are sealed at rest and never cross Temporal.
type Outcome struct {
	State    RunState
	Output   json.RawMessage // action: the script's output as JSON; nil: none
	Result   *RunResult
	Code     string          // failed: wire code or one of ours
	Message  string          // safe to show
	Error    json.RawMessage // failed: {payload, upstream, additional_properties}, the customer's data
	NextSoon bool            // a graceful interruption: due again now
}
