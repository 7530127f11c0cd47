package realm_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// TestHostileScripts ends each of them soon, with the right code, without hurting its neighbours.
func TestHostileScripts(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		code string
		text string // part of the message
	}{
		"endless loop":                  {`for (;;);`, causeway.CodeCPULimit, ""},
		"endless loop in finally":       {`for (;;) { try { for (;;); } catch { } finally { continue; } }`, causeway.CodeCPULimit, ""},
		"endless promise chain":         {`const f = () => Promise.resolve().then(f); await f();`, causeway.CodeCPULimit, ""},
		"microtask flood":               {`for (;;) { await null; }`, causeway.CodeCPULimit, ""},
		"endless loop in a timer":       {`await new Promise(() => setTimeout(() => { for (;;); }, 1))`, causeway.CodeCPULimit, ""},
		"endless loop in toJSON":        {`return {toJSON() { for (;;); }}`, causeway.CodeCPULimit, ""},
		"endless loop in an error":      {`throw Object.defineProperty(new Error(), "message", {get() { for (;;); }})`, causeway.CodeCPULimit, ""},
		"endless loop in a log line":    {`nango.log("x", {get a() { for (;;); }})`, causeway.CodeCPULimit, ""},
		"endless loop after a call":     {`nango.getMetadata().catch(() => { for (;;); }); await new Promise(() => {})`, causeway.CodeCPULimit, ""},
		"never settles":                 {`await new Promise(() => {})`, causeway.CodeNeverSettles, ""},
		"never settles after a timer":   {`await new Promise(r => setTimeout(r, 5)); await new Promise(() => {})`, causeway.CodeNeverSettles, ""},
		"thenable that never settles":   {`return {then() {}}`, causeway.CodeNeverSettles, ""},
		"interval without end":          {`setInterval(() => {}, 1); await new Promise(() => {})`, causeway.CodeExecutionTimeout, ""},
		"too many timers":               {`for (let i = 0; i < 1e9; i++) setTimeout(() => {}, 1e6)`, "script_timer_limit", ""},
		"deep recursion":                {`const f = () => f() + 1; f()`, causeway.CodeScriptInternalError, "Maximum call stack size exceeded"},
		"deep recursion through a trap": {`const p = new Proxy({}, {get: (t, k, r) => r[k]}); p.x`, causeway.CodeScriptInternalError, "Maximum call stack size exceeded"},
		"deep JSON":                     {`JSON.parse("[".repeat(1e6))`, causeway.CodeScriptInternalError, "nested deeper"},
		"deep output":                   {`let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a`, causeway.CodeScriptInternalError, "nested too deeply"},
		"endless text":                  {`"x".repeat(2 ** 40)`, causeway.CodeScriptInternalError, "Invalid string length"},
		"endless padding":               {`"x".padStart(2 ** 40)`, causeway.CodeScriptInternalError, "Invalid string length"},
		"huge buffer":                   {`new ArrayBuffer(2 ** 40)`, causeway.CodeScriptInternalError, "Array buffer allocation failed"},
		"huge typed array":              {`new Float64Array(2 ** 36)`, causeway.CodeScriptInternalError, "Array buffer allocation failed"},
		"huge array-like":               {`new Uint8Array({length: 2 ** 40})`, causeway.CodeScriptInternalError, "Array buffer allocation failed"},
		"huge Buffer":                   {`Buffer.alloc(2 ** 40)`, causeway.CodeScriptInternalError, "out of range"},
		"huge buffer by the back door":  {`const C = new Uint8Array(1).buffer.constructor; new C(2 ** 40)`, causeway.CodeScriptInternalError, "Array buffer allocation failed"},
		"huge fill":                     {`new Array(2 ** 32 - 1).fill(0)`, causeway.CodeScriptInternalError, "Invalid array length"},
		"sparse join":                   {`new Array(2 ** 32 - 1).join()`, causeway.CodeScriptInternalError, "Invalid array length"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			turn, wall := 5*time.Second, 10*time.Second
			switch test.code {
			case causeway.CodeCPULimit:
				turn = 100 * time.Millisecond
			case causeway.CodeExecutionTimeout:
				wall = 300 * time.Millisecond
			}
			result := runBody(t, failing(&script.CallError{Message: "no"}), test.body, withTurnLimit(turn), withWallLimit(wall))
			require.Equal(t, test.code, result.Code, result.Message)
			require.Contains(t, result.Message, test.text)
			require.Less(t, time.Since(begun), 10*time.Second)
		})
	}
}

