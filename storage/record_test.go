package storage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// records is a records store with one environment, a connection and what a test has to look at.
type records struct {
	*storage.Records
	t    testing.TB
	url  string
	keys *storage.Keyring
	pool *pgxpool.Pool
	env  int64
	conn int64
}

func newRecords(t testing.TB) *records {
	t.Helper()
	url := storagetest.URL(t)
	s := storagetest.Open(t, url)
	pool := storagetest.Pool(t, url)
	e := storagetest.Seed(t, pool, "records")
	return &records{storagetest.OpenRecords(t, url, s.Keys()), t, url, s.Keys(), pool, e.ID, e.ConnectionID}
}

// begin opens a run.
func (r *records) begin(id, fence int64) storage.RecordRun {
	r.t.Helper()
	_, err := r.OpenRun(context.Background(), r.env, id, r.conn, fence, nil)
	require.NoError(r.t, err)
	return storage.RecordRun{RunID: id, ConnectionID: r.conn, Fence: fence}
}

func rec(id, text string) causeway.RecordInput {
	return causeway.RecordInput{ID: id, JSON: json.RawMessage(text)}
}

func (r *records) save(run storage.RecordRun, model string, in ...causeway.RecordInput) causeway.WriteCounts {
	r.t.Helper()
	c, err := r.Save(context.Background(), r.env, run, model, in)
	require.NoError(r.t, err)
	return c
}

// read is a page, decoded.
func (r *records) read(q storage.RecordsQuery) []map[string]any {
	r.t.Helper()
	if q.Limit == 0 {
		q.Limit = 10_000
	}
	p, err := r.Page(context.Background(), r.env, r.conn, q)
	require.NoError(r.t, err)
	return decodePage(r.t, p)
}

func decodePage(t testing.TB, p *storage.RecordsPage) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	b.WriteByte('[')
	n, err := p.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, p.Size(), n)
	b.WriteByte(']')
	var out []map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &out), b.String())
	require.Len(t, out, p.Count)
	return out
}

func meta(record map[string]any, name string) string {
	m, _ := record["_nango_metadata"].(map[string]any)
	return fmt.Sprint(m[name])
}

// show writes a page as "id:ACTION:v", in order.
func (r *records) show(q storage.RecordsQuery) string {
	r.t.Helper()
	var out []string
	for _, x := range r.read(q) {
		out = append(out, fmt.Sprint(x["id"], ":", meta(x, "last_action"), ":", x["v"]))
	}
	return strings.Join(out, " ")
}

// recount compares the kept counters with the rows.
func (r *records) recount(model string) {
	r.t.Helper()
	var live, size, liveRows, sizeRows int64
	require.NoError(r.t, r.pool.QueryRow(context.Background(), `select live_count, payload_bytes,
 (select count(*) from record x where x.environment_id = m.environment_id and x.model_id = m.id and x.deleted_at is null),
 (select coalesce(sum(size), 0) from record_payload p where p.environment_id = m.environment_id and p.model_id = m.id and p.payload is not null)
 from record_model m where environment_id = $1 and model = $2`, r.env, model).Scan(&live, &size, &liveRows, &sizeRows))
	assert.Equal(r.t, liveRows, live, "live_count against the rows")
	assert.Equal(r.t, sizeRows, size, "payload_bytes against the rows")
}

var words = strings.Fields("alpha bridge customer delivery engine follow garden harbor invoice journey kernel ledger market network order payment quality report service ticket")

// sample makes one record of about 1 kB with 20 fields, like those of a CRM; rev changes one field.
func sample(i, rev int) causeway.RecordInput {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	w := func(n int) string {
		var s []string
		for range n {
			s = append(s, words[r.IntN(len(words))])
		}
		return strings.Join(s, " ")
	}
	id := strconv.Itoa(1_000_000 + i)
	b := fmt.Appendf(nil, `{"id":"%s","firstname":"%s","lastname":"%s","email":"%s.%d@example.com","phone":"+1-555-%07d","company":"%s","jobTitle":"%s"`,
		id, w(1), w(1), w(1), r.IntN(100_000), r.IntN(10_000_000), w(2), w(2))
	b = fmt.Appendf(b, `,"createdAt":"2024-%02d-%02dT10:00:00.000Z","status":"open","score":%d,"revenue":%d.%02d,"archived":%t,"ownerId":"%016x","url":"https://app.example.com/contacts/%016x"`,
		1+r.IntN(12), 1+r.IntN(28), r.IntN(100), r.IntN(1_000_000), 10+r.IntN(89), r.IntN(2) == 0, r.Uint64(), r.Uint64())
	b = fmt.Appendf(b, `,"address":{"street":"%d %s street","city":"%s","zip":"%05d","country":"US"},"tags":["%s","%s"],"rev":%d,"externalIds":{"crm":"%016x","erp":"%016x"},"notes":"%s"}`,
		r.IntN(9999), w(1), w(1), r.IntN(99_999), w(1), w(1), rev, r.Uint64(), r.Uint64(), w(54))
	return causeway.RecordInput{ID: id, JSON: b}
}

