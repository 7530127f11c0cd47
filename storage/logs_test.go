package storage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

func operation(env int64, at time.Time, state causeway.OperationState) causeway.Operation {
	return causeway.Operation{
		ID: causeway.NewOperationID(at), EnvironmentID: env, Type: "sync", Action: "run", State: state, UpdatedAt: at,
		Names: causeway.OperationNames{Integration: "demo", Connection: "c1", Function: "items"},
	}
}

func line(op causeway.Operation, n int, text string) causeway.Message {
	return causeway.Message{EnvironmentID: op.EnvironmentID, OperationID: op.ID, CreatedAt: op.UpdatedAt.Add(time.Duration(n) * time.Millisecond), Text: text}
}

func found(t *testing.T, l *storage.Logs, env int64, f storage.LogFilter) (ids []string) {
	t.Helper()
	for pages := 0; ; pages++ {
		p, err := l.SearchOperations(context.Background(), env, f)
		require.NoError(t, err)
		for _, op := range p.Operations {
			ids = append(ids, op.ID)
		}
		if f.Cursor = p.Next; f.Cursor == "" {
			return ids
		}
		require.Less(t, pages, 50)
	}
}

func TestLogsKeepTheLaterOfTwoVersionsOfAnOperation(t *testing.T) {
	eachLogStore(t, func(t *testing.T, l *storage.Logs) {
		ctx := context.Background()
		at := time.Now().Add(-time.Minute)
		started := operation(1, at, causeway.OperationRunning)
		ended := started
		end := at.Add(time.Second)
		ended.State, ended.UpdatedAt, ended.EndedAt = causeway.OperationSuccess, end, &end
		for name, order := range map[string][]causeway.Operation{
			"in one flush": {started, ended}, "in one flush, turned round": {ended, started},
		} {
			for i := range order {
				l.Operation(order[i])
			}
			l.Flush(ctx)
			op, err := l.FindOperation(ctx, 1, started.ID)
			require.NoError(t, err)
			assert.Equal(t, causeway.OperationSuccess, op.State, name)
		}
		// Two processes flush in the wrong order.
		late := operation(1, at, causeway.OperationRunning)
		lateEnd := late
		lateEnd.State, lateEnd.UpdatedAt = causeway.OperationFailed, end
		l.Operation(lateEnd)
		l.Flush(ctx)
		l.Operation(late)
		l.Flush(ctx)
		op, err := l.FindOperation(ctx, 1, late.ID)
		require.NoError(t, err)
		assert.Equal(t, causeway.OperationFailed, op.State)
		_, err = l.FindOperation(ctx, 2, late.ID)
		require.ErrorIs(t, err, causeway.ErrNotFound, "of another environment")
	})
}

func TestLogsSearchPagesOverOperationsNewestFirst(t *testing.T) {
	eachLogStore(t, func(t *testing.T, l *storage.Logs) {
		ctx := context.Background()
		now := time.Now()
		var ids []string
		for i := range 25 { // over five days
			op := operation(1, now.Add(-time.Duration(i)*5*time.Hour), causeway.OperationSuccess)
			if i%5 == 0 {
				op.State, op.Names.Connection = causeway.OperationFailed, "c2"
			}
			l.Operation(op)
			text := fmt.Sprintf("Fetched orders/%d of user@x.io", i)
			if i%6 == 0 {
				text = "The quota-limit of the provider was reached"
			}
			l.Message(line(op, 1, "begin"))
			l.Message(line(op, 2, text))
			l.Message(line(op, 3, text)) // two messages, one operation
			ids = append(ids, op.ID)
		}
		l.Operation(operation(2, now, causeway.OperationSuccess))
		l.Flush(ctx)
		every := func(n int) (out []string) {
			for i := 0; i < len(ids); i += n {
				out = append(out, ids[i])
			}
			return out
		}
		for _, c := range []struct {
			name string
			f    storage.LogFilter
			want []string
		}{
			{"all, page by page", storage.LogFilter{Limit: 7}, ids},
			{"by state", storage.LogFilter{States: []string{"failed"}, Limit: 2}, every(5)},
			{"by connection", storage.LogFilter{Connections: []string{"c2"}}, every(5)},
			{"by type", storage.LogFilter{Types: []string{"sync"}}, ids},
			{"by type and action", storage.LogFilter{Types: []string{"sync:run"}}, ids},
			{"by another action", storage.LogFilter{Types: []string{"sync:init"}}, nil},
			{"by text over days, in full pages", storage.LogFilter{Query: "quota", Limit: 2}, every(6)},
			{"by text, one a page: a day that fills the page is not the end", storage.LogFilter{Query: "quota", Limit: 1}, every(6)},
			{"a phrase whose last word is unfinished", storage.LogFilter{Query: "quota limit of the prov"}, every(6)},
			{"words in another order are no phrase", storage.LogFilter{Query: "limit quota"}, nil},
			{"signs separate words, in text and query", storage.LogFilter{Query: "orders/13"}, ids[13:14]},
			{"mail", storage.LogFilter{Query: "USER@x.i", Limit: 5, States: []string{"failed"}}, []string{ids[5], ids[10], ids[15], ids[20]}},
			{"operators are no syntax", storage.LogFilter{Query: "quota | ! & ( begin :*"}, nil},
			{"period", storage.LogFilter{From: now.Add(-11 * time.Hour)}, ids[:3]},
			{"period and text", storage.LogFilter{From: now.Add(-31 * time.Hour), To: now.Add(-time.Hour), Query: "quota"}, ids[6:7]},
		} {
			t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, found(t, l, 1, c.f)) })
		}
		_, err := l.SearchOperations(ctx, 1, storage.LogFilter{Cursor: "x"})
		require.Error(t, err)
	})
}

