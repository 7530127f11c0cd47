package activities_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// registry is a worker's registry whose scripts a test ends by hand.
type registry struct {
	id   string
	free int
	slow time.Duration // between a claim and its script

	mu       sync.Mutex
	running  map[int64]*execution
	began    int
	died     []string
	draining bool
}

func (r *registry) WorkerID() string { return r.id }

func (r *registry) Reserve(causeway.RunRef) (activities.Reservation, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free == 0 {
		return nil, false
	}
	r.free--
	return &reservation{r}, true
}

func (r *registry) Find(ref causeway.RunRef) (activities.Execution, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ex, ok := r.running[ref.RunID]
	return ex, ok
}

func (r *registry) Draining() bool { return r.draining }

func (r *registry) Died(id string) { r.died = append(r.died, id) }

type reservation struct{ *registry }

func (s *reservation) Begin(ref causeway.RunRef, claim storage.Claim) activities.Execution {
	if s.slow > 0 {
		<-time.After(s.slow)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began++
	ex := &execution{done: make(chan struct{}), claim: claim, report: activities.Report{Status: activities.Closed, State: causeway.RunSucceeded}}
	s.running[ref.RunID] = ex
	return ex
}

func (s *reservation) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
}

type execution struct {
	done   chan struct{}
	claim  storage.Claim
	report activities.Report
	once   sync.Once
	reason script.Reason
	code   string
}

func (ex *execution) Done() <-chan struct{}     { return ex.done }
func (ex *execution) Report() activities.Report { return ex.report }
func (ex *execution) end()                      { ex.once.Do(func() { close(ex.done) }) }

func (ex *execution) Abort(reason script.Reason, code string) {
	ex.reason, ex.code = reason, code
	ex.report = activities.Report{Status: activities.Closed, State: causeway.RunCancelled, Code: code}
	ex.end()
}

type follower struct {
	mu     sync.Mutex
	closed []storage.Closed
}

func (f *follower) Closed(_ context.Context, _ causeway.RunRef, c storage.Closed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = append(f.closed, c)
}

type fixture struct {
	*activities.Runs
	t        *testing.T
	store    *storage.Store
	pool     *pgxpool.Pool
	env      storagetest.Environment
	here     *registry
	follower *follower
	ended    []causeway.Outcome
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	url := storagetest.URL(t)
	f := &fixture{t: t, store: storagetest.Open(t, url), pool: storagetest.Pool(t, url), here: &registry{id: "here", free: 5, running: map[int64]*execution{}}, follower: &follower{}}
	f.env = storagetest.Seed(t, f.pool, "acme")
	for _, id := range []string{"here", "elsewhere"} {
		require.NoError(t, f.store.RegisterWorker(t.Context(), storage.WorkerRow{ID: id, Slots: map[string]int{"sync": 5, "action": 5}}, time.Minute))
	}
	f.Runs = &activities.Runs{
		Store: f.store, Registry: f.here, Dispatch: f.follower, Logger: slog.New(slog.DiscardHandler),
		Shut:  func(context.Context, causeway.RunRef, int64) error { return nil },
		Ended: func(_ context.Context, _ causeway.RunRef, out causeway.Outcome) { f.ended = append(f.ended, out) },
	}
	return f
}

func (f *fixture) exec(sql string, args ...any) {
	f.t.Helper()
	_, err := f.pool.Exec(f.t.Context(), sql, args...)
	require.NoError(f.t, err)
}

func (f *fixture) action(async bool) causeway.RunRef {
	f.t.Helper()
	n := storage.NewRun{
		Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: f.env.IntegrationID, ConnectionID: f.env.ConnectionID, FunctionID: f.env.ActionFunctionID,
		StartWithin: time.Minute, FinishWithin: time.Minute, MaxAttempts: 3, Opts: causeway.RunOpts{Async: async},
	}
	if async {
		n.Lane = causeway.LaneActionAsync
	}
	created, err := f.store.CreateRun(f.t.Context(), f.env.ID, n)
	require.NoError(f.t, err)
	return created.Ref
}

func (f *fixture) sync() causeway.RunRef {
	f.t.Helper()
	_, err := f.store.EnsureSyncs(f.t.Context(), f.env.ID, f.env.ConnectionID)
	require.NoError(f.t, err)
	var id int64
	require.NoError(f.t, f.pool.QueryRow(f.t.Context(), `select id from sync where environment_id = $1`, f.env.ID).Scan(&id))
	start, _, err := f.store.RequestSync(f.t.Context(), f.env.ID, id, storage.RequestRun)
	require.NoError(f.t, err)
	require.NotNil(f.t, start)
	return *start
}

