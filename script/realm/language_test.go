package realm_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/compile"
	"github.com/causeway-dev/causeway/script/realm"
)

var record = flag.Bool("record", false, "record what Node makes of testdata/language.txt")

const recorded = "testdata/language.json"

// evaluation is the program that says what an expression is: JSON, with marks for what JSON doesn't know, or the error. It is the same text
// in Node and in a realm.
const evaluation = `const show = (v) => JSON.stringify(v, (k, x) => {
	if (x === undefined) return '<undefined>';
	if (typeof x === 'bigint') return '<' + x + 'n>';
	if (typeof x === 'number' && !Number.isFinite(x)) return '<' + x + '>';
	return x;
});
const results = [];
for (const f of expressions) {
	try { results.push(show(await f())); } catch (e) { results.push(e instanceof Error || e?.name ? 'throws ' + e.name + ': ' + e.message : 'throws ' + show(e)); }
}
`

func expressions(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/language.txt")
	require.NoError(t, err)
	var all []string
	for _, line := range strings.Split(string(text), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

// recordWithNode asks Node, in the time zone and language that scripts have.
func recordWithNode(t *testing.T, all []string) {
	t.Helper()
	cmd := exec.Command("node", "--input-type=module", "-") // what is recorded is read by people before it is committed
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=en_US.UTF-8")
	texts, err := json.Marshal(all)
	require.NoError(t, err)
	// By eval, so that one that Node can't parse doesn't hide the others.
	cmd.Stdin = strings.NewReader("const expressions = " + string(texts) + ".map((e) => () => (0, eval)('\"use strict\"; (async () => (' + e + '))()'));" + evaluation + "console.log(JSON.stringify(results));")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var results []string
	require.NoError(t, json.Unmarshal(out, &results))
	require.Len(t, results, len(all))
	byExpression := map[string]string{}
	for i, e := range all {
		byExpression[e] = results[i]
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	require.NoError(t, enc.Encode(byExpression))
	require.NoError(t, os.WriteFile(recorded, text.Bytes(), 0o600))
}

// TestLanguage compares what scripts get with what Node gave when it was asked.
func TestLanguage(t *testing.T) {
	all := expressions(t)
	if *record {
		recordWithNode(t, all)
	}
	text, err := os.ReadFile(recorded)
	require.NoError(t, err)
	var want map[string]string
	require.NoError(t, json.Unmarshal(text, &want))
	for _, e := range all {
		t.Run(e, func(t *testing.T) {
			t.Parallel()
			expected, ok := want[e]
			require.True(t, ok, "not recorded: run the test with -record")
			if d, differs := differences[e]; differs {
				expected = d.here
			}
			if ofThePatches[e] && !realm.Patched() {
				return
			}
			got := asked(t, e)
			if !realm.Patched() && strings.HasPrefix(expected, "throws ") { // the plain engine has words of its own
				expected, _, _ = strings.Cut(expected, ":")
				got, _, _ = strings.Cut(got, ":")
			}
			require.Equal(t, expected, got)
		})
	}
}

// asked is what a script gets, after the compiler.
func asked(t *testing.T, expression string) string {
	t.Helper()
	lowered := compile.Lower(script.CompileJob{Name: "acme/script", Text: []byte(moduleOf("const expressions = [async () => (" + expression + ")];" + evaluation + "return results[0];"))})
	if lowered.Code != "" {
		return "refused " + lowered.Message
	}
	result := runModule(t.Context(), t, &fakeHost{}, string(lowered.Lowered))
	if result.Code != "" {
		return result.Code + ": " + result.Message
	}
	var got string
	require.NoError(t, json.Unmarshal(result.Output, &got))
	return got
}
