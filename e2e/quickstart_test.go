//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestQuickStart does what the README's quick start says, with no network and no account elsewhere.
func TestQuickStart(t *testing.T) {
	p := started(t)

	t.Run("the state file is for its owner only", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(p.dir, ".causeway", "dev.json"))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		assert.Equal(t, p.cmd.Process.Pid, p.info.PID)
	})
	t.Run("everything that the table names answers", func(t *testing.T) {
		for _, url := range []string{p.info.APIURL + "/health", p.info.DashboardURL, p.info.AdminURL + "/livez", p.info.AdminURL + "/readyz", p.info.AdminURL + "/metrics"} {
			assert.Equal(t, 200, get(t, url).Status, url)
		}
		assert.JSONEq(t, `{"result":"ok"}`, string(get(t, p.info.APIURL+"/health").Body))
		assert.Contains(t, string(get(t, p.info.TemporalUIURL).Body), "<html")
	})

	workspace := t.TempDir()
	p.cli(workspace, "init", "my-integrations")
	dir := filepath.Join(workspace, "my-integrations")
	p.cli(dir, "integrations", "create", "demo", "--provider", "demo")
	p.cli(dir, "connections", "create", "first", "--integration", "demo", "--api-key", "anything")

	plan := p.cli(dir, "deploy", "--auto-confirm")
	assert.Contains(t, plan, "tasks", "the plan names what is added")

	t.Run("the sync starts by itself and its records are read with cursors", func(t *testing.T) {
		p.synced("demo", "first", "tasks", "")
		all, cursor := p.records("demo", "first", "Task", "")
		require.NotEmpty(t, all)
		for _, r := range all {
			require.Equal(t, "ADDED", r.meta("last_action"))
		}
		rest, _ := p.records("demo", "first", "Task", cursor)
		assert.Empty(t, rest, "nothing lies after the last cursor")

		out := p.cli(dir, "run", "create-task", "--integration", "demo", "--connection", "first", "--input", `{"title":"write a test"}`)
		var made struct{ ID, Title string }
		require.NoError(t, json.Unmarshal([]byte(out), &made), out)
		assert.Equal(t, "write a test", made.Title)

		before := p.syncStatus("demo", "first", "tasks").FinishedAt
		p.must(200, "POST", "/sync/trigger", map[string]any{"provider_config_key": "demo", "connection_id": "first", "syncs": []string{"tasks"}})
		p.synced("demo", "first", "tasks", before)
		changed, _ := p.records("demo", "first", "Task", cursor)
		require.NotEmpty(t, changed)
		assert.Less(t, len(changed), len(all), "a second run reports only what changed")
		ids := map[string]bool{}
		for _, r := range changed {
			ids[r["id"].(string)] = true
		}
		assert.True(t, ids[made.ID], "the task that the action made came with the sync")
	})

	t.Run("a dry run reads through the platform, stores nothing, and records a test", func(t *testing.T) {
		before, _ := p.records("demo", "first", "Task", "")
		out := p.cli(dir, "dryrun", "tasks", "first", "--validation", "--save")
		assert.Contains(t, out, "would be saved")
		assert.Contains(t, out, "checkpoint:")
		after, _ := p.records("demo", "first", "Task", "")
		assert.Len(t, after, len(before))
		assert.Contains(t, p.cli(dir, "test", "--filter", "demo tasks"), "2 passed, 0 failed")

		out = p.cli(dir, "dryrun", "create-task", "first", "--input", `{"title":"try"}`)
		assert.Contains(t, out, `"title":"try"`)
		out, err := p.tryCLI(dir, "dryrun", "create-task", "first", "--input", `{"title":1}`, "--validation")
		require.Error(t, err)
		assert.Contains(t, out, "invalid_action_input")
	})

	t.Run("operations and their messages are found", func(t *testing.T) {
		p.eventually(20*time.Second, "the logs show the runs", func() bool {
			out := p.cli(dir, "logs", "--limit", "50")
			return strings.Contains(out, "sync:run") && strings.Contains(out, "action:run")
		})
	})

	t.Run("Ctrl-C ends it in order and leaves no process behind", func(t *testing.T) {
		group := p.cmd.Process.Pid
		p.stop()
		require.ErrorIs(t, syscall.Kill(-group, 0), syscall.ESRCH, "its process group is empty")
		_, err := os.Stat(filepath.Join(p.dir, ".causeway", "dev.json"))
		assert.ErrorIs(t, err, os.ErrNotExist)
	})

	t.Run("what was there is there after the next start", func(t *testing.T) {
		p.start()
		all, _ := p.records("demo", "first", "Task", "")
		assert.NotEmpty(t, all)
	})
}

func get(t *testing.T, url string) answer {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, resp.Header, raw}
}

func TestTwoPlatformsRunSideBySide(t *testing.T) {
	a, b := started(t), started(t)
	assert.NotEqual(t, a.info.APIURL, b.info.APIURL)
	a.connect("unauthenticated", "only-a", "c", map[string]any{"credentials": map[string]any{"type": "NONE"}})
	assert.Equal(t, 404, b.call("GET", "/integrations/only-a", nil).Status)
	assert.Equal(t, 401, status(t, b.info.APIURL, a.info.APIKey), "a key of one is none of the other")

	c := newPlatform(t)
	c.dir = a.dir
	out, err := c.tryDev()
	require.Error(t, err)
	assert.Contains(t, out, "another causeway dev")
	assert.Equal(t, 1, strings.Count(strings.TrimSpace(lastLines(out, "causeway:")), "\n")+1, "one clear line")
}

// tryDev runs causeway dev to its end.
func (p *platform) tryDev(args ...string) (string, error) {
	p.info.APIURL, p.info.APIKey = "http://127.0.0.1:1", ""
	return p.tryCLI(p.dir, append([]string{"dev"}, args...)...)
}

func lastLines(out, from string) string {
	if i := strings.Index(out, from); i >= 0 {
		return out[i:]
	}
	return out
}

func status(t *testing.T, base, key string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, base+"/integrations", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	return resp.StatusCode
}
