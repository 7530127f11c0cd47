package compile_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/compile"
	"github.com/causeway-dev/causeway/script/realm"
)

var engine = sync.OnceValues(func() (*realm.Engine, error) { return realm.New(realm.Options{}) })

// provider answers every call with two pages.
type provider struct{}

func (provider) Call(_ context.Context, call script.Call) (script.Answer, error) {
	if call.Name != script.CallProxy {
		return script.Answer{}, &script.CallError{Code: "unexpected", Message: call.Name}
	}
	body := `{"list":[1,2],"next":"b"}`
	if strings.Contains(string(call.Meta), `"b"`) {
		body = `{"list":[3]}`
	}
	meta, err := json.Marshal(script.HTTPAnswer{Status: 200})
	return script.Answer{Meta: meta, Body: []byte(body)}, err
}

func (provider) Note(script.Call) {}

// entry is an action whose exec has the given lines, the first of which is line 4.
func entry(before, body string) string {
	return "import { createAction } from 'nango'; import * as z from 'zod';\n" + before +
		"\nexport default createAction({ description: 'x', input: z.any(), output: z.any(), exec: async (nango) => {\n" + body + "\n} });\n"
}

// What TypeScript lets through has to run as in Node (the values are Node 20's), or be refused with its place and its name.
func TestSyntaxThatTypeScriptLetsThrough(t *testing.T) {
	for _, c := range []struct{ name, before, body, want string }{
		{"for await over paginate", "", "const all = []; for await (const page of nango.paginate({ endpoint: '/x', paginate: { type: 'cursor', cursor_name_in_request: 'c', cursor_path_in_response: 'next', response_path: 'list' } })) all.push(...page); return all;", `[1,2,3]`},
		{"async generator with return in finally", "async function* g() { try { yield 1; yield 2; } finally { return 9; } }", "const all = []; for await (const x of g()) all.push(x); const it = g(); await it.next(); all.push(await it.return(5)); return all;", `[1,2,{"value":9,"done":true}]`},
		{"async generator method and yield*", "class A { async *m() { yield* [1, 2]; yield* this.n(); } async *n() { yield 3; } }", "const all = []; for await (const x of new A().m()) all.push(x); return all;", `[1,2,3]`},
		{"exponent of big integers", "", "return String(10n ** 3n);", `"1000"`},
		{"class static block", "class A { static n = 0; static { A.n = 7; } }", "return A.n;", `7`},
		{"private names", "class A { #x = 1; static #y = 2; #m() { return this.#x; } get z() { return this.#m() + A.#y; } static has(o: object) { return #x in o; } }", "return [new A().z, A.has(new A()), A.has({})];", `[3,true,false]`},
		{"logical assignment", "", "let a: any = null, b: any = 0, c: any = 1; a ??= 5; b ||= 6; c &&= 7; return [a, b, c];", `[5,6,7]`},
		{"labelled break and continue", "", "const r = []; outer: for (let i = 0; ; i++) { for (;;) { if (i < 2) continue outer; break outer; } } inner: { r.push(1); break inner; } return r;", `[1]`},
		{"flag s", "", `return /a.b/s.test("a\nb");`, `true`},
		{"flag y", "", `const r = /b/y; r.lastIndex = 1; return [r.test("abb"), r.test("abb"), r.test("abb")];`, `[true,true,false]`},
		{"named groups", "", `return "2024-05".replace(/(?<y>\d+)-(?<m>\d+)/, "$<m>/$<y>");`, `"05/2024"`},
		{"look-behind", "", `return ["$12 €7".match(/(?<=\$)\d+/)![0], "$12 €7".match(/(?<!\$|\d)\d+/)![0]];`, `["12","7"]`},
		{"letters of all scripts", "", `return ["Straße-日本".match(/\p{L}+/gu), "ÄÖ".match(/^\p{Lu}+$/u) !== null, "a1".replace(/\P{L}/gu, ""), /^\p{Script=Greek}+$/u.test("αβγ"), /[\p{L}\p{N}_]+/u.exec("-x1_é!")![0]];`, `[["Straße","日本"],true,"a",true,"x1_é"]`},
		{"emoji", "", `return ["a😀b".replace(/\p{Extended_Pictographic}/gu, ""), /^\p{Emoji}$/u.test("1"), /\u{1F600}/u.test("😀")];`, `["ab",true,true]`},
		{"flag v without sets", "", `return [/^[\p{L}\&\d]+$/v.test("é&1"), /[^\p{L}]/v.exec("ab1")![0]];`, `[true,"1"]`},
		{"a pattern from a text", "", `return [new RegExp("^\\p{L}+$", "u").test("é"), RegExp("[\\p{Lu}]", "gv").flags.length, new RegExp(/x/g, "i").flags, /x/ instanceof RegExp, new RegExp("x") instanceof RegExp, /x/.constructor === RegExp];`, `[true,2,"i",true,true,true]`},
		{"enum", "enum Kind { A, B = 'b' }", "return [Kind.A, Kind.B, Kind[0]];", `[0,"b","A"]`},
		{"const enum and namespace", "const enum K { A = 3 }\nnamespace N { export const x = 1; }", "return [K.A, N.x];", `[3,1]`},
		{"satisfies, as const, non-null", "", "const x = { a: 1 } satisfies { a: number }; const y = [1] as const; return [x.a, y[0]!];", `[1,1]`},
		{"decorators", "const twice = (f: any, _c: unknown) => function (this: any) { return f.call(this) * 2; };\nclass A { @twice m() { return 4; } accessor n = 5; }", "const a = new A(); a.n++; return [a.m(), a.n];", `[8,6]`},
		{"using", "", "const log: string[] = []; { using x = { [Symbol.dispose]() { log.push('x'); } }; void x; await using y = { async [Symbol.asyncDispose]() { log.push('y'); } }; void y; log.push('body'); } return log;", `["body","y","x"]`},
		{"JSON import", "import data from '../data.json';\nimport { n } from '../data.json';", "return [data.n, n];", `[5,5]`},
		{"type import", "import type { NangoAction } from 'nango';\nimport { type ProxyConfiguration } from 'nango';", "const f = (_n: NangoAction, _p?: ProxyConfiguration) => 1; return f(nango as never);", `1`},
		{"dynamic import", "", "const { helper } = await import('../helper.js'); const zod = await import('zod'); return [helper, typeof zod.z.object];", `[4,"function"]`},
		{"overloads, abstract, parameter properties", "function f(x: string): string; function f(x: number): number; function f(x: any) { return x; }\nabstract class B { constructor(readonly a: number) {} abstract m(): number; }\nclass C extends B { override m() { return this.a; } }", "return [f(1), new C(2).m()];", `[1,2]`},
		{"optional chaining and spread", "", "const o: any = { a: { b: [1] } }; const { a, ...rest } = { a: 1, b: 2 }; return [o?.a?.b?.[0], o.x?.y.z(), { ...rest, a }, [...'ab']];", `[1,null,{"b":2,"a":1},["a","b"]]`},
		{"newer library methods", "", "return [[3, 1, 2].toSorted(), [1, 2].at(-1), Object.groupBy([1, 2, 3], (x) => (x % 2 ? 'o' : 'e')), [1, 2, 3].findLast((x) => x < 3), 'aa'.replaceAll('a', 'b'), [...new Set([1]).union(new Set([2]))], await Array.fromAsync([1])];", `[[1,2,3],2,{"o":[1,3],"e":[2]},2,"bb",[1,2],[1]]`},
		{"a cause and an aggregate", "", "const e = new Error('x', { cause: 1 }); try { await Promise.any([Promise.reject(new Error('y'))]); return 0; } catch (a: any) { return [e.cause, a.errors.length, a.constructor.name]; }", `[1,1,"AggregateError"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := project(t, map[string]string{"index.ts": "import './a/actions/x.js';", "a/actions/x.ts": entry(c.before, c.body), "a/data.json": `{"n":5}`, "a/helper.ts": "export const helper = 4;"})
			p, err := compile.Build(dir)
			require.NoError(t, err)
			r := compile.Lower(script.CompileJob{Name: "a/x", Text: p.Scripts[0].JS})
			require.Empty(t, r.Code, r.Message)
			e, err := engine()
			require.NoError(t, err)
			program, err := e.Compile("x-a", r.Lowered)
			require.NoError(t, err)
			result := e.Run(t.Context(), program, script.Start{Script: "x-a", Kind: causeway.RunAction, FinishMs: 10_000}, provider{})
			require.Empty(t, result.Code, "%s %s", result.Message, result.Error)
			assert.JSONEq(t, c.want, string(result.Output))
		})
	}
}

func TestSyntaxThatTheEngineLacksIsRefusedWithItsPlace(t *testing.T) {
	for _, c := range []struct{ name, before, body, message string }{
		{"top-level await", "await Promise.resolve();", "", "a/actions/x.ts:2: Top-level await"},
		{"import.meta", "const here = import.meta.url;", "return here;", "a/actions/x.ts:2: import.meta is not there in scripts"},
		{"flag d", "", "\nreturn /a(b)/d.exec('ab');", "a/actions/x.ts:5: the regular expression /a(b)/d can't be run: the flag d (indices of groups) is not supported"},
		{"sets of the flag v", "", "return /[\\p{L}--[a-z]]/v.test('a');", "a/actions/x.ts:4: the regular expression /[\\p{L}--[a-z]]/v can't be run: sets within a class (flag v) are not supported"},
		{"flags within a group", "", "return /(?i:a)b/.test('Ab');", "a/actions/x.ts:4: the regular expression /(?i:a)b/ can't be run: flags within a group, as in (?i:…), are not supported"},
		{"a property of texts", "", "return /\\p{RGI_Emoji}/v.test('x');", `a/actions/x.ts:4: the regular expression /\p{RGI_Emoji}/v can't be run: the property \p{RGI_Emoji} is not known`},
		{"code through a constructor", "", "return (() => 1).constructor('return 2')();", "a/actions/x.ts:4: code is built from text through a constructor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := project(t, map[string]string{"index.ts": "import './a/actions/x.js';", "a/actions/x.ts": entry(c.before, c.body)})
			_, err := compile.Build(dir)
			require.ErrorContains(t, err, c.message)
		})
	}
}

