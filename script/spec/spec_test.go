package spec_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/spec"
)

const ordersSync = `import { createSync } from 'nango';
import * as z from 'zod';

const Order = z.object({ id: z.string() });

export default createSync({
    description: 'd', frequency: 'every hour', models: { Order },
    exec: async (nango) => {
        const orders = await nango.get({ endpoint: '/orders' });
        await nango.batchSave(orders.data, 'Order');
    }
});
`

const shipAction = `import { createAction } from 'causeway';
import * as z from 'zod';

export default createAction({
    description: 'd', input: z.object({ id: z.string() }), output: z.object({ state: z.string() }),
    exec: async (nango, input) => {
        const { state } = (await nango.post<{ state: string }>({ endpoint: '/orders/' + input.id + '/ship', data: { express: true } })).data;
        return { state };
    }
});
`

const ordersFixture = `{"nango": {"batchSave": {"Order": [{"id": "1"}]}, "batchDelete": {"Order": []}},
	"api": {"get": {"/orders": {"response": [{"id": "1"}], "status": 200, "request": {}}}}}`

func shop(t *testing.T, more map[string]string) string {
	files := map[string]string{"index.ts": "", "shop/syncs/orders.ts": ordersSync, "shop/actions/ship.ts": shipAction, "shop/tests/orders.test.json": ordersFixture}
	for name, text := range more {
		files[name] = text
	}
	return write(t, files)
}

func TestFixturesAloneAreTests(t *testing.T) {
	root := shop(t, map[string]string{
		"shop/tests/ship.test.json":         `{"input": {"id": "o-1"}, "output": {"state": "sent"}, "api": {"post": {"/orders/o-1/ship": {"response": {"state": "sent"}}}}}`,
		"shop/tests/shop-ship.test.json":    `{"input": {"id": "o-1"}, "output": {"state": "lost"}, "api": {"post": {"/orders/o-1/ship": {"response": {"state": "sent"}}}}}`,
		"shop/tests/ship-express.test.json": `{"input": {"id": "o-1"}, "output": {}, "api": {"post": {"/orders/o-1/ship": {"response": {}, "request": {"data": {"express": false}}}}}}`,
		"shop/tests/nothing.test.json":      `{}`,
	})
	report, _ := run(t, root)
	assert.Equal(t, map[string]string{
		"shop orders batchSave": "passed", "shop orders batchDelete": "passed", "shop ship output": "passed", "shop shop-ship output": "failed",
		"shop ship-express output": "failed", "(file)": "failed",
	}, statuses(report), failures(report))
	messages := map[string]*spec.Failure{}
	for _, test := range report.Tests {
		assert.Equal(t, "fixture", test.Source)
		messages[test.Name] = test.Error
	}
	assert.Contains(t, messages["shop shop-ship output"].Message, `$.state: "sent" ≠ "lost"`)
	assert.Contains(t, messages["shop shop-ship output"].Diff, `-   "state": "lost",`)
	assert.Equal(t, "unmatched", messages["shop ship-express output"].Kind)
	assert.Contains(t, messages["shop ship-express output"].Message, `data: recorded { "express": false }, asked for "{\"express\":true}"`)
	assert.Equal(t, "shop/actions/ship.ts", messages["shop ship-express output"].File)
	assert.Equal(t, 7, messages["shop ship-express output"].Line)
	assert.Equal(t, "fixture", messages["(file)"].Kind)
	assert.Contains(t, messages["(file)"].Message, "no script for this fixture")
}

func TestAFixtureThatATestFileUsesIsNoTestOfItsOwn(t *testing.T) {
	root := shop(t, map[string]string{"shop/tests/shop-orders.test.ts": `import { it } from 'vitest';
		it('reads it', async () => { await new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'orders', Model: 'Order' }).getBatchSaveData('Order'); });`})
	report, _ := run(t, root)
	assert.Equal(t, map[string]string{"reads it": "passed"}, statuses(report), failures(report))
	asked, _ := run(t, filepath.Join(root, "shop/tests/orders.test.json"))
	assert.Equal(t, map[string]string{"shop orders batchSave": "passed", "shop orders batchDelete": "passed"}, statuses(asked))
}

func TestFailuresNameTheAuthorsLines(t *testing.T) {
	report, _ := run(t, write(t, map[string]string{
		"w/tests/x.test.ts": "import { expect, it } from 'vitest';\nimport { deep } from './deep.js';\n\ninterface Unused { a: string }\n\nit('here', () => {\n  expect([1, { a: 2 }]).toEqual([1, { a: 3 }]);\n});\n" +
			"it('rejects', async () => {\n  await expect(Promise.reject(new Error('no'))).rejects.toThrow('yes');\n});\nit('elsewhere', () => { deep(); });",
		"w/tests/deep.ts": "export type T = string;\n\nexport function deep(): void {\n  throw new TypeError('boom');\n}",
	}))
	require.Len(t, report.Tests, 3)
	lines := map[string][2]any{}
	for _, test := range report.Tests {
		lines[test.Name] = [2]any{test.Error.File, test.Error.Line}
	}
	assert.Equal(t, map[string][2]any{"here": {"w/tests/x.test.ts", 7}, "rejects": {"w/tests/x.test.ts", 10}, "elsewhere": {"w/tests/deep.ts", 4}}, lines)
	assert.Equal(t, "TypeError: boom", report.Tests[0].Error.Message)
}

