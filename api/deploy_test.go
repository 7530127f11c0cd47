package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/api"
	"github.com/causeway-dev/causeway/storage"
)

// deployer stands for the workflow of a deploy: it applies what was written, or fails it with the compiler's answer.
type deployer struct {
	*engine
	failure string // a code; "": the bundles compile
	ran     int
}

func (d *deployer) StartDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) error {
	d.ran++
	if d.failure != "" {
		return d.store.FailDeploy(ctx, environmentID, uid, d.failure, "demo/act: no")
	}
	_, err := d.store.ApplyDeploy(ctx, environmentID, uid)
	if e := storage.DeployFailure(err); e != nil {
		return d.store.FailDeploy(ctx, environmentID, uid, e.Code, e.Message)
	}
	return err
}

func newDeployed(t *testing.T) (*product, *deployer, *storage.Blob) {
	t.Helper()
	p := newProduct(t)
	blob, err := storage.OpenBlob(t.Context(), "file://"+t.TempDir(), p.store.Keys())
	require.NoError(t, err)
	t.Cleanup(func() { _ = blob.Close() })
	d := &deployer{engine: p.engine}
	p.handler = api.New(api.Deps{Store: p.store, Logs: p.logs, Blob: blob, Dispatch: d, PublicURL: "http://causeway.test"}).Handler()
	return p, d, blob
}

const actFlow = `{"type":"action","syncName":"act","providerConfigKey":"demo","models":["Out"],"input":"In","runs":null,"endpoints":[{"POST":"/act"}],"version":"",
  "metadata":{"description":"Does it","scopes":["a"]},"models_json_schema":{"definitions":{"Out":{"type":"null"},"In":{"type":"object","properties":{"n":{"type":"number"}},"required":["n"]}}},
  "features":[],"fileBody":{"js":"exports.default = {}","ts":"export default"}}`

const itemsFlow = `{"type":"sync","syncName":"items","providerConfigKey":"demo","models":["Item"],"runs":"every hour","auto_start":true,"track_deletes":false,"sync_type":"full","attributes":{},
  "webhookSubscriptions":["*"],"features":["checkpoints"],"fileBody":{"js":"exports.default = {a:1}","ts":"x"}}`

const helloScript = `{"providerConfigKey":"demo","scripts":[{"name":"hello","event":"validate-connection","fileBody":{"js":"exports.default = {b:1}","ts":"y"}}]}`

