package storage

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/memblob"   // mem://, for tests
	_ "gocloud.dev/blob/s3blob"    // s3://
	"gocloud.dev/gcerrors"

	causeway "github.com/causeway-dev/causeway"
)

// Blob keeps what is too large for a row: bundles and large payloads. Everything in it is sealed. Keys are content hashes or
// carry a random part, and a second writer of a key writes the same bytes: no store can be trusted to refuse an overwrite.
type Blob struct {
	bucket *blob.Bucket
	keys   *Keyring
}

// OpenBlob opens the store at url: file://, s3://, gs:// or azblob://.
func OpenBlob(ctx context.Context, rawURL string, keys *Keyring) (*Blob, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("blob.url can't be read as a URL (file://, s3://, gs://, azblob://)")
	}
	bucket, err := blob.OpenBucket(ctx, rawURL)
	if err != nil {
		return nil, fmt.Errorf("open the blob store (%s://): %w", u.Scheme, err)
	}
	ok, err := bucket.IsAccessible(ctx)
	if err == nil && !ok {
		err = fmt.Errorf("it does not exist, or may not be accessed")
	}
	if err != nil {
		_ = bucket.Close()
		return nil, fmt.Errorf("the blob store %s://%s: %w", u.Scheme, u.Host, err)
	}
	return &Blob{bucket, keys}, nil
}

// FileURL is the URL of a blob store in a folder, which is made if it isn't there.
func FileURL(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(dir), RawQuery: "create_dir=true&no_tmp_dir=true"}
	return u.String(), nil
}

// Close ends the connections.
func (b *Blob) Close() error { return b.bucket.Close() }

// blobAAD binds an object to its key.
func blobAAD(key string) AAD {
	h := sha256.Sum256([]byte(key))
	return AAD{Column: "blob." + key, Row: int64(binary.BigEndian.Uint64(h[:8]))} //nolint:gosec // bits, not a number
}

// Put seals and stores an object.
func (b *Blob) Put(ctx context.Context, key string, plain []byte) error {
	sealed, err := b.keys.Seal(ctx, PurposeBlob, 0, blobAAD(key), plain)
	if err != nil {
		return fmt.Errorf("store blob %s: %w", key, err)
	}
	if err := b.bucket.WriteAll(ctx, key, sealed, &blob.WriterOptions{ContentType: "application/octet-stream"}); err != nil {
		return fmt.Errorf("store blob %s: %w", key, err)
	}
	return nil
}

// Get reads and opens an object. causeway.ErrNotFound, wrapped: there is none.
func (b *Blob) Get(ctx context.Context, key string) ([]byte, error) {
	sealed, err := b.bucket.ReadAll(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("blob %s: %w", key, causeway.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", key, err)
	}
	plain, err := b.keys.Open(ctx, 0, blobAAD(key), sealed)
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", key, err)
	}
	return plain, nil
}

// Has says whether an object is there.
func (b *Blob) Has(ctx context.Context, key string) (bool, error) {
	ok, err := b.bucket.Exists(ctx, key)
	if err != nil {
		return false, fmt.Errorf("look for blob %s: %w", key, err)
	}
	return ok, nil
}

// Delete removes an object. One that isn't there is fine.
func (b *Blob) Delete(ctx context.Context, key string) error {
	if err := b.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("delete blob %s: %w", key, err)
	}
	return nil
}