func TestCodeFromStringsIsOff(t *testing.T) {
	for _, code := range []string{
		`eval("1")`, `(0, eval)("1")`, `new Function("return 1")()`, `Function("return 1")()`, `(() => {}).constructor("return 1")()`,
		`(async () => {}).constructor("return 1")()`, `(function* () {}).constructor("yield 1")()`, `Object.getPrototypeOf(async function () {}).constructor("return 1")`,
		`Reflect.construct(Function, ["return 1"])`, `new (class extends Function {})("return 1")`, `nango.get.constructor("return 1")()`,
		`setTimeout.constructor("return 1")()`, `class A {} ; A.constructor("return 1")`, `Reflect.getPrototypeOf(function () {}).constructor.call(null, "return 1")`,
		`globalThis["ev" + "al"]("1")`,
	} {
		got := output(t, runBody(t, &fakeHost{}, `try { `+code+`; return "open" } catch (e) { return e.name + ": " + e.message }`))
		require.Equal(t, `"EvalError: Code generation from strings disallowed for this context"`, got, code)
	}
	require.Equal(t, `[true,true,"Function"]`, evaluate(t, `[(() => {}) instanceof Function, typeof Function.prototype.call === "function", (() => {}).constructor.name]`))
	require.Contains(t, output(t, runBody(t, &fakeHost{}, `try { setTimeout("1") } catch (e) { return e.message }`)), "must be of type function")
}

func TestOurOwnCodeDoesNotTrustWhatAScriptReplaces(t *testing.T) {
	host := one(httpAnswer(t, 200, `{"a":1}`))
	got := output(t, runBody(t, host, `
		Promise.prototype.then = null; Array.prototype.push = null; JSON.parse = null; Object.keys = null; globalThis.Promise = null; globalThis.Error = null;
		globalThis.Map = null; globalThis.Date = null; Symbol.iterator; Array.prototype.map = null;
		const r = await nango.get({endpoint: "/x"});
		let caught; try { await nango.tryAcquireLock({}) } catch (e) { caught = e.message }
		return [r.data, caught.slice(0, 12)];`))
	require.JSONEq(t, `[{"a":1},"Invalid lock"]`, got)
}

func TestCallsInFlightAreLimitedNotRefused(t *testing.T) {
	host := &fakeHost{}
	open, most := 0, 0
	host.answer = func(context.Context, script.Call) (script.Answer, error) {
		host.mu.Lock()
		open++
		most = max(most, open)
		host.mu.Unlock()
		<-time.After(time.Millisecond) // a slow host
		host.mu.Lock()
		open--
		host.mu.Unlock()
		return httpAnswer(t, 200, `{}`), nil
	}
	got := output(t, runBody(t, host, `return (await Promise.all([...Array(500).keys()].map(i => nango.get({endpoint: "/" + i})))).length`))
	require.Equal(t, "500", got)
	require.LessOrEqual(t, most, script.InFlight)
	require.Len(t, host.calls, 500)
}

func TestCallsOverTheirQuotaAreRefusedAndThenEndTheRun(t *testing.T) {
	host := one(script.Answer{Body: []byte(`[]`)})
	limit := script.SpecOf(script.CallVariables).PerRun
	body := func(over int) string {
		return fmt.Sprintf(`let refused = ""; for (let i = 0; i < %d; i++) { try { await nango.getEnvironmentVariables() } catch (e) { refused = e.code } } return refused`, limit+over)
	}
	require.Equal(t, `"script_call_limit"`, output(t, runBody(t, host, body(1))))
	require.Len(t, host.calls, limit)
	require.Equal(t, "script_call_limit", runBody(t, host, body(100)).Code)
}

func TestRequestsThatAreTooLargeNeverLeave(t *testing.T) {
	host := &fakeHost{}
	got := output(t, runBody(t, host, `try { await nango.get({endpoint: "/" + "x".repeat(70000)}) } catch (e) { return e.code }`))
	require.Equal(t, `"script_call_too_large"`, got)
	require.Empty(t, host.calls)
}

