package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// maxVariants is how many syncs of one function a connection may have, the base included.
const maxVariants = 100

// Refusals of a variant.
var (
	ErrVariantExists = &causeway.Error{Code: "sync_variant_already_exists", Status: 400}
	ErrVariantCap    = &causeway.Error{Code: "resource_capped", Status: 400, Message: "a sync may have 100 variants on a connection, the base included"}
)

// CreateVariant makes a further sync of a function on a connection, with a schedule, checkpoints and records of its own. One that was
// deleted and is still kept comes back under its id. causeway.ErrNotFound: the connection has no such sync.
func (s *Store) CreateVariant(ctx context.Context, environmentID int64, base SyncRow, variant string) (v causeway.Sync, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockSync(ctx, tx, environmentID, base.ID); err != nil { // of two at once, the second counts the first's
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `select count(*) from sync where connection_id = $2 and function_id = $3 and deleted_at is null and environment_id = $1`,
			environmentID, base.ConnectionID, base.FunctionID).Scan(&n); err != nil {
			return err
		}
		v = causeway.Sync{EnvironmentID: environmentID, ConnectionID: base.ConnectionID, FunctionID: base.FunctionID, Name: base.Name, Variant: variant}
		err := tx.QueryRow(ctx, `
insert into sync as s (environment_id, connection_id, function_id, variant, starts_at, next_due_at)
values ($1, $2, $3, $4, clock_timestamp(), clock_timestamp())
on conflict (connection_id, function_id, variant, environment_id) do update
   set deleted_at = null, paused_at = null, starts_at = excluded.starts_at, next_due_at = excluded.next_due_at
 where s.deleted_at is not null
returning id, uid, starts_at, next_due_at`, environmentID, base.ConnectionID, base.FunctionID, variant).Scan(&v.ID, &v.UID, &v.StartsAt, &v.NextDueAt)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrVariantExists
		}
		if err == nil && n >= maxVariants {
			return ErrVariantCap
		}
		return err
	})
	if err != nil {
		return causeway.Sync{}, fmt.Errorf("make variant %s of sync %d: %w", variant, base.ID, err)
	}
	return v, nil
}

// DeleteSync ends one sync and asks for its living run to be stopped; nil: it has none.
func (s *Store) DeleteSync(ctx context.Context, environmentID, syncID int64) (stopped *Cancelling, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockSync(ctx, tx, environmentID, syncID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update sync set deleted_at = clock_timestamp() where environment_id = $1 and id = $2`, environmentID, syncID); err != nil {
			return err
		}
		stopped, err = cancelLiving(ctx, tx, environmentID, syncID, "deleted")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("delete sync %d: %w", syncID, err)
	}
	return stopped, nil
}
