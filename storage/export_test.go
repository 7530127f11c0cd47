package storage

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// What tests of the records store reach beside its interface.

func (r *Records) SetPatience(d time.Duration) { r.patience = d }

func (r *Records) SetOldHash(f func(key, canonical []byte) []byte) { r.oldHash = f }

func (r *Records) EmptyModelInChunks(ctx context.Context, env, runID, connectionID int64, model string, chunk int) (int64, error) {
	return r.emptyModel(ctx, env, runID, connectionID, model, chunk)
}

func (k *Keyring) ForgetKeys() {
	k.mine.Purge()
	k.byID.Purge()
}

func RecordCursor(at time.Time, id uuid.UUID) string { return string(appendRecordCursor(nil, at, id)) }

func ParseRecordCursor(text string) (time.Time, error) { return parseRecordCursor(text) }

func CanonicalJSON(src string) (string, error) {
	out, err := canonicalJSON(nil, []byte(src))
	return string(out), err
}

func MergeJSON(base, patch string) (string, error) {
	out, err := mergeJSON(nil, []byte(base), []byte(patch), 0)
	return string(out), err
}
