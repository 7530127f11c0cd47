package storage_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/storage"
)

func TestCanonicalForm(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"b":1,"a":[{"z":"\"}","y":null}],"c":{}}`, `{"a":[{"y":null,"z":"\"}"}],"b":1,"c":{}}`},
		{`{}`, `{}`}, {`[]`, `[]`}, {`"a\\"`, `"a\\"`}, {`[true,false,null,-0.5e+21]`, `[true,false,null,-0.5e+21]`},
		{`{"a\\":1,"a":2}`, `{"a":2,"a\\":1}`},
		{`{"a":{"c":1,"b":{"e":1,"d":2}}}`, `{"a":{"b":{"d":2,"e":1},"c":1}}`},
		{`{"é":1,"e":2}`, `{"e":2,"é":1}`},
	} {
		got, err := storage.CanonicalJSON(c.in)
		require.NoError(t, err, c.in)
		assert.Equal(t, c.want, got)
	}
	for _, bad := range []string{
		``, `{`, `{"a"`, `{"a":`, `[1`, `"x`, `{"a":1}x`, `{"a":}`, `{"a":1,}`, `[1,]`, `{"a":1 }`, `{"a":1,"a":2}`, `{"b":1,"a":1,"a":2}`, "\"a\nb\"",
		`"\x"`, `"\u12"`, `01`, `1.`, `+1`, `NaN`, `tru`, `{a:1}`, `[1 2]`, `{"a":1}}`, strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
	} {
		_, err := storage.CanonicalJSON(bad)
		assert.Error(t, err, bad)
	}
}

func FuzzCanonicalForm(f *testing.F) {
	f.Add(`{"b":1,"a":[{"z":"\"}","y":null}],"c":{"x":-1.5e3}}`)
	f.Fuzz(func(t *testing.T, src string) {
		out, err := storage.CanonicalJSON(src)
		if err != nil {
			return
		}
		require.True(t, json.Valid([]byte(src)), "what is taken is JSON")
		require.JSONEq(t, src, out)
		again, err := storage.CanonicalJSON(out)
		require.NoError(t, err)
		require.Equal(t, out, again)
	})
}

func TestMerge(t *testing.T) {
	for _, c := range []struct{ name, base, patch, want string }{
		{"absent members stay, new ones come last", `{"id":"a","x":1,"y":2}`, `{"id":"a","z":3,"x":4}`, `{"id":"a","x":4,"y":2,"z":3}`},
		{"objects recursively", `{"o":{"a":{"b":1,"c":2}}}`, `{"o":{"a":{"c":3},"d":4}}`, `{"o":{"a":{"b":1,"c":3},"d":4}}`},
		{"lists are replaced", `{"l":[1,2,3]}`, `{"l":[4]}`, `{"l":[4]}`},
		{"null and other types replace an object", `{"o":{"a":1},"p":{"a":1}}`, `{"o":null,"p":"x"}`, `{"o":null,"p":"x"}`},
		{"an object replaces another type", `{"o":1}`, `{"o":{"a":1}}`, `{"o":{"a":1}}`},
		{"numbers keep their digits", `{"n":12345678901234567890.10}`, `{"m":1e400}`, `{"n":12345678901234567890.10,"m":1e400}`},
		{"empty", `{}`, `{}`, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := storage.MergeJSON(c.base, c.patch)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestWhatCountsAsAnID(t *testing.T) {
	for _, c := range []struct{ line, id, json string }{
		{`{"id":1}`, "1", `{"id":"1"}`},
		{`{"id":"1"}`, "1", `{"id":"1"}`},
		{`{"v":{"id":2},"id":0}`, "0", `{"v":{"id":2},"id":"0"}`},
		{`{"id":-0}`, "0", `{"id":"0"}`},
		{`{"id":1e+21,"v":1}`, "1e+21", `{"id":"1e+21","v":1}`},
		{`{"id":1.5}`, "1.5", `{"id":"1.5"}`},
		{`{"id":" "}`, " ", `{"id":" "}`},
		{`{"id":"a\u0000b"}`, "ab", `{"id":"ab"}`},
		{`{"id":"a\"b"}`, `a"b`, `{"id":"a\"b"}`},
		{`{"id":"` + strings.Repeat("x", 255) + `"}`, strings.Repeat("x", 255), `{"id":"` + strings.Repeat("x", 255) + `"}`},
		{`{"id":"` + strings.Repeat("😀", 255) + `"}`, strings.Repeat("😀", 255), `{"id":"` + strings.Repeat("😀", 255) + `"}`},
		{`{"_nango_metadata":{"cursor":"x"},"id":"a","v":1}`, "a", `{"id":"a","v":1}`},
		{`{"id":"a","_nango_metadata":{}}`, "a", `{"id":"a"}`},
	} {
		r, err := storage.ParseRecord([]byte(c.line))
		require.NoError(t, err, c.line)
		assert.Equal(t, c.id, r.ID)
		assert.Equal(t, c.json, string(r.JSON))
	}
	for line, why := range map[string]string{
		`{"id":""}`:       `the id "" is empty`,
		`{"id":"\u0000"}`: `the id "\u0000" is empty`,
		`{"id":null}`:     `the id null is neither a text nor a number`,
		`{"id":true}`:     `the id true is neither`,
		`{"id":{}}`:       `the id {} is neither`,
		`{"v":1}`:         `the required field 'id' is missing`,
		`{"id":"` + strings.Repeat("x", 256) + `"}`: `has 256 characters, at most 255`,
		`[]`: `not JSON as`, ``: `not JSON as`, `{"id":"a"`: `not JSON as`,
		`{"id":"a","deletedAt":"yesterday"}`: `deletedAt "yesterday" is no time`,
	} {
		_, err := storage.ParseRecord([]byte(line))
		require.ErrorContains(t, err, why, line)
	}
	r, err := storage.ParseRecord([]byte(`{"id":"a","deletedAt":"2026-01-02T03:04:05.678Z"}`))
	require.NoError(t, err)
	assert.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC), *r.DeletedAt)
}

func TestCursorText(t *testing.T) {
	at := time.Date(2024, 5, 1, 10, 11, 12, 345_678_000, time.UTC)
	const vector = "MjAyNC0wNS0wMVQxMDoxMToxMi4zNDU2NzgrMDA6MDB8fDVjNmQ3ZThmLTAwMDAtNTAwMC04MDAwLTAwMDAwMDAwMDAwMg=="
	assert.Equal(t, vector, storage.RecordCursor(at, uuid.MustParse("5c6d7e8f-0000-5000-8000-000000000002")))
	got, err := storage.ParseRecordCursor(vector)
	require.NoError(t, err)
	assert.True(t, at.Equal(got))
	for _, bad := range []string{"", "x", "eHg=", vector[:40], "MjAyNC0wNS0wMVQxMDoxMToxMi4zNDU2NzgrMDA6MDB8fDVjNmQ3ZThm"} {
		_, err := storage.ParseRecordCursor(bad)
		assert.ErrorIs(t, err, storage.ErrRecordsCursor, bad)
	}
}
