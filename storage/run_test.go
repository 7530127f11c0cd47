package storage_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// runs is a store with a seeded environment and a live worker "w1".
type runs struct {
	*storage.Store
	t    *testing.T
	env  storagetest.Environment
	pool *pgxpool.Pool
	blob *storage.Blob
}

func newRuns(t *testing.T) *runs {
	t.Helper()
	url := storagetest.URL(t)
	pool := storagetest.Pool(t, url)
	r := &runs{Store: storagetest.Open(t, url), t: t, env: storagetest.Seed(t, pool, "acme"), pool: pool}
	blobURL, err := storage.FileURL(t.TempDir())
	require.NoError(t, err)
	blob, err := storage.OpenBlob(t.Context(), blobURL, r.Keys())
	require.NoError(t, err)
	t.Cleanup(func() { _ = blob.Close() })
	r.UseBlob(blob)
	r.blob = blob
	r.worker("w1")
	return r
}

func (r *runs) worker(id string) {
	r.t.Helper()
	require.NoError(r.t, r.RegisterWorker(r.t.Context(), storage.WorkerRow{ID: id, Slots: map[string]int{"sync": 200, "action": 200, "webhook": 200, "event": 50}}, time.Minute))
}

// die lets a worker's lease end and declares its death.
func (r *runs) die(id string) {
	r.t.Helper()
	r.exec(`update worker set lease_until = clock_timestamp() - interval '1 s' where id = $1`, id)
	n, err := r.DeclareDead(r.t.Context())
	require.NoError(r.t, err)
	require.EqualValues(r.t, 1, n)
}

func (r *runs) exec(sql string, args ...any) {
	r.t.Helper()
	_, err := r.pool.Exec(r.t.Context(), sql, args...)
	require.NoError(r.t, err, sql)
}

func (r *runs) count(sql string, args ...any) (n int) {
	r.t.Helper()
	require.NoError(r.t, r.pool.QueryRow(r.t.Context(), sql, args...).Scan(&n), sql)
	return n
}

func (r *runs) create(lane causeway.Lane, input string) storage.Created {
	r.t.Helper()
	kind, async := causeway.RunAction, lane == causeway.LaneActionAsync
	attempts := 1
	if async {
		attempts = 2
	}
	c, err := r.CreateRun(r.t.Context(), r.env.ID, storage.NewRun{
		Kind: kind, Lane: lane, IntegrationID: r.env.IntegrationID, ConnectionID: r.env.ConnectionID, FunctionID: r.env.ActionFunctionID,
		StartWithin: 30 * time.Second, FinishWithin: time.Minute, MaxAttempts: attempts, Input: json.RawMessage(input), Opts: causeway.RunOpts{Async: async},
	})
	require.NoError(r.t, err)
	return c
}

func (r *runs) claim(ref causeway.RunRef, worker string) storage.Claim {
	r.t.Helper()
	c, err := r.ClaimRun(r.t.Context(), ref.EnvironmentID, ref.RunID, worker, ref.Attempt)
	require.NoError(r.t, err)
	return c
}

func (r *runs) lane(lane causeway.Lane) (used, queued int) {
	r.t.Helper()
	require.NoError(r.t, r.pool.QueryRow(r.t.Context(), `select used, queued from run_lane where environment_id = $1 and lane = $2`, r.env.ID, lane).Scan(&used, &queued))
	return used, queued
}

var done = causeway.Outcome{State: causeway.RunSucceeded, Output: json.RawMessage(`{"ok":true}`)}

