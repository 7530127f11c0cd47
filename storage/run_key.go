package storage

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// keepRunKeys is how long a caller's idempotency key stands for its request.
const keepRunKeys = 5 * 24 * time.Hour

// ErrKeyReused refuses an idempotency key that stands for another request.
var ErrKeyReused = &causeway.Error{Code: "idempotency_key_reused", Status: http.StatusConflict, Message: "this idempotency key was used for another request"}

// takeRunKey binds a caller's idempotency key to a run that is to be inserted in the same transaction. If an earlier request bound it,
// the uid of that one's run comes back. Two requests at once: the second waits for the first one's commit.
func (s *Store) takeRunKey(ctx context.Context, tx pgx.Tx, n NewRun, ref causeway.RunRef) (earlier uuid.UUID, err error) {
	hash, err := s.requestHash(ctx, ref.EnvironmentID, n)
	if err != nil {
		return uuid.Nil, err
	}
	tag, err := tx.Exec(ctx, `insert into run_key (environment_id, key, request_hash, run_uid) values ($1, $2, $3, $4)
 on conflict (environment_id, key) do nothing`, ref.EnvironmentID, n.IdempotencyKey, hash, ref.RunUID)
	if err != nil || tag.RowsAffected() == 1 {
		return uuid.Nil, err
	}
	var bound []byte
	if err := tx.QueryRow(ctx, `select request_hash, run_uid from run_key where environment_id = $1 and key = $2`, ref.EnvironmentID, n.IdempotencyKey).Scan(&bound, &earlier); err != nil {
		return uuid.Nil, err
	}
	if !hmac.Equal(bound, hash) {
		return uuid.Nil, ErrKeyReused
	}
	return earlier, nil
}

// requestHash tells requests apart. It is keyed, so that who reads the database can't guess small inputs.
func (s *Store) requestHash(ctx context.Context, environmentID int64, n NewRun) ([]byte, error) {
	k, err := s.keys.sealing(ctx, PurposeRecordHash, environmentID)
	if err != nil {
		return nil, fmt.Errorf("key of the request hashes of environment %d: %w", environmentID, err)
	}
	// The data key is an AES key; two blocks under it are the MAC's.
	var key [32]byte
	copy(key[:16], "request key no 1")
	copy(key[16:], "request key no 2")
	k.block.Encrypt(key[:16], key[:16])
	k.block.Encrypt(key[16:], key[16:])
	m := hmac.New(sha256.New, key[:])
	var ids [24]byte
	for i, id := range []int64{n.IntegrationID, n.ConnectionID, n.FunctionID} {
		binary.BigEndian.PutUint64(ids[8*i:], uint64(id)) //nolint:gosec // bits, not a number
	}
	_, _ = m.Write(ids[:]) // never fails
	_, _ = m.Write(append([]byte(n.Lane), 0))
	_, _ = m.Write(n.Input)
	return m.Sum(nil), nil
}

// PruneRunKeys forgets idempotency keys whose time is over, up to limit, and says how many it forgot.
func (s *Store) PruneRunKeys(ctx context.Context, limit int) (int64, error) {
	tag, err := s.pool.Exec(ctx, `delete from run_key where (environment_id, key) in
 (select environment_id, key from run_key where created_at < clock_timestamp() - make_interval(secs => $1) order by created_at limit $2)`, keepRunKeys.Seconds(), limit)
	if err != nil {
		return 0, fmt.Errorf("forget idempotency keys: %w", err)
	}
	return tag.RowsAffected(), nil
}
