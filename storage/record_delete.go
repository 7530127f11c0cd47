package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// deleteSQL answers a letter for each record: d deleted, t tombstone of an unknown id, u already deleted, which changes nothing.
const deleteSQL = `with ` + guardSQL + `,
looked as materialized (
  select i.ord, i.ext, i.hash, i.payload, i.size, i.del, o.no, g.next_no, g.base, case
      when o.no is null then 't'
      when o.deleted_at is null then 'd' else 'u' end as out
  from guard g, unnest($5::text[], $6::bytea[], $7::bytea[], $8::int[], $9::timestamptz[]) with ordinality as i(ext, hash, payload, size, del, ord)
  left join ` + lookupSQL + `),
class as materialized (
  select l.*, old.size as old_size, old.payload as old_payload, old.stored_at as old_stored,
    l.base + (count(*) filter (where out in ('d','t')) over w) * interval '1 microsecond' as ts,
    l.next_no + (count(*) filter (where out = 't') over w) - 1 as new_no
  from looked l left join ` + replacedSQL + ` l.out = 'd'
  window w as (order by l.ord)),
put as (insert into record as r (environment_id, model_id, no, first_seen_at, modified_at, deleted_at, run_id, hash, external_id)
  select $1, $4, coalesce(no, new_no), ts, ts, coalesce(del, ts), $2, hash, ext from class where out in ('d','t') order by ord
  on conflict (environment_id, model_id, external_id) do update set modified_at = excluded.modified_at,
    deleted_at = excluded.deleted_at, run_id = excluded.run_id, hash = excluded.hash),
putp as (insert into record_payload (environment_id, model_id, no, stored_at, size, payload)
  select $1, $4, coalesce(no, new_no), ts, size, payload from class where out in ('d','t') order by ord
  on conflict (environment_id, model_id, no) do update set payload = excluded.payload, size = excluded.size,
    stored_at = excluded.stored_at, pruned_at = null),
hist as (insert into record_history (environment_id, model_id, no, at, run_id, stored_at, payload)
  select $1, $4, no, ts, $2, old_stored, old_payload from class where $10::bool and out = 'd' and old_payload is not null),
tally as materialized (
  select count(*) filter (where out = 't') as t, count(*) filter (where out = 'd') as d, max(ts) filter (where out in ('d','t')) as clock,
    coalesce(sum(size - coalesce(old_size, 0)) filter (where out in ('d','t')), 0) as bytes
  from class),
bump as (update record_model m set clock = t.clock, next_no = m.next_no + t.t, live_count = greatest(m.live_count - t.d, 0),
    payload_bytes = m.payload_bytes + t.bytes, changed_at = clock_timestamp()
  from tally t where m.environment_id = $1 and m.id = $4 and t.clock is not null),
log as (insert into record_change (environment_id, run_id, model_id, id, at, added, updated, deleted)
  select $1, $2, $4, nextval('record_change_id'), t.clock, '{}', '{}', array(select ext from class where out = 'd' order by ord)
  from tally t where t.d > 0)
select (select count(*) from guard), coalesce((select string_agg(out, '' order by ord) from class), '')`

// Delete soft-deletes records. What is kept of a record is what the call brings; an id that isn't there leaves a tombstone,
// which isn't counted; deleting a deleted record changes nothing.
func (r *Records) Delete(ctx context.Context, env int64, run RecordRun, model string, records []causeway.RecordInput) (counts causeway.WriteCounts, err error) {
	err = r.withModel(ctx, env, run.ConnectionID, model, func(m *recordModel) error {
		counts = causeway.WriteCounts{}
		b, err := r.prepare(ctx, env, m, records, &counts)
		if err != nil || len(b.ids) == 0 {
			return err
		}
		if err := r.seal(ctx, env, m, b); err != nil {
			return err
		}
		deleted := make([]*time.Time, len(b.records))
		for i := range b.records {
			deleted[i] = b.records[i].DeletedAt
		}
		out, err := r.pipeline(ctx, env, run, m, deleteSQL, b.ids, b.hashes, b.payloads, b.sizes, deleted, r.history)
		counts.Deleted = int64(strings.Count(out, "d"))
		counts.Unchanged = int64(strings.Count(out, "u"))
		return err
	})
	if err != nil {
		return counts, fmt.Errorf("delete %d records of model %s: %w", len(records), model, err)
	}
	return counts, nil
}

