package storage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// The race: workers, schedulers, callers and a reconciler work on a few syncs and lanes at once, while workers die and freeze, closers and
// turns die between their steps, bells are lost, doubled and early. Whatever happens, no lane goes over its cap, its counters equal its
// rows, each run ends once, no attempt is claimed twice, async actions run one at a time in the order of their creation, and in the
// end nothing is left.

const (
	raceLease = 300 * time.Millisecond
	raceTick  = 40 * time.Millisecond
	raceCap   = 4
)

type race struct {
	*storage.Store
	t     *testing.T
	pool  *pgxpool.Pool
	envs  []raceEnvironment
	bells chan causeway.RunRef
	stop  chan struct{}
	wg    sync.WaitGroup
	actor atomic.Uint64
	seed  uint64

	create    func(context.Context, int64, storage.NewRun) (storage.Created, error)
	admitNext func(context.Context, int64, causeway.Lane) (*causeway.RunRef, error)

	mu       sync.Mutex
	claims   map[string]int // by run and attempt
	failures []string

	created, opened, byCloser, byTurn, drops, frozen, resumed, refused, accepted, retried, cancelled, paused, held, repaired, snapshots, over, drift atomic.Int64
}

type raceEnvironment struct {
	storagetest.Environment
	connections, syncs []int64
}

func newRace(t *testing.T, seed uint64) *race {
	t.Helper()
	url := storagetest.URL(t)
	r := &race{t: t, pool: storagetest.Pool(t, url), bells: make(chan causeway.RunRef, 1<<16), stop: make(chan struct{}), seed: seed, claims: map[string]int{}}
	r.Store = storagetest.Open(t, url)
	r.create, r.admitNext = r.CreateRun, r.AdmitNext
	ctx := t.Context()
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := r.pool.Exec(ctx, sql, args...)
		require.NoError(t, err, sql)
	}
	for i := range 3 {
		e := raceEnvironment{Environment: storagetest.Seed(t, r.pool, fmt.Sprint("account", i))}
		for c := range 6 {
			var connection, sync int64
			require.NoError(t, r.pool.QueryRow(ctx, `insert into connection (environment_id, integration_id, connection_id) values ($1, $2, $3) returning id`, e.ID, e.IntegrationID, fmt.Sprint("r", c)).Scan(&connection))
			require.NoError(t, r.pool.QueryRow(ctx, `insert into sync (environment_id, connection_id, function_id) values ($1, $2, $3) returning id`, e.ID, connection, e.SyncFunctionID).Scan(&sync))
			e.connections, e.syncs = append(e.connections, connection), append(e.syncs, sync)
		}
		r.envs = append(r.envs, e)
	}
	exec(`insert into schedule (schedule_group) values (0), (1) on conflict do nothing`)
	exec(`update environment set schedule_group = id % 2`)
	exec(`update run_lane set cap = $1 where lane <> 'action_async'`, raceCap)
	return r
}

// random is the source of one actor.
func (r *race) random() *rand.Rand {
	return rand.New(rand.NewPCG(r.seed, r.actor.Add(1))) //nolint:gosec // a test's dice
}

func (r *race) failed(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failures) < 20 {
		r.failures = append(r.failures, fmt.Sprintf(format, args...))
	}
}

// no notes an error that nothing in the race may cause.
func (r *race) no(err error, what string) bool {
	if err != nil {
		r.failed("%s: %v", what, err)
	}
	return err != nil
}

func (r *race) ring(dice *rand.Rand, ref causeway.RunRef) {
	switch p := dice.IntN(100); {
	case p < 2: // lost
	case p < 7:
		r.bells <- ref
		r.bells <- ref
	default:
		r.bells <- ref
	}
}

func (r *race) every(d time.Duration, f func(dice *rand.Rand)) {
	dice := r.random()
	r.wg.Go(func() {
		t := time.NewTicker(d)
		defer t.Stop()
		for {
			select {
			case <-r.stop:
				return
			case <-t.C:
				f(dice)
			}
		}
	})
}

// follow does what follows a close. Some closers die before it.
func (r *race) follow(dice *rand.Rand, ref causeway.RunRef, c storage.Closed) {
	ctx := context.Background()
	if dice.IntN(100) < 3 {
		return
	}
	if c.Next {
		next, err := r.admitNext(ctx, ref.EnvironmentID, c.Lane)
		if !r.no(err, "admit next") && next != nil {
			r.byCloser.Add(1)
			r.ring(dice, *next)
		}
	}
	if c.Again {
		r.openOne(dice, ref.EnvironmentID, c.SyncID)
	}
}

