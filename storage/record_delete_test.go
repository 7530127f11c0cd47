package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

func small(i, v int) causeway.RecordInput {
	return rec(fmt.Sprint("r", i), fmt.Sprintf(`{"id":"r%d","v":%d}`, i, v))
}

func smalls(from, to, v int) []causeway.RecordInput {
	var out []causeway.RecordInput
	for i := from; i < to; i++ {
		out = append(out, small(i, v))
	}
	return out
}

func (r *records) saveAll(run storage.RecordRun, model string, in []causeway.RecordInput) {
	r.t.Helper()
	for part := range slices.Chunk(in, causeway.MaxBatch) {
		r.save(run, model, part...)
	}
}

func (r *records) deleted(model string) int {
	r.t.Helper()
	return len(r.read(storage.RecordsQuery{Model: model, Actions: []causeway.LastAction{causeway.RecordDeleted}}))
}

func TestDeleteTrackingOverTwoRunsWithAWebhookBetween(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	r.saveAll(r.begin(10, 1), "M", smalls(0, 3000, 1))
	hook := r.begin(5, 1) // created before the crawl's runs, writes after them

	one := r.begin(11, 1)
	_, err := r.EndDeletes(ctx, r.env, one, "M", "k", nil)
	require.ErrorIs(t, err, storage.ErrNoGeneration, "an end without a start fails loudly")
	r.saveAll(one, "M", smalls(0, 500, 1)) // before the start, in the same run: counts as seen
	require.NoError(t, r.StartDeletes(ctx, r.env, one, "M", "k"))
	r.saveAll(one, "M", smalls(500, 1500, 1))
	require.NoError(t, r.CloseRun(ctx, r.env, one.RunID))

	two := r.begin(12, 1)
	require.NoError(t, r.StartDeletes(ctx, r.env, two, "M", "k"), "the starting point of the first run stays")
	r.saveAll(two, "M", smalls(1500, 2800, 2))
	r.save(hook, "M", small(2801, 1), small(9000, 1)) // unchanged, and new

	held := errors.New("held")
	_, err = r.EndDeletes(ctx, r.env, two, "M", "k", func(live, doomed int) error {
		assert.Equal(t, []int{3001, 199}, []int{live, doomed})
		return held
	})
	require.ErrorIs(t, err, held, "the brake holds the sweep")
	assert.Zero(t, r.deleted("M"))

	ids, err := r.EndDeletes(ctx, r.env, two, "M", "k", func(int, int) error { // between the walk and the pages
		_, err := r.Save(ctx, r.env, hook, "M", []causeway.RecordInput{small(2900, 1), small(2901, 2)})
		return err
	})
	require.NoError(t, err)
	assert.Len(t, ids, 197, "what a webhook has seen or changed meanwhile stays")
	assert.NotContains(t, ids, "r2900")
	assert.NotContains(t, ids, "r2901")
	assert.Equal(t, 197, r.deleted("M"))
	r.recount("M")
	counts, err := r.RunCounters(ctx, r.env, two.RunID)
	require.NoError(t, err)
	assert.Equal(t, causeway.Counts{Updated: 1300, Deleted: 197}, counts["M"])
	_, err = r.EndDeletes(ctx, r.env, two, "M", "k", nil)
	require.ErrorIs(t, err, storage.ErrNoGeneration, "it has ended")
}

// A crawl that is taken over after it was interrupted deletes nothing that it has seen before.
func TestAResumedCrawlDeletesNothingItHasSeen(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	r.saveAll(r.begin(1, 1), "M", smalls(0, 30, 1))
	first := r.begin(2, 1)
	r.saveAll(first, "M", smalls(0, 20, 1))
	taken := r.begin(2, 2) // its worker died
	r.saveAll(taken, "M", smalls(20, 29, 1))
	ids, err := r.DeleteOlder(ctx, r.env, taken, "M", nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"r29"}, ids)
}

