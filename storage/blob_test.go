package storage_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

func TestBlobsAreSealedAndBoundToTheirKey(t *testing.T) {
	s, ctx, dir := storagetest.New(t), t.Context(), t.TempDir()
	url, err := storage.FileURL(dir)
	require.NoError(t, err)
	b, err := storage.OpenBlob(ctx, url, s.Keys())
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })

	require.NoError(t, b.Put(ctx, "a", []byte("customer's payload")))
	got, err := b.Get(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, "customer's payload", string(got))

	raw, err := os.ReadFile(filepath.Join(dir, "a"))
	require.NoError(t, err)
	assert.False(t, bytes.Contains(raw, []byte("customer")), "nothing is readable on disk")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "b"), raw, 0o600))
	_, err = b.Get(ctx, "b")
	require.ErrorIs(t, err, storage.ErrEnvelope, "a moved object does not open")

	_, err = b.Get(ctx, "nothing")
	require.ErrorIs(t, err, causeway.ErrNotFound)
	require.NoError(t, b.Delete(ctx, "nothing"))
}
