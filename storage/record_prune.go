package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	prunePage  = 10_000
	deletePage = 50_000
)

// pruneSQL takes the payload from the oldest records that have one. It begins at kept_from, before which none has: walking
// from the oldest record each time would be quadratic. One record more than the limit tells whether there are more.
const pruneSQL = `
with old as materialized (
  select r.no, r.modified_at, p.size, row_number() over (order by r.modified_at) as k
  from record r, lateral (select size, payload from record_payload p
    where p.environment_id = $1 and p.model_id = $2 and p.no = r.no offset 0) p
  where r.environment_id = $1 and r.model_id = $2 and r.modified_at <= $3
    and r.modified_at >= (select kept_from from record_model where environment_id = $1 and id = $2) and p.payload is not null
  order by r.modified_at limit $4 + 1),
gone as materialized (select * from old where k <= $4),
put as (insert into record_payload (environment_id, model_id, no, stored_at, pruned_at, size)
  select $1, $2, no, clock_timestamp(), clock_timestamp(), size from gone order by k
  on conflict (environment_id, model_id, no) do update set payload = null, pruned_at = excluded.pruned_at),
bump as (update record_model m set pruned_to = greatest(pruned_to, t.at), kept_from = t.at, payload_bytes = payload_bytes - t.bytes
  from (select max(modified_at) as at, sum(size) as bytes from gone) t where environment_id = $1 and id = $2 and t.at is not null)
select (select count(*) from gone), (select count(*) from old) > $4`

// Prune takes the payloads from a model's oldest records, up to and including the position of a cursor, at most limit of
// them, and says how many that were and whether there are more. Ids, hashes and positions stay.
func (r *Records) Prune(ctx context.Context, env, connectionID int64, model, untilCursor string, limit int) (n int, more bool, err error) {
	until, err := parseRecordCursor(untilCursor)
	if err != nil {
		return 0, false, err
	}
	id, err := r.findModel(ctx, env, connectionID, model)
	if err != nil || id == 0 {
		return 0, false, err
	}
	err = r.underModel(ctx, env, id, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, pruneSQL, env, id, until, limit).Scan(&n, &more)
	})
	if errors.Is(err, errModelGone) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("prune model %s of connection %d: %w", model, connectionID, err)
	}
	return n, more, nil
}

// underModel runs f in a transaction that holds a model's lock.
func (r *Records) underModel(ctx context.Context, env, modelID int64, f func(tx pgx.Tx) error) error {
	return r.retry(ctx, func() error {
		return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `select from record_model where environment_id = $1 and id = $2 for update`, env, modelID)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return errModelGone
			}
			return f(tx)
		})
	})
}

// agedSQL prunes a page of records by age, which counts from the last change or the last time that the payload was stored:
// a record that never changes is restored by each full sync, and would be pruned again seconds later. It answers how many
// rows the page had, its last position, and how many were pruned. kept_from rises up to the first one that stays.
const agedSQL = `
with page as materialized (
  select r.no, r.modified_at, p.size, p.payload is not null and p.stored_at < $3 as old, p.payload is null as gone
  from (select no, modified_at from record where environment_id = $1 and model_id = $2 and modified_at < $3
      and modified_at > greatest($4, (select kept_from - interval '1 microsecond' from record_model where environment_id = $1 and id = $2))
    order by modified_at limit $5) r,
  lateral (select size, payload, stored_at from record_payload p where p.environment_id = $1 and p.model_id = $2 and p.no = r.no offset 0) p),
put as (insert into record_payload (environment_id, model_id, no, stored_at, pruned_at, size)
  select $1, $2, no, clock_timestamp(), clock_timestamp(), size from page where old order by modified_at
  on conflict (environment_id, model_id, no) do update set payload = null, pruned_at = excluded.pruned_at),
stays as materialized (select min(modified_at) as at from page where not old and not gone),
bump as (update record_model m set pruned_to = greatest(pruned_to, t.at), payload_bytes = payload_bytes - t.bytes,
    kept_from = case when $4 <= kept_from and t.upto is not null then greatest(kept_from, t.upto) else kept_from end
  from (select max(modified_at) filter (where old) as at, coalesce(sum(size) filter (where old), 0) as bytes,
      max(modified_at) filter (where (select at from stays) is null or modified_at < (select at from stays)) as upto from page) t
  where environment_id = $1 and id = $2 and (t.at is not null or t.upto is not null))
select count(*), coalesce(max(modified_at), $4), count(*) filter (where old) from page`

// PruneAged takes the payloads from records that neither changed nor were stored for a while, in all models, those that
// changed longest ago first, until limit records have been pruned. It returns how many that were.
func (r *Records) PruneAged(ctx context.Context, age time.Duration, limit int) (int, error) {
	var before time.Time
	if err := r.pool.QueryRow(ctx, `select clock_timestamp() - make_interval(secs => $1)`, age.Seconds()).Scan(&before); err != nil {
		return 0, fmt.Errorf("prune old records: %w", err)
	}
	rows, err := r.pool.Query(ctx, `select environment_id, id from record_model where payload_bytes > 0 order by changed_at`)
	if err != nil {
		return 0, fmt.Errorf("prune old records: %w", err)
	}
	type model struct{ EnvironmentID, ID int64 }
	models, err := pgx.CollectRows(rows, pgx.RowToStructByPos[model])
	if err != nil {
		return 0, fmt.Errorf("prune old records: %w", err)
	}
	total := 0
	for _, m := range models {
		n, err := r.pruneModel(ctx, m.EnvironmentID, m.ID, before, limit-total)
		if err != nil && !errors.Is(err, errModelGone) {
			return total, fmt.Errorf("prune model %d of environment %d: %w", m.ID, m.EnvironmentID, err)
		}
		if total += n; total >= limit {
			break
		}
	}
	return total, nil
}

