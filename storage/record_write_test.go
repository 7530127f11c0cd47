package storage_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/migrations"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

func TestUnchangedRecordsAreNotRewritten(t *testing.T) {
	r := newRecords(t)
	run := r.begin(1, 1)
	state := func() (rows string) {
		require.NoError(t, r.pool.QueryRow(context.Background(), `
select md5(string_agg(concat_ws(',', r.xmin, r.ctid, r.xmax, p.xmin, p.ctid, p.xmax), ';' order by r.no)) || (select clock from record_model)
from record r join record_payload p using (environment_id, model_id, no)`).Scan(&rows))
		return rows
	}
	r.save(run, "M", samples(0, 300, 0)...)
	before := state()
	for _, how := range []string{"sent whole", "asked by hash"} {
		assert.Equal(t, causeway.Counts{Unchanged: 300}, r.save(run, "M", samples(0, 300, 0)...).Counts)
		assert.Equal(t, before, state(), how)
	}
}

// Tables without statistics must not make a batch dearer as the model grows.
func TestAYoungTableStaysFast(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	for _, table := range []string{"record", "record_payload"} {
		for i := range 16 {
			_, err := r.pool.Exec(ctx, fmt.Sprintf(`alter table %s_%02d set (autovacuum_enabled = off)`, table, i))
			require.NoError(t, err)
		}
	}
	run := r.begin(1, 1)
	var took []time.Duration
	for b := range 20 {
		in := samples(b*500, (b+1)*500, 0)
		at := time.Now()
		r.save(run, "M", in...)
		took = append(took, time.Since(at))
	}
	median := func(d []time.Duration) time.Duration { d = slices.Sorted(slices.Values(d)); return d[len(d)/2] }
	first, last := median(took[:7]), median(took[13:])
	assert.Less(t, last, 3*first, "medians of the first and the last third: %v, %v", first, last)
}

func TestMergingStrategy(t *testing.T) {
	for _, model := range []string{"M", "M::variant"} {
		t.Run(model, func(t *testing.T) {
			r := newRecords(t)
			ctx := context.Background()
			r.saveAll(r.begin(1, 1), model, smalls(0, 30, 1))
			poll, hook := r.begin(2, 1), r.begin(3, 1)
			require.NoError(t, r.StartDeletes(ctx, r.env, poll, model, "k"))
			require.NoError(t, r.SetMergeStrategy(ctx, r.env, poll, model, true))
			require.NoError(t, r.SetMergeStrategy(ctx, r.env, poll, model, false), "what is said second is ignored")

			// Three batches, each ends with an unchanged record; the webhook writes between them.
			batch := func(from int) []causeway.RecordInput {
				return append(smalls(from, from+9, 2), small(from+9, 1))
			}
			assert.Equal(t, causeway.Counts{Updated: 9, Unchanged: 1}, r.save(poll, model, batch(0)...).Counts)
			r.save(hook, model, small(3, 7), small(12, 7), small(50, 7))
			_, err := r.Delete(ctx, r.env, hook, model, []causeway.RecordInput{rec("r14", `{"id":"r14"}`)})
			require.NoError(t, err)
			assert.Equal(t, causeway.Counts{Updated: 7, Unchanged: 3}, r.save(poll, model, batch(10)...).Counts, "12 and 14 are kept back")
			assert.Equal(t, causeway.Counts{Updated: 9, Unchanged: 1}, r.save(poll, model, batch(20)...).Counts)
			resumed := r.begin(2, 2)
			assert.Equal(t, causeway.Counts{Added: 1, Updated: 1, Unchanged: 2}, r.save(resumed, model, small(0, 3), small(3, 3), small(14, 3), small(60, 3)).Counts,
				"own changes are no hindrance, others' are, also after the run was resumed; new ones land")
			ids, err := r.EndDeletes(ctx, r.env, resumed, model, "k", nil)
			require.NoError(t, err)
			assert.Empty(t, ids, "nothing is deleted")
			got := r.show(storage.RecordsQuery{Model: model, IDs: []string{"r0", "r3", "r12", "r14", "r50", "r60"}})
			assert.Equal(t, "r3:UPDATED:7 r12:UPDATED:7 r50:ADDED:7 r14:DELETED:<nil> r0:UPDATED:3 r60:ADDED:3", got)
			r.recount(model)
		})
	}
}

