package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

func credentialAAD(connectionID int64) AAD {
	return AAD{Column: "connection_credential.envelope", Row: connectionID}
}

// sealedConnection is what one envelope holds: the credentials, and the secret parts of the wire's connection_config, which are
// merged back on read.
type sealedConnection struct {
	Credentials causeway.Credentials `json:"credentials"`
	Config      map[string]any       `json:"config,omitempty"`
}

const connectionColumns = `c.id, c.environment_id, c.integration_id, i.unique_key, i.provider, c.connection_id, c.config, c.metadata, c.tags, coalesce(c.webhook_url_override, ''),
  c.created_at, c.updated_at, u.id, u.end_user_id, coalesce(u.email, ''), coalesce(u.display_name, ''), u.organization_id, coalesce(u.organization_name, ''), u.tags,
  (select coalesce(jsonb_agg(jsonb_build_object('type', p.type, 'log_id', p.operation_id) order by p.id), '[]') from problem p where p.environment_id = c.environment_id and p.connection_id = c.id)`

const connectionJoins = `join integration i on i.environment_id = c.environment_id and i.id = c.integration_id
  left join end_user u on u.environment_id = c.environment_id and u.id = c.end_user_id`

func scanConnection(row pgx.Row, more ...any) (*causeway.Connection, error) {
	var (
		c                            causeway.Connection
		userID                       *int64
		endUserID, organization      *string
		email, display, organisation string
		userTags                     map[string]string
	)
	into := append([]any{&c.ID, &c.EnvironmentID, &c.IntegrationID, &c.IntegrationKey, &c.Provider, &c.ConnectionID, &c.Config, &c.Metadata, &c.Tags, &c.WebhookURLOverride,
		&c.CreatedAt, &c.UpdatedAt, &userID, &endUserID, &email, &display, &organization, &organisation, &userTags, &c.Problems}, more...)
	if err := row.Scan(into...); err != nil {
		return nil, err
	}
	if userID != nil {
		c.EndUser = &causeway.EndUser{ID: *userID, EndUserID: *endUserID, Email: email, DisplayName: display, OrganizationID: *organization, OrganizationName: organisation, Tags: userTags}
	}
	return &c, nil
}

// Connection returns a live connection with its credentials opened, from the cache. The value is shared: nobody changes it.
func (s *Store) Connection(ctx context.Context, environmentID, integrationID int64, connectionID string) (*causeway.Connection, error) {
	c, err := s.caches.connections.get(ctx, connectionRef{environmentID, integrationID, connectionID}, func(ctx context.Context) (*causeway.Connection, error) {
		return s.loadConnection(ctx, environmentID, integrationID, connectionID)
	})
	if err != nil {
		return nil, err
	}
	s.marks.credentialsFetched(environmentID, c.ID)
	return c, nil
}

