package causeway

import (
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Level orders messages.
type Level string

// The levels, lowest first.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
	LevelOff   Level = "off"
)

var levelRank = map[Level]int{LevelDebug: 1, LevelInfo: 2, LevelWarn: 3, LevelError: 4, LevelOff: 5}

// AtLeast says whether l is as high as floor.
func (l Level) AtLeast(floor Level) bool { return levelRank[l] >= levelRank[floor] }

// OperationState is where an operation is.
type OperationState string

// The states of operations.
const (
	OperationWaiting   OperationState = "waiting"
	OperationRunning   OperationState = "running"
	OperationSuccess   OperationState = "success"
	OperationFailed    OperationState = "failed"
	OperationTimeout   OperationState = "timeout"
	OperationCancelled OperationState = "cancelled"
)

// Operation is what a person searches for: a sync run, an action call, a proxy call, a deploy. Messages hang under it.
// It is written as a whole each time; the later UpdatedAt wins.
type Operation struct {
	ID            string
	EnvironmentID int64
	Type, Action  string // "sync", "run"
	State         OperationState
	Level         Level
	IntegrationID int64
	ConnectionID  int64
	FunctionID    int64
	RunUID        uuid.UUID
	Names         OperationNames
	Actor         json.RawMessage
	Request       json.RawMessage // redacted
	Response      json.RawMessage
	Error         json.RawMessage
	Meta          json.RawMessage
	CreatedAt     time.Time
	StartedAt     *time.Time
	EndedAt       *time.Time
	ExpiresAt     *time.Time
	UpdatedAt     time.Time
}

// OperationNames are the names as they were when the operation began.
type OperationNames struct {
	Environment string `json:"environment,omitempty"`
	Provider    string `json:"provider,omitempty"`
	Integration string `json:"integration,omitempty"`
	Connection  string `json:"connection,omitempty"`
	Function    string `json:"function,omitempty"`
	Variant     string `json:"variant,omitempty"`
}

// Message is one line under an operation.
type Message struct {
	EnvironmentID int64
	OperationID   string
	CreatedAt     time.Time
	Seq           int
	Level         Level
	Kind          string // log or http
	Source        string // internal or user
	Context       string // script, proxy, webhook, auth
	Text          string
	Error         json.RawMessage
	Request       json.RawMessage
	Response      json.RawMessage
	Retry         json.RawMessage
	Meta          json.RawMessage
	EndedAt       *time.Time
	DurationMs    int
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewOperationID makes an id of 22 characters: nine of base-62 milliseconds, which sort by time, and thirteen of
// randomness. Its time is the operation's CreatedAt, so that a look-up by id touches one daily partition.
func NewOperationID(at time.Time) string {
	var id [22]byte
	copy(id[:], OperationIDsFrom(at))
	var random [13]byte
	_, _ = rand.Read(random[:]) // never fails, see crypto/rand
	for i, b := range random {
		id[9+i] = base62[int(b)%62]
	}
	return string(id[:])
}

// OperationIDsFrom is the least text that an id of that millisecond begins with: the ids of earlier operations sort before it.
func OperationIDsFrom(at time.Time) string {
	var out [9]byte
	ms := uint64(max(at.UnixMilli(), 0))
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = base62[ms%62]
		ms /= 62
	}
	return string(out[:])
}

// OperationTime is the time that an operation id carries; false if id is none.
func OperationTime(id string) (time.Time, bool) {
	if len(id) != 22 {
		return time.Time{}, false
	}
	var ms int64
	for i := range 22 {
		d := -1
		switch c := id[i]; {
		case c >= '0' && c <= '9':
			d = int(c - '0')
		case c >= 'A' && c <= 'Z':
			d = int(c-'A') + 10
		case c >= 'a' && c <= 'z':
			d = int(c-'a') + 36
		}
		if d < 0 {
			return time.Time{}, false
		}
		if i < 9 {
			ms = ms*62 + int64(d)
		}
	}
	return time.UnixMilli(ms).UTC(), true
}

// runOperations are the type and action of the operation of a run.
var runOperations = map[RunKind][2]string{
	RunSync:    {"sync", "run"},
	RunAction:  {"action", "run"},
	RunWebhook: {"webhook", "incoming"},
}

var eventOperations = map[string]string{
	EventConnectionCreated:  "post_connection_creation",
	EventConnectionDeletion: "pre_connection_deletion",
	EventConnectionValidate: "validate_connection",
}

// OperationType is the type and action of the operation of a run of this kind; event is an on-event function's.
func OperationType(kind RunKind, event string) (name, action string) {
	if kind == RunEvent {
		if action = eventOperations[event]; action == "" {
			action = eventOperations[EventConnectionCreated]
		}
		return "events", action
	}
	t := runOperations[kind]
	return t[0], t[1]
}
