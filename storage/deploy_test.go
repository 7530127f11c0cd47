package storage_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// deploys is an environment that is deployed to. It has the sync "items" and the action "act", both version 1, and a neighbour with the
// same names.
type deploys struct {
	t          *testing.T
	store      *storage.Store
	pool       *pgxpool.Pool
	env, other storagetest.Environment
}

func newDeploys(t *testing.T) *deploys {
	t.Helper()
	url := storagetest.URL(t)
	d := &deploys{t: t, store: storagetest.Open(t, url), pool: storagetest.Pool(t, url)}
	d.env, d.other = storagetest.Seed(t, d.pool, "one"), storagetest.Seed(t, d.pool, "two")
	return d
}

func syncNamed(name, code string) storage.DeployFunction {
	return storage.DeployFunction{
		Kind: causeway.KindSync, Name: name, IntegrationKey: "demo", BundleKey: "code/" + code, SourceKey: "code/ts-" + code, Runs: "every hour", FrequencyS: 3600, AutoStart: true,
		Definition: causeway.FunctionDefinition{Models: []string{"Item"}},
	}
}

func actionNamed(name, code string) storage.DeployFunction {
	return storage.DeployFunction{Kind: causeway.KindAction, Name: name, IntegrationKey: "demo", BundleKey: "code/" + code, SourceKey: "code/ts-" + code}
}

func eventNamed(name, event, code string) storage.DeployFunction {
	return storage.DeployFunction{Kind: causeway.KindOnEvent, Name: name, Event: event, IntegrationKey: "demo", BundleKey: "code/" + code, SourceKey: "code/ts-" + code}
}

func requestOf(functions ...storage.DeployFunction) storage.DeployRequest {
	return storage.DeployRequest{Mode: "all", Source: "repo", SDKVersion: "1.2.3-zero", Reconcile: true, Functions: functions}
}

func (d *deploys) write(r storage.DeployRequest) uuid.UUID {
	d.t.Helper()
	uid, err := d.store.CreateDeploy(d.t.Context(), d.env.ID, r, map[string]any{"type": "api_key"}, "op")
	require.NoError(d.t, err)
	return uid
}

// apply deploys, and returns "name@version" of each function and the names of those that were removed.
func (d *deploys) apply(r storage.DeployRequest) (versions string, removed int) {
	d.t.Helper()
	uid := d.write(r)
	gone, err := d.store.ApplyDeploy(d.t.Context(), d.env.ID, uid)
	require.NoError(d.t, err)
	done, err := d.store.Deploy(d.t.Context(), d.env.ID, uid)
	require.NoError(d.t, err)
	require.Equal(d.t, storage.DeployApplied, done.State)
	var out []string
	for _, f := range done.Output {
		out = append(out, f.Name+"@"+f.Version)
	}
	return strings.Join(out, " "), len(gone)
}

