package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// Checkpoint returns a checkpoint; the zero value if there is none. One that was cleared has a version and no value.
func (r *Records) Checkpoint(ctx context.Context, env, connectionID int64, key string) (causeway.Checkpoint, error) {
	var c causeway.Checkpoint
	err := r.pool.QueryRow(ctx, `select version, value from checkpoint where environment_id = $1 and connection_id = $2 and key = $3`, env, connectionID, key).Scan(&c.Version, &c.Value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return c, fmt.Errorf("read checkpoint %s of connection %d: %w", key, connectionID, err)
	}
	return c, nil
}

// SaveCheckpoint stores a value over the version that was read, 0 for none, and returns the new version. nil clears: a later
// save with the right version revives it. ErrCheckpointConflict: it isn't the stored version.
func (r *Records) SaveCheckpoint(ctx context.Context, env int64, run RecordRun, key string, version int, value json.RawMessage) (int, error) {
	var stored int
	err := r.pool.QueryRow(ctx, `
insert into checkpoint as c (environment_id, connection_id, key, version, value)
select $1, $2, $3, 1, $5 from (select from record_run where environment_id = $1 and run_id = $6 and fence = $7 for share) r
 where $4 = 0 or exists (select from checkpoint where environment_id = $1 and connection_id = $2 and key = $3)
on conflict (environment_id, connection_id, key) do update
 set version = c.version + 1, value = excluded.value, updated_at = clock_timestamp() where c.version = $4
returning version`, env, run.ConnectionID, key, version, value, run.RunID, run.Fence).Scan(&stored)
	if errors.Is(err, pgx.ErrNoRows) {
		if err = r.stillMine(ctx, env, run); err == nil {
			err = ErrCheckpointConflict
		}
	}
	if err != nil {
		return 0, fmt.Errorf("save checkpoint %s of connection %d: %w", key, run.ConnectionID, err)
	}
	return stored, nil
}

// DeleteCheckpoint forgets a script's checkpoint and its open delete tracking, outside of any run.
func (r *Records) DeleteCheckpoint(ctx context.Context, env, connectionID int64, key string) error {
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error { return forget(ctx, tx, env, connectionID, key) })
	if err != nil {
		return fmt.Errorf("delete checkpoint %s of connection %d: %w", key, connectionID, err)
	}
	return nil
}
