package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// maxOpened is how many due syncs one turn opens; a group with more turns again at once.
const maxOpened = 100

// Turn is what one turn of a scheduler did: Start are the runs whose workflows are to be started. In is how long the scheduler may
// sleep, measured by the database, so that clocks need not agree; negative: nothing is promised, only a bell wakes it.
type Turn struct {
	Gone  bool // the group is no more
	Start []causeway.RunRef
	In    time.Duration
	More  bool // a limit was reached: turn again at once
	Held  int  // waiting runs that the pool has no slot for
}

// openableSQL says which syncs a turn of group $1 may open. The comparison with a sub-select of the clock is an index condition; with the
// bare function, which is volatile, it isn't.
const openableSQL = `s.deleted_at is null and s.paused_at is null and s.next_due_at <= (select clock_timestamp())
     and (select e.schedule_group from environment e where e.id = s.environment_id) = $1
     and (select f.enabled and f.deleted_at is null from function f where f.environment_id = s.environment_id and f.id = s.function_id)
     and (select r.id from run r where r.environment_id = s.environment_id and r.sync_id = s.id and r.kind = 'sync') is null`

// openDueSQL opens due syncs: each gets a run in the queue of its lane. $1 group, $2 how many, $3 uids, $4 operation ids. Rows that
// others hold are skipped; who holds one looks itself, or the scheduler does at the end of its turn.
const openDueSQL = `
with due as materialized (
  select s.environment_id, s.id, s.connection_id, s.function_id, s.run_no + 1 as run_no, s.request, s.last_sync_at,
         row_number() over () as n, false as slot
    from (select * from sync s
   where ` + openableSQL + `
   order by s.next_due_at limit $2
     for no key update of s skip locked) s
), ` + openTheseSQL

// openRankedSQL is openDueSQL for a group that has more due than one turn opens: each environment's oldest goes first, then each one's
// second, so that the backlog of one doesn't delay the others. It reads all that is due.
const openRankedSQL = `
with due as materialized (
  select s.environment_id, s.id, s.connection_id, s.function_id, s.run_no + 1 as run_no, s.request, s.last_sync_at,
         row_number() over () as n, false as slot
    from (select s.* from sync s join (
            select s.environment_id, s.id, row_number() over (partition by s.environment_id order by s.next_due_at) as rank
              from sync s where ` + openableSQL + `) q using (environment_id, id)
   where ` + openableSQL + `
   order by q.rank, s.next_due_at limit $2
     for no key update of s skip locked) s
), ` + openTheseSQL

// openTheseSQL is the rest of both.
const openTheseSQL = openRestSQL + `, l as (
  update run_lane l set queued = l.queued + n.n
    from (select environment_id, count(*) as n from i group by 1 order by 1) n
   where l.environment_id = n.environment_id and l.lane = 'sync'
)
select environment_id, id, uid from i`

// openRestSQL is what opening has in common: the run, with a slot at once if due.slot says so, and the sync's next due time. A full run
// that was asked for forgets the last sync date.
const openRestSQL = `i as (
  insert into run (environment_id, uid, kind, lane, integration_id, connection_id, function_id, sync_id, run_no, run_type, opts, operation_id, start_by, finish_s, bypass_cap, admitted_at)
  select d.environment_id, ($3::uuid[])[d.n], 'sync', 'sync', c.integration_id, d.connection_id, d.function_id, d.id, d.run_no,
         case when d.last_sync_at is null or d.request in ('full', 'full_empty')
                or (select v.definition->>'sync_type' is distinct from 'incremental' from function f join function_version v on v.environment_id = f.environment_id and v.id = f.active_version_id
                     where f.environment_id = d.environment_id and f.id = d.function_id) then 'full' else 'incremental' end,
         jsonb_strip_nulls(jsonb_build_object('reset', case when d.request in ('full', 'full_empty') then true end, 'empty', case when d.request = 'full_empty' then true end)),
         ($4::text[])[d.n], clock_timestamp() + interval '1 h', 86400, d.slot, case when d.slot then clock_timestamp() end
    from due d join connection c on c.environment_id = d.environment_id and c.id = d.connection_id
  on conflict (environment_id, sync_id) where kind = 'sync' do nothing
  returning environment_id, id, uid, sync_id
), u as (
  update sync s
     set run_no = d.run_no, request = null,
         last_sync_at = case when d.request in ('full', 'full_empty') then null else s.last_sync_at end,
         next_due_at = case when s.paused_at is null then ` + gridSQL + ` else s.next_due_at end
    from due d, i
   where s.environment_id = d.environment_id and s.id = d.id and i.environment_id = d.environment_id and i.sync_id = d.id
)`

