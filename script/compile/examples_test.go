package compile_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/compile"
)

// What users read first has to be accepted by what they run next.
func TestTheFirstProjectIsBundledAndDefined(t *testing.T) {
	found := map[string]string{}
	for file, d := range defined(t, "../../cli/template") {
		found[file] = d.Type
	}
	assert.Equal(t, map[string]string{"demo/syncs/tasks.ts": "sync", "demo/actions/create-task.ts": "action"}, found)
}

func TestTheExamplesAreBundledAndDefined(t *testing.T) {
	count := map[string]map[string]int{} // scripts by integration and type
	for file, d := range defined(t, "../../examples") {
		integration, rest, _ := strings.Cut(file, "/")
		folder, _, _ := strings.Cut(rest, "/")
		assert.Equal(t, map[string]string{"syncs": "sync", "actions": "action", "on-events": "onEvent"}[folder], d.Type, "%s: its folder names its type", file)
		if count[integration] == nil {
			count[integration] = map[string]int{}
		}
		count[integration][d.Type]++
	}
	for integration, n := range count {
		assert.GreaterOrEqual(t, n["sync"], 1, "%s reads", integration)
		assert.GreaterOrEqual(t, n["action"], 2, "%s writes", integration)
	}
	scripts := 0
	for _, folder := range []string{"syncs", "actions", "on-events"} {
		files, err := filepath.Glob("../../examples/*/" + folder + "/*.ts")
		require.NoError(t, err)
		scripts += len(files)
	}
	total := 0
	for _, n := range count {
		for _, of := range n {
			total += of
		}
	}
	assert.Equal(t, scripts, total, "index.ts names each script")
}

// defined bundles all scripts of a project as a deploy does, and returns their definitions by file.
func defined(t *testing.T, dir string) map[string]*compile.Definition {
	t.Helper()
	entries, err := compile.Entries(dir)
	require.NoError(t, err)
	found := map[string]*compile.Definition{}
	for _, e := range entries {
		js, _, err := compile.Bundle(dir, e)
		require.NoError(t, err)
		lowered := compile.Lower(script.CompileJob{Name: e.Integration + "/" + e.Name, Text: js})
		require.Empty(t, lowered.Code, "%s: %s", e.File, lowered.Message)
		d, err := compile.Define(e, js)
		require.NoError(t, err)
		found[e.File] = d
		assert.NotEmpty(t, d.Description, e.File)
		if d.Type != "onEvent" {
			assert.NotEmpty(t, d.Models, e.File)
		}
		assert.Equal(t, d.Type == "sync", d.AutoStart, "%s: a sync starts with its first connection", e.File)
	}
	return found
}