// aborted runs a script and stops it for a reason as soon as it has made its first call.
func aborted(t *testing.T, reason script.Reason, body string, options ...option) (script.Result, *fakeHost) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	host := &fakeHost{}
	var once sync.Once
	host.answer = func(call context.Context, c script.Call) (script.Answer, error) {
		once.Do(func() { cancel(&script.AbortError{Reason: reason}) })
		if c.Name == script.CallProxy { // a slow one, which the abort cancels
			<-call.Done()
			return script.Answer{}, &script.CallError{Code: "cancelled", Message: "cancelled"}
		}
		return answerJSON(t, map[string]any{"version": 1, "done": true}), nil
	}
	return runModule(ctx, t, host, moduleOf(body, options...), options...), host
}

func TestAborts(t *testing.T) {
	const loop = `await nango.getCheckpoint(); for (;;);`
	for name, test := range map[string]struct {
		reason script.Reason
		body   string
		code   string
		within time.Duration
	}{
		"cancelled: the pending call fails":          {script.ReasonCancelled, `await nango.get({endpoint: "/x"})`, causeway.CodeScriptAborted, time.Second},
		"cancelled: running code ends after grace":   {script.ReasonCancelled, loop, causeway.CodeScriptAborted, time.Second},
		"cancelled: the result is discarded":         {script.ReasonCancelled, `await nango.getCheckpoint(); return 1`, causeway.CodeScriptAborted, time.Second},
		"cancelled: catching it doesn't help":        {script.ReasonCancelled, `try { await nango.get({endpoint: "/x"}) } catch {} return 1`, causeway.CodeScriptAborted, time.Second},
		"timeout: at once":                           {script.ReasonTimeout, loop, causeway.CodeExecutionTimeout, time.Second},
		"timeout: while waiting":                     {script.ReasonTimeout, `await nango.get({endpoint: "/x"}).catch(() => {}); await new Promise(r => setTimeout(r, 1e6))`, causeway.CodeExecutionTimeout, time.Second},
		"lost: at once":                              {script.ReasonLost, loop, causeway.CodeScriptAborted, time.Second},
		"drain: a sync ends at its next call":        {script.ReasonDrain, `try { await nango.get({endpoint: "/x"}) } catch {} await nango.batchSave([{id: "1"}], "Widget")`, causeway.CodeScriptAborted, time.Second},
		"drain: also if it catches everything":       {script.ReasonDrain, `try { await nango.get({endpoint: "/x"}) } catch {} try { await nango.batchSave([{id: "1"}], "Widget") } catch {}`, causeway.CodeScriptAborted, time.Second},
		"drain: what makes no call any more is done": {script.ReasonDrain, `await nango.getCheckpoint(); await new Promise(r => setTimeout(r, 5))`, "", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			result, host := aborted(t, test.reason, test.body, ofKind(causeway.RunSync))
			require.Equal(t, test.code, result.Code, result.Message)
			require.Less(t, time.Since(begun), test.within)
			require.NotContains(t, host.names(), script.CallRecordsSave)
			if test.code != "" {
				require.Equal(t, `{}`, payload(t, result))
			}
		})
	}
}

func TestSaveCheckpointAndLockReleaseAreCompletedBeforeAnAbort(t *testing.T) {
	for _, reason := range []script.Reason{script.ReasonDrain, script.ReasonCancelled} {
		result, host := aborted(t, reason, `
			await nango.get({endpoint: "/x"}).catch(() => {});
			await nango.saveCheckpoint({a: 1}).catch(() => {});
			await nango.releaseLock({key: "k"}).catch(() => {});
			await nango.releaseAllLocks().catch(() => {});
			await nango.tryAcquireLock({key: "k", ttlMs: 5});`, ofKind(causeway.RunSync))
		require.Equal(t, causeway.CodeScriptAborted, result.Code)
		require.Equal(t, []string{script.CallProxy, script.CallCheckpointGet, script.CallCheckpointSave, script.CallLockRelease, script.CallLockReleaseAll}, host.names())
	}
}

func TestTheWallLimitEndsARun(t *testing.T) {
	result := runBody(t, &fakeHost{}, `await new Promise(r => setTimeout(r, 1e6))`, withWallLimit(50*time.Millisecond))
	require.Equal(t, causeway.CodeExecutionTimeout, result.Code)
}

func TestAFatalCallEndsTheRun(t *testing.T) {
	result := runBody(t, failing(&script.CallError{Fatal: true, Code: "script_call_limit", Message: "no more"}), `for (;;) { try { await nango.getConnection() } catch {} }`)
	require.Equal(t, "script_call_limit", result.Code)
	require.True(t, strings.HasPrefix(result.Message, "no more"))
}
