package storage_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// Several processes start on a new database: the account and what belongs to its environments is there once, and a later start changes
// nothing.
func TestTheFirstAccount(t *testing.T) {
	t.Parallel()
	url := storagetest.URL(t)
	s, pool := storagetest.Open(t, url), storagetest.Pool(t, url)
	errs := make(chan error, 4)
	for range 4 {
		go func() {
			errs <- s.EnsureAccount(context.Background(), "default", []string{"dev", "prod"}, storage.DefaultLaneCaps())
		}()
	}
	for range 4 {
		require.NoError(t, <-errs)
	}
	count := func(sql string) (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), sql).Scan(&n), sql)
		return n
	}
	for what, want := range map[string]int{
		`select count(*) from account`:                                                                             1,
		`select count(*) from environment`:                                                                         2,
		`select count(*) from environment where name = 'prod' and is_production`:                                   1,
		`select count(*) from environment where schedule_group = id % 8`:                                           2,
		`select count(*) from schedule`:                                                                            8,
		`select count(*) from run_lane`:                                                                            10,
		`select count(*) from run_lane where lane = 'action_async' and cap = 1 and used = 0`:                       2,
		`select count(*) from webhook_setting where on_sync_error and primary_url is null`:                         2,
		`select count(*) from api_key where kind = 'environment' and scopes = '{environment:*}'`:                   2,
		`select count(*) from api_key where kind = 'webhook_signing' and scopes = '{}' and secret_enc is not null`: 2,
	} {
		assert.Equal(t, want, count(what), what)
	}
	dev, err := s.EnvironmentByName(t.Context(), "default", "dev")
	require.NoError(t, err)
	secret, err := s.DefaultSecret(t.Context(), dev.ID)
	require.NoError(t, err)
	key, err := s.APIKey(t.Context(), secret)
	require.NoError(t, err)
	assert.Equal(t, dev.ID, key.EnvironmentID)
	assert.Equal(t, "Default - Full access", key.DisplayName)
	assert.Zero(t, count(`select count(*) from api_key where position('`+secret+`' in encode(secret_enc, 'escape')) > 0`), "not in clear")

	require.NoError(t, s.RevokeKey(t.Context(), dev.ID, key.ID))
	require.NoError(t, s.EnsureAccount(t.Context(), "default", []string{"dev", "prod"}, storage.DefaultLaneCaps()))
	_, err = s.DefaultSecret(t.Context(), dev.ID)
	require.ErrorIs(t, err, causeway.ErrNotFound, "a key that somebody revoked doesn't come back by itself")
	_, err = s.CreateKey(t.Context(), dev.ID, "mine", []string{"environment:records:read"})
	require.NoError(t, err)
	_, err = s.CreateKey(t.Context(), dev.ID, "mine", nil)
	assert.Equal(t, "conflict", causeway.ErrorCode(err))
}
