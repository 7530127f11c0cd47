package storage

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	causeway "github.com/causeway-dev/causeway"
)

// Limits of the log ring.
const (
	logRows       = 50_000
	logBytes      = 64 << 20
	logFlushRows  = 2_000
	logFlushEvery = 250 * time.Millisecond
	logFlushLimit = 30 * time.Second // the first batch of a day makes an index, which may take seconds

	// Waits after a store has failed: the first, doubled each time, the longest, and the one of a store that says it is full.
	logRetryFirst = 250 * time.Millisecond
	logRetryMost  = 3 * time.Second
	logRetryFull  = time.Minute
)

// errLogStoreFull is wrapped by a store that takes nothing until somebody makes room.
var errLogStoreFull = errors.New("the log store is full")

// logStore is where logs lie: Postgres, or OpenSearch.
type logStore interface {
	// The writers return what could not be stored now and is worth another try, with the reason. Rows that the store will never take are
	// no error: they are reported as lost, one by one.
	writeOperations(ctx context.Context, operations []*causeway.Operation) (left []*causeway.Operation, err error)
	writeMessages(ctx context.Context, messages []causeway.Message) (left []causeway.Message, err error)
	// refresh makes what is written visible to searches; else that takes up to a second.
	refresh(ctx context.Context) error

	// operationPage returns operations that were created from from to to (both included) and come after the cursor (at, id) in the order
	// of a page, newest first, and one more than f.Limit if there is one. Words are a phrase in the text of their messages.
	operationPage(ctx context.Context, environmentID int64, f LogFilter, w logWindow, words []string) ([]causeway.Operation, error)
	// findOperation wraps causeway.ErrNotFound.
	findOperation(ctx context.Context, environmentID int64, at time.Time, id string) (*causeway.Operation, error)
	// messagePage returns messages in the order of the cursor's direction, and one more than f.Limit if there is one.
	messagePage(ctx context.Context, environmentID int64, operationID string, f MessageFilter, w messageWindow) ([]causeway.Message, error)
	changedOperations(ctx context.Context, environmentID int64, after time.Time, limit int) ([]causeway.Operation, error)
	newMessages(ctx context.Context, environmentID int64, operationID string, after time.Time, limit int) ([]causeway.Message, error)

	expireOperations(ctx context.Context) (int64, error)
	openOperations(ctx context.Context, age time.Duration, limit int) ([]causeway.RunRef, error)
	// maintain prepares coming days and drops those that are older than retention.
	maintain(ctx context.Context, retention time.Duration) error
	close()
}

// Logs stores operations and messages off the hot path: callers put them into a ring, a flusher writes batches. A caller
// is never blocked and never sees an error; what the ring can't hold is dropped, oldest debug messages first, and counted.
type Logs struct {
	store logStore // nil: logs are switched off
	log   *slog.Logger
	hub   *logHub

	rows int // that the ring holds

	mu         sync.Mutex
	operations map[string]*causeway.Operation // the newest version of each that isn't written yet
	order      []string
	messages   []causeway.Message
	bytes      int
	seq        int32

	flushing sync.Mutex // held by who writes: after a flush everything that was put in before is stored, or back in the ring
	failures int        // in a row
	retryAt  time.Time

	dropped atomic.Int64
	wake    chan struct{}
	stop    context.CancelFunc
	done    chan struct{}
}

// LogsOptions say where logs go.
type LogsOptions struct {
	URL        string            // of the database
	OpenSearch OpenSearchOptions // without a URL, logs are in the database
	Enabled    bool
	Search     bool // the database keeps the search vector
	Logger     *slog.Logger
}

