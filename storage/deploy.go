package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// LoweringVersion is part of the key of a lowered bundle. It goes up when the lowering changes, so that old bundles are lowered anew.
const LoweringVersion = 1

// LoweredKey is where the lowered text of a bundle lies, and its source map beside it.
func LoweredKey(bundleKey string) (lowered, sourceMap string) {
	lowered = fmt.Sprintf("%s.%d.js", bundleKey, LoweringVersion)
	return lowered, fmt.Sprintf("%s.%d.map", bundleKey, LoweringVersion)
}

// DeployState is where a deploy is.
type DeployState string

// The states of a deploy.
const (
	DeployCompiling DeployState = "compiling"
	DeployApplied   DeployState = "applied"
	DeployFailed    DeployState = "failed"
)

// DeployFunction is one function of a deploy, without its code, which lies in the blob store.
type DeployFunction struct {
	Kind           causeway.FunctionKind       `json:"kind"`
	Name           string                      `json:"name"`
	Event          string                      `json:"event,omitempty"`
	IntegrationKey string                      `json:"integration"`
	BundleKey      string                      `json:"bundle_key"`
	SourceKey      string                      `json:"source_key"`
	Version        string                      `json:"version,omitempty"` // given by the customer; empty: counted
	Runs           string                      `json:"runs,omitempty"`
	FrequencyS     int                         `json:"frequency_s,omitempty"`
	AutoStart      bool                        `json:"auto_start,omitempty"`
	Subscriptions  []string                    `json:"subscriptions,omitempty"`
	Definition     causeway.FunctionDefinition `json:"definition"`
	JSONSchema     json.RawMessage             `json:"json_schema,omitempty"`
}

// DeployRequest is what is deployed. What the scope holds beside Functions is removed when Reconcile is set.
type DeployRequest struct {
	Mode       string           `json:"mode"` // all, integration or single
	Source     string           `json:"source"`
	SDKVersion string           `json:"sdk_version,omitempty"`
	Reconcile  bool             `json:"reconcile"`
	Functions  []DeployFunction `json:"functions"`
}

// DeployedFunction is one line of a deploy's result.
type DeployedFunction struct {
	Name              string                `json:"name"`
	Version           string                `json:"version"`
	Models            []string              `json:"models"`
	ProviderConfigKey string                `json:"providerConfigKey"`
	Type              causeway.FunctionKind `json:"type"`
}

// Errors of deploys.
var (
	ErrConcurrentDeploy   = &causeway.Error{Code: "concurrent_deployment", Status: http.StatusConflict, Message: "another deploy of this environment is being applied", Legacy: true}
	ErrUnknownIntegration = &causeway.Error{Code: "unknown_provider_config", Status: http.StatusBadRequest, Legacy: true}
)

// DeployFailure is the part of an error that ends a deploy; nil: the error is of the platform, and the deploy may be tried again.
func DeployFailure(err error) *causeway.Error {
	e, ok := errors.AsType[*causeway.Error](err)
	if !ok {
		return nil
	}
	return e
}

// CreateDeploy writes a deploy whose bundles are to be compiled.
func (s *Store) CreateDeploy(ctx context.Context, environmentID int64, r DeployRequest, actor map[string]any, operationID string) (uuid.UUID, error) {
	uid, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, err
	}
	_, err = s.pool.Exec(ctx, `insert into deploy (environment_id, uid, mode, source, sdk_version, state, actor, operation_id, request) values ($1, $2, $3, $4, $5, 'compiling', $6, $7, $8)`,
		environmentID, uid, r.Mode, r.Source, r.SDKVersion, actor, operationID, r)
	if err != nil {
		return uuid.Nil, fmt.Errorf("write a deploy of environment %d: %w", environmentID, err)
	}
	return uid, nil
}

// Deploy is the outcome of a deploy, as far as there is one.
type Deploy struct {
	State        DeployState
	Output       []DeployedFunction
	ErrorCode    string
	ErrorMessage string
}

