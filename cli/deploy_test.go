package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakePlatform answers the two calls of a deploy and keeps what it was sent.
type fakePlatform struct {
	plan, answer string
	status       int // of the plan; 0: 200
	calls        []string
	bodies       []map[string]any
}

func (f *fakePlatform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	f.calls, f.bodies = append(f.calls, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")), append(f.bodies, body)
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/sync/deploy" {
		_, _ = io.WriteString(w, f.answer)
		return
	}
	if f.status != 0 {
		w.WriteHeader(f.status)
	}
	_, _ = io.WriteString(w, f.plan)
}

const noChange = `{"newSyncs":[],"updatedSyncs":[],"deletedSyncs":[],"newActions":[],"updatedActions":[],"deletedActions":[],"deletedModels":[],"newOnEventScripts":[],"updatedOnEventScripts":[],"deletedOnEventScripts":[]}`

// deploying makes a project, runs deploy in it against a platform, and returns what was printed.
func deploying(t *testing.T, f *fakePlatform, stdin string, args ...string) (string, error) {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Setenv("CAUSEWAY_URL", server.URL+"/")
	t.Setenv("CAUSEWAY_API_KEY", "secret")
	workspace := t.TempDir()
	_, err := run(t, workspace, "init", "p")
	require.NoError(t, err)
	t.Chdir(filepath.Join(workspace, "p"))
	var out bytes.Buffer
	root := New()
	root.SetArgs(append([]string{"deploy"}, args...))
	root.SetOut(&out)
	root.SetIn(strings.NewReader(stdin))
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestDeployShowsThePlanAndSendsTheProject(t *testing.T) {
	f := &fakePlatform{
		plan: `{"newSyncs":[{"name":"tasks","providerConfigKey":"demo","connections":2,"auto_start":true}],"updatedActions":[{"name":"create-task","providerConfigKey":"demo"}],
		  "deletedSyncs":[{"name":"old","providerConfigKey":"demo","connections":1}],"deletedOnEventScripts":[{"name":"hello","providerConfigKey":"demo","event":"validate-connection"}],"deletedModels":["Gone"]}`,
		answer: `[{"name":"tasks","version":"1","providerConfigKey":"demo","type":"sync","models":["Task"]}]`,
	}
	out, err := deploying(t, f, "", "--auto-confirm")
	require.NoError(t, err)
	assert.Contains(t, out, "  + sync     demo/tasks  (2 connections)\n")
	assert.Contains(t, out, "  ~ action   demo/create-task\n")
	assert.Contains(t, out, "  - sync     demo/old  (1 connection)\n")
	assert.Contains(t, out, "  - on-event demo/hello (validate-connection)\n")
	assert.Contains(t, out, "  - models   Gone\n")
	assert.Contains(t, out, "deployed sync demo/tasks@v1\n")

	require.Equal(t, []string{"POST /sync/deploy/confirmation Bearer secret", "POST /sync/deploy Bearer secret"}, f.calls)
	plan, deploy := f.bodies[0], f.bodies[1]
	assert.Equal(t, false, plan["reconcile"])
	assert.NotContains(t, plan, "nangoYamlBody", "the plan refuses it")
	assert.Equal(t, true, deploy["reconcile"])
	assert.Empty(t, deploy["nangoYamlBody"])
	assert.Contains(t, deploy, "nangoYamlBody")
	assert.Equal(t, "all", deploy["deployMode"])
	assert.Regexp(t, `^\d+\.\d+\.\d+-zero$`, deploy["sdkVersion"])
	assert.Equal(t, []any{}, deploy["onEventScriptsByProvider"])

	flows := deploy["flowConfigs"].([]any)
	require.Len(t, flows, 2)
	sync := flows[0].(map[string]any)
	assert.Equal(t, "sync", sync["type"])
	assert.Equal(t, "tasks", sync["syncName"])
	assert.Equal(t, "demo", sync["providerConfigKey"])
	assert.Equal(t, []any{"Task"}, sync["models"])
	assert.Equal(t, "every 5 minutes", sync["runs"])
	assert.Equal(t, true, sync["auto_start"])
	assert.Equal(t, []any{"checkpoints"}, sync["features"])
	assert.Contains(t, sync["models_json_schema"].(map[string]any)["definitions"], "Task")
	files := sync["fileBody"].(map[string]any)
	assert.Contains(t, files["js"], "saveCheckpoint")
	assert.Contains(t, files["ts"], "import { createSync } from 'causeway';")
	action := flows[1].(map[string]any)
	assert.Equal(t, "ActionInput_demo_createtask", action["input"])
	assert.Nil(t, action["runs"])
}

func TestDeployAsks(t *testing.T) {
	const added = `{"newActions":[{"name":"a","providerConfigKey":"demo"}]}`
	for _, c := range []struct {
		name, plan, stdin string
		args              []string
		calls             int
		problem           string
	}{
		{"yes", added, "y\n", nil, 2, ""},
		{"yes in words", added, " Yes \n", nil, 2, ""},
		{"no", added, "n\n", nil, 1, "nothing was deployed"},
		{"just enter", added, "\n", nil, 1, "nothing was deployed"},
		{"nobody there", added, "", nil, 1, "there is nobody to ask; --auto-confirm"},
		{"nothing changes", noChange, "", nil, 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakePlatform{plan: c.plan, answer: `[]`}
			_, err := deploying(t, f, c.stdin, c.args...)
			if c.problem == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.problem)
			}
			assert.Len(t, f.calls, c.calls)
		})
	}
}

