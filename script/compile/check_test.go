package compile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/compile"
)

// syncOf is a sync whose exec has the given lines, the first of which is line 5 of its file.
func syncOf(lines string) string {
	return "import { createSync } from 'nango';\nimport * as z from 'zod';\nconst M = z.object({ id: z.string() });\n" +
		"export default createSync({ description: 'x', frequency: '1h', models: { Mo: M, No: M }, exec: async (nango) => {\n" + lines + "\n} });\n"
}

func TestStaticChecks(t *testing.T) {
	const head = "import { createSync, createAction } from 'nango';\nimport * as z from 'zod';\n"
	for _, c := range []struct{ name, text, problem string }{
		{"awaited", syncOf("await nango.log('x'); return nango.get({ endpoint: '/' }) as never;"), ""},
		{"awaited together", syncOf("await Promise.all([1, 2].map((i) => nango.get({ endpoint: '/' + i })));"), ""},
		{"then", syncOf("nango.get({ endpoint: '/' }).then((r) => r);"), ""},
		{"catch", syncOf("nango.get({ endpoint: '/' }).catch(() => {});"), ""},
		{"awaited in an async generator", syncOf("async function* g() { yield await nango.get({ endpoint: '/' }); }\nfor await (const x of g()) x;"), ""},
		{"dropped", syncOf("\nnango.log('x');"), "a/syncs/x.ts:6: nango.log(…) is not waited for: write await before it [method_need_await]"},
		{"kept in a variable", syncOf("const p = nango.getMetadata(); void p;"), "a/syncs/x.ts:5: nango.getMetadata(…) is not waited for: write await before it [method_need_await]"},
		{"dropped in a callback of what is awaited", syncOf("await Promise.all([1].map(async () => { nango.post({ endpoint: '/' }); }));"), "nango.post(…) is not waited for"},
		{"dropped in an async generator", syncOf("async function* g() {\n nango.get({ endpoint: '/' }); yield 1; }\nfor await (const x of g()) x;"), "a/syncs/x.ts:6: nango.get(…) is not waited for"},
		{"the method of another object", syncOf("const other = { log() {} }; other.log();"), ""},
		{"a method that need not be awaited", syncOf("nango.setLogger({ level: 'info' });"), ""},
		{"retryOn without retries", syncOf("await nango.get({\n endpoint: '/', retryOn: [404] });"), "a/syncs/x.ts:5: nango.get(…): retryOn has no effect without retries [retryon_need_retries]"},
		{"retryOn with retries", syncOf("await nango.get({ endpoint: '/', retryOn: [404], retries: 2 });"), ""},

		{"merging after a call", syncOf("await nango.get({ endpoint: '/' });\nawait nango.setMergingStrategy({ strategy: 'override' }, 'Mo');"), "a/syncs/x.ts:6: setMergingStrategy has to come before nango.get(…) in line 5 [invalid_method_order]"},
		{"merging after a save", syncOf("await nango.batchSave([], 'Mo');\nawait nango.setMergingStrategy({ strategy: 'override' }, 'Mo');"), "before nango.batchSave(…) in line 5"},
		{"merging first", syncOf("await nango.setMergingStrategy({ strategy: 'override' }, 'Mo');\nawait nango.batchSave([], 'Mo');"), ""},
		{"deleting older twice", syncOf("await nango.deleteRecordsFromPreviousExecutions('Mo');\nawait nango.deleteRecordsFromPreviousExecutions('Mo');"), "a/syncs/x.ts:6: deleteRecordsFromPreviousExecutions may be called once"},
		{"deleting older before a save", syncOf("await nango.deleteRecordsFromPreviousExecutions('Mo');\nawait nango.batchSave([], 'Mo');"), "has to come after nango.batchSave(…) in line 6"},
		{"tracking without an end", syncOf("await nango.trackDeletesStart('Mo');"), "trackDeletesStart('Mo') needs a trackDeletesEnd('Mo')"},
		{"tracking without a start", syncOf("await nango.trackDeletesEnd('Mo');"), "trackDeletesEnd('Mo') needs a trackDeletesStart('Mo')"},
		{"tracking the wrong way round", syncOf("await nango.trackDeletesEnd('Mo');\nawait nango.trackDeletesStart('Mo');"), "has to come after trackDeletesStart('Mo') in line 6"},
		{"tracking twice", syncOf("await nango.trackDeletesStart('Mo');\nawait nango.trackDeletesStart('Mo');\nawait nango.trackDeletesEnd('Mo');"), "a/syncs/x.ts:6: trackDeletesStart('Mo') may be called once"},
		{"saving before tracking", syncOf("await nango.batchSave([], 'Mo');\nawait nango.trackDeletesStart('Mo');\nawait nango.trackDeletesEnd('Mo');"), "before nango.batchSave(…) in line 5"},
		{"saving after tracking", syncOf("await nango.trackDeletesStart('Mo');\nawait nango.trackDeletesEnd('Mo');\nawait nango.batchSave([], 'Mo');"), "after nango.batchSave(…) in line 7"},
		{"two models one after the other", syncOf("await nango.trackDeletesStart('Mo');\nawait nango.batchSave([], 'Mo');\nawait nango.trackDeletesEnd('Mo');\nawait nango.trackDeletesStart('No');\nawait nango.batchSave([], 'No');\nawait nango.trackDeletesEnd('No');"), ""},

		{"no default export", head + "createAction;", "a/syncs/x.ts: there is no default export: write export default createSync({…}), createAction({…}) or createOnEvent({…}) [nango_unsupported_export]"},
		{"a number", "export default 7;", "a/syncs/x.ts:1: the default export has to be createSync({…}), createAction({…}), createOnEvent({…}), or a const that holds one [nango_unsupported_export]"},
		{"a let", head + "let x = createSync({} as never);\nexport default x;", "[nango_unsupported_export]"},
		{"another function", head + "const make = (x: object) => x;\nexport default make({});", "a/syncs/x.ts:4: the default export is made with \"make\""},
		{"a function of the same name", "const createSync = (x: object) => x;\nexport default createSync({});", "[nango_invalid_default_export]"},
		{"not an object literal", head + "const d = { description: 'x' } as never;\nexport default createSync(d);", "a/syncs/x.ts:4: createSync takes an object literal, written in the call itself [nango_invalid_function_param]"},
		{"another value", strings.Replace(syncOf(""), "const M", "export const helper = 1;\nconst M", 1), "no other value may be exported: helper [nango_named_export_not_allowed]"},
		{"an enum", strings.Replace(syncOf(""), "const M", "export enum Kind { A }\nconst M", 1), "no other value may be exported: Kind"},
		{"a type", strings.Replace(syncOf(""), "const M", "export type T = string;\nexport interface I { a: 1 }\nconst M", 1), ""},
		{"from another file", strings.Replace(syncOf(""), "const M", "export { helper } from '../shared.js';\nconst M", 1), ""},
		{"the whole module imported", strings.Replace(strings.Replace(syncOf(""), "{ createSync }", "* as n", 1), "createSync(", "n.createSync(", 1), ""},

		{"a frequency that is none", strings.Replace(syncOf(""), "'1h'", "'often'", 1), `"often"`},
		{"a frequency that is too short", strings.Replace(syncOf(""), "'1h'", "'every 10 seconds'", 1), "at least 30 seconds"},
		{"a model without id", strings.Replace(syncOf(""), "{ id:", "{ key:", 1), "models.Mo: a model has a field id"},
		{"a model's name", strings.Replace(syncOf(""), "{ Mo: M, No: M }", "{ m: M }", 1), "a model's name begins with a capital letter"},
		{"a top level that does not end", strings.Replace(syncOf(""), "const M", "throw new Error('at the start');\nconst M", 1), "the script can't be loaded: at the start"},
		{"import.meta", strings.Replace(syncOf("import.meta;"), "const M", "console.log(import.meta);\nconst M", 1), "a/syncs/x.ts:3: import.meta is not there in scripts"},
		{"a file outside of the project", "import { x } from '../../../y.js';\n" + syncOf("x;"), "lies outside of the project [disallowed_import]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := project(t, map[string]string{"index.ts": "import './a/syncs/x.js';", "a/syncs/x.ts": c.text, "a/shared.ts": "export const helper = 1;\n"})
			_, err := compile.Build(dir)
			if c.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.problem)
		})
	}
}

