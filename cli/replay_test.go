package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/journal"
)

func TestReplaySaysWhetherARunIsTheSame(t *testing.T) {
	before := time.Local
	t.Cleanup(func() { time.Local = before })          //nolint:gosmopolitan,reassign // as below
	time.Local = time.FixedZone("elsewhere", -5*60*60) //nolint:gosmopolitan,reassign // where people work

	recorder, err := journal.NewRecorder(script.Start{Script: "greet-demo", Kind: causeway.RunAction, Record: true, Input: []byte(`{"name":"Ada"}`)}, journal.MaxSize)
	require.NoError(t, err)
	stored, err := recorder.End(script.Result{Output: []byte(`"hello Ada"`)})
	require.NoError(t, err)
	program := `exports.default = { type: 'action', exec: async (nango, input) => 'hello ' + input.name };`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/runs/op1/journal":
			_, _ = w.Write(stored)
		case "/runs/op1/program":
			_, _ = io.WriteString(w, program)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{"code":"not_found","message":"this run has no journal"}}`)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("CAUSEWAY_URL", server.URL)
	t.Setenv("CAUSEWAY_API_KEY", "secret")

	out, err := run(t, t.TempDir(), "replay", "op1")
	require.NoError(t, err, out)
	assert.Equal(t, "the same: 0 calls, 0 log lines, the same outcome\n", out)

	program = `exports.default = { type: 'action', exec: async (nango, input) => 'bye ' + input.name };`
	out, err = run(t, t.TempDir(), "replay", "op1")
	require.ErrorIs(t, err, errReplayDiffers)
	assert.Contains(t, out, "- success \"hello Ada\"\n  + success \"bye Ada\"")

	_, err = run(t, t.TempDir(), "replay", "op2")
	require.ErrorContains(t, err, "this run has no journal")
}