func TestARunIsClaimedOnceAndClosedOnce(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	c := r.create(causeway.LaneAction, `{"n":1}`)
	require.True(t, c.Admitted)

	claim := r.claim(c.Ref, "w1")
	require.Equal(t, storage.Claim{Verdict: storage.Claimed, Fence: 1, Attempt: 1}, claim)
	assert.Equal(t, storage.Held, r.claim(c.Ref, "w1").Verdict)
	run, err := r.Run(ctx, r.env.ID, c.Ref.RunID)
	require.NoError(t, err)
	assert.Equal(t, "demo", run.IntegrationKey)
	assert.Equal(t, "c1", run.ConnectionKey)
	assert.Equal(t, "act", run.FunctionName)
	assert.NotZero(t, run.VersionID, "the first claim fixes the version")
	input, err := r.RunInput(ctx, r.env.ID, c.Ref.RunID)
	require.NoError(t, err)
	assert.JSONEq(t, `{"n":1}`, string(input))

	_, err = r.CloseRun(ctx, c.Ref, claim.Fence+1, done, nil)
	require.ErrorIs(t, err, storage.ErrStale, "a fence that nobody holds")
	closed, err := r.CloseRun(ctx, c.Ref, claim.Fence, done, nil)
	require.NoError(t, err)
	assert.False(t, closed.Repeated)
	closed, err = r.CloseRun(ctx, c.Ref, claim.Fence, done, nil)
	require.NoError(t, err)
	assert.True(t, closed.Repeated, "a repeat of an own close is a success")
	assert.Equal(t, storage.Ended, r.claim(c.Ref, "w1").Verdict)

	ended, err := r.EndedRun(ctx, r.env.ID, c.Ref.RunUID)
	require.NoError(t, err)
	assert.Equal(t, causeway.RunSucceeded, ended.Outcome.State)
	assert.JSONEq(t, `{"ok":true}`, string(ended.Outcome.Output))
	_, err = r.EndedRun(ctx, r.env.ID+1, c.Ref.RunUID)
	require.ErrorIs(t, err, causeway.ErrNotFound, "another environment's run")
	used, queued := r.lane(causeway.LaneAction)
	assert.Zero(t, used+queued)
}

func TestLargePayloadsGoByReference(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	big := `"` + string(make([]byte, 0, 200_000)) + repeat('x', 150_000) + `"`
	c := r.create(causeway.LaneAction, big)
	assert.Equal(t, 1, r.count(`select count(*) from run where input_ref is not null and input_enc is null`))
	input, err := r.RunInput(ctx, r.env.ID, c.Ref.RunID)
	require.NoError(t, err)
	assert.Equal(t, big, string(input))
	claim := r.claim(c.Ref, "w1")
	_, err = r.CloseRun(ctx, c.Ref, claim.Fence, causeway.Outcome{State: causeway.RunSucceeded, Output: json.RawMessage(big)}, nil)
	require.NoError(t, err)
	ended, err := r.EndedRun(ctx, r.env.ID, c.Ref.RunUID)
	require.NoError(t, err)
	assert.Equal(t, big, string(ended.Outcome.Output))
}

func repeat(b byte, n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = b
	}
	return string(out)
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name    string
		lane    causeway.Lane
		prepare func(r *runs, ref causeway.RunRef)
		want    storage.Verdict
	}{
		{"a worker that was declared dead", causeway.LaneAction, func(r *runs, _ causeway.RunRef) { r.die("w1"); r.worker("w2") }, storage.Dead},
		{"too late", causeway.LaneAction, func(r *runs, _ causeway.RunRef) { r.exec(`update run set start_by = clock_timestamp()`) }, storage.Late},
		{"cancelled while it waited", causeway.LaneAction, func(r *runs, ref causeway.RunRef) {
			_, err := r.CancelRun(r.t.Context(), r.env.ID, ref.RunID, "test")
			require.NoError(r.t, err)
		}, storage.Cancelled},
		{"function disabled", causeway.LaneAction, func(r *runs, _ causeway.RunRef) { r.exec(`update function set enabled = false`) }, storage.Blocked},
		{"connection gone", causeway.LaneAction, func(r *runs, _ causeway.RunRef) { r.exec(`update connection set deleted_at = now()`) }, storage.Blocked},
		{"no slot", causeway.LaneAction, func(r *runs, _ causeway.RunRef) { r.exec(`update run set admitted_at = null`) }, storage.NotAdmitted},
		{"a repeated execution of an earlier attempt", causeway.LaneActionAsync, func(r *runs, _ causeway.RunRef) { r.exec(`update run set attempt = 1`) }, storage.NotAdmitted},
		{"its owner is dead", causeway.LaneAction, func(r *runs, ref causeway.RunRef) {
			r.worker("w0")
			require.Equal(r.t, storage.Claimed, r.claim(ref, "w0").Verdict)
			r.die("w0")
		}, storage.Lost},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRuns(t)
			created := r.create(c.lane, `1`)
			c.prepare(r, created.Ref)
			assert.Equal(t, c.want, r.claim(created.Ref, "w1").Verdict)
		})
	}
}