// Brake is asked before a sweep deletes anything: live records there are, doomed of them would go. An error holds the sweep.
type Brake func(live, doomed int) error

// StartDeletes begins a delete tracking under a key, unless one is open: a resumed crawl keeps its starting point, which is
// a time of this database and not a run, so that what a webhook writes meanwhile counts as seen.
func (r *Records) StartDeletes(ctx context.Context, env int64, run RecordRun, model, key string) error {
	err := r.withModel(ctx, env, run.ConnectionID, model, func(m *recordModel) error {
		tag, err := r.pool.Exec(ctx, `
insert into record_generation (environment_id, model_id, key, since)
select $1, m.id, $3, r.opened_at from record_run r, record_model m
 where r.environment_id = $1 and r.run_id = $4 and r.fence = $5 and m.environment_id = $1 and m.id = $2 for share of r
on conflict (environment_id, model_id, key) do update set key = excluded.key`, env, m.id, key, run.RunID, run.Fence)
		if err == nil && tag.RowsAffected() == 0 {
			err = r.whyRefused(ctx, env, run)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("start tracking deletes of model %s: %w", model, err)
	}
	return nil
}

// EndDeletes deletes what nobody has seen since the delete tracking began, ends it, and returns the ids. ErrNoGeneration: it
// was never begun. A crash on the way leaves a part deleted, which the next call completes.
func (r *Records) EndDeletes(ctx context.Context, env int64, run RecordRun, model, key string, brake Brake) (ids []string, err error) {
	err = r.withModel(ctx, env, run.ConnectionID, model, func(m *recordModel) error {
		var since time.Time
		err := r.pool.QueryRow(ctx, `select since from record_generation where environment_id = $1 and model_id = $2 and key = $3`, env, m.id, key).Scan(&since)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNoGeneration
		}
		if err != nil {
			return err
		}
		if ids, err = r.sweep(ctx, env, run, m, since, brake); err != nil {
			return err
		}
		_, err = r.pool.Exec(ctx, `delete from record_generation where environment_id = $1 and model_id = $2 and key = $3 and since = $4
 and exists (select from record_run where environment_id = $1 and run_id = $5 and fence = $6)`, env, m.id, key, since, run.RunID, run.Fence)
		return err
	})
	if err != nil {
		return ids, fmt.Errorf("end tracking deletes of model %s: %w", model, err)
	}
	return ids, nil
}

// DeleteOlder deletes what nobody has seen since the run was opened.
func (r *Records) DeleteOlder(ctx context.Context, env int64, run RecordRun, model string, brake Brake) (ids []string, err error) {
	err = r.withModel(ctx, env, run.ConnectionID, model, func(m *recordModel) error {
		var since time.Time
		err := r.pool.QueryRow(ctx, `select opened_at from record_run where environment_id = $1 and run_id = $2 and fence = $3`, env, run.RunID, run.Fence).Scan(&since)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrRunFenced
		}
		if err != nil {
			return err
		}
		ids, err = r.sweep(ctx, env, run, m, since, brake)
		return err
	})
	if err != nil {
		return ids, fmt.Errorf("delete what earlier runs left of model %s: %w", model, err)
	}
	return ids, nil
}

const sweepPage = 10_000

// sweepSQL answers the ids that went. It looks again under the lock: what was written or seen since the walk stays.
const sweepSQL = `with ` + guardSQL + `,
late as materialized (select distinct unnest(s.nos) as no from record_seen s
  where s.environment_id = $1 and s.model_id = $4 and s.id > $7 and s.at >= $6),
hit as materialized (select g.base, i.ord, o.no, o.hash, o.external_id from guard g, unnest($5::text[]) with ordinality as i(ext, ord)
  join ` + lookupSQL + `
  where o.deleted_at is null and o.modified_at < $6 and o.no not in (select no from late)),
num as materialized (select h.*, base + row_number() over (order by ord) * interval '1 microsecond' as ts from hit h),
put as (insert into record (environment_id, model_id, no, first_seen_at, modified_at, deleted_at, run_id, hash, external_id)
  select $1, $4, no, ts, ts, ts, $2, hash, external_id from num order by ord
  on conflict (environment_id, model_id, external_id) do update set modified_at = excluded.modified_at, deleted_at = excluded.deleted_at, run_id = excluded.run_id),
bump as (update record_model m set clock = t.clock, live_count = greatest(m.live_count - t.n, 0), changed_at = clock_timestamp()
  from (select max(ts) as clock, count(*) as n from num) t where m.environment_id = $1 and m.id = $4 and t.n > 0),
log as (insert into record_change (environment_id, run_id, model_id, id, at, added, updated, deleted)
  select $1, $2, $4, nextval('record_change_id'), max(ts), '{}', '{}', array_agg(external_id order by ord) from num having count(*) > 0)
select (select count(*) from guard), coalesce((select string_agg(ord::text, ',' order by ord) from num), '')`

