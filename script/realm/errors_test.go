package realm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

func TestHowFailuresAreClassified(t *testing.T) {
	notFound := &script.CallError{
		Response: &script.HTTPAnswer{Status: 404, Headers: []script.Pair{{"content-type", "application/json"}, {"X-RateLimit-Limit", "5"}, {"x-secret", "s"}}},
		Body:     []byte(`{"error":"gone","payload":{"inner":1}}`),
	}
	for name, test := range map[string]struct {
		host          *fakeHost
		body          string
		code, message string
		payload       string
	}{
		"ActionError": {nil, `throw new nango.ActionError({a: 1})`,
			causeway.CodeActionRuntimeError, "The action script failed with a runtime error", `{"a":1}`},
		"ActionError with a text":  {nil, `throw new nango.ActionError("text")`, causeway.CodeActionRuntimeError, "", `{"message":"text"}`},
		"ActionError with a list":  {nil, `throw new nango.ActionError([1])`, causeway.CodeActionRuntimeError, "", `{"message":[1]}`},
		"ActionError with nothing": {nil, `throw new nango.ActionError()`, causeway.CodeActionRuntimeError, "", `{}`},
		"ActionError with a circle": {nil, `const a = {b: 1}; a.self = a; throw new nango.ActionError(a)`,
			causeway.CodeActionRuntimeError, "", `{"b":1,"self":"[Circular]"}`},
		"subclass of ActionError": {nil, `class Mine extends nango.ActionError {} throw new Mine({a: 1})`, causeway.CodeActionRuntimeError, "", `{"a":1}`},
		"HTTP error": {failing(notFound), `await nango.get({endpoint: "/x"})`,
			causeway.CodeScriptHTTPError, "Request failed with status code 404", `{"inner":1}`},
		"HTTP error with a text": {failing(&script.CallError{Response: &script.HTTPAnswer{Status: 500}, Body: []byte("down")}), `await nango.get({endpoint: "/x"})`,
			causeway.CodeScriptHTTPError, "Request failed with status code 500", `{"message":"down"}`},
		"HTTP error with a list": {failing(&script.CallError{Response: &script.HTTPAnswer{Status: 500}, Body: []byte("[1]")}), `await nango.get({endpoint: "/x"})`,
			causeway.CodeScriptHTTPError, "", `{"message":[1]}`},
		"the platform's own rate limit": {failing(script.APIError(&causeway.Error{Code: "too_many_request", Status: 429})), `await nango.getConnection()`,
			causeway.CodeScriptRateLimit, "Request failed with status code 429", `{"error":{"code":"too_many_request"}}`},
		"a provider's rate limit": {failing(&script.CallError{Response: &script.HTTPAnswer{Status: 429}, Body: []byte(`{}`)}), `await nango.get({endpoint: "/x"})`,
			causeway.CodeScriptHTTPError, "Request failed with status code 429", `{}`},
		"network error": {failing(&script.CallError{Network: true, Code: "ETIMEDOUT", Message: "timed out"}), `await nango.get({endpoint: "/x"})`,
			causeway.CodeScriptNetworkError, "timed out", `{"name":"AxiosError","code":"ETIMEDOUT","message":"timed out"}`},
		"Error": {nil, `const e = new TypeError("bad"); e.code = "E_BAD"; throw e`,
			causeway.CodeScriptInternalError, "bad", `{"name":"TypeError","code":"E_BAD","message":"bad"}`},
		"a text":            {nil, `throw "just text"`, causeway.CodeScriptInternalError, "just text", `{"name":"Error","message":"just text"}`},
		"an object":         {nil, `throw {a: 1}`, causeway.CodeScriptInternalError, `{"a":1}`, `{"name":"Error","message":"{\"a\":1}"}`},
		"undefined":         {nil, `throw undefined`, causeway.CodeScriptInternalError, `null`, `{"name":"Error","message":"null"}`},
		"circular cause":    {nil, `const e = new Error("own"); e.cause = e; throw e`, causeway.CodeScriptInternalError, "own", `{"name":"Error","message":"own"}`},
		"throwing getters":  {nil, `throw Object.defineProperty(new Error("x"), "message", {get() { throw 1 }})`, causeway.CodeScriptInternalError, "", `{"name":"Error","message":""}`},
		"a hostile proxy":   {nil, `throw new Proxy(new Error("x"), {get() { throw 1 }, getPrototypeOf() { throw 2 }, ownKeys() { throw 3 }})`, causeway.CodeScriptInternalError, "{}", `{"name":"Error","message":"{}"}`},
		"circular output":   {nil, `const a = {b: {}}; a.b.self = a; return a`, causeway.CodeScriptInternalError, "The output can't be written as JSON: property b.self closes a circle", `{"name":"TypeError","message":"The output can't be written as JSON: property b.self closes a circle"}`},
		"BigInt output":     {nil, `return {n: 1n}`, causeway.CodeScriptInternalError, "The output can't be written as JSON: property n is a BigInt, which JSON doesn't know", `{"name":"TypeError","message":"The output can't be written as JSON: property n is a BigInt, which JSON doesn't know"}`},
		"throwing toJSON":   {nil, `return {toJSON() { throw new RangeError("no") }}`, causeway.CodeScriptInternalError, "no", `{"name":"RangeError","message":"no"}`},
		"rejected thenable": {nil, `return {then(ok, no) { no(new Error("late")) }}`, causeway.CodeScriptInternalError, "late", `{"name":"Error","message":"late"}`},
	} {
		t.Run(name, func(t *testing.T) {
			host := test.host
			if host == nil {
				host = &fakeHost{}
			}
			result := runBody(t, host, test.body)
			require.Equal(t, test.code, result.Code, "%s", result.Message)
			if test.message != "" {
				require.Equal(t, test.message, result.Message)
			}
			var got map[string]any
			require.NoError(t, json.Unmarshal([]byte(payload(t, result)), &got))
			delete(got, "stacktrace")
			raw, err := json.Marshal(got)
			require.NoError(t, err)
			require.JSONEq(t, test.payload, string(raw))
		})
	}

	var e struct{ Upstream causeway.Upstream }
	require.NoError(t, json.Unmarshal(runBody(t, failing(notFound), `await nango.get({endpoint: "/x"})`).Error, &e))
	require.Equal(t, 404, e.Upstream.Status)
	require.Equal(t, map[string]string{"content-type": "application/json", "x-ratelimit-limit": "5"}, e.Upstream.Headers)
	require.Equal(t, map[string]any{"error": "gone", "payload": map[string]any{"inner": 1.0}}, e.Upstream.Body)
}