func TestSharedFilesAreCheckedToo(t *testing.T) {
	dir := project(t, map[string]string{
		"index.ts":     "import './a/syncs/x.js';",
		"a/syncs/x.ts": "import { save } from '../save.js';\n" + syncOf("await save(nango);"),
		"a/save.ts":    "import type { NangoSync } from 'nango';\nexport async function save(nango: NangoSync) {\n  nango.saveCheckpoint({ a: 1 });\n  nango.batchSave([], 'Mo');\n}\n",
	})
	_, err := compile.Build(dir)
	require.ErrorContains(t, err, "a/save.ts:4: nango.batchSave(…) is not waited for")
}

func TestAProjectIsCheckedAsOne(t *testing.T) {
	action := func(path string) string {
		return "import { createAction } from 'nango';\nimport * as z from 'zod';\nexport default createAction({ description: 'x', endpoint: { method: 'POST', path: '" + path + "' }, input: z.void(), output: z.void(), exec: async () => {} });"
	}
	for _, c := range []struct {
		name    string
		files   map[string]string
		problem string
	}{
		{"a model of two syncs", map[string]string{"a/syncs/x.ts": syncOf(""), "a/syncs/y.ts": syncOf("")}, "a/syncs/y.ts: the model Mo is already that of a/syncs/x.ts"},
		{"the same model in two integrations", map[string]string{"a/syncs/x.ts": syncOf(""), "b/syncs/x.ts": syncOf("")}, ""},
		{"an endpoint of two actions", map[string]string{"a/actions/x.ts": action("/p"), "a/actions/y.ts": action("/p")}, "a/actions/y.ts: the endpoint POST /p is already that of a/actions/x.ts"},
		{"two endpoints", map[string]string{"a/actions/x.ts": action("/p"), "a/actions/y.ts": action("/q")}, ""},
		{"two mistakes", map[string]string{"a/syncs/x.ts": syncOf("nango.log('x');"), "b/syncs/y.ts": "export default 1;"}, "a/syncs/x.ts:5: nango.log(…) is not waited for: write await before it [method_need_await]\nb/syncs/y.ts:1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var index strings.Builder
			for _, name := range []string{"a/syncs/x", "a/syncs/y", "a/actions/x", "a/actions/y", "b/syncs/x", "b/syncs/y"} {
				if _, ok := c.files[name+".ts"]; ok {
					index.WriteString("import './" + name + ".js';\n")
				}
			}
			c.files["index.ts"] = index.String()
			_, err := compile.Build(project(t, c.files))
			if c.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.problem)
		})
	}
}

func TestFeaturesAndWarnings(t *testing.T) {
	dir := project(t, map[string]string{
		"index.ts":     "import './a/syncs/x.js';\nimport './b/syncs/y.js';",
		"a/syncs/x.ts": syncOf("await nango.saveCheckpoint({ at: 1 });\nconsole.log('x');"),
		"b/syncs/y.ts": syncOf("// nango.saveCheckpoint(…) in a comment\nawait nango.log('saveCheckpoint');"),
	})
	p, err := compile.Build(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"checkpoints"}, p.Scripts[0].Definition.Features)
	assert.Empty(t, p.Scripts[1].Definition.Features)
	assert.Equal(t, []string{"a/syncs/x.ts: what goes to console is seen nowhere: use nango.log"}, p.Warnings)
	assert.Equal(t, "a_syncs_x.cjs", p.Scripts[0].BundleName())
}
