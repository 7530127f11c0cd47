package storage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// waiting polls until n backends of the records wait for a lock.
func (r *records) waiting(n int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		var k int
		err := r.pool.QueryRow(context.Background(), `select count(*) from pg_stat_activity
 where datname = current_database() and application_name = 'causeway-records' and wait_event_type = 'Lock'`).Scan(&k)
		return err == nil && k >= n
	}, 10*time.Second, 5*time.Millisecond)
}

func TestAClaimWaitsForTheBatchInFlightAndShutsItsOwnerOut(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	old := r.begin(1, 1)
	r.save(old, "M", rec("0", `{"id":"0"}`))

	// Somebody holds the model; the old owner's batch holds the run and waits; the claim waits for that batch.
	tx, err := r.pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, `select from record_model for no key update`)
	require.NoError(t, err)
	batch, claim := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := r.Save(ctx, r.env, old, "M", []causeway.RecordInput{rec("a", `{"id":"a"}`)})
		batch <- err
	}()
	r.waiting(1)
	go func() {
		_, err := r.OpenRun(ctx, r.env, 1, r.conn, 2, nil)
		claim <- err
	}()
	r.waiting(2)
	select {
	case err := <-claim:
		t.Fatal("the claim did not wait", err)
	default:
	}
	require.NoError(t, tx.Commit(ctx))
	require.NoError(t, <-claim)
	require.NoError(t, <-batch, "the batch was there first")
	assert.Len(t, r.read(storage.RecordsQuery{Model: "M"}), 2)

	_, err = r.Save(ctx, r.env, old, "M", []causeway.RecordInput{rec("b", `{"id":"b"}`)})
	require.ErrorIs(t, err, storage.ErrRunFenced)
	_, err = r.Update(ctx, r.env, old, "M", []causeway.RecordInput{rec("a", `{"id":"a","v":1}`)})
	require.ErrorIs(t, err, storage.ErrRunFenced)
	_, err = r.Delete(ctx, r.env, old, "M", []causeway.RecordInput{rec("a", `{"id":"a"}`)})
	require.ErrorIs(t, err, storage.ErrRunFenced)
	_, err = r.SaveCheckpoint(ctx, r.env, old, "sync:x", 0, json.RawMessage(`{}`))
	require.ErrorIs(t, err, storage.ErrRunFenced)
	require.ErrorIs(t, r.SetMergeStrategy(ctx, r.env, old, "M", true), storage.ErrRunFenced)
	require.ErrorIs(t, r.StartDeletes(ctx, r.env, old, "M", "k"), storage.ErrRunFenced)
	_, err = r.DeleteOlder(ctx, r.env, old, "M", nil)
	require.ErrorIs(t, err, storage.ErrRunFenced)
	_, err = r.OpenRun(ctx, r.env, 1, r.conn, 1, nil)
	require.ErrorIs(t, err, storage.ErrRunFenced, "a lower fence can't open")
	assert.Len(t, r.read(storage.RecordsQuery{Model: "M"}), 2)

	young := storage.RecordRun{RunID: 1, ConnectionID: r.conn, Fence: 2}
	r.save(young, "M", rec("b", `{"id":"b"}`))
	require.NoError(t, r.ShutOut(ctx, r.env, 1, 2))
	_, err = r.Save(ctx, r.env, young, "M", []causeway.RecordInput{rec("c", `{"id":"c"}`)})
	require.ErrorIs(t, err, storage.ErrRunFenced, "shut out by who is about to close it")
}

func TestTheTimeOfOpeningSurvivesEveryClaim(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	first, err := r.OpenRun(ctx, r.env, 1, r.conn, 1, nil)
	require.NoError(t, err)
	for _, fence := range []int64{1, 2, 5} {
		again, err := r.OpenRun(ctx, r.env, 1, r.conn, fence, nil)
		require.NoError(t, err)
		assert.Equal(t, first, again)
	}
}

