package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// Remains are what a run has beside its row: locks, an open run in the records database, an operation in the logs. Whoever closes the row
// clears them up after it. He may die in between, so the reconciler looks for them too.
type Remains struct {
	Store   *storage.Store
	Records *storage.Records
	Redis   *storage.Redis
	Logs    *storage.Logs
	Logger  *slog.Logger
}

const (
	clearWithin = 5 * time.Second
	// remainAge is how long after its beginning something may stay without being looked for.
	remainAge = 15 * time.Second
	// remainPage is how many of each kind one look takes. Among more of them it draws by lot.
	remainPage = 200
)

// Clear clears up after a run that no script of this process executed: it was closed before it began, or its worker died. It must not come
// before the close of the row: a run that is resumed in between would have lost what it has seen, and its locks.
func (r *Remains) Clear(ctx context.Context, ref causeway.RunRef, out causeway.Outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearWithin)
	defer cancel()
	if err := r.Records.CloseRun(ctx, ref.EnvironmentID, ref.RunID); err != nil {
		r.Logger.Warn("what a run left in the records database was not cleared; the reconciler will", "run", ref.RunID, "error", err)
	}
	ended, err := r.Store.EndedRun(ctx, ref.EnvironmentID, ref.RunUID)
	if err != nil {
		r.Logger.Warn("the locks and the operation of a run were not cleared up", "run", ref.RunID, "error", err)
		return
	}
	if ended.OperationID == "" {
		return
	}
	if err := r.Redis.FreeLocks(ctx, ref.EnvironmentID, ended.OperationID); err != nil {
		r.Logger.Warn("locks of a run could not be freed yet", "run", ref.RunID, "error", err)
	}
	r.endOperation(ctx, ref, ended, out)
}

// endOperation writes the end of a run's operation.
func (r *Remains) endOperation(ctx context.Context, ref causeway.RunRef, ended *storage.EndedRun, out causeway.Outcome) {
	op, err := r.Logs.FindOperation(ctx, ref.EnvironmentID, ended.OperationID)
	if err != nil {
		name, action := causeway.OperationType(ended.Kind, "")
		op = &causeway.Operation{ID: ended.OperationID, EnvironmentID: ref.EnvironmentID, Type: name, Action: action, FunctionID: ended.FunctionID, RunUID: ref.RunUID}
	}
	now := time.Now()
	op.EndedAt, op.UpdatedAt, op.ExpiresAt = &ended.EndedAt, now, nil
	op.State, op.Level = causeway.OperationFailed, causeway.LevelError
	switch out.State {
	case causeway.RunCancelled:
		op.State = causeway.OperationCancelled
	case causeway.RunExpired:
		op.State = causeway.OperationTimeout
	case causeway.RunSucceeded:
		op.State, op.Level = causeway.OperationSuccess, causeway.LevelInfo
	case causeway.RunFailed, causeway.RunWaiting, causeway.RunRunning:
	}
	if out.Code != "" {
		op.Error = marshal(map[string]any{"code": out.Code, "message": short(out.Message)})
	}
	if out.Result != nil {
		op.Meta = marshal(out.Result)
	}
	r.Logs.Operation(*op)
}

// Find clears up after runs whose closers died before they did, and returns how much that was.
func (r *Remains) Find(ctx context.Context) (int, error) {
	runs, err := r.openRuns(ctx)
	operations, err2 := r.openOperations(ctx)
	return runs + operations, errors.Join(err, err2)
}

// openRuns closes runs in the records database that have ended. It is asked first, so that a run that begins meanwhile is not among them.
func (r *Remains) openRuns(ctx context.Context) (int, error) {
	open, err := r.Records.OpenRuns(ctx, remainAge, remainPage)
	if err != nil || len(open) == 0 {
		return 0, err
	}
	ended, err := r.Store.WithoutLivingRun(ctx, open)
	if err != nil {
		return 0, err
	}
	for i, ref := range ended {
		if err := r.Records.CloseRun(ctx, ref.EnvironmentID, ref.RunID); err != nil {
			return i, err
		}
	}
	return len(ended), nil
}

// openOperations ends operations that are shown as running, of runs that have ended: the words of who closed them were lost with him.
func (r *Remains) openOperations(ctx context.Context) (int, error) {
	open, err := r.Logs.OpenOperations(ctx, remainAge, remainPage)
	if err != nil {
		return 0, err
	}
	cleared := 0
	for _, ref := range open {
		ended, err := r.Store.EndedRun(ctx, ref.EnvironmentID, ref.RunUID)
		if errors.Is(err, causeway.ErrNotFound) {
			continue // it lives
		}
		if err != nil {
			return cleared, fmt.Errorf("end the operation of run %s: %w", ref.RunUID, err)
		}
		if time.Since(ended.EndedAt) < remainAge {
			continue // its closer's words are on their way
		}
		ref.RunID = ended.RunID
		if err := r.Redis.FreeLocks(ctx, ref.EnvironmentID, ended.OperationID); err != nil {
			r.Logger.Warn("locks of a run could not be freed yet", "run", ref.RunID, "error", err)
		}
		r.endOperation(ctx, ref, ended, ended.Outcome)
		cleared++
	}
	return cleared, nil
}
