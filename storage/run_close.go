package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// gridSQL is the next due time of a sync s on the grid that its anchor makes; null if its function doesn't run. (That is asked in the output:
// in the condition it would let the planner take the partial index on functions' names.)
const gridSQL = `(select s.starts_at + (1 + floor(extract(epoch from clock_timestamp() - s.starts_at) / e.s)) * make_interval(secs => e.s)
               from (select case when f.enabled and f.deleted_at is null then coalesce(s.frequency_override_s, f.frequency_s) end as s from function f
                      where f.environment_id = s.environment_id and f.id = s.function_id) e)`

// One statement ends a run, whoever ends it. Each change of state raises the fence, so (run, fence) names what the caller saw;
// no row comes back when somebody was faster. The sync's row is locked first, by the lock order.
const closeRunSQL = `
with s as materialized (
  select id from sync where environment_id = $1
     and id = (select case when kind = 'sync' then sync_id end from run where environment_id = $1 and id = $2)
     for no key update
), d as (
  delete from run where environment_id = $1 and id = $2 and fence = $3 and (select count(*) from s) >= 0 returning *
), h as (
  insert into run_history (environment_id, id, uid, kind, lane, state, integration_id, connection_id, function_id, function_version_id,
      sync_id, run_no, run_type, parent_uid, attempt, fence, lease_owner, input_enc, input_ref, input_hash, input_size, output_enc, output_ref, output_size,
      result, error_code, error_message, error_enc, operation_id, started_by, opts, journal_ref, created_at, admitted_at, started_at, ended_at)
  select environment_id, id, uid, kind, lane, $4, integration_id, connection_id, function_id, function_version_id,
      sync_id, run_no, run_type, parent_uid, attempt, fence, lease_owner, input_enc, input_ref, input_hash, input_size, $6, $7, $8,
      $5::jsonb, $9, $10, $11, operation_id, started_by, opts, journal_ref, created_at, admitted_at, started_at, clock_timestamp()
    from d
), l as (
  update run_lane l set used = l.used - (d.admitted_at is not null)::int, queued = l.queued - (d.admitted_at is null)::int
    from d where l.environment_id = d.environment_id and l.lane = d.lane
  returning l.lane, l.queued > 0 and l.used < least(l.cap, l.share) as next
), u as (
  update sync s
     set last_run_id = d.id, last_run_uid = d.uid, last_run_state = $4, last_run_type = d.run_type,
         last_started_at = d.started_at, last_finished_at = clock_timestamp(), last_result = coalesce($5::jsonb, s.last_result),
         last_sync_at = case when $4 = 'succeeded' then coalesce($12::timestamptz, d.started_at) else s.last_sync_at end,
         failures = case $4 when 'succeeded' then 0 when 'failed' then s.failures + 1 else s.failures end,
         error_code = case $4 when 'succeeded' then null when 'failed' then $9 else s.error_code end,
         error_message = case $4 when 'succeeded' then null when 'failed' then $10 else s.error_message end,
         error_operation_id = case $4 when 'succeeded' then null when 'failed' then d.operation_id else s.error_operation_id end,
         request = case when d.started_at is null and (d.opts->>'reset')::boolean then coalesce(s.request, case when (d.opts->>'empty')::boolean then 'full_empty' else 'full' end) else s.request end,
         next_due_at = case when s.paused_at is not null or s.deleted_at is not null then s.next_due_at
                            when $13 then clock_timestamp() else ` + gridSQL + ` end
    from d
   where d.kind = 'sync' and s.environment_id = d.environment_id and s.id = d.sync_id
  returning s.id, case when s.paused_at is null and s.deleted_at is null then s.next_due_at end as next_due_at, s.request is not null as again
), ok as (
  delete from problem p using d where $4 = 'succeeded' and d.kind = 'sync' and p.environment_id = d.environment_id and p.sync_id = d.sync_id and p.type = 'sync'
), bad as (
  insert into problem (environment_id, connection_id, sync_id, type, operation_id, error_code, error_message)
  select d.environment_id, d.connection_id, d.sync_id, 'sync', coalesce(d.operation_id, ''), $9, $10 from d where $4 = 'failed' and d.kind = 'sync'
  on conflict (environment_id, sync_id) where type = 'sync' do update set operation_id = excluded.operation_id, error_code = excluded.error_code, error_message = excluded.error_message
)
select l.lane, l.next, u.next_due_at, coalesce(u.again, false), coalesce(u.id, 0) from l left join u on true`

// laneLockSQL goes before what picks or ends a *waiting* run, as a statement of its own: the next one's snapshot is then younger
// than the lock, and its pick exact.
const laneLockSQL = `select 1 from run_lane where environment_id = $1 and lane = $2 for update`

// Closed says what has to follow a close, after its commit (package dispatch).
type Closed struct {
	Lane      causeway.Lane
	Next      bool       // a waiting run of the lane may have the slot
	NextDueAt *time.Time // syncs: when the next run is due
	Again     bool       // syncs: it was asked for meanwhile
	SyncID    int64
	Repeated  bool // the caller had closed it before; nothing was written
	Retry     bool // it has not ended: another attempt follows
}

