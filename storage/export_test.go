package storage

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// What tests of the records store reach beside its interface.

// SetPatience makes a claim end who blocks it earlier.
func (r *Records) SetPatience(d time.Duration) { r.patience = d }

// SetOldHash brings a version of hashes before the present one.
func (r *Records) SetOldHash(f func(key, canonical []byte) []byte) { r.oldHash = f }

// EmptyModelInChunks is EmptyModel with smaller chunks.
func (r *Records) EmptyModelInChunks(ctx context.Context, env, runID, connectionID int64, model string, chunk int) (int64, error) {
	return r.emptyModel(ctx, env, runID, connectionID, model, chunk)
}

// ForgetKeys empties the caches of environments' keys.
// Hurried lets a process find out sooner that it hears nothing.
func Hurried(o Options, ping, stale time.Duration) Options {
	o.pace = pace{ping: ping, stale: stale, first: stale}
	return o
}

func (k *Keyring) ForgetKeys() {
	k.mine.Purge()
	k.byID.Purge()
}

// RecordCursor writes a cursor.
func RecordCursor(at time.Time, id uuid.UUID) string { return string(appendRecordCursor(nil, at, id)) }

// ParseRecordCursor reads a cursor.
func ParseRecordCursor(text string) (time.Time, error) { return parseRecordCursor(text) }

// CanonicalJSON is the form that is hashed.
func CanonicalJSON(src string) (string, error) {
	out, err := canonicalJSON(nil, []byte(src))
	return string(out), err
}

// MergeJSON merges a patch into a record.
func MergeJSON(base, patch string) (string, error) {
	out, err := mergeJSON(nil, []byte(base), []byte(patch), 0)
	return string(out), err
}

// SetRing bounds what the logs keep in memory, before anything is logged.
func (l *Logs) SetRing(rows int) { l.rows = rows }
