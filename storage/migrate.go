package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Migration is one file and whether it is applied.
type Migration struct {
	Version int64
	Name    string
	Applied bool
}

// Migrator applies the numbered SQL files of one database. It needs a direct connection, not one through a transaction
// pooler.
type Migrator struct {
	db       *sql.DB
	provider *goose.Provider
}

// migrationLock names the advisory lock that lets one process migrate at a time.
const migrationLock = `select pg_advisory_xact_lock(hashtextextended('causeway migrations', 0))`

// OpenMigrator prepares the control plane's migrations in files for the database at url.
func OpenMigrator(ctx context.Context, url string, files fs.FS) (*Migrator, error) {
	return openMigrator(ctx, url, files, goose.DefaultTablename)
}

// OpenRecordsMigrator prepares the records' migrations in files for the database at url. They are counted in a table of
// their own, so that they go into the control plane's database as well as into another one.
func OpenRecordsMigrator(ctx context.Context, url string, files fs.FS) (*Migrator, error) {
	return openMigrator(ctx, url, files, "record_db_version")
}

func openMigrator(ctx context.Context, url string, files fs.FS, table string) (*Migrator, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("database.direct_url can't be read as a postgres:// URL") // the cause would show the password
	}
	config.RuntimeParams["application_name"] = "causeway-migrations"
	config.RuntimeParams["lock_timeout"] = "5s"
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(2)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(table))
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("prepare the migrations: %w", err)
	}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("the database does not answer: %w", oneLine{err})
	}
	return &Migrator{db, provider}, nil
}

// Close ends the connections.
func (m *Migrator) Close() error { return m.db.Close() }

// Up applies what is missing and returns how many files that were. Processes that start together wait for each other; the
// lock is the transaction's, so a killed one frees it.
func (m *Migrator) Up(ctx context.Context) (int, error) {
	n := 0
	err := m.locked(ctx, func() error {
		results, err := m.provider.Up(ctx)
		n = len(results)
		return err
	})
	return n, err
}

// Down takes back the newest file.
func (m *Migrator) Down(ctx context.Context) error {
	return m.locked(ctx, func() error {
		_, err := m.provider.Down(ctx)
		return err
	})
}

func (m *Migrator) locked(ctx context.Context, migrate func() error) error {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "set local lock_timeout = 0"); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := tx.ExecContext(ctx, migrationLock); err != nil {
		return fmt.Errorf("wait for another process that migrates: %w", err)
	}
	if err := migrate(); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Pending says whether files are not applied yet. It changes nothing.
func (m *Migrator) Pending(ctx context.Context) (bool, error) {
	pending, err := m.provider.HasPending(ctx)
	if isCode(err, undefinedTable) {
		return true, nil // not even the table that counts them
	}
	if err != nil {
		return false, fmt.Errorf("read the migrations' state: %w", err)
	}
	return pending, nil
}

// Status lists all files, oldest first.
func (m *Migrator) Status(ctx context.Context) ([]Migration, error) {
	all, err := m.provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the migrations' state: %w", err)
	}
	out := make([]Migration, len(all))
	for i, s := range all {
		out[i] = Migration{s.Source.Version, s.Source.Path, s.State == goose.StateApplied}
	}
	return out, nil
}