// CloseRun ends a run that the caller holds or saw with this fence. openedAt is the start of the run by the records database's
// clock, which becomes a sync's last sync date. ErrStale: somebody else has taken it or ended it.
func (s *Store) CloseRun(ctx context.Context, ref causeway.RunRef, fence int64, out causeway.Outcome, openedAt *time.Time) (Closed, error) {
	return s.closeRun(ctx, ref, fence, out, openedAt, false)
}

// CloseWaitingRun ends a run that waits: expired, cancelled or blocked.
func (s *Store) CloseWaitingRun(ctx context.Context, ref causeway.RunRef, fence int64, out causeway.Outcome) (Closed, error) {
	return s.closeRun(ctx, ref, fence, out, nil, true)
}

func (s *Store) closeRun(ctx context.Context, ref causeway.RunRef, fence int64, out causeway.Outcome, openedAt *time.Time, waiting bool) (Closed, error) {
	output, err := s.sealPayload(ctx, ref.EnvironmentID, ref.RunUID, "run_history.output_enc", out.Output)
	if err != nil {
		return Closed{}, err
	}
	var failure []byte
	if out.Error != nil {
		if failure, err = s.keys.Seal(ctx, PurposeControl, ref.EnvironmentID, payloadAAD(ref.RunUID, "run_history.error_enc"), out.Error); err != nil {
			return Closed{}, err
		}
	}
	var c Closed
	closing := func(q querier) error {
		return q.QueryRow(ctx, closeRunSQL, ref.EnvironmentID, ref.RunID, fence, out.State, out.Result, output.inline, output.ref, output.size,
			textOrNull(out.Code), textOrNull(out.Message), failure, openedAt, out.NextSoon).Scan(&c.Lane, &c.Next, &c.NextDueAt, &c.Again, &c.SyncID)
	}
	if waiting {
		err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, laneLockSQL, ref.EnvironmentID, ref.Lane); err != nil {
				return err
			}
			return closing(tx)
		})
	} else {
		err = closing(s.pool)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return s.closedBefore(ctx, ref, fence, out)
	}
	if err != nil {
		return Closed{}, fmt.Errorf("close run %d: %w", ref.RunID, err)
	}
	return c, nil
}

// closedBefore tells a repeated close of the same caller from a stale one. A worker that was declared dead holds the fence with which
// others ended its run: its own outcome differs from theirs, and is refused.
func (s *Store) closedBefore(ctx context.Context, ref causeway.RunRef, fence int64, out causeway.Outcome) (Closed, error) {
	var (
		seen  int64
		state causeway.RunState
		code  string
	)
	at := uidTime(ref.RunUID)
	err := s.pool.QueryRow(ctx, `select fence, state, coalesce(error_code, '') from run_history where environment_id = $1 and uid = $2 and created_at between $3 and $4`,
		ref.EnvironmentID, ref.RunUID, at.Add(-time.Hour), at.Add(time.Hour)).Scan(&seen, &state, &code)
	if err == nil && seen == fence && state == out.State && code == out.Code {
		return Closed{Lane: ref.Lane, Next: true, Repeated: true}, nil // what followed may not have been done
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Closed{}, fmt.Errorf("look for ended run %d: %w", ref.RunID, err)
	}
	return Closed{}, ErrStale
}

const admitNextSQL = `
with n as materialized (
  select r.id from run r
   where r.environment_id = $1 and r.lane = $2 and r.admitted_at is null and r.cancel_at is null and r.start_by > clock_timestamp()
     and (select used < least(cap, share) from run_lane where environment_id = $1 and lane = $2)
   order by r.id limit 1
), l as (
  update run_lane set used = used + 1, queued = queued - 1 from n where environment_id = $1 and lane = $2
)
update run set admitted_at = clock_timestamp()
 where environment_id = $1 and id = (select id from n)
returning id, uid, kind, attempt, (opts->>'async')::boolean is true`

// AdmitNext gives a free slot of a lane to its oldest waiting run. nil: there is none, or no slot is free.
func (s *Store) AdmitNext(ctx context.Context, environmentID int64, lane causeway.Lane) (*causeway.RunRef, error) {
	var ref *causeway.RunRef
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, laneLockSQL, environmentID, lane); err != nil {
			return err
		}
		var (
			id      int64
			uid     uuid.UUID
			kind    causeway.RunKind
			attempt int
			async   bool
		)
		err := tx.QueryRow(ctx, admitNextSQL, environmentID, lane).Scan(&id, &uid, &kind, &attempt, &async)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			ref = newRef(environmentID, id, uid, kind, lane, attempt, async)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("admit the next run of lane %s in environment %d: %w", lane, environmentID, err)
	}
	return ref, nil
}

// newRef names a run that is to be started. Each attempt of an async action is an execution of its own, numbered from 1.
func newRef(environmentID, id int64, uid uuid.UUID, kind causeway.RunKind, lane causeway.Lane, attempt int, async bool) *causeway.RunRef {
	ref := &causeway.RunRef{RunID: id, RunUID: uid, EnvironmentID: environmentID, Kind: kind, Lane: lane, Resumable: kind == causeway.RunSync}
	if async {
		ref.Attempt = attempt + 1
	}
	return ref
}
