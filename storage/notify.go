package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The channel on which processes tell each other which cached rows have changed. Events are "<kind>:<key>"; they are sent in
// the transaction that changes the row, so they arrive if and only if it commits. Hot transactions (claims, closes, records)
// never send: commits that notify go one after another.
const channel = "causeway"

// pace is how often a process proves to itself that it hears.
type pace struct {
	ping  time.Duration
	stale time.Duration // without a ping of our own for so long: cached values aren't believed any more
	first time.Duration // at start, the first has to come within it
}

var usualPace = pace{ping: 2 * time.Second, stale: 7 * time.Second, first: 5 * time.Second}

// news hears what others have changed. It proves to itself that it hears by sending pings the way that everybody sends, and
// expecting them where it listens: behind a transaction pooler LISTEN succeeds and hears nothing.
type news struct {
	pool    *pgxpool.Pool
	direct  string
	log     *slog.Logger
	handle  func(event string)
	lost    func() // events may have been missed: forget everything
	process string
	pace    pace

	heard atomic.Int64 // unix nanoseconds of the last ping
	stop  context.CancelFunc
	done  chan struct{}
	first chan struct{}
}

// listen starts to hear and returns when the first ping has come.
func listen(ctx context.Context, pool *pgxpool.Pool, direct string, log *slog.Logger, pace pace, handle func(string), lost func()) (*news, error) {
	n := &news{pool: pool, direct: direct, log: log, handle: handle, lost: lost, process: uuid.NewString(), pace: pace, done: make(chan struct{}), first: make(chan struct{})}
	config, err := pgx.ParseConfig(direct)
	if err != nil {
		return nil, errors.New("database.direct_url can't be read as a postgres:// URL")
	}
	config.RuntimeParams["application_name"] = "causeway-listen"
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	n.stop = stop
	go n.run(run, config)
	select {
	case <-n.first:
		return n, nil
	case <-ctx.Done():
		n.close()
		return nil, context.Cause(ctx)
	case <-time.After(pace.first):
		n.close()
		return nil, errors.New("LISTEN hears nothing, as behind a transaction pooler: set database.direct_url to an address of the same database that leads past it")
	}
}

func (n *news) close() {
	n.stop()
	<-n.done
}

// fresh says whether what others change is being heard.
func (n *news) fresh() bool { return time.Now().UnixNano()-n.heard.Load() < int64(n.pace.stale) }

func (n *news) run(ctx context.Context, config *pgx.ConnConfig) {
	defer close(n.done)
	pinging := make(chan struct{})
	go func() { defer close(pinging); n.ping(ctx) }()
	for ctx.Err() == nil {
		if err := n.hear(ctx, config); err != nil && ctx.Err() == nil {
			n.log.Warn("the connection that hears of changes broke; caches are not used until it is back", "error", err)
		}
		n.heard.Store(0)
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
	<-pinging
}

func (n *news) hear(ctx context.Context, config *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
		return err
	}
	n.lost() // from here on nothing is missed
	n.sendPing(ctx)
	for {
		// Our own ping has to come within the limit; a connection that was cut silently shows by its absence.
		limited, cancel := context.WithTimeout(ctx, n.pace.stale)
		event, err := conn.WaitForNotification(limited)
		cancel()
		if err != nil {
			return err
		}
		if event.Payload == "ping:"+n.process {
			if n.heard.Swap(time.Now().UnixNano()) == 0 {
				select {
				case <-n.first:
				default:
					close(n.first)
				}
			}
			continue
		}
		if !strings.HasPrefix(event.Payload, "ping:") {
			n.handle(event.Payload)
		}
	}
}

func (n *news) ping(ctx context.Context) {
	t := time.NewTicker(n.pace.ping)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			n.sendPing(ctx)
		}
	}
}

func (n *news) sendPing(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, n.pace.ping)
	defer cancel()
	_, _ = n.pool.Exec(limited, "select pg_notify($1, $2)", channel, "ping:"+n.process) // its absence is what is watched
}

// notify tells all processes, when tx commits, that a cached row has changed.
func notify(ctx context.Context, tx pgx.Tx, events ...string) error {
	for _, e := range events {
		if _, err := tx.Exec(ctx, "select pg_notify($1, $2)", channel, e); err != nil {
			return fmt.Errorf("tell of a change: %w", err)
		}
	}
	return nil
}

// changed runs f in a transaction that tells all processes of the events. This process forgets at once, so that it reads its
// own writes.
func (s *Store) changed(ctx context.Context, f func(tx pgx.Tx) (events []string, err error)) error {
	var events []string
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var err error
		if events, err = f(tx); err != nil {
			return err
		}
		return notify(ctx, tx, events...)
	})
	if err != nil {
		return err
	}
	for _, e := range events {
		s.forget(e)
	}
	return nil
}