// Deploy reads a deploy.
func (s *Store) Deploy(ctx context.Context, environmentID int64, uid uuid.UUID) (*Deploy, error) {
	var d Deploy
	err := s.pool.QueryRow(ctx, `select state, output, coalesce(error_code, ''), coalesce(error_message, '') from deploy where environment_id = $1 and uid = $2`, environmentID, uid).
		Scan(&d.State, &d.Output, &d.ErrorCode, &d.ErrorMessage)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("deploy %s: %w", uid, causeway.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load deploy %s: %w", uid, err)
	}
	return &d, nil
}

// Bundle is one bundle of a deploy: where its text lies, and where the lowered one and its map belong.
type Bundle struct {
	Name, Key, LoweredKey, MapKey string
}

// PendingDeploy is a deploy with its bundles.
type PendingDeploy struct {
	State   DeployState
	Bundles []Bundle
}

// PendingDeploy reads what a deploy has to compile.
func (s *Store) PendingDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) (*PendingDeploy, error) {
	var (
		p PendingDeploy
		r DeployRequest
	)
	if err := s.pool.QueryRow(ctx, `select state, request from deploy where environment_id = $1 and uid = $2`, environmentID, uid).Scan(&p.State, &r); err != nil {
		return nil, fmt.Errorf("load deploy %s: %w", uid, err)
	}
	for _, f := range r.Functions {
		b := Bundle{Name: f.IntegrationKey + "/" + f.Name, Key: f.BundleKey}
		b.LoweredKey, b.MapKey = LoweredKey(f.BundleKey)
		p.Bundles = append(p.Bundles, b)
	}
	return &p, nil
}

// FailDeploy ends a deploy that could not be applied. What was active stays active.
func (s *Store) FailDeploy(ctx context.Context, environmentID int64, uid uuid.UUID, code, message string) error {
	_, err := s.pool.Exec(ctx, `update deploy set state = 'failed', error_code = $3, error_message = $4, finished_at = clock_timestamp()
 where environment_id = $1 and uid = $2 and state = 'compiling'`, environmentID, uid, code, message)
	if err != nil {
		return fmt.Errorf("fail deploy %s: %w", uid, err)
	}
	return nil
}

// FinishDeploy says that the syncs of existing connections are in step.
func (s *Store) FinishDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) error {
	_, err := s.pool.Exec(ctx, `update deploy set reconciled_at = clock_timestamp(), finished_at = coalesce(finished_at, clock_timestamp()) where environment_id = $1 and uid = $2`, environmentID, uid)
	if err != nil {
		return fmt.Errorf("finish deploy %s: %w", uid, err)
	}
	return nil
}