// deployBody is a body of the plan, or with the rest of what a deploy has.
func deployBody(apply bool, flows string, more ...string) string {
	fields := append([]string{`"flowConfigs":[` + flows + `]`, fmt.Sprintf(`"reconcile":%t`, apply), `"debug":false`, `"deployMode":"all"`, `"sdkVersion":"0.71.4-zero"`}, more...)
	if apply {
		fields = append(fields, `"nangoYamlBody":""`)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func TestADeployOverTheWire(t *testing.T) {
	p, d, blob := newDeployed(t)
	events := `"onEventScriptsByProvider":[` + helloScript + `]`
	plan := p.call("POST", "/sync/deploy/confirmation", deployBody(false, itemsFlow+","+actFlow, events))
	require.Equal(t, 200, plan.status, plan.body)
	assert.JSONEq(t, `{"newSyncs":[],"updatedSyncs":[{"name":"items","providerConfigKey":"demo","connections":1,"auto_start":true}],"deletedSyncs":[],
	  "newActions":[],"updatedActions":[{"name":"act","providerConfigKey":"demo"}],"deletedActions":[],"deletedModels":[],
	  "newOnEventScripts":[{"name":"hello","providerConfigKey":"demo","event":"validate-connection"}],"updatedOnEventScripts":[],"deletedOnEventScripts":[]}`, plan.body)
	assert.Zero(t, d.ran, "a plan changes nothing")
	assert.Zero(t, p.count(`select count(*) from deploy`))

	done := p.call("POST", "/sync/deploy", deployBody(true, itemsFlow+","+actFlow, events))
	require.Equal(t, 200, done.status, done.body)
	assert.JSONEq(t, `[{"name":"items","version":"2","models":["Item"],"providerConfigKey":"demo","type":"sync"},
	  {"name":"act","version":"2","models":["Out"],"providerConfigKey":"demo","type":"action"},
	  {"name":"hello","version":"0.0.1","models":[],"providerConfigKey":"demo","type":"on-event"}]`, done.body)

	functions, err := p.store.Functions(t.Context(), p.env.ID)
	require.NoError(t, err)
	require.Len(t, functions, 3)
	text, err := blob.Get(t.Context(), functions[0].Version.BundleKey)
	require.NoError(t, err)
	assert.Equal(t, "exports.default = {}", string(text))
	assert.JSONEq(t, `[{"method":"POST","path":"/act","group":null}]`, string(functions[0].Version.Definition.Endpoints), "the older form is read")

	again := p.call("POST", "/sync/deploy", deployBody(true, itemsFlow+","+actFlow, events))
	assert.Equal(t, done.body, again.body, "nothing has changed: the versions stay")
	assert.Equal(t, 0, p.count(`select count(*) from function where environment_id = $1 and deleted_at is not null`, p.other.ID), "the neighbour has the same names")

	fewer := p.call("POST", "/sync/deploy", deployBody(true, itemsFlow))
	require.Equal(t, 200, fewer.status, fewer.body)
	assert.Equal(t, 1, p.count(`select count(*) from function where environment_id = $1 and deleted_at is null`, p.env.ID), "what the request lacks is removed")

	empty := p.call("POST", "/sync/deploy", deployBody(true, ""))
	assert.Equal(t, 200, empty.status)
	assert.Equal(t, "[]", empty.body)
	assert.Equal(t, 1, p.count(`select count(*) from function where environment_id = $1 and deleted_at is null`, p.env.ID), "an empty deploy removes nothing")

	alone := p.call("POST", "/sync/deploy", deployBody(true, "", events))
	assert.JSONEq(t, `[{"name":"hello","version":"0.0.1","models":[],"providerConfigKey":"demo","type":"on-event"}]`, alone.body, "on-event functions need no others")
}

func TestDeploysThatAreRefused(t *testing.T) {
	p, d, _ := newDeployed(t)
	flow := func(old, new string) string { return strings.Replace(actFlow, old, new, 1) }
	for _, c := range []struct {
		name, body string
		code, path string
	}{
		{"no flows", `{"reconcile":true,"debug":false,"nangoYamlBody":""}`, "invalid_body", "flowConfigs"},
		{"no switch", `{"flowConfigs":[],"debug":false,"nangoYamlBody":""}`, "invalid_body", "reconcile"},
		{"no old configuration", deployBody(false, actFlow), "invalid_body", "nangoYamlBody"},
		{"an unknown key", deployBody(true, actFlow, `"x":1`), "invalid_body", ""},
		{"an unknown key of a flow", deployBody(true, flow(`"features"`, `"x":1,"features"`)), "invalid_body", "flowConfigs.0"},
		{"an unknown mode", deployBody(true, actFlow, `"deployMode":"some"`), "invalid_body", "deployMode"},
		{"an unknown kind", deployBody(true, flow(`"action"`, `"function"`)), "invalid_body", "flowConfigs.0.type"},
		{"a name", deployBody(true, flow(`"act"`, `"a b"`)), "invalid_body", "flowConfigs.0.syncName"},
		{"no code", deployBody(true, flow(`exports.default = {}`, ``)), "invalid_body", "flowConfigs.0.fileBody.js"},
		{"a version of the package", deployBody(true, actFlow, `"sdkVersion":"1.2"`), "invalid_body", "sdkVersion"},
		{"a frequency", deployBody(true, strings.Replace(itemsFlow, "every hour", "every 3 blue moons", 1)), "invalid_body", "flowConfigs.0.runs"},
		{"too often", deployBody(true, strings.Replace(itemsFlow, "every hour", "every 10s", 1)), "invalid_body", "flowConfigs.0.runs"},
		{"incremental, and deletes tracked", deployBody(true, strings.Replace(strings.Replace(itemsFlow, `"track_deletes":false`, `"track_deletes":true`, 1), `"full"`, `"incremental"`, 1)), "invalid_body", "flowConfigs.0.track_deletes"},
		{"a model that the schema lacks", deployBody(true, flow(`"models":["Out"]`, `"models":["Out","More"]`)), "invalid_body", "flowConfigs.0.models_json_schema"},
		{"a long description", deployBody(true, flow("Does it", strings.Repeat("x", 2001))), "invalid_body", "flowConfigs.0.metadata.description"},
		{"an event that is none", deployBody(true, actFlow, `"onEventScriptsByProvider":[`+strings.Replace(helloScript, "validate-", "un", 1)+`]`), "invalid_body", "onEventScriptsByProvider.0.scripts.0.event"},
		{"a function twice", deployBody(true, actFlow+","+actFlow), "invalid_body", "flowConfigs"},
		{"an integration that isn't there", deployBody(true, flow(`"demo"`, `"none"`)), "unknown_provider_config", ""},
		{"a model that the schema of all lacks", deployBody(true, flow(`"models_json_schema":{"definitions":{"Out":{"type":"null"},"In":{"type":"object","properties":{"n":{"type":"number"}},"required":["n"]}}},`, ``), `"jsonSchema":{"definitions":{"In":{}}}`), "deploy_missing_json_schema_model", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.t = t
			a := p.call("POST", "/sync/deploy", c.body)
			assert.Equal(t, 400, a.status, a.body)
			assert.Equal(t, c.code, a.code(), a.body)
			var e struct {
				Error struct{ Errors []struct{ Path []string } }
			}
			require.NoError(t, json.Unmarshal([]byte(a.body), &e))
			if c.path != "" {
				require.NotEmpty(t, e.Error.Errors, a.body)
				assert.Equal(t, c.path, strings.Join(e.Error.Errors[0].Path, "."), a.body)
			}
		})
	}
	p.t = t
	assert.Equal(t, "invalid_body", p.call("POST", "/sync/deploy/confirmation", deployBody(true, actFlow)).code(), "the plan takes no old configuration")
	assert.Equal(t, "invalid_cli_version", p.call("POST", "/sync/deploy", deployBody(true, actFlow), "User-Agent", "nango-cli/0.39.24 (linux)").code())
	assert.Equal(t, 200, p.call("POST", "/sync/deploy/confirmation", deployBody(false, actFlow), "User-Agent", "nango-cli/0.71.4 (linux)").status)
	assert.Zero(t, d.ran)
	assert.Zero(t, p.count(`select count(*) from deploy`), "nothing was written")
}

func TestDeploysThatFail(t *testing.T) {
	p, d, _ := newDeployed(t)
	for code, status := range map[string]int{"deploy_script_security_rejected": 400, "failed_to_build_unknown": 400, "concurrent_deployment": 409, "error_creating_sync_config": 500} {
		d.failure = code
		a := p.call("POST", "/sync/deploy", deployBody(true, actFlow))
		assert.Equal(t, status, a.status, a.body)
		assert.JSONEq(t, `{"error":{"code":"`+code+`","message":"demo/act: no","payload":{}}}`, a.body)
	}
	assert.Equal(t, 2, p.count(`select count(*) from function where environment_id = $1 and deleted_at is null`, p.env.ID), "what was active stays active")

	p.exec(`update worker set dead_at = clock_timestamp(), lease_until = clock_timestamp() - interval '1 hour'`)
	a := p.call("POST", "/sync/deploy", deployBody(true, actFlow))
	assert.Equal(t, 503, a.status, "with nobody to compile it is said at once")
	assert.Equal(t, "no_worker", a.code())
}

func TestTheSchemaOfOlderClients(t *testing.T) {
	p, _, _ := newDeployed(t)
	old := strings.Replace(actFlow, `"models_json_schema":{"definitions":{"Out":{"type":"null"},"In":{"type":"object","properties":{"n":{"type":"number"}},"required":["n"]}}},`, ``, 1)
	all := `"jsonSchema":{"$schema":"http://json-schema.org/draft-07/schema#","$comment":"","definitions":{"Out":{"$ref":"#/definitions/Deep"},"Deep":{"type":"array","items":{"$ref":"#/definitions/Deep"}},"In":{},"Other":{}}}`
	require.Equal(t, 200, p.call("POST", "/sync/deploy", deployBody(true, old, all)).status)
	f, err := p.store.Functions(t.Context(), p.env.ID)
	require.NoError(t, err)
	require.Len(t, f, 1)
	assert.JSONEq(t, `{"definitions":{"Out":{"$ref":"#/definitions/Deep"},"Deep":{"type":"array","items":{"$ref":"#/definitions/Deep"}},"In":{}}}`, string(f[0].Version.JSONSchema), "its part, and what that refers to")
}

func TestTheScriptsConfiguration(t *testing.T) {
	p, _, _ := newDeployed(t)
	require.Equal(t, 200, p.call("POST", "/sync/deploy", deployBody(true, itemsFlow+","+actFlow, `"onEventScriptsByProvider":[`+helloScript+`]`)).status)
	var groups []struct {
		ProviderConfigKey, Provider string
		Syncs, Actions              []map[string]any
		OnEvents                    []any `json:"on-events"`
	}
	require.Eventually(t, func() bool {
		a := p.call("GET", "/scripts/config", "")
		groups = nil
		return a.status == 200 && json.Unmarshal([]byte(a.body), &groups) == nil && len(groups) == 1 && groups[0].Actions[0]["version"] == "2"
	}, 5*time.Second, 20*time.Millisecond)
	g := groups[0]
	assert.Equal(t, "demo", g.ProviderConfigKey)
	assert.Equal(t, "demo", g.Provider)
	assert.Equal(t, []any{}, g.OnEvents)
	sync, action := g.Syncs[0], g.Actions[0]
	for name, want := range map[string]any{"name": "items", "type": "sync", "version": "2", "runs": "every hour", "auto_start": true, "track_deletes": false, "returns": []any{"Item"}, "sync_type": "full",
		"webhookSubscriptions": []any{"*"}, "enabled": true, "json_schema": nil, "models": []any{map[string]any{"name": "Item", "fields": []any{}}}, "sdk_version": "0.71.4-zero", "source": "repo",
		"features": []any{"checkpoints"}, "endpoints": []any{}, "scopes": []any{}, "attributes": map[string]any{}} {
		assert.Equal(t, want, sync[name], name)
	}
	assert.Nil(t, action["runs"])
	assert.Equal(t, "In", action["input"])
	assert.Equal(t, "Does it", action["description"])
	assert.Equal(t, []any{map[string]any{"method": "POST", "path": "/act", "group": nil}}, action["endpoints"])

	a := p.call("GET", "/scripts/config?format=openai", "")
	require.Equal(t, 200, a.status)
	assert.JSONEq(t, `{"data":[{"name":"act","description":"Does it","parameters":{"type":"object","properties":{"n":{"type":"number"}},"required":["n"]}},
	  {"name":"items","description":"sync items of demo","parameters":{"type":"object","properties":{},"required":[]}}]}`, a.body)
}