func TestAsyncActionsRunOneAtATimeInTheOrderOfTheirCreation(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	first, second, third := r.create(causeway.LaneActionAsync, `1`), r.create(causeway.LaneActionAsync, `2`), r.create(causeway.LaneActionAsync, `3`)
	assert.True(t, first.Admitted)
	assert.False(t, second.Admitted || third.Admitted)
	assert.False(t, second.Ask, "a full lane needs no scheduler: a closer admits")

	claim := r.claim(first.Ref, "w1")
	again, err := r.RetryRun(ctx, r.env.ID, first.Ref.RunID, claim.Fence)
	require.NoError(t, err)
	require.True(t, again)
	next, err := r.AdmitNext(ctx, r.env.ID, causeway.LaneActionAsync)
	require.NoError(t, err)
	require.NotNil(t, next)
	assert.Equal(t, first.Ref.RunUID, next.RunUID, "the retried one is still the oldest")
	assert.Equal(t, 2, next.Attempt)
	assert.Equal(t, storage.NotAdmitted, r.claim(first.Ref, "w1").Verdict, "the execution of attempt 1 can't take attempt 2")

	claim = r.claim(*next, "w1")
	require.Equal(t, storage.Claimed, claim.Verdict)
	again, err = r.RetryRun(ctx, r.env.ID, first.Ref.RunID, claim.Fence)
	require.NoError(t, err)
	assert.False(t, again, "no attempt is left")
	closed, err := r.CloseRun(ctx, first.Ref, claim.Fence, causeway.Outcome{State: causeway.RunFailed, Code: "x"}, nil)
	require.NoError(t, err)
	assert.True(t, closed.Next)
	next, err = r.AdmitNext(ctx, r.env.ID, causeway.LaneActionAsync)
	require.NoError(t, err)
	assert.Equal(t, second.Ref.RunUID, next.RunUID)
	none, err := r.AdmitNext(ctx, r.env.ID, causeway.LaneActionAsync)
	require.NoError(t, err)
	assert.Nil(t, none, "one at a time")
}

func TestAFullQueueRefusesAndWritesNothing(t *testing.T) {
	r := newRuns(t)
	r.exec(`update run_lane set queue_cap = 0 where lane = 'action'`)
	_, err := r.CreateRun(t.Context(), r.env.ID, storage.NewRun{Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: r.env.IntegrationID,
		ConnectionID: r.env.ConnectionID, FunctionID: r.env.ActionFunctionID, StartWithin: time.Second, FinishWithin: time.Second})
	require.ErrorIs(t, err, storage.ErrQueueFull)
	assert.Zero(t, r.count(`select count(*) from run`))
}

// turn takes a turn of the only group.
func (r *runs) turn(name string) storage.Turn {
	r.t.Helper()
	turn, err := r.TakeTurn(r.t.Context(), 0, name, time.Second)
	require.NoError(r.t, err)
	return turn
}

func (r *runs) sync() storage.SyncRow {
	r.t.Helper()
	all, err := r.Syncs(r.t.Context(), r.env.ID, storage.SyncFilter{IntegrationID: r.env.IntegrationID})
	require.NoError(r.t, err)
	require.Len(r.t, all, 1)
	return all[0]
}

func TestASyncRunsByItsSchedule(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	isNew, err := r.EnsureSyncs(ctx, r.env.ID, r.env.ConnectionID)
	require.NoError(t, err)
	require.True(t, isNew)

	turn := r.turn("a:1")
	require.Len(t, turn.Start, 1)
	assert.InDelta(t, time.Hour, turn.In, float64(time.Minute), "the next due time is known while the run is on")
	require.Len(t, r.turn("a:1").Start, 1, "a repeated turn finds what its first attempt admitted and did not start")
	assert.Empty(t, r.turn("a:2").Start, "a run never overlaps itself")

	ref := turn.Start[0]
	claim := r.claim(ref, "w1")
	require.Equal(t, storage.Claimed, claim.Verdict)
	opened := time.Now().UTC().Truncate(time.Microsecond)
	closed, err := r.CloseRun(ctx, ref, claim.Fence, causeway.Outcome{State: causeway.RunSucceeded, Result: &causeway.RunResult{Models: map[string]causeway.Counts{"Item": {Added: 3}}}}, &opened)
	require.NoError(t, err)
	require.NotNil(t, closed.NextDueAt)
	s := r.sync()
	assert.Equal(t, opened, s.LastSyncAt.UTC(), "the last sync date is the start of the run")
	assert.EqualValues(t, 3, s.LastResult.Models["Item"].Added)
	assert.Zero(t, int(closed.NextDueAt.Sub(s.StartsAt).Seconds())%3600, "the next due time lies on the grid of its creation")

	t.Run("a failed run leaves the date alone and shows a problem", func(t *testing.T) {
		start, _, err := r.RequestSync(ctx, r.env.ID, s.ID, storage.RequestRun)
		require.NoError(t, err)
		claim := r.claim(*start, "w1")
		_, err = r.CloseRun(ctx, *start, claim.Fence, causeway.Outcome{State: causeway.RunFailed, Code: "script_http_error", Message: "no"}, nil)
		require.NoError(t, err)
		assert.Equal(t, opened, r.sync().LastSyncAt.UTC())
		assert.Equal(t, 1, r.count(`select count(*) from problem where type = 'sync'`))
	})
}

