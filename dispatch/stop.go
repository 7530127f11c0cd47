package dispatch

import (
	"context"
	"errors"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// Stop does what follows the wish to stop a run, after its commit: one that waits is closed, one that runs is told by a bell. The wish is
// in the row: its owner hears of it with its next renewal, and the reconciler closes what nobody closes.
func (d *Dispatcher) Stop(ctx context.Context, x storage.Cancelling) {
	ctx = context.WithoutCancel(ctx)
	if x.State == causeway.RunWaiting {
		closed, err := d.Store.CloseWaitingRun(ctx, x.Ref, x.Fence, causeway.Outcome{State: causeway.RunCancelled, Code: causeway.CodeScriptAborted, Message: "cancelled before it started"})
		switch {
		case err == nil:
			d.Closed(ctx, x.Ref, closed)
		case !errors.Is(err, storage.ErrStale): // stale: it was claimed meanwhile
			d.Logger.Warn("a cancelled run could not be closed; the reconciler will", "run", x.Ref.RunID, "error", err)
		}
	}
	d.CancelRun(ctx, x.Ref)
}
