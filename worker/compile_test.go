package worker

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script"
)

func TestBundlesAreCompiledInAProcessThatMayDieOfThem(t *testing.T) {
	p, _ := pools(t, PoolOptions{Compiler: []string{built(t, "compiler")}})
	large := strings.Repeat("a", 3<<20)
	texts := []string{"a", "nested", large, "refused", "huge", "b"}
	var jobs []script.CompileJob
	for _, text := range texts {
		jobs = append(jobs, script.CompileJob{Name: "i/" + text[:1], Text: []byte(text)})
	}
	results, err := p.Compile(t.Context(), jobs)
	require.NoError(t, err)
	require.Len(t, results, len(jobs))
	codes := map[string]string{}
	for i, r := range results {
		codes[texts[i]] = r.Code
	}
	assert.Equal(t, map[string]string{
		"a": "", large: "", "b": "", "nested": codeSecurityRejected, "refused": codeSecurityRejected, "huge": codeFailedBuild,
	}, codes)
	assert.Equal(t, "A", string(results[0].Lowered))
	assert.JSONEq(t, `{"version":3}`, string(results[0].SourceMap))
	assert.Len(t, results[2].Lowered, 3<<20)
	assert.Equal(t, "i/r: no", results[3].Message)
}

func TestNothingToCompileStartsNothing(t *testing.T) {
	p, _ := pools(t, PoolOptions{Compiler: []string{"/does/not/exist"}})
	results, err := p.Compile(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, results)
	_, err = p.Compile(t.Context(), []script.CompileJob{{Name: "x"}})
	require.ErrorContains(t, err, "compile x")
}
