package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/api"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// marker is in everything that the other environment has. None of it may ever be seen from outside.
const marker = "TOP-SECRET-OF-THEIRS"

// attack is a request that aims at rows of another environment, by all the names that they have there.
type attack struct {
	path, body string
	harmless   bool // there is nothing to be seen or changed with it, not even by those whose rows they are
	endless    bool // it is answered for as long as one listens
}

// attacks say for each route how it could reach the rows of another environment. {operation} and {run} are ids of theirs. A route that
// isn't here is attacked by its path alone if it has no body, and fails the walk otherwise.
var attacks = map[string]attack{
	"GET /health":                                       {path: "/health", harmless: true},
	"GET /providers.json":                               {path: "/providers.json", harmless: true},
	"GET /providers":                                    {path: "/providers", harmless: true},
	"GET /providers/:provider":                          {path: "/providers/demo", harmless: true},
	"GET /integrations/:uniqueKey":                      {path: "/integrations/theirs?include=credentials&include=webhook"},
	"POST /integrations":                                {path: "/integrations", body: `{"provider":"unauthenticated","unique_key":"theirs2"}`},
	"PATCH /integrations/:uniqueKey":                    {path: "/integrations/theirs", body: `{"display_name":"mine now"}`},
	"POST /connections":                                 {path: "/connections", body: `{"provider_config_key":"theirs","connection_id":"their-connection","credentials":{"type":"API_KEY","apiKey":"mine"}}`},
	"GET /connections/:connectionId":                    {path: "/connections/their-connection?provider_config_key=theirs&refresh_token=true"},
	"GET /connection/:connectionId":                     {path: "/connection/their-connection?provider_config_key=theirs&refresh_token=true"},
	"PATCH /connections/:connectionId":                  {path: "/connections/their-connection?provider_config_key=theirs", body: `{"tags":{"owner":"me"}}`},
	"DELETE /connections/:connectionId":                 {path: "/connections/their-connection?provider_config_key=theirs"},
	"DELETE /connection/:connectionId":                  {path: "/connection/their-connection?provider_config_key=theirs"},
	"POST /connections/metadata":                        {path: "/connections/metadata", body: `{"connection_id":"their-connection","provider_config_key":"theirs","metadata":{"mine":1}}`},
	"PATCH /connections/metadata":                       {path: "/connections/metadata", body: `{"connection_id":["their-connection"],"provider_config_key":"theirs","metadata":{"mine":2}}`},
	"POST /connection/metadata":                         {path: "/connection/metadata", body: `{"connection_id":"their-connection","provider_config_key":"theirs","metadata":{"mine":3}}`},
	"PATCH /connection/metadata":                        {path: "/connection/metadata", body: `{"connection_id":"their-connection","provider_config_key":"theirs","metadata":{"mine":4}}`},
	"POST /connection/:connectionId/metadata":           {path: "/connection/their-connection/metadata?provider_config_key=theirs", body: `{"mine":5}`},
	"PATCH /connection/:connectionId/metadata":          {path: "/connection/their-connection/metadata?provider_config_key=theirs", body: `{"mine":6}`},
	"POST /sync/deploy/confirmation":                    {path: "/sync/deploy/confirmation", body: deployOfTheirs, harmless: true},
	"POST /sync/deploy":                                 {path: "/sync/deploy", body: deployOfTheirs, harmless: true},
	"PUT /scripts/journal":                              {path: "/scripts/journal", body: `{"mode":"all","type":"sync","name":"items","provider_config_key":"theirs"}`, harmless: true},
	"GET /scripts/journal":                              {path: "/scripts/journal", harmless: true},
	"GET /runs/:id/journal":                             {path: "/runs/{run}/journal"},
	"GET /runs/:id/program":                             {path: "/runs/{run}/program"},
	"POST /action/trigger":                              {path: "/action/trigger", body: `{"action_name":"act"}`, harmless: true},
	"GET /action/:id":                                   {path: "/action/{run}"},
	"POST /sync/trigger":                                {path: "/sync/trigger", body: `{"syncs":["items"],"provider_config_key":"theirs","connection_id":"their-connection"}`},
	"POST /sync/start":                                  {path: "/sync/start", body: `{"syncs":["items"],"provider_config_key":"theirs","connection_id":"their-connection"}`, harmless: true},
	"POST /sync/pause":                                  {path: "/sync/pause", body: `{"syncs":["items"],"provider_config_key":"theirs","connection_id":"their-connection"}`},
	"GET /sync/status":                                  {path: "/sync/status?syncs=*&provider_config_key=theirs", harmless: true},
	"POST /sync/:name/variant/:variant":                 {path: "/sync/items/variant/mine", body: `{"provider_config_key":"theirs","connection_id":"their-connection"}`},
	"DELETE /sync/:name/variant/:variant":               {path: "/sync/items/variant/eu", body: `{"provider_config_key":"theirs","connection_id":"their-connection"}`},
	"PUT /sync/update-connection-frequency":             {path: "/sync/update-connection-frequency", body: `{"sync_name":"items","provider_config_key":"theirs","connection_id":"their-connection","frequency":"every 2 hours"}`},
	"GET /records":                                      {path: "/records?model=Item"},
	"PATCH /records/prune":                              {path: "/records/prune", body: `{"model":"Item","until_cursor":"{cursor}"}`},
	"GET /proxy/*path":                                  {path: "/proxy/x", harmless: true},
	"POST /api/ui/v1/:env/logs/search":                  {path: "/api/ui/v1/-/logs/search", body: `{}`},
	"GET /api/ui/v1/:env/logs/operations/:id":           {path: "/api/ui/v1/-/logs/operations/{operation}"},
	"POST /api/ui/v1/:env/logs/operations/:id/messages": {path: "/api/ui/v1/-/logs/operations/{operation}/messages", body: `{}`},
	"GET /api/ui/v1/:env/stream":                        {path: "/api/ui/v1/-/stream?topics=operation:{operation}", endless: true, harmless: true},
}

