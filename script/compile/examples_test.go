package compile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/compile"
)

// What users read first has to be accepted by what they run next.
func TestTheFirstProjectIsBundledAndDefined(t *testing.T) {
	found := map[string]string{}
	for _, s := range built(t, "../../cli/template").Scripts {
		found[s.File] = s.Definition.Type
	}
	assert.Equal(t, map[string]string{"demo/syncs/tasks.ts": "sync", "demo/actions/create-task.ts": "action"}, found)
}

func TestTheExamplesAreBundledAndDefined(t *testing.T) {
	p := built(t, "../../examples")
	count := map[string]map[string]int{} // scripts by integration and type
	for _, s := range p.Scripts {
		if count[s.Integration] == nil {
			count[s.Integration] = map[string]int{}
		}
		count[s.Integration][s.Definition.Type]++
	}
	assert.Len(t, count, 15)
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
	assert.Len(t, p.Scripts, scripts, "index.ts names each script")

	got, err := p.NangoJSON()
	require.NoError(t, err)
	const golden = "testdata/examples.json"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got)+"\n", "if this was meant: UPDATE_GOLDEN=1 go test ./script/compile")
}

// built compiles a project as a deploy does, and lowers its scripts as the platform does then.
func built(t *testing.T, dir string) *compile.Project {
	t.Helper()
	p, err := compile.Build(dir)
	require.NoError(t, err)
	assert.Empty(t, p.Warnings)
	for _, s := range p.Scripts {
		lowered := compile.Lower(script.CompileJob{Name: s.Integration + "/" + s.Name, Text: s.JS})
		require.Empty(t, lowered.Code, "%s: %s", s.File, lowered.Message)
		assert.NotEmpty(t, s.Definition.Description, s.File)
		assert.Equal(t, s.Definition.Type == "sync", s.Definition.AutoStart, "%s: a sync starts with its first connection", s.File)
		if s.Definition.Type != "onEvent" {
			assert.NotEmpty(t, s.Definition.Models, s.File)
		}
	}
	return p
}
