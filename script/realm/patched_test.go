package realm_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script/realm"
)

// A repository in which the engine was patched has to run its tests on that one, unless the workspace is switched off.
func TestTheEngineIsTheOneThatTheWorkspaceNames(t *testing.T) {
	_, err := os.Stat("../../go.work")
	require.Equal(t, err == nil && os.Getenv("GOWORK") != "off", realm.Patched())
}

// TestHostileScriptsOnThePatchedEngine are those that a plain engine's runner would die of.
func TestHostileScriptsOnThePatchedEngine(t *testing.T) {
	if !realm.Patched() {
		return // nothing to be proven here: the runner's pool holds them
	}
	const sparse = `const a = []; a.length = 2 ** 32 - 1; `
	for name, c := range map[string]struct{ body, code, text string }{
		"backtracking pattern":         {`/^(a+)+(?=c)/.test("a".repeat(40))`, "script_regexp_timeout", "a regular expression took too long"},
		"backtracking pattern, caught": {`try { /(a+)+(?=c)/u.test("é" + "a".repeat(40)) } catch {}`, "script_regexp_timeout", ""},
		"native search":                {sparse + `a.indexOf(1)`, causeway.CodeCPULimit, ""},
		"native reversal, caught":      {sparse + `for (;;) try { a.reverse() } catch {}`, causeway.CodeCPULimit, ""},
		"native walk":                  {`Array.prototype.findLast.call({length: 2 ** 53 - 1}, () => false)`, causeway.CodeCPULimit, ""},
		"huge number":                  {`2n ** 100000000n`, causeway.CodeScriptInternalError, "Maximum BigInt size exceeded"},
		"doubling text":                {`let s = "é"; for (;;) s += s`, causeway.CodeScriptInternalError, "Invalid string length"},
		"doubling template":            {"let s = 'x'; for (;;) s = `${s}${s}`", causeway.CodeScriptInternalError, "Invalid string length"},
		"deep JSON with a reviver":     {`JSON.parse("[".repeat(1e6), (k, v) => v)`, causeway.CodeScriptInternalError, "Maximum call stack size exceeded"},
		"deep text of arrays":          {`let a = []; for (let i = 0; i < 2e4; i++) a = [a]; String(a)`, causeway.CodeScriptInternalError, "Maximum call stack size exceeded"},
		"deep flattening":              {`let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a.flat(Infinity)`, causeway.CodeScriptInternalError, "Maximum call stack size exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn := 20 * time.Second
			if c.code == causeway.CodeCPULimit {
				turn = 100 * time.Millisecond
			}
			result := runBody(t, &fakeHost{}, c.body, withTurnLimit(turn), withWallLimit(time.Minute))
			require.Equal(t, c.code, result.Code, result.Message)
			require.Contains(t, result.Message, c.text)
		})
	}
	require.Equal(t, `["RangeError: Maximum call stack size exceeded",true,1]`,
		evaluate(t, `(() => { const f = () => f() + 1; try { f() } catch (e) { return [String(e), e instanceof RangeError, (() => 1)()] } })()`), "a deep recursion can be caught")
	require.Equal(t, `"TypeError: nango.nothing is not a function"`, output(t, runBody(t, &fakeHost{}, `try { nango.nothing(1) } catch (e) { return String(e) }`)))
}