// sweep soft-deletes live records that nothing has written or seen since a moment.
func (r *Records) sweep(ctx context.Context, env int64, run RecordRun, m *recordModel, since time.Time, brake Brake) ([]string, error) {
	seen, last, err := r.seenSince(ctx, env, m, since)
	if err != nil {
		return nil, err
	}
	live, doomed, err := r.unseen(ctx, env, m, since, seen)
	if err != nil {
		return nil, err
	}
	if brake != nil {
		if err := brake(live, len(doomed)); err != nil {
			return nil, err
		}
	}
	gone := make([]string, 0, len(doomed))
	for lo := 0; lo < len(doomed); lo += sweepPage {
		page := doomed[lo:min(lo+sweepPage, len(doomed))]
		out, err := r.pipeline(ctx, env, run, m, sweepSQL, page, since, last)
		if err != nil {
			return gone, err
		}
		gone = append(gone, pick(page, out)...)
	}
	if len(doomed) == 0 {
		return gone, r.stillMine(ctx, env, run)
	}
	return gone, nil
}

// pick returns the items whose numbers, from 1, are listed.
func pick(items []string, list string) []string {
	var out []string
	n := 0
	for i := range len(list) + 1 {
		if i < len(list) && list[i] != ',' {
			n = n*10 + int(list[i]-'0')
			continue
		}
		if n > 0 {
			out = append(out, items[n-1])
		}
		n = 0
	}
	return out
}

func (r *Records) stillMine(ctx context.Context, env int64, run RecordRun) error {
	if err := r.whyRefused(ctx, env, run); !errors.Is(err, errModelGone) {
		return err
	}
	return nil
}

// bitmap is a set of record numbers, which are dense.
type bitmap []uint64

func (b *bitmap) add(no int64) {
	for int64(len(*b)) <= no>>6 {
		*b = append(*b, make([]uint64, max(64, len(*b)))...)
	}
	(*b)[no>>6] |= 1 << (no & 63)
}

func (b bitmap) has(no int64) bool {
	return no>>6 < int64(len(b)) && b[no>>6]&(1<<(no&63)) != 0
}

// seenSince returns the numbers of the records that were found unchanged since a moment, and the last seen row read.
func (r *Records) seenSince(ctx context.Context, env int64, m *recordModel, since time.Time) (seen bitmap, last int64, err error) {
	rows, err := r.pool.Query(ctx, `select id, nos from record_seen where environment_id = $1 and model_id = $2 and at >= $3`, env, m.id, since)
	if err != nil {
		return nil, 0, err
	}
	var (
		id  int64
		nos []int64
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &nos}, func() error {
		last = max(last, id)
		for _, no := range nos {
			seen.add(no)
		}
		return nil
	})
	return seen, last, err
}

// unseen counts the live records of a model and lists those that were neither written nor seen since a moment, oldest first.
func (r *Records) unseen(ctx context.Context, env int64, m *recordModel, since time.Time, seen bitmap) (live int, doomed []string, err error) {
	if err := r.pool.QueryRow(ctx, `select live_count from record_model where environment_id = $1 and id = $2`, env, m.id).Scan(&live); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, nil, errModelGone
		}
		return 0, nil, err
	}
	rows, err := r.pool.Query(ctx, `select no, external_id from record
 where environment_id = $1 and model_id = $2 and modified_at < $3 and deleted_at is null order by modified_at`, env, m.id, since)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var no int64
		var id string
		if err := rows.Scan(&no, &id); err != nil {
			return 0, nil, err
		}
		if !seen.has(no) {
			doomed = append(doomed, id)
		}
	}
	return live, doomed, rows.Err()
}