// ApplyDeploy makes the versions of a deploy the active ones, in one transaction, and returns the ids of the functions that it removed.
// One deploy of an environment is applied at a time.
func (s *Store) ApplyDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) (removed []int64, err error) {
	err = s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		var mine bool // in a statement of its own: what is read after it is younger than the lock
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock(hashtextextended('deploy:' || $1::bigint, 0))`, environmentID).Scan(&mine); err != nil {
			return nil, err
		}
		if !mine {
			return nil, ErrConcurrentDeploy
		}
		a := &applying{tx: tx, environmentID: environmentID}
		if err := tx.QueryRow(ctx, `select id, request from deploy where environment_id = $1 and uid = $2 and state = 'compiling' for no key update`, environmentID, uid).Scan(&a.deployID, &a.request); err != nil {
			return nil, err
		}
		if err := a.read(ctx); err != nil {
			return nil, err
		}
		for _, f := range a.request.Functions {
			if err := a.apply(ctx, f); err != nil {
				return nil, fmt.Errorf("%s %s: %w", f.Kind, f.Name, err)
			}
		}
		if removed, err = a.remove(ctx); err != nil {
			return nil, err
		}
		if a.output == nil {
			a.output = []DeployedFunction{}
		}
		_, err := tx.Exec(ctx, `update deploy set state = 'applied', output = $3, finished_at = clock_timestamp() where environment_id = $1 and id = $2`, environmentID, a.deployID, a.output)
		return []string{functionsEvent(environmentID)}, err
	})
	if err != nil {
		return nil, fmt.Errorf("apply deploy %s: %w", uid, err)
	}
	return removed, nil
}

// applying is the state of one deploy that is being applied.
type applying struct {
	tx                      pgx.Tx
	environmentID, deployID int64
	request                 DeployRequest
	integrations            map[string]int64
	current                 map[functionKey]*currentFunction
	output                  []DeployedFunction
}

type functionKey struct {
	integrationKey string
	kind           causeway.FunctionKind
	name, event    string
}

func (f DeployFunction) key() functionKey {
	return functionKey{f.IntegrationKey, f.Kind, f.Name, f.Event}
}

// compare orders keys by integration, kind, name and event.
func (k functionKey) compare(o functionKey) int {
	return cmp.Or(cmp.Compare(k.integrationKey, o.integrationKey), cmp.Compare(k.kind, o.kind), cmp.Compare(k.name, o.name), cmp.Compare(k.event, o.event))
}

// currentFunction is a live function and its active version.
type currentFunction struct {
	id, versionID        int64
	source               string
	version              string
	bundleKey, sourceKey string
	definition, schema   []byte
	frequencyS           int
	models               []string
	kept                 bool
}

func (a *applying) read(ctx context.Context) (err error) {
	a.integrations, err = liveIntegrations(ctx, a.tx, a.environmentID)
	if err != nil {
		return err
	}
	a.current, err = liveFunctions(ctx, a.tx, a.environmentID)
	return err
}

type rowsQuerier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func liveIntegrations(ctx context.Context, q rowsQuerier, environmentID int64) (map[string]int64, error) {
	rows, err := q.Query(ctx, `select unique_key, id from integration where environment_id = $1 and deleted_at is null`, environmentID)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	var (
		key string
		id  int64
	)
	_, err = pgx.ForEachRow(rows, []any{&key, &id}, func() error { out[key] = id; return nil })
	return out, err
}

func liveFunctions(ctx context.Context, q rowsQuerier, environmentID int64) (map[functionKey]*currentFunction, error) {
	rows, err := q.Query(ctx, `select i.unique_key, f.kind, f.name, f.event, f.id, f.source, coalesce(f.frequency_s, 0), coalesce(v.id, 0), coalesce(v.version, ''), coalesce(v.bundle_key, ''), coalesce(v.source_key, ''),
       coalesce(v.definition, '{}')::text, coalesce(v.json_schema, 'null')::text, coalesce(array(select jsonb_array_elements_text(v.definition->'models')), '{}')
  from function f join integration i on i.environment_id = f.environment_id and i.id = f.integration_id
  left join function_version v on v.environment_id = f.environment_id and v.id = f.active_version_id
 where f.environment_id = $1 and f.deleted_at is null and i.deleted_at is null`, environmentID)
	if err != nil {
		return nil, err
	}
	out := map[functionKey]*currentFunction{}
	for rows.Next() {
		var (
			k                  functionKey
			c                  currentFunction
			definition, schema string
		)
		if err := rows.Scan(&k.integrationKey, &k.kind, &k.name, &k.event, &c.id, &c.source, &c.frequencyS, &c.versionID, &c.version, &c.bundleKey, &c.sourceKey, &definition, &schema, &c.models); err != nil {
			return nil, err
		}
		c.definition, c.schema = []byte(definition), []byte(schema)
		out[k] = &c
	}
	return out, rows.Err()
}

// apply makes one function's version the active one. A disabled function stays disabled.
func (a *applying) apply(ctx context.Context, f DeployFunction) error {
	integrationID, ok := a.integrations[f.IntegrationKey]
	if !ok {
		return unknownIntegration(f.IntegrationKey)
	}
	old := a.current[f.key()]
	if old != nil {
		old.kept = true
	}
	id, err := a.upsert(ctx, integrationID, f)
	if err != nil {
		return err
	}
	versionID, version, change := int64(0), nextVersion(f, old), "created"
	switch {
	case old != nil && !changedFunction(f, old, version):
		versionID, change = old.versionID, "unchanged"
	case old != nil:
		change = "updated"
	}
	if versionID == 0 {
		if err := a.tx.QueryRow(ctx, `insert into function_version (environment_id, function_id, version, bundle_key, source_key, definition, json_schema, sdk_version, deploy_id)
 values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id`, a.environmentID, id, version, f.BundleKey, f.SourceKey, f.Definition, jsonOrNull(f.JSONSchema), a.request.SDKVersion, a.deployID).Scan(&versionID); err != nil {
			return err
		}
	}
	// Syncs move to the grid of a new frequency in batches, after the commit (EnsureSyncsAfter).
	if _, err := a.tx.Exec(ctx, `update function set active_version_id = $3, last_deployed_at = clock_timestamp() where environment_id = $1 and id = $2`, a.environmentID, id, versionID); err != nil {
		return err
	}
	var from *int64
	if old != nil && old.versionID != 0 {
		from = &old.versionID
	}
	if _, err := a.tx.Exec(ctx, `insert into deploy_item (environment_id, deploy_id, function_id, change, from_version_id, to_version_id) values ($1, $2, $3, $4, $5, $6)
 on conflict (environment_id, deploy_id, function_id) do nothing`, a.environmentID, a.deployID, id, change, from, versionID); err != nil {
		return err
	}
	models := f.Definition.Models
	if models == nil {
		models = []string{}
	}
	a.output = append(a.output, DeployedFunction{f.Name, version, models, f.IntegrationKey, f.Kind})
	return nil
}

func (a *applying) upsert(ctx context.Context, integrationID int64, f DeployFunction) (id int64, err error) {
	var frequency *int
	if f.FrequencyS > 0 {
		frequency = &f.FrequencyS
	}
	err = a.tx.QueryRow(ctx, `
insert into function as f (environment_id, integration_id, kind, name, event, source, runs, frequency_s, auto_start, subscriptions)
values ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8, $9, $10)
on conflict (environment_id, integration_id, kind, name, event) where deleted_at is null do update
   set source = excluded.source, runs = excluded.runs, frequency_s = excluded.frequency_s, auto_start = excluded.auto_start, subscriptions = excluded.subscriptions