func TestLogsPageMessagesBothWays(t *testing.T) {
	eachLogStore(t, func(t *testing.T, l *storage.Logs) {
		ctx := context.Background()
		op := operation(1, time.Now().Add(-time.Minute), causeway.OperationRunning)
		for i := range 10 {
			l.Message(line(op, i/2, fmt.Sprint("line ", i))) // two of each time: only their number tells them apart
		}
		l.Flush(ctx)
		texts := func(p storage.MessagePage) (out []string) {
			for _, m := range p.Messages {
				out = append(out, strings.TrimPrefix(m.Text, "line "))
			}
			return out
		}
		get := func(f storage.MessageFilter) storage.MessagePage {
			t.Helper()
			p, err := l.OperationMessages(ctx, 1, op.ID, f)
			require.NoError(t, err)
			return p
		}
		first := get(storage.MessageFilter{Limit: 4})
		assert.Equal(t, []string{"9", "8", "7", "6"}, texts(first))
		second := get(storage.MessageFilter{Limit: 4, Before: first.Before})
		assert.Equal(t, []string{"5", "4", "3", "2"}, texts(second))
		last := get(storage.MessageFilter{Limit: 4, Before: second.Before})
		assert.Equal(t, []string{"1", "0"}, texts(last))
		assert.Empty(t, last.Before)
		assert.Empty(t, texts(get(storage.MessageFilter{After: first.After})), "nothing new yet")
		l.Message(line(op, 9, "line 10"))
		l.Message(line(op, 9, "line 11"))
		l.Message(line(op, 9, "line 12"))
		l.Flush(ctx)
		tail := get(storage.MessageFilter{Limit: 2, After: first.After})
		assert.Equal(t, []string{"11", "10"}, texts(tail), "the ones next to the cursor, newest first")
		assert.Equal(t, []string{"12"}, texts(get(storage.MessageFilter{Limit: 2, After: tail.After})))
		p, err := l.OperationMessages(ctx, 2, op.ID, storage.MessageFilter{})
		require.NoError(t, err)
		assert.Empty(t, p.Messages, "of another environment")
	})
}

// What one script logs must not keep the logs of the others from being stored.
func TestLogsStoreTextsAndJSONThatAreNone(t *testing.T) {
	eachLogStore(t, func(t *testing.T, l *storage.Logs) {
		ctx := context.Background()
		op := operation(1, time.Now(), causeway.OperationRunning)
		op.Response = json.RawMessage(`no json`)
		l.Operation(op)
		for i, meta := range []string{`{"a":"x\u0000y"}`, `{"a":"\ud800"}`, `{"a":"\udc00\ud83d\ude00"}`, `no json`, `"\\u0000"`} {
			m := line(op, i, fmt.Sprint("line\x00 ", i, " \xff"))
			m.Meta = json.RawMessage(meta)
			l.Message(m)
		}
		l.Flush(ctx)
		got, err := l.FindOperation(ctx, 1, op.ID)
		require.NoError(t, err)
		assert.Equal(t, `"(not JSON)"`, string(got.Response))
		p, err := l.OperationMessages(ctx, 1, op.ID, storage.MessageFilter{})
		require.NoError(t, err)
		metas := map[string]string{}
		for _, m := range p.Messages {
			metas[m.Text] = string(m.Meta)
		}
		assert.JSONEq(t, `{"a": "xy"}`, metas["line 0 \uFFFD"])
		assert.JSONEq(t, "{\"a\": \"\uFFFD\"}", metas["line 1 \uFFFD"])
		assert.JSONEq(t, "{\"a\": \"\uFFFD😀\"}", metas["line 2 \uFFFD"])
		assert.Equal(t, `"(not JSON)"`, metas["line 3 \uFFFD"])
		assert.Equal(t, `"\\u0000"`, metas["line 4 \uFFFD"])
		assert.Zero(t, l.Dropped())
	})
}

