package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// Every write is two statements in one implicit transaction and one round trip: lockSQL, then the write itself, which begins
// with guardSQL. They are apart since a statement has one snapshot: one that takes a lock and waits for it goes on with the
// rows of before. Row k of what changed gets the position base + k µs, taken under the lock that is held until commit, so the
// order of positions is the order of commits and a reader of a cursor misses nothing.
//
// No statement may depend on statistics: young tables have none, and a plain join then reads the whole model for each row.
// Hence the look-ups of one row each (lookupSQL; OFFSET 0 where there is a sole index) and INSERT … ON CONFLICT in place of
// UPDATE … FROM.

// lockSQL locks the run, against a claim that raises the fence, and the model, against other writers.
const lockSQL = `
select m.clock from record_run r, record_model m
where r.environment_id = $1 and r.run_id = $2 and r.fence = $3 and m.environment_id = $1 and m.id = $4
for share of r for no key update of m`

// guardSQL is empty if the fence is stale or the model is gone; then nothing is written.
const guardSQL = `guard as materialized (
  select m.next_no, m.pruned_to, greatest(clock_timestamp(), m.clock + interval '1 microsecond') as base,
    (r.merge->($4::bigint)::text->>'clock')::timestamptz as newer
  from record_run r, record_model m
  where r.environment_id = $1 and r.run_id = $2 and r.fence = $3 and m.environment_id = $1 and m.id = $4)`

// lookupSQL finds the stored row of i.ext. The range, the order and the limit leave one sensible plan.
const lookupSQL = `lateral (select o.no, o.hash, o.deleted_at, o.modified_at, o.run_id, o.external_id from record o
    where o.environment_id = $1 and o.model_id = $4 and o.external_id >= i.ext order by o.external_id limit 1) o on o.external_id = i.ext`

// prunedSQL says whether an unchanged record has lost its payload. Only records before pruned_to can have.
const prunedSQL = `(o.modified_at <= g.pruned_to and (select p.payload is null from record_payload p
          where p.environment_id = $1 and p.model_id = $4 and p.no = o.no))`

// replacedSQL is the payload that row l replaces.
const replacedSQL = `lateral (select case when p.payload is null then 0 else p.size end as size, p.payload, p.stored_at from record_payload p
    where p.environment_id = $1 and p.model_id = $4 and p.no = l.no offset 0) old on`

// probeSQL answers a letter for each record: u unchanged, n its payload is needed. The unchanged ones are marked as seen.
const probeSQL = `with ` + guardSQL + `,
input as materialized (
  select i.ord, o.no, case when o.no is null or o.deleted_at is not null or o.hash <> i.hash or ` + prunedSQL + ` then 'n' else 'u' end as out
  from guard g, unnest($5::text[], $6::bytea[]) with ordinality as i(ext, hash, ord)
  left join ` + lookupSQL + `),
seen as (insert into record_seen (environment_id, model_id, run_id, nos)
  select $1, $4, $2, array_agg(no order by no) from input where out = 'u' having count(*) > 0)
select (select count(*) from guard), coalesce((select string_agg(out, '' order by ord) from input), '')`

