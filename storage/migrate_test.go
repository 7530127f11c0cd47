package storage_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/migrations"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

func TestMigrationsGoUpAndDownAndUp(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]struct {
		open func(context.Context, string, fs.FS) (*storage.Migrator, error)
		fs   fs.FS
	}{
		"control plane": {storage.OpenMigrator, migrations.Control},
		"records":       {storage.OpenRecordsMigrator, migrations.Records()},
	} {
		t.Run(name, func(t *testing.T) {
			url := storagetest.Bare(t)
			pool := storagetest.Pool(t, url)
			m, err := files.open(t.Context(), url, files.fs)
			require.NoError(t, err)
			defer func() { _ = m.Close() }()

			n, err := m.Up(t.Context())
			require.NoError(t, err)
			require.Positive(t, n)
			up := schema(t, pool)
			again, err := m.Up(t.Context())
			require.NoError(t, err)
			assert.Zero(t, again, "a second time there is nothing to do")

			for range n {
				require.NoError(t, m.Down(t.Context()))
			}
			assert.Empty(t, schema(t, pool), "down leaves nothing behind")
			status, err := m.Status(t.Context())
			require.NoError(t, err)
			require.Len(t, status, n)
			assert.False(t, status[0].Applied)

			_, err = m.Up(t.Context())
			require.NoError(t, err)
			assert.Equal(t, up, schema(t, pool))
		})
	}
}

// schema describes everything that migrations have made: columns, constraints, indexes.
func schema(t *testing.T, pool *pgxpool.Pool) string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
select x from (
 select format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) as x from information_schema.columns where table_schema = 'public' and table_name not like '%db_version'
 union all select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace and conrelid::regclass::text not like '%db_version'
 union all select indexdef from pg_indexes where schemaname = 'public' and tablename not like '%db_version'
 union all select proname from pg_proc where pronamespace = 'public'::regnamespace
 union all select typname from pg_type where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')) all_of_it order by x`)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}

func TestADatabaseWithoutTablesSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, err := storage.Open(t.Context(), storage.Options{URL: storagetest.Bare(t), Key: storagetest.Key})
	require.EqualError(t, err, "the database has no tables yet: run causeway migrate up")
}

// Three servers start at once on a new database: each file is applied once, and nobody fails.
func TestServersThatStartTogetherMigrateOnce(t *testing.T) {
	t.Parallel()
	url := storagetest.Bare(t)
	type result struct {
		n   int
		err error
	}
	results := make(chan result, 3)
	for range 3 {
		go func() {
			m, err := storage.OpenMigrator(context.Background(), url, migrations.Control)
			if err != nil {
				results <- result{0, err}
				return
			}
			n, err := m.Up(context.Background())
			_ = m.Close()
			results <- result{n, err}
		}()
	}
	total := 0
	for range 3 {
		r := <-results
		require.NoError(t, r.err)
		total += r.n
	}
	files, err := fs.Glob(migrations.Control, "*.sql")
	require.NoError(t, err)
	assert.Equal(t, len(files), total)
}

// The lock is a transaction's: who is killed in the middle of a file frees the rest, and leaves no half of it.
func TestAKilledMigrationFreesTheOthers(t *testing.T) {
	t.Parallel()
	url := storagetest.Bare(t)
	slow := fstest.MapFS{"0001_slow.sql": {Data: []byte("-- +goose Up\ncreate table half (id int);\nselect pg_sleep(60);\n")}}
	quick := fstest.MapFS{"0001_slow.sql": {Data: []byte("-- +goose Up\ncreate table half (id int);\n")}}
	first, err := storage.OpenMigrator(t.Context(), url, slow)
	require.NoError(t, err)
	defer func() { _ = first.Close() }()
	failed := make(chan error, 1)
	go func() { _, err := first.Up(context.Background()); failed <- err }()

	pool := storagetest.Pool(t, url)
	kill := `select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'causeway-migrations' and pid <> pg_backend_pid()
  and exists (select from pg_stat_activity s where s.datname = current_database() and s.query like '%pg_sleep(60)%' and s.pid <> pg_backend_pid())) x`
	require.Eventually(t, func() bool {
		var n int
		return pool.QueryRow(t.Context(), kill).Scan(&n) == nil && n > 0
	}, 10*time.Second, 5*time.Millisecond)
	require.Error(t, <-failed)

	second, err := storage.OpenMigrator(t.Context(), url, quick)
	require.NoError(t, err)
	defer func() { _ = second.Close() }()
	limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	n, err := second.Up(limited)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

func TestErrorsOfAddressesShowNoPassword(t *testing.T) {
	t.Parallel()
	const bad = "postgres://user:hunter2@[broken/db"
	_, err := storage.OpenMigrator(t.Context(), bad, migrations.Control)
	require.ErrorContains(t, err, "database.direct_url")
	assert.NotContains(t, err.Error(), "hunter2")
	_, err = storage.Open(t.Context(), storage.Options{URL: bad, Key: storagetest.Key})
	require.ErrorContains(t, err, "database.url")
	assert.NotContains(t, err.Error(), "hunter2")
	_, err = storage.Open(t.Context(), storage.Options{URL: "postgres://user:hunter2@127.0.0.1:1/db", Key: storagetest.Key})
	require.ErrorContains(t, err, "127.0.0.1:1")
	assert.NotContains(t, err.Error(), "hunter2")
	assert.NotContains(t, err.Error(), "\n")
}
