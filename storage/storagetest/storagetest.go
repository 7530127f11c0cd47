// Package storagetest gives each test a database of its own: a real server that is started once for the test binary, and a
// migrated template that is copied. It also seeds the rows that nearly every test needs.
//
// Start reading with New.
package storagetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/devstack/postgres"
	"github.com/causeway-dev/causeway/migrations"
	"github.com/causeway-dev/causeway/storage"
)

// Key is the instance key of test databases.
var Key = []byte("0123456789abcdef0123456789abcdef")

const template = "template_causeway"

type server struct {
	*postgres.Server
	lock *os.File // holds the folder for this process
	err  error

	ready chan prepared // migrated databases, made ahead: copying a template takes a tenth of a second
	used  chan string   // to be dropped
}

type prepared struct {
	name string
	err  error
}

// shared starts the server of this test binary. It dies with the process; its folder is used again by the next one.
var shared = sync.OnceValue(func() *server {
	s := &server{ready: make(chan prepared, 1), used: make(chan string, 1000)}
	if s.err = s.start(); s.err == nil {
		go s.prepare()
		go s.drop()
	}
	return s
})

func (s *server) start() error {
	dir, lock, err := freeFolder()
	if err != nil {
		return err
	}
	s.lock = lock
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if s.Server, err = postgres.Start(ctx, postgres.Options{Dir: filepath.Join(dir, "data"), FastDisk: true}); err != nil {
		return err
	}
	if err := s.CreateDatabase(ctx, template); err != nil {
		return err
	}
	return Migrate(ctx, s.URL(template))
}

// Migrate brings the database at url up to date, control plane and records.
func Migrate(ctx context.Context, url string) error {
	m, err := storage.OpenMigrator(ctx, url, migrations.Control)
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }()
	if _, err = m.Up(ctx); err != nil {
		return err
	}
	records, err := storage.OpenRecordsMigrator(ctx, url, migrations.Records())
	if err != nil {
		return err
	}
	defer func() { _ = records.Close() }()
	_, err = records.Up(ctx)
	return err
}

// freeFolder finds a folder that no other test binary uses, and empties it.
func freeFolder() (string, *os.File, error) {
	for i := range 64 {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("causeway-test-%d", os.Getuid()), fmt.Sprintf("postgres-%d", i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", nil, err
		}
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return "", nil, err
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			_ = lock.Close()
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil {
			return "", nil, err
		}
		return dir, lock, nil
	}
	return "", nil, fmt.Errorf("64 test servers are running")
}

var databases atomic.Int64

// prepare makes databases ahead for as long as the process lives, as the server does.
func (s *server) prepare() {
	for {
		name := fmt.Sprintf("test_%d", databases.Add(1))
		s.ready <- prepared{name, run(s.URL("postgres"), "create database "+name+" template "+template)}
	}
}

// drop removes what tests have used. What it doesn't get to goes with the server's folder.
func (s *server) drop() {
	for name := range s.used {
		_ = run(s.URL("postgres"), "drop database if exists "+name+" with (force)")
	}
}

// URL makes an empty, migrated database for the test and returns its address.
func URL(t testing.TB) string {
	t.Helper()
	s := shared()
	require.NoError(t, s.err, "start the test database")
	db := <-s.ready
	require.NoError(t, db.err)
	t.Cleanup(func() { s.used <- db.name })
	return s.URL(db.name)
}

// Bare makes a database without any table.
func Bare(t testing.TB) string {
	t.Helper()
	s := shared()
	require.NoError(t, s.err, "start the test database")
	name := fmt.Sprintf("test_%d", databases.Add(1))
	require.NoError(t, run(s.URL("postgres"), "create database "+name))
	t.Cleanup(func() { s.used <- name })
	return s.URL(name)
}

func run(url, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// New opens the control plane on a database of its own.
func New(t testing.TB) *storage.Store {
	t.Helper()
	return Open(t, URL(t))
}

// Open opens the control plane on a database.
func Open(t testing.TB, url string) *storage.Store {
	t.Helper()
	s, err := storage.Open(context.Background(), storage.Options{URL: url, Key: Key, MaxConns: 10, ApplicationName: "causeway-test"})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// Pool opens plain connections to a database, for what a test has to look at or to break.
func Pool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// Environment is a seeded environment with one integration, connection and function of each kind.
type Environment struct {
	AccountID, ID, IntegrationID, ConnectionID, SyncFunctionID, ActionFunctionID int64
}

// Seed writes an account with one environment, its lanes, an integration "demo", a connection "c1", a sync function "items" and
// an action function "act", each with an active version.
func Seed(t testing.TB, pool *pgxpool.Pool, name string) Environment {
	t.Helper()
	ctx := context.Background()
	var e Environment
	one := func(sql string, args ...any) (id int64) {
		t.Helper()
		require.NoError(t, pool.QueryRow(ctx, sql, args...).Scan(&id), "%s", sql)
		return id
	}
	e.AccountID = one(`insert into account (name) values ($1) returning id`, name)
	e.ID = one(`insert into environment (account_id, name) values ($1, 'dev') returning id`, e.AccountID)
	for _, lane := range []string{"sync", "action", "action_async", "webhook", "event"} {
		limit := 500
		if lane == "action_async" {
			limit = 1
		}
		_, err := pool.Exec(ctx, `insert into run_lane (environment_id, lane, cap) values ($1, $2, $3)`, e.ID, lane, limit)
		require.NoError(t, err)
	}
	_, err := pool.Exec(ctx, `insert into schedule (schedule_group) values (0) on conflict do nothing`)
	require.NoError(t, err)
	e.IntegrationID = one(`insert into integration (environment_id, unique_key, provider) values ($1, 'demo', 'demo') returning id`, e.ID)
	e.ConnectionID = one(`insert into connection (environment_id, integration_id, connection_id) values ($1, $2, 'c1') returning id`, e.ID, e.IntegrationID)
	function := func(kind, name string, frequency any) int64 {
		id := one(`insert into function (environment_id, integration_id, kind, name, runs, frequency_s) values ($1, $2, $3, $4, $5, $6) returning id`,
			e.ID, e.IntegrationID, kind, name, map[bool]any{true: "every hour", false: nil}[frequency != nil], frequency)
		version := one(`insert into function_version (environment_id, function_id, version, bundle_key, source_key, definition)
			values ($1, $2, '1', $3, '', '{"models": ["Item"]}') returning id`, e.ID, id, strings.Repeat("0", 64))
		_, err := pool.Exec(ctx, `update function set active_version_id = $3 where environment_id = $1 and id = $2`, e.ID, id, version)
		require.NoError(t, err)
		return id
	}
	e.SyncFunctionID = function("sync", "items", 3600)
	e.ActionFunctionID = function("action", "act", nil)
	return e
}

// OpenRecords opens the records in the database at url, with the keys of the control plane.
func OpenRecords(t testing.TB, url string, keys *storage.Keyring) *storage.Records {
	t.Helper()
	r, err := storage.OpenRecords(context.Background(), storage.RecordsOptions{URL: url, Keys: keys, History: true})
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}