// A worker that is stopped between the two statements of a write holds the run and the model, and no timeout of the server
// ends that. The next claim does.
func TestAStoppedClientDoesNotHoldUpTheNextClaim(t *testing.T) {
	r := newRecords(t)
	r.SetPatience(300 * time.Millisecond)
	ctx := context.Background()
	run := r.begin(1, 1)
	r.save(run, "M", rec("a", `{"id":"a"}`))
	other := r.begin(2, 1)
	stopped := func(app string) net.Conn {
		t.Helper()
		c, err := pgx.Connect(ctx, r.url+sep(r.url)+"idle_in_transaction_session_timeout=100&application_name="+app)
		require.NoError(t, err)
		h, err := c.PgConn().Hijack()
		require.NoError(t, err)
		t.Cleanup(func() { _ = h.Conn.Close() })
		h.Frontend.Send(&pgproto3.Parse{Query: `select from record_run r, record_model m where r.run_id = 1 for share of r for no key update of m`})
		h.Frontend.Send(&pgproto3.Bind{})
		h.Frontend.Send(&pgproto3.Execute{})
		require.NoError(t, h.Frontend.Flush()) // and then nothing: the second statement never comes
		require.Eventually(t, func() bool {
			var n int
			return r.pool.QueryRow(ctx, `select count(*) from pg_locks where relation = 'record_model'::regclass and pid = $1`, int32(h.PID)).Scan(&n) == nil && n > 0
		}, 5*time.Second, 5*time.Millisecond)
		return h.Conn
	}
	stopped("causeway-records")
	_, err := r.OpenRun(ctx, r.env, 1, r.conn, 2, nil)
	require.NoError(t, err, "the claim goes through")
	_, err = r.Save(ctx, r.env, run, "M", []causeway.RecordInput{rec("b", `{"id":"b"}`)})
	require.ErrorIs(t, err, storage.ErrRunFenced)
	r.save(other, "M", rec("c", `{"id":"c"}`))

	stranger := stopped("somebody-else")
	limited, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err = r.OpenRun(limited, r.env, 1, r.conn, 3, nil)
	require.Error(t, err, "a backend of another program is not ended")
	require.NoError(t, stranger.Close())
}

func TestAResetForgetsOnceAndOnlyItsOwn(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	keys := []string{"sync:items", "sync:items:trackDeletes:M", "sync:items:other", "sync:items_2", "sync:itemsX"}
	for _, k := range keys {
		_, err := r.SaveCheckpoint(ctx, r.env, run, k, 0, json.RawMessage(`{"p":1}`))
		require.NoError(t, err)
		require.NoError(t, r.StartDeletes(ctx, r.env, run, "M", k))
	}
	left := func() (out []string) {
		for _, k := range keys {
			c, err := r.Checkpoint(ctx, r.env, r.conn, k)
			require.NoError(t, err)
			if c.Version > 0 {
				out = append(out, k)
			}
		}
		return out
	}
	_, err := r.OpenRun(ctx, r.env, 2, r.conn, 1, &storage.Reset{CheckpointKey: "sync:items"})
	require.NoError(t, err)
	assert.Equal(t, []string{"sync:items:other", "sync:items_2", "sync:itemsX"}, left())
	second := storage.RecordRun{RunID: 2, ConnectionID: r.conn, Fence: 1}
	_, err = r.EndDeletes(ctx, r.env, second, "M", "sync:items", nil)
	require.ErrorIs(t, err, storage.ErrNoGeneration)
	_, err = r.EndDeletes(ctx, r.env, second, "M", "sync:items:other", nil)
	require.NoError(t, err)

	_, err = r.SaveCheckpoint(ctx, r.env, second, "sync:items", 0, json.RawMessage(`{"p":2}`))
	require.NoError(t, err)
	_, err = r.OpenRun(ctx, r.env, 2, r.conn, 2, &storage.Reset{CheckpointKey: "sync:items"})
	require.NoError(t, err)
	assert.Contains(t, left(), "sync:items", "a resumed run needs what it has saved")
}

func TestVersionsOfCheckpoints(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	run := r.begin(1, 1)
	value := json.RawMessage(`{"a": 1}`)
	for _, c := range []struct {
		name    string
		version int
		value   json.RawMessage
		want    int
		err     error
	}{
		{"a version of none", 3, value, 0, storage.ErrCheckpointConflict},
		{"the first", 0, value, 1, nil},
		{"somebody read none, but there is one", 0, value, 0, storage.ErrCheckpointConflict},
		{"the version read", 1, value, 2, nil},
		{"an old version", 1, value, 0, storage.ErrCheckpointConflict},
		{"cleared", 2, nil, 3, nil},
		{"revived", 3, value, 4, nil},
	} {
		got, err := r.SaveCheckpoint(ctx, r.env, run, "sync:x", c.version, c.value)
		require.ErrorIs(t, err, c.err, c.name)
		assert.Equal(t, c.want, got, c.name)
		if err == nil {
			stored, err := r.Checkpoint(ctx, r.env, r.conn, "sync:x")
			require.NoError(t, err)
			assert.Equal(t, causeway.Checkpoint{Version: c.want, Value: c.value}, stored, c.name)
		}
	}
	other, err := r.Checkpoint(ctx, r.env+1, r.conn, "sync:x")
	require.NoError(t, err)
	assert.Zero(t, other, "another environment's")
}

