package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options say where the control plane is and how to talk to it.
type Options struct {
	URL             string // of the control plane; may lead through a transaction pooler
	DirectURL       string // past the pooler, for LISTEN and migrations; empty: URL
	MaxConns        int    // 0: 16 + 4 per core
	ExecMode        string // cached (default) or exec, behind a pooler that can't keep prepared statements
	Key             []byte // instance key, 32 bytes
	ApplicationName string // empty: causeway
	ScheduleGroups  int    // schedulers that new environments are dealt to; 0: 8
	Logger          *slog.Logger

	params map[string]string // further parameters of the connections
	pace   pace              // zero: the usual one
}

// Store is the control plane.
type Store struct {
	pool   *pgxpool.Pool
	keys   *Keyring
	log    *slog.Logger
	groups int
	news   *news
	caches caches
	marks  *marks
	blob   *Blob // for large payloads; see UseBlob
}

// Open connects, checks the database's version and its key, and starts what keeps the caches fresh. Migrations have to be
// applied. Errors are one line for a person.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.ScheduleGroups == 0 {
		o.ScheduleGroups = 8
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	pool, err := openPool(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Store{pool: pool, log: o.Logger, groups: o.ScheduleGroups}
	if s.keys, err = openKeyring(ctx, pool, o.Key); err != nil {
		pool.Close()
		return nil, err
	}
	if o.DirectURL == "" {
		o.DirectURL = o.URL
	}
	if o.pace == (pace{}) {
		o.pace = usualPace
	}
	s.caches = newCaches(func() bool { return s.news != nil && s.news.fresh() })
	if s.news, err = listen(ctx, pool, o.DirectURL, o.Logger, o.pace, s.forget, s.forgetAll); err != nil {
		pool.Close()
		return nil, err
	}
	s.marks = startMarks(ctx, s)
	return s, nil
}

func openPool(ctx context.Context, o Options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, errors.New("database.url can't be read as a postgres:// URL") // the cause would show the password
	}
	config.MaxConns = int32(16 + 4*runtime.NumCPU())
	if o.MaxConns > 0 {
		config.MaxConns = int32(o.MaxConns)
	}
	if o.ExecMode == "exec" {
		// No statement outlives its round trip; what is cached are the types of its arguments, without which maps couldn't be sent
		// as JSON.
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	config.MaxConnIdleTime = 5 * time.Minute
	name := o.ApplicationName
	if name == "" {
		name = "causeway"
	}
	config.ConnConfig.RuntimeParams["application_name"] = name
	plain := config.Copy()
	maps.Copy(config.ConnConfig.RuntimeParams, connectionParams)
	maps.Copy(config.ConnConfig.RuntimeParams, o.params)
	pool, err := connectPool(ctx, config)
	if err != nil && strings.Contains(err.Error(), "unsupported startup parameter") {
		if o.Logger != nil {
			o.Logger.Warn("the pooler in front of the database takes no parameters: set them for the role (alter role … set jit = off, statement_timeout = '30s', idle_in_transaction_session_timeout = '30s')")
		}
		return connectPool(ctx, plain)
	}
	return pool, err
}

// connectionParams are set for every connection, unless a pooler in between refuses them.
var connectionParams = map[string]string{
	"jit":               "off", // compiling a turn's statements costs more than running them
	"statement_timeout": "30s",
	// A worker that is frozen in a transaction must not hold its locks for ever; a dead one's connection has to be noticed.
	"idle_in_transaction_session_timeout": "30s",
	"tcp_keepalives_idle":                 "15",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    "20s",
}

// connectPool opens a pool and makes sure that somebody answers, of a version that will do.
func connectPool(ctx context.Context, config *pgxpool.Config) (*pgxpool.Pool, error) {
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	var version int
	if err := pool.QueryRow(ctx, `select current_setting('server_version_num')::int`).Scan(&version); err != nil {
		pool.Close()
		return nil, fmt.Errorf("the database at %s:%d does not answer: %w", config.ConnConfig.Host, config.ConnConfig.Port, oneLine{err})
	}
	if version < 150000 {
		pool.Close()
		return nil, fmt.Errorf("the database is PostgreSQL %d, Causeway needs 15 or newer", version/10000)
	}
	return pool, nil
}

// oneLine shows the last line of an error: what connecting says names each attempt on a line of its own.
type oneLine struct{ error }

func (e oneLine) Error() string {
	text := strings.TrimSpace(e.error.Error())
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}

func (e oneLine) Unwrap() error { return e.error }

// Close ends all connections.
func (s *Store) Close() {
	s.marks.close()
	s.news.close()
	s.pool.Close()
}

// Keys is the ring of data keys.
func (s *Store) Keys() *Keyring { return s.keys }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// isCode says whether err is a database error with this SQLSTATE.
func isCode(err error, code string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == code
}
