package script

import (
	"encoding/json"
	"time"

	causeway "github.com/causeway-dev/causeway"
)

// Start is everything that a run begins with, as it reaches the runner. It names no environment and holds no secret.
// The action's input or the webhook's payload is Input, which travels raw.
type Start struct {
	Program     string           `json:"program"` // SHA-256 of the lowered bundle, hex
	Script      string           `json:"script"`  // "<name>-<integration>", for stack traces
	Kind        causeway.RunKind `json:"kind"`
	Seed        [32]byte         `json:"seed"`
	FinishMs    int64            `json:"finish_ms"`               // wall limit from now
	SoftMs      int64            `json:"soft_ms,omitempty"`       // graceful interruption; 0: none
	TurnLimitMs int64            `json:"turn_limit_ms,omitempty"` // 0: the default, 60 s
	Values      Values           `json:"values"`
	Paginate    json.RawMessage  `json:"paginate,omitempty"`    // the provider's pagination defaults
	EmptyPages  int              `json:"empty_pages,omitempty"` // in a row that a cursor may lead through; 0: the default, 25
	// LoggerLevel is where the script's logger starts; the contract's default is warn.
	LoggerLevel causeway.Level `json:"logger_level,omitempty"`
	Input       []byte         `json:"-"` // JSON; nil: none
	// Record asks for a tape of the run. Tape is one to follow.
	Record bool  `json:"record,omitempty"`
	Tape   *Tape `json:"tape,omitempty"`
}

// Values are the plain values of the nango object.
type Values struct {
	ConnectionID      string          `json:"connectionId"`
	ProviderConfigKey string          `json:"providerConfigKey"`
	Provider          string          `json:"provider"`
	EnvironmentID     int64           `json:"environmentId"` // shown to the script; never read back
	EnvironmentName   string          `json:"environmentName"`
	AccountID         int64           `json:"accountId"`
	ActivityLogID     string          `json:"activityLogId"`
	ScriptType        string          `json:"scriptType"` // sync, action, webhook, on-event
	SyncID            string          `json:"syncId,omitempty"`
	SyncJobID         int64           `json:"syncJobId,omitempty"`
	NangoConnectionID int64           `json:"nangoConnectionId"`
	LastSyncDate      *time.Time      `json:"lastSyncDate,omitempty"`
	Variant           string          `json:"variant,omitempty"`
	TrackDeletes      bool            `json:"track_deletes,omitempty"`
	EmptyCache        bool            `json:"emptyCache,omitempty"`
	Attributes        json.RawMessage `json:"attributes,omitempty"`
	SyncConfig        json.RawMessage `json:"syncConfig,omitempty"`
	Models            []string        `json:"models,omitempty"` // declared models of a sync
}

// Result is how a script ended, as the runner (or whoever watched it die) says.
type Result struct {
	// Code is empty for success, else a code of causeway (CodeActionRuntimeError, CodeScriptHTTPError, …).
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"` // of the error, cut
	Output  json.RawMessage `json:"-"`                 // JSON; nil: undefined
	// Error is {payload, upstream?}, the customer's data; positions in it are of the lowered text.
	Error json.RawMessage `json:"-"`
	// Interrupted: the script ended gracefully after its soft limit; it counts as a success.
	Interrupted bool `json:"interrupted,omitempty"`
	// Crashed: the runner died under the run, which may be resumed if its kind allows that.
	Crashed  bool  `json:"crashed,omitempty"`
	EngineMs int64 `json:"engine_ms,omitempty"`
	// Tape is the rest of a recorded run's tape, since its last call.
	Tape *Tape `json:"tape,omitempty"`
}

// Reason says why a run is to be stopped.
type Reason string

// The reasons of an abort.
const (
	ReasonCancelled Reason = "cancelled" // by a person; the next method throws, running code goes on for a grace
	ReasonTimeout   Reason = "timeout"   // the wall limit; at once
	ReasonLost      Reason = "lost"      // fence or lease lost; at once, and no call is answered any more
	ReasonDrain     Reason = "drain"     // the worker stops; a sync ends at its next call and is resumed elsewhere
)

// AbortError is the cause of a context that stops a run.
type AbortError struct{ Reason Reason }

func (e *AbortError) Error() string { return "run aborted: " + string(e.Reason) }

// CompileJob is a bundle to be lowered, checked and scanned.
type CompileJob struct {
	Name string `json:"name"` // for messages, "<integration>/<name>"
	Text []byte `json:"-"`
}

// CompileResult is a lowered bundle, or why there is none.
type CompileResult struct {
	Code      string          `json:"code,omitempty"` // deploy_script_security_rejected, failed_to_build_unknown
	Message   string          `json:"message,omitempty"`
	Lowered   []byte          `json:"-"`
	SourceMap json.RawMessage `json:"-"`
}
