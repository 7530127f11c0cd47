package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/frame"
)

func TestStartsCrossWhole(t *testing.T) {
	for name, input := range map[string][]byte{"none": nil, "some": []byte(`{"a":1}`)} {
		t.Run(name, func(t *testing.T) {
			s := script.Start{Program: "p", Script: "s-i", Seed: [32]byte{1, 2}, Input: input}
			s.Values.SyncConfig = json.RawMessage(`"` + strings.Repeat("x", 100_000) + `"`)
			m, err := EncodeStart(3, s)
			require.NoError(t, err)
			assert.Less(t, len(m.Meta), frame.MaxMeta)
			got, err := DecodeStart(m)
			require.NoError(t, err)
			assert.Equal(t, s, got)
		})
	}
}

func TestResultsCrossWhole(t *testing.T) {
	for name, r := range map[string]script.Result{
		"undefined":          {},
		"output":             {Output: json.RawMessage(`{"a":1}`), EngineMs: 5},
		"null":               {Output: json.RawMessage(`null`)},
		"error":              {Code: "c", Message: "m", Error: json.RawMessage(`{"payload":2}`)},
		"output and error":   {Code: "c", Output: json.RawMessage(`1`), Error: json.RawMessage(`2`)},
		"graceful interrupt": {Interrupted: true},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := EncodeResult(1, r)
			require.NoError(t, err)
			got, err := DecodeResult(m)
			require.NoError(t, err)
			assert.Equal(t, r, got)
		})
	}
}

func TestMalformedResultsAreViolations(t *testing.T) {
	for name, m := range map[string]frame.Message{
		"no JSON":             {Meta: []byte("{")},
		"output that is none": {Meta: []byte(`{"output":1}`), Body: []byte("{")},
		"negative length":     {Meta: []byte(`{"output":-1}`)},
		"length beyond body":  {Meta: []byte(`{"output":5}`), Body: []byte("1")},
		"more than was said":  {Meta: []byte(`{"output":1}`), Body: []byte("12")},
		"output too large":    {Meta: []byte(`{"output":3000002}`), Body: []byte(`"` + strings.Repeat("x", 3_000_000) + `"`)},
	} {
		t.Run(name, func(t *testing.T) {
			m.Type, m.Run = frame.Result, 1
			_, err := DecodeResult(m)
			var v *frame.ViolationError
			require.ErrorAs(t, err, &v)
		})
	}
	for name, m := range map[string]frame.Message{
		"start without a length":     {Meta: []byte(`x`)},
		"start longer than its body": {Meta: []byte(`{"length":9}`), Body: []byte("{}")},
		"start of negative length":   {Meta: []byte(`{"length":-1}`), Body: []byte("{}")},
		"start that can't be read":   {Meta: []byte(`{"length":2}`), Body: []byte("[]")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeStart(m)
			require.Error(t, err)
		})
	}
}

func TestOnlyTheWorkerSaysThatARunnerCrashed(t *testing.T) {
	got, err := DecodeResult(frame.Message{Type: frame.Result, Meta: []byte(`{"code":"c","crashed":true}`)})
	require.NoError(t, err)
	assert.False(t, got.Crashed)
}

func TestBodiesAreLimitedByTheTableOfCalls(t *testing.T) {
	assert.Equal(t, script.MaxBody, MaxBody(frame.Call, []byte(`{"name":"proxy"}`)))
	assert.Equal(t, 10<<20, MaxBody(frame.Call, []byte(`{"name":"action.trigger"}`)))
	for _, meta := range []string{`{"name":"lock.acquire"}`, `{"name":"no.such.call"}`, `{`, ``} {
		assert.Zero(t, MaxBody(frame.Call, []byte(meta)), meta)
	}
	assert.Zero(t, MaxBody(frame.Hello, nil))
}

func TestFailuresThatDoNotFitLoseTheirHeaders(t *testing.T) {
	e := &script.CallError{Code: "c", Message: "m", Response: &script.HTTPAnswer{Status: 503}, Body: []byte("body")}
	for range 3_000 {
		e.Response.Headers = append(e.Response.Headers, script.Pair{"x-header", strings.Repeat("v", 30)})
	}
	meta, body := EncodeCallError(e)
	require.LessOrEqual(t, len(meta), frame.MaxMeta)
	got, err := DecodeCallError(frame.Message{Meta: meta, Body: body})
	require.NoError(t, err)
	assert.Equal(t, 503, got.Response.Status)
	assert.Empty(t, got.Response.Headers)
	assert.Equal(t, "body", string(got.Body))
	assert.Len(t, e.Response.Headers, 3_000, "the error itself is not changed")
}

func TestCleanedTexts(t *testing.T) {
	for in, want := range map[string]string{
		"plain":           "plain",
		"a\x00b\x1b[0mc":  "ab[0mc",
		"line\n\ttab":     "line\n\ttab",
		"bad \xff":        "bad \uFFFD",
		"0123456789":      "0123456789",
		"01234567890":     "0123456789",
		"012345678\u00fc": "012345678",
		"\u009bcontrol":   "control",
	} {
		assert.Equal(t, want, Clean(in, 10), "%q", in)
	}
}