// openOneSQL opens one sync that was asked for, over the cap and also while paused. It waits for the sync's row.
// $1 environment, $2 sync. No row: a run lives, or nobody asked.
const openOneSQL = `
with due as materialized (
  select s.environment_id, s.id, s.connection_id, s.function_id, s.run_no + 1 as run_no, s.request, s.last_sync_at, 1 as n, true as slot
    from sync s
   where s.deleted_at is null and s.request is not null and s.environment_id = $1 and s.id = $2
     and (select f.enabled and f.deleted_at is null from function f where f.environment_id = s.environment_id and f.id = s.function_id)
     and (select r.id from run r where r.environment_id = s.environment_id and r.sync_id = s.id and r.kind = 'sync') is null
     for no key update of s
), ` + openRestSQL + `, l as (
  update run_lane l set used = l.used + 1 from i where l.environment_id = i.environment_id and l.lane = 'sync'
)
select environment_id, id, uid from i`

// TakeTurn is one turn of a scheduler, in one transaction: due syncs are opened, waiting runs of its lanes get the free slots, and
// the time of the next look is promised. A repeated turn (same name) finds what its first attempt admitted and did not start.
// Its statements touch sets and are planned anew each time.
func (s *Store) TakeTurn(ctx context.Context, group int, turn string, tick time.Duration) (Turn, error) {
	t := Turn{In: -1}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local statement_timeout = '5s'`); err != nil {
			return err
		}
		var one int
		err := tx.QueryRow(ctx, `select 1 from schedule where schedule_group = $1 for update`, group).Scan(&one)
		if errors.Is(err, pgx.ErrNoRows) {
			t.Gone = true
			return nil
		}
		if err != nil {
			return err
		}
		opened, err := openDue(ctx, tx, group)
		if err != nil {
			return fmt.Errorf("open due syncs: %w", err)
		}
		t.More = opened == maxOpened
		if t.Held, err = admitTurn(ctx, tx, group, turn); err != nil {
			return fmt.Errorf("admit waiting runs: %w", err)
		}
		if t.Start, err = toStart(ctx, tx, turn); err != nil {
			return fmt.Errorf("read what to start: %w", err)
		}
		if _, err = tx.Exec(ctx, promiseSQL, pgx.QueryExecModeExec, group, turn, len(t.Start), t.Held, t.Held > 0, tick.Seconds()); err != nil {
			return fmt.Errorf("promise the next look: %w", err)
		}
		return nil
	})
	if err != nil {
		return Turn{}, fmt.Errorf("turn %s of scheduler %d: %w", turn, group, err)
	}
	if t.Gone {
		return t, nil
	}
	// Once more, in a new snapshot: what a closer wrote before it could see our promise.
	var in *float64
	err = s.pool.QueryRow(ctx, lookSQL, pgx.QueryExecModeExec, group).Scan(&in)
	if err != nil {
		return Turn{}, fmt.Errorf("turn %s of scheduler %d: look again: %w", turn, group, err)
	}
	if in != nil {
		t.In = time.Duration(math.Max(0, *in) * float64(time.Second))
	}
	return t, nil
}

func openDue(ctx context.Context, tx pgx.Tx, group int) (int, error) {
	uids, operations, err := newUIDs(maxOpened)
	if err != nil {
		return 0, err
	}
	var backlog bool
	err = tx.QueryRow(ctx, `select count(*) > $2 from (select 1 from sync s where `+openableSQL+` limit $2 + 1) s`, pgx.QueryExecModeExec, group, maxOpened).Scan(&backlog)
	if err != nil {
		return 0, err
	}
	sql := openDueSQL
	if backlog {
		sql = openRankedSQL
	}
	rows, err := tx.Query(ctx, sql, pgx.QueryExecModeExec, group, maxOpened, uids, operations)
	if err != nil {
		return 0, err
	}
	rows.Close()
	return int(rows.CommandTag().RowsAffected()), rows.Err()
}

// newUIDs makes ids of version 7 for runs, as texts: that is what the simple protocol can send, and ids of their operations.
func newUIDs(n int) (uids, operations []string, err error) {
	uids, operations = make([]string, n), make([]string, n)
	for i := range n {
		uid, err := uuid.NewV7()
		if err != nil {
			return nil, nil, err
		}
		uids[i], operations[i] = uid.String(), causeway.NewOperationID(time.Now())
	}
	return uids, operations, nil
}

const turnLanesSQL = `
select l.environment_id, l.lane, l.cap, l.share, l.used, l.queued
  from run_lane l
 where l.environment_id in (select id from environment where schedule_group = $1) and (l.queued > 0 or l.share < 2147483647)
 order by l.environment_id, l.lane
   for update of l`

const admitTurnSQL = `
with g as materialized (
  select * from unnest($1::bigint[], $2::text[], $3::int[], $4::int[]) as g(environment_id, lane, n, share)
), p as materialized (
  select r.environment_id, r.id from g cross join lateral (
    select r.environment_id, r.id from run r
     where r.environment_id = g.environment_id and r.lane = g.lane and r.admitted_at is null and r.cancel_at is null and r.start_by > clock_timestamp()
     order by r.id limit g.n) r
), a as (
  update run set admitted_at = clock_timestamp(), turn = $5
    from p where run.environment_id = p.environment_id and run.id = p.id
  returning run.environment_id, run.lane
)
update run_lane l set used = l.used + g.k, queued = l.queued - g.k, share = g.share
  from (select g.environment_id, g.lane, g.share, count(a.lane) as k from g left join a using (environment_id, lane) group by 1, 2, 3) g
 where l.environment_id = g.environment_id and l.lane = g.lane`

// admitTurn deals the free slots of the pool to the group's lanes, and returns how many waiting runs the pool has none for.
func admitTurn(ctx context.Context, tx pgx.Tx, group int, turn string) (held int, err error) {
	rows, err := tx.Query(ctx, turnLanesSQL, pgx.QueryExecModeExec, group)
	if err != nil {
		return 0, err
	}
	lanes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[laneRow])
	if err != nil || len(lanes) == 0 {
		return 0, err
	}
	slots, err := readPool(ctx, tx)
	if err != nil {
		return 0, err
	}
	dealt, held := deal(lanes, slots)
	var (
		environments   []int64
		names          []string
		counts, shares []int32
	)
	for i, l := range lanes {
		environments, names = append(environments, l.EnvironmentID), append(names, l.Lane)
		counts, shares = append(counts, dealt[i].n), append(shares, dealt[i].share)
	}
	_, err = tx.Exec(ctx, admitTurnSQL, pgx.QueryExecModeExec, environments, names, counts, shares, turn)
	return held, err
}

func toStart(ctx context.Context, tx pgx.Tx, turn string) ([]causeway.RunRef, error) {
	rows, err := tx.Query(ctx, `select environment_id, id, uid, kind, lane, attempt, (opts->>'async')::boolean is true from run where turn = $1 and state = 'waiting'`, pgx.QueryExecModeExec, turn)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRef)
}

func scanRef(row pgx.CollectableRow) (causeway.RunRef, error) {
	var (
		environmentID, id int64
		uid               uuid.UUID
		kind              causeway.RunKind
		lane              causeway.Lane
		attempt           int
		async             bool
	)
	if err := row.Scan(&environmentID, &id, &uid, &kind, &lane, &attempt, &async); err != nil {
		return causeway.RunRef{}, err
	}
	return *newRef(environmentID, id, uid, kind, lane, attempt, async), nil
}

// dueSQL is the least due time of a group's syncs that a turn would open, or that lie ahead. It needs all conditions of openDueSQL: a
// row that can't be opened would make the scheduler turn for ever.
const dueSQL = `(select s.next_due_at from sync s
      where s.deleted_at is null and s.paused_at is null and s.next_due_at is not null
        and (select e.schedule_group from environment e where e.id = s.environment_id) = $1
        and (select f.enabled and f.deleted_at is null from function f where f.environment_id = s.environment_id and f.id = s.function_id)
        and (s.next_due_at > clock_timestamp()
             or (select r.id from run r where r.environment_id = s.environment_id and r.sync_id = s.id and r.kind = 'sync') is null)
      order by s.next_due_at limit 1)`

const promiseSQL = `
update schedule set turn = $2, turns = turns + 1, looked_at = clock_timestamp(), started = $3, held = $4,
    wakes_at = least(case when $5 then clock_timestamp() + make_interval(secs => $6) end, ` + dueSQL + `)
 where schedule_group = $1`

const lookSQL = `select extract(epoch from least(wakes_at, ` + dueSQL + `) - clock_timestamp())::float8 from schedule where schedule_group = $1`

const askSQL = `
update schedule set wakes_at = clock_timestamp()
 where schedule_group = (select schedule_group from environment where id = $1)
   and (wakes_at is null or wakes_at > $2 or wakes_at < clock_timestamp() - interval '3 s')
returning schedule_group`

// AskScheduler says that the scheduler of an environment has to look at due at the latest (the zero time: now). It is called after the
// commit of what changed. ring: somebody has to ring the group; a scheduler that looks early enough needs no bell.
func (s *Store) AskScheduler(ctx context.Context, environmentID int64, due time.Time) (group int, ring bool, err error) {
	err = s.pool.QueryRow(ctx, askSQL, environmentID, due).Scan(&group)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("ask the scheduler of environment %d: %w", environmentID, err)
	}
	return group, true, nil
}
