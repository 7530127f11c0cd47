package temporal

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/config"
)

// state is a store with its schema, on which statements are then run.
func state(t *testing.T, statements ...string) (*config.Config, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "temporal.db")
	store := &config.SQL{PluginName: "sqlite", DatabaseName: path, ConnectAddr: "localhost", ConnectProtocol: "tcp", ConnectAttributes: map[string]string{"mode": "rwc"}, MaxConns: 1}
	cfg := &config.Config{Persistence: config.Persistence{DefaultStore: "s", DataStores: map[string]config.DataStore{"s": {SQL: store}}}}
	require.NoError(t, prepareStore(cfg, newQuietLogger(), nil))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err, s)
	}
	require.NoError(t, db.Close())
	return cfg, path
}

func TestAStateOfANewerReleaseIsRefused(t *testing.T) {
	cfg, path := state(t, `update schema_version set curr_version = '0.99'`)
	err := prepareStore(cfg, newQuietLogger(), func(string) { t.Error("it must not be moved aside") })
	require.ErrorContains(t, err, "written by a newer release (schema 0.99")
	assert.FileExists(t, path)
}

func TestFreePagesAreGivenBack(t *testing.T) {
	cfg, path := state(t, `create table ballast as with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) select randomblob(4000) as b from n`, `drop table ballast`)
	before, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, prepareStore(cfg, newQuietLogger(), func(text string) { t.Error(text) }))
	after, err := os.Stat(path)
	require.NoError(t, err)
	assert.Less(t, after.Size(), before.Size()/2)
}

func TestVersions(t *testing.T) {
	assert.True(t, newer("0.12", "0.11"))
	assert.True(t, newer("1.0", "0.11"))
	assert.False(t, newer("0.11", "0.11"))
	assert.False(t, newer("0.9", "0.11"))
}