func TestStackTraces(t *testing.T) {
	var helpers strings.Builder
	for i := range 20 {
		fmt.Fprintf(&helpers, "function f%d() { f%d(); }\n", i, i+1)
	}
	module := helpers.String() + `function f20() { throw new Error("deep"); }
		exports.default = {type: "action", exec: async () => { [1].map(() => f0()); }};`
	var p struct{ Stacktrace []string }
	require.NoError(t, json.Unmarshal([]byte(payload(t, runModule(t.Context(), t, &fakeHost{}, module))), &p))
	require.Len(t, p.Stacktrace, 10)
	require.Equal(t, "Error: deep", p.Stacktrace[0])
	require.Regexp(t, `^at f20 \(script-acme\.cjs:21:\d+\)$`, p.Stacktrace[1])
	for _, line := range p.Stacktrace[1:] {
		require.Contains(t, line, "script-acme.cjs:")
	}
	require.Contains(t, output(t, runBody(t, failing(&script.CallError{Message: "no"}), `try { await nango.getConnection() } catch (e) { return e.stack }`)),
		`Error: no\n    at exec (script-acme.cjs:1:`, "an error of a host call shows where the script made it")
}

func TestLargeErrorsAreCut(t *testing.T) {
	for name, body := range map[string]string{
		"message": `throw new Error("x".repeat(1e6))`,
		"payload": `throw new nango.ActionError({a: "x".repeat(1e6)})`,
		"text":    `throw new nango.ActionError("x".repeat(1e6))`,
		"answer":  `await nango.get({endpoint: "/x"})`,
		"name":    `const e = new Error("x"); e.name = "n".repeat(1e6); e.stack = "s".repeat(1e6); e.code = "c".repeat(1e6); throw e`,
	} {
		t.Run(name, func(t *testing.T) {
			host := failing(&script.CallError{Response: &script.HTTPAnswer{Status: 500}, Body: []byte(`"` + strings.Repeat("x", 1_000_000) + `"`)})
			result := runBody(t, host, body)
			require.NotEmpty(t, result.Code)
			require.LessOrEqual(t, len(payload(t, result)), 99_000)
			require.LessOrEqual(t, len(result.Message), 10_000)
			require.Contains(t, string(result.Error), "truncated")
		})
	}
}

func TestOutputsOverTheLimit(t *testing.T) {
	fits := runBody(t, &fakeHost{}, fmt.Sprintf(`return "x".repeat(%d)`, script.MaxOutput-2))
	require.Empty(t, fits.Code)
	require.Len(t, fits.Output, script.MaxOutput)
	for _, body := range []string{
		fmt.Sprintf(`return "x".repeat(%d)`, script.MaxOutput-1),
		`const a = "x".repeat(1e6); return Array(1e6).fill(a)`,
		`const a = []; a.length = 4294967295; return a`,
	} {
		result := runBody(t, &fakeHost{}, body)
		require.Equal(t, causeway.CodeOutputTooLarge, result.Code)
		require.Contains(t, result.Message, "2097152")
	}
}