// writeSQL answers a letter for each record: a added, r added again, c changed, u unchanged, h unchanged with a hash of the
// version before, p unchanged and its pruned payload restored, k kept back by the merging strategy.
const writeSQL = `with ` + guardSQL + `,
looked as materialized (
  select i.ord, i.ext, i.hash, i.payload, i.size, o.no, o.modified_at as old_modified, g.next_no, g.base, case
      when o.no is null then 'a'
      when o.modified_at > g.newer and o.run_id <> $2 and (o.deleted_at is not null or o.hash is distinct from i.hash and o.hash is distinct from i.old) then 'k'
      when o.deleted_at is not null then 'r'
      when o.hash = i.hash or o.hash = i.old then case
        when ` + prunedSQL + ` then 'p'
        when o.hash = i.hash then 'u' else 'h' end
      else 'c' end as out
  from guard g, unnest($5::text[], $6::bytea[], $7::bytea[], $8::int[], $9::bytea[]) with ordinality as i(ext, hash, payload, size, old, ord)
  left join ` + lookupSQL + `),
class as materialized (
  select l.*, old.size as old_size, old.payload as old_payload, old.stored_at as old_stored,
    l.base + (count(*) filter (where out in ('a','r','c')) over w) * interval '1 microsecond' as ts,
    l.next_no + (count(*) filter (where out = 'a') over w) - 1 as new_no
  from looked l left join ` + replacedSQL + ` l.out in ('c','r','p')
  window w as (order by l.ord)),
put as (insert into record as r (environment_id, model_id, no, first_seen_at, modified_at, run_id, hash, external_id)
  select $1, $4, coalesce(no, new_no), ts, ts, $2, hash, ext from class where out in ('a','c','r') order by ord
  on conflict (environment_id, model_id, external_id) do update set hash = excluded.hash, modified_at = excluded.modified_at,
    run_id = excluded.run_id, deleted_at = null,
    first_seen_at = case when r.deleted_at is null then r.first_seen_at else excluded.first_seen_at end),
rehash as (insert into record as r (environment_id, model_id, no, first_seen_at, modified_at, run_id, hash, external_id)
  select $1, $4, no, ts, ts, $2, hash, ext from class where out = 'h' order by ord
  on conflict (environment_id, model_id, external_id) do update set hash = excluded.hash),
putp as (insert into record_payload (environment_id, model_id, no, stored_at, size, payload)
  select $1, $4, coalesce(no, new_no), greatest(ts, base), size, payload from class where out in ('a','c','r','p') order by ord
  on conflict (environment_id, model_id, no) do update set payload = excluded.payload, size = excluded.size,
    stored_at = excluded.stored_at, pruned_at = null),
hist as (insert into record_history (environment_id, model_id, no, at, run_id, stored_at, payload)
  select $1, $4, no, ts, $2, old_stored, old_payload from class where $10::bool and out in ('c','r') and old_payload is not null),
tally as materialized (
  select count(*) filter (where out = 'a') as a, count(*) filter (where out = 'r') as r, count(*) filter (where out in ('a','r','c')) as moved,
    max(ts) filter (where out in ('a','r','c')) as clock, min(old_modified) filter (where out = 'p') as restored,
    sum(size - coalesce(old_size, 0)) filter (where out in ('a','r','c','p')) as bytes
  from class),
bump as (update record_model m set clock = coalesce(t.clock, m.clock), next_no = m.next_no + t.a, live_count = m.live_count + t.a + t.r,
    payload_bytes = m.payload_bytes + t.bytes, changed_at = clock_timestamp(), kept_from = least(m.kept_from, t.restored)
  from tally t where m.environment_id = $1 and m.id = $4 and t.bytes is not null),
log as (insert into record_change (environment_id, run_id, model_id, id, at, added, updated, deleted)
  select $1, $2, $4, nextval('record_change_id'), t.clock,
    array(select ext from class where out in ('a','r') order by ord), array(select ext from class where out = 'c' order by ord), '{}'
  from tally t where t.moved > 0),
seen as (insert into record_seen (environment_id, model_id, run_id, nos)
  select $1, $4, $2, array_agg(no order by no) from class where out in ('u','h','p','k') having count(*) > 0)
select (select count(*) from guard), coalesce((select string_agg(out, '' order by ord) from class), '')`

// batch is what a write sends, one entry a record.
type batch struct {
	records  []causeway.RecordInput
	ids      []string
	hashes   [][]byte
	old      [][]byte // hashes of the version before; nil where there is none
	payloads [][]byte
	sizes    []int32
}

