package postgres

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func query(t *testing.T, s *Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	var text string
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&text))
	return text
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, s.Stop(ctx))
}

func TestAServerKeepsItsDataOverStarts(t *testing.T) {
	t.Parallel()
	o := Options{Dir: filepath.Join(t.TempDir(), "state", "postgres"), FastDisk: true}
	first, err := Start(t.Context(), o)
	require.NoError(t, err)
	assert.Equal(t, "C", query(t, first, `select datcollate from pg_database where datname = 'postgres'`))
	assert.Equal(t, "127.0.0.1", query(t, first, `show listen_addresses`))
	assert.Equal(t, "scram-sha-256", query(t, first, `select distinct auth_method from pg_hba_file_rules where type = 'host'`), "nobody on this machine gets in without the password")
	require.NoError(t, first.CreateDatabase(t.Context(), "kept"))
	require.NoError(t, first.CreateDatabase(t.Context(), "kept"), "a second time it is there")

	// Whoever started it is gone without having stopped it: the next start ends it and takes over.
	second, err := Start(t.Context(), o)
	require.NoError(t, err)
	select {
	case <-first.exited:
	case <-time.After(10 * time.Second):
		t.Fatal("the server that was left behind still runs")
	}
	assert.Equal(t, "1", query(t, second, `select count(*)::text from pg_database where datname = 'kept'`))
	stop(t, second)

	// A lock file whose process is another one by now.
	require.NoError(t, os.WriteFile(filepath.Join(o.Dir, "postmaster.pid"), []byte("1\n"), 0o600))
	third, err := Start(t.Context(), o)
	require.NoError(t, err)
	stop(t, third)
	info, err := os.Stat(o.Dir + ".password")
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// The data directory decides which version opens it; a mismatch is one line that says what to do.
func TestTheDataDecidesTheVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"99":   "was made by PostgreSQL 99",
		"junk": "is damaged (PG_VERSION)",
	} {
		dir := filepath.Join(t.TempDir(), "postgres")
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte(version+"\n"), 0o600))
		_, err := Start(t.Context(), Options{Dir: dir})
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "letter.txt"), nil, 0o600))
	_, err := Start(t.Context(), Options{Dir: dir})
	require.ErrorContains(t, err, "holds something that is no database")
	_, err = Start(t.Context(), Options{Dir: filepath.Join(t.TempDir(), "x"), Source: "/nowhere"})
	require.ErrorContains(t, err, "dev.postgres: /nowhere has no initdb")
}

func TestAServerThatEndsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	o := Options{Dir: filepath.Join(t.TempDir(), "postgres"), FastDisk: true}
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	stop(t, s)
	require.NoError(t, os.WriteFile(filepath.Join(o.Dir, "postgresql.conf"), []byte("no_such_setting = 1\n"), 0o600))
	begun := time.Now()
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "postgres ended")
	assert.Contains(t, err.Error(), "postgresql.conf", "its own last words")
	assert.Less(t, time.Since(begun), 5*time.Second)
}

// Where there are no binaries and nothing may be fetched, the error says what a person can do.
func TestNoPostgresToBeFound(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	_, err := Start(t.Context(), Options{Dir: filepath.Join(t.TempDir(), "x"), Source: "embedded"})
	require.EqualError(t, err, "no Postgres found: apt-get install postgresql, or set dev.postgres to a postgres:// URL")
	_, err = Start(t.Context(), Options{Dir: filepath.Join(t.TempDir(), "x"), Source: "embedded", Fetch: func(context.Context, string) error { return context.DeadlineExceeded }})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.True(t, strings.HasPrefix(err.Error(), "no Postgres found"))
}