func TestPauseResumeAndRunNow(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	_, err := r.EnsureSyncs(ctx, r.env.ID, r.env.ConnectionID)
	require.NoError(t, err)
	id := r.sync().ID
	turn := r.turn("a:1")
	require.Len(t, turn.Start, 1)

	stopped, err := r.PauseSync(ctx, r.env.ID, id)
	require.NoError(t, err)
	require.NotNil(t, stopped)
	assert.Equal(t, causeway.RunWaiting, stopped.State)
	assert.Equal(t, storage.Cancelled, r.claim(turn.Start[0], "w1").Verdict, "a later claim finds the pause")
	closed, err := r.CloseWaitingRun(ctx, stopped.Ref, stopped.Fence, causeway.Outcome{State: causeway.RunCancelled})
	require.NoError(t, err)
	assert.Nil(t, closed.NextDueAt, "a paused sync is not due")
	assert.Empty(t, r.turn("a:2").Start)

	start, _, err := r.RequestSync(ctx, r.env.ID, id, storage.RequestRun)
	require.NoError(t, err)
	require.NotNil(t, start, "run now works while paused")
	_, _, err = r.RequestSync(ctx, r.env.ID, id, storage.RequestRun)
	require.ErrorIs(t, err, storage.ErrAlreadyRunning)
	assert.Zero(t, r.count(`select count(*) from sync where request is not null`), "a refused wish leaves nothing")

	claim := r.claim(*start, "w1")
	require.Equal(t, storage.Claimed, claim.Verdict)
	_, living, err := r.RequestSync(ctx, r.env.ID, id, storage.RequestFull)
	require.NoError(t, err)
	require.NotNil(t, living, "a full run stops the living one")
	closed, err = r.CloseRun(ctx, *start, claim.Fence, causeway.Outcome{State: causeway.RunCancelled}, nil)
	require.NoError(t, err)
	assert.True(t, closed.Again)
	start, err = r.OpenRequested(ctx, r.env.ID, id)
	require.NoError(t, err)
	require.NotNil(t, start)
	run, err := r.Run(ctx, r.env.ID, start.RunID)
	require.NoError(t, err)
	assert.True(t, run.Opts.Reset)
	assert.Equal(t, "full", run.RunType)

	due, err := r.ResumeSync(ctx, r.env.ID, id)
	require.NoError(t, err)
	assert.NotNil(t, due)
}

func TestATakeOverResumesASyncAndAnOldFenceIsStale(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	_, err := r.EnsureSyncs(ctx, r.env.ID, r.env.ConnectionID)
	require.NoError(t, err)
	ref := r.turn("a:1").Start[0]
	old := r.claim(ref, "w1")
	r.die("w1")
	r.worker("w2")
	taken := r.claim(ref, "w2")
	assert.Equal(t, storage.Resume, taken.Verdict)
	assert.Equal(t, old.Fence+1, taken.Fence)
	_, err = r.CloseRun(ctx, ref, old.Fence, done, nil)
	require.ErrorIs(t, err, storage.ErrStale)
	_, err = r.RenewWorker(ctx, "w1", time.Minute)
	require.ErrorIs(t, err, storage.ErrDeclaredDead)

	ok, err := r.HandBackRun(ctx, r.env.ID, ref.RunID, taken.Fence)
	require.NoError(t, err)
	assert.True(t, ok)
	used, _ := r.lane(causeway.LaneSync)
	assert.Equal(t, 1, used, "a run that is handed back keeps its slot")
	assert.Equal(t, storage.Claimed, r.claim(ref, "w2").Verdict)
}

