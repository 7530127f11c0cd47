package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/compile"
)

// run calls a command as a person would, in a folder, and returns what it printed.
func run(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	t.Chdir(dir)
	var out bytes.Buffer
	root := New()
	root.SetArgs(args)
	root.SetOut(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestInitMakesAProjectThatCompiles(t *testing.T) {
	workspace := t.TempDir()
	out, err := run(t, workspace, "init", "mine")
	require.NoError(t, err)
	assert.Contains(t, out, "cd mine")

	dir := filepath.Join(workspace, "mine")
	for _, name := range []string{".gitignore", "index.ts", "package.json", "tsconfig.json", ".causeway/types/nango.d.ts", ".causeway/types/globals.d.ts"} {
		assert.FileExists(t, filepath.Join(dir, name))
	}
	entries, err := compile.Entries(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		_, _, err := compile.Bundle(dir, e)
		require.NoError(t, err)
		names = append(names, e.Integration+"/"+e.Folder+"/"+e.Name)
	}
	assert.Equal(t, []string{"demo/syncs/tasks", "demo/actions/create-task"}, names)
}

func TestTheFirstProjectsTestsPass(t *testing.T) {
	workspace := t.TempDir()
	_, err := run(t, workspace, "init", "mine")
	require.NoError(t, err)
	out, err := run(t, filepath.Join(workspace, "mine"), "test")
	require.NoError(t, err)
	assert.Equal(t, "3 passed, 0 failed\n", out, "the closing line is alone on standard output")

	_, err = run(t, filepath.Join(workspace, "mine"), "test", "--filter", "nothing of this name")
	_, usage := errors.AsType[usageError](err)
	assert.True(t, usage, "nothing to run is a wrong use")

	fixture := filepath.Join(workspace, "mine", "demo/tests/create-task.test.json")
	raw, err := os.ReadFile(fixture)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(fixture, bytes.Replace(raw, []byte(`"output": { "id": "t4"`), []byte(`"output": { "id": "t5"`), 1), 0o600))
	out, err = run(t, filepath.Join(workspace, "mine"), "test", "--json", "report.json")
	require.Error(t, err)
	assert.Equal(t, "2 passed, 1 failed\n", out)
	raw, err = os.ReadFile("report.json")
	require.NoError(t, err)
	var report struct {
		Tests []struct{ ID, Status, Script string }
	}
	require.NoError(t, json.Unmarshal(raw, &report))
	require.Len(t, report.Tests, 3)
	assert.Equal(t, struct{ ID, Status, Script string }{"demo/tests/create-task.test.json :: demo create-task output", "failed", "actions/create-task"}, report.Tests[0])
}

func TestInitLeavesWhatIsThereAlone(t *testing.T) {
	workspace := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(workspace, "state", ".causeway"), 0o700))
	_, err := run(t, workspace, "init", "state")
	require.NoError(t, err, "a folder in which causeway dev keeps its state is as good as empty")

	_, err = run(t, workspace, "init", "state")
	require.ErrorContains(t, err, "state is not empty")

	require.NoError(t, os.WriteFile(filepath.Join(workspace, "file"), nil, 0o600))
	_, err = run(t, workspace, "init", "file")
	require.ErrorContains(t, err, "can't make a project in file")
}

func TestTypesAreWrittenAnewWhereAProjectUsesThem(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, refreshTypes(dir))
	assert.NoDirExists(t, filepath.Join(dir, ".causeway"), "a project without tsconfig.json has no use for them")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "tsconfig.json"), []byte(`{"compilerOptions":{"paths":{"nango":["./.causeway/types/nango.d.ts"]}}}`), 0o600))
	require.NoError(t, refreshTypes(dir))
	assert.FileExists(t, filepath.Join(dir, ".causeway/types/nango.d.ts"))
}
