package causeway

import (
	"time"

	"github.com/google/uuid"
)

// BaseVariant is the variant that every sync has.
const BaseVariant = "base"

// Sync is the desired state of one (connection, function, variant): whether it runs, how often, and what its last run did.
type Sync struct {
	ID             int64
	EnvironmentID  int64
	UID            uuid.UUID
	ConnectionID   int64
	FunctionID     int64
	Name           string // the function's
	Variant        string
	PausedAt       *time.Time
	FrequencyOwn   time.Duration // 0: the function's
	StartsAt       time.Time     // anchor of the grid of due times
	NextDueAt      *time.Time
	LastSyncAt     *time.Time // start of the last successful run
	LastRunID      int64
	LastRunState   RunState
	LastRunType    string
	LastFinishedAt *time.Time
	LastResult     *RunResult
	Failures       int
	ErrorCode      string
	ErrorMessage   string
	Running        bool // a run lives
}

// ModelName is the stored name of a model in a variant.
func ModelName(model, variant string) string {
	if variant == "" || variant == BaseVariant {
		return model
	}
	return model + "::" + variant
}
