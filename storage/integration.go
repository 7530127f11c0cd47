package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// ErrDuplicateKey says that an integration with the key exists.
var ErrDuplicateKey = &causeway.Error{Code: "duplicate_provider_config", Status: http.StatusConflict, Message: "an integration with this key exists"}

const integrationColumns = `i.id, i.environment_id, i.unique_key, i.provider, coalesce(i.display_name, ''), i.forward_webhooks, i.scopes, i.config, i.secret_enc, i.created_at, i.updated_at`

func integrationAAD(id int64) AAD { return AAD{Column: "integration.secret_enc", Row: id} }

func (s *Store) scanIntegration(ctx context.Context, row pgx.Row) (*causeway.Integration, error) {
	var (
		i      causeway.Integration
		sealed []byte
	)
	if err := row.Scan(&i.ID, &i.EnvironmentID, &i.UniqueKey, &i.Provider, &i.DisplayName, &i.ForwardWebhooks, &i.Scopes, &i.Config, &sealed, &i.CreatedAt, &i.UpdatedAt); err != nil {
		return nil, err
	}
	if sealed != nil {
		plain, err := s.keys.Open(ctx, i.EnvironmentID, integrationAAD(i.ID), sealed)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(plain, &i.Secrets); err != nil {
			return nil, fmt.Errorf("the secrets of integration %d are damaged", i.ID) // the cause would show a part of them
		}
	}
	return &i, nil
}

// Integration returns a live integration by its key, from the cache, with its secrets opened.
func (s *Store) Integration(ctx context.Context, environmentID int64, uniqueKey string) (*causeway.Integration, error) {
	return s.caches.integrations.get(ctx, integrationRef{environmentID, uniqueKey}, func(ctx context.Context) (*causeway.Integration, error) {
		i, err := s.scanIntegration(ctx, s.pool.QueryRow(ctx, `select `+integrationColumns+` from integration i
 where i.environment_id = $1 and i.unique_key = $2 and i.deleted_at is null`, environmentID, uniqueKey))
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, fmt.Errorf("integration %q: %w", uniqueKey, causeway.ErrNotFound)
		}
		if err != nil {
			return nil, fmt.Errorf("load integration %q: %w", uniqueKey, err)
		}
		return i, nil
	})
}

// Integrations lists the live integrations of an environment by provider, then by age.
func (s *Store) Integrations(ctx context.Context, environmentID int64) ([]*causeway.Integration, error) {
	rows, err := s.pool.Query(ctx, `select `+integrationColumns+` from integration i
 where i.environment_id = $1 and i.deleted_at is null order by i.provider, i.created_at, i.id`, environmentID)
	if err != nil {
		return nil, fmt.Errorf("list integrations: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*causeway.Integration, error) { return s.scanIntegration(ctx, row) })
	if err != nil {
		return nil, fmt.Errorf("list integrations: %w", err)
	}
	return all, nil
}

// CreateIntegration stores a new integration and fills in its id and times. ErrDuplicateKey: the key is taken.
func (s *Store) CreateIntegration(ctx context.Context, i *causeway.Integration) error {
	err := s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		if err := tx.QueryRow(ctx, `select nextval(pg_get_serial_sequence('integration', 'id'))`).Scan(&i.ID); err != nil {
			return nil, err
		}
		sealed, err := s.sealIntegration(ctx, i)
		if err != nil {
			return nil, err
		}
		err = tx.QueryRow(ctx, `insert into integration (environment_id, id, unique_key, provider, display_name, forward_webhooks, scopes, config, secret_enc)
 values ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9) returning created_at, updated_at`,
			i.EnvironmentID, i.ID, i.UniqueKey, i.Provider, i.DisplayName, i.ForwardWebhooks, orEmpty(i.Scopes), orEmptyMap(i.Config), sealed).Scan(&i.CreatedAt, &i.UpdatedAt)
		return []string{integrationEvent(i.EnvironmentID, i.UniqueKey)}, err
	})
	if isCode(err, uniqueViolation) {
		return ErrDuplicateKey.WithCause(err)
	}
	if err != nil {
		return fmt.Errorf("create integration %q: %w", i.UniqueKey, err)
	}
	return nil
}