func (s *Store) loadConnection(ctx context.Context, environmentID, integrationID int64, connectionID string) (*causeway.Connection, error) {
	var (
		envelope  []byte
		version   *int64
		expiresAt *time.Time
		fetchedAt *time.Time
	)
	c, err := scanConnection(s.pool.QueryRow(ctx, `select `+connectionColumns+`, k.envelope, k.version, k.expires_at, k.last_fetched_at
  from connection c `+connectionJoins+` left join connection_credential k on k.environment_id = c.environment_id and k.connection_id = c.id
 where c.environment_id = $1 and c.integration_id = $2 and c.connection_id = $3 and c.deleted_at is null`, environmentID, integrationID, connectionID),
		&envelope, &version, &expiresAt, &fetchedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("connection %q: %w", connectionID, causeway.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load connection %q: %w", connectionID, err)
	}
	c.ExpiresAt, c.LastFetchedAt = expiresAt, fetchedAt
	if version != nil {
		c.CredentialsVersion = *version
	}
	return c, s.openCredentials(ctx, c, envelope)
}

func (s *Store) openCredentials(ctx context.Context, c *causeway.Connection, envelope []byte) error {
	if envelope == nil {
		c.Credentials = causeway.Credentials{}
		return nil
	}
	plain, err := s.keys.Open(ctx, c.EnvironmentID, credentialAAD(c.ID), envelope)
	if err != nil {
		return err
	}
	var sealed sealedConnection
	if err := json.Unmarshal(plain, &sealed); err != nil {
		return fmt.Errorf("the credentials of connection %d are damaged", c.ID) // the cause would show a part of them
	}
	c.Credentials = sealed.Credentials
	for k, v := range sealed.Config {
		c.Config[k] = v
	}
	return nil
}

// NewConnection is what a connection is made or overwritten with.
type NewConnection struct {
	IntegrationID      int64
	ConnectionID       string
	Config             map[string]any
	SecretConfig       map[string]any  // parts of the configuration that nobody may read in the database
	Metadata           json.RawMessage // nil: {} for a new one, kept for an old one if KeepMetadata
	KeepMetadata       bool
	Tags               map[string]string
	EndUser            *causeway.EndUser
	WebhookURLOverride string
	Credentials        causeway.Credentials
	ExpiresAt          *time.Time
}

// SaveConnection makes a connection, or overwrites a live one with the same id: credentials are replaced and the refresher's
// memory of failures is cleared. created tells which of the two it was.
func (s *Store) SaveConnection(ctx context.Context, environmentID int64, n NewConnection) (c *causeway.Connection, created bool, err error) {
	err = s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		userID, err := saveEndUser(ctx, tx, environmentID, n.EndUser)
		if err != nil {
			return nil, err
		}
		metadata := n.Metadata
		if metadata == nil {
			metadata = json.RawMessage(`{}`)
		}
		config := n.Config
		if config == nil {
			config = map[string]any{}
		}
		tags := n.Tags
		if tags == nil {
			tags = map[string]string{}
		}
		var id int64
		// The row comes first: the envelope is bound to its id.
		if err := tx.QueryRow(ctx, `
insert into connection as c (environment_id, integration_id, connection_id, end_user_id, config, metadata, tags, webhook_url_override)
values ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''))
on conflict (environment_id, integration_id, connection_id) where deleted_at is null do update
   set config = excluded.config, tags = excluded.tags, webhook_url_override = excluded.webhook_url_override, updated_at = clock_timestamp(),
       end_user_id = coalesce(excluded.end_user_id, c.end_user_id), metadata = case when $9 then c.metadata else excluded.metadata end
returning id, (xmax = 0)`, environmentID, n.IntegrationID, n.ConnectionID, userID, config, metadata, tags, n.WebhookURLOverride, n.KeepMetadata).Scan(&id, &created); err != nil {
			return nil, err
		}
		if err := s.saveCredentials(ctx, tx, environmentID, id, n); err != nil {
			return nil, err
		}
		if err := writeSearch(ctx, tx, environmentID, id); err != nil {
			return nil, err
		}
		_, err = tx.Exec(ctx, `delete from problem where environment_id = $1 and connection_id = $2 and type = 'auth'`, environmentID, id)
		return []string{connectionEvent(environmentID, n.IntegrationID, n.ConnectionID)}, err
	})
	if err != nil {
		return nil, false, fmt.Errorf("save connection %q: %w", n.ConnectionID, err)
	}
	c, err = s.loadConnection(ctx, environmentID, n.IntegrationID, n.ConnectionID)
	return c, created, err
}