func (r *race) openOne(dice *rand.Rand, environmentID, syncID int64) {
	start, err := r.OpenRequested(context.Background(), environmentID, syncID)
	if !r.no(err, "open one") && start != nil {
		r.opened.Add(1)
		r.ring(dice, *start)
	}
}

func (r *race) closeWaiting(dice *rand.Rand, ref causeway.RunRef, fence int64, out causeway.Outcome) {
	c, err := r.CloseWaitingRun(context.Background(), ref, fence, out)
	if errors.Is(err, storage.ErrStale) || r.no(err, "close a waiting run") {
		return
	}
	r.follow(dice, ref, c)
}

// worker stands for a process that runs scripts, one at a time.
type worker struct {
	r       *race
	dice    *rand.Rand
	slots   int // for syncs and for webhook functions
	id      string
	renewed time.Time
}

func (w *worker) register() {
	w.id, w.renewed = "w-"+uuid.NewString(), time.Now()
	w.r.no(w.r.RegisterWorker(context.Background(), storage.WorkerRow{ID: w.id, Slots: map[string]int{"sync": w.slots, "webhook": w.slots, "action": 100, "event": 100}}, raceLease), "register")
}

func (w *worker) renew() {
	if time.Since(w.renewed) < raceLease/4 {
		return
	}
	_, err := w.r.RenewWorker(context.Background(), w.id, raceLease)
	if errors.Is(err, storage.ErrDeclaredDead) {
		w.register()
		return
	}
	w.r.no(err, "renew")
	w.renewed = time.Now()
}

func (w *worker) work() {
	w.register()
	for {
		w.renew()
		select {
		case <-w.r.stop:
			return
		case <-time.After(raceLease / 8):
		case ref := <-w.r.bells:
			w.take(ref)
		}
	}
}

func (w *worker) take(ref causeway.RunRef) {
	claim, err := w.r.ClaimRun(context.Background(), ref.EnvironmentID, ref.RunID, w.id, ref.Attempt)
	if w.r.no(err, "claim") {
		return
	}
	switch claim.Verdict {
	case storage.Claimed:
		w.r.mu.Lock()
		w.r.claims[fmt.Sprint(ref.RunUID, claim.Attempt)]++
		w.r.mu.Unlock()
		w.run(ref, claim)
	case storage.Resume:
		w.r.resumed.Add(1)
		w.run(ref, claim)
	case storage.Dead:
		w.register()
		w.r.bells <- ref
	case storage.Late:
		w.r.closeWaiting(w.dice, ref, claim.Fence, causeway.Outcome{State: causeway.RunExpired})
	case storage.Cancelled:
		w.r.closeWaiting(w.dice, ref, claim.Fence, causeway.Outcome{State: causeway.RunCancelled})
	case storage.Blocked:
		w.r.closeWaiting(w.dice, ref, claim.Fence, causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeDisabledResource})
	case storage.Held, storage.Lost, storage.NotAdmitted, storage.Ended: // its owner, or the reconciler
	}
}

func (w *worker) run(ref causeway.RunRef, claim storage.Claim) {
	ctx := context.Background()
	killed := 5
	if ref.Kind == causeway.RunSync {
		killed = 15 // few of them are due; each is to be taken over now and then
	}
	switch p := w.dice.IntN(100); {
	case p < killed: // it never comes back
		w.r.drops.Add(1)
		w.register()
		return
	case p < killed+3: // frozen past its lease, then it goes on as if nothing had happened
		w.r.frozen.Add(1)
		<-time.After(raceLease + time.Duration(w.dice.IntN(500))*time.Millisecond)
	default:
		<-time.After(time.Duration(w.dice.IntN(10)) * time.Millisecond)
	}
	if w.dice.IntN(100) < 10 {
		again, err := w.r.RetryRun(ctx, ref.EnvironmentID, ref.RunID, claim.Fence)
		if w.r.no(err, "retry") {
			return
		}
		if again {
			w.r.retried.Add(1)
			w.r.follow(w.dice, ref, storage.Closed{Lane: ref.Lane, Next: true})
			return
		}
	}
	held := w.r.Fenced(ctx, ref.EnvironmentID, ref.RunID, claim.Fence, func(pgx.Tx) error { return nil })
	if !errors.Is(held, storage.ErrStale) && w.r.no(held, "fenced write") {
		return
	}
	c, err := w.r.CloseRun(ctx, ref, claim.Fence, causeway.Outcome{State: causeway.RunSucceeded, Output: json.RawMessage(`1`)}, nil)
	switch {
	case errors.Is(err, storage.ErrStale):
		w.r.refused.Add(1)
	case w.r.no(err, "close"):
	case held != nil:
		w.r.accepted.Add(1)
	default:
		w.r.follow(w.dice, ref, c)
	}
}

