package dryrun_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/compile"
	"github.com/causeway-dev/causeway/script/dryrun"
	"github.com/causeway-dev/causeway/script/realm"
	"github.com/causeway-dev/causeway/script/spec"
)

// platform answers by method and path; what it was asked is kept.
type platform struct {
	answers map[string]string
	asked   []string
	headers []http.Header
}

func (p *platform) Do(_ context.Context, method, path string, header http.Header, _ []byte) (*dryrun.Answer, error) {
	p.asked, p.headers = append(p.asked, method+" "+path), append(p.headers, header)
	body, ok := p.answers[method+" "+path]
	if !ok {
		return &dryrun.Answer{Status: 404, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"error":"none"}`)}, nil
	}
	return &dryrun.Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}, nil
}

func (p *platform) Fetch(context.Context, string, string, http.Header, []byte) (*dryrun.Answer, error) {
	return &dryrun.Answer{Status: 204}, nil
}

const sync = `import { createSync } from 'nango'; import * as z from 'zod';
export default createSync({ description: 'd', frequency: 'every hour', models: { Task: z.object({ id: z.string(), done: z.boolean() }) }, checkpoint: z.object({ at: z.string() }),
    exec: async (nango) => {
        const before = await nango.getCheckpoint();
        const { credentials, metadata } = await nango.getConnection() as any;
        await nango.log('from ' + (before?.at ?? 'the start') + ' ' + metadata.team);
        const page = await nango.get({ endpoint: '/v1/tasks?limit=2', params: { token: credentials.apiKey, after: before?.at ?? '' }, headers: { 'X-Team': 'a' }, retries: 2 });
        await nango.batchSave(page.data, 'Task');
        await nango.batchSave([{ id: '2', done: true }], 'Task');
        await nango.batchDelete([{ id: '9' }] as any, 'Task');
        await nango.saveCheckpoint({ at: 'now' });
    } });`

const action = `import { createAction } from 'nango'; import * as z from 'zod';
export default createAction({ description: 'd', input: z.object({ n: z.number() }), output: z.object({ twice: z.number() }),
    exec: async (nango, input) => {
        if (input.n < 0) await nango.post({ endpoint: '/refuses', data: { n: input.n } });
        return { twice: input.n === 7 ? 'many' : input.n * 2 } as any;
    } });`

// leak gives away everything that a script can read.
const leak = `import { createAction } from 'nango'; import * as z from 'zod';
export default createAction({ description: 'd', input: z.any(), output: z.any(),
    exec: async (nango) => {
        const own = await nango.getConnection() as any;
        const other = await nango.getConnection('shop', 'c2') as any;
        const app = await nango.getIntegration({ include: ['credentials'] }) as any;
        const [variable] = await nango.getEnvironmentVariables() as any;
        const all = [own.credentials.apiKey, other.credentials.apiKey, app.credentials.client_secret, variable.value];
        await nango.post({ endpoint: '/take/' + encodeURIComponent(all[1]), data: { all } });
        return all;
    } });`

type made struct {
	root     string
	platform *platform
	options  dryrun.Options
	logged   []string
	warned   []string
}

func project(t *testing.T, file string) *made {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"index.ts":            "import './shop/syncs/tasks.js';\nimport './shop/actions/twice.js';\nimport './shop/actions/leak.js';\n",
		"shop/syncs/tasks.ts": sync, "shop/actions/twice.ts": action, "shop/actions/leak.ts": leak,
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	entries, err := compile.Entries(root)
	require.NoError(t, err)
	m := &made{root: root, platform: &platform{answers: map[string]string{
		"GET /connections/c1?provider_config_key=shop": `{"connection_id":"c1","credentials":{"type":"API_KEY","apiKey":"secret-1234"},"connection_config":{"region":"eu"},"metadata":{"team":"red"}}`,
	}}}
	for _, e := range entries {
		if e.File != file {
			continue
		}
		js, _, err := compile.Bundle(root, e)
		require.NoError(t, err)
		d, err := compile.Define(e, js)
		require.NoError(t, err)
		m.options = dryrun.Options{
			Entry: e, Bundle: js, Definition: d, Integration: "shop", ConnectionID: "c1", Provider: "shop", Limit: time.Minute,
			Log:  func(level, message string, _ json.RawMessage) { m.logged = append(m.logged, level+" "+message) },
			Warn: func(text string) { m.warned = append(m.warned, text) },
		}
	}
	return m
}

func (m *made) run(t *testing.T) (*dryrun.Result, error) {
	t.Helper()
	engine, err := realm.New(realm.Options{})
	require.NoError(t, err)
	return dryrun.Run(context.Background(), engine, m.platform, m.options)
}

func TestASyncReadsThroughThePlatformAndWritesNowhere(t *testing.T) {
	m := project(t, "shop/syncs/tasks.ts")
	m.platform.answers["GET /proxy/v1/tasks?limit=2&token=secret-1234&after=yesterday"] = `[{"id":"1","done":false},{"id":"2","done":false}]`
	m.options.Checkpoint = json.RawMessage(`{"at":"yesterday"}`)
	m.options.Metadata = json.RawMessage(`{"team":"blue"}`)
	r, err := m.run(t)
	require.NoError(t, err)
	assert.Equal(t, []string{"info from yesterday blue"}, m.logged)
	assert.Len(t, r.Saved["Task"], 2, "of several with one id the last counts")
	assert.JSONEq(t, `{"id":"2","done":true}`, string(r.Saved["Task"][1]))
	assert.Len(t, r.Deleted["Task"], 1)
	assert.JSONEq(t, `{"at":"now"}`, string(r.Checkpoint))
	for _, asked := range m.platform.asked {
		assert.True(t, strings.HasPrefix(asked, "GET "), asked)
	}
	last := m.platform.headers[len(m.platform.headers)-1]
	assert.Equal(t, []string{"c1", "shop", "true", "true", "2", "a"}, []string{
		last.Get("Connection-Id"), last.Get("Provider-Config-Key"), last.Get("Nango-Is-Dry-Run"), last.Get("Nango-Is-Sync"), last.Get("Retries"), last.Get("Nango-Proxy-X-Team"),
	})
}

func TestWhatPassedThroughIsATestThatPasses(t *testing.T) {
	m := project(t, "shop/syncs/tasks.ts")
	m.platform.answers["GET /proxy/v1/tasks?limit=2&token=secret-1234&after="] = `[{"id":"1","done":false}]`
	r, err := m.run(t)
	require.NoError(t, err)
	raw, err := json.MarshalIndent(r.Fixture, "", "  ")
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "secret-1234")
	assert.Contains(t, string(raw), `"token": "redacted-1"`)
	require.NoError(t, os.MkdirAll(filepath.Join(m.root, "shop/tests"), 0o755))
	fixture := strings.Replace(string(raw), `"connection_config"`, `"credentials": {"apiKey": "redacted-1"}, "metadata": {"team": "red"}, "connection_config"`, 1)
	require.NoError(t, os.WriteFile(filepath.Join(m.root, "shop/tests/tasks.test.json"), []byte(fixture), 0o600))
	report, err := spec.Run(context.Background(), spec.Options{Path: m.root})
	require.NoError(t, err)
	for _, test := range report.Tests {
		assert.Equal(t, "passed", test.Status, test.Describe())
	}
	assert.Equal(t, 2, report.Passed)
}

func TestAFixtureHoldsNothingThatIsSecret(t *testing.T) {
	m := project(t, "shop/actions/leak.ts")
	for path, answer := range map[string]string{
		"GET /connections/c2?provider_config_key=shop": `{"connection_id":"c2","credentials":{"type":"API_KEY","apiKey":"other&\"secret"}}`,
		"GET /integrations/shop?include=credentials":   `{"data":{"unique_key":"shop","credentials":{"type":"OAUTH2","client_secret":"app-secret"}}}`,
		"GET /environment-variables":                   `[{"name":"PW","value":"secret-1234-and-more"}]`,
		"POST /proxy/take/other%26%22secret":           `{"echo":"app-secret"}`,
	} {
		m.platform.answers[path] = answer
	}
	r, err := m.run(t)
	require.NoError(t, err)
	raw, err := json.Marshal(r.Fixture)
	require.NoError(t, err)
	for _, secret := range []string{"secret-1234", "other", "app-secret", "and-more"} {
		assert.NotContains(t, string(raw), secret)
	}
	assert.JSONEq(t, `["redacted-1","redacted-2","redacted-3","redacted-4"]`, string(r.Fixture.Output))
}

func TestRecordsAreCheckedWhenThatIsAskedFor(t *testing.T) {
	m := project(t, "shop/syncs/tasks.ts")
	m.platform.answers["GET /proxy/v1/tasks?limit=2&token=secret-1234&after="] = `[{"id":"1","done":"yes"}]`
	_, err := m.run(t)
	require.NoError(t, err)
	require.Len(t, m.warned, 1)
	assert.Contains(t, m.warned[0], "Task: done must be boolean")
	m.options.Validate = true
	_, err = m.run(t)
	require.ErrorContains(t, err, "invalid_sync_record")
}

func TestAnActionIsCheckedBeforeAndAfter(t *testing.T) {
	for name, c := range map[string]struct{ input, output, code string }{
		"right":        {`{"n":2}`, `{"twice":4}`, ""},
		"wrong input":  {`{"n":"2"}`, "", "invalid_action_input"},
		"wrong output": {`{"n":7}`, `{"twice":"many"}`, "invalid_action_output"},
		"refused":      {`{"n":-1}`, "", "script_http_error"},
	} {
		t.Run(name, func(t *testing.T) {
			m := project(t, "shop/actions/twice.ts")
			m.options.Input, m.options.Validate = json.RawMessage(c.input), true
			r, err := m.run(t)
			if c.code == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.code)
			}
			if c.output != "" {
				assert.JSONEq(t, c.output, string(r.Output))
			}
		})
	}
}
