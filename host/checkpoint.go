package host

import (
	"context"
	"encoding/json"
	"slices"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// Checkpoint returns the run's checkpoint and its version; no body: there is none, or it was cleared.
func (h *Host) Checkpoint(ctx context.Context, run *script.Run) (script.CheckpointAnswer, []byte, error) {
	c, err := h.Records.Checkpoint(ctx, run.EnvironmentID, run.ConnectionID, run.CheckpointKey)
	if err != nil {
		return script.CheckpointAnswer{}, nil, err
	}
	run.SawCheckpoint(c.Value)
	return script.CheckpointAnswer{Version: c.Version}, c.Value, nil
}

// SaveCheckpoint stores a value over the version that the script has read.
func (h *Host) SaveCheckpoint(ctx context.Context, run *script.Run, q script.CheckpointRequest, value []byte) (script.CheckpointAnswer, error) {
	if err := causeway.ValidateCheckpoint(value); err != nil {
		return script.CheckpointAnswer{}, &script.CallError{Code: "invalid_checkpoint", Message: err.Error()}
	}
	return h.saveCheckpoint(ctx, run, q, value)
}

// ClearCheckpoint removes the value and keeps counting versions.
func (h *Host) ClearCheckpoint(ctx context.Context, run *script.Run, q script.CheckpointRequest) (script.CheckpointAnswer, error) {
	if q.Version == 0 {
		return script.CheckpointAnswer{}, nil // there is none
	}
	return h.saveCheckpoint(ctx, run, q, nil)
}

func (h *Host) saveCheckpoint(ctx context.Context, run *script.Run, q script.CheckpointRequest, value json.RawMessage) (script.CheckpointAnswer, error) {
	version, err := h.Records.SaveCheckpoint(ctx, run.EnvironmentID, writer(run), run.CheckpointKey, q.Version, value)
	if err != nil {
		return script.CheckpointAnswer{}, recordsError(err)
	}
	run.WroteCheckpoint(slices.Clone(value)) // the frame that holds it is used again
	return script.CheckpointAnswer{Version: version}, nil
}