func (f *fixture) claim(ref causeway.RunRef, workerID string) storage.Claim {
	f.t.Helper()
	c, err := f.store.ClaimRun(f.t.Context(), f.env.ID, ref.RunID, workerID, ref.Attempt)
	require.NoError(f.t, err)
	return c
}

// begin starts the script of a run here, as an activity before has.
func (f *fixture) begin(ref causeway.RunRef) {
	f.t.Helper()
	slot, ok := f.here.Reserve(ref)
	require.True(f.t, ok)
	slot.Begin(ref, f.claim(ref, "here"))
}

func (f *fixture) perform(ref causeway.RunRef) activities.Report {
	f.t.Helper()
	r, err := f.Perform(f.t.Context(), ref)
	require.NoError(f.t, err)
	return r
}

// endScripts lets the scripts that begin end at once.
func (f *fixture) endScripts(ref causeway.RunRef) (stop func()) {
	done := make(chan struct{})
	go func() {
		t := time.NewTicker(time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				if ex, ok := f.here.Find(ref); ok {
					ex.(*execution).end()
				}
			}
		}
	}()
	return func() { close(done) }
}

func closedAs(state causeway.RunState, code string) activities.Report {
	return activities.Report{Status: activities.Closed, State: state, Code: code}
}

func TestPerform(t *testing.T) {
	f := newFixture(t)
	dead := func(id string) { f.exec(`update worker set dead_at = clock_timestamp() where id = $1`, id) }
	alive := func(id string) { f.exec(`update worker set dead_at = null where id = $1`, id) }
	for name, c := range map[string]struct {
		run     func() causeway.RunRef
		prepare func(ref causeway.RunRef)
		want    activities.Report
		began   int
		after   func(ref causeway.RunRef)
	}{
		"a free slot and a waiting run": {want: closedAs(causeway.RunSucceeded, ""), began: 1},
		"no slot: nothing is claimed": {
			prepare: func(causeway.RunRef) { f.here.free = 0 }, want: activities.Report{Status: activities.Busy},
			after: func(ref causeway.RunRef) {
				assert.Equal(t, storage.Claimed, f.claim(ref, "elsewhere").Verdict)
			},
		},
		"a live process runs it": {
			prepare: func(ref causeway.RunRef) { f.claim(ref, "elsewhere") }, want: activities.Report{Status: activities.HandedOver, Queue: "self:elsewhere"},
		},
		"its process died, an action": {
			prepare: func(ref causeway.RunRef) { f.claim(ref, "elsewhere"); dead("elsewhere") }, want: closedAs(causeway.RunFailed, causeway.CodeOutcomeUnknown),
		},
		"its process died, a sync: it is resumed with a higher fence": {
			run: f.sync, prepare: func(ref causeway.RunRef) { f.claim(ref, "elsewhere"); dead("elsewhere") }, want: closedAs(causeway.RunSucceeded, ""), began: 1,
			after: func(ref causeway.RunRef) {
				assert.EqualValues(t, 2, f.here.running[ref.RunID].claim.Fence)
				f.exec(`delete from run where id = $1`, ref.RunID)
			},
		},
		"the answer to our claim was lost, an action": {
			prepare: func(ref causeway.RunRef) { f.claim(ref, "here") }, want: closedAs(causeway.RunFailed, causeway.CodeOutcomeUnknown),
		},
		"the answer to our claim was lost, a sync": {
			run: f.sync, prepare: func(ref causeway.RunRef) { f.claim(ref, "here") }, want: activities.Report{Status: activities.ToResume},
			after: func(ref causeway.RunRef) { f.exec(`delete from run where id = $1`, ref.RunID) },
		},
		"not started in time": {
			prepare: func(ref causeway.RunRef) {
				f.exec(`update run set start_by = clock_timestamp() - interval '1 s' where id = $1`, ref.RunID)
			},
			want: closedAs(causeway.RunExpired, causeway.CodeStartTimeout),
		},
		"cancelled before it began": {
			prepare: func(ref causeway.RunRef) {
				_, err := f.store.CancelRun(t.Context(), f.env.ID, ref.RunID, "somebody")
				require.NoError(t, err)
			},
			want: closedAs(causeway.RunCancelled, causeway.CodeScriptAborted),
		},
		"its function is disabled": {
			prepare: func(causeway.RunRef) { f.exec(`update function set enabled = false where name = 'act'`) }, want: closedAs(causeway.RunFailed, causeway.CodeDisabledResource),
			after: func(causeway.RunRef) { f.exec(`update function set enabled = true where name = 'act'`) },
		},
		"it has no slot in its lane": {
			prepare: func(ref causeway.RunRef) { f.exec(`update run set admitted_at = null where id = $1`, ref.RunID) }, want: activities.Report{Status: activities.NotAdmitted},
			after: func(ref causeway.RunRef) { f.exec(`delete from run where id = $1`, ref.RunID) },
		},
		"this process was declared dead": {
			prepare: func(causeway.RunRef) { dead("here") }, want: activities.Report{Status: activities.Busy},
			after: func(causeway.RunRef) { assert.Equal(t, []string{"here"}, f.here.died) },
		},
		"an earlier attempt's execution comes late": {
			run: func() causeway.RunRef { return f.action(true) },
			prepare: func(ref causeway.RunRef) {
				again, err := f.store.RetryRun(t.Context(), f.env.ID, ref.RunID, f.claim(ref, "elsewhere").Fence)
				require.NoError(t, err)
				require.True(t, again)
				f.exec(`update run set admitted_at = clock_timestamp() where id = $1`, ref.RunID)
			},
			want: activities.Report{Status: activities.NotAdmitted},
			after: func(ref causeway.RunRef) {
				f.exec(`delete from run where id = $1`, ref.RunID)
				f.exec(`update run_lane set used = 0, queued = 0`)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f.here.free, f.here.began, f.here.died = 5, 0, nil
			alive("here")
			alive("elsewhere")
			run := c.run
			if run == nil {
				run = func() causeway.RunRef { return f.action(false) }
			}
			ref := run()
			if c.prepare != nil {
				c.prepare(ref)
			}
			defer f.endScripts(ref)()
			assert.Equal(t, c.want, f.perform(ref))
			assert.Equal(t, c.began, f.here.began, "scripts that began")
			if c.after != nil {
				c.after(ref)
			}
		})
	}
}