// Postgres takes no number of any size and no JSON of any depth.
func TestLogsInPostgresGiveUpOnlyTheRowThatCannotBeStored(t *testing.T) {
	l := openLogs(t, storage.LogsOptions{URL: storagetest.URL(t)})
	ctx := context.Background()
	good, bad := operation(1, time.Now(), causeway.OperationRunning), operation(1, time.Now(), causeway.OperationRunning)
	bad.Meta = json.RawMessage(`{"n":1e999999}`)
	l.Operation(good)
	l.Operation(bad)
	for i, meta := range []string{`{"n":1}`, `{"n":1e999999}`, strings.Repeat("[", 9000) + strings.Repeat("]", 9000), `{"n":2}`} {
		m := line(good, i, fmt.Sprint(i))
		m.Meta = json.RawMessage(meta)
		l.Message(m)
	}
	l.Flush(ctx)
	_, err := l.FindOperation(ctx, 1, good.ID)
	require.NoError(t, err)
	_, err = l.FindOperation(ctx, 1, bad.ID)
	require.ErrorIs(t, err, causeway.ErrNotFound)
	p, err := l.OperationMessages(ctx, 1, good.ID, storage.MessageFilter{})
	require.NoError(t, err)
	texts := map[string]bool{}
	for _, m := range p.Messages {
		texts[m.Text] = true
	}
	assert.True(t, texts["0"] && texts["3"])
	assert.False(t, texts["1"])
	assert.GreaterOrEqual(t, l.Dropped(), int64(2))
}

func TestLogsDropDebugFirstWhenTheRingIsFullAndNeverBlock(t *testing.T) {
	url := storagetest.URL(t)
	l, pool := openLogs(t, storage.LogsOptions{URL: url}), storagetest.Pool(t, url)
	ctx := context.Background()
	// The store is away: somebody holds the table.
	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, `lock table message in access exclusive mode`)
	require.NoError(t, err)
	op := operation(1, time.Now(), causeway.OperationRunning)
	flushing := line(op, 0, "in flight")
	l.Message(flushing)
	require.Eventually(t, func() bool {
		var n int
		return pool.QueryRow(ctx, `select count(*) from pg_stat_activity where application_name = 'causeway-logs' and wait_event_type = 'Lock'`).Scan(&n) == nil && n > 0
	}, 5*time.Second, 5*time.Millisecond)
	began := time.Now()
	for i := range 60_000 {
		m := line(op, i, "x")
		m.Level = causeway.LevelInfo
		if i%2 == 0 {
			m.Level = causeway.LevelDebug
		}
		l.Message(m)
	}
	assert.Less(t, time.Since(began), 5*time.Second, "no caller waits for the store")
	assert.Positive(t, l.Dropped())
	require.NoError(t, tx.Rollback(ctx))
	l.Close() // writes what is left
	var debug, info int64
	require.NoError(t, pool.QueryRow(ctx, `select count(*) filter (where level = 'debug'), count(*) filter (where level = 'info' and text = 'x') from message`).Scan(&debug, &info))
	assert.Equal(t, int64(30_000), info, "nothing above debug was dropped")
	assert.Equal(t, 30_000-debug, l.Dropped())
}

func TestLogsExpireOpenOperations(t *testing.T) {
	eachLogStore(t, func(t *testing.T, l *storage.Logs) {
		ctx := context.Background()
		past, future := time.Now().Add(-time.Minute), time.Now().Add(time.Minute)
		var ops []causeway.Operation
		for _, c := range []struct {
			kind    string
			state   causeway.OperationState
			expires *time.Time
		}{{"sync", causeway.OperationRunning, &past}, {"auth", causeway.OperationWaiting, &past}, {"sync", causeway.OperationRunning, &future}, {"sync", causeway.OperationSuccess, &past}, {"sync", causeway.OperationRunning, nil}} {
			op := operation(1, past, c.state)
			op.Type, op.ExpiresAt = c.kind, c.expires
			if c.kind == "auth" {
				op.Action = "create_connection"
			}
			l.Operation(op)
			ops = append(ops, op)
		}
		l.Flush(ctx)
		n, err := l.ExpireOperations(ctx)
		require.NoError(t, err)
		assert.Equal(t, int64(2), n)
		want := []causeway.OperationState{causeway.OperationTimeout, causeway.OperationCancelled, causeway.OperationRunning, causeway.OperationSuccess, causeway.OperationRunning}
		for i, op := range ops {
			got, err := l.FindOperation(ctx, 1, op.ID)
			require.NoError(t, err)
			assert.Equal(t, want[i], got.State, i)
		}
	})
}

