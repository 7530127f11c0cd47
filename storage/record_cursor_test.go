package storage_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

const (
	chaseWriters = 16
	chaseReaders = 4
	chaseRounds  = 25
	chaseIDs     = 2000
)

// chase runs writers on one model beside readers that follow cursors, and returns how many final versions the readers
// missed, of how many. write makes one batch of ids.
func chase(t *testing.T, r *records, write func(writer, round int, ids []int) error) (missed, versions int) {
	t.Helper()
	var left atomic.Int32
	left.Store(chaseWriters)
	var all sync.WaitGroup
	for w := range chaseWriters {
		all.Go(func() {
			defer left.Add(-1)
			for round := range chaseRounds {
				var ids []int
				for range 20 {
					ids = append(ids, rand.IntN(chaseIDs))
				}
				if err := write(w, round, ids); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	seen := make([]map[string]string, chaseReaders)
	for k := range seen {
		seen[k] = map[string]string{}
		all.Go(func() {
			if err := follow(r, seen[k], 7+50*k, func() bool { return left.Load() == 0 }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, x := range r.read(storage.RecordsQuery{Model: "M"}) {
		versions++
		for k := range seen {
			if seen[k][fmt.Sprint(x["id"])] != meta(x, "last_modified_at") {
				missed++
			}
		}
	}
	return missed, versions
}

// follow reads pages until the writers are done and nothing is left, and notes the version of each record that it saw last.
func follow(r *records, seen map[string]string, limit int, done func() bool) error {
	cursor := ""
	for {
		last := done()
		p, err := r.Page(context.Background(), r.env, r.conn, storage.RecordsQuery{Model: "M", Cursor: cursor, Limit: limit})
		if err != nil {
			return err
		}
		page := decodePage(r.t, p)
		for _, x := range page {
			seen[fmt.Sprint(x["id"])] = meta(x, "last_modified_at")
			cursor = meta(x, "cursor")
		}
		if last && p.NextCursor == "" {
			return nil
		}
	}
}

func TestOrderOfCursorsIsTheOrderOfCommits(t *testing.T) {
	r := newRecords(t)
	run := r.begin(1, 1)
	missed, versions := chase(t, r, func(w, round int, ids []int) error {
		var batch []causeway.RecordInput
		for _, id := range ids {
			batch = append(batch, rec(fmt.Sprint(id), fmt.Sprintf(`{"id":"%d","v":%d}`, id, w*1000+round)))
		}
		_, err := r.Save(context.Background(), r.env, run, "M", batch)
		return err
	})
	assert.Positive(t, versions)
	assert.Zero(t, missed)
}

// The same test has to catch positions that come from a sequence and are taken without the lock.
func TestAPlainSequenceLosesRecords(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	r.save(r.begin(1, 1), "M", rec("0", `{"id":"0"}`))
	var model int64
	require.NoError(t, r.pool.QueryRow(ctx, `select id from record_model`).Scan(&model))
	_, err := r.pool.Exec(ctx, `create sequence naive`)
	require.NoError(t, err)
	missed, versions := chase(t, r, func(_, _ int, ids []int) error {
		for _, id := range ids {
			if _, err := r.pool.Exec(ctx, `with p as (select clock_timestamp() at time zone 'utc' as x, to_timestamp(4e9) + nextval('naive') * interval '1 microsecond' as at)
insert into record (environment_id, model_id, no, first_seen_at, modified_at, run_id, hash, external_id)
select $1, $2, $3, at, at, 1, '\x00', $4 from p
on conflict (environment_id, model_id, external_id) do update set modified_at = excluded.modified_at`, r.env, model, id+10, fmt.Sprint(id)); err != nil {
				return err
			}
		}
		return nil
	})
	assert.Positive(t, versions)
	assert.Positive(t, missed, "a test that can't catch this proves nothing")
}

func TestPositionsRiseThoughTheClockIsSetBack(t *testing.T) {
	// A schema before pg_catalog brings a clock that the test sets.
	url := newRecords(t)
	ctx := context.Background()
	_, err := url.pool.Exec(ctx, `create schema fake; create table fake.shift (by interval); insert into fake.shift values ('0');
create function fake.clock_timestamp() returns timestamptz language sql volatile as 'select pg_catalog.clock_timestamp() + by from fake.shift'`)
	require.NoError(t, err)
	r := *url
	r.Records, err = storage.OpenRecords(ctx, storage.RecordsOptions{URL: r.url + sep(r.url) + "search_path=fake,pg_catalog,public", Keys: r.keys})
	require.NoError(t, err)
	t.Cleanup(r.Close)
	run := r.begin(1, 1)
	r.save(run, "M", rec("a", `{"id":"a"}`), rec("b", `{"id":"b"}`))
	cursor := meta(r.read(storage.RecordsQuery{Model: "M"})[1], "cursor")
	_, err = r.pool.Exec(ctx, `update fake.shift set by = '-1 hour'`)
	require.NoError(t, err)
	var behind bool
	require.NoError(t, r.pool.QueryRow(ctx, `select fake.clock_timestamp() < clock from public.record_model`).Scan(&behind))
	require.True(t, behind, "the clock is behind")
	r.save(run, "M", rec("c", `{"id":"c"}`), rec("a", `{"id":"a","v":2}`))
	assert.Equal(t, "c:ADDED:<nil> a:UPDATED:2", r.show(storage.RecordsQuery{Model: "M", Cursor: cursor}))
}

func TestPages(t *testing.T) {
	r := newRecords(t)
	run := r.begin(1, 1)
	ctx := context.Background()
	r.save(run, "M", rec("a", `{"id":"a","v":1}`), rec("b", `{"id":"b","v":1}`), rec("c", `{"id":"c","v":1}`), rec("d", `{"id":"d","v":1}`))
	r.save(run, "M", rec("b", `{"id":"b","v":2}`))
	_, err := r.Delete(ctx, r.env, run, "M", []causeway.RecordInput{rec("c", `{"id":"c"}`)})
	require.NoError(t, err)
	r.save(run, "M::other", rec("a", `{"id":"a","v":9}`))
	const added, updated, deleted = causeway.RecordAdded, causeway.RecordUpdated, causeway.RecordDeleted
	for _, c := range []struct {
		name string
		q    storage.RecordsQuery
		want string
	}{
		{"everything, deleted ones too, in the order of changes", storage.RecordsQuery{}, "a:ADDED:1 d:ADDED:1 b:UPDATED:2 c:DELETED:<nil>"},
		{"added", storage.RecordsQuery{Actions: []causeway.LastAction{added}}, "a:ADDED:1 d:ADDED:1"},
		{"updated", storage.RecordsQuery{Actions: []causeway.LastAction{updated}}, "b:UPDATED:2"},
		{"deleted", storage.RecordsQuery{Actions: []causeway.LastAction{deleted}}, "c:DELETED:<nil>"},
		{"added and updated", storage.RecordsQuery{Actions: []causeway.LastAction{added, updated}}, "a:ADDED:1 d:ADDED:1 b:UPDATED:2"},
		{"updated and deleted", storage.RecordsQuery{Actions: []causeway.LastAction{deleted, updated}}, "b:UPDATED:2 c:DELETED:<nil>"},
		{"added and deleted", storage.RecordsQuery{Actions: []causeway.LastAction{added, deleted}}, "a:ADDED:1 d:ADDED:1 c:DELETED:<nil>"},
		{"all three", storage.RecordsQuery{Actions: []causeway.LastAction{added, updated, deleted}}, "a:ADDED:1 d:ADDED:1 b:UPDATED:2 c:DELETED:<nil>"},
		{"by id, in the order of changes; unknown ones are left out", storage.RecordsQuery{IDs: []string{"c", "zz", "a", "a", "A"}}, "a:ADDED:1 c:DELETED:<nil>"},
		{"by id and filter", storage.RecordsQuery{IDs: []string{"c", "a"}, Actions: []causeway.LastAction{deleted}}, "c:DELETED:<nil>"},
		{"no ids", storage.RecordsQuery{IDs: []string{}}, ""},
		{"modified after, long ago", storage.RecordsQuery{ModifiedAfter: time.Now().Add(-time.Hour)}, "a:ADDED:1 d:ADDED:1 b:UPDATED:2 c:DELETED:<nil>"},
		{"modified after, in future", storage.RecordsQuery{ModifiedAfter: time.Now().Add(time.Hour)}, ""},
		{"a variant is another model", storage.RecordsQuery{Model: "M::other"}, "a:ADDED:9"},
		{"an unknown model is empty", storage.RecordsQuery{Model: "Unknown"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.q.Model == "" {
				c.q.Model = "M"
			}
			assert.Equal(t, c.want, r.show(c.q))
		})
	}
	t.Run("modified after is inclusive and exact to the microsecond", func(t *testing.T) {
		at, err := time.Parse("2006-01-02T15:04:05.000000Z07:00", meta(r.read(storage.RecordsQuery{Model: "M"})[2], "last_modified_at"))
		require.NoError(t, err)
		assert.Equal(t, "b:UPDATED:2 c:DELETED:<nil>", r.show(storage.RecordsQuery{Model: "M", ModifiedAfter: at}))
		assert.Equal(t, "c:DELETED:<nil>", r.show(storage.RecordsQuery{Model: "M", ModifiedAfter: at.Add(time.Microsecond)}))
	})
	t.Run("paging to the end, no double, no gap", func(t *testing.T) {
		var got []string
		for cursor, pages := "", 0; ; pages++ {
			p, err := r.Page(ctx, r.env, r.conn, storage.RecordsQuery{Model: "M", Cursor: cursor, Limit: 3})
			require.NoError(t, err)
			for _, x := range decodePage(t, p) {
				got = append(got, fmt.Sprint(x["id"]))
				cursor = meta(x, "cursor")
			}
			if p.NextCursor == "" {
				break
			}
			assert.Equal(t, cursor, p.NextCursor)
			require.Less(t, pages, 3)
		}
		assert.Equal(t, []string{"a", "d", "b", "c"}, got)
	})
	t.Run("a cursor that is none", func(t *testing.T) {
		_, err := r.Page(ctx, r.env, r.conn, storage.RecordsQuery{Model: "M", Cursor: "abc", Limit: 1})
		assert.ErrorIs(t, err, storage.ErrRecordsCursor)
	})
	t.Run("a page ends early when it is too large, with one record at least", func(t *testing.T) {
		small, err := storage.OpenRecords(ctx, storage.RecordsOptions{URL: r.url, Keys: r.keys, PageBytes: 1})
		require.NoError(t, err)
		defer small.Close()
		p, err := small.Page(ctx, r.env, r.conn, storage.RecordsQuery{Model: "M", Limit: 100})
		require.NoError(t, err)
		assert.Equal(t, 1, p.Count)
		p, err = small.Page(ctx, r.env, r.conn, storage.RecordsQuery{Model: "M", Limit: 100, Cursor: p.NextCursor})
		require.NoError(t, err)
		assert.Equal(t, "d", decodePage(t, p)[0]["id"])
	})
}

func sep(url string) string {
	for _, c := range url {
		if c == '?' {
			return "&"
		}
	}
	return "?"
}
