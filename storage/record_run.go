package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

const (
	// lockTimeout ends a statement that waits for a lock. A write then looks whether a stopped client holds it.
	lockTimeout = "10s"
	// defaultPatience is how long a claim waits for a batch in flight before it ends the backend that holds it up.
	defaultPatience = 5 * time.Second
	// seenMargin keeps seen rows that a run needs whose opening isn't visible yet to the run that closes.
	seenMargin = time.Minute
)

// Reset is what a run forgets as it is opened for the first time: the checkpoints and delete tracking of its script.
type Reset struct {
	CheckpointKey string
}

// OpenRun copies the fence of a claim and returns when the run was opened first, by this database's clock. A claim with a
// higher fence waits for a batch of its predecessor that is in flight, and shuts it out; one with a lower fence is refused.
// A reset happens with the first opening only: a resumed run needs what it has saved.
func (r *Records) OpenRun(ctx context.Context, env, runID, connectionID, fence int64, reset *Reset) (openedAt time.Time, err error) {
	err = r.unblocked(ctx, false, func(tx pgx.Tx) error {
		var first bool
		err := tx.QueryRow(ctx, `
insert into record_run as r (environment_id, run_id, connection_id, fence) values ($1, $2, $3, $4)
on conflict (environment_id, run_id) do update set fence = excluded.fence where r.fence <= excluded.fence
returning opened_at, xmax = 0`, env, runID, connectionID, fence).Scan(&openedAt, &first)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrRunFenced
		}
		if err != nil || reset == nil || !first {
			return err
		}
		return forget(ctx, tx, env, connectionID, reset.CheckpointKey)
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("open run %d: %w", runID, err)
	}
	return openedAt.UTC(), nil
}

// forget deletes a script's checkpoints and open delete tracking. The key is compared as it is, never as a pattern.
func forget(ctx context.Context, tx pgx.Tx, env, connectionID int64, key string) error {
	if _, err := tx.Exec(ctx, `delete from checkpoint where environment_id = $1 and connection_id = $2
 and (key = $3 or starts_with(key, $3 || ':trackDeletes:'))`, env, connectionID, key); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `delete from record_generation where environment_id = $1 and key = $3
 and model_id = any(array(select id from record_model where environment_id = $1 and connection_id = $2))`, env, connectionID, key)
	return err
}

