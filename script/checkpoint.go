package script

import (
	"encoding/json"
	"sync"

	causeway "github.com/causeway-dev/causeway"
)

// checkpoints is the first checkpoint that a run has seen and the last one that it has written.
type checkpoints struct {
	mu       sync.Mutex
	seen     bool
	used     bool
	from, to json.RawMessage
}

// SawCheckpoint notes what a read or a write found; nil: no checkpoint.
func (r *Run) SawCheckpoint(value json.RawMessage) {
	c := &r.checkpoints
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen {
		c.seen, c.from = true, value
	}
}

// WroteCheckpoint notes what was stored; nil: it was cleared.
func (r *Run) WroteCheckpoint(value json.RawMessage) {
	c := &r.checkpoints
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.used, c.to = true, true, value
}

// CheckpointRange is what the run reports of its checkpoints; nil if it has written none.
func (r *Run) CheckpointRange() *causeway.CheckpointRange {
	c := &r.checkpoints
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.used {
		return nil
	}
	return &causeway.CheckpointRange{From: c.from, To: c.to}
}