func TestDeployExplainsWhatWentWrong(t *testing.T) {
	_, err := deploying(t, &fakePlatform{status: 400, plan: `{"error":{"code":"unknown_provider_config","message":"there is no integration \"demo\""}}`}, "")
	require.ErrorContains(t, err, `there is no integration "demo"`)
	require.ErrorContains(t, err, "causeway integrations create")

	_, err = deploying(t, &fakePlatform{status: 400, plan: `{"error":{"code":"invalid_body","errors":[{"code":"x","message":"too long","path":["flowConfigs","0"]}]}}`}, "")
	require.ErrorContains(t, err, "flowConfigs.0: too long")

	t.Setenv("CAUSEWAY_URL", "http://127.0.0.1:1")
	_, err = run(t, t.TempDir(), "deploy")
	require.ErrorContains(t, err, "there is no index.ts here")
}

func TestCompileWritesBundlesAndDefinitions(t *testing.T) {
	workspace := t.TempDir()
	_, err := run(t, workspace, "init", "p")
	require.NoError(t, err)
	dir := filepath.Join(workspace, "p")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "build"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "build", "demo_syncs_gone.cjs"), nil, 0o600))

	out, err := run(t, dir, "compile")
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^sync     demo/tasks  \d+ bytes$`, out)
	assert.Regexp(t, `(?m)^action   demo/create-task  \d+ bytes$`, out)
	assert.FileExists(t, filepath.Join(dir, "build", "demo_syncs_tasks.cjs"))
	assert.NoFileExists(t, filepath.Join(dir, "build", "demo_syncs_gone.cjs"), "the bundle of a script that is gone")
	raw, err := os.ReadFile(filepath.Join(dir, ".causeway", "nango.json"))
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"providerConfigKey": "demo"`)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "demo", "syncs", "tasks.ts"), []byte("export default 1;"), 0o600))
	_, err = run(t, dir, "compile")
	require.ErrorContains(t, err, "demo/syncs/tasks.ts:1:")
}

// A project brings its own TypeScript; this stands for one that finds something.
func TestCompileRunsTheProjectsTypeScript(t *testing.T) {
	workspace := t.TempDir()
	_, err := run(t, workspace, "init", "p")
	require.NoError(t, err)
	dir := filepath.Join(workspace, "p")
	lib := filepath.Join(workspace, "node_modules", "typescript", "lib") // of a folder above, as in a monorepo
	require.NoError(t, os.MkdirAll(lib, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(lib, "tsc.js"), []byte(`console.log("demo/syncs/tasks.ts(3,1): error TS1: no"); process.exit(2);`), 0o600))
	_, err = run(t, dir, "compile")
	require.ErrorContains(t, err, "the types don't fit:\ndemo/syncs/tasks.ts(3,1): error TS1: no")

	// A project that was moved here without its packages has no types of the script API at all.
	raw, err := os.ReadFile(filepath.Join(dir, "tsconfig.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tsconfig.json"), []byte(`{"include":["**/*.ts"]}`), 0o600))
	_, err = run(t, dir, "compile")
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "tsconfig.json"), raw, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(lib, "tsc.js"), []byte(`if (!process.argv.includes("--noEmit")) process.exit(1);`), 0o600))
	_, err = run(t, dir, "compile")
	require.NoError(t, err)
}