// ShutOut lets the owner of a run write no more, for somebody else who is about to end it: seenFence is the fence that he
// saw. It waits for a batch in flight.
func (r *Records) ShutOut(ctx context.Context, env, runID, seenFence int64) error {
	err := r.unblocked(ctx, false, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update record_run set fence = $3 + 1 where environment_id = $1 and run_id = $2 and fence <= $3`, env, runID, seenFence)
		return err
	})
	if err != nil {
		return fmt.Errorf("shut out the owner of run %d: %w", runID, err)
	}
	return nil
}

// RunCounters sums what a run has written, by base model: added, updated and deleted from its change log, unchanged from
// what it has seen. A batch that was repeated after its answer was lost counts once among the changes.
func (r *Records) RunCounters(ctx context.Context, env, runID int64) (map[string]causeway.Counts, error) {
	rows, err := r.pool.Query(ctx, `
with me as materialized (select connection_id, opened_at from record_run where environment_id = $1 and run_id = $2),
mine as materialized (select id, model from record_model where environment_id = $1 and connection_id = (select connection_id from me)),
n as (
 select model_id, sum(cardinality(added)) as added, sum(cardinality(updated)) as updated, sum(cardinality(deleted)) as deleted, 0::numeric as unchanged
  from record_change where environment_id = $1 and run_id = $2 and at >= (select opened_at from me) - interval '1 day'
  group by model_id
 union all
 select model_id, 0, 0, 0, sum(cardinality(nos)) from record_seen
  where environment_id = $1 and model_id = any(array(select id from mine)) and run_id = $2
  group by model_id)
select mine.model, sum(added)::bigint, sum(updated)::bigint, sum(deleted)::bigint, sum(unchanged)::bigint
 from mine join n on n.model_id = mine.id group by mine.model`, env, runID)
	if err != nil {
		return nil, fmt.Errorf("count the records of run %d: %w", runID, err)
	}
	out := map[string]causeway.Counts{}
	var (
		model string
		c     causeway.Counts
	)
	_, err = pgx.ForEachRow(rows, []any{&model, &c.Added, &c.Updated, &c.Deleted, &c.Unchanged}, func() error {
		sum := out[baseModel(model)]
		sum.Added += c.Added
		sum.Updated += c.Updated
		sum.Deleted += c.Deleted
		sum.Unchanged += c.Unchanged
		out[baseModel(model)] = sum
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the records of run %d: %w", runID, err)
	}
	return out, nil
}

// CloseRun removes a run that has been closed in the control plane, and what was seen on its connection as far as neither an
// open delete tracking nor another running run needs it. It must not come before that close: a run that is resumed in between
// would begin with nothing seen, and might delete nearly everything. Repeating it is harmless.
func (r *Records) CloseRun(ctx context.Context, env, runID int64) error {
	_, err := r.pool.Exec(ctx, `
with gone as (delete from record_run where environment_id = $1 and run_id = $2 returning connection_id),
mine as materialized (select m.id, (select min(g.since) from record_generation g where g.environment_id = $1 and g.model_id = m.id) as since
  from record_model m where m.environment_id = $1 and m.connection_id = (select connection_id from gone)),
needed as materialized (select least(min(o.opened_at), clock_timestamp() - make_interval(secs => $3)) as since from record_run o
  where o.environment_id = $1 and o.connection_id = (select connection_id from gone) and o.run_id <> $2)
delete from record_seen s where s.environment_id = $1 and s.model_id = any(array(select id from mine))
 and s.at < least((select since from needed), (select since from mine where id = s.model_id))`, env, runID, seenMargin.Seconds())
	if err != nil {
		return fmt.Errorf("remove run %d from the records: %w", runID, err)
	}
	return nil
}

// unblocked runs f in a transaction. Should f wait for a lock longer than the store's patience, the backends of this store that hold it
// are ended: a worker that was stopped between two statements of a pipeline holds its locks for ever, since its backend
// counts as active. With stoppedOnly, only those are ended that wait for their client.
func (r *Records) unblocked(ctx context.Context, stoppedOnly bool, f func(tx pgx.Tx) error) error {
	return r.retry(ctx, func() error {
		return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			var pid int32
			if err := tx.QueryRow(ctx, `select pg_backend_pid() from set_config('lock_timeout', $1, true)`, (4 * r.patience).String()).Scan(&pid); err != nil {
				return err
			}
			watch, cancel := context.WithCancel(ctx)
			done := make(chan error, 1)
			go func() { done <- r.endBlockers(watch, pid, stoppedOnly) }()
			err := f(tx)
			cancel()
			if watchErr := <-done; watchErr != nil && err == nil {
				err = watchErr
			}
			return err
		})
	})
}

// endBlockers ends who blocks a backend, once the patience is over, until ctx is done.
func (r *Records) endBlockers(ctx context.Context, pid int32, stoppedOnly bool) error {
	for t := time.NewTicker(r.patience); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		_, err := r.pool.Exec(ctx, `select pg_terminate_backend(a.pid) from unnest(pg_blocking_pids($1)) b join pg_stat_activity a on a.pid = b
 where a.application_name = $2 and (not $3 or a.wait_event_type = 'Client')`, pid, recordsApplication, stoppedOnly)
		if err != nil && ctx.Err() == nil {
			t.Stop()
			return fmt.Errorf("end a backend that holds a lock: %w", err)
		}
	}
}

// retry repeats f after a deadlock, up to three times. With one order of locks there should be none.
func (r *Records) retry(ctx context.Context, f func() error) error {
	for try := 0; ; try++ {
		err := f()
		if try == 3 || ctx.Err() != nil || !isCode(err, "40P01") && !isCode(err, "40001") {
			return err
		}
	}
}

// OpenRuns lists runs that have been open for longer than age, of all environments. Of many it draws some by lot.
func (r *Records) OpenRuns(ctx context.Context, age time.Duration, limit int) ([]causeway.RunRef, error) {
	rows, err := r.pool.Query(ctx, `select environment_id, run_id from record_run where opened_at < clock_timestamp() - make_interval(secs => $1)
 order by random() limit $2`, age.Seconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("list open runs of the records: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (ref causeway.RunRef, err error) {
		return ref, row.Scan(&ref.EnvironmentID, &ref.RunID)
	})
}