func TestAPartialSweepIsCompletedByTheNextEnd(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	all := smalls(0, 25_000, 1)
	r.saveAll(r.begin(1, 1), "M", all)
	run := r.begin(2, 1)
	require.NoError(t, r.StartDeletes(ctx, r.env, run, "M", "k"))
	// The owner loses its fence in the middle of the pages.
	_, err := r.pool.Exec(ctx, `create function steal() returns trigger language plpgsql as $$ begin update record_run set fence = 9 where run_id = 2; return null; end $$;
create trigger steal after insert on record_change for each statement execute function steal()`)
	require.NoError(t, err)
	_, err = r.EndDeletes(ctx, r.env, run, "M", "k", nil)
	require.ErrorIs(t, err, storage.ErrRunFenced)
	assert.Equal(t, 10_000, r.deleted("M"), "the first page is there")
	_, err = r.pool.Exec(ctx, `drop trigger steal on record_change`)
	require.NoError(t, err)
	ids, err := r.EndDeletes(ctx, r.env, r.begin(2, 10), "M", "k", nil)
	require.NoError(t, err)
	assert.Len(t, ids, 15_000)
	r.recount("M")
}

func TestASweepOfAHundredThousandInRandomOrder(t *testing.T) {
	const n = 100_000
	r := newRecords(t)
	ctx := context.Background()
	all := smalls(0, n, 1)
	r.saveAll(r.begin(1, 1), "M", all)
	rand.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	run := r.begin(2, 1)
	r.saveAll(run, "M", all[:n-1234])
	ids, err := r.DeleteOlder(ctx, r.env, run, "M", nil)
	require.NoError(t, err)
	var want []string
	for _, x := range all[n-1234:] {
		want = append(want, x.ID)
	}
	assert.ElementsMatch(t, want, ids)
	r.recount("M")
}

func TestPruningAndRestoring(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	r.saveAll(run, "M", smalls(0, 10, 1))
	page := r.read(storage.RecordsQuery{Model: "M"})
	n, more, err := r.Prune(ctx, r.env, r.conn, "M", meta(page[5], "cursor"), 4)
	require.NoError(t, err)
	assert.Equal(t, 4, n)
	assert.True(t, more)
	n, more, err = r.Prune(ctx, r.env, r.conn, "M", meta(page[5], "cursor"), 2)
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	assert.False(t, more, "the cursor's own record is the last")
	n, more, err = r.Prune(ctx, r.env, r.conn, "M", meta(page[5], "cursor"), 100)
	require.NoError(t, err)
	assert.Zero(t, n)
	assert.False(t, more)
	r.recount("M")
	for i, x := range r.read(storage.RecordsQuery{Model: "M"}) {
		assert.Equal(t, page[i]["id"], x["id"])
		assert.Equal(t, meta(page[i], "cursor"), meta(x, "cursor"), "pruning moves nothing")
		assert.Equal(t, meta(page[i], "last_modified_at"), meta(x, "last_modified_at"))
		if i <= 5 {
			assert.Len(t, x, 2, "id and metadata")
			assert.NotEqual(t, "<nil>", meta(x, "pruned_at"))
		} else {
			assert.Equal(t, page[i], x)
		}
	}
	_, _, err = r.Prune(ctx, r.env, r.conn, "M", "nonsense", 100)
	require.ErrorIs(t, err, storage.ErrRecordsCursor)

	t.Run("an unchanged write restores, and moves nothing", func(t *testing.T) {
		got := r.save(run, "M", smalls(0, 10, 1)...)
		assert.Equal(t, causeway.Counts{Unchanged: 10}, got.Counts)
		for i, x := range r.read(storage.RecordsQuery{Model: "M"}) {
			assert.Equal(t, page[i], x)
		}
		r.recount("M")
	})
	t.Run("a change of a pruned one is an update; a merge into it is left out and counted", func(t *testing.T) {
		_, _, err := r.Prune(ctx, r.env, r.conn, "M", meta(page[9], "cursor"), 100)
		require.NoError(t, err)
		got, err := r.Update(ctx, r.env, run, "M", []causeway.RecordInput{rec("r1", `{"id":"r1","w":1}`)})
		require.NoError(t, err)
		assert.Equal(t, causeway.WriteCounts{Pruned: 1}, got)
		assert.Equal(t, causeway.Counts{Updated: 1}, r.save(run, "M", small(1, 2)).Counts)
		r.recount("M")
	})
}