func (s *Store) saveCredentials(ctx context.Context, tx pgx.Tx, environmentID, connectionID int64, n NewConnection) error {
	plain, err := json.Marshal(sealedConnection{n.Credentials, n.SecretConfig})
	if err != nil {
		return err
	}
	envelope, err := s.keys.Seal(ctx, PurposeControl, environmentID, credentialAAD(connectionID), plain)
	if err != nil {
		return err
	}
	key, err := envelopeKey(envelope)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
insert into connection_credential as k (environment_id, connection_id, type, envelope, data_key_id, expires_at) values ($1, $2, $3, $4, $5, $6)
on conflict (environment_id, connection_id) do update
   set type = excluded.type, envelope = excluded.envelope, data_key_id = excluded.data_key_id, version = k.version + 1, expires_at = excluded.expires_at,
       refreshed_at = null, failed_at = null, failed_days = 0, failed_on = null, exhausted = false`,
		environmentID, connectionID, string(n.Credentials.Type()), envelope, int32(key), n.ExpiresAt) //nolint:gosec // a serial number
	return err
}

func saveEndUser(ctx context.Context, tx pgx.Tx, environmentID int64, u *causeway.EndUser) (*int64, error) {
	if u == nil {
		return nil, nil
	}
	tags := u.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	var id int64
	err := tx.QueryRow(ctx, `
insert into end_user (environment_id, end_user_id, organization_id, email, display_name, organization_name, tags) values ($1, $2, $3, nullif($4, ''), nullif($5, ''), nullif($6, ''), $7)
on conflict (environment_id, end_user_id, organization_id) do update
   set email = excluded.email, display_name = excluded.display_name, organization_name = excluded.organization_name, tags = excluded.tags, updated_at = clock_timestamp()
returning id`, environmentID, u.EndUserID, u.OrganizationID, u.Email, u.DisplayName, u.OrganizationName, tags).Scan(&id)
	return &id, err
}

// writeSearch stores what a search for connections looks at: the ids, names and addresses of the connection and its user, and its tags.
// It is lower-cased here: the database's sort order is C, which knows no letters beyond ASCII.
func writeSearch(ctx context.Context, tx pgx.Tx, environmentID, connectionID int64) error {
	var text string
	if err := tx.QueryRow(ctx, `
select concat_ws(' ', c.connection_id,
   (select concat_ws(' ', u.end_user_id, u.email, u.display_name) from end_user u where u.environment_id = c.environment_id and u.id = c.end_user_id),
   (select string_agg(t.value, ' ' order by t.key) from jsonb_each_text(c.tags) t))
  from connection c where c.environment_id = $1 and c.id = $2`, environmentID, connectionID).Scan(&text); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `update connection set search = $3 where environment_id = $1 and id = $2`, environmentID, connectionID, strings.ToLower(text))
	return err
}

// ConnectionFilter says which connections are listed. Empty fields don't filter.
type ConnectionFilter struct {
	ConnectionID    string
	Search          string
	EndUserID       string
	OrganizationID  string
	IntegrationKeys []string
	Tags            map[string]string
	Limit, Page     int
}

// Connections lists live connections without credentials, newest first.
func (s *Store) Connections(ctx context.Context, environmentID int64, f ConnectionFilter) ([]*causeway.Connection, error) {
	if f.Tags == nil {
		f.Tags = map[string]string{}
	}
	rows, err := s.pool.Query(ctx, `select `+connectionColumns+` from connection c `+connectionJoins+`
 where c.environment_id = $1 and c.deleted_at is null and ($2 = '' or c.connection_id = $2) and ($3 = '' or position($3 in c.search) > 0)
   and ($4 = '' or u.end_user_id = $4) and ($5 = '' or u.organization_id = $5) and ($6::text[] is null or i.unique_key = any($6)) and c.tags @> $7
 order by c.created_at desc, c.id desc limit $8 offset $9`,
		environmentID, f.ConnectionID, strings.ToLower(f.Search), f.EndUserID, f.OrganizationID, f.IntegrationKeys, f.Tags, f.Limit, f.Limit*f.Page)
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*causeway.Connection, error) { return scanConnection(row) })
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	return all, nil
}

// ConnectionChange is what a PATCH changes; nil leaves a part as it is.
type ConnectionChange struct {
	EndUser            *causeway.EndUser
	Tags               map[string]string
	WebhookURLOverride *string
}

// UpdateConnection changes parts of a live connection.
func (s *Store) UpdateConnection(ctx context.Context, environmentID, integrationID int64, connectionID string, change ConnectionChange) error {
	err := s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		userID, err := saveEndUser(ctx, tx, environmentID, change.EndUser)
		if err != nil {
			return nil, err
		}
		var id int64
		if err := tx.QueryRow(ctx, `
update connection set end_user_id = coalesce($4, end_user_id), tags = coalesce($5, tags), updated_at = clock_timestamp(),
       webhook_url_override = case when $6::text is null then webhook_url_override else nullif($6, '') end
 where environment_id = $1 and integration_id = $2 and connection_id = $3 and deleted_at is null returning id`,
			environmentID, integrationID, connectionID, userID, change.Tags, change.WebhookURLOverride).Scan(&id); err != nil {
			return nil, err
		}
		return []string{connectionEvent(environmentID, integrationID, connectionID)}, writeSearch(ctx, tx, environmentID, id)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("connection %q: %w", connectionID, causeway.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("update connection %q: %w", connectionID, err)
	}
	return nil
}

// DeleteConnection soft-deletes a connection; its credentials stop working at once. It returns the row's id.
func (s *Store) DeleteConnection(ctx context.Context, environmentID, integrationID int64, connectionID string) (int64, error) {
	var id int64
	err := s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		return []string{connectionEvent(environmentID, integrationID, connectionID)}, tx.QueryRow(ctx, `
update connection set deleted_at = clock_timestamp(), updated_at = clock_timestamp()
 where environment_id = $1 and integration_id = $2 and connection_id = $3 and deleted_at is null returning id`, environmentID, integrationID, connectionID).Scan(&id)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("connection %q: %w", connectionID, causeway.ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("delete connection %q: %w", connectionID, err)
	}
	return id, nil
}

// ErrBadMetadata refuses metadata that Postgres can't store as JSON.
var ErrBadMetadata = &causeway.Error{Code: "invalid_body", Status: http.StatusBadRequest, Message: "metadata: must not contain NUL or half of a surrogate pair"}

// WriteMetadata replaces the metadata of connections, or merges its top-level keys into them, all or none. A connection that
// isn't there is named by the error.
func (s *Store) WriteMetadata(ctx context.Context, environmentID, integrationID int64, connectionIDs []string, metadata json.RawMessage, merge bool) error {
	return s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		return writeMetadata(ctx, tx, environmentID, integrationID, connectionIDs, metadata, merge)
	})
}

// WriteRunMetadata does it for the script of a run, to the run's own connection. ErrStale: the run isn't the caller's any more.
func (s *Store) WriteRunMetadata(ctx context.Context, run causeway.Run, metadata json.RawMessage, merge bool) error {
	return s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		if err := holds(ctx, tx, run.EnvironmentID, run.RunID, run.Fence); err != nil {
			return nil, err
		}
		return writeMetadata(ctx, tx, run.EnvironmentID, run.IntegrationID, []string{run.ConnectionKey}, metadata, merge)
	})
}

func writeMetadata(ctx context.Context, tx pgx.Tx, environmentID, integrationID int64, connectionIDs []string, metadata json.RawMessage, merge bool) ([]string, error) {
	events := make([]string, 0, len(connectionIDs))
	for _, id := range connectionIDs {
		tag, err := tx.Exec(ctx, `update connection set metadata = case when $5 then metadata || $4 else $4 end, updated_at = clock_timestamp()
 where environment_id = $1 and integration_id = $2 and connection_id = $3 and deleted_at is null`, environmentID, integrationID, id, metadata, merge)
		if isCode(err, untranslatableCharacter) || isCode(err, invalidText) {
			return nil, ErrBadMetadata // the cause would show a part of it
		}
		if err != nil {
			return nil, fmt.Errorf("write the metadata of connection %q: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return nil, fmt.Errorf("connection %q: %w", id, causeway.ErrNotFound)
		}
		events = append(events, connectionEvent(environmentID, integrationID, id))
	}
	if len(events) > maxEvents {
		return []string{environmentEvent(environmentID)}, nil
	}
	return events, nil
}

// maxEvents is from when on it is better to forget all of an environment.
const maxEvents = 100
