package temporal

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite" // storage plug-in
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"
)

// prepareStore makes the schema, or brings it up to date. A damaged file is moved aside: what runs is in our rows, and is started again.
func prepareStore(cfg *config.Config, logger log.Logger, notice func(string)) error {
	store := cfg.Persistence.DataStores[cfg.Persistence.DefaultStore].SQL
	_, err := os.Stat(store.DatabaseName)
	if errors.Is(err, fs.ErrNotExist) {
		return create(store, logger)
	}
	if err != nil {
		return err
	}
	var newer *newerError
	err = update(store, logger)
	if errors.As(err, &newer) {
		return err
	}
	if err == nil {
		err = compact(store.DatabaseName)
	}
	if err == nil {
		return nil
	}
	aside := fmt.Sprintf("%s.damaged-%d", store.DatabaseName, time.Now().Unix())
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(store.DatabaseName+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if notice != nil {
		notice("Temporal's state could not be read; it was moved to " + aside + ", and what runs is started again")
	}
	return create(store, logger)
}

func create(store *config.SQL, logger log.Logger) error {
	if err := sqliteschema.SetupSchema(store); err != nil {
		return fmt.Errorf("make Temporal's schema: %w", err)
	}
	// The set-up records no version; without one no later server could update the file.
	return withConnection(store, logger, func(c *sqltool.Connection) error {
		if err := c.CreateSchemaVersionTables(); err != nil {
			return err
		}
		return c.UpdateSchemaVersion(sqliteschema.Version, sqliteschema.Version)
	})
}

// newerError refuses a state that a newer release has written. It is not damaged, so it is not moved aside either.
type newerError struct{ path, version string }

func (e *newerError) Error() string {
	return fmt.Sprintf("Temporal's state %s was written by a newer release (schema %s, this one knows %s): use that release, or start with --reset", e.path, e.version, sqliteschema.Version)
}

func update(store *config.SQL, logger log.Logger) error {
	return withConnection(store, logger, func(c *sqltool.Connection) error {
		version, err := c.ReadSchemaVersion()
		if err != nil {
			return err
		}
		if newer(version, sqliteschema.Version) {
			return &newerError{store.DatabaseName, version}
		}
		return schema.NewUpdateSchemaTask(c, &schema.UpdateConfig{DBName: store.DatabaseName, SchemaName: "sqlite/v3/temporal"}, logger).Run()
	})
}

// newer compares versions of the form 0.11.
func newer(a, b string) bool { //nolint:unparam // tests compare others
	parse := func(s string) (parts []int) {
		for p := range strings.SplitSeq(s, ".") {
			n, err := strconv.Atoi(p)
			if err != nil {
				return nil
			}
			parts = append(parts, n)
		}
		return parts
	}
	return slices.Compare(parse(a), parse(b)) > 0
}

// compact gives the pages of deleted executions back to the disk, when they are more than half of the file.
func compact(path string) error {
	db, err := sql.Open("sqlite", path) // the driver of the storage plug-in
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	var pages, free int
	if err := db.QueryRow(`select (select page_count from pragma_page_count), (select freelist_count from pragma_freelist_count)`).Scan(&pages, &free); err != nil {
		return err
	}
	if free*2 <= pages {
		return nil
	}
	_, err = db.Exec(`vacuum`)
	return err
}

func withConnection(store *config.SQL, logger log.Logger, f func(*sqltool.Connection) error) error {
	c, err := sqltool.NewConnection(store, logger)
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}
