package host

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

// Runs starts, stops, rings and waits for runs (package dispatch).
type Runs interface {
	StartRun(ctx context.Context, ref causeway.RunRef) error
	Stop(ctx context.Context, x storage.Cancelling)
	Ask(ctx context.Context, environmentID int64, due time.Time) error
	Wait(ctx context.Context, environmentID int64, uid uuid.UUID) (*storage.EndedRun, error)
}

// TriggerAction runs another action of the environment and waits for its output. It is a run of its own, with the asking one as its
// parent, written only while that is its worker's. When the parent is stopped the action goes on: a caller that goes away cancels nothing.
func (h *Host) TriggerAction(ctx context.Context, run *script.Run, q script.ActionRequest, input []byte) ([]byte, error) {
	t, err := h.Store.FindAction(ctx, run.EnvironmentID, q.IntegrationKey, q.ConnectionID, q.Name)
	if err != nil {
		return nil, err
	}
	created, err := h.Store.CreateRun(ctx, run.EnvironmentID, storage.NewRun{
		Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: t.Integration.ID, ConnectionID: t.Connection.ID, FunctionID: t.Function.ID,
		StartWithin: causeway.ActionStartWithin, FinishWithin: causeway.ActionFinishWithin, MaxAttempts: 1, Input: causeway.ActionInput(json.RawMessage(input)),
		OperationID: causeway.NewOperationID(time.Now()), ParentUID: run.RunUID, Parent: storage.Hold{RunID: run.RunID, Fence: run.Fence},
		StartedBy: map[string]any{"type": "run", "id": run.RunUID.String()},
	})
	if errors.Is(err, storage.ErrStale) {
		return nil, &script.CallError{Code: "run_fenced", Message: "the run has been taken over or has ended", Fatal: true, Cause: err}
	}
	if err != nil {
		return nil, err
	}
	switch {
	case created.Admitted:
		h.start(ctx, created.Ref)
	case created.Ask:
		h.ask(ctx, run.EnvironmentID, time.Time{})
	}
	ended, err := h.Runs.Wait(ctx, run.EnvironmentID, created.Ref.RunUID)
	if err != nil {
		return nil, err
	}
	if ended.Outcome.State != causeway.RunSucceeded {
		return nil, causeway.ActionError(ended.Outcome)
	}
	return ended.Outcome.Output, nil
}

// TriggerSync runs syncs of the environment now. Of several, one that can't be run doesn't keep the others from it.
func (h *Host) TriggerSync(ctx context.Context, run *script.Run, q script.SyncRequest) error {
	want := storage.RequestRun
	switch {
	case q.EmptyCache && !q.Reset:
		return causeway.Errorf(http.StatusBadRequest, "invalid_body", "emptyCache empties the records before a full run: give reset with it")
	case q.EmptyCache:
		want = storage.RequestFullEmpty
	case q.Reset:
		want = storage.RequestFull
	}
	rows, err := h.findSyncs(ctx, run, q)
	if err != nil {
		return err
	}
	for _, row := range rows {
		ref, stopped, err := h.Store.RequestSync(ctx, run.EnvironmentID, row.ID, want)
		if refused := causeway.ErrorCode(err) != ""; err != nil && (!refused || len(rows) == 1) {
			return err
		}
		if stopped != nil {
			h.Runs.Stop(ctx, *stopped)
		}
		if ref != nil {
			h.start(ctx, *ref)
		}
	}
	return nil
}

// StartSync lets paused syncs of the environment run by their schedules again.
func (h *Host) StartSync(ctx context.Context, run *script.Run, q script.SyncRequest) error {
	rows, err := h.findSyncs(ctx, run, q)
	if err != nil {
		return err
	}
	var earliest *time.Time
	for _, row := range rows {
		due, err := h.Store.ResumeSync(ctx, run.EnvironmentID, row.ID)
		if err != nil && !errors.Is(err, causeway.ErrNotFound) { // gone: deleted meanwhile
			return err
		}
		if due != nil && (earliest == nil || due.Before(*earliest)) {
			earliest = due
		}
	}
	if earliest != nil {
		h.ask(ctx, run.EnvironmentID, *earliest)
	}
	return nil
}

func (h *Host) findSyncs(ctx context.Context, run *script.Run, q script.SyncRequest) ([]storage.SyncRow, error) {
	names := make([]storage.SyncName, 0, len(q.Syncs))
	for _, r := range q.Syncs {
		variant := r.Variant
		if variant == "" {
			variant = causeway.BaseVariant
		}
		names = append(names, storage.SyncName{Name: r.Name, Variant: variant})
	}
	return h.Store.FindSyncs(ctx, run.EnvironmentID, q.IntegrationKey, q.ConnectionID, names)
}

// start starts the workflow of an admitted run. What is to run is a row: a start that fails costs delay only.
func (h *Host) start(ctx context.Context, ref causeway.RunRef) {
	if err := h.Runs.StartRun(ctx, ref); err != nil {
		h.Logger.Warn("a run's workflow could not be started; the reconciler will", "run", ref.RunID, "error", err)
	}
}

func (h *Host) ask(ctx context.Context, environmentID int64, due time.Time) {
	if err := h.Runs.Ask(ctx, environmentID, due); err != nil {
		h.Logger.Warn("the scheduler could not be rung; the reconciler will", "environment", environmentID, "error", err)
	}
}
