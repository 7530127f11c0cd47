package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// reconcilePage is how many rows one step looks at.
const reconcilePage = 200

// Over is a living run that must end, with the outcome that it ends with and the fence that was seen.
type Over struct {
	Ref     causeway.RunRef
	Waiting bool
	Fence   int64
	Outcome causeway.Outcome
}

// OverdueRuns lists runs that must end: cancelled or not started in time, or running with a dead owner where the kind may not be
// repeated. No locks are needed: what makes a run overdue is final, and the fence says that it is still what was seen.
func (s *Store) OverdueRuns(ctx context.Context) ([]Over, error) {
	rows, err := s.pool.Query(ctx, `
select environment_id, id, uid, kind, lane, state, fence,
       case when cancel_at is not null then 'cancelled' when state = 'waiting' then 'expired' else 'failed' end,
       case when state = 'running' and cancel_at is null then $2 when state = 'waiting' and cancel_at is null then $3 else '' end
  from run
 where (state = 'waiting' and (cancel_at is not null or start_by <= clock_timestamp()))
    or (state = 'running' and not exists (select 1 from worker w where w.id = lease_owner and w.dead_at is null)
        and (kind <> 'sync' or cancel_at is not null or started_at + make_interval(secs => finish_s) < clock_timestamp()))
 order by environment_id, id limit $1`, pgx.QueryExecModeExec, reconcilePage, causeway.CodeOutcomeUnknown, causeway.CodeStartTimeout)
	if err != nil {
		return nil, fmt.Errorf("list overdue runs: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Over, error) {
		var (
			o     Over
			state causeway.RunState
		)
		err := row.Scan(&o.Ref.EnvironmentID, &o.Ref.RunID, &o.Ref.RunUID, &o.Ref.Kind, &o.Ref.Lane, &state, &o.Fence, &o.Outcome.State, &o.Outcome.Code)
		o.Waiting = state == causeway.RunWaiting
		switch o.Outcome.Code {
		case causeway.CodeOutcomeUnknown:
			o.Outcome.Message = "the worker that ran it died"
		case causeway.CodeStartTimeout:
			o.Outcome.Message = "it was not started in time"
		}
		return o, err
	})
}

// RunsToRing lists runs whose workflow has to be started again: admitted for longer than age and still waiting, or syncs whose owner is
// dead.
func (s *Store) RunsToRing(ctx context.Context, age time.Duration) ([]causeway.RunRef, error) {
	rows, err := s.pool.Query(ctx, `
select environment_id, id, uid, kind, lane, attempt, (opts->>'async')::boolean is true from run
 where (state = 'waiting' and admitted_at < clock_timestamp() - make_interval(secs => $1))
    or (state = 'running' and kind = 'sync' and not exists (select 1 from worker w where w.id = lease_owner and w.dead_at is null))
 order by environment_id, id limit $2`, pgx.QueryExecModeExec, age.Seconds(), reconcilePage)
	if err != nil {
		return nil, fmt.Errorf("list runs to ring: %w", err)
	}
	return pgx.CollectRows(rows, scanRef)
}

// LongRuns lists runs that a live worker has been running for longer than age. Of many it draws some by lot: each is met sooner or later.
func (s *Store) LongRuns(ctx context.Context, age time.Duration, limit int) ([]causeway.RunRef, error) {
	rows, err := s.pool.Query(ctx, `
select environment_id, id, uid, kind, lane, greatest(attempt - 1, 0), (opts->>'async')::boolean is true from run
 where state = 'running' and cancel_at is null and started_at < clock_timestamp() - make_interval(secs => $1)
   and exists (select 1 from worker w where w.id = lease_owner and w.dead_at is null)
 order by random() limit $2`, pgx.QueryExecModeExec, age.Seconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("list long runs: %w", err)
	}
	return pgx.CollectRows(rows, scanRef)
}

// LaneRef names a lane.
type LaneRef struct {
	EnvironmentID int64
	Lane          causeway.Lane
}