// turn is one turn of a group. Some die before their commit, some among their starts; those are repeated under the same name.
func (r *race) turn(dice *rand.Rand, group int) {
	name := uuid.NewString()
	if dice.IntN(100) < 3 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(dice.IntN(5000))*time.Microsecond)
		_, _ = r.TakeTurn(ctx, group, name, raceTick) // it may or may not have committed
		cancel()
	}
	t, err := r.TakeTurn(context.Background(), group, name, raceTick)
	if r.no(err, "turn") {
		return
	}
	if t.Held > 0 {
		r.held.Add(1)
	}
	r.byTurn.Add(int64(len(t.Start)))
	if dice.IntN(100) < 5 {
		for _, ref := range t.Start[:dice.IntN(len(t.Start)+1)] {
			r.ring(dice, ref)
		}
		if t, err = r.TakeTurn(context.Background(), group, name, raceTick); r.no(err, "repeated turn") {
			return
		}
	}
	for _, ref := range t.Start {
		r.ring(dice, ref)
	}
}

func (r *race) reconcile(dice *rand.Rand) {
	ctx := context.Background()
	_, err := r.DeclareDead(ctx)
	r.no(err, "declare dead")
	over, err := r.OverdueRuns(ctx)
	r.no(err, "overdue runs")
	for _, o := range over {
		if o.Waiting {
			r.closeWaiting(dice, o.Ref, o.Fence, o.Outcome)
			continue
		}
		c, err := r.CloseRun(ctx, o.Ref, o.Fence, o.Outcome, nil)
		if !errors.Is(err, storage.ErrStale) && !r.no(err, "close an overdue run") {
			r.follow(dice, o.Ref, c)
		}
	}
	lost, err := r.RunsToRing(ctx, 300*time.Millisecond)
	r.no(err, "runs to ring")
	for _, ref := range lost {
		r.repaired.Add(1)
		r.bells <- ref
	}
	asked, err := r.RequestedSyncs(ctx)
	r.no(err, "requested syncs")
	for _, s := range asked {
		r.openOne(dice, s.EnvironmentID, s.ID)
	}
	lanes, err := r.LanesWithRoom(ctx)
	r.no(err, "lanes with room")
	for _, l := range lanes {
		for range 20 {
			next, err := r.admitNext(ctx, l.EnvironmentID, l.Lane)
			if r.no(err, "admit") || next == nil {
				break
			}
			r.ring(dice, *next)
		}
	}
}

// sample compares lanes and rows in one snapshot. Manual runs go over the cap.
func (r *race) sample(*rand.Rand) {
	var over, drift int64
	err := r.pool.QueryRow(context.Background(), `
select count(*) filter (where plain > cap), count(*) filter (where slots <> used or waits <> queued) from (
  select l.cap, l.used, l.queued, count(r.id) filter (where r.admitted_at is not null) as slots,
         count(r.id) filter (where r.admitted_at is not null and not r.bypass_cap) as plain, count(r.id) filter (where r.admitted_at is null) as waits
    from run_lane l left join run r using (environment_id, lane) group by l.environment_id, l.lane, l.cap, l.used, l.queued) x`).Scan(&over, &drift)
	r.no(err, "sample")
	r.over.Add(over)
	r.drift.Add(drift)
	r.snapshots.Add(1)
}