returning id`, a.environmentID, integrationID, f.Kind, f.Name, f.Event, a.request.Source, f.Runs, frequency, f.AutoStart, orEmpty(f.Subscriptions)).Scan(&id)
	return id, err
}

// remove soft-deletes what the scope of the deploy holds and the deploy doesn't. Functions of the catalog stay, and an empty deploy removes
// nothing.
func (a *applying) remove(ctx context.Context) (removed []int64, err error) {
	for _, k := range slices.SortedFunc(maps.Keys(a.current), functionKey.compare) {
		c := a.current[k]
		if c.kept || !a.request.removes(k, c) {
			continue
		}
		if _, err := a.tx.Exec(ctx, `update function set deleted_at = clock_timestamp() where environment_id = $1 and id = $2`, a.environmentID, c.id); err != nil {
			return nil, err
		}
		if _, err := a.tx.Exec(ctx, `insert into deploy_item (environment_id, deploy_id, function_id, change, from_version_id) values ($1, $2, $3, 'deleted', nullif($4, 0))`, a.environmentID, a.deployID, c.id, c.versionID); err != nil {
			return nil, err
		}
		removed = append(removed, c.id)
	}
	return removed, nil
}

// removes says whether a function that the request doesn't name lies in its scope.
func (r DeployRequest) removes(k functionKey, c *currentFunction) bool {
	if !r.Reconcile || len(r.Functions) == 0 || c.source != "repo" {
		return false
	}
	switch r.Mode {
	case "single":
		return false
	case "integration":
		return k.integrationKey == r.Functions[0].IntegrationKey
	default:
		return true
	}
}

// DeployAge is how old an unfinished deploy may get before it is rung again.
const DeployAge = time.Minute
