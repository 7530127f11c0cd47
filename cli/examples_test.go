package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/compile"
	"github.com/causeway-dev/causeway/script/spec"
)

// The examples' own tests run as their users run them, and each script has one.
func TestTheTestsOfTheExamplesPass(t *testing.T) {
	dir, err := filepath.Abs("../examples")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "report.json")
	out, err := run(t, dir, "test", "--json", path)
	text, readErr := os.ReadFile(path)
	require.NoError(t, readErr)
	var report spec.Report
	require.NoError(t, json.Unmarshal(text, &report))
	for _, test := range report.Tests {
		assert.Equal(t, "passed", test.Status, "%s", test.Describe())
	}
	require.NoError(t, err)
	assert.Regexp(t, `^\d+ passed, 0 failed\n$`, out)

	tested := map[string]bool{}
	for _, test := range report.Tests {
		tested[test.Integration+"/"+test.Script] = true
	}
	entries, err := compile.Entries(dir)
	require.NoError(t, err)
	for _, e := range entries {
		assert.True(t, tested[e.Integration+"/"+filepath.Base(filepath.Dir(e.File))+"/"+e.Name], "%s has a recording", e.File)
	}
}
