package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// hashSecret is how a bearer secret is looked up. A key has 122 random bits, so one unsalted SHA-256 is enough, and the look-up
// is one probe of an index on the whole hash: nothing is compared byte by byte.
func hashSecret(secret string) keyHash { return sha256.Sum256([]byte(secret)) }

type newKey struct {
	kind, name string
	scopes     []string
}

// insertKey makes a key and returns its secret, a UUID of version 4 as the wire wants it.
func (s *Store) insertKey(ctx context.Context, tx pgx.Tx, accountID, environmentID int64, k newKey) (string, error) {
	secret := uuid.NewString()
	var id int64
	if err := tx.QueryRow(ctx, `select nextval(pg_get_serial_sequence('api_key', 'id'))`).Scan(&id); err != nil {
		return "", err
	}
	sealed, err := s.keys.Seal(ctx, PurposeControl, environmentID, AAD{Column: "api_key.secret_enc", Row: id}, []byte(secret))
	if err != nil {
		return "", err
	}
	h := hashSecret(secret)
	_, err = tx.Exec(ctx, `insert into api_key (account_id, id, environment_id, kind, display_name, secret_hash, secret_hint, secret_enc, scopes)
 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, accountID, id, environmentID, k.kind, k.name, h[:], secret[:4], sealed, orEmpty(k.scopes))
	return secret, err
}

// ErrUnknownKey is returned for a secret that belongs to no live key.
var ErrUnknownKey = errors.New("no such key")

// APIKey finds the key of a secret, from the cache. ErrUnknownKey: there is none, or it has been revoked.
func (s *Store) APIKey(ctx context.Context, secret string) (*causeway.APIKey, error) {
	h := hashSecret(secret)
	if _, unknown := s.caches.unknownKeys.entries.Get(h); unknown && s.news.fresh() {
		return nil, ErrUnknownKey
	}
	key, err := s.caches.keys.get(ctx, h, func(ctx context.Context) (*causeway.APIKey, error) {
		var k causeway.APIKey
		err := s.pool.QueryRow(ctx, `select k.id, k.account_id, coalesce(k.environment_id, 0), k.display_name, k.scopes, k.created_at, k.expires_at
  from api_key k left join environment e on e.id = k.environment_id
 where k.secret_hash = $1 and k.deleted_at is null and k.kind in ('environment', 'account') and e.deleted_at is null`, h[:]).
			Scan(&k.ID, &k.AccountID, &k.EnvironmentID, &k.DisplayName, &k.Scopes, &k.CreatedAt, &k.ExpiresAt)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, ErrUnknownKey
		}
		if err != nil {
			return nil, fmt.Errorf("load an API key: %w", err)
		}
		return &k, nil
	})
	if errors.Is(err, ErrUnknownKey) {
		s.caches.unknownKeys.entries.Add(h, struct{}{})
	}
	if err != nil {
		return nil, err
	}
	if key.ExpiresAt != nil && key.ExpiresAt.Before(time.Now()) {
		return nil, ErrUnknownKey
	}
	s.marks.keyUsed(key.ID)
	return key, nil
}

// DefaultSecret is the secret of the environment's oldest live key with full access, for causeway dev.
func (s *Store) DefaultSecret(ctx context.Context, environmentID int64) (string, error) {
	var (
		id     int64
		sealed []byte
	)
	err := s.pool.QueryRow(ctx, `select id, secret_enc from api_key
 where environment_id = $1 and kind = 'environment' and deleted_at is null and secret_enc is not null and scopes @> '{environment:*}' order by id limit 1`, environmentID).Scan(&id, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("key of environment %d: %w", environmentID, causeway.ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("load the key of environment %d: %w", environmentID, err)
	}
	secret, err := s.keys.Open(ctx, environmentID, AAD{Column: "api_key.secret_enc", Row: id}, sealed)
	return string(secret), err
}

// CreateKey makes an API key of an environment and returns its secret, which is shown this once.
func (s *Store) CreateKey(ctx context.Context, environmentID int64, name string, scopes []string) (string, error) {
	var secret string
	err := s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		var accountID int64
		if err := tx.QueryRow(ctx, `select account_id from environment where id = $1 and deleted_at is null`, environmentID).Scan(&accountID); err != nil {
			return nil, err
		}
		var err error
		secret, err = s.insertKey(ctx, tx, accountID, environmentID, newKey{"environment", name, scopes})
		return []string{keyEvent(hashSecret(secret))}, err
	})
	if isCode(err, uniqueViolation) {
		return "", causeway.Errorf(409, "conflict", "a key named %q exists", name)
	}
	if err != nil {
		return "", fmt.Errorf("make a key of environment %d: %w", environmentID, err)
	}
	return secret, nil
}

// RevokeKey ends a key of an environment. All processes refuse it within milliseconds.
func (s *Store) RevokeKey(ctx context.Context, environmentID, id int64) error {
	err := s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		var h []byte
		err := tx.QueryRow(ctx, `update api_key set deleted_at = clock_timestamp() where environment_id = $1 and id = $2 and deleted_at is null returning secret_hash`, environmentID, id).Scan(&h)
		if err != nil {
			return nil, err
		}
		return []string{keyEvent(keyHash(h))}, nil
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("key %d: %w", id, causeway.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("revoke key %d of environment %d: %w", id, environmentID, err)
	}
	return nil
}

const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	undefinedTable      = "42P01"
	// What JSON may hold and jsonb can't.
	untranslatableCharacter = "22P05"
	invalidText             = "22P02"
)