func samples(from, to, rev int) []causeway.RecordInput {
	out := make([]causeway.RecordInput, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, sample(i, rev))
	}
	return out
}

func TestOutcomesOfWrites(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	type counts = causeway.Counts
	save, update, del := r.Save, r.Update, r.Delete
	deleted := rec
	steps := []struct {
		name    string
		write   func(context.Context, int64, storage.RecordRun, string, []causeway.RecordInput) (causeway.WriteCounts, error)
		records []causeway.RecordInput
		want    counts
		doubles []string
		then    string
	}{
		{"absent: added; of two with one id the first is taken", save,
			[]causeway.RecordInput{rec("a", `{"id":"a","v":1}`), rec("b", `{"id":"b","v":1}`), rec("a", `{"id":"a","v":9}`), rec("a", `{"id":"a","v":8}`)},
			counts{Added: 2}, []string{"a"}, "a:ADDED:1 b:ADDED:1"},
		{"the same in another order of keys: unchanged", save,
			[]causeway.RecordInput{rec("a", `{"v":1,"id":"a"}`), rec("b", `{"id":"b","v":1}`)}, counts{Unchanged: 2}, nil, "a:ADDED:1 b:ADDED:1"},
		{"unchanged, asked by hash", save,
			[]causeway.RecordInput{rec("a", `{"v":1,"id":"a"}`)}, counts{Unchanged: 1}, nil, "a:ADDED:1 b:ADDED:1"},
		{"mixed: the changed one moves, the unchanged one doesn't", save,
			[]causeway.RecordInput{rec("a", `{"id":"a","v":2}`), rec("b", `{"id":"b","v":1}`), rec("c", `{"id":"c","v":1}`)},
			counts{Added: 1, Updated: 1, Unchanged: 1}, nil, "b:ADDED:1 a:UPDATED:2 c:ADDED:1"},
		{"delete, and a tombstone that isn't counted; what the call brings is kept", del,
			[]causeway.RecordInput{deleted("a", `{"id":"a","v":7}`), deleted("x", `{"id":"x"}`)},
			counts{Deleted: 1}, nil, "b:ADDED:1 c:ADDED:1 a:DELETED:7 x:DELETED:<nil>"},
		{"deleting again is nothing", del,
			[]causeway.RecordInput{rec("x", `{"id":"x"}`), rec("a", `{"id":"a"}`)},
			counts{Unchanged: 2}, nil, "b:ADDED:1 c:ADDED:1 a:DELETED:7 x:DELETED:<nil>"},
		{"a deleted one that comes back is added, also with the content it had", save,
			[]causeway.RecordInput{rec("a", `{"id":"a","v":7}`)}, counts{Added: 1}, nil, "b:ADDED:1 c:ADDED:1 x:DELETED:<nil> a:ADDED:7"},
		{"a tombstone that comes is added", save,
			[]causeway.RecordInput{rec("x", `{"id":"x","v":1}`)}, counts{Added: 1}, nil, "b:ADDED:1 c:ADDED:1 a:ADDED:7 x:ADDED:1"},
		{"merge: deep; unknown ids are ignored", update,
			[]causeway.RecordInput{rec("b", `{"id":"b","n":{"k":1,"l":[1,2]}}`), rec("q", `{"id":"q"}`)},
			counts{Updated: 1}, nil, "c:ADDED:1 a:ADDED:7 x:ADDED:1 b:UPDATED:1"},
		{"merge: objects recursively, lists replaced; the second of one id is dropped", update,
			[]causeway.RecordInput{rec("b", `{"id":"b","n":{"l":[3],"m":1.10}}`), rec("b", `{"id":"b","v":5}`)},
			counts{Updated: 1}, []string{"b"}, "c:ADDED:1 a:ADDED:7 x:ADDED:1 b:UPDATED:1"},
		{"a full save of what was merged is unchanged: the hash is of the merged record", save,
			[]causeway.RecordInput{rec("b", `{"id":"b","v":1,"n":{"k":1,"l":[3],"m":1.10}}`)}, counts{Unchanged: 1}, nil, "c:ADDED:1 a:ADDED:7 x:ADDED:1 b:UPDATED:1"},
		{"a merge that changes nothing is unchanged", update,
			[]causeway.RecordInput{rec("b", `{"id":"b","v":1}`)}, counts{Unchanged: 1}, nil, "c:ADDED:1 a:ADDED:7 x:ADDED:1 b:UPDATED:1"},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			got, err := s.write(ctx, r.env, run, "M", s.records)
			require.NoError(t, err)
			assert.Equal(t, s.want, got.Counts)
			assert.Equal(t, s.doubles, got.Duplicates)
			assert.Equal(t, s.then, r.show(storage.RecordsQuery{Model: "M"}))
			r.recount("M")
		})
	}
	totals, err := r.RunCounters(ctx, r.env, run.RunID)
	require.NoError(t, err)
	assert.Equal(t, map[string]counts{"M": {Added: 5, Updated: 3, Deleted: 1, Unchanged: 6}}, totals, "what the run did, without deletes of deleted ones")
}
