package storage_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/storage/storagetest"
)

func TestAModelIsWrittenWhileASyncOfItIsUsed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := storagetest.URL(t)
	store, pool := storagetest.Open(t, url), storagetest.Pool(t, url)
	e, other := storagetest.Seed(t, pool, "a"), storagetest.Seed(t, pool, "b")
	writes := func(environmentID int64, model string) bool {
		t.Helper()
		is, err := store.WritesModel(ctx, environmentID, e.ConnectionID, model, 24*time.Hour)
		require.NoError(t, err)
		return is
	}
	do := func(sql string, args ...any) {
		t.Helper()
		_, err := pool.Exec(ctx, sql, args...)
		require.NoError(t, err)
	}
	assert.False(t, writes(e.ID, "Item"), "there is no sync")

	do(`insert into sync (environment_id, connection_id, function_id) values ($1, $2, $3)`, e.ID, e.ConnectionID, e.SyncFunctionID)
	assert.True(t, writes(e.ID, "Item"), "a new one")
	assert.True(t, writes(e.ID, "Item::eu"), "a variant's model")
	assert.False(t, writes(e.ID, "Other"), "not one of its models")
	assert.False(t, writes(other.ID, "Item"), "not the environment's")

	do(`update sync set created_at = now() - interval '2 days'`)
	assert.False(t, writes(e.ID, "Item"), "it has not run for too long")
	do(`update sync set last_started_at = now()`)
	assert.True(t, writes(e.ID, "Item"))
	do(`update sync set deleted_at = now()`)
	assert.False(t, writes(e.ID, "Item"), "it is gone")
}