func TestDoublesInsideAndAcrossBatches(t *testing.T) {
	r := newRecords(t)
	run := r.begin(1, 1)
	var in []causeway.RecordInput
	for i := range 2500 {
		if slices.Contains([]int{0, 999, 1000, 2400}, i) {
			in = append(in, rec("same", fmt.Sprintf(`{"id":"same","v":%d}`, i)))
		} else {
			in = append(in, small(i, 1))
		}
	}
	var doubles []string
	for part := range slices.Chunk(in, causeway.MaxBatch) {
		doubles = append(doubles, r.save(run, "M", part...).Duplicates...)
	}
	assert.Equal(t, []string{"same"}, doubles, "one in the first thousand; the third has it once")
	assert.Equal(t, "same:UPDATED:2400", r.show(storage.RecordsQuery{Model: "M", IDs: []string{"same"}}), "across batches the later wins")
	r.recount("M")
	counts, err := r.RunCounters(context.Background(), r.env, run.RunID)
	require.NoError(t, err)
	assert.Equal(t, causeway.Counts{Added: 2497, Updated: 2}, counts["M"])
	_, err = r.Save(context.Background(), r.env, run, "M", in[:1001])
	require.Error(t, err, "a batch holds a thousand")
}

// Two runs that write the same records at once, in opposite order, neither deadlock nor lose a count.
func TestTwoRunsWriteTheSameRecords(t *testing.T) {
	r := newRecords(t)
	var all sync.WaitGroup
	for k := range 4 {
		run := r.begin(int64(k+1), 1)
		all.Go(func() {
			for round := range 10 {
				in := smalls(0, 200, k*100+round)
				if k%2 == 1 {
					slices.Reverse(in)
				}
				if _, err := r.Save(context.Background(), r.env, run, "M", in); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	r.recount("M")
	assert.Len(t, r.read(storage.RecordsQuery{Model: "M"}), 200)
}

func TestAnotherEnvironmentReachesNothing(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	r.save(run, "M", rec("a", `{"id":"a"}`))
	e := storagetest.Seed(t, r.pool, "other")
	stranger := *r
	stranger.env = e.ID // with the first one's connection id and run id
	assert.Empty(t, stranger.read(storage.RecordsQuery{Model: "M"}))
	_, err := r.Save(ctx, e.ID, run, "M", []causeway.RecordInput{rec("a", `{"id":"a","v":1}`)})
	require.ErrorIs(t, err, storage.ErrRunFenced)
	own := stranger.begin(1, 1)
	stranger.save(own, "M", rec("b", `{"id":"b"}`))
	assert.Equal(t, "a:ADDED:<nil>", r.show(storage.RecordsQuery{Model: "M"}))
	assert.Equal(t, "b:ADDED:<nil>", stranger.show(storage.RecordsQuery{Model: "M"}))
	n, _, err := r.Prune(ctx, e.ID, r.conn+1, "M", meta(r.read(storage.RecordsQuery{Model: "M"})[0], "cursor"), 10)
	require.NoError(t, err)
	assert.Zero(t, n)
	counts, err := r.RunCounters(ctx, e.ID, 1)
	require.NoError(t, err)
	assert.Equal(t, int64(1), counts["M"].Added)

	// One's own run and environment with the id of a model that belongs to another: nothing is written into it.
	var id int64
	require.NoError(t, r.pool.QueryRow(ctx, `update record_model set environment_id = $1 where environment_id = $2 returning id`, e.ID+100, r.env).Scan(&id))
	r.save(run, "M", rec("c", `{"id":"c"}`)) // with the cached id
	var rows int
	require.NoError(t, r.pool.QueryRow(ctx, `select count(*) from record where model_id = $1`, id).Scan(&rows))
	assert.Equal(t, 1, rows)
	assert.Equal(t, "c:ADDED:<nil>", r.show(storage.RecordsQuery{Model: "M"}))
}

func TestAMovedPayloadDoesNotOpen(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	r.save(run, "M", rec("a", `{"id":"a","secret":1}`), rec("b", `{"id":"b","secret":2}`), rec("c", `{"id":"c","secret":3}`))
	_, err := r.pool.Exec(ctx, `update record_payload set payload = (select payload from record_payload where no = 3) where no = 2`)
	require.NoError(t, err)
	_, err = r.Page(ctx, r.env, r.conn, storage.RecordsQuery{Model: "M", Limit: 10})
	require.ErrorIs(t, err, storage.ErrEnvelope, "no page is better than one with another record's data, or half a page")
	_, err = r.Update(ctx, r.env, run, "M", []causeway.RecordInput{rec("b", `{"id":"b","v":1}`)})
	require.ErrorIs(t, err, storage.ErrEnvelope)
	assert.NotContains(t, err.Error(), "secret")
	assert.Len(t, r.read(storage.RecordsQuery{Model: "M", IDs: []string{"a", "c"}}), 2, "the others can still be read")

	var raw []byte
	require.NoError(t, r.pool.QueryRow(ctx, `select string_agg(payload, '') from record_payload`).Scan(&raw))
	assert.NotContains(t, string(raw), "secret", "nothing is kept in clear")
}

func TestPayloadsOfAllSizes(t *testing.T) {
	r := newRecords(t)
	run := r.begin(1, 1)
	for i, n := range []int{0, 100, 1_990, 2_000, 70_000, 3_000_000} {
		text := strings.Repeat("x y", n/3)
		r.save(run, "M", rec(fmt.Sprint(i), fmt.Sprintf(`{"id":"%d","v":"%s"}`, i, text)))
		got := r.read(storage.RecordsQuery{Model: "M", IDs: []string{fmt.Sprint(i)}})
		require.Equal(t, text, got[0]["v"])
	}
	var large int
	require.NoError(t, r.pool.QueryRow(context.Background(), `select max(octet_length(payload)) from record_payload`).Scan(&large))
	assert.Less(t, large, 300_000, "large ones are compressed")
}

func TestTwoDataKeysAreReadTogether(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	r.save(run, "M", rec("a", `{"id":"a","v":1}`), rec("b", `{"id":"b","v":1}`))
	_, err := r.pool.Exec(ctx, `update data_key set state = 'readable' where purpose = 'record'`)
	require.NoError(t, err)
	r.keys.ForgetKeys()
	r.save(run, "M", rec("b", `{"id":"b","v":2}`))
	var keys int
	require.NoError(t, r.pool.QueryRow(ctx, `select count(distinct substr(payload, 2, 4)) from record_payload`).Scan(&keys))
	require.Equal(t, 2, keys)
	r.keys.ForgetKeys()
	assert.Equal(t, "a:ADDED:1 b:UPDATED:2", r.show(storage.RecordsQuery{Model: "M"}))
	assert.Equal(t, causeway.Counts{Unchanged: 2}, r.save(run, "M", rec("a", `{"id":"a","v":1}`), rec("b", `{"id":"b","v":2}`)).Counts, "the hash key has not changed")
	_, err = r.pool.Exec(ctx, `update data_key set state = 'retired' where purpose = 'record' and state = 'readable'`)
	require.NoError(t, err)
	r.keys.ForgetKeys()
	_, err = r.Page(ctx, r.env, r.conn, storage.RecordsQuery{Model: "M", Limit: 10})
	require.ErrorContains(t, err, "data key", "a key that is gone is named")
}

// Records of an older version of hashes are compared with that, and take the new one without being changed.
func TestOldHashesMakeNoFalseUpdate(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	old := func(key, canonical []byte) []byte {
		m := hmac.New(sha256.New, key)
		_, _ = m.Write([]byte("version 0"))
		_, _ = m.Write(canonical)
		return append([]byte{0}, m.Sum(nil)[:15]...)
	}
	r.SetOldHash(old)
	_, err := r.pool.Exec(ctx, `insert into record_model (environment_id, connection_id, model, hash_version) values ($1, $2, 'M', 0)`, r.env, r.conn)
	require.NoError(t, err)
	r.save(run, "M", rec("a", `{"id":"a","v":1}`), rec("b", `{"id":"b","v":1}`), rec("c", `{"id":"c","v":1}`))
	// As the version before has left them: a key is needed that only the store has, so it hashes them itself.
	var hashes [][]byte
	r.SetOldHash(func(key, canonical []byte) []byte { h := old(key, canonical); hashes = append(hashes, h); return h })
	r.save(run, "M", rec("a", `{"id":"a","v":1}`), rec("b", `{"id":"b","v":1}`), rec("c", `{"id":"c","v":1}`))
	require.Len(t, hashes, 3)
	for i, id := range []string{"a", "b", "c"} {
		_, err := r.pool.Exec(ctx, `update record set hash = $1 where external_id = $2`, hashes[i], id)
		require.NoError(t, err)
	}
	before := r.read(storage.RecordsQuery{Model: "M"})
	for _, how := range []string{"asked by hash", "again"} {
		got := r.save(run, "M", rec("a", `{"v":1,"id":"a"}`), rec("b", `{"id":"b","v":1}`))
		assert.Equal(t, causeway.Counts{Unchanged: 2}, got.Counts, how)
	}
	assert.Equal(t, before, r.read(storage.RecordsQuery{Model: "M"}), "no position was taken")
	assert.Equal(t, causeway.Counts{Updated: 1}, r.save(run, "M", rec("c", `{"id":"c","v":2}`)).Counts, "a real change is one")
	var versions string
	require.NoError(t, r.pool.QueryRow(ctx, `select string_agg(get_byte(hash, 0)::text, '' order by external_id) from record`).Scan(&versions))
	assert.Equal(t, "111", versions, "all have the new hash")
	r.recount("M")
}

func TestRecordsLiveInADatabaseOfTheirOwn(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	_, err := r.pool.Exec(ctx, `create schema second`)
	require.NoError(t, err)
	url := r.url + sep(r.url) + "search_path=second"
	m, err := storage.OpenRecordsMigrator(ctx, url, migrations.Records())
	require.NoError(t, err)
	defer func() { _ = m.Close() }()
	for range 2 { // up, down, up
		n, err := m.Up(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		if err := m.Down(ctx); err != nil {
			t.Fatal(err)
		}
	}
	_, err = m.Up(ctx)
	require.NoError(t, err)
	var foreign int
	require.NoError(t, r.pool.QueryRow(ctx, `select count(*) from pg_constraint where contype = 'f' and connamespace = 'second'::regnamespace`).Scan(&foreign))
	assert.Zero(t, foreign, "nothing references the control plane")
	apart := *r
	apart.Records, err = storage.OpenRecords(ctx, storage.RecordsOptions{URL: url, Keys: r.keys})
	require.NoError(t, err)
	t.Cleanup(apart.Close)
	apart.save(apart.begin(1, 1), "M", rec("a", `{"id":"a","v":1}`))
	assert.Equal(t, "a:ADDED:1", apart.show(storage.RecordsQuery{Model: "M"}))
	assert.Empty(t, r.read(storage.RecordsQuery{Model: "M"}))
}

func TestDayPartitionsOfTheChangeLog(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	r.save(run, "M", rec("a", `{"id":"a","v":1}`)) // before there was a partition for today
	require.NoError(t, r.MaintainPartitions(ctx, 15, 7))
	r.save(run, "M", rec("a", `{"id":"a","v":2}`))
	rows := func(table string) (n int) {
		require.NoError(t, r.pool.QueryRow(ctx, `select count(*) from `+table).Scan(&n))
		return n
	}
	assert.Zero(t, rows("record_change_default"), "what came too early has moved")
	assert.Equal(t, 2, rows("record_change"))
	assert.Equal(t, 1, rows("record_history"))
	day := time.Now().UTC().AddDate(0, 0, -20)
	for _, table := range []string{"record_change", "record_history"} {
		_, err := r.pool.Exec(ctx, fmt.Sprintf(`create table %s_%s partition of %s for values from ('%s') to ('%s')`,
			table, day.Format("20060102"), table, day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly)))
		require.NoError(t, err)
	}
	partitions := func() (n int) {
		require.NoError(t, r.pool.QueryRow(ctx, `select count(*) from pg_inherits where inhparent = 'record_change'::regclass`).Scan(&n))
		return n
	}
	assert.Equal(t, 1+8+1, partitions())
	require.NoError(t, r.MaintainPartitions(ctx, 15, 7))
	assert.Equal(t, 1+8, partitions(), "the old one is gone, today and seven days ahead and the default stay")
	counts, err := r.RunCounters(ctx, r.env, run.RunID)
	require.NoError(t, err)
	assert.Equal(t, causeway.Counts{Added: 1, Updated: 1}, counts["M"])
}