func TestLinesStayRightWhenCallsAreMovedAboveTheImports(t *testing.T) {
	report, lines := run(t, write(t, map[string]string{
		"w/tests/x.test.ts": "import { it, vi } from 'vitest';\nimport dep from './dep.js';\n\nvi.mock('./dep.js', () => {\n  return {\n    default: 'replaced'\n  };\n});\nit('x', () => {\n  console.log(dep);\n  throw new Error('here');\n});",
		"w/tests/dep.ts":    "export default 'real'",
	}))
	assert.Equal(t, []string{"replaced"}, lines)
	assert.Equal(t, 11, report.Tests[0].Error.Line)
}

func TestATestThatDoesNotEndFailsAndTheOthersGoOn(t *testing.T) {
	report, _ := run(t, write(t, map[string]string{"w/tests/x.test.ts": `import { describe, it, expect } from 'vitest';
		describe('d', () => {
			it('never settles', () => new Promise(() => {}));
			it('runs away', () => { for (;;); }, 100);
			it('sleeps for an hour and more', () => new Promise((r) => setTimeout(r, 3.7e6)));
			it('sleeps for half an hour', async () => {
				const before = Date.now();
				await new Promise((r) => setTimeout(r, 1.8e6));
				expect(Date.now() - before).toBeGreaterThanOrEqual(1.8e6);
			});
			it('is the last', () => {});
		});`}))
	assert.Equal(t, map[string]string{
		"d never settles": "failed", "d runs away": "failed", "d sleeps for an hour and more": "failed", "d sleeps for half an hour": "passed", "d is the last": "passed",
	}, statuses(report), failures(report))
	for _, test := range report.Tests {
		if test.Status == "failed" {
			assert.Equal(t, "time_limit", test.Error.Kind, test.Name)
		}
	}
}

func TestWhatBelongsToNoTestFailsTheRun(t *testing.T) {
	report, _ := run(t, write(t, map[string]string{"w/tests/x.test.ts": `import { it } from 'vitest'; it('x', () => { Promise.reject(new Error('nobody looks')); });`}))
	assert.Equal(t, map[string]string{"x": "passed"}, statuses(report))
	require.Len(t, report.Errors, 1)
	assert.Equal(t, "unhandled rejection: Error: nobody looks", report.Errors[0].Message)
	assert.False(t, report.OK())
}

func TestAFileThatDoesNotLoadIsOneFailedTest(t *testing.T) {
	report, _ := run(t, write(t, map[string]string{
		"w/tests/a.test.ts": `import axios from 'axios'; import { it } from 'vitest'; it('x', () => axios.get('/'));`,
		"w/tests/b.test.ts": `import type { AxiosError } from 'axios'; import { it } from 'vitest'; it('x', () => { const e: AxiosError | null = null; });`,
		"w/tests/c.test.ts": "import { it } from 'vitest';\nit('x', () => { const = 1; });",
	}))
	assert.Equal(t, 1, report.Passed)
	require.Len(t, report.Tests, 3)
	assert.Equal(t, "w/tests/a.test.ts :: (file)", report.Tests[0].ID)
	assert.Contains(t, report.Tests[0].Error.Message, "Cannot find package 'axios' imported from w/tests/a.test.ts")
	assert.Contains(t, report.Tests[2].Error.Message, "w/tests/c.test.ts:2")
}

func TestTestsReadFilesOfTheirProjectOnly(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret.json")
	require.NoError(t, os.WriteFile(outside, []byte(`"secret"`), 0o600))
	_, lines := run(t, write(t, map[string]string{
		"w/tests/data.json": `{"a": 1}`,
		"w/tests/x.test.ts": `import { it } from 'vitest'; import fs, { readFileSync } from 'node:fs'; import path from 'path'; import data, { a } from './data.json'; import { fileURLToPath } from 'url';
			it('x', async () => {
				console.log(JSON.parse(readFileSync(path.join(__dirname, 'data.json'), 'utf8')).a + data.a + a + (await import('./data.json')).default.a);
				console.log(fs.existsSync(path.resolve(__dirname, 'none.json')), path.basename(fileURLToPath(import.meta.url)));
				try { readFileSync(` + toJSON(t, outside) + `); } catch (e) { console.log(e.code); }
				await fetch('https://example.com').catch((e) => console.log(e.message));
				console.log(process.env.HOME, process.env.NODE_ENV);
			});`,
	}))
	assert.Equal(t, []string{"4", "false x.test.ts", "EACCES", "network access is not available in tests", "undefined test"}, lines)
}

