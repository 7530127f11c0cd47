package host

import (
	"context"
	"time"

	"github.com/causeway-dev/causeway/script"
)

// maxLockTTL bounds how long a lock can live without being renewed: a sync may run for a day.
const maxLockTTL = 24 * time.Hour

// AcquireLock takes a lock for the run, or renews it. Locks belong to the run's operation and live in its environment.
func (h *Host) AcquireLock(ctx context.Context, run *script.Run, q script.LockRequest) (script.LockAnswer, error) {
	ttl := time.Duration(q.TTLMs) * time.Millisecond
	if ttl <= 0 {
		return script.LockAnswer{}, &script.CallError{Code: "invalid_lock", Message: "ttlMs: greater than 0"}
	}
	done, err := h.Redis.AcquireLock(ctx, run.EnvironmentID, q.Key, run.OperationID, min(ttl, maxLockTTL))
	return script.LockAnswer{Done: done}, err
}

// ReleaseLock frees a lock of the run.
func (h *Host) ReleaseLock(ctx context.Context, run *script.Run, q script.LockRequest) (script.LockAnswer, error) {
	done, err := h.Redis.ReleaseLock(ctx, run.EnvironmentID, q.Key, run.OperationID)
	return script.LockAnswer{Done: done}, err
}

// ReleaseAllLocks frees all locks of the run; its end does it too.
func (h *Host) ReleaseAllLocks(ctx context.Context, run *script.Run) (script.LockAnswer, error) {
	n, err := h.Redis.ReleaseAllLocks(ctx, run.EnvironmentID, run.OperationID)
	return script.LockAnswer{Done: n > 0}, err
}