// call is what one caller of the API does.
func (r *race) call(dice *rand.Rand) {
	ctx := context.Background()
	e := r.envs[dice.IntN(len(r.envs))]
	i := dice.IntN(len(e.syncs))
	sync := e.syncs[i]
	n := storage.NewRun{Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: e.IntegrationID, ConnectionID: e.connections[i],
		FunctionID: e.ActionFunctionID, StartWithin: time.Minute, FinishWithin: time.Minute, MaxAttempts: 1, Input: json.RawMessage(`1`)}
	switch p := dice.IntN(100); {
	case p < 25:
		n.Lane, n.MaxAttempts, n.Opts.Async = causeway.LaneActionAsync, 3, true
	case p < 38:
		n.Kind, n.Lane, n.SyncID, n.FunctionID = causeway.RunWebhook, causeway.LaneWebhook, sync, e.SyncFunctionID
	case p < 64:
		_, err := r.pool.Exec(ctx, `update sync set next_due_at = clock_timestamp() where environment_id = $1 and id = $2 and paused_at is null`, e.ID, sync)
		r.no(err, "make due")
		_, _, err = r.AskScheduler(ctx, e.ID, time.Now())
		r.no(err, "ask")
		return
	case p < 70:
		r.wish(dice, e.ID, sync)
		return
	case p < 73:
		r.pauseAndResume(dice, e.ID, sync)
		return
	case p < 75:
		n.StartWithin = 200 * time.Millisecond // it may expire in its queue
	}
	c, err := r.create(ctx, e.ID, n)
	if r.no(err, "create") {
		return
	}
	r.created.Add(1)
	if c.Admitted {
		r.ring(dice, c.Ref)
	} else if dice.IntN(20) == 0 {
		r.bells <- c.Ref // too early
	}
	if dice.IntN(40) == 0 {
		stopped, err := r.CancelRun(ctx, e.ID, c.Ref.RunID, "caller")
		if errors.Is(err, causeway.ErrNotFound) || r.no(err, "cancel") {
			return
		}
		r.cancelled.Add(1)
		if stopped.State == causeway.RunWaiting {
			r.closeWaiting(dice, stopped.Ref, stopped.Fence, causeway.Outcome{State: causeway.RunCancelled})
		}
	}
}

func (r *race) wish(dice *rand.Rand, environmentID, sync int64) {
	want := storage.RequestRun
	if dice.IntN(2) == 0 {
		want = storage.RequestFull
	}
	start, stopped, err := r.RequestSync(context.Background(), environmentID, sync, want)
	if errors.Is(err, storage.ErrAlreadyRunning) || r.no(err, "request") {
		return
	}
	if start != nil {
		r.opened.Add(1)
		r.ring(dice, *start)
	}
	if stopped != nil && stopped.State == causeway.RunWaiting && dice.IntN(10) > 0 {
		r.closeWaiting(dice, stopped.Ref, stopped.Fence, causeway.Outcome{State: causeway.RunCancelled})
	}
}

func (r *race) pauseAndResume(dice *rand.Rand, environmentID, sync int64) {
	stopped, err := r.PauseSync(context.Background(), environmentID, sync)
	r.no(err, "pause")
	r.paused.Add(1)
	if stopped != nil && stopped.State == causeway.RunWaiting && dice.IntN(2) == 0 {
		r.closeWaiting(dice, stopped.Ref, stopped.Fence, causeway.Outcome{State: causeway.RunCancelled})
	}
	<-time.After(time.Duration(dice.IntN(20)) * time.Millisecond)
	_, err = r.ResumeSync(context.Background(), environmentID, sync)
	r.no(err, "resume")
}

