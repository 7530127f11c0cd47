package storage

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// EventFunctions are an integration's functions for an event of its connections that may run, the oldest first.
func (s *Store) EventFunctions(ctx context.Context, environmentID, integrationID int64, event string) ([]*causeway.Function, error) {
	rows, err := s.pool.Query(ctx, `select `+functionColumns+` from function f `+functionJoins+`
 where f.environment_id = $1 and f.integration_id = $2 and f.kind = $3 and f.event = $4 and f.enabled and f.deleted_at is null order by f.id`,
		environmentID, integrationID, causeway.KindOnEvent, event)
	if err != nil {
		return nil, fmt.Errorf("list the functions for %s: %w", event, err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*causeway.Function, error) { return scanFunction(row) })
	if err != nil {
		return nil, fmt.Errorf("list the functions for %s: %w", event, err)
	}
	return all, nil
}

// DropConnection takes back a connection that was just made: its rows are gone. One that something hangs on already is soft-deleted.
func (s *Store) DropConnection(ctx context.Context, c *causeway.Connection) error {
	err := s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		_, err := tx.Exec(ctx, `delete from connection where environment_id = $1 and id = $2`, c.EnvironmentID, c.ID)
		return []string{connectionEvent(c.EnvironmentID, c.IntegrationID, c.ConnectionID)}, err
	})
	if isCode(err, foreignKeyViolation) {
		_, err = s.DeleteConnection(ctx, c.EnvironmentID, c.IntegrationID, c.ConnectionID)
	}
	if err != nil {
		return fmt.Errorf("take back connection %d: %w", c.ID, err)
	}
	return nil
}

// FlagConnection shows a connection as failing to authenticate, by the operation that found it out, until new credentials come.
func (s *Store) FlagConnection(ctx context.Context, c *causeway.Connection, operationID, code, message string) error {
	err := s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		_, err := tx.Exec(ctx, `
insert into problem (environment_id, connection_id, type, operation_id, error_code, error_message) values ($1, $2, 'auth', $3, $4, $5)
on conflict (environment_id, connection_id) where type = 'auth' do update
   set operation_id = excluded.operation_id, error_code = excluded.error_code, error_message = excluded.error_message, created_at = clock_timestamp()`,
			c.EnvironmentID, c.ID, operationID, code, message)
		return []string{connectionEvent(c.EnvironmentID, c.IntegrationID, c.ConnectionID)}, err
	})
	if err != nil {
		return fmt.Errorf("flag connection %d: %w", c.ID, err)
	}
	return nil
}