// A record that never changes is restored by each full sync. It must not be pruned again until it has rested.
func TestPruningByAgeCountsFromTheLastStoring(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	const month = 30 * 24 * time.Hour
	age := func(by string) {
		_, err := r.pool.Exec(ctx, `update record set modified_at = modified_at - $1::interval, first_seen_at = first_seen_at - $1::interval;`, by)
		require.NoError(t, err)
		_, err = r.pool.Exec(ctx, `update record_payload set stored_at = stored_at - $1::interval`, by)
		require.NoError(t, err)
		_, err = r.pool.Exec(ctx, `update record_model set kept_from = kept_from - $1::interval, pruned_to = pruned_to - $1::interval`, by)
		require.NoError(t, err)
	}
	prune := func(limit int) int {
		n, err := r.PruneAged(ctx, month, limit)
		require.NoError(t, err)
		r.recount("M")
		return n
	}
	r.saveAll(run, "M", smalls(0, 20, 1))
	assert.Zero(t, prune(1000), "young")
	age("31 days")
	r.save(run, "M", smalls(20, 25, 1)...)
	assert.Equal(t, 7, prune(7))
	assert.Equal(t, 13, prune(1000))
	before := r.read(storage.RecordsQuery{Model: "M"})
	assert.Equal(t, causeway.Counts{Unchanged: 20}, r.save(run, "M", smalls(0, 20, 1)...).Counts)
	after := r.read(storage.RecordsQuery{Model: "M"})
	for i := range after {
		assert.Equal(t, meta(before[i], "last_modified_at"), meta(after[i], "last_modified_at"))
	}
	assert.Zero(t, prune(1000), "restored a moment ago")
	age("31 days")
	assert.Equal(t, 25, prune(1000))
	assert.Zero(t, prune(1000))
}

func TestEmptyingAModelInChunks(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	for _, table := range []string{"record", "record_payload"} { // no statistics, as on a young table
		for i := range 16 {
			_, err := r.pool.Exec(ctx, fmt.Sprintf(`alter table %s_%02d set (autovacuum_enabled = off)`, table, i))
			require.NoError(t, err)
		}
	}
	run := r.begin(1, 1)
	r.saveAll(run, "M", smalls(0, 3000, 1))
	r.saveAll(run, "M", smalls(0, 10, 2))
	mine := r.begin(2, 1)
	r.save(mine, "M", small(5, 9), small(4000, 9))
	n, err := r.EmptyModelInChunks(ctx, r.env, mine.RunID, r.conn, "M", 700)
	require.NoError(t, err)
	assert.Equal(t, int64(2999), n)
	assert.Equal(t, "r5:UPDATED:9 r4000:ADDED:9", r.show(storage.RecordsQuery{Model: "M"}), "what the run itself has written stays")
	r.recount("M")

	var id int64
	require.NoError(t, r.pool.QueryRow(ctx, `select id from record_model`).Scan(&id))
	_, err = r.EmptyModel(ctx, r.env, 0, r.conn, "M")
	require.NoError(t, err)
	for _, table := range []string{"record", "record_payload", "record_seen", "record_history", "record_model"} {
		var left int
		require.NoError(t, r.pool.QueryRow(ctx, `select count(*) from `+table).Scan(&left))
		assert.Zero(t, left, table)
	}
	r.save(run, "M", small(1, 1)) // with the cached id, which is refused
	var again int64
	require.NoError(t, r.pool.QueryRow(ctx, `select id from record_model`).Scan(&again))
	assert.NotEqual(t, id, again, "re-opened under a new id")
	assert.Equal(t, "r1:ADDED:1", r.show(storage.RecordsQuery{Model: "M"}))

	_, err = r.SaveCheckpoint(ctx, r.env, run, "sync:x", 0, []byte(`{}`))
	require.NoError(t, err)
	n, err = r.DeleteConnection(ctx, r.env, r.conn)
	require.NoError(t, err)
	assert.Equal(t, int64(1), n)
	c, err := r.Checkpoint(ctx, r.env, r.conn, "sync:x")
	require.NoError(t, err)
	assert.Zero(t, c)
}
