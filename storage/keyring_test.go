package storage_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

func TestAnEnvelopeOpensOnlyInItsPlace(t *testing.T) {
	url := storagetest.URL(t)
	s, ctx := storagetest.Open(t, url), t.Context()
	e := storagetest.Seed(t, storagetest.Pool(t, url), "acme")
	place := storage.AAD{Column: "connection_credential.envelope", Row: 7}
	for _, purpose := range []storage.Purpose{storage.PurposeControl, storage.PurposeBlob, storage.PurposeRecord} {
		sealed, err := s.Keys().Seal(ctx, purpose, e.ID, place, []byte("secret"))
		require.NoError(t, err)
		plain, err := s.Keys().Open(ctx, e.ID, place, sealed)
		require.NoError(t, err)
		assert.Equal(t, "secret", string(plain))

		for what, wrong := range map[string]func() error{
			"another row": func() error {
				_, err := s.Keys().Open(ctx, e.ID, storage.AAD{Column: place.Column, Row: 8}, sealed)
				return err
			},
			"another column": func() error {
				_, err := s.Keys().Open(ctx, e.ID, storage.AAD{Column: "x.y", Row: 7}, sealed)
				return err
			},
			"another environment": func() error { _, err := s.Keys().Open(ctx, e.ID+1, place, sealed); return err },
			"a changed byte": func() error {
				bent := append([]byte(nil), sealed...)
				bent[len(bent)-1] ^= 1
				_, err := s.Keys().Open(ctx, e.ID, place, bent)
				return err
			},
			"cut short": func() error { _, err := s.Keys().Open(ctx, e.ID, place, sealed[:30]); return err },
		} {
			assert.Error(t, wrong(), "%s in %s", purpose, what)
		}
	}
}

func TestAWrongKeyStopsTheStart(t *testing.T) {
	url := storagetest.URL(t)
	storagetest.Open(t, url)
	pool := storagetest.Pool(t, url)
	keys := func() (all string) {
		require.NoError(t, pool.QueryRow(t.Context(), `select string_agg(id || state || encode(wrapped, 'hex') || encode(kek_id, 'hex'), ',' order by id)
  || (select encode(kek_id, 'hex') || encode(check_value, 'hex') from instance) from data_key`).Scan(&all))
		return all
	}
	before := keys()
	other := []byte(strings.Repeat("x", 32))
	_, err := storage.Open(t.Context(), storage.Options{URL: url, Key: other})
	require.Error(t, err)
	assert.Regexp(t, `^this database was sealed with key [0-9a-f]{16}, the configured key \(encryption\.key\) is [0-9a-f]{16}: .*$`, err.Error(), "one line that names both")
	assert.Equal(t, before, keys(), "nothing was written")
	storagetest.Open(t, url) // the right one still opens it
}

// Two servers with different keys start on a new database: one of them makes it its own, the other stops.
func TestTwoServersWithDifferentKeys(t *testing.T) {
	url := storagetest.URL(t)
	errs := make(chan error, 2)
	for _, key := range []string{"x", "y"} {
		go func() {
			s, err := storage.Open(context.Background(), storage.Options{URL: url, Key: []byte(strings.Repeat(key, 32))})
			if err == nil {
				s.Close()
			}
			errs <- err
		}()
	}
	one, two := <-errs, <-errs
	if one == nil {
		one, two = two, one
	}
	require.NoError(t, two)
	require.ErrorContains(t, one, "was sealed with key")
}

func TestKeysAsPeopleGiveThem(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(storagetest.Key)
	for name, c := range map[string]struct{ text, problem string }{
		"as it is":          {good, ""},
		"with a line break": {good + "\n", ""},
		"with a BOM":        {"\ufeff" + good, ""},
		"base64url":         {base64.RawURLEncoding.EncodeToString(storagetest.Key), ""},
		"empty":             {"", "encryption.key is not set"},
		"31 bytes":          {base64.StdEncoding.EncodeToString(storagetest.Key[:31]), "has 31 bytes"},
		"not base64":        {"%%%", "is not base64"},
	} {
		key, err := storage.ParseKey(c.text)
		if c.problem == "" {
			require.NoError(t, err, name)
			assert.Equal(t, storagetest.Key, key, name)
			continue
		}
		require.ErrorContains(t, err, c.problem, name)
	}
}
