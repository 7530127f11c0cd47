package temporal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	if err := update(store, logger); err == nil {
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

func update(store *config.SQL, logger log.Logger) error {
	return withConnection(store, logger, func(c *sqltool.Connection) error {
		return schema.NewUpdateSchemaTask(c, &schema.UpdateConfig{DBName: store.DatabaseName, SchemaName: "sqlite/v3/temporal"}, logger).Run()
	})
}

func withConnection(store *config.SQL, logger log.Logger, f func(*sqltool.Connection) error) error {
	c, err := sqltool.NewConnection(store, logger)
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}
