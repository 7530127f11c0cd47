//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withPages starts a platform whose integration "pages" reaches the outside API, with everything deployed.
func withPages(t *testing.T, total, perPage int) (*platform, *pages) {
	t.Helper()
	api := newPages(t, total, perPage)
	p := started(t, "CAUSEWAY_EGRESS_ALLOW_PRIVATE=true")
	p.must(200, "POST", "/integrations", map[string]any{"provider": "private-api-bearer", "unique_key": "pages"})
	p.cli(pagesProject(t), "deploy", "--auto-confirm")
	return p, api
}

func (p *platform) connectPages(api *pages, connection string) {
	p.t.Helper()
	p.connect("private-api-bearer", "pages", connection, map[string]any{"connection_config": map[string]any{"baseUrl": api.URL}})
}

// everyItemOnce proves that no record is lost or doubled.
func (p *platform) everyItemOnce(connection string, total int) {
	p.t.Helper()
	all, _ := p.records("pages", connection, "Item", "")
	seen := map[any]int{}
	for _, r := range all {
		seen[r["id"]]++
		require.Equal(p.t, "ADDED", r.meta("last_action"))
	}
	require.Len(p.t, all, total)
	require.Len(p.t, seen, total)
}

func TestKillingThePlatformInASyncResumesFromTheCheckpoint(t *testing.T) {
	p, api := withPages(t, 1000, 100)
	there, goOn := api.holdBack(5)
	defer goOn()
	p.connectPages(api, "c1")
	wait(t, there, "the sync asks for page 5")
	p.kill()
	goOn()
	p.start()

	p.synced("pages", "c1", "items", "")
	p.everyItemOnce("c1", 1000)
	assert.Equal(t, 1, api.requests(1), "page 1 was fetched once: the run went on from its checkpoint")
	assert.Equal(t, 1, api.requests(4))
	assert.Equal(t, 2, api.requests(5), "the page that was on its way is fetched again")
	assert.Equal(t, "SUCCESS", p.syncStatus("pages", "c1", "items").Status)
}

func TestKillingARunnerInASyncHurtsNothingElse(t *testing.T) {
	p, api := withPages(t, 1000, 100)
	there, goOn := api.holdBack(5)
	defer goOn()
	p.connectPages(api, "c1")
	wait(t, there, "the sync asks for page 5")
	for _, pid := range runners(t, p.info.PID) {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	goOn()
	p.synced("pages", "c1", "items", "")
	p.everyItemOnce("c1", 1000)
	assert.Equal(t, 1, api.requests(1))
	assert.Equal(t, 200, p.action("pages", "c1", "create", map[string]any{"id": "after"}).Status)
}

func TestAnActionWhoseRunnerDiesFailsWithANameAndIsNotRepeated(t *testing.T) {
	p, api := withPages(t, 100, 100)
	p.connectPages(api, "c1")
	p.synced("pages", "c1", "items", "")
	there, goOn := api.holdBack(9)
	defer goOn()
	answers := make(chan answer, 1)
	go func() { answers <- p.action("pages", "c1", "slow", map[string]any{"id": "once"}) }()
	wait(t, there, "the action waits for page 9")
	for _, pid := range runners(t, p.info.PID) {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	a := <-answers
	assert.Equal(t, 500, a.Status, "%s", a.Body)
	assert.Contains(t, string(a.Body), "script_runner_crashed")
	assert.Equal(t, 1, api.effects("once"), "its effect happened once")
}

func TestLargeOutputs(t *testing.T) {
	p, api := withPages(t, 1, 1)
	p.connectPages(api, "c1")
	a := p.action("pages", "c1", "big", map[string]any{"bytes": 1_900_000})
	require.Equal(t, 200, a.Status, "%.200s", a.Body)
	assert.Len(t, a.Body, 1_900_000)

	a = p.action("pages", "c1", "big", map[string]any{"bytes": 3_000_000})
	assert.Equal(t, 400, a.Status)
	assert.Equal(t, "script_output_too_large", code(t, a))
}

func TestAThrownActionErrorReachesTheCaller(t *testing.T) {
	p, api := withPages(t, 1, 1)
	p.connectPages(api, "c1")
	a := p.action("pages", "c1", "fail", nil)
	assert.Equal(t, 500, a.Status)
	assert.Equal(t, "action_script_runtime_error", code(t, a))
	assert.JSONEq(t, `{"message":"as asked","n":7}`, payload(t, a))
}

func TestAnAsyncActionIsReadLater(t *testing.T) {
	p, api := withPages(t, 1, 1)
	p.connectPages(api, "c1")
	a := p.call("POST", "/action/trigger", map[string]any{"action_name": "create", "input": map[string]any{"id": "x"}},
		"Provider-Config-Key", "pages", "Connection-Id", "c1", "X-Async", "true")
	require.Equal(t, 202, a.Status, "%s", a.Body)
	var accepted struct{ ID, StatusURL string }
	a.json(t, &accepted)
	assert.Equal(t, a.Header.Get("Location"), accepted.StatusURL)
	p.eventually(30*time.Second, "the action's output is there", func() bool {
		got := p.call("GET", accepted.StatusURL, nil)
		return got.Status == 200 && strings.Contains(string(got.Body), `"x"`)
	})
}

func TestPausingStopsARunAndRunNowStartsOne(t *testing.T) {
	p, api := withPages(t, 1000, 100)
	there, goOn := api.holdBack(3)
	defer goOn()
	p.connectPages(api, "c1")
	wait(t, there, "the sync asks for page 3")
	command := map[string]any{"provider_config_key": "pages", "connection_id": "c1", "syncs": []string{"items"}}
	p.must(200, "POST", "/sync/pause", command)
	goOn()
	p.eventually(time.Minute, "the paused sync stands still", func() bool {
		return p.syncStatus("pages", "c1", "items").Status == "PAUSED"
	})
	assert.Nil(t, p.syncStatus("pages", "c1", "items").NextScheduledSyncAt)
	p.must(200, "POST", "/sync/trigger", command)
	p.eventually(time.Minute, "run now works while paused", func() bool {
		all, _ := p.records("pages", "c1", "Item", "")
		return len(all) == 1000 && p.syncStatus("pages", "c1", "items").Status == "PAUSED"
	})
	p.must(200, "POST", "/sync/start", command)
	assert.NotEqual(t, "PAUSED", p.syncStatus("pages", "c1", "items").Status)
}

func code(t *testing.T, a answer) string {
	t.Helper()
	var e struct {
		Error struct{ Code string }
	}
	a.json(t, &e)
	return e.Error.Code
}

func payload(t *testing.T, a answer) string {
	t.Helper()
	var e struct {
		Error struct{ Payload json.RawMessage }
	}
	a.json(t, &e)
	return string(e.Error.Payload)
}

func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Fatal("not within a minute: " + what)
	}
}

// runners lists the runner processes below a process, by their command lines.
func runners(t *testing.T, parent int) []int {
	t.Helper()
	var found []int
	dirs, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range dirs {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(raw)[strings.LastIndexByte(string(raw), ')')+1:])
		command, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err == nil && fields[1] == strconv.Itoa(parent) && strings.HasPrefix(string(command), "causeway-runner\x00") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			require.NoError(t, err)
			found = append(found, pid)
		}
	}
	require.NotEmpty(t, found, "no runner process is there")
	return found
}