func (r *Records) pruneModel(ctx context.Context, env, modelID int64, before time.Time, limit int) (total int, err error) {
	var after any = "-infinity"
	for total < limit {
		var (
			walked, pruned int
			last           pgtype.Timestamptz
		)
		page := min(prunePage, limit-total)
		err := r.underModel(ctx, env, modelID, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, agedSQL, env, modelID, before, after, page).Scan(&walked, &last, &pruned)
		})
		if err != nil {
			return total, err
		}
		if total += pruned; walked < page {
			return total, nil
		}
		after = last
	}
	return total, nil
}

const hardDeleteSQL = `
with upto as materialized (select max(modified_at) as at from (select modified_at from record
    where environment_id = $1 and model_id = $2 and modified_at > $3 and modified_at <= $4 order by modified_at limit $5) o),
d as (delete from record where environment_id = $1 and model_id = $2 and modified_at > $3 and modified_at <= (select at from upto) and run_id <> $6
  returning no, deleted_at),
p as (delete from record_payload where environment_id = $1 and model_id = $2 and no = any(array(select no from d))
  returning case when payload is null then 0 else size end as size),
h as (delete from record_history where environment_id = $1 and model_id = $2 and no = any(array(select no from d))),
bump as (update record_model set live_count = greatest(live_count - (select count(*) from d where deleted_at is null), 0),
    payload_bytes = payload_bytes - (select coalesce(sum(size), 0) from p), changed_at = clock_timestamp()
  where environment_id = $1 and id = $2)
select (select count(*) from d), (select at from upto)`

const dropModelSQL = `
with s as (delete from record_seen where environment_id = $1 and model_id = $2),
g as (delete from record_generation where environment_id = $1 and model_id = $2),
h as (delete from record_history where environment_id = $1 and model_id = $2)
delete from record_model where environment_id = $1 and id = $2`

// EmptyModel deletes the records of a model for good, in chunks, and returns how many. What the run itself has written stays,
// as does what is written while it goes on; a model without records goes as a whole. runID 0: no run, everything goes.
func (r *Records) EmptyModel(ctx context.Context, env, runID, connectionID int64, model string) (int64, error) {
	n, err := r.emptyModel(ctx, env, runID, connectionID, model, deletePage)
	if err != nil && !errors.Is(err, errModelGone) {
		return n, fmt.Errorf("delete the records of model %s of connection %d: %w", model, connectionID, err)
	}
	return n, nil
}

func (r *Records) emptyModel(ctx context.Context, env, runID, connectionID int64, model string, page int) (total int64, err error) {
	id, err := r.findModel(ctx, env, connectionID, model)
	if err != nil || id == 0 {
		return 0, err
	}
	var upto pgtype.Timestamptz
	if err := r.pool.QueryRow(ctx, `select clock from record_model where environment_id = $1 and id = $2`, env, id).Scan(&upto); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, nil
		}
		return 0, err
	}
	var after any = "-infinity"
	for {
		var (
			n    int64
			last *time.Time
		)
		err := r.underModel(ctx, env, id, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, hardDeleteSQL, env, id, after, upto, page, runID).Scan(&n, &last)
		})
		if err != nil {
			return total, err
		}
		if total += n; last == nil {
			break
		}
		after = *last
	}
	return total, r.underModel(ctx, env, id, func(tx pgx.Tx) error {
		var left bool
		if err := tx.QueryRow(ctx, `select exists (select from record where environment_id = $1 and model_id = $2)`, env, id).Scan(&left); err != nil || left {
			return err
		}
		_, err := tx.Exec(ctx, dropModelSQL, env, id)
		return err
	})
}

// DeleteConnection deletes everything of a connection for good: first what its records were before, then the records and the
// checkpoints.
func (r *Records) DeleteConnection(ctx context.Context, env, connectionID int64) (int64, error) {
	if _, err := r.pool.Exec(ctx, `delete from record_history where environment_id = $1
 and model_id = any(array(select id from record_model where environment_id = $1 and connection_id = $2))`, env, connectionID); err != nil {
		return 0, fmt.Errorf("delete the history of connection %d: %w", connectionID, err)
	}
	models, err := r.Models(ctx, env, connectionID)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, m := range models {
		n, err := r.EmptyModel(ctx, env, 0, connectionID, m.Model)
		if total += n; err != nil {
			return total, err
		}
	}
	if _, err := r.pool.Exec(ctx, `delete from checkpoint where environment_id = $1 and connection_id = $2`, env, connectionID); err != nil {
		return total, fmt.Errorf("delete the checkpoints of connection %d: %w", connectionID, err)
	}
	return total, nil
}

// MaintainPartitions makes the coming days' partitions of the change log and the history, and drops those that are too old;
// 0 days: none is kept longer than the day it is for.
func (r *Records) MaintainPartitions(ctx context.Context, changeDays, historyDays int) error {
	const day = 24 * time.Hour
	return maintainPartitions(ctx, r.pool, []partitioned{
		{table: "record_change", keep: max(time.Duration(changeDays)*day, day)},
		{table: "record_history", keep: max(time.Duration(historyDays)*day, time.Hour)},
	})
}
