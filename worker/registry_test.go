package worker

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/storage"
)

// places are runner slots in which nothing may run.
type places struct{ taken int }

func (p *places) TryAcquire(int64, bool) (RunnerSlot, bool) {
	p.taken++
	return noSlot{}, true
}

// A process that was stopped for a while claims a run, and by the time it hears the answer others hold it for dead. Nobody aborts a script
// that isn't there yet: it must not begin at all.
func TestAClaimOfAProcessThatMayBeDeadBeginsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		asleep time.Duration
		again  bool
	}{
		"its lease may be over":                  {11 * time.Second, false},
		"it has registered under another id":     {0, true},
		"it was declared dead and is back again": {20 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := assemble(t.Context(), Options{Runners: &places{}, Slots: map[string]int{"action": 1}, Lease: 15 * time.Second, Logger: slog.New(slog.DiscardHandler)})
				defer w.end()
				w.lease.store = &leases{}
				require.NoError(t, w.lease.register(context.Background()))
				ref := causeway.RunRef{RunID: 1, Kind: causeway.RunAction}
				slot, ok := w.registry.Reserve(ref)
				require.True(t, ok)
				claim := storage.Claim{Verdict: storage.Claimed, Fence: 1, Owner: w.lease.id()}
				time.Sleep(c.asleep)
				if c.again {
					require.True(t, w.lease.again(context.Background()))
				}
				ex := slot.Begin(ref, claim) // it would panic here: this worker has no store to load the run from
				<-ex.Done()
				assert.Equal(t, activities.ToResume, ex.Report().Status, "the row says what follows")
				_, here := w.registry.Find(ref)
				assert.False(t, here)
			})
		})
	}
}