func TestLogsListOperationsOfRunsThatAreOpen(t *testing.T) {
	eachLogStore(t, func(t *testing.T, l *storage.Logs) {
		ctx := context.Background()
		past, now, later := time.Now().Add(-time.Minute), time.Now(), time.Now().Add(time.Hour)
		put := func(at time.Time, state causeway.OperationState, run uuid.UUID) {
			op := operation(1, at, state)
			op.RunUID, op.ExpiresAt = run, &later
			l.Operation(op)
		}
		running, waiting := uuid.New(), uuid.New()
		put(past, causeway.OperationRunning, running)
		put(past, causeway.OperationWaiting, waiting)
		put(past, causeway.OperationSuccess, uuid.New())
		put(now, causeway.OperationRunning, uuid.New())
		put(past, causeway.OperationRunning, uuid.Nil)
		l.Flush(ctx)
		open, err := l.OpenOperations(ctx, 30*time.Second, 10)
		require.NoError(t, err)
		assert.ElementsMatch(t, []causeway.RunRef{{EnvironmentID: 1, RunUID: running}, {EnvironmentID: 1, RunUID: waiting}}, open)
		open, err = l.OpenOperations(ctx, 30*time.Second, 1)
		require.NoError(t, err)
		assert.Len(t, open, 1)
	})
}

func TestLogsInPostgresGoByWholeDays(t *testing.T) {
	url := storagetest.URL(t)
	l, pool := openLogs(t, storage.LogsOptions{URL: url}), storagetest.Pool(t, url)
	ctx := context.Background()
	old := operation(1, time.Now().AddDate(0, 0, -20), causeway.OperationSuccess)
	day := old.UpdatedAt.UTC()
	for _, table := range []string{"operation", "message"} {
		_, err := pool.Exec(ctx, fmt.Sprintf(`create table %s_%s partition of %s for values from ('%s') to ('%s')`,
			table, day.Format("20060102"), table, day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly)))
		require.NoError(t, err)
	}
	young := operation(1, time.Now(), causeway.OperationSuccess)
	for _, op := range []causeway.Operation{old, young} {
		l.Operation(op)
		l.Message(line(op, 1, "hello"))
	}
	l.Flush(ctx)
	require.NoError(t, l.MaintainPartitions(ctx, 15*24*time.Hour))
	assert.Equal(t, []string{young.ID}, found(t, l, 1, storage.LogFilter{Query: "hello"}), "the young one has moved into its day")
	_, err := l.FindOperation(ctx, 1, old.ID)
	require.ErrorIs(t, err, causeway.ErrNotFound)
	var stray int
	require.NoError(t, pool.QueryRow(ctx, `select (select count(*) from message_default) + (select count(*) from operation_default)`).Scan(&stray))
	assert.Zero(t, stray)
}

func TestLogsAreHeardByListenersOfTheirEnvironmentOnly(t *testing.T) {
	eachLogStore(t, func(t *testing.T, l *storage.Logs) {
		events, cancel := l.Listen(1)
		defer cancel()
		other := operation(2, time.Now(), causeway.OperationRunning)
		mine := operation(1, time.Now(), causeway.OperationRunning)
		l.Operation(other)
		l.Message(line(other, 0, "x"))
		l.Operation(mine)
		l.Message(line(mine, 0, "y"))
		assert.Equal(t, mine.ID, (<-events).Operation.ID)
		assert.Equal(t, "y", (<-events).Message.Text)
		for range 3000 { // nobody reads
			l.Message(line(mine, 0, "z"))
		}
		for range events { //nolint:revive // until the slow listener is told by the closed channel
		}
	})
}

func TestLogsOfOtherProcessesAreFound(t *testing.T) {
	eachLogStore(t, func(t *testing.T, l *storage.Logs) {
		ctx := context.Background()
		before := time.Now().Add(-time.Minute)
		op := operation(1, time.Now(), causeway.OperationRunning)
		l.Operation(op)
		l.Operation(operation(2, time.Now(), causeway.OperationRunning))
		l.Message(line(op, 1, "one"))
		l.Message(line(op, 2, "two"))
		l.Flush(ctx)
		changed, err := l.ChangedOperations(ctx, 1, before, 10)
		require.NoError(t, err)
		require.Len(t, changed, 1)
		messages, err := l.NewMessages(ctx, 1, op.ID, before, 10)
		require.NoError(t, err)
		require.Len(t, messages, 2)
		assert.Equal(t, "one", messages[0].Text)
		changed, err = l.ChangedOperations(ctx, 1, time.Now().Add(time.Minute), 10)
		require.NoError(t, err)
		assert.Empty(t, changed)
	})
}