const deployOfTheirs = `{"flowConfigs":[{"type":"action","syncName":"act","providerConfigKey":"theirs","models":[],"runs":null,"endpoints":[],"fileBody":{"js":"mine","ts":"mine"}}],
  "onEventScriptsByProvider":[],"jsonSchema":null,"reconcile":false,"debug":false}`

// Every route is called with the key of one environment and all the names of another one's rows: nothing of theirs is shown, and nothing
// of theirs changes. With their own key the same requests do show or change it, or the walk would prove nothing.
func TestNoRouteReachesAnotherEnvironment(t *testing.T) {
	w := newWalk(t)
	before := w.theirRows()
	for _, r := range w.table() {
		for _, method := range r.Methods {
			a, target := w.attack(r, method)
			status, body := w.do(w.p.key, method, target, a)
			assert.NotContains(t, body, marker, "%s %s", method, r.Path)
			if !r.Open && strings.Contains(target, "their") {
				assert.NotEqual(t, 500, status, "%s %s: %s", method, r.Path, body)
			}
		}
	}
	assert.Equal(t, before, w.theirRows(), "rows of the other environment have changed")

	for _, r := range w.table() {
		for _, method := range r.Methods {
			if a, _ := w.attack(r, method); !a.harmless && !r.Wildcard {
				w.fresh()
				a, target := w.attack(r, method)
				before := w.theirRows()
				status, body := w.do(w.p.their, method, target, a)
				assert.Less(t, status, 300, "%s %s is no attack, its owner can't do it either: %s", method, r.Path, body)
				assert.True(t, strings.Contains(body, marker) || before != w.theirRows(), "%s %s shows and changes nothing, so the walk proves nothing", method, r.Path)
			}
		}
	}
}

type walk struct {
	t       *testing.T
	p       *product
	server  *api.Server
	records *storage.Records
	ids     map[string]string
	rest    []string // tables with an environment_id
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	w := &walk{t: t, p: newProduct(t), ids: map[string]string{}}
	ctx, p := t.Context(), w.p
	catalog, err := providers.Load()
	require.NoError(t, err)
	blob, err := storage.OpenBlob(ctx, "file://"+t.TempDir(), p.store.Keys())
	require.NoError(t, err)
	w.records = storagetest.OpenRecords(t, p.pool.Config().ConnString(), p.store.Keys())
	w.server = api.New(api.Deps{Store: p.store, Records: w.records, Logs: p.logs, Blob: blob, Dispatch: p.engine, Catalog: catalog, PublicURL: "http://causeway.test"})
	w.p.handler = w.server.Handler()
	w.keepJournals(blob)

	rows, err := p.pool.Query(ctx, `select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'environment_id'
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1`)
	require.NoError(t, err)
	w.rest, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	p.exec(`update integration set unique_key = 'theirs', provider = 'private-api-bearer' where environment_id = $1`, p.other.ID)
	w.fresh()
	return w
}

