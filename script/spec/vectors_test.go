package spec_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/spec"
)

// vectors are what the published framework and doubles did with small cases; "sections" in the file explains each shape.
type vectors struct {
	Identity    []identityVector `json:"identity"`
	IdentityOld []identityVector `json:"identity_old"`
	Calls       []callVector     `json:"calls"`
	Resolution  []struct {
		ID      string                     `json:"id"`
		Note    string                     `json:"note"`
		Files   map[string]json.RawMessage `json:"files"`
		Verdict map[string]string          `json:"verdict"`
	} `json:"resolution"`
	Outcome []struct {
		ID      string            `json:"id"`
		Note    string            `json:"note"`
		Models  string            `json:"models"`
		Exec    string            `json:"exec"`
		Fixture json.RawMessage   `json:"fixture"`
		Verdict map[string]string `json:"verdict"`
	} `json:"outcome"`
	Expect []codeVector `json:"expect"`
	Vi     []codeVector `json:"vi"`
	Order  []struct {
		ID        string            `json:"id"`
		Note      string            `json:"note"`
		File      string            `json:"file"`
		Log       json.RawMessage   `json:"log"`
		Tests     map[string]string `json:"tests"`
		FileError string            `json:"file_error"`
	} `json:"order"`
}

type identityVector struct {
	ID     string `json:"id"`
	Note   string `json:"note"`
	Config string `json:"config"`
	Text   string `json:"text"`
	Hash   string `json:"hash"`
	Error  string `json:"error"`
}

type callVector struct {
	ID       string                     `json:"id"`
	Note     string                     `json:"note"`
	Name     string                     `json:"name"`
	Folder   string                     `json:"folder"`
	Kind     string                     `json:"kind"`
	Fixture  json.RawMessage            `json:"fixture"`
	Files    map[string]json.RawMessage `json:"files"`
	Code     string                     `json:"code"`
	Paginate json.RawMessage            `json:"provider_paginate"`
	Result   json.RawMessage            `json:"result"`
	Error    string                     `json:"error"`
	Requests json.RawMessage            `json:"requests"`
}

type codeVector struct {
	ID       string          `json:"id"`
	Note     string          `json:"note"`
	Code     string          `json:"code"`
	Verdict  string          `json:"verdict"`
	Verdict4 string          `json:"verdict_4"`
	Result   json.RawMessage `json:"result"`
	Result4  json.RawMessage `json:"result_4"`
}

// deliberate are the vectors in which we differ on purpose, with the reason.
var deliberate = map[string]string{
	"page-15": "a provider that the catalog doesn't know has no defaults; it is no error",
	"ord-06":  "a test whose beforeAll failed is reported as failed",
	"exp-110": "matchers of the later generation are there in both",
	"exp-172": "as exp-110",
	"exp-175": "as exp-110",
}

func load(t *testing.T) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/script-tests-vectors.json")
	require.NoError(t, err)
	var v vectors
	require.NoError(t, json.Unmarshal(raw, &v))
	return v
}

// write makes a project of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	if _, ok := files["package.json"]; !ok {
		files["package.json"] = `{}`
	}
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return root
}

// textOf is a JSON text's own text; of any other value its JSON.
func textOf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var s string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// run runs a project's tests and returns what they wrote to console.log, a line each.
func run(t *testing.T, root string, options ...func(*spec.Options)) (*spec.Report, []string) {
	t.Helper()
	var lines []string
	o := spec.Options{Path: root, Print: func(_, _, text string) { lines = append(lines, text) }}
	for _, f := range options {
		f(&o)
	}
	report, err := spec.Run(context.Background(), o)
	require.NoError(t, err)
	return report, lines
}

func statuses(r *spec.Report) map[string]string {
	out := map[string]string{}
	for _, test := range r.Tests {
		out[test.Name] = test.Status
	}
	return out
}

func failures(r *spec.Report) string {
	var b strings.Builder
	for _, test := range r.Tests {
		if test.Error != nil {
			b.WriteString(test.Describe() + test.Error.Stack + "\n")
		}
	}
	return b.String()
}

// reporting is a test file that evaluates code and prints {result} or {error} of it.
func reporting(prepare, code string) string {
	return fmt.Sprintf(`import { it } from 'vitest';
it('t', async () => {
  %s
  let out;
  try { out = { result: (await (async () => { %s })()) ?? null }; } catch (e) { out = { error: String(e.message).split('\n')[0] }; }
  console.log(JSON.stringify(out));
});`, prepare, code)
}