// Save upserts at most MaxBatch records. Of records with the same id the first is taken. A record that is there already with
// the same content costs no write at all.
func (r *Records) Save(ctx context.Context, env int64, run RecordRun, model string, records []causeway.RecordInput) (counts causeway.WriteCounts, err error) {
	err = r.withModel(ctx, env, run.ConnectionID, model, func(m *recordModel) error {
		counts, err = r.save(ctx, env, run, m, records)
		return err
	})
	if err != nil {
		return counts, fmt.Errorf("save %d records of model %s: %w", len(records), model, err)
	}
	return counts, nil
}

func (r *Records) save(ctx context.Context, env int64, run RecordRun, m *recordModel, records []causeway.RecordInput) (counts causeway.WriteCounts, err error) {
	b, err := r.prepare(ctx, env, m, records, &counts)
	if err != nil || len(b.ids) == 0 {
		return counts, err
	}
	probed := m.probe.Load()
	if probed {
		out, err := r.pipeline(ctx, env, run, m, probeSQL, b.ids, b.hashes)
		if err != nil {
			return counts, err
		}
		counts.Unchanged = int64(strings.Count(out, "u"))
		m.probe.Store(counts.Unchanged*2 >= int64(len(out)))
		if b.keep(func(i int) bool { return out[i] == 'n' }); len(b.ids) == 0 {
			return counts, nil
		}
	}
	if err := r.seal(ctx, env, m, b); err != nil {
		return counts, err
	}
	out, err := r.pipeline(ctx, env, run, m, writeSQL, b.ids, b.hashes, b.payloads, b.sizes, b.old, r.history)
	if err != nil {
		return counts, err
	}
	counts.Added = int64(strings.Count(out, "a") + strings.Count(out, "r"))
	counts.Updated = int64(strings.Count(out, "c"))
	same := int64(len(out)) - counts.Added - counts.Updated
	counts.Unchanged += same
	if !probed {
		m.probe.Store(same*2 >= int64(len(out)))
	}
	return counts, nil
}

// prepare drops repeated ids and hashes. All checks come before anything is written.
func (r *Records) prepare(ctx context.Context, env int64, m *recordModel, records []causeway.RecordInput, counts *causeway.WriteCounts) (*batch, error) {
	if len(records) > causeway.MaxBatch {
		return nil, fmt.Errorf("a batch holds at most %d records, not %d", causeway.MaxBatch, len(records))
	}
	h, err := r.hasher(ctx, env)
	if err != nil {
		return nil, err
	}
	b := &batch{records: firstOfEach(records, counts)}
	n := len(b.records)
	b.ids, b.hashes, b.old = make([]string, n), make([][]byte, n), make([][]byte, n)
	for i := range b.records {
		b.ids[i] = b.records[i].ID
	}
	err = eachPart(n, func(lo, hi int) error {
		var canonical []byte
		for i := lo; i < hi; i++ {
			var err error
			if canonical, err = canonicalJSON(canonical[:0], b.records[i].JSON); err != nil {
				return fmt.Errorf("record %.100q: %w", b.ids[i], err)
			}
			b.hashes[i] = h.sum(canonical)
			if r.oldHash != nil && m.hashVersion < hashVersion {
				b.old[i] = r.oldHash(h.key, canonical)
			}
		}
		return nil
	})
	return b, err
}

// firstOfEach keeps the first record of each id and reports each repeated id once.
func firstOfEach(records []causeway.RecordInput, counts *causeway.WriteCounts) []causeway.RecordInput {
	known := make(map[string]bool, len(records)) // true: reported
	kept := make([]causeway.RecordInput, 0, len(records))
	for _, in := range records {
		reported, again := known[in.ID]
		switch {
		case !again:
			kept = append(kept, in)
			known[in.ID] = false
		case !reported:
			counts.Duplicates = append(counts.Duplicates, in.ID)
			known[in.ID] = true
		}
	}
	return kept
}

// keep drops the records that f doesn't want.
func (b *batch) keep(f func(i int) bool) {
	n := 0
	for i := range b.ids {
		if f(i) {
			b.records[n], b.ids[n], b.hashes[n], b.old[n] = b.records[i], b.ids[i], b.hashes[i], b.old[i]
			n++
		}
	}
	b.records, b.ids, b.hashes, b.old = b.records[:n], b.ids[:n], b.hashes[:n], b.old[:n]
}

