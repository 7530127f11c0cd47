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
	"github.com/causeway-dev/causeway/script/sourcemap"
)

// listener keeps the log, and has no answers.
type listener struct {
	mu  sync.Mutex
	log []byte
}

func (l *listener) Call(context.Context, script.Call) (script.Answer, error) {
	return script.Answer{}, &script.CallError{Code: "no", Message: "not today"}
}

func (l *listener) Note(call script.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, call.Body...)
}

// TestErrorsNameTheAuthorsFilesAndLines goes from TypeScript over the bundle and the lowered text to what a customer reads.
func TestErrorsNameTheAuthorsFilesAndLines(t *testing.T) {
	const helper = "// what follows is on line 5\n\n\n\nexport function check(n: number): number { if (n > 2) throw new RangeError(`${n} is too much`); return n; }\n"
	for name, c := range map[string]struct {
		body  string
		stack []string // files and lines of the stack, innermost first
		log   string   // a place in the log
	}{
		"a thrown error":         {"\n\nthrow new Error('no');", []string{"github/actions/x.ts:6"}, ""},
		"in an imported file":    {"const all = [1, 2, 3];\nreturn all.map((n) =>\n  check(n));", []string{"github/helper.ts:5", "github/actions/x.ts:6", "github/actions/x.ts:5"}, ""},
		"a TypeError":            {"const o: any = {};\nreturn o\n  .a\n  .b;", []string{"github/actions/x.ts:7"}, ""},
		"after an await":         {"await Promise.resolve(1);\n\nthrow new Error('late');", []string{"github/actions/x.ts:6"}, ""},
		"of a host call":         {"const q = { endpoint: '/x' };\nawait nango.get(q);", []string{"github/actions/x.ts:5"}, ""},
		"in code that's lowered": {"async function* g() {\n  yield 1;\n  throw new Error('gone');\n}\nfor await (const x of g()) void x;", []string{"github/actions/x.ts:6"}, ""},
		"after a pattern":        {"const r = /^\\p{L}+$/u; if (r.test('a'))\n  throw new Error('x');", []string{"github/actions/x.ts:5"}, ""},
		"after a long text":      {"const s = '日本 é';\nif (s) throw new Error(s);", []string{"github/actions/x.ts:5"}, ""},
		"in a log line":          {"try {\n  check(3);\n} catch (e) { await nango.log('it failed', e as never, { level: 'error' }); }\nreturn 1;", nil, "github/helper.ts:5:"},
		"a stack as text":        {"try { check(3); } catch (e) { await nango.log((e as Error).stack!, { level: 'error' }); }\nreturn 1;", nil, "github/actions/x.ts:4:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := project(t, map[string]string{
				"index.ts":            "import './github/actions/x.js';",
				"github/actions/x.ts": entry("import { check } from '../helper.js'; void check;", c.body), "github/helper.ts": helper,
			})
			p, err := compile.Build(dir)
			require.NoError(t, err)
			r := compile.Lower(script.CompileJob{Name: "github/x", Text: p.Scripts[0].JS})
			require.Empty(t, r.Code, r.Message)
			m, err := sourcemap.Parse(r.SourceMap)
			require.NoError(t, err)
			e, err := engine()
			require.NoError(t, err)
			program, err := e.Compile("x-github", r.Lowered)
			require.NoError(t, err)
			l := &listener{}
			result := e.Run(t.Context(), program, script.Start{Script: "x-github", Kind: causeway.RunAction, FinishMs: 10_000, LoggerLevel: causeway.LevelDebug}, l)
			if c.log != "" {
				require.Empty(t, result.Code, result.Message)
				assert.Contains(t, string(m.Rewrite(l.log, "x-github.cjs")), c.log)
				return
			}
			var failed struct{ Payload struct{ Stacktrace []string } }
			require.NoError(t, json.Unmarshal(m.Rewrite(result.Error, "x-github.cjs"), &failed))
			trace := failed.Payload.Stacktrace
			require.Greater(t, len(trace), len(c.stack), "%s %s", result.Message, trace)
			for i, place := range c.stack {
				assert.Contains(t, trace[i+1], place+":", strings.Join(trace, "\n"))
			}
			if !strings.Contains(c.body, "async function*") { // for which the compiler brings functions of its own
				assert.NotContains(t, strings.Join(trace, "\n"), ".cjs", "every line has a source")
			}
		})
	}
}