func TestIdentityOfACall(t *testing.T) {
	v := load(t)
	for unified, list := range map[bool][]identityVector{true: v.Identity, false: v.IdentityOld} {
		for _, c := range list {
			t.Run(c.ID+" "+c.Note, func(t *testing.T) {
				t.Parallel()
				prepare := fmt.Sprintf(`const nango = new vitest.NangoActionMock({ dirname: __dirname, name: 'x', Model: 'M' }); let seen;
					nango.fixtureProvider = Promise.resolve({ isUnifiedMocks: () => %t, getCachedResponse: async (i) => { seen = i; return {}; } });`, unified)
				_, lines := run(t, write(t, map[string]string{"w/tests/x.test.ts": reporting(prepare, "await nango.proxy("+c.Config+"); return [JSON.stringify(seen.requestIdentity), seen.requestIdentityHash];")}))
				require.Len(t, lines, 1)
				if c.Error != "" {
					assert.JSONEq(t, toJSON(t, map[string]string{"error": c.Error}), lines[0])
					return
				}
				var out struct{ Result []string }
				require.NoError(t, json.Unmarshal([]byte(lines[0]), &out))
				require.Len(t, out.Result, 2, lines[0])
				if c.Text != "" {
					assert.Equal(t, c.Text, out.Result[0])
				}
				assert.Equal(t, c.Hash, out.Result[1])
			})
		}
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func TestCallsOfTheDoubles(t *testing.T) {
	for _, c := range load(t).Calls {
		t.Run(c.ID+" "+c.Note, func(t *testing.T) {
			t.Parallel()
			name, folder, double := c.Name, c.Folder, "NangoActionMock"
			if name == "" {
				name = "x"
			}
			if folder == "" {
				folder = "private-api-bearer"
			}
			if c.Kind == "sync" {
				double = "NangoSyncMock"
			}
			prepare := fmt.Sprintf(`const nango = new vitest.%s({ dirname: __dirname, name: %q, Model: 'M' });
				const requests = [], provider = await nango.fixtureProvider, real = provider.getCachedResponse.bind(provider);
				provider.getCachedResponse = async (i) => { requests.push(i.requestIdentity); return real(i); };`, double, name)
			if c.ID == "dbl-28" { // it looks at the provider
				prepare = strings.Split(prepare, "\n")[0]
			}
			files := map[string]string{folder + "/tests/run.test.ts": reporting(prepare, "const out = "+c.Code+"; if (typeof requests === 'undefined') return out; "+
				"return Promise.resolve(out).then((v) => { console.log(JSON.stringify({ requests })); return v; }, (e) => { console.log(JSON.stringify({ requests })); throw e; });")}
			if c.ID == "dbl-28" {
				files[folder+"/tests/run.test.ts"] = reporting(prepare, "return "+c.Code)
			}
			if c.Fixture != nil || len(c.Files) == 0 && !strings.HasPrefix(c.ID, "old-") {
				fixture := string(c.Fixture)
				if fixture == "" {
					fixture = "{}"
				}
				files[folder+"/tests/"+name+".test.json"] = fixture
			}
			for path, text := range c.Files {
				files[folder+"/"+path] = string(text)
			}
			_, lines := run(t, write(t, files), func(o *spec.Options) {
				o.Paginate = func(provider string) json.RawMessage {
					if provider == folder {
						return c.Paginate
					}
					return nil
				}
			})
			require.NotEmpty(t, lines)
			last := lines[len(lines)-1]
			switch {
			case deliberate[c.ID] != "":
				assert.NotContains(t, last, "Provider config not found")
			case c.Error != "":
				assert.JSONEq(t, toJSON(t, map[string]string{"error": c.Error}), last)
			default:
				result := string(c.Result)
				if result == "" {
					result = "null"
				}
				assert.JSONEq(t, `{"result":`+result+`}`, last)
			}
			if c.Requests != nil && deliberate[c.ID] == "" {
				assert.JSONEq(t, `{"requests":`+string(c.Requests)+`}`, lines[0])
			}
		})
	}
}

func TestWhichFixtureADoubleReads(t *testing.T) {
	for _, c := range load(t).Resolution {
		t.Run(c.ID+" "+c.Note, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			for name, raw := range c.Files {
				files[name] = textOf(t, raw)
			}
			report, _ := run(t, write(t, files))
			for title, verdict := range c.Verdict {
				found := false
				for _, test := range report.Tests {
					if test.Source == "file" && strings.HasSuffix(test.Name, title) {
						found = true
						assert.Equal(t, verdict, test.Status, failures(report))
					}
				}
				assert.True(t, found)
			}
		})
	}
}

func TestTheUsualChecksOfASync(t *testing.T) {
	for _, c := range load(t).Outcome {
		t.Run(c.ID+" "+c.Note, func(t *testing.T) {
			t.Parallel()
			checks := fmt.Sprintf(`import { vi, expect, it, describe, afterEach } from 'vitest';
import createSync from '../syncs/orders.js';
const models = %q.split(',');
for (const [title, method, get] of [['save', 'batchSave', 'getBatchSaveData'], ['delete', 'batchDelete', 'getBatchDeleteData']] as const) {
  it(title, async () => {
    const nango: any = new (global as any).vitest.NangoSyncMock({ dirname: __dirname, name: 'orders', Model: 'Order' });
    const spy = vi.spyOn(nango, method);
    await createSync.exec(nango);
    for (const model of models) {
      const expected = await nango[get](model);
      const given = JSON.parse(JSON.stringify(spy.mock.calls.filter((c: any) => c[1] === model).flatMap((c: any) => c[0])));
      if (title === 'save' || expected && expected.length > 0) expect(given).toStrictEqual(expected);
    }
  });
}`, c.Models)
			report, _ := run(t, write(t, map[string]string{
				"w/syncs/orders.ts":        "import { createSync } from 'nango'; export default createSync({ description: 'd', frequency: 'every hour', models: {}, exec: async (nango: any) => { " + c.Exec + " } } as any);",
				"w/tests/w-orders.test.ts": checks,
				"w/tests/orders.test.json": string(c.Fixture),
			}))
			assert.Equal(t, c.Verdict, statuses(report), failures(report))
		})
	}
}

func TestExpect(t *testing.T) {
	for _, c := range load(t).Expect {
		for generation, want := range map[string]string{"^2.1.0": c.Verdict, "^4.1.0": firstOf(c.Verdict4, c.Verdict)} {
			t.Run(c.ID+" "+generation, func(t *testing.T) {
				t.Parallel()
				code := "try { await (async () => { " + c.Code + " })(); console.log('pass'); } catch (e) { console.log(e?.name === 'AssertionError' ? 'fail' : 'error'); throw e; }"
				report, lines := run(t, write(t, map[string]string{
					"package.json": `{"devDependencies":{"vitest":"` + generation + `"}}`, "w/tests/x.test.ts": "import { expect, it, vi } from 'vitest';\nit('t', async () => { " + code + " });",
				}))
				require.Len(t, lines, 1, failures(report))
				if deliberate[c.ID] != "" {
					want = c.Verdict4
				}
				assert.Equal(t, want, lines[0], "%s\n%s", c.Code, failures(report))
				if c.Note != "" {
					assert.Equal(t, "failed", report.Tests[0].Status, c.Note)
				}
			})
		}
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func TestVi(t *testing.T) {
	for _, c := range load(t).Vi {
		for generation, want := range map[string]json.RawMessage{"^2.1.0": c.Result, "^4.1.0": c.Result4} {
			if want == nil {
				want = c.Result
			}
			t.Run(c.ID+" "+c.Note+" "+generation, func(t *testing.T) {
				t.Parallel()
				_, lines := run(t, write(t, map[string]string{
					"package.json": `{"devDependencies":{"vitest":"` + generation + `"}}`, "w/tests/x.test.ts": "import { vi } from 'vitest';\n" + reporting("", c.Code),
				}))
				require.Len(t, lines, 1)
				assert.JSONEq(t, `{"result":`+string(want)+`}`, lines[0], c.Code)
			})
		}
	}
}

func TestOrder(t *testing.T) {
	for _, c := range load(t).Order {
		t.Run(c.ID+" "+c.Note, func(t *testing.T) {
			t.Parallel()
			report, lines := run(t, write(t, map[string]string{
				"w/tests/x.test.ts": "vi.hoisted(() => { global.log = (x) => console.log(JSON.stringify(x)); });\n" + c.File,
				"w/tests/dep.ts":    `export default { v: 1 }; export function other() { return 'real'; }`,
				"w/tests/user.ts":   `import dep from './dep.js'; export function use() { return dep.v; }`,
			}))
			assert.JSONEq(t, string(c.Log), "["+strings.Join(lines, ",")+"]", failures(report))
			if c.FileError != "" {
				require.Len(t, report.Tests, 1)
				assert.Equal(t, "(file)", report.Tests[0].Name)
				assert.Regexp(t, "^(?:Error: )?"+regexp.QuoteMeta(c.FileError), report.Tests[0].Error.Message)
				return
			}
			if c.ID == "ord-06" {
				c.Tests["a x"] = "failed"
			}
			assert.Equal(t, c.Tests, statuses(report), failures(report))
		})
	}
}
