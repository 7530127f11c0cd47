package storage_test

import (
	"bytes"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

func TestBlobsAreSealedAndBoundToTheirKey(t *testing.T) {
	eachBlobStore(t, func(t *testing.T, url string) {
		s, ctx := storagetest.New(t), t.Context()
		b, err := storage.OpenBlob(ctx, url, s.Keys())
		require.NoError(t, err)
		t.Cleanup(func() { _ = b.Close() })
		below, err := blob.OpenBucket(ctx, url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = below.Close() })
		a, moved := "bundles/"+uuid.NewString(), "bundles/"+uuid.NewString()

		require.NoError(t, b.Put(ctx, a, []byte("customer's payload")))
		got, err := b.Get(ctx, a)
		require.NoError(t, err)
		assert.Equal(t, "customer's payload", string(got))

		raw, err := below.ReadAll(ctx, a)
		require.NoError(t, err)
		assert.False(t, bytes.Contains(raw, []byte("customer")), "nothing is readable in the store")

		require.NoError(t, below.WriteAll(ctx, moved, raw, nil))
		_, err = b.Get(ctx, moved)
		require.ErrorIs(t, err, storage.ErrEnvelope, "a moved object does not open")
	})
}

func TestBlobsComeAndGo(t *testing.T) {
	eachBlobStore(t, func(t *testing.T, url string) {
		s, ctx := storagetest.New(t), t.Context()
		b, err := storage.OpenBlob(ctx, url, s.Keys())
		require.NoError(t, err)
		t.Cleanup(func() { _ = b.Close() })
		key := "payloads/" + uuid.NewString()
		has := func() bool {
			ok, err := b.Has(ctx, key)
			require.NoError(t, err)
			return ok
		}

		_, err = b.Get(ctx, key)
		require.ErrorIs(t, err, causeway.ErrNotFound)
		assert.False(t, has())
		require.NoError(t, b.Delete(ctx, key), "one that isn't there")

		large := bytes.Repeat([]byte("0123456789abcdef"), 12<<20/16) // over the size that a store takes in one piece
		require.NoError(t, b.Put(ctx, key, large))
		require.NoError(t, b.Put(ctx, key, large), "a second writer writes the same")
		got, err := b.Get(ctx, key)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(large, got))
		assert.True(t, has())

		require.NoError(t, b.Delete(ctx, key))
		assert.False(t, has())
		_, err = b.Get(ctx, key)
		require.ErrorIs(t, err, causeway.ErrNotFound)
	})
}

func TestBlobStoreThatIsNotThereIsAnError(t *testing.T) {
	eachBlobStore(t, func(t *testing.T, url string) {
		s := storagetest.New(t)
		_, err := storage.OpenBlob(t.Context(), elsewhere(t, url), s.Keys())
		require.Error(t, err)
	})
}