func TestADeletedConnectionStopsItsSyncsAndARevivedOneKeepsItsId(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	_, err := r.EnsureSyncs(ctx, r.env.ID, r.env.ConnectionID)
	require.NoError(t, err)
	before := r.sync()
	r.turn("a:1")
	stopped, err := r.DeleteSyncsOfFunctions(ctx, r.env.ID, []int64{r.env.SyncFunctionID})
	require.NoError(t, err)
	require.Len(t, stopped, 1)
	_, err = r.CloseWaitingRun(ctx, stopped[0].Ref, stopped[0].Fence, causeway.Outcome{State: causeway.RunCancelled})
	require.NoError(t, err)
	assert.Empty(t, r.turn("a:2").Start)

	r.exec(`update sync set paused_at = clock_timestamp()`)
	_, err = r.EnsureSyncs(ctx, r.env.ID, r.env.ConnectionID)
	require.NoError(t, err)
	assert.Equal(t, before.UID, r.sync().UID)
	assert.NotNil(t, r.sync().PausedAt, "a user's pause survives")
}

func TestReconcilerFindsWhatWasLost(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	t.Run("a run that nobody started in time", func(t *testing.T) {
		c := r.create(causeway.LaneAction, `1`)
		r.exec(`update run set start_by = clock_timestamp() where id = $1`, c.Ref.RunID)
		over, err := r.OverdueRuns(ctx)
		require.NoError(t, err)
		require.Len(t, over, 1)
		assert.Equal(t, causeway.RunExpired, over[0].Outcome.State)
		_, err = r.CloseWaitingRun(ctx, over[0].Ref, over[0].Fence, over[0].Outcome)
		require.NoError(t, err)
	})
	t.Run("an action whose worker died", func(t *testing.T) {
		r.worker("w9")
		c := r.create(causeway.LaneAction, `1`)
		r.claim(c.Ref, "w9")
		r.die("w9")
		over, err := r.OverdueRuns(ctx)
		require.NoError(t, err)
		require.Len(t, over, 1)
		assert.Equal(t, causeway.CodeOutcomeUnknown, over[0].Outcome.Code)
		_, err = r.CloseRun(ctx, over[0].Ref, over[0].Fence, over[0].Outcome, nil)
		require.NoError(t, err)
	})
	t.Run("an admitted run whose start was lost", func(t *testing.T) {
		c := r.create(causeway.LaneAction, `1`)
		ring, err := r.RunsToRing(ctx, 0)
		require.NoError(t, err)
		require.Len(t, ring, 1)
		assert.Equal(t, c.Ref.RunUID, ring[0].RunUID)
	})
	t.Run("a lane whose closer died, and wrong counters", func(t *testing.T) {
		r.exec(`update run_lane set queued = 2 where lane = 'action'`)
		lanes, err := r.LanesWithRoom(ctx)
		require.NoError(t, err)
		assert.Len(t, lanes, 1)
		n, err := r.RecountLanes(ctx)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		_, queued := r.lane(causeway.LaneAction)
		assert.Zero(t, queued)
	})
	t.Run("a wish that nobody opened, and a scheduler that sleeps", func(t *testing.T) {
		_, err := r.EnsureSyncs(ctx, r.env.ID, r.env.ConnectionID)
		require.NoError(t, err)
		r.exec(`update sync set request = 'run', next_due_at = clock_timestamp() - interval '1 minute'`)
		asked, err := r.RequestedSyncs(ctx)
		require.NoError(t, err)
		assert.Len(t, asked, 1)
		groups, err := r.LateGroups(ctx)
		require.NoError(t, err)
		assert.Equal(t, []int{0}, groups)
	})
}

func TestAskingRingsOnlyASchedulerThatSleepsTooLong(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	r.exec(`update schedule set wakes_at = clock_timestamp() + interval '10 s'`)
	_, ring, err := r.AskScheduler(ctx, r.env.ID, time.Now().Add(time.Minute))
	require.NoError(t, err)
	assert.False(t, ring, "it looks early enough")
	_, ring, err = r.AskScheduler(ctx, r.env.ID, time.Now().Add(time.Second))
	require.NoError(t, err)
	assert.True(t, ring)
	_, ring, err = r.AskScheduler(ctx, r.env.ID, time.Now().Add(time.Second))
	require.NoError(t, err)
	assert.False(t, ring, "somebody has rung already")
	_, err = r.RunLives(ctx, r.env.ID, uuid.New())
	require.NoError(t, err)
}
