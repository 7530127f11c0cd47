package storage_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// ensured makes the environment's only sync.
func (r *runs) ensured() storage.SyncRow {
	r.t.Helper()
	_, err := r.EnsureSyncs(r.t.Context(), r.env.ID, r.env.ConnectionID)
	require.NoError(r.t, err)
	return r.sync()
}

// begin starts a transaction of another session.
func (r *runs) begin() pgx.Tx {
	r.t.Helper()
	tx, err := r.pool.Begin(r.t.Context())
	require.NoError(r.t, err)
	return tx
}

// waitForLock waits until n sessions wait for a lock, so that an order of two operations is certain.
func (r *runs) waitForLock(n int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		return r.count(`select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) >= n
	}, 10*time.Second, 5*time.Millisecond)
}

func TestDueTimesLieOnTheGridOfTheAnchor(t *testing.T) {
	r := newRuns(t)
	for _, c := range []struct {
		name      string
		age       string // of the anchor
		frequency time.Duration
		next      time.Duration // from the anchor
	}{
		{"before the first point", "10 s", 30 * time.Second, 30 * time.Second},
		{"points that were missed vanish", "95 s", 30 * time.Second, 120 * time.Second},
		{"after a month, by the minute", "30 days 30 s", time.Minute, 30*24*time.Hour + time.Minute},
		{"a fraction of an hour", "3 hours", 7 * time.Minute, 182 * time.Minute},
		{"an anchor ahead", "-1 hour", time.Hour, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			s := r.ensured()
			// A due time that is past would stay; one that lies ahead moves.
			r.exec(`update sync set frequency_override_s = null, starts_at = clock_timestamp() - $1::interval, next_due_at = clock_timestamp() + interval '1 year'`, c.age)
			due, err := r.SetSyncFrequency(t.Context(), r.env.ID, s.ID, c.frequency)
			require.NoError(t, err)
			require.NotNil(t, due)
			want := r.sync().StartsAt.Add(c.next)
			if c.next == 0 { // the first point after now
				want = r.sync().StartsAt
			}
			assert.WithinDuration(t, want, *due, time.Second)
			assert.Zero(t, due.Sub(r.sync().StartsAt)%c.frequency, "on the grid to the microsecond")
			assert.True(t, due.After(time.Now()))
		})
	}
}

func TestARunThatOutlastsItsIntervalMakesTheMissedPointsVanish(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	s := r.ensured()
	_, err := r.SetSyncFrequency(ctx, r.env.ID, s.ID, 30*time.Second)
	require.NoError(t, err)
	ref := r.turn("a:1").Start[0]
	claim := r.claim(ref, "w1")
	// Three points pass while it runs.
	r.exec(`update sync set starts_at = starts_at - interval '100 s', next_due_at = next_due_at - interval '100 s'`)
	turn := r.turn("a:2")
	assert.Empty(t, turn.Start)
	assert.Negative(t, turn.In, "a sync that runs past its due time isn't waited for: its closer asks")
	closed, err := r.CloseRun(ctx, ref, claim.Fence, done, nil)
	require.NoError(t, err)
	require.NotNil(t, closed.NextDueAt)
	assert.WithinDuration(t, r.sync().StartsAt.Add(120*time.Second), *closed.NextDueAt, 0, "one run for all of them, at the next point")
	assert.Empty(t, r.turn("a:3").Start)
}

func TestAFrequencyOfItsOwn(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	s := r.ensured()
	due, err := r.SetSyncFrequency(ctx, r.env.ID, s.ID, time.Minute)
	require.NoError(t, err)
	assert.Nil(t, due, "the first run is owed, whatever the frequency: its due time stays")
	require.Len(t, r.turn("a:1").Start, 1)

	due, err = r.SetSyncFrequency(ctx, r.env.ID, s.ID, 2*time.Minute)
	require.NoError(t, err)
	assert.WithinDuration(t, s.StartsAt.Add(2*time.Minute), *due, 0, "the running script is not touched")
	due, err = r.SetSyncFrequency(ctx, r.env.ID, s.ID, 2*time.Minute)
	require.NoError(t, err)
	assert.Nil(t, due, "the same value moves nothing")

	due, err = r.SetFunctionFrequency(ctx, r.env.ID, r.env.SyncFunctionID, 10*time.Minute, "10m")
	require.NoError(t, err)
	assert.Nil(t, due, "it keeps its own")
	due, err = r.SetSyncFrequency(ctx, r.env.ID, s.ID, 0)
	require.NoError(t, err)
	assert.WithinDuration(t, s.StartsAt.Add(10*time.Minute), *due, 0, "back to the function's")
	assert.Equal(t, 10*time.Minute, r.sync().Frequency)
	due, err = r.SetFunctionFrequency(ctx, r.env.ID, r.env.SyncFunctionID, 20*time.Minute, "20m")
	require.NoError(t, err)
	assert.WithinDuration(t, s.StartsAt.Add(20*time.Minute), *due, 0)

	// A deploy writes the function and brings the syncs into step afterwards.
	r.exec(`update function set frequency_s = 1800 where id = $1`, r.env.SyncFunctionID)
	for range 2 {
		_, err = r.EnsureSyncsAfter(ctx, r.env.ID, 0, 500)
		require.NoError(t, err)
		assert.WithinDuration(t, s.StartsAt.Add(30*time.Minute), *r.sync().NextDueAt, 0)
	}
	_, err = r.SetSyncFrequency(ctx, r.env.ID+1, s.ID, time.Minute)
	require.ErrorIs(t, err, causeway.ErrNotFound, "another environment's sync")
}

func TestAFunctionSwitchedOffAndOnAgain(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	s := r.ensured()
	ref := r.turn("a:1").Start[0]
	stopped, _, err := r.SetFunctionEnabled(ctx, r.env.ID, r.env.SyncFunctionID, false)
	require.NoError(t, err)
	require.Len(t, stopped, 1)
	assert.Equal(t, storage.Cancelled, r.claim(ref, "w1").Verdict)
	closed, err := r.CloseWaitingRun(ctx, stopped[0].Ref, stopped[0].Fence, causeway.Outcome{State: causeway.RunCancelled})
	require.NoError(t, err)
	assert.Nil(t, closed.NextDueAt)
	assert.Nil(t, r.sync().NextDueAt)
	turn := r.turn("a:2")
	assert.Empty(t, turn.Start)
	assert.Negative(t, turn.In, "nothing to wait for")
	_, _, err = r.RequestSync(ctx, r.env.ID, s.ID, storage.RequestRun)
	require.ErrorIs(t, err, storage.ErrDisabled)
	assert.Zero(t, r.count(`select count(*) from sync where request is not null`))

	_, due, err := r.SetFunctionEnabled(ctx, r.env.ID, r.env.SyncFunctionID, true)
	require.NoError(t, err)
	assert.WithinDuration(t, s.StartsAt.Add(time.Hour), *due, 0)
	_, _, err = r.SetFunctionEnabled(ctx, r.env.ID+1, r.env.SyncFunctionID, false)
	require.ErrorIs(t, err, causeway.ErrNotFound, "another environment's function")
}

func TestPauseAgainstClaimInBothOrders(t *testing.T) {
	t.Run("the claim first", func(t *testing.T) {
		r, ctx := newRuns(t), t.Context()
		s := r.ensured()
		ref := r.turn("a:1").Start[0]
		claim := r.claim(ref, "w1")
		require.Equal(t, storage.Claimed, claim.Verdict)
		stopped, err := r.PauseSync(ctx, r.env.ID, s.ID)
		require.NoError(t, err)
		assert.Equal(t, causeway.RunRunning, stopped.State, "its owner ends it")
		cancelled, err := r.RenewWorker(ctx, "w1", time.Minute)
		require.NoError(t, err)
		assert.Equal(t, []int64{ref.RunID}, cancelled, "and hears of it with its next renewal")
	})
	t.Run("the claim meets a pause that is not committed yet", func(t *testing.T) {
		r, ctx := newRuns(t), t.Context()
		s := r.ensured()
		ref := r.turn("a:1").Start[0]
		tx := r.begin()
		_, err := tx.Exec(ctx, `update sync set paused_at = clock_timestamp() where environment_id = $1 and id = $2`, r.env.ID, s.ID)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, `update run set cancel_at = clock_timestamp() where environment_id = $1 and id = $2`, r.env.ID, ref.RunID)
		require.NoError(t, err)
		verdict := make(chan storage.Verdict, 1)
		go func() {
			c, err := r.ClaimRun(ctx, r.env.ID, ref.RunID, "w1", 0)
			assert.NoError(t, err)
			verdict <- c.Verdict
		}()
		r.waitForLock(1)
		require.NoError(t, tx.Commit(ctx))
		assert.Equal(t, storage.Cancelled, <-verdict)
	})
}

func TestPauseAgainstOpenInBothOrders(t *testing.T) {
	t.Run("a turn skips a sync that is being paused, and doesn't open it afterwards", func(t *testing.T) {
		r, ctx := newRuns(t), t.Context()
		s := r.ensured()
		tx := r.begin()
		_, err := tx.Exec(ctx, `update sync set paused_at = clock_timestamp() where environment_id = $1 and id = $2`, r.env.ID, s.ID)
		require.NoError(t, err)
		assert.Empty(t, r.turn("a:1").Start)
		require.NoError(t, tx.Commit(ctx))
		assert.Empty(t, r.turn("a:2").Start)
	})
	t.Run("a pause waits for an open, and stops the run", func(t *testing.T) {
		r, ctx := newRuns(t), t.Context()
		s := r.ensured()
		tx := r.begin()
		_, err := tx.Exec(ctx, storage.OpenDueSQL, pgx.QueryExecModeExec, 0, 1, []string{uuid.Must(uuid.NewV7()).String()}, []string{causeway.NewOperationID(time.Now())})
		require.NoError(t, err)
		stopped := make(chan *storage.Cancelling, 1)
		go func() {
			x, err := r.PauseSync(ctx, r.env.ID, s.ID)
			assert.NoError(t, err)
			stopped <- x
		}()
		r.waitForLock(1)
		require.NoError(t, tx.Commit(ctx))
		x := <-stopped
		require.NotNil(t, x, "the run that was just opened")
		assert.Equal(t, causeway.RunWaiting, x.State)
		_, queued := r.lane(causeway.LaneSync)
		assert.Equal(t, 1, queued)
		_, err = r.CloseWaitingRun(ctx, x.Ref, x.Fence, causeway.Outcome{State: causeway.RunCancelled})
		require.NoError(t, err)
		used, queued := r.lane(causeway.LaneSync)
		assert.Zero(t, used+queued)
	})
	t.Run("resume keeps the stored due time, so that an overdue sync runs at once", func(t *testing.T) {
		r, ctx := newRuns(t), t.Context()
		s := r.ensured()
		_, err := r.PauseSync(ctx, r.env.ID, s.ID)
		require.NoError(t, err)
		r.exec(`update sync set next_due_at = clock_timestamp() - interval '1 hour'`)
		due, err := r.ResumeSync(ctx, r.env.ID, s.ID)
		require.NoError(t, err)
		assert.True(t, due.Before(time.Now()))
		assert.Len(t, r.turn("a:1").Start, 1)
	})
}

func TestATurnMeetsASyncThatWasAskedFor(t *testing.T) {
	r := newRuns(t)
	r.ensured()
	r.exec(`update sync set request = 'full'`) // its closer died before it opened it
	turn := r.turn("a:1")
	require.Len(t, turn.Start, 1, "admitted like any other")
	used, queued := r.lane(causeway.LaneSync)
	assert.Equal(t, []int{1, 0}, []int{used, queued})
	run, err := r.Run(t.Context(), r.env.ID, turn.Start[0].RunID)
	require.NoError(t, err)
	assert.True(t, run.Opts.Reset, "the wish is kept")
	n, err := r.RecountLanes(t.Context())
	require.NoError(t, err)
	assert.Zero(t, n)
}

func TestAResetThatNeverRanIsAskedForAgain(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	s := r.ensured()
	start, _, err := r.RequestSync(ctx, r.env.ID, s.ID, storage.RequestFullEmpty)
	require.NoError(t, err)
	closed, err := r.CloseWaitingRun(ctx, *start, 0, causeway.Outcome{State: causeway.RunExpired})
	require.NoError(t, err)
	assert.True(t, closed.Again)
	again, err := r.OpenRequested(ctx, r.env.ID, s.ID)
	require.NoError(t, err)
	run, err := r.Run(ctx, r.env.ID, again.RunID)
	require.NoError(t, err)
	assert.Equal(t, causeway.RunOpts{Reset: true, Empty: true}, run.Opts)
}

func TestOfTwoThatEndARunOneDoes(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	c := r.create(causeway.LaneAction, `1`)
	claim := r.claim(c.Ref, "w1")
	outcomes := []causeway.Outcome{done, {State: causeway.RunFailed, Code: causeway.CodeOutcomeUnknown}}
	errs := make([]error, len(outcomes))
	var both sync.WaitGroup
	for i, out := range outcomes {
		both.Go(func() { _, errs[i] = r.CloseRun(ctx, c.Ref, claim.Fence, out, nil) })
	}
	both.Wait()
	ended, err := r.EndedRun(ctx, r.env.ID, c.Ref.RunUID)
	require.NoError(t, err)
	for i, out := range outcomes {
		if ended.Outcome.State == out.State {
			require.NoError(t, errs[i])
		} else {
			require.ErrorIs(t, errs[i], storage.ErrStale, "a worker that was declared dead mustn't believe that its outcome stands")
		}
	}
	assert.Equal(t, 1, r.count(`select count(*) from run_history`))
	used, queued := r.lane(causeway.LaneAction)
	assert.Zero(t, used+queued)
}

func TestAFencedWriteHoldsATakeOverBack(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	r.ensured()
	ref := r.turn("a:1").Start[0]
	old := r.claim(ref, "w1")
	r.worker("w2")
	verdict := make(chan storage.Claim, 1)
	require.NoError(t, r.Fenced(ctx, r.env.ID, ref.RunID, old.Fence, func(pgx.Tx) error {
		r.die("w1") // while its transaction is open
		go func() {
			c, err := r.ClaimRun(ctx, r.env.ID, ref.RunID, "w2", 0)
			assert.NoError(t, err)
			verdict <- c
		}()
		r.waitForLock(1)
		assert.Empty(t, verdict, "the take-over waits for the old holder's commit")
		return nil
	}))
	assert.Equal(t, storage.Resume, (<-verdict).Verdict)
	err := r.Fenced(ctx, r.env.ID, ref.RunID, old.Fence, func(pgx.Tx) error { t.Error("written"); return nil })
	require.ErrorIs(t, err, storage.ErrStale)
}

func TestVariants(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	base := r.ensured()
	v, err := r.CreateVariant(ctx, r.env.ID, base, "eu")
	require.NoError(t, err)
	require.NotNil(t, v.NextDueAt)
	_, err = r.CreateVariant(ctx, r.env.ID, base, "eu")
	require.ErrorIs(t, err, storage.ErrVariantExists)
	assert.Len(t, r.turn("a:1").Start, 2, "it has a schedule of its own")

	stopped, err := r.DeleteSync(ctx, r.env.ID, v.ID)
	require.NoError(t, err)
	require.NotNil(t, stopped)
	assert.Equal(t, base.UID, r.sync().UID, "only the base is left")
	_, err = r.DeleteSync(ctx, r.env.ID, v.ID)
	require.ErrorIs(t, err, causeway.ErrNotFound)
	again, err := r.CreateVariant(ctx, r.env.ID, base, "eu")
	require.NoError(t, err)
	assert.Equal(t, v.UID, again.UID, "one that comes back keeps its id")

	for i := 2; i < 100; i++ {
		_, err = r.CreateVariant(ctx, r.env.ID, base, fmt.Sprint("v", i))
		require.NoError(t, err)
	}
	_, err = r.CreateVariant(ctx, r.env.ID, base, "one-too-many")
	require.ErrorIs(t, err, storage.ErrVariantCap)
	_, err = r.CreateVariant(ctx, r.env.ID, base, "eu")
	require.ErrorIs(t, err, storage.ErrVariantExists)
}

func TestABacklogOfOneEnvironmentDoesNotDelayTheOthersOfItsGroup(t *testing.T) {
	r := newRuns(t)
	r.ensured()
	late := storagetest.Seed(t, r.pool, "late")
	r.exec(`insert into connection (environment_id, integration_id, connection_id) select $1, $2, 'n' || n from generate_series(1, 250) n`, r.env.ID, r.env.IntegrationID)
	_, err := r.EnsureSyncsAfter(t.Context(), r.env.ID, 0, 500)
	require.NoError(t, err)
	_, err = r.EnsureSyncs(t.Context(), late.ID, late.ConnectionID) // due after all of them
	require.NoError(t, err)
	r.exec(`update run_lane set cap = 1000`)
	r.exec(`update worker set slots = '{"sync": 1000}'`)

	opened := map[int64]int{}
	for i := range 4 {
		turn := r.turn(fmt.Sprint("a:", i))
		for _, ref := range turn.Start {
			opened[ref.EnvironmentID]++
		}
		if i == 0 {
			assert.True(t, turn.More)
			assert.Equal(t, map[int64]int{r.env.ID: storage.MaxOpened - 1, late.ID: 1}, opened)
		}
	}
	assert.Equal(t, map[int64]int{r.env.ID: 251, late.ID: 1}, opened)
}