// OpenLogs opens the store's own connections and starts its flusher. A store that doesn't answer is no error.
func OpenLogs(ctx context.Context, o LogsOptions) (*Logs, error) {
	l := &Logs{
		log: o.Logger, hub: newLogHub(), rows: logRows, operations: map[string]*causeway.Operation{},
		wake: make(chan struct{}, 1), done: make(chan struct{}), stop: func() {},
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if !o.Enabled {
		close(l.done)
		return l, nil
	}
	var err error
	if o.OpenSearch.URL != "" {
		l.store, err = openOpenSearchLogs(o.OpenSearch, l.lost)
	} else {
		l.store, err = openPostgresLogs(ctx, o.URL, l.lost)
	}
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.flusher(run)
	return l, nil
}

// Enabled says whether logs are kept.
func (l *Logs) Enabled() bool { return l.store != nil }

// Dropped is how many messages were lost because the ring was full or the store was away.
func (l *Logs) Dropped() int64 { return l.dropped.Load() }

// Operation stores an operation as it is now. It is always the whole operation: of two versions the one with the later
// UpdatedAt stays.
func (l *Logs) Operation(op causeway.Operation) {
	if l.store == nil {
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
	if l.store == nil {
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
	if len(l.messages)+len(l.order) <= l.rows && l.bytes <= logBytes {
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
		if l.mayTry() {
			l.flush(ctx)
		}
	}
}

func (l *Logs) mayTry() bool {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	return !time.Now().Before(l.retryAt)
}

// flush writes what the ring holds. What can't be written goes back, if there is room.
func (l *Logs) flush(ctx context.Context) {
	l.flushing.Lock()
	defer l.flushing.Unlock()
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
	limited, cancel := context.WithTimeout(ctx, logFlushLimit)
	defer cancel()
	operations, err := l.store.writeOperations(limited, operations)
	if err == nil {
		messages, err = l.store.writeMessages(limited, messages)
	}
	l.putBack(operations, messages)
	l.judge(err)
}

// judge decides when the store is tried again. Between tries nothing is asked of it; the ring takes what comes.
func (l *Logs) judge(err error) {
	if err == nil {
		if l.failures > 0 {
			l.log.Info("logs are stored again", "lost", l.dropped.Load())
		}
		l.failures, l.retryAt = 0, time.Time{}
		return
	}
	wait := logRetryFirst << min(l.failures, 10)
	if wait = min(wait, logRetryMost); errors.Is(err, errLogStoreFull) {
		wait = logRetryFull
	}
	if l.failures++; l.failures == 1 { // once per outage
		l.log.Warn("logs could not be stored; they stay in memory while there is room", "error", err)
	}
	l.retryAt = time.Now().Add(wait)
}

func (l *Logs) putBack(operations []*causeway.Operation, messages []causeway.Message) {
	if len(operations) == 0 && len(messages) == 0 {
		return
	}
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

// lost counts a row that the store will never take. Its reason is a code: a text might quote the row.
func (l *Logs) lost(code string) {
	l.dropped.Add(1)
	l.log.Warn("a log row can't be stored and is given up", "code", code)
}

// Flush writes everything that was put in before the call, for searches to find. Tests and the stop use it.
func (l *Logs) Flush(ctx context.Context) {
	if l.store == nil {
		return
	}
	l.flush(ctx)
	if err := l.store.refresh(ctx); err != nil {
		l.log.Warn("the log store could not be refreshed", "error", err)
	}
}

// ExpireOperations ends operations that wait or run past the time that they were given: as timeout, or as cancelled where
// a person was to finish them. It looks at every environment.
func (l *Logs) ExpireOperations(ctx context.Context) (int64, error) {
	if l.store == nil {
		return 0, nil
	}
	return l.store.expireOperations(ctx)
}

// OpenOperations lists runs whose operations have been shown as waiting or running for longer than age, of all environments. Of many it
// draws some by lot.
func (l *Logs) OpenOperations(ctx context.Context, age time.Duration, limit int) ([]causeway.RunRef, error) {
	if l.store == nil {
		return nil, nil
	}
	return l.store.openOperations(ctx, age, limit)
}

// MaintainPartitions makes what the coming days need and drops the days whose time is over, each as a whole. It is safe to repeat and
// to run in two processes.
func (l *Logs) MaintainPartitions(ctx context.Context, retention time.Duration) error {
	if l.store == nil {
		return nil
	}
	return l.store.maintain(ctx, retention)
}

// Close writes what is left, for five seconds at most, and ends the connections.
func (l *Logs) Close() {
	l.stop()
	<-l.done
	if l.store != nil {
		l.store.close()
	}
	l.hub.close()
}