// fresh puts the rows of the other environment in order, and the marker into all of them.
func (w *walk) fresh() {
	w.t.Helper()
	ctx, p := w.t.Context(), w.p
	p.exec(`update integration set deleted_at = null, unique_key = 'theirs', display_name = $2 where environment_id = $1 and id = $3`, p.other.ID, marker, p.other.IntegrationID)
	p.exec(`update function set deleted_at = null where environment_id = $1`, p.other.ID)
	p.exec(`update function_version set definition = jsonb_build_object('models', '["Item"]'::jsonb, 'description', $2::text) where environment_id = $1`, p.other.ID, marker)
	p.exec(`delete from integration where environment_id = $1 and id <> $2`, p.other.ID, p.other.IntegrationID)
	_, err := p.store.UpdateIntegration(ctx, p.other.ID, "theirs", func(i *causeway.Integration) error {
		i.Secrets.ClientSecret = marker
		return nil
	})
	require.NoError(w.t, err)
	require.NoError(w.t, p.store.SetVariables(ctx, p.other.ID, []causeway.Variable{{Name: "name", Value: marker}}))
	c, _, err := p.store.SaveConnection(ctx, p.other.ID, storage.NewConnection{
		IntegrationID: p.other.IntegrationID, ConnectionID: "their-connection", Metadata: json.RawMessage(`{"m":"` + marker + `"}`), Tags: map[string]string{"m": marker},
		Config: map[string]any{"m": marker}, EndUser: &causeway.EndUser{EndUserID: marker}, Credentials: causeway.Credentials{"type": "API_KEY", "apiKey": marker},
	})
	require.NoError(w.t, err)
	_, err = p.store.EnsureSyncs(ctx, p.other.ID, c.ID)
	require.NoError(w.t, err)
	p.exec(`delete from run where environment_id = $1`, p.other.ID)
	p.exec(`update sync set deleted_at = null, paused_at = null, request = null, frequency_override_s = null where environment_id = $1 and variant <> 'mine'`, p.other.ID)
	p.exec(`update sync set deleted_at = clock_timestamp() where environment_id = $1 and variant = 'mine'`, p.other.ID)
	p.exec(`insert into sync (environment_id, connection_id, function_id, variant) values ($1, $2, $3, 'eu') on conflict do nothing`, p.other.ID, c.ID, p.other.SyncFunctionID)

	run := time.Now().UnixMicro()
	_, err = w.records.OpenRun(ctx, p.other.ID, run, c.ID, 1, nil)
	require.NoError(w.t, err)
	record, err := storage.ParseRecord([]byte(`{"id":"r","m":"` + marker + `","n":` + fmt.Sprint(run) + `}`))
	require.NoError(w.t, err)
	_, err = w.records.Save(ctx, p.other.ID, storage.RecordRun{RunID: run, ConnectionID: c.ID, Fence: 1}, "Item", []causeway.RecordInput{record})
	require.NoError(w.t, err)
	var b recordsBody
	_, page := w.do(p.their, http.MethodGet, "/records?model=Item", attack{})
	require.NoError(w.t, json.Unmarshal([]byte(page), &b), page)
	require.NotEmpty(w.t, b.Records, page)
	w.ids["cursor"] = b.Records[0].Meta.Cursor

	w.endAction(c.ID)
	now := time.Now()
	id := causeway.NewOperationID(now)
	p.logs.Operation(causeway.Operation{ID: id, EnvironmentID: p.other.ID, Type: "proxy", Action: "call", State: causeway.OperationSuccess, CreatedAt: now, UpdatedAt: now, Names: causeway.OperationNames{Connection: marker}})
	p.logs.Message(causeway.Message{EnvironmentID: p.other.ID, OperationID: id, CreatedAt: now, Level: causeway.LevelInfo, Kind: "log", Source: "user", Text: marker})
	p.logs.Flush(ctx)
	w.ids["operation"] = id
}