func (r *Records) seal(ctx context.Context, env int64, m *recordModel, b *batch) error {
	key, err := r.keys.sealing(ctx, PurposeRecord, env)
	if err != nil {
		return fmt.Errorf("key of the records of environment %d: %w", env, err)
	}
	b.payloads, b.sizes = make([][]byte, len(b.records)), make([]int32, len(b.records))
	return eachPart(len(b.records), func(lo, hi int) error {
		s, err := r.sealer(key, env, m.id)
		if err != nil {
			return err
		}
		for i := lo; i < hi; i++ {
			b.payloads[i], b.sizes[i] = s.seal(b.ids[i], b.records[i].JSON), int32(len(b.records[i].JSON))
		}
		return nil
	})
}

// pipeline sends the lock and a statement together and returns the statement's letters.
func (r *Records) pipeline(ctx context.Context, env int64, run RecordRun, m *recordModel, sql string, args ...any) (out string, err error) {
	all := append([]any{env, run.RunID, run.Fence, m.id}, args...)
	send := func() error {
		b := &pgx.Batch{}
		b.Queue(lockSQL, all[:4]...)
		b.Queue(sql, all...)
		results := r.pool.SendBatch(ctx, b)
		_, err := results.Exec()
		var n int
		if err == nil {
			err = results.QueryRow().Scan(&n, &out)
		}
		if closed := results.Close(); err == nil {
			err = closed
		}
		if err == nil && n == 0 {
			return errNothingWritten
		}
		return err
	}
	if err = r.patiently(ctx, env, run, m, send); errors.Is(err, errNothingWritten) {
		err = r.whyRefused(ctx, env, run)
	}
	return out, err
}

// patiently repeats a write after a deadlock, and after it has waited too long for a lock that a stopped client held.
func (r *Records) patiently(ctx context.Context, env int64, run RecordRun, m *recordModel, write func() error) error {
	err := r.retry(ctx, write)
	if !isCode(err, "55P03") { // lock_not_available
		return err
	}
	if err := r.freeModel(ctx, env, run, m); err != nil {
		return err
	}
	return r.retry(ctx, write)
}

var errNothingWritten = errors.New("the fence is stale or the model is gone")

// freeModel waits for the locks of a write, and ends the backend of a stopped client that holds them.
func (r *Records) freeModel(ctx context.Context, env int64, run RecordRun, m *recordModel) error {
	return r.unblocked(ctx, true, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, lockSQL, env, run.RunID, run.Fence, m.id)
		return err
	})
}

// whyRefused tells a stale fence from a deleted model.
func (r *Records) whyRefused(ctx context.Context, env int64, run RecordRun) error {
	var mine bool
	err := r.pool.QueryRow(ctx, `select exists (select from record_run where environment_id = $1 and run_id = $2 and fence = $3)`, env, run.RunID, run.Fence).Scan(&mine)
	switch {
	case err != nil:
		return err
	case mine:
		return errModelGone
	default:
		return ErrRunFenced
	}
}

const storedSQL = `
select o.external_id, p.payload
from unnest($3::text[]) with ordinality as i(ext, ord),
lateral (select * from record o where o.environment_id = $1 and o.model_id = $2 and o.external_id >= i.ext order by o.external_id limit 1) o,
lateral (select payload from record_payload p where p.environment_id = $1 and p.model_id = $2 and p.no = o.no offset 0) p
where o.external_id = i.ext and o.deleted_at is null order by i.ord`

// Update merges records into those that are live: objects recursively, everything else is replaced. Ids that aren't there
// are ignored, as are records whose payload was pruned, which are counted. It reads and writes under one lock.
func (r *Records) Update(ctx context.Context, env int64, run RecordRun, model string, records []causeway.RecordInput) (counts causeway.WriteCounts, err error) {
	err = r.withModel(ctx, env, run.ConnectionID, model, func(m *recordModel) error {
		return r.patiently(ctx, env, run, m, func() error {
			counts = causeway.WriteCounts{}
			return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error { return r.update(ctx, tx, env, run, m, records, &counts) })
		})
	})
	if err != nil {
		return counts, fmt.Errorf("update %d records of model %s: %w", len(records), model, err)
	}
	return counts, nil
}