func TestALongScriptIsHandedOver(t *testing.T) {
	f := newFixture(t)
	ref := f.action(false)
	var g sync.WaitGroup
	for range 2 { // a repeated one attaches
		g.Go(func() {
			r, err := f.Perform(t.Context(), ref)
			if err != nil {
				t.Error(err)
			}
			assert.Equal(t, activities.Report{Status: activities.HandedOver, Queue: "self:here"}, r)
		})
	}
	g.Wait()
	assert.Equal(t, 1, f.here.began)
}

// The server restarts while a claim is on its way: its task is repeated in the same process, beside the first.
func TestARepeatedTaskDoesNotTakeAClaimOnItsWayForALostOne(t *testing.T) {
	f := newFixture(t)
	f.here.slow = 300 * time.Millisecond
	ref := f.action(false)
	defer f.endScripts(ref)()
	var g sync.WaitGroup
	for range 3 {
		g.Go(func() {
			r, err := f.Perform(t.Context(), ref)
			if err != nil {
				t.Error(err)
			}
			assert.Equal(t, closedAs(causeway.RunSucceeded, ""), r)
		})
	}
	g.Wait()
	assert.Equal(t, 1, f.here.began)
}

func TestARunThatHasEndedIsFollowedUpAgain(t *testing.T) {
	f := newFixture(t)
	ref := f.action(false)
	claim := f.claim(ref, "elsewhere")
	_, err := f.store.CloseRun(t.Context(), ref, claim.Fence, causeway.Outcome{State: causeway.RunFailed, Code: "action_script_runtime_error"}, nil)
	require.NoError(t, err)
	assert.Equal(t, closedAs(causeway.RunFailed, "action_script_runtime_error"), f.perform(ref))
	require.Len(t, f.follower.closed, 1, "its closer may have died before it admitted the next")
	assert.True(t, f.follower.closed[0].Next)
}