// ErrHasConnections refuses to rename an integration that has connections.
var ErrHasConnections = &causeway.Error{Code: "invalid_body", Status: http.StatusBadRequest, Message: "unique_key: an integration that has connections can't be renamed"}

// UpdateIntegration lets change edit the stored integration, and stores it.
func (s *Store) UpdateIntegration(ctx context.Context, environmentID int64, uniqueKey string, change func(*causeway.Integration) error) (*causeway.Integration, error) {
	var out *causeway.Integration
	err := s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		i, err := s.scanIntegration(ctx, tx.QueryRow(ctx, `select `+integrationColumns+` from integration i
 where i.environment_id = $1 and i.unique_key = $2 and i.deleted_at is null for no key update`, environmentID, uniqueKey))
		if err != nil {
			return nil, err
		}
		if err := change(i); err != nil {
			return nil, err
		}
		if i.UniqueKey != uniqueKey {
			var connected bool
			if err := tx.QueryRow(ctx, `select exists (select from connection where environment_id = $1 and integration_id = $2 and deleted_at is null)`, environmentID, i.ID).Scan(&connected); err != nil {
				return nil, err
			}
			if connected {
				return nil, ErrHasConnections
			}
		}
		sealed, err := s.sealIntegration(ctx, i)
		if err != nil {
			return nil, err
		}
		out = i
		return []string{integrationEvent(environmentID, uniqueKey), integrationEvent(environmentID, i.UniqueKey), environmentEvent(environmentID)},
			tx.QueryRow(ctx, `update integration set unique_key = $3, display_name = nullif($4, ''), forward_webhooks = $5, scopes = $6, config = $7, secret_enc = $8, updated_at = clock_timestamp()
 where environment_id = $1 and id = $2 returning updated_at`,
				environmentID, i.ID, i.UniqueKey, i.DisplayName, i.ForwardWebhooks, orEmpty(i.Scopes), orEmptyMap(i.Config), sealed).Scan(&i.UpdatedAt)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("integration %q: %w", uniqueKey, causeway.ErrNotFound)
	case isCode(err, uniqueViolation):
		return nil, ErrDuplicateKey.WithCause(err)
	case err != nil:
		return nil, fmt.Errorf("update integration %q: %w", uniqueKey, err)
	}
	return out, nil
}

// DeleteIntegration soft-deletes an integration with its connections. The ids of the connections come back: what hangs on
// them has to be stopped.
func (s *Store) DeleteIntegration(ctx context.Context, environmentID int64, uniqueKey string) (connectionIDs []int64, err error) {
	err = s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		var id int64
		if err := tx.QueryRow(ctx, `update integration set deleted_at = clock_timestamp(), updated_at = clock_timestamp()
 where environment_id = $1 and unique_key = $2 and deleted_at is null returning id`, environmentID, uniqueKey).Scan(&id); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `update function set deleted_at = clock_timestamp() where environment_id = $1 and integration_id = $2 and deleted_at is null`, environmentID, id); err != nil {
			return nil, err
		}
		rows, err := tx.Query(ctx, `update connection set deleted_at = clock_timestamp() where environment_id = $1 and integration_id = $2 and deleted_at is null returning id`, environmentID, id)
		if err != nil {
			return nil, err
		}
		connectionIDs, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return []string{environmentEvent(environmentID)}, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("integration %q: %w", uniqueKey, causeway.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("delete integration %q: %w", uniqueKey, err)
	}
	return connectionIDs, nil
}

func (s *Store) sealIntegration(ctx context.Context, i *causeway.Integration) ([]byte, error) {
	plain, err := json.Marshal(i.Secrets) //nolint:gosec // it is sealed below
	if err != nil {
		return nil, err
	}
	if string(plain) == "{}" {
		return nil, nil
	}
	return s.keys.Seal(ctx, PurposeControl, i.EnvironmentID, integrationAAD(i.ID), plain)
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func orEmptyMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
