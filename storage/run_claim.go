package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// Verdict is the answer to a claim.
type Verdict string

// The verdicts. Only Claimed and Resume let the caller run the script.
const (
	Claimed     Verdict = "claimed"      // it is the caller's, with the fence that came back
	Resume      Verdict = "resume"       // its owner is dead and its kind may go on from a checkpoint
	Held        Verdict = "held"         // a live worker runs it
	Dead        Verdict = "dead"         // the caller was declared dead: abort everything, register anew
	Lost        Verdict = "lost"         // its owner is dead and its kind may not be repeated: close it as outcome_unknown
	Late        Verdict = "late"         // nobody started it in time: close it as expired
	Cancelled   Verdict = "cancelled"    // somebody wants it stopped: close it
	Blocked     Verdict = "blocked"      // what it belongs to is disabled, paused or gone: close it
	NotAdmitted Verdict = "not_admitted" // it has no slot, or a later attempt is due: end without running
	Ended       Verdict = "ended"        // look in the history
)

// Claim is what a claim found. Fence is the caller's when it may run, else the one that it saw.
type Claim struct {
	Verdict Verdict
	Fence   int64
	Attempt int
	Owner   string // the worker that runs it: of Held, another claim's
}

// A claim takes the fence and no slot, and touches one row. Sub-selects, not joins: their index conditions can't tip to a
// plan that was made while the table was empty. $4: the attempt that the caller was started for, 0 for any.
const claimRunSQL = `
with r as materialized (
  select * from run where environment_id = $1 and id = $2
     for update
), v as materialized (
  select r.*, case
      when $4 > 0 and (r.state = 'waiting' and r.attempt >= $4 or r.state = 'running' and r.attempt > $4) then 'not_admitted'
      when r.state = 'running' and exists (select 1 from worker w where w.id = r.lease_owner and w.dead_at is null) then 'held'
      when not exists (select 1 from worker w where w.id = $3 and w.dead_at is null) then 'dead'
      when r.state = 'running' and r.kind = 'sync' and r.cancel_at is null then 'resume'
      when r.state = 'running' then 'lost'
      when r.cancel_at is not null then 'cancelled'
      when r.start_by <= clock_timestamp() then 'late'
      when not (select c.deleted_at is null from connection c where c.environment_id = $1 and c.id = r.connection_id)
        or not (select f.deleted_at is null and f.enabled from function f where f.environment_id = $1 and f.id = r.function_id)
        or not (select s.deleted_at is null and (s.paused_at is null or r.kind <> 'sync' or r.bypass_cap)
                  from sync s where s.environment_id = $1 and s.id = r.sync_id) then 'blocked'
      when r.admitted_at is null then 'not_admitted'
      else 'claimed' end as verdict
    from r
), u as (
  update run
     set state = 'running', fence = run.fence + 1, lease_owner = $3,
         attempt = run.attempt + (v.verdict = 'claimed' and not (run.kind = 'sync' and run.started_at is not null))::int,
         started_at = coalesce(run.started_at, clock_timestamp()),
         function_version_id = coalesce(run.function_version_id,
           (select f.active_version_id from function f where f.environment_id = $1 and f.id = v.function_id))
    from v
   where run.environment_id = $1 and run.id = $2 and v.verdict in ('claimed', 'resume')
  returning run.fence, run.attempt
)
select v.verdict, coalesce(u.fence, v.fence), coalesce(u.attempt, v.attempt), coalesce(v.lease_owner, '')
  from v left join u on true`

// ClaimRun tries to make a run the worker's. attempt is the one that the caller's workflow was started for (async actions), else 0.
func (s *Store) ClaimRun(ctx context.Context, environmentID, runID int64, workerID string, attempt int) (Claim, error) {
	var c Claim
	err := s.pool.QueryRow(ctx, claimRunSQL, environmentID, runID, workerID, attempt).Scan(&c.Verdict, &c.Fence, &c.Attempt, &c.Owner)
	if errors.Is(err, pgx.ErrNoRows) {
		return Claim{Verdict: Ended}, nil
	}
	if err != nil {
		return Claim{}, fmt.Errorf("claim run %d: %w", runID, err)
	}
	return c, nil
}

const retryRunSQL = `
with r as (
  update run set state = 'waiting', fence = fence + 1, admitted_at = null, turn = null, lease_owner = null,
         start_by = clock_timestamp() + interval '24 h'
   where environment_id = $1 and id = $2 and fence = $3 and state = 'running' and cancel_at is null and attempt < max_attempts
  returning environment_id, lane
)
update run_lane l set used = l.used - 1, queued = l.queued + 1
  from r where l.environment_id = r.environment_id and l.lane = r.lane
returning l.lane`

