package sourcemap_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/sourcemap"
)

// small maps three lines: the second has no segments, the third two, of which the later is of another source.
const small = `{"version":3,"sources":["../../github/syncs/issues.ts","../lib\"\n.ts"],"mappings":"AAAA;;EAsBE,KCrBF"}`

func parse(t testing.TB, raw string) *sourcemap.Map {
	t.Helper()
	m, err := sourcemap.Parse([]byte(raw))
	require.NoError(t, err)
	return m
}

func TestPlacesAreFound(t *testing.T) {
	m := parse(t, small)
	for name, c := range map[string]struct {
		line, column int
		want         sourcemap.Position
		found        bool
	}{
		"at a segment":                {1, 0, sourcemap.Position{File: "github/syncs/issues.ts", Line: 1, Column: 1}, true},
		"after it":                    {1, 99, sourcemap.Position{File: "github/syncs/issues.ts", Line: 1, Column: 1}, true},
		"before the first":            {3, 0, sourcemap.Position{File: "github/syncs/issues.ts", Line: 23, Column: 3}, true},
		"between two":                 {3, 6, sourcemap.Position{File: "github/syncs/issues.ts", Line: 23, Column: 3}, true},
		"in another source, cleaned":  {3, 7, sourcemap.Position{File: "lib__.ts", Line: 2, Column: 1}, true},
		"in a line without a segment": {2, 0, sourcemap.Position{}, false},
		"behind the end":              {4, 0, sourcemap.Position{}, false},
		"in no line":                  {0, 0, sourcemap.Position{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, found := m.At(c.line, c.column)
			assert.Equal(t, c.found, found)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestTextsAreRewritten(t *testing.T) {
	m := parse(t, small)
	const file = "issues-github.cjs"
	for name, c := range map[string]struct{ text, want string }{
		"a stack in JSON": {`{"stacktrace":["Error: x","at f (issues-github.cjs:3:5)","at issues-github.cjs:1:40"]}`,
			`{"stacktrace":["Error: x","at f (github/syncs/issues.ts:23:3)","at github/syncs/issues.ts:1:1"]}`},
		"the engine's offsets":       {`f (issues-github.cjs:3:5(17))\nat issues-github.cjs:3:5(0)`, `f (github/syncs/issues.ts:23:3)\nat github/syncs/issues.ts:23:3`},
		"other brackets":             {`issues-github.cjs:3:5(x) issues-github.cjs:3:5() issues-github.cjs:3:5(1`, `github/syncs/issues.ts:23:3(x) github/syncs/issues.ts:23:3() github/syncs/issues.ts:23:3(1`},
		"another file":               {"at f (other.cjs:3:5)", "at f (other.cjs:3:5)"},
		"a line without a source":    {"issues-github.cjs:2:1", "issues-github.cjs:2:1"},
		"a line that isn't there":    {"issues-github.cjs:9:1 issues-github.cjs:3:1", "issues-github.cjs:9:1 github/syncs/issues.ts:23:3"},
		"no numbers":                 {"issues-github.cjs: issues-github.cjs:x issues-github.cjs:3: issues-github.cjs:3:x", "issues-github.cjs: issues-github.cjs:x issues-github.cjs:3: issues-github.cjs:3:x"},
		"numbers without end":        {"issues-github.cjs:" + strings.Repeat("3", 5000) + ":1", "issues-github.cjs:" + strings.Repeat("3", 5000) + ":1"},
		"nothing":                    {"", ""},
		"the name alone, at the end": {"issues-github.cjs:", "issues-github.cjs:"},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, string(m.Rewrite([]byte(c.text), file))) })
	}
	flood := strings.Repeat("issues-github.cjs:3:5 ", 1000)
	got := string(m.Rewrite([]byte(flood), file))
	assert.Equal(t, 100, strings.Count(got, "github/syncs/issues.ts:23:3"), "the work on one text is bounded")
	assert.Equal(t, 900, strings.Count(got, file))
}

func TestBadMapsAreRefused(t *testing.T) {
	for name, raw := range map[string]string{
		"no JSON":             `x`,
		"another version":     `{"version":2,"mappings":""}`,
		"an unknown digit":    `{"version":3,"mappings":"AA!A"}`,
		"an endless number":   `{"version":3,"mappings":"gggggggggggggg"}`,
		"half a number":       `{"version":3,"mappings":"g"}`,
		"too many fields":     `{"version":3,"mappings":"AAAAAA"}`,
		"too many lines":      `{"version":3,"mappings":"` + strings.Repeat(";", 2<<20) + `"}`,
		"larger than allowed": `{"version":3,"mappings":"` + strings.Repeat("A", sourcemap.MaxSize) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sourcemap.Parse([]byte(raw))
			require.Error(t, err)
		})
	}
}

func FuzzMap(f *testing.F) {
	f.Add(small[strings.Index(small, "AAAA"):len(small)-2], 3, 7)
	f.Add("D;DDDD,CDDDD;;AAAA", 2, 1)
	f.Fuzz(func(t *testing.T, mappings string, line, column int) {
		raw, err := json.Marshal(map[string]any{"version": 3, "sources": []string{"a.ts", "../b.ts"}, "mappings": mappings})
		require.NoError(t, err)
		m, err := sourcemap.Parse(raw)
		if err != nil {
			return
		}
		if p, ok := m.At(line, column); ok {
			assert.Contains(t, []string{"a.ts", "b.ts"}, p.File)
			assert.Positive(t, p.Line)
		}
	})
}
