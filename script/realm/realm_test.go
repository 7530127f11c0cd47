package realm_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/realm"
)

// fakeHost stands for the worker: a function answers each call, notes are kept.
type fakeHost struct {
	answer func(ctx context.Context, call script.Call) (script.Answer, error)

	mu    sync.Mutex
	calls []script.Call
	notes []script.Call
}

func (h *fakeHost) Call(ctx context.Context, call script.Call) (script.Answer, error) {
	h.mu.Lock()
	h.calls = append(h.calls, call)
	h.mu.Unlock()
	if h.answer == nil {
		return script.Answer{}, &script.CallError{Code: "unexpected", Message: "no call was expected: " + call.Name}
	}
	return h.answer(ctx, call)
}

func (h *fakeHost) Note(call script.Call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, call)
}

// names are the calls that were made, in order.
func (h *fakeHost) names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, c := range h.calls {
		out = append(out, c.Name)
	}
	return out
}

// lines are the log lines, as "level: message".
func (h *fakeHost) lines(t testing.TB) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, n := range h.notes {
		if n.Name != script.CallLog {
			continue
		}
		var note script.LogNote
		var body struct{ Message string }
		require.NoError(t, json.Unmarshal(n.Meta, &note))
		require.NoError(t, json.Unmarshal(n.Body, &body))
		out = append(out, string(note.Level)+": "+body.Message)
	}
	return out
}

var engine = sync.OnceValues(func() (*realm.Engine, error) {
	return realm.New(realm.Options{AbortGrace: 100 * time.Millisecond})
})

type option func(*script.Start)

func ofKind(kind causeway.RunKind) option { return func(s *script.Start) { s.Kind = kind } }

func withInput(input string) option { return func(s *script.Start) { s.Input = []byte(input) } }

func withTurnLimit(d time.Duration) option {
	return func(s *script.Start) { s.TurnLimitMs = d.Milliseconds() }
}

func withWallLimit(d time.Duration) option {
	return func(s *script.Start) { s.FinishMs = d.Milliseconds() }
}

func with(f func(*script.Start)) option { return f }

func startOf(options ...option) script.Start {
	start := script.Start{
		Script: "script-acme", Kind: causeway.RunAction, FinishMs: 10_000, LoggerLevel: causeway.LevelDebug,
		Values: script.Values{
			ConnectionID: "c1", ProviderConfigKey: "acme", Provider: "acme-provider", EnvironmentID: 7, EnvironmentName: "dev", AccountID: 3,
			ActivityLogID: "op1", ScriptType: "action", NangoConnectionID: 11, Models: []string{"Widget", "Other"},
		},
	}
	for _, o := range options {
		o(&start)
	}
	return start
}

// runModule runs a whole CommonJS text.
func runModule(ctx context.Context, t testing.TB, host *fakeHost, module string, options ...option) script.Result {
	t.Helper()
	e, err := engine()
	require.NoError(t, err)
	program, err := e.Compile("script-acme", []byte(module))
	require.NoError(t, err)
	return e.Run(ctx, program, startOf(options...), host)
}

// runBody runs the body of exec(nango, input) as a definition of the kind.
func runBody(t testing.TB, host *fakeHost, body string, options ...option) script.Result {
	t.Helper()
	return runModule(t.Context(), t, host, moduleOf(body, options...), options...)
}

func moduleOf(body string, options ...option) string {
	kind := map[causeway.RunKind]string{
		causeway.RunSync: "sync", causeway.RunWebhook: "sync", causeway.RunAction: "action", causeway.RunEvent: "onEvent",
	}[startOf(options...).Kind]
	return `"use strict"; const exec = async (nango, input) => {` + body + `};
		module.exports = { default: { type: "` + kind + `", exec, onWebhook: exec } };`
}

// output is a run's output; the run has to succeed.
func output(t testing.TB, result script.Result) string {
	t.Helper()
	require.Empty(t, result.Code, "%s: %s", result.Message, result.Error)
	return string(result.Output)
}

// evaluate is the JSON of an expression in a script.
func evaluate(t testing.TB, expression string) string {
	t.Helper()
	return output(t, runBody(t, &fakeHost{}, "return ("+expression+");"))
}

func answerJSON(t testing.TB, v any) script.Answer {
	t.Helper()
	meta, err := json.Marshal(v)
	require.NoError(t, err)
	return script.Answer{Meta: meta}
}

func httpAnswer(t testing.TB, status int, body string, headers ...script.Pair) script.Answer {
	t.Helper()
	a := answerJSON(t, script.HTTPAnswer{Status: status, Headers: headers, URL: "https://api.example.com/x"})
	a.Body = []byte(body)
	return a
}

func payload(t testing.TB, result script.Result) string {
	t.Helper()
	var e struct{ Payload json.RawMessage }
	require.NoError(t, json.Unmarshal(result.Error, &e))
	return string(e.Payload)
}

