package cli

import (
	"bytes"
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
