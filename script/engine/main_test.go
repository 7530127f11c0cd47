package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repository is a folder that pins the same engine, with the real patches.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, name), text, 0o600))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(root, patchesDir), 0o750))
	patches, err := readPatches("patches")
	require.NoError(t, err)
	for _, p := range patches {
		require.NoError(t, os.WriteFile(filepath.Join(root, patchesDir, p.name), p.text, 0o600))
	}
	return root
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

func TestThePatchesFitThePinnedEngine(t *testing.T) {
	root := repository(t)
	require.NoError(t, run(t.Context(), root))
	assert.Contains(t, read(t, root, workFile), "use (\n\t.\n\t./.build/goja\n)")
	assert.Contains(t, read(t, root, copyDir+"/limits.go"), "func (r *Runtime) DisableCodeGeneration()")
	assert.FileExists(t, filepath.Join(root, copyDir, "limits_test.go"), "our tests come along")

	t.Run("a second time nothing is done", func(t *testing.T) {
		mark := filepath.Join(root, copyDir, "limits.go")
		require.NoError(t, os.WriteFile(mark, []byte("untouched"), 0o600))
		require.NoError(t, run(t.Context(), root))
		assert.Equal(t, "untouched", read(t, root, copyDir+"/limits.go"))
	})
	t.Run("without go.work it is", func(t *testing.T) {
		require.NoError(t, os.Remove(filepath.Join(root, workFile)))
		require.NoError(t, run(t.Context(), root))
		assert.FileExists(t, filepath.Join(root, workFile))
		assert.NotEqual(t, "untouched", read(t, root, copyDir+"/limits.go"))
	})
	t.Run("a patch that doesn't fit leaves the plain engine, and is named", func(t *testing.T) {
		bad := strings.ReplaceAll(read(t, root, patchesDir+"/02-value-limits.patch"), "maxLength", "minLength")
		require.NoError(t, os.WriteFile(filepath.Join(root, patchesDir, "02-value-limits.patch"), []byte(bad), 0o600))
		require.ErrorContains(t, run(t.Context(), root), "02-value-limits.patch doesn't fit")
		assert.NoFileExists(t, filepath.Join(root, workFile))
	})
	t.Run("elsewhere it says so", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(filepath.Join(root, patchesDir)))
		require.ErrorContains(t, run(t.Context(), root), "run this at the root of the repository")
	})
}