// endAction leaves an async action of theirs that has ended with an output.
func (w *walk) endAction(connectionID int64) {
	w.t.Helper()
	ctx, p := w.t.Context(), w.p
	p.exec(`update run_lane set used = 0, queued = 0 where environment_id = $1`, p.other.ID)
	created, err := p.store.CreateRun(ctx, p.other.ID, storage.NewRun{
		Kind: causeway.RunAction, Lane: causeway.LaneActionAsync, IntegrationID: p.other.IntegrationID, ConnectionID: connectionID, FunctionID: p.other.ActionFunctionID,
		StartWithin: time.Hour, FinishWithin: time.Minute, MaxAttempts: 1, OperationID: causeway.NewOperationID(time.Now()), Opts: causeway.RunOpts{Async: true},
	})
	require.NoError(w.t, err)
	p.engine.outcome = causeway.Outcome{State: causeway.RunSucceeded, Output: json.RawMessage(`"` + marker + `"`)}
	require.NoError(w.t, p.engine.run(ctx, created.Ref))
	w.ids["run"] = created.Ref.RunUID.String()
	p.exec(`update run_history set journal_ref = 'journal/theirs' where environment_id = $1`, p.other.ID)
}

// keepJournals puts in the blob store what the journals of their runs name.
func (w *walk) keepJournals(blob *storage.Blob) {
	w.t.Helper()
	var bundle string
	require.NoError(w.t, w.p.pool.QueryRow(w.t.Context(), `select v.bundle_key from function f join function_version v on v.id = f.active_version_id
 where f.environment_id = $1 and f.id = $2`, w.p.other.ID, w.p.other.ActionFunctionID).Scan(&bundle))
	program, _ := storage.LoweredKey(bundle)
	for _, key := range []string{"journal/theirs", program} {
		require.NoError(w.t, blob.Put(w.t.Context(), key, []byte(marker)))
	}
}

func (w *walk) table() []api.Route { return w.server.Table() }

// attack is the request for a route.
func (w *walk) attack(r api.Route, method string) (attack, string) {
	w.t.Helper()
	a, ok := attacks[method+" "+r.Path]
	if !ok {
		if r.Wildcard {
			a = attacks["GET "+r.Path]
		} else {
			require.Contains(w.t, []string{http.MethodGet, http.MethodDelete}, method, "attacks has to say how %s %s could reach another environment's rows", method, r.Path)
			a.path = strings.NewReplacer(":uniqueKey", "theirs", ":connectionId", "their-connection", ":id", uuid.NewString(), ":env", "-").Replace(r.Path)
			require.NotContains(w.t, a.path, ":", "attacks has to say how %s %s could reach another environment's rows", method, r.Path)
		}
	}
	fill := func(text string) string {
		for name, id := range w.ids {
			text = strings.ReplaceAll(text, "{"+name+"}", id)
		}
		return text
	}
	a.body = fill(a.body)
	return a, fill(a.path)
}

func (w *walk) do(key, method, target string, a attack) (int, string) {
	w.t.Helper()
	before := w.p.t
	w.p.key, key = key, w.p.key
	defer func() { w.p.key, w.p.t = key, before }()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	if a.endless {
		ctx, cancel = context.WithTimeout(w.t.Context(), 100*time.Millisecond)
	}
	defer cancel()
	got := w.p.callContext(ctx, method, target, a.body, "Provider-Config-Key", "theirs", "Connection-Id", "their-connection")
	return got.status, got.body
}

// theirRows is a digest of all rows of the other environment. Times of use are no part of it: they are written later.
func (w *walk) theirRows() string {
	w.t.Helper()
	w.p.logs.Flush(w.t.Context())
	var all strings.Builder
	for _, table := range w.rest {
		var digest *string
		err := w.p.pool.QueryRow(w.t.Context(), `select md5(string_agg((to_jsonb(x) - 'last_used_at' - 'last_fetched_at')::text, ',' order by to_jsonb(x)::text)) from `+table+` x where environment_id = $1`, w.p.other.ID).Scan(&digest)
		require.NoError(w.t, err, table)
		if digest != nil {
			fmt.Fprintln(&all, table, *digest)
		}
	}
	return all.String()
}
