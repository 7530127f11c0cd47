package compile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/compile"
)

func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

const issues = `import { createSync } from 'nango';
import * as z from 'zod';
import { title } from '../shared.js';
const sync = createSync({
    description: 'Issues', version: '1.2.0', frequency: 'every hour', autoStart: true, syncType: 'incremental', scopes: ['repo'],
    models: { Issue: z.object({ id: z.string(), at: z.date(), n: z.number().optional() }) },
    metadata: z.object({ owner: z.string() }),
    exec: async (nango) => { await nango.getCheckpoint(); for await (const page of nango.paginate({ endpoint: '/x' })) await nango.batchSave(page.map(title), 'Issue'); }
});
export default sync;
`

func TestAProjectIsBundledAndDefined(t *testing.T) {
	dir := project(t, map[string]string{
		"index.ts":                   "// entries\nimport './git-hub/syncs/my-issues.js';\nimport \"./git-hub/actions/create\"\nimport { x } from './nothing.js';\n",
		"git-hub/shared.ts":          "export const title = (x: unknown) => x as { id: string };\n",
		"git-hub/syncs/my-issues.ts": issues,
		"git-hub/actions/create.ts":  "import { createAction } from 'causeway';\nimport * as z from 'zod/v4';\nexport default createAction({ description: 'c', version: '1', input: z.void(), output: z.object({ ok: z.boolean() }), exec: async () => ({ ok: true }) });\n",
	})
	entries, err := compile.Entries(dir)
	require.NoError(t, err)
	require.Equal(t, []compile.Entry{
		{File: "git-hub/syncs/my-issues.ts", Integration: "git-hub", Folder: "syncs", Name: "my-issues"},
		{File: "git-hub/actions/create.ts", Integration: "git-hub", Folder: "actions", Name: "create"},
	}, entries)

	js, source, err := compile.Bundle(dir, entries[0])
	require.NoError(t, err)
	assert.Equal(t, issues, string(source))
	assert.Contains(t, string(js), `require("zod")`, "packages stay outside")
	assert.NotContains(t, string(js), `require("nango")`, "the wrappers are inlined")
	assert.NotContains(t, string(js), dir, "no path of the author's machine leaves it")

	d, err := compile.Define(entries[0], js)
	require.NoError(t, err)
	assert.Equal(t, "sync", d.Type)
	assert.True(t, d.AutoStart)
	assert.Equal(t, []string{"Issue"}, d.Models)
	assert.Equal(t, "SyncMetadata_git_hub_myissues", d.Input)
	assert.Equal(t, []string{"checkpoints"}, d.Features)
	var schema struct{ Definitions map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(d.Schema, &schema))
	assert.JSONEq(t, `{"type":"object","properties":{"id":{"type":"string"},"at":{"type":"string","format":"date-time"},"n":{"type":"number"}},"required":["id","at"],"additionalProperties":false}`, string(schema.Definitions["Issue"]))

	js, _, err = compile.Bundle(dir, entries[1])
	require.NoError(t, err)
	d, err = compile.Define(entries[1], js)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(d.Schema, &schema))
	assert.JSONEq(t, `{"type":"null"}`, string(schema.Definitions["ActionInput_git_hub_create"]))
	assert.Equal(t, []string{"ActionOutput_git_hub_create"}, d.Models)
}

func TestMistakesNameTheFile(t *testing.T) {
	action := func(body string) string {
		return "import { createAction } from 'nango';\nimport * as z from 'zod';\n" + body
	}
	for _, c := range []struct{ name, file, text, code, message string }{
		{"a package that scripts don't have", "a/actions/x.ts", action("import fs from 'fs';\nexport default createAction({ description: fs.x, version: '1', input: z.void(), output: z.void(), exec: async () => {} });"), "disallowed_import", "a/actions/x.ts:3"},
		{"a type import of one is fine", "a/actions/x.ts", action("import type fs from 'fs';\nexport default createAction({ description: 'x' as keyof typeof fs & string, version: '1', input: z.void(), output: z.void(), exec: async () => {} });"), "", ""},
		{"no definition", "a/actions/x.ts", "export default 7;", "nango_unsupported_export", "default export"},
		{"another export", "a/actions/x.ts", action("export const y = 1;\nexport default createAction({ description: 'x', version: '1', input: z.void(), output: z.void(), exec: async () => {} });"), "nango_named_export_not_allowed", "no other value may be exported: y"},
		{"the wrong folder", "a/syncs/x.ts", action("export default createAction({ description: 'x', version: '1', input: z.void(), output: z.void(), exec: async () => {} });"), "invalid_folder", "belongs into a/actions"},
		{"no input", "a/actions/x.ts", action("export default createAction({ description: 'x', version: '1', output: z.void(), exec: async () => {} } as never);"), "invalid_definition", "input: required"},
		{"a syntax error", "a/actions/x.ts", "export default {", "failed_to_build_unknown", "a/actions/x.ts:1"},
		{"top-level await", "a/actions/x.ts", action("await 1;\nexport default createAction({ description: 'x', version: '1', input: z.void(), output: z.void(), exec: async () => {} });"), "failed_to_build_unknown", "a/actions/x.ts:3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := project(t, map[string]string{"index.ts": "import './" + c.file[:len(c.file)-3] + ".js';", c.file: c.text})
			_, err := compile.Build(dir)
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.message)
			require.ErrorContains(t, err, c.code)
		})
	}
}

func TestEntriesThatAreNone(t *testing.T) {
	for _, c := range []struct{ name, index, message string }{
		{"an empty index", "// nothing\n", "it imports no script"},
		{"a file that isn't there", "import './a/syncs/x.js';", "there is no file a/syncs/x.ts"},
		{"outside of the project", "import './../a/syncs/x.js';", "a script lies in"},
		{"in the root", "import './x.js';", "a script lies in"},
	} {
		_, err := compile.Entries(project(t, map[string]string{"index.ts": c.index}))
		require.ErrorContains(t, err, c.message, c.name)
	}
	_, err := compile.Entries(t.TempDir())
	require.ErrorContains(t, err, "there is no index.ts here")
}
