//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAPastRunIsReplayed keeps the journals of an action and replays one, as it was and changed.
func TestAPastRunIsReplayed(t *testing.T) {
	p := started(t)
	workspace := t.TempDir()
	p.cli(workspace, "init", "mine")
	dir := filepath.Join(workspace, "mine")
	p.cli(dir, "integrations", "create", "demo", "--provider", "demo")
	p.cli(dir, "connections", "create", "first", "--integration", "demo", "--api-key", "anything")
	p.cli(dir, "deploy", "--auto-confirm")
	assert.Contains(t, p.cli(dir, "journal", "all", "--integration", "demo", "--type", "action", "--name", "create-task"), "demo/action/create-task: all\n")

	p.cli(dir, "run", "create-task", "--integration", "demo", "--connection", "first", "--input", `{"title":"write a test"}`)
	run := p.operation("action")
	assert.Contains(t, p.cli(dir, "replay", run), "the same: ")

	path := filepath.Join(dir, "demo", "actions", "create-task.ts")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(raw), "/v1/tasks", "/v2/tasks")), 0o600))
	out, err := p.tryCLI(dir, "replay", run, "--with", path)
	require.Error(t, err)
	assert.Contains(t, out, "the journal has no answer for call 1")
	assert.Contains(t, out, "/v2/tasks")

	p.synced("demo", "first", "tasks", "")
	out, err = p.tryCLI(dir, "replay", p.operation("sync"))
	require.Error(t, err, "the setting was of another function")
	assert.Contains(t, out, "has no journal")
}

// operation is the id of the newest operation of a type.
func (p *platform) operation(kind string) (id string) {
	p.t.Helper()
	p.eventually(20*time.Second, "the operation is in the logs", func() bool {
		a := p.call(http.MethodPost, "/api/ui/v1/dev/logs/search", map[string]any{"types": []string{kind}, "states": []string{"success"}, "limit": 1})
		var found struct {
			Data []struct{ ID, Operation json.RawMessage }
		}
		require.Equal(p.t, 200, a.Status, "%s", a.Body)
		a.json(p.t, &found)
		if len(found.Data) == 0 {
			return false
		}
		return json.Unmarshal(found.Data[0].ID, &id) == nil
	})
	return id
}