// The platform gets bundles from other compilers as well, with or without a source map.
func TestUploadedBundles(t *testing.T) {
	for _, c := range []struct{ name, text, code, message string }{
		{"top-level await", "\nawait 1", compile.CodeFailedBuild, "x.cjs:2: Top-level await"},
		{"a syntax error", "\n\nlet let = 1 +", compile.CodeFailedBuild, "x.cjs:3:"},
		{"through the constructor", `module.exports = (() => {}).constructor("return 1")()`, compile.CodeRejected, "x.cjs:1:"},
		{"by a static key", `(() => {})["constructor"]("return 1")`, compile.CodeRejected, ""},
		{"by a text put together", `(() => {})["const" + "ructor"]("return 1")`, compile.CodeRejected, ""},
		{"by a template", "(() => {})[`constructor`]('return 1')", compile.CodeRejected, ""},
		{"by a variable with the name", `const c = "constructor"; (() => {})[c]("x")`, compile.CodeRejected, ""},
		{"by a variable with the value", "function f() {\n const F = (() => {}).constructor; return () => F('x'); }", compile.CodeRejected, "x.cjs:2:"},
		{"by destructuring", `const { constructor: F } = () => {}; F("x")`, compile.CodeRejected, ""},
		{"by destructuring without a name", `const { constructor } = () => {}; constructor("x")`, compile.CodeRejected, ""},
		{"optionally", `(() => {})?.constructor?.("x")`, compile.CodeRejected, ""},
		{"twice", `[].constructor.constructor("x")`, compile.CodeRejected, ""},
		{"in a template tag's argument", "f`${(() => {}).constructor('x')}`", compile.CodeRejected, ""},

		{"a class that copies itself", `class A { copy() { return new this.constructor(); } }`, "", ""},
		{"a class's constructor", `class A { constructor(x) { this.x = x; } } class B extends A { constructor() { super(1); } }`, "", ""},
		{"a name that is read", `const n = x => x.constructor.name; n({})`, "", ""},
		{"the word in a text", `const s = "x.constructor('y')"; // x.constructor('y')`, "", ""},
		{"a variable of the same name elsewhere", `function f(x) { const F = x.constructor; return F.name; } function g(F) { return F(1); }`, "", ""},
		{"return at the top", "if (!module) return; exports.default = {}", "", ""},
		{"a source map that is none", "exports.x = 1\n//# sourceMappingURL=data:application/json;base64,!!!", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := compile.Lower(script.CompileJob{Name: "a/x", Text: []byte(c.text)})
			assert.Equal(t, c.code, r.Code, r.Message)
			assert.Contains(t, r.Message, c.message)
			assert.NotContains(t, string(r.Lowered), "sourceMappingURL")
		})
	}
	r := compile.Lower(script.CompileJob{Name: "a/x", Text: make([]byte, 10<<20+1)})
	assert.Equal(t, compile.CodeFailedBuild, r.Code)
	assert.Contains(t, r.Message, "at most 10485760 are allowed")
}

func TestTheSourceMapLeadsToTheSources(t *testing.T) {
	dir := project(t, map[string]string{"index.ts": "import './a/actions/x.js';", "a/actions/x.ts": entry("import { fail } from '../helper.js';", "fail();"), "a/helper.ts": "// one\nexport const fail = () => { throw new Error('x'); };"})
	p, err := compile.Build(dir)
	require.NoError(t, err)
	r := compile.Lower(script.CompileJob{Name: "a/x", Text: p.Scripts[0].JS})
	var m struct {
		Sources        []string
		SourcesContent []string
	}
	require.NoError(t, json.Unmarshal(r.SourceMap, &m))
	assert.Subset(t, m.Sources, []string{"a/helper.ts", "a/actions/x.ts"})
	assert.Empty(t, m.SourcesContent, "the sources themselves lie elsewhere")
}
