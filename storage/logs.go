package storage

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	causeway "github.com/causeway-dev/causeway"
)

// Limits of the log ring.
const (
	logRows       = 50_000
	logBytes      = 64 << 20
	logFlushRows  = 2_000
	logFlushEvery = 250 * time.Millisecond
	logConns      = 2 // of its own pool: a flood of logs never takes a connection from a run
)

// Logs stores operations and messages off the hot path: callers put them into a ring, a flusher writes batches. A caller
// is never blocked and never sees an error; what the ring can't hold is dropped, oldest debug messages first, and counted.
type Logs struct {
	pool   *pgxpool.Pool // nil: logs are switched off
	log    *slog.Logger
	search bool
	hub    *logHub

	mu         sync.Mutex
	operations map[string]*causeway.Operation // the newest version of each that isn't written yet
	order      []string
	messages   []causeway.Message
	bytes      int
	seq        int32

	dropped atomic.Int64
	wake    chan struct{}
	stop    context.CancelFunc
	done    chan struct{}
}

// LogsOptions say where logs go.
type LogsOptions struct {
	URL     string
	Enabled bool
	Search  bool // the search vector is kept
	Logger  *slog.Logger
}

// OpenLogs opens the store's own connections and starts its flusher.
func OpenLogs(ctx context.Context, o LogsOptions) (*Logs, error) {
	l := &Logs{
		log: o.Logger, search: o.Search, hub: newLogHub(), operations: map[string]*causeway.Operation{},
		wake: make(chan struct{}, 1), done: make(chan struct{}), stop: func() {},
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if !o.Enabled {
		close(l.done)
		return l, nil
	}
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the logs' database URL can't be read")
	}
	config.MaxConns = logConns
	config.ConnConfig.RuntimeParams["application_name"] = "causeway-logs"
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off" // losing the last moment's logs in a crash of the database is fine
	config.ConnConfig.RuntimeParams["jit"] = "off"
	if l.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("open the logs' database: %w", err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.flusher(run)
	return l, nil
}

// Enabled says whether logs are kept.
func (l *Logs) Enabled() bool { return l.pool != nil }

// Dropped is how many messages were lost because the ring was full or the store was away.
func (l *Logs) Dropped() int64 { return l.dropped.Load() }

// Operation stores an operation as it is now. It is always the whole operation: of two versions the one with the later
// UpdatedAt stays.
func (l *Logs) Operation(op causeway.Operation) {
	if l.pool == nil {
		return
	}
	if op.UpdatedAt.IsZero() {
		op.UpdatedAt = time.Now()
	}
	op.UpdatedAt = op.UpdatedAt.Truncate(time.Microsecond) // as the store keeps it: what is heard and what is read are the same
	if at, ok := causeway.OperationTime(op.ID); ok {
		op.CreatedAt = at // a look-up by id finds its daily partition by this
	}
	l.hub.operation(op)
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.operations[op.ID]; known != nil {
		if !op.UpdatedAt.Before(known.UpdatedAt) {
			// Who asked and what for is known only to who began it.
			if op.Actor == nil {
				op.Actor = known.Actor
			}
			if op.Request == nil {
				op.Request = known.Request
			}
			*known = op
		}
		return
	}
	l.operations[op.ID] = &op
	l.order = append(l.order, op.ID)
	l.bytes += operationSize(&op)
	l.makeRoom()
	l.ring()
}

// Message stores one line under an operation.
func (l *Logs) Message(m causeway.Message) {
	if l.pool == nil {
		return
	}
	if m.CreatedAt.IsZero() {
		m.CreatedAt = time.Now()
	}
	m.CreatedAt = m.CreatedAt.Truncate(time.Microsecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq = (l.seq + 1) & 0x7fffffff
	m.Seq = int(l.seq)
	l.hub.message(m)
	l.messages = append(l.messages, m)
	l.bytes += messageSize(&m)
	l.makeRoom()
	l.ring()
}

// makeRoom drops what the ring can't hold: debug messages first, then messages, then operations, each oldest first. It drops
// a tenth at once, so that a full ring isn't searched for each message.
func (l *Logs) makeRoom() {
	if len(l.messages)+len(l.order) <= logRows && l.bytes <= logBytes {
		return
	}
	want := max(1, (len(l.messages)+len(l.order))/10)
	kept := l.messages[:0]
	drop := func(m *causeway.Message) { l.bytes -= messageSize(m); want--; l.dropped.Add(1) }
	for i := range l.messages {
		if want > 0 && l.messages[i].Level == causeway.LevelDebug {
			drop(&l.messages[i])
			continue
		}
		kept = append(kept, l.messages[i])
	}
	for len(kept) > 0 && want > 0 {
		drop(&kept[0])
		kept = kept[1:]
	}
	l.messages = append([]causeway.Message(nil), kept...)
	for len(l.order) > 0 && want > 0 {
		l.bytes -= operationSize(l.operations[l.order[0]])
		delete(l.operations, l.order[0])
		l.order = l.order[1:]
		want--
		l.dropped.Add(1)
	}
}

func operationSize(op *causeway.Operation) int {
	return 500 + len(op.Request) + len(op.Response) + len(op.Error) + len(op.Meta) + len(op.Actor)
}

func messageSize(m *causeway.Message) int {
	return 300 + len(m.Text) + len(m.Error) + len(m.Request) + len(m.Response) + len(m.Meta)
}

func (l *Logs) ring() {
	if len(l.messages)+len(l.order) < logFlushRows {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Logs) flusher(ctx context.Context) {
	defer close(l.done)
	t := time.NewTicker(logFlushEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			l.flush(last)
			cancel()
			return
		case <-t.C:
		case <-l.wake:
		}
		l.flush(ctx)
	}
}

// flush writes what the ring holds. What can't be written goes back, if there is room.
func (l *Logs) flush(ctx context.Context) {
	l.mu.Lock()
	operations, messages := make([]*causeway.Operation, 0, len(l.order)), l.messages
	for _, id := range l.order {
		operations = append(operations, l.operations[id])
	}
	l.operations, l.order, l.messages, l.bytes = map[string]*causeway.Operation{}, nil, nil, 0
	l.mu.Unlock()
	if len(operations) == 0 && len(messages) == 0 {
		return
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := l.writeOperations(limited, operations); err != nil {
		l.failed(err, operations, messages)
		return
	}
	if err := l.writeMessages(limited, messages); err != nil {
		l.failed(err, nil, messages)
	}
}

func (l *Logs) failed(err error, operations []*causeway.Operation, messages []causeway.Message) {
	l.log.Warn("logs could not be stored; they stay in memory while there is room", "error", err, "operations", len(operations), "messages", len(messages))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range operations {
		if l.operations[op.ID] == nil { // else a newer version is there
			l.operations[op.ID] = op
			l.order = append(l.order, op.ID)
			l.bytes += operationSize(op)
		}
	}
	for i := range messages {
		l.bytes += messageSize(&messages[i])
	}
	l.messages = append(messages, l.messages...)
	l.makeRoom()
}

// Flush writes everything that was put in before the call. Tests and the stop use it.
func (l *Logs) Flush(ctx context.Context) {
	if l.pool != nil {
		l.flush(ctx)
	}
}

// Close writes what is left, for five seconds at most, and ends the connections.
func (l *Logs) Close() {
	l.stop()
	<-l.done
	if l.pool != nil {
		l.pool.Close()
	}
	l.hub.close()
}