func TestSettle(t *testing.T) {
	f := newFixture(t)
	settle := func(ref causeway.RunRef, cancelled bool) activities.Report {
		r, err := f.Settle(t.Context(), activities.Attending{RunRef: ref, Cancelled: cancelled})
		require.NoError(t, err)
		return r
	}
	waiting := f.action(false)
	assert.Equal(t, activities.Report{Status: activities.Busy}, settle(waiting, false))
	assert.Equal(t, closedAs(causeway.RunCancelled, causeway.CodeScriptAborted), settle(waiting, true), "nobody runs it: a cancelled one ends")
	assert.Equal(t, closedAs(causeway.RunCancelled, causeway.CodeScriptAborted), settle(waiting, false), "and stays ended")

	elsewhere := f.action(false)
	f.claim(elsewhere, "elsewhere")
	for _, cancelled := range []bool{false, true} {
		assert.Equal(t, activities.Report{Status: activities.HandedOver, Queue: "self:elsewhere"}, settle(elsewhere, cancelled), "its process lives")
	}
	sync := f.sync()
	f.claim(sync, "elsewhere")
	f.exec(`update worker set dead_at = clock_timestamp() where id = 'elsewhere'`)
	assert.Equal(t, closedAs(causeway.RunFailed, causeway.CodeOutcomeUnknown), settle(elsewhere, false))
	assert.Equal(t, activities.Report{Status: activities.ToResume}, settle(sync, false))
	assert.Equal(t, closedAs(causeway.RunCancelled, causeway.CodeScriptAborted), settle(sync, true))
	require.Len(t, f.ended, 3)
}

// activityOf runs an activity as Temporal would.
func activityOf(t *testing.T, f any, in any) (activities.Report, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(f)
	env.SetTestTimeout(20 * time.Second)
	v, err := env.ExecuteActivity(f, in)
	if err != nil {
		return activities.Report{}, err
	}
	var r activities.Report
	require.NoError(t, v.Get(&r))
	return r, nil
}

func TestAttendAndRunScript(t *testing.T) {
	f := newFixture(t)
	t.Run("an attended script ends", func(t *testing.T) {
		ref := f.action(false)
		f.begin(ref)
		defer f.endScripts(ref)()
		r, err := activityOf(t, f.Attend, activities.Attending{RunRef: ref})
		require.NoError(t, err)
		assert.Equal(t, closedAs(causeway.RunSucceeded, ""), r)
	})
	t.Run("a cancel that no activity could hear of", func(t *testing.T) {
		ref := f.action(false)
		f.begin(ref)
		r, err := activityOf(t, f.Attend, activities.Attending{RunRef: ref, Cancelled: true})
		require.NoError(t, err)
		assert.Equal(t, closedAs(causeway.RunCancelled, causeway.CodeScriptAborted), r)
	})
	t.Run("a script that isn't here", func(t *testing.T) {
		ref := f.action(false)
		f.claim(ref, "elsewhere")
		r, err := activityOf(t, f.Attend, activities.Attending{RunRef: ref})
		require.NoError(t, err)
		assert.Equal(t, "self:elsewhere", r.Queue)
	})
	t.Run("a slot gets free while it waits", func(t *testing.T) {
		ref := f.action(false)
		f.here.free = 0
		defer f.endScripts(ref)()
		time.AfterFunc(300*time.Millisecond, (&reservation{f.here}).Release)
		r, err := activityOf(t, f.RunScript, ref)
		require.NoError(t, err)
		assert.Equal(t, closedAs(causeway.RunSucceeded, ""), r)
	})
	t.Run("no slot, and this process stops", func(t *testing.T) {
		ref := f.action(false)
		f.here.free, f.here.draining = 0, true
		r, err := activityOf(t, f.RunScript, ref)
		require.NoError(t, err)
		assert.Equal(t, activities.Busy, r.Status)
	})
}

func TestWhatEndsAnActivity(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		cause error
		want  activities.Report
	}{
		"a cancel":                     {temporal.NewCanceledError(), closedAs(causeway.RunCancelled, causeway.CodeScriptAborted)},
		"a cancel of a local activity": {context.Canceled, closedAs(causeway.RunCancelled, causeway.CodeScriptAborted)},
		"terminated by hand":           {serviceerror.NewNotFound("workflow execution already completed"), closedAs(causeway.RunCancelled, causeway.CodeTerminated)},
		"its time is over":             {context.DeadlineExceeded, activities.Report{Status: activities.HandedOver, Queue: "self:here"}},
		"the server is away":           {serviceerror.NewUnavailable("no server"), activities.Report{Status: activities.HandedOver, Queue: "self:here"}},
		"the worker stops":             {worker.ErrWorkerShutdown, activities.Report{Status: activities.HandedOver, Queue: "self:here"}},
	} {
		t.Run(name, func(t *testing.T) {
			ref := f.action(false)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(100*time.Millisecond, func() { cancel(c.cause) })
			r, err := f.Perform(ctx, ref)
			require.NoError(t, err)
			assert.Equal(t, c.want, r)
			f.here.free++
		})
	}
}