// LanesWithRoom lists lanes where runs wait and a slot is free: their closer died before it admitted the next.
func (s *Store) LanesWithRoom(ctx context.Context) ([]LaneRef, error) {
	rows, err := s.pool.Query(ctx, `select environment_id, lane from run_lane where queued > 0 and used < least(cap, share) limit $1`, reconcilePage)
	if err != nil {
		return nil, fmt.Errorf("list lanes with room: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[LaneRef])
}

// SyncRef names a sync.
type SyncRef struct{ EnvironmentID, ID int64 }

// RequestedSyncs lists wishes that nobody opened.
func (s *Store) RequestedSyncs(ctx context.Context) ([]SyncRef, error) {
	rows, err := s.pool.Query(ctx, `
select environment_id, id from sync s where request is not null and deleted_at is null
   and not exists (select 1 from run r where r.environment_id = s.environment_id and r.sync_id = s.id and r.kind = 'sync')
 order by id limit $1`, reconcilePage)
	if err != nil {
		return nil, fmt.Errorf("list requested syncs: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[SyncRef])
}

// LateGroups lists scheduler groups that don't keep what they promised, or that have promised nothing while a sync of theirs is late.
func (s *Store) LateGroups(ctx context.Context) ([]int, error) {
	rows, err := s.pool.Query(ctx, `
select g.schedule_group::int from schedule g
 where g.wakes_at < clock_timestamp() - interval '3 s'
    or exists (select from sync s join environment e on e.id = s.environment_id
                where e.schedule_group = g.schedule_group and s.deleted_at is null and s.paused_at is null and s.next_due_at < clock_timestamp() - interval '15 s'
                  and (select f.enabled and f.deleted_at is null from function f where f.environment_id = s.environment_id and f.id = s.function_id)
                  and not exists (select from run r where r.environment_id = s.environment_id and r.sync_id = s.id and r.kind = 'sync'))
    or exists (select from run_lane l join environment e on e.id = l.environment_id
                where e.schedule_group = g.schedule_group and l.queued > 0 and l.used < l.cap and g.wakes_at is null)`, pgx.QueryExecModeExec)
	if err != nil {
		return nil, fmt.Errorf("list late scheduler groups: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}

// RecountLanes compares each lane's counters with the rows that they count, and repairs a difference. Any difference is a bug; how many
// were found comes back.
func (s *Store) RecountLanes(ctx context.Context) (int, error) {
	rows, err := s.pool.Query(ctx, `
select l.environment_id, l.lane from run_lane l
  left join (select environment_id, lane, count(*) filter (where admitted_at is not null) as used, count(*) filter (where admitted_at is null) as queued from run group by 1, 2) c
    using (environment_id, lane)
 where (l.used, l.queued) is distinct from (coalesce(c.used, 0), coalesce(c.queued, 0)) limit $1`, pgx.QueryExecModeExec, reconcilePage)
	if err != nil {
		return 0, fmt.Errorf("compare the lanes' counters: %w", err)
	}
	lanes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LaneRef])
	if err != nil {
		return 0, fmt.Errorf("compare the lanes' counters: %w", err)
	}
	wrong := 0
	for _, l := range lanes {
		repaired, err := s.recount(ctx, l)
		if err != nil {
			return wrong, err
		}
		if repaired {
			wrong++
		}
	}
	return wrong, nil
}

// recount looks again under the lane's lock: what differed in one snapshot may have been a change on its way.
func (s *Store) recount(ctx context.Context, l LaneRef) (repaired bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, laneLockSQL, l.EnvironmentID, l.Lane); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
update run_lane l set used = c.used, queued = c.queued
  from (select count(*) filter (where admitted_at is not null) as used, count(*) filter (where admitted_at is null) as queued
          from run where environment_id = $1 and lane = $2) c
 where l.environment_id = $1 and l.lane = $2 and (l.used, l.queued) is distinct from (c.used, c.queued)`, l.EnvironmentID, l.Lane)
		repaired = tag.RowsAffected() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("recount lane %s of environment %d: %w", l.Lane, l.EnvironmentID, err)
	}
	return repaired, nil
}

// UnfinishedDeploys lists deploys whose syncs are not in step after age.
func (s *Store) UnfinishedDeploys(ctx context.Context, age time.Duration) (map[uuid.UUID]int64, error) {
	rows, err := s.pool.Query(ctx, `select uid, environment_id from deploy where state <> 'failed' and reconciled_at is null and created_at < clock_timestamp() - make_interval(secs => $1)
   and created_at > clock_timestamp() - interval '1 day' limit $2`, age.Seconds(), reconcilePage)
	if err != nil {
		return nil, fmt.Errorf("list unfinished deploys: %w", err)
	}
	out := map[uuid.UUID]int64{}
	var (
		uid           uuid.UUID
		environmentID int64
	)
	_, err = pgx.ForEachRow(rows, []any{&uid, &environmentID}, func() error { out[uid] = environmentID; return nil })
	return out, err
}

// WithoutLivingRun returns those of the runs that neither wait nor run any more.
func (s *Store) WithoutLivingRun(ctx context.Context, refs []causeway.RunRef) ([]causeway.RunRef, error) {
	environments, ids := make([]int64, len(refs)), make([]int64, len(refs))
	for i, ref := range refs {
		environments[i], ids[i] = ref.EnvironmentID, ref.RunID
	}
	rows, err := s.pool.Query(ctx, `
select x.environment_id, x.id from unnest($1::bigint[], $2::bigint[]) x(environment_id, id)
 where not exists (select from run r where r.environment_id = x.environment_id and r.id = x.id)`, environments, ids)
	if err != nil {
		return nil, fmt.Errorf("look for living runs: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (ref causeway.RunRef, err error) {
		return ref, row.Scan(&ref.EnvironmentID, &ref.RunID)
	})
}
