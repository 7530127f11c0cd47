package storage

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Purpose is what a data key is for. Those of records belong to one environment each, so that destroying one key makes that
// environment's records unreadable.
type Purpose string

// The purposes of data keys.
const (
	PurposeControl    Purpose = "control"     // credentials, secrets, run inputs and outputs
	PurposeBlob       Purpose = "blob"        // what lies in the blob store
	PurposeRecord     Purpose = "record"      // record payloads, per environment
	PurposeRecordHash Purpose = "record_hash" // the key of record hashes, per environment; never rotated
)

const environmentKeys = 10_000 // keys of environments that are held in memory

// ParseKey reads an instance key: base64 of 32 bytes. The error says what is wrong, never what the key is.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	if text == "" {
		return nil, errors.New("encryption.key is not set: give it 32 random bytes in base64 (openssl rand -base64 32)")
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		key, err := encoding.DecodeString(text)
		if err != nil {
			continue
		}
		if len(key) != 32 {
			return nil, fmt.Errorf("encryption.key has %d bytes, it has to be base64 of exactly 32", len(key))
		}
		return key, nil
	}
	return nil, errors.New("encryption.key is not base64")
}

// Keyring holds the data keys, opened. They lie wrapped under the instance key in table data_key; envelopes name theirs.
type Keyring struct {
	pool *pgxpool.Pool
	kek  *dataKey
	id   [8]byte // of the instance key

	mu       sync.RWMutex
	instance map[uint32]*dataKey  // control and blob, all
	active   map[Purpose]*dataKey // of those, the one that seals
	mine     *lru.Cache[environmentPurpose, *dataKey]
	byID     *lru.Cache[uint32, environmentKey]
}

type environmentPurpose struct {
	environmentID int64
	purpose       Purpose
}

type environmentKey struct {
	environmentID int64
	key           *dataKey
}

// openKeyring checks the instance key against the database, or makes the database this key's if it is new.
func openKeyring(ctx context.Context, pool *pgxpool.Pool, key []byte) (*Keyring, error) {
	kek, err := newDataKey(0, key)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte("causeway kek id"))
	k := &Keyring{pool: pool, kek: kek, instance: map[uint32]*dataKey{}, active: map[Purpose]*dataKey{}}
	copy(k.id[:], mac.Sum(nil))
	if k.mine, err = lru.New[environmentPurpose, *dataKey](environmentKeys); err != nil {
		return nil, err
	}
	if k.byID, err = lru.New[uint32, environmentKey](environmentKeys); err != nil {
		return nil, err
	}
	if err := k.check(ctx); err != nil {
		return nil, err
	}
	for _, p := range []Purpose{PurposeControl, PurposeBlob} {
		if _, err := k.ensure(ctx, p, 0); err != nil {
			return nil, err
		}
	}
	return k, k.loadInstance(ctx)
}

const checkText = "causeway"

func (k *Keyring) check(ctx context.Context) error {
	value, err := k.kek.seal(0, AAD{Column: "instance.check_value"}, []byte(checkText))
	if err != nil {
		return err
	}
	if _, err := k.pool.Exec(ctx, `insert into instance (kek_id, check_value) values ($1, $2) on conflict do nothing`, k.id[:], value); err != nil {
		if isCode(err, undefinedTable) {
			return errors.New("the database has no tables yet: run causeway migrate up")
		}
		return fmt.Errorf("read the instance's key: %w", err)
	}
	var kekID []byte
	if err := k.pool.QueryRow(ctx, `select kek_id, check_value from instance`).Scan(&kekID, &value); err != nil {
		return fmt.Errorf("read the instance's key: %w", err)
	}
	if !bytes.Equal(kekID, k.id[:]) {
		return fmt.Errorf("this database was sealed with key %s, the configured key (encryption.key) is %s: configure the key it was sealed with", hex.EncodeToString(kekID), hex.EncodeToString(k.id[:]))
	}
	var foreign []byte
	err = k.pool.QueryRow(ctx, `select kek_id from data_key where state <> 'retired' and kek_id <> $1 limit 1`, k.id[:]).Scan(&foreign)
	if err == nil {
		return fmt.Errorf("a data key of this database is wrapped with key %s, the configured key (encryption.key) is %s", hex.EncodeToString(foreign), hex.EncodeToString(k.id[:]))
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("read the data keys: %w", err)
	}
	if plain, err := k.kek.open(0, AAD{Column: "instance.check_value"}, value); err != nil || string(plain) != checkText {
		return errors.New("the instance's check value does not open with the configured key (encryption.key): the database is damaged")
	}
	return nil
}