// RetryRun puts a run whose attempt failed back into the queue of its lane, where it is the oldest. false: no attempt is left, or
// the run isn't the caller's any more.
func (s *Store) RetryRun(ctx context.Context, environmentID, runID, fence int64) (bool, error) {
	var lane string
	err := s.pool.QueryRow(ctx, retryRunSQL, environmentID, runID, fence).Scan(&lane)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("retry run %d: %w", runID, err)
	}
	return true, nil
}

// HandBackRun gives a running sync back with its slot, so that another worker resumes it from its checkpoint.
func (s *Store) HandBackRun(ctx context.Context, environmentID, runID, fence int64) (bool, error) {
	tag, err := s.pool.Exec(ctx, `update run set state = 'waiting', fence = fence + 1, lease_owner = null, start_by = clock_timestamp() + interval '1 h'
 where environment_id = $1 and id = $2 and fence = $3 and state = 'running' and kind = 'sync'`, environmentID, runID, fence)
	if err != nil {
		return false, fmt.Errorf("hand back run %d: %w", runID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// Cancelling is what a wish to stop a run found.
type Cancelling struct {
	Ref   causeway.RunRef
	State causeway.RunState
	Fence int64
}

// CancelRun asks for a run to be stopped. One that waits is then closed by the caller with the fence that comes back; one that
// runs is stopped by its owner. causeway.ErrNotFound: it has ended.
func (s *Store) CancelRun(ctx context.Context, environmentID, runID int64, by string) (Cancelling, error) {
	c, err := cancelRun(ctx, s.pool, environmentID, runID, by)
	if errors.Is(err, pgx.ErrNoRows) {
		return Cancelling{}, fmt.Errorf("run %d: %w", runID, causeway.ErrNotFound)
	}
	return c, err
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func cancelRun(ctx context.Context, q querier, environmentID, runID int64, by string) (Cancelling, error) {
	c := Cancelling{Ref: causeway.RunRef{EnvironmentID: environmentID}}
	err := q.QueryRow(ctx, `update run set cancel_at = coalesce(cancel_at, clock_timestamp()), cancel_by = coalesce(cancel_by, $3)
 where environment_id = $1 and id = $2 returning id, uid, kind, lane, state, fence`, environmentID, runID, by).
		Scan(&c.Ref.RunID, &c.Ref.RunUID, &c.Ref.Kind, &c.Ref.Lane, &c.State, &c.Fence)
	return c, err
}

// fencedSQL is the first statement of a control-plane transaction that writes for a run: a take-over or a close waits for it.
const fencedSQL = `select 1 from run where environment_id = $1 and id = $2 and fence = $3 and state = 'running' for share`

// ErrStale says that a run isn't the caller's any more: it was taken over or has ended.
var ErrStale = errors.New("the run has been taken over or has ended")

// Fenced runs f in a transaction that commits only while the run is the caller's.
func (s *Store) Fenced(ctx context.Context, environmentID, runID, fence int64, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := holds(ctx, tx, environmentID, runID, fence); err != nil {
			return err
		}
		return f(tx)
	})
}

// Ownership is who runs a living run.
type Ownership struct {
	State     causeway.RunState
	WorkerID  string
	Alive     bool // the worker hasn't been declared dead
	Fence     int64
	Attempt   int // attempts that were begun
	Cancelled bool
}

// Owner says who runs a living run. causeway.ErrNotFound: it has ended.
func (s *Store) Owner(ctx context.Context, environmentID, runID int64) (Ownership, error) {
	var o Ownership
	err := s.pool.QueryRow(ctx, `select r.state, coalesce(r.lease_owner, ''), exists (select from worker w where w.id = r.lease_owner and w.dead_at is null), r.fence, r.attempt, r.cancel_at is not null
  from run r where r.environment_id = $1 and r.id = $2`, environmentID, runID).Scan(&o.State, &o.WorkerID, &o.Alive, &o.Fence, &o.Attempt, &o.Cancelled)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, fmt.Errorf("run %d: %w", runID, causeway.ErrNotFound)
	}
	if err != nil {
		return o, fmt.Errorf("load the owner of run %d: %w", runID, err)
	}
	return o, nil
}

// holds is the first step of a transaction that writes for a run. ErrStale: the run isn't the caller's any more.
func holds(ctx context.Context, tx pgx.Tx, environmentID, runID, fence int64) error {
	var one int
	err := tx.QueryRow(ctx, fencedSQL, environmentID, runID, fence).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrStale
	}
	return err
}
