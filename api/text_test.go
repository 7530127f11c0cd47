package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTextsThatCannotBeStored(t *testing.T) {
	for raw, want := range map[string][]string{
		`{"a":"x","b":[1,true,null,"é"],"c":{}}`:               nil,
		`{"a":"\\u0000 \u00e9 \n"}`:                            nil, // an escaped backslash is no escape
		`{"a":"\ud83d\ude00","b":[],"c":[{}, {} ]}`:            nil,
		`{"a":"\u0000"}`:                                       {"a"},
		`"\u0000"`:                                             {""},
		` { "a" : [ "x" , { "b" : "1\ud83d" } , "\udc00" ] } `: {"a.1.b", "a.2"},
		`{"a":"\ud83d\ud83d\ude00"}`:                           {"a"},
		`{"a":"\ud83d\u0000"}`:                                 {"a"},
		`{"a":"\ud83dx\ude00"}`:                                {"a"},
		`{"k\u0000":1,"b":-1.5e3}`:                             {""},
	} {
		require.True(t, json.Valid([]byte(raw)), raw)
		var found issues
		checkTexts([]byte(raw), &found)
		var paths []string
		for _, i := range found {
			paths = append(paths, strings.Join(i.Path, "."))
		}
		assert.Equal(t, want, paths, raw)
	}
	var found issues
	checkTexts([]byte("{\"a\":\"\xff\"}"), &found)
	assert.Len(t, found, 1, "no UTF-8")
}

func FuzzTexts(f *testing.F) {
	f.Add([]byte(`{"a":["\u0000",{"b":"\ud83d\ude00"}]}`))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if json.Valid(raw) {
			checkTexts(raw, new(issues)) // ends, and within the document
		}
	})
}