func TestClosingARunKeepsWhatOthersNeed(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	seen := func() (n int) {
		require.NoError(t, r.pool.QueryRow(ctx, `select count(*) from record_seen`).Scan(&n))
		return n
	}
	age := func() { // rows of the last minute stay, see seenMargin
		_, err := r.pool.Exec(ctx, `update record_seen set at = at - interval '1 hour'; update record_run set opened_at = opened_at - interval '1 hour'; update record_generation set since = since - interval '1 hour'`)
		require.NoError(t, err)
	}
	one := r.begin(1, 1)
	r.save(one, "M", rec("a", `{"id":"a"}`))
	require.NoError(t, r.StartDeletes(ctx, r.env, one, "M", "k"))
	r.save(one, "M", rec("a", `{"id":"a"}`))
	two := r.begin(2, 1)
	age()
	require.NoError(t, r.CloseRun(ctx, r.env, one.RunID))
	assert.Equal(t, 1, seen(), "an open delete tracking needs it")
	_, err := r.EndDeletes(ctx, r.env, two, "M", "k", nil)
	require.NoError(t, err)
	three := r.begin(3, 1)
	r.save(three, "M", rec("a", `{"id":"a"}`))
	age()
	require.NoError(t, r.CloseRun(ctx, r.env, three.RunID))
	assert.Equal(t, 1, seen(), "what run 2 has lived to see stays, the older goes")
	require.NoError(t, r.CloseRun(ctx, r.env, two.RunID))
	require.NoError(t, r.CloseRun(ctx, r.env, two.RunID), "again is nothing")
	_, err = r.Save(ctx, r.env, two, "M", []causeway.RecordInput{rec("b", `{"id":"b"}`)})
	require.ErrorIs(t, err, storage.ErrRunFenced, "a closed run writes nothing")
	four := r.begin(4, 1)
	age()
	require.NoError(t, r.CloseRun(ctx, r.env, four.RunID))
	assert.Zero(t, seen())
}

// cutter is between the store and its database and breaks the connection at a chosen moment.
type cutter struct {
	target string
	// requests counts down: the request that makes it zero is not delivered. answers: the answer after the next request is not.
	requests atomic.Int32
	answers  atomic.Bool
}

func (c *cutter) serve(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", c.target)
			if err != nil {
				_ = client.Close()
				return
			}
			go c.pipe(client, server)
		}
	}()
	return l.Addr().String()
}

func (c *cutter) pipe(client, server net.Conn) {
	var swallow atomic.Bool
	go func() {
		defer func() { _ = client.Close() }()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if swallow.Load() {
				if bytes.Contains(buf[:n], []byte{'Z', 0, 0, 0, 5, 'I'}) { // ready for the next query: committed
					return
				}
				continue
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	defer func() { _ = server.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if c.requests.Load() > 0 && c.requests.Add(-1) == 0 {
			_ = client.Close()
			return
		}
		if c.answers.CompareAndSwap(true, false) {
			swallow.Store(true)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestAClientThatDiesInABatchRepeatsIt(t *testing.T) {
	r := newRecords(t)
	ctx := context.Background()
	u, err := url.Parse(r.url)
	require.NoError(t, err)
	c := &cutter{target: u.Host}
	u.Host = c.serve(t)
	cut, err := storage.OpenRecords(ctx, storage.RecordsOptions{URL: u.String(), MaxConns: 1, Keys: r.keys, History: true})
	require.NoError(t, err)
	t.Cleanup(cut.Close)
	run := r.begin(1, 1)
	first := []causeway.RecordInput{rec("a", `{"id":"a","v":1}`), rec("b", `{"id":"b","v":1}`)}
	second := []causeway.RecordInput{rec("a", `{"id":"a","v":1}`), rec("b", `{"id":"b","v":2}`), rec("c", `{"id":"c","v":1}`)}
	save := func(in []causeway.RecordInput) error { _, err := cut.Save(ctx, r.env, run, "M", in); return err }
	warm := func() { // statements are prepared, and the last batch was unchanged: the next one probes
		require.NoError(t, save(first[:1]))
		require.NoError(t, save(first[:1]))
		_, err := cut.Save(ctx, r.env, run, "Warm", first)
		require.NoError(t, err)
	}
	require.NoError(t, save(first))
	warm()
	c.requests.Store(2) // the probe goes through, the write doesn't
	require.Error(t, save(second))
	assert.Equal(t, "a:ADDED:1 b:ADDED:1", r.show(storage.RecordsQuery{Model: "M"}), "nothing of it is there")
	require.NoError(t, save(second))
	assert.Equal(t, "a:ADDED:1 b:UPDATED:2 c:ADDED:1", r.show(storage.RecordsQuery{Model: "M"}))

	third := []causeway.RecordInput{rec("d", `{"id":"d","v":1}`), rec("b", `{"id":"b","v":3}`), rec("e", `{"id":"e","v":1}`)}
	c.answers.Store(true) // it commits, and the client never hears of it
	require.Error(t, save(third))
	require.Eventually(t, func() bool { return len(r.read(storage.RecordsQuery{Model: "M"})) == 5 }, 5*time.Second, 5*time.Millisecond)
	before := r.show(storage.RecordsQuery{Model: "M"})
	require.NoError(t, save(third))
	assert.Equal(t, before, r.show(storage.RecordsQuery{Model: "M"}), "the repeat changes nothing")
	r.recount("M")
	counts, err := r.RunCounters(ctx, r.env, run.RunID)
	require.NoError(t, err)
	assert.Equal(t, int64(5), counts["M"].Added, "each counts once")
	assert.Equal(t, int64(2), counts["M"].Updated)
}