// ensure makes the active key of a purpose unless there is one, and returns its id.
func (k *Keyring) ensure(ctx context.Context, purpose Purpose, environmentID int64) (uint32, error) {
	var id uint32
	read := func() error {
		return k.pool.QueryRow(ctx, `select id from data_key where purpose = $1 and coalesce(environment_id, 0) = $2 and state = 'active'`, purpose, environmentID).Scan(&id)
	}
	if err := read(); err == nil || !errors.Is(err, pgx.ErrNoRows) {
		return id, err
	}
	if err := k.pool.QueryRow(ctx, `select nextval(pg_get_serial_sequence('data_key', 'id'))::int`).Scan(&id); err != nil {
		return 0, fmt.Errorf("make a data key: %w", err)
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	wrapped, err := k.kek.seal(environmentID, AAD{Column: "data_key.wrapped", Row: int64(id)}, key[:])
	if err != nil {
		return 0, err
	}
	if _, err := k.pool.Exec(ctx, `
insert into data_key (id, purpose, environment_id, state, wrapped, wrap_kind, kek_id)
values ($1, $2, nullif($3, 0), 'active', $4, 'instance', $5)
on conflict (purpose, coalesce(environment_id, 0)) where state = 'active' do nothing`, id, purpose, environmentID, wrapped, k.id[:]); err != nil {
		return 0, fmt.Errorf("make a data key: %w", err)
	}
	return id, read() // another process may have been faster
}

func (k *Keyring) loadInstance(ctx context.Context) error {
	rows, err := k.pool.Query(ctx, `select id, purpose, state, wrapped from data_key where environment_id is null and state <> 'retired'`)
	if err != nil {
		return fmt.Errorf("read the data keys: %w", err)
	}
	type row struct {
		ID      uint32
		Purpose Purpose
		State   string
		Wrapped []byte
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return fmt.Errorf("read the data keys: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range keys {
		key, err := k.unwrap(r.ID, 0, r.Wrapped)
		if err != nil {
			return err
		}
		k.instance[r.ID] = key
		if r.State == "active" {
			k.active[r.Purpose] = key
		}
	}
	return nil
}

func (k *Keyring) unwrap(id uint32, environmentID int64, wrapped []byte) (*dataKey, error) {
	plain, err := k.kek.open(environmentID, AAD{Column: "data_key.wrapped", Row: int64(id)}, wrapped)
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", id, err)
	}
	return newDataKey(id, plain)
}

// sealing is the key that seals for a purpose; one of an environment is made at its first use.
func (k *Keyring) sealing(ctx context.Context, purpose Purpose, environmentID int64) (*dataKey, error) {
	if purpose == PurposeControl || purpose == PurposeBlob {
		k.mu.RLock()
		defer k.mu.RUnlock()
		return k.active[purpose], nil
	}
	if key, ok := k.mine.Get(environmentPurpose{environmentID, purpose}); ok {
		return key, nil
	}
	id, err := k.ensure(ctx, purpose, environmentID)
	if err != nil {
		return nil, err
	}
	key, err := k.opening(ctx, environmentID, id)
	if err != nil {
		return nil, err
	}
	k.mine.Add(environmentPurpose{environmentID, purpose}, key)
	return key, nil
}

// opening is the key with an id. One of another environment is refused as if it weren't there.
func (k *Keyring) opening(ctx context.Context, environmentID int64, id uint32) (*dataKey, error) {
	k.mu.RLock()
	key := k.instance[id]
	k.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	if e, ok := k.byID.Get(id); ok && e.environmentID == environmentID {
		return e.key, nil
	}
	var (
		wrapped []byte
		owner   int64
	)
	err := k.pool.QueryRow(ctx, `select coalesce(environment_id, 0), wrapped from data_key
 where id = $1 and state <> 'retired' and (environment_id is null or environment_id = $2)`, id, environmentID).Scan(&owner, &wrapped)
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", id, err)
	}
	key, err = k.unwrap(id, owner, wrapped)
	if err != nil {
		return nil, err
	}
	if owner != 0 {
		k.byID.Add(id, environmentKey{owner, key})
		return key, nil
	}
	return key, k.loadInstance(ctx) // a rotation has made it
}

// Seal encrypts plain for its place.
func (k *Keyring) Seal(ctx context.Context, purpose Purpose, environmentID int64, aad AAD, plain []byte) ([]byte, error) {
	key, err := k.sealing(ctx, purpose, environmentID)
	if err != nil {
		return nil, err
	}
	return key.seal(environmentID, aad, plain)
}

// Open decrypts an envelope in its place.
func (k *Keyring) Open(ctx context.Context, environmentID int64, aad AAD, envelope []byte) ([]byte, error) {
	id, err := envelopeKey(envelope)
	if err != nil {
		return nil, err
	}
	key, err := k.opening(ctx, environmentID, id)
	if err != nil {
		return nil, err
	}
	return key.open(environmentID, aad, envelope)
}