// live are the functions that are there, as "name@version", with "off" where one is disabled.
func (d *deploys) live() string {
	d.t.Helper()
	all, err := d.store.Functions(d.t.Context(), d.env.ID)
	require.NoError(d.t, err)
	var out []string
	for _, f := range all {
		name := f.Name + "@" + f.Version.Version
		if !f.Enabled {
			name += " off"
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

func (d *deploys) one(sql string, args ...any) (n int64) {
	d.t.Helper()
	require.NoError(d.t, d.pool.QueryRow(d.t.Context(), sql, args...).Scan(&n), sql)
	return n
}

func TestVersionsOfDeploys(t *testing.T) {
	d := newDeploys(t)
	with := func(f storage.DeployFunction, version string) storage.DeployFunction { f.Version = version; return f }
	for _, step := range []struct {
		name     string
		function storage.DeployFunction
		want     string
	}{
		{"changed code counts up", actionNamed("act", "b"), "act@2"},
		{"the same code keeps its version", actionNamed("act", "b"), "act@2"},
		{"a version that is given holds", with(actionNamed("act", "b"), "1.4.0"), "act@1.4.0"},
		{"and stays with the same code", actionNamed("act", "b"), "act@1.4.0"},
		{"changed code raises the patch", actionNamed("act", "c"), "act@1.4.1"},
		{"only the source changed", func() storage.DeployFunction { f := actionNamed("act", "c"); f.SourceKey = "code/other"; return f }(), "act@1.4.2"},
		{"a version that can't be counted", with(actionNamed("act", "d"), "beta"), "act@beta"},
		{"is counted anew", actionNamed("act", "e"), "act@1"},
		{"a new function is version 1", actionNamed("other", "x"), "other@1"},
		{"a new on-event function has another first version", eventNamed("hello", "validate-connection", "x"), "hello@0.0.1"},
		{"which is counted as well", eventNamed("hello", "validate-connection", "y"), "hello@0.0.2"},
	} {
		r := requestOf(step.function)
		r.Mode = "single"
		got, removed := d.apply(r)
		require.Equal(t, step.want, got, step.name)
		require.Zero(t, removed, step.name)
	}
	assert.EqualValues(t, 7, d.one(`select count(*) from function_version where environment_id = $1 and function_id = $2`, d.env.ID, d.env.ActionFunctionID), "the old ones stay, unchanged code makes none")
	assert.EqualValues(t, 1, d.one(`select count(*) from function_version where environment_id = $1 and function_id = $2`, d.other.ID, d.other.ActionFunctionID), "the neighbour has seen nothing")
}

func TestWhatADeployRemoves(t *testing.T) {
	second := func(f storage.DeployFunction) storage.DeployFunction { f.IntegrationKey = "second"; return f }
	for _, c := range []struct {
		name      string
		mode      string
		reconcile bool
		functions []storage.DeployFunction
		want      string
	}{
		{"all: what isn't there", "all", true, []storage.DeployFunction{actionNamed("act", "b")}, "act@2, standing@1"},
		{"integration: of the first function's only", "integration", true, []storage.DeployFunction{second(actionNamed("mine", "b"))}, "act@1, standing@1, items@1, mine@2"},
		{"single: nothing", "single", true, []storage.DeployFunction{actionNamed("act", "b")}, "act@2, standing@1, items@1, mine@1, theirs@1"},
		{"not asked to reconcile: nothing", "all", false, []storage.DeployFunction{actionNamed("act", "b")}, "act@2, standing@1, items@1, mine@1, theirs@1"},
		{"empty: nothing", "all", true, nil, "act@1, standing@1, items@1, mine@1, theirs@1"},
		{"renamed: another function", "all", true, []storage.DeployFunction{syncNamed("things", "b"), actionNamed("act", strings.Repeat("0", 64))}, "act@2, standing@1, things@1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDeploys(t)
			_, err := d.pool.Exec(t.Context(), `insert into integration (environment_id, unique_key, provider) values ($1, 'second', 'demo')`, d.env.ID)
			require.NoError(t, err)
			start := requestOf(second(actionNamed("mine", "a")), second(actionNamed("theirs", "a")))
			start.Mode = "single"
			d.apply(start)
			standing := requestOf(actionNamed("standing", "a"))
			standing.Mode, standing.Source = "single", "standalone"
			d.apply(standing) // not from the repository: a deploy of the repository lets it stay
			r := requestOf(c.functions...)
			r.Mode, r.Reconcile = c.mode, c.reconcile
			plan, err := d.store.PlanDeploy(t.Context(), d.env.ID, r)
			require.NoError(t, err)
			planned := len(plan.DeletedActions) + len(plan.DeletedSyncs) + len(plan.DeletedOnEventScripts)
			_, removed := d.apply(r)
			assert.Equal(t, c.want, d.live())
			if c.reconcile {
				assert.Equal(t, planned, removed, "the plan said so")
			}
		})
	}
}

func TestWhatADeployKeeps(t *testing.T) {
	d := newDeploys(t)
	ctx := t.Context()
	_, _, err := d.store.SetFunctionEnabled(ctx, d.env.ID, d.env.ActionFunctionID, false)
	require.NoError(t, err)
	_, err = d.store.EnsureSyncs(ctx, d.env.ID, d.env.ConnectionID)
	require.NoError(t, err)
	syncs, err := d.store.Syncs(ctx, d.env.ID, storage.SyncFilter{IntegrationID: d.env.IntegrationID})
	require.NoError(t, err)
	require.Len(t, syncs, 1)
	_, err = d.store.PauseSync(ctx, d.env.ID, syncs[0].ID)
	require.NoError(t, err)

	d.apply(requestOf(syncNamed("items", "b"), actionNamed("act", "b")))
	_, err = d.store.EnsureSyncsAfter(ctx, d.env.ID, 0, 500)
	require.NoError(t, err)
	assert.Equal(t, "act@2 off, items@2", d.live(), "a disabled function stays disabled")
	assert.EqualValues(t, 1, d.one(`select count(*) from sync where environment_id = $1 and id = $2 and paused_at is not null and deleted_at is null`, d.env.ID, syncs[0].ID), "a pause survives")

	// Removed and deployed again: a new function, which starts from nothing.
	gone, err := d.store.ApplyDeploy(ctx, d.env.ID, d.write(requestOf(actionNamed("act", "b"))))
	require.NoError(t, err)
	require.Equal(t, []int64{d.env.SyncFunctionID}, gone)
	_, err = d.store.DeleteSyncsOfFunctions(ctx, d.env.ID, gone)
	require.NoError(t, err)
	assert.Zero(t, d.one(`select count(*) from sync where environment_id = $1 and deleted_at is null`, d.env.ID))
	d.apply(requestOf(syncNamed("items", "b"), actionNamed("act", "b")))
	_, err = d.store.EnsureSyncsAfter(ctx, d.env.ID, 0, 500)
	require.NoError(t, err)
	assert.EqualValues(t, 1, d.one(`select count(*) from sync where environment_id = $1 and deleted_at is null and paused_at is null and function_id <> $2`, d.env.ID, d.env.SyncFunctionID))
}

func TestSyncsOfExistingConnectionsInBatches(t *testing.T) {
	d := newDeploys(t)
	ctx := t.Context()
	_, err := d.pool.Exec(ctx, `insert into connection (environment_id, integration_id, connection_id) select $1, $2, 'n' || i from generate_series(1, 6) i`, d.env.ID, d.env.IntegrationID)
	require.NoError(t, err)
	d.apply(requestOf(syncNamed("items", "b"), syncNamed("new", "b"), actionNamed("act", "b")))
	rounds := 0
	for after := int64(0); ; {
		next, err := d.store.EnsureSyncsAfter(ctx, d.env.ID, after, 3)
		require.NoError(t, err)
		rounds++
		if after = next; next == 0 {
			break
		}
	}
	assert.Equal(t, 3, rounds, "7 connections in threes")
	assert.EqualValues(t, 14, d.one(`select count(*) from sync where environment_id = $1 and deleted_at is null`, d.env.ID))
	_, err = d.store.EnsureSyncsAfter(ctx, d.env.ID, 0, 500)
	require.NoError(t, err)
	assert.EqualValues(t, 14, d.one(`select count(*) from sync where environment_id = $1`, d.env.ID), "a repeated batch makes none")
	assert.Zero(t, d.one(`select count(*) from sync where environment_id = $1`, d.other.ID))
}

func TestADeployIsAppliedWholeOrNotAtAll(t *testing.T) {
	d := newDeploys(t)
	ctx := t.Context()
	theirs := actionNamed("x", "b")
	theirs.IntegrationKey = "none"
	uid := d.write(requestOf(actionNamed("act", "b"), theirs))
	_, err := d.store.ApplyDeploy(ctx, d.env.ID, uid)
	e := storage.DeployFailure(err)
	require.NotNil(t, e, err)
	assert.Equal(t, "unknown_provider_config", e.Code)
	assert.Contains(t, e.Message, `"none"`)
	assert.Equal(t, "act@1, items@1", d.live())
	e = storage.DeployFailure(d.store.CheckDeploy(ctx, d.env.ID, requestOf(theirs)))
	require.NotNil(t, e)
	assert.Equal(t, "unknown_provider_config", e.Code)

	require.NoError(t, d.store.FailDeploy(ctx, d.env.ID, uid, e.Code, e.Message))
	done, err := d.store.Deploy(ctx, d.env.ID, uid)
	require.NoError(t, err)
	assert.Equal(t, storage.DeployFailed, done.State)
	assert.Equal(t, "unknown_provider_config", done.ErrorCode)
	_, err = d.store.Deploy(ctx, d.other.ID, uid)
	require.ErrorIs(t, err, causeway.ErrNotFound, "another environment's deploy")
	_, err = d.store.ApplyDeploy(ctx, d.env.ID, uid)
	require.Error(t, err, "what has failed is not applied later")
}

func TestOneDeployOfAnEnvironmentIsAppliedAtATime(t *testing.T) {
	d := newDeploys(t)
	ctx := t.Context()
	tx, err := d.pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }() // or the pool never closes
	_, err = tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('deploy:' || $1::bigint, 0))`, d.env.ID)
	require.NoError(t, err)
	uid := d.write(requestOf(actionNamed("act", "b")))
	_, err = d.store.ApplyDeploy(ctx, d.env.ID, uid)
	require.ErrorIs(t, err, storage.ErrConcurrentDeploy)
	otherUID, err := d.store.CreateDeploy(ctx, d.other.ID, requestOf(actionNamed("act", "b")), map[string]any{}, "op")
	require.NoError(t, err)
	_, err = d.store.ApplyDeploy(ctx, d.other.ID, otherUID)
	require.NoError(t, err, "another environment is not concerned")

	require.NoError(t, tx.Rollback(ctx))
	_, err = d.store.ApplyDeploy(ctx, d.env.ID, uid)
	require.NoError(t, err)
}

func TestAPlanChangesNothing(t *testing.T) {
	d := newDeploys(t)
	items := syncNamed("items", "b")
	items.Definition.Models = []string{"Thing"}
	nowhere := actionNamed("far", "b")
	nowhere.IntegrationKey = "none"
	plan, err := d.store.PlanDeploy(t.Context(), d.env.ID, requestOf(items, syncNamed("new", "b"), eventNamed("hello", "validate-connection", "b"), nowhere))
	require.NoError(t, err)
	assert.Equal(t, []storage.PlannedSync{{Name: "new", ProviderConfigKey: "demo", Connections: 1, AutoStart: true}}, plan.NewSyncs)
	assert.Equal(t, []storage.PlannedSync{{Name: "items", ProviderConfigKey: "demo", Connections: 1, AutoStart: true}}, plan.UpdatedSyncs)
	assert.Equal(t, []storage.PlannedAction{{Name: "far", ProviderConfigKey: "none"}}, plan.NewActions, "the deploy will refuse it")
	assert.Equal(t, []storage.PlannedAction{{Name: "act", ProviderConfigKey: "demo"}}, plan.DeletedActions)
	assert.Equal(t, []storage.PlannedEvent{{Name: "hello", ProviderConfigKey: "demo", Event: "validate-connection"}}, plan.NewOnEventScripts)
	assert.Equal(t, []string{"Item"}, plan.DeletedModels)
	assert.Empty(t, plan.DeletedSyncs)
	assert.NotNil(t, plan.DeletedSyncs)
	assert.Equal(t, "act@1, items@1", d.live())
}