func TestActionReturnsItsOutput(t *testing.T) {
	for name, test := range map[string]struct{ body, input, want string }{
		"object":            {`return {a: 1, b: [true, null, "x"]};`, "", `{"a":1,"b":[true,null,"x"]}`},
		"nothing":           {``, "", ""},
		"input":             {`return input.x + 1;`, `{"x":41}`, "42"},
		"no input":          {`return input;`, "", "{}"},
		"awaited timer":     {`return await new Promise(r => setTimeout(() => r("late"), 5));`, "", `"late"`},
		"date":              {`return new Date(0);`, "", `"1970-01-01T00:00:00.000Z"`},
		"undefined members": {`return {a: undefined, f() {}, s: Symbol("x"), n: NaN, d: -0};`, "", `{"n":null,"d":0}`},
		"lone surrogate":    {`return "a\ud800b";`, "", `"a\ud800b"`},
		"pair":              {`return "\ud83d\ude00\ufffd";`, "", `"😀�"`},
		"holes":             {`return [1, , undefined, () => 1];`, "", `[1,null,null,null]`},
		"toJSON":            {`return {a: {toJSON(k) { return "key " + k; }}};`, "", `{"a":"key a"}`},
		"boxed":             {`return [new Number(1), new String("s"), new Boolean(true)];`, "", `[1,"s",true]`},
		"big number":        {`return JSON.parse('{"id":7615917337495251231}');`, "", `{"id":7615917337495251000}`},
		"buffer":            {`return Buffer.from("a");`, "", `{"type":"Buffer","data":[97]}`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, output(t, runBody(t, &fakeHost{}, test.body, withInput(test.input))))
		})
	}
}

func TestEntryOfAScript(t *testing.T) {
	for name, test := range map[string]struct {
		module string
		kind   causeway.RunKind
		input  string
		want   string // output, or the message of the failure
		code   string
	}{
		"definition":               {`exports.default = {type: "action", exec: (n, i) => i}`, causeway.RunAction, `{"a":1}`, `{"a":1}`, ""},
		"this is the definition":   {`exports.default = {type: "action", x: 5, exec() { return this.x; }}`, causeway.RunAction, ``, `5`, ""},
		"older style":              {`exports.default = async (nango, input) => [input]`, causeway.RunAction, `{"a":1}`, `[{"a":1}]`, ""},
		"older style, empty input": {`exports.default = async (nango, input) => typeof input`, causeway.RunAction, `{}`, `"undefined"`, ""},
		"webhook":                  {`exports.default = {type: "sync", exec() {}, onWebhook: (n, p) => p.event}`, causeway.RunWebhook, `{"event":"e"}`, `"e"`, ""},
		"older webhook":            {`exports.default = () => {}; exports.onWebhookPayloadReceived = (n, p) => p.event`, causeway.RunWebhook, `{"event":"e"}`, `"e"`, ""},
		"event":                    {`exports.default = {type: "onEvent", exec: () => 1}`, causeway.RunEvent, ``, `1`, ""},
		"no export":                {`exports.other = 1`, causeway.RunAction, ``, "Invalid script exports", causeway.CodeScriptInternalError},
		"wrong kind":               {`exports.default = {type: "sync", exec() {}}`, causeway.RunAction, ``, "Invalid script configuration", causeway.CodeScriptInternalError},
		"no exec":                  {`exports.default = {type: "action"}`, causeway.RunAction, ``, "Invalid script configuration", causeway.CodeScriptInternalError},
		"throws while loading":     {`throw new Error("at once")`, causeway.RunAction, ``, "at once", causeway.CodeScriptInternalError},
		"wrapper of the module":    {`exports.default = require("nango").createAction({exec: () => "tagged"})`, causeway.RunAction, ``, `"tagged"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			result := runModule(t.Context(), t, &fakeHost{}, test.module, ofKind(test.kind), withInput(test.input))
			require.Equal(t, test.code, result.Code, "%s", result.Error)
			if test.code != "" {
				require.Equal(t, test.want, result.Message)
				return
			}
			require.Equal(t, test.want, string(result.Output))
		})
	}
}

func TestAnEngineRunsManyScriptsAtOnceEachInItsOwnRealm(t *testing.T) {
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			body := `globalThis.seen = (globalThis.seen ?? 0) + 1; Array.prototype.mine = 1; Object.prototype.x = 1; return globalThis.seen;`
			result := runBody(t, &fakeHost{}, body)
			if string(result.Output) != "1" {
				t.Errorf("run %d: %s %s", i, result.Output, result.Message)
			}
		})
	}
	all.Wait()
	require.Equal(t, `"undefined"`, evaluate(t, `typeof [].mine`))
}

func TestTheSameSeedGivesTheSameRandomness(t *testing.T) {
	body := `return [Math.random(), crypto.randomUUID(), require("crypto").randomBytes(4).toString("hex")];`
	seeded := func(b byte) string {
		return output(t, runBody(t, &fakeHost{}, body, with(func(s *script.Start) { s.Seed[0] = b })))
	}
	first := seeded(1)
	require.Equal(t, first, seeded(1))
	require.NotEqual(t, first, seeded(2))
	require.True(t, strings.HasPrefix(first, "[0."))
}

// quote is a text as JSON, which is JavaScript too.
func quote(t testing.TB, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	require.NoError(t, err)
	return string(b)
}

func requireJSON(t testing.TB, text string, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), into), text)
}