func (r *Records) update(ctx context.Context, tx pgx.Tx, env int64, run RecordRun, m *recordModel, records []causeway.RecordInput, counts *causeway.WriteCounts) error {
	patches := map[string][]byte{}
	ids := []string{}
	for _, in := range firstOfEach(records, counts) {
		patches[in.ID] = in.JSON
		ids = append(ids, in.ID)
	}
	merged, err := r.merged(ctx, tx, env, run, m, ids, patches, counts)
	if err != nil || len(merged) == 0 {
		return err
	}
	b, err := r.prepare(ctx, env, m, merged, counts)
	if err != nil {
		return err
	}
	if err := r.seal(ctx, env, m, b); err != nil {
		return err
	}
	var (
		n   int
		out string
	)
	if err := tx.QueryRow(ctx, writeSQL, env, run.RunID, run.Fence, m.id, b.ids, b.hashes, b.payloads, b.sizes, b.old, r.history).Scan(&n, &out); err != nil {
		return err
	}
	counts.Updated = int64(strings.Count(out, "c"))
	counts.Unchanged = int64(len(out)) - counts.Updated
	return nil
}

// merged locks and returns the stored records with their patches in them.
func (r *Records) merged(ctx context.Context, tx pgx.Tx, env int64, run RecordRun, m *recordModel, ids []string, patches map[string][]byte, counts *causeway.WriteCounts) ([]causeway.RecordInput, error) {
	b := &pgx.Batch{}
	b.Queue(lockSQL, env, run.RunID, run.Fence, m.id)
	b.Queue(storedSQL, env, m.id, ids)
	results := tx.SendBatch(ctx, b)
	defer func() { _ = results.Close() }()
	tag, err := results.Exec()
	if err != nil {
		return nil, err
	}
	if tag.RowsAffected() == 0 {
		_ = results.Close()
		return nil, r.whyRefused(ctx, env, run)
	}
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var (
		out    []causeway.RecordInput
		opener = r.opener(env, m.id)
	)
	for rows.Next() {
		var (
			id     string
			stored []byte
		)
		if err := rows.Scan(&id, &stored); err != nil {
			return nil, err
		}
		if stored == nil {
			counts.Pruned++
			continue
		}
		plain, err := opener.open(ctx, nil, stored, []byte(id))
		if err != nil {
			return nil, err
		}
		text, err := mergeJSON(nil, plain, patches[id], 0)
		if err != nil {
			return nil, fmt.Errorf("record %.100q: %w", id, err)
		}
		out = append(out, causeway.RecordInput{ID: id, JSON: text})
	}
	return out, rows.Err()
}

// SetMergeStrategy decides how a run's writes to a model meet newer changes: with ignoreNewer, what other runs change from
// now on stays. It can be said once; what is said later, also after the run was resumed, is ignored.
func (r *Records) SetMergeStrategy(ctx context.Context, env int64, run RecordRun, model string, ignoreNewer bool) error {
	err := r.withModel(ctx, env, run.ConnectionID, model, func(m *recordModel) error {
		tag, err := r.pool.Exec(ctx, `
update record_run r set merge = jsonb_build_object(m.id::text, jsonb_build_object('clock', case when $5 then m.clock end)) || r.merge
 from (select id, clock from record_model where environment_id = $1 and id = $4) m
 where r.environment_id = $1 and r.run_id = $2 and r.fence = $3`, env, run.RunID, run.Fence, m.id, ignoreNewer)
		if err == nil && tag.RowsAffected() == 0 {
			err = r.whyRefused(ctx, env, run)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set the merging strategy of model %s: %w", model, err)
	}
	return nil
}