func TestOnlyWhatTheFilterFindsRuns(t *testing.T) {
	root := shop(t, nil)
	report, _ := run(t, root, func(o *spec.Options) { o.Filter = regexp.MustCompile(`orders .*Delete$`) })
	assert.Equal(t, map[string]string{"shop orders batchDelete": "passed"}, statuses(report))
	_, err := spec.Run(context.Background(), spec.Options{Path: root, Filter: regexp.MustCompile("nowhere")})
	var usage *spec.UsageError
	require.ErrorAs(t, err, &usage)
	_, err = spec.Run(context.Background(), spec.Options{Path: t.TempDir()})
	require.ErrorAs(t, err, &usage)
	require.ErrorContains(t, err, "no tests found under")
}

func TestLinksAreFollowedAndKeepTheirNames(t *testing.T) {
	root := shop(t, nil)
	require.NoError(t, os.Symlink("shop", filepath.Join(root, "store")))
	require.NoError(t, os.Symlink("..", filepath.Join(root, "shop", "loop")))
	report, _ := run(t, root)
	var ids []string
	for _, test := range report.Tests {
		ids = append(ids, test.ID)
	}
	assert.Equal(t, []string{
		"shop/tests/orders.test.json :: shop orders batchDelete", "shop/tests/orders.test.json :: shop orders batchSave",
		"store/tests/orders.test.json :: store orders batchDelete", "store/tests/orders.test.json :: store orders batchSave",
	}, slices.DeleteFunc(ids, func(id string) bool { return len(id) > 60 }))
	assert.True(t, report.OK(), failures(report))
}

func TestTheReportDoesNotDependOnHowManyFilesRunAtOnce(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		files["integrations/"+name+"/tests/x.test.ts"] = `import { it } from 'vitest'; it('same', () => {}); it('same', () => {}); it('fails', () => { throw 1; });`
	}
	root := write(t, files)
	strip := func(r *spec.Report) string {
		for i := range r.Tests {
			r.Tests[i].Ms = 0
		}
		raw, err := json.Marshal(r.Tests)
		require.NoError(t, err)
		return string(raw)
	}
	one, _ := run(t, root, func(o *spec.Options) { o.Parallel = 1 })
	many, _ := run(t, root, func(o *spec.Options) { o.Parallel = 4 })
	assert.Equal(t, strip(one), strip(many))
	assert.Equal(t, "a/tests/x.test.ts :: fails", one.Tests[0].ID)
	assert.Equal(t, "a/tests/x.test.ts :: same #2", one.Tests[2].ID)
	assert.Equal(t, "12 passed, 6 failed", one.Closing())
}

func TestSnapshotsAreWrittenOnceAndComparedThen(t *testing.T) {
	t.Setenv("CI", "")
	root := write(t, map[string]string{"w/tests/x.test.ts": "import { expect, it } from 'vitest'; it('x', () => { expect({ b: [1], a: 'it`s' }).toMatchSnapshot(); });"})
	report, _ := run(t, root)
	require.True(t, report.OK(), failures(report))
	assert.Equal(t, []string{"w/tests/__snapshots__/x.test.ts.snap"}, report.Updated)
	raw, err := os.ReadFile(filepath.Join(root, "w/tests/__snapshots__/x.test.ts.snap"))
	require.NoError(t, err)
	assert.Equal(t, "// Vitest Snapshot v1, https://vitest.dev/guide/snapshot.html\n\nexports[`x 1`] = `\n{\n  \"a\": \"it\\`s\",\n  \"b\": [\n    1,\n  ],\n}\n`;\n", string(raw))
	again, _ := run(t, root)
	assert.True(t, again.OK(), failures(again))
	assert.Empty(t, again.Updated)
	require.NoError(t, os.WriteFile(filepath.Join(root, "w/tests/x.test.ts"), []byte("import { expect, it } from 'vitest'; it('x', () => { expect({ b: [2], a: 'it`s' }).toMatchSnapshot(); });"), 0o600))
	changed, _ := run(t, root)
	assert.False(t, changed.OK())
	updated, _ := run(t, root, func(o *spec.Options) { o.Update = true })
	assert.True(t, updated.OK(), failures(updated))
}

func TestACancelledRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	root := write(t, map[string]string{"w/tests/x.test.ts": `import { it } from 'vitest'; it('x', () => { console.log('go'); for (;;); }, 60000);`})
	_, err := spec.Run(ctx, spec.Options{Path: root, Print: func(_, _, _ string) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
}