// loose lets everybody loose until the callers have made n calls, and then until nothing is left, or the deadline.
func (r *race) loose(calls int, deadline time.Duration) (left int) {
	for i := range 10 { // with fewer slots for syncs and webhook functions than three environments may use
		w := &worker{r: r, dice: r.random(), slots: i % 2}
		r.wg.Go(w.work)
	}
	for _, group := range []int{0, 1, 0} { // two for one group: an abandoned turn beside its repetition
		r.every(raceTick, func(dice *rand.Rand) { r.turn(dice, group) })
	}
	r.every(150*time.Millisecond, r.reconcile)
	r.every(5*time.Millisecond, r.sample)
	var callers sync.WaitGroup
	for range 4 {
		dice := r.random()
		callers.Go(func() {
			for range calls / 4 {
				r.call(dice)
			}
		})
	}
	callers.Wait()
	// What a pause or an expired frequency left due is not due any more: the syncs' function runs every hour.
	end := time.Now().Add(deadline)
	for {
		err := r.pool.QueryRow(context.Background(), `select (select count(*) from run)
 + (select count(*) from sync where request is not null or paused_at is null and next_due_at <= clock_timestamp())`).Scan(&left)
		if r.no(err, "count") || left == 0 || time.Now().After(end) {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	close(r.stop)
	r.wg.Wait()
	return left
}

// witnesses are in the database: what the history says.
func (r *race) witnesses() (twice, claims, order, counters, shares int) {
	one := func(sql string) (n int) {
		require.NoError(r.t, r.pool.QueryRow(context.Background(), sql).Scan(&n), sql)
		return n
	}
	return one(`select count(*) - count(distinct (environment_id, id)) from run_history`),
		one(`select count(*) from run_history where kind <> 'sync' and attempt > 0 and fence > 2 * attempt - 1`),
		one(`select count(*) from (select id, admitted_at, lag(id) over w as prev, lag(ended_at) over w as prev_end from run_history
 where lane = 'action_async' and admitted_at is not null window w as (partition by environment_id order by admitted_at)) q where prev > id or prev_end > admitted_at`),
		one(`select coalesce(sum(abs(used) + abs(queued)), 0) from run_lane`),
		one(`select count(*) from run_lane where share < 2147483647`)
}

func raceSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d (the dice; the order in which the database serves its clients is its own)", seed)
	return seed
}

func TestNothingIsLostOrDoubledInARace(t *testing.T) {
	t.Parallel() // it waits more than it works
	r := newRace(t, raceSeed(t))
	left := r.loose(1000, 15*time.Second)
	twice, claims, order, counters, shares := r.witnesses()
	t.Logf("created %d, opened by hand %d, admitted by closers %d, by turns %d (held back %d times) | killed %d, frozen %d, resumed %d, retried %d, cancelled %d, paused %d | stale closes refused %d, bells repaired %d, snapshots %d",
		r.created.Load(), r.opened.Load(), r.byCloser.Load(), r.byTurn.Load(), r.held.Load(), r.drops.Load(), r.frozen.Load(), r.resumed.Load(), r.retried.Load(), r.cancelled.Load(), r.paused.Load(), r.refused.Load(), r.repaired.Load(), r.snapshots.Load())
	assert.Empty(t, r.failures)
	assert.Zero(t, left, "runs and wishes left")
	assert.Zero(t, r.over.Load(), "snapshots over a cap")
	assert.Zero(t, r.drift.Load(), "snapshots in which a lane's counters differ from its rows")
	assert.Zero(t, r.accepted.Load(), "closes with a stale fence that were accepted")
	assert.Zero(t, twice, "runs that ended twice")
	assert.Zero(t, claims, "claims too many, by the fences in the history")
	assert.Zero(t, order, "async actions out of order, or two at once")
	assert.Zero(t, counters, "slots left in lanes")
	assert.Zero(t, shares, "lanes left with a share")
	for attempt, n := range r.claims {
		assert.Equal(t, 1, n, "claims of attempt %s", attempt)
	}
	assert.Positive(t, r.held.Load(), "the pool has to be short for this to prove anything")
	assert.Positive(t, r.resumed.Load())
	assert.Positive(t, r.refused.Load())
}

// TestTheRaceFindsAMissingLock leaves the lane's lock out of insert and admission: the race has to notice.
func TestTheRaceFindsAMissingLock(t *testing.T) {
	t.Parallel() // it waits more than it works
	r := newRace(t, raceSeed(t))
	unlockedCreate := strings.Replace(storage.CreateRunSQL, "     for update\n", "", 1)
	require.NotEqual(t, storage.CreateRunSQL, unlockedCreate)
	r.create = func(ctx context.Context, environmentID int64, n storage.NewRun) (storage.Created, error) {
		c := storage.Created{Ref: causeway.RunRef{RunUID: uuid.Must(uuid.NewV7()), EnvironmentID: environmentID, Kind: n.Kind, Lane: n.Lane}}
		var syncID *int64
		if n.SyncID != 0 {
			syncID = &n.SyncID
		}
		err := r.pool.QueryRow(ctx, unlockedCreate, environmentID, c.Ref.RunUID, n.Kind, n.Lane, n.IntegrationID, n.ConnectionID, n.FunctionID, n.StartWithin.Seconds(),
			60, n.MaxAttempts, nil, nil, nil, "", nil, map[string]any{}, n.Opts, syncID).Scan(&c.Ref.RunID, &c.Admitted, &c.Ask)
		return c, err
	}
	r.admitNext = func(ctx context.Context, environmentID int64, lane causeway.Lane) (*causeway.RunRef, error) {
		ref := causeway.RunRef{EnvironmentID: environmentID, Lane: lane}
		var attempt int
		var async bool
		rows, err := r.pool.Query(ctx, storage.AdmitNextSQL, environmentID, lane)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		if !rows.Next() {
			return nil, rows.Err()
		}
		return &ref, rows.Scan(&ref.RunID, &ref.RunUID, &ref.Kind, &attempt, &async)
	}
	r.loose(320, time.Second)
	_, _, order, _, _ := r.witnesses()
	assert.Positive(t, r.over.Load()+r.drift.Load()+int64(order), "a cap, a counter or the order of async actions has to break")
}
