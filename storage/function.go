package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

const functionColumns = `f.id, f.environment_id, f.integration_id, i.unique_key, f.kind, f.name, f.event, f.source, f.enabled, coalesce(f.runs, ''), coalesce(f.frequency_s, 0), f.auto_start,
  f.subscriptions, f.last_deployed_at, v.id, v.version, v.bundle_key, v.source_key, v.definition, v.json_schema, coalesce(v.sdk_version, ''), v.created_at`

const functionJoins = `join integration i on i.environment_id = f.environment_id and i.id = f.integration_id
  join function_version v on v.environment_id = f.environment_id and v.id = f.active_version_id`

func scanFunction(row pgx.Row) (*causeway.Function, error) {
	var (
		f        causeway.Function
		seconds  int
		deployed *time.Time
	)
	v := &f.Version
	err := row.Scan(&f.ID, &f.EnvironmentID, &f.IntegrationID, &f.IntegrationKey, &f.Kind, &f.Name, &f.Event, &f.Source, &f.Enabled, &f.Runs, &seconds, &f.AutoStart,
		&f.Subscriptions, &deployed, &v.ID, &v.Version, &v.BundleKey, &v.SourceKey, &v.Definition, &v.JSONSchema, &v.SDKVersion, &v.CreatedAt)
	f.Frequency = time.Duration(seconds) * time.Second
	if deployed != nil {
		f.LastDeployedAt = *deployed
	}
	return &f, err
}

// Function returns a live function with its active version, from the cache. What decides whether it may run is read at the claim.
func (s *Store) Function(ctx context.Context, environmentID, integrationID int64, kind causeway.FunctionKind, name string) (*causeway.Function, error) {
	return s.caches.functions.get(ctx, functionRef{environmentID, integrationID, kind, name}, func(ctx context.Context) (*causeway.Function, error) {
		f, err := scanFunction(s.pool.QueryRow(ctx, `select `+functionColumns+` from function f `+functionJoins+`
 where f.environment_id = $1 and f.integration_id = $2 and f.kind = $3 and f.name = $4 and f.deleted_at is null`, environmentID, integrationID, kind, name))
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, fmt.Errorf("%s %q: %w", kind, name, causeway.ErrNotFound)
		}
		if err != nil {
			return nil, fmt.Errorf("load %s %q: %w", kind, name, err)
		}
		return f, nil
	})
}

// Functions lists the live functions of an environment by integration, kind and name.
func (s *Store) Functions(ctx context.Context, environmentID int64) ([]*causeway.Function, error) {
	rows, err := s.pool.Query(ctx, `select `+functionColumns+` from function f `+functionJoins+`
 where f.environment_id = $1 and f.deleted_at is null and i.deleted_at is null order by i.unique_key, f.kind, f.name, f.event`, environmentID)
	if err != nil {
		return nil, fmt.Errorf("list functions: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*causeway.Function, error) { return scanFunction(row) })
	if err != nil {
		return nil, fmt.Errorf("list functions: %w", err)
	}
	return all, nil
}

// FunctionVersion returns a version, which never changes, from the cache.
func (s *Store) FunctionVersion(ctx context.Context, environmentID, versionID int64) (*causeway.FunctionVersion, error) {
	return s.caches.versions.get(ctx, rowOf{environmentID, versionID}, func(ctx context.Context) (*causeway.FunctionVersion, error) {
		var v causeway.FunctionVersion
		err := s.pool.QueryRow(ctx, `select id, version, bundle_key, source_key, definition, json_schema, coalesce(sdk_version, ''), created_at
  from function_version where environment_id = $1 and id = $2`, environmentID, versionID).
			Scan(&v.ID, &v.Version, &v.BundleKey, &v.SourceKey, &v.Definition, &v.JSONSchema, &v.SDKVersion, &v.CreatedAt)
		if err != nil {
			return nil, fmt.Errorf("load version %d: %w", versionID, err)
		}
		return &v, nil
	})
}
