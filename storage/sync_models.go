package storage

import (
	"context"
	"fmt"
	"time"
)

// WritesModel says whether a sync of the connection still writes a model (without its variant): one of its models is that, and it was made
// or has run within the time, or runs.
func (s *Store) WritesModel(ctx context.Context, environmentID, connectionID int64, model string, within time.Duration) (bool, error) {
	var writes bool
	err := s.pool.QueryRow(ctx, `
select exists (
  select from sync s
    join function f on f.environment_id = s.environment_id and f.id = s.function_id
    join function_version v on v.environment_id = f.environment_id and v.id = f.active_version_id
   where s.environment_id = $1 and s.connection_id = $2 and s.deleted_at is null and f.deleted_at is null and v.definition->'models' ? $3
     and (greatest(s.created_at, s.last_started_at, s.last_finished_at) > clock_timestamp() - make_interval(secs => $4)
          or exists (select from run r where r.environment_id = s.environment_id and r.sync_id = s.id)))`,
		environmentID, connectionID, baseModel(model), within.Seconds()).Scan(&writes)
	if err != nil {
		return false, fmt.Errorf("look for syncs that write model %s of connection %d: %w", model, connectionID, err)
	}
	return writes, nil
}
