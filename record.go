package causeway

import (
	"encoding/json"
	"time"
)

// MaxBatch is how many records one write takes.
const MaxBatch = 1000

// LastAction says what happened last to a record.
type LastAction string

// The last actions of records; filters name them too.
const (
	RecordAdded   LastAction = "ADDED"
	RecordUpdated LastAction = "UPDATED"
	RecordDeleted LastAction = "DELETED"
)

// RecordInput is one record that a script wants to be stored: its id as text and its JSON text, which is an object with
// that id and without the platform's own key "_nango_metadata".
type RecordInput struct {
	ID        string
	JSON      json.RawMessage
	DeletedAt *time.Time // deletes only: when the provider deleted it
}

// WriteCounts is what one write did. Duplicates are ids that came twice; their first record was taken. Pruned are records
// that could not be merged, since their payload is gone.
type WriteCounts struct {
	Counts
	Duplicates []string
	Pruned     int64
}

// RecordModel is one model of one connection, with its totals.
type RecordModel struct {
	ConnectionID int64
	Model        string // stored name, "Model" or "Model::variant"
	Count        int64  // live records
	PayloadBytes int64
	ChangedAt    time.Time
}
