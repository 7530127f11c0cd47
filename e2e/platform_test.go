//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/e2e/rest"
)

// platform is a running causeway dev.
type platform struct {
	t      *testing.T
	dir    string // the folder it was started in; its state is in .causeway
	env    []string
	cmd    *exec.Cmd
	exited chan error
	output *bytes.Buffer
	info   struct {
		APIURL        string `json:"api_url"`
		DashboardURL  string `json:"dashboard_url"`
		TemporalUIURL string `json:"temporal_ui_url"`
		AdminURL      string `json:"admin_url"`
		APIKey        string `json:"api_key"`
		PID           int    `json:"pid"`
	}
}

func binary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../bin/causeway")
	require.NoError(t, err)
	_, err = os.Stat(path)
	require.NoError(t, err, "bin/causeway is missing: run ./task build")
	return path
}

// newPlatform makes a folder; start starts the platform in it. env is added to the environment, "KEY=value" each.
func newPlatform(t *testing.T, env ...string) *platform {
	t.Helper()
	p := &platform{t: t, dir: t.TempDir(), env: env}
	t.Cleanup(func() {
		if p.cmd != nil {
			p.stop()
		}
	})
	return p
}

func started(t *testing.T, env ...string) *platform {
	t.Helper()
	p := newPlatform(t, env...)
	p.start()
	return p
}

// start starts the platform and waits until it says that it is ready.
func (p *platform) start() {
	p.t.Helper()
	info := filepath.Join(p.dir, ".causeway", "dev.json")
	_ = os.Remove(info)
	p.output = &bytes.Buffer{}
	p.cmd = exec.Command(binary(p.t), "dev")
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.output, p.output
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(p.t, p.cmd.Start())
	p.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(p.cmd, p.exited)

	deadline := time.After(2 * time.Minute)
	for {
		if raw, err := os.ReadFile(info); err == nil {
			require.NoError(p.t, json.Unmarshal(raw, &p.info))
			return
		}
		select {
		case err := <-p.exited:
			p.exited <- err
			p.t.Fatalf("causeway dev ended: %v\n%s", err, p.output)
		case <-deadline:
			p.kill()
			p.t.Fatalf("causeway dev was not ready after 2 minutes:\n%s", p.output)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the platform as Ctrl-C does.
func (p *platform) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-p.exited:
		if err != nil {
			p.t.Errorf("causeway dev did not end well: %v\n%s", err, tail(p.output.String()))
		}
	case <-time.After(90 * time.Second):
		p.kill()
		p.t.Errorf("causeway dev did not stop within 90 seconds:\n%s", tail(p.output.String()))
	}
	p.cmd = nil
}

// kill ends the platform without a word, with kill -9 on its process alone.
func (p *platform) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited //nolint:errcheck // killed: there is no status to judge
	p.cmd = nil
}

func tail(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// answer is an HTTP answer, read whole.
type answer rest.Answer

func (a answer) json(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.Body, into), "%d %s", a.Status, a.Body)
}

// call makes one API call. headers are name, value, name, value, …
func (p *platform) call(method, path string, body any, headers ...string) answer {
	p.t.Helper()
	a, err := p.try(method, path, body, headers...)
	require.NoError(p.t, err)
	return a
}

func (p *platform) try(method, path string, body any, headers ...string) (answer, error) {
	a, err := rest.Call(context.Background(), &http.Client{Timeout: 2 * time.Minute}, p.info.APIURL, p.info.APIKey, method, path, body, headers...)
	return answer(a), err
}

// must makes a call that has to be answered with the status.
func (p *platform) must(status int, method, path string, body any, headers ...string) answer {
	p.t.Helper()
	a := p.call(method, path, body, headers...)
	require.Equal(p.t, status, a.Status, "%s %s: %s", method, path, a.Body)
	return a
}

// cli runs the command line in a folder and returns what it printed; it has to succeed.
func (p *platform) cli(dir string, args ...string) string {
	p.t.Helper()
	out, err := p.tryCLI(dir, args...)
	require.NoError(p.t, err, "causeway %s\n%s", strings.Join(args, " "), out)
	return out
}

func (p *platform) tryCLI(dir string, args ...string) (string, error) {
	cmd := exec.Command(binary(p.t), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CAUSEWAY_URL="+p.info.APIURL, "CAUSEWAY_API_KEY="+p.info.APIKey)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// connect makes an integration of a provider and one connection with an API key.
func (p *platform) connect(provider, integration, connection string, more map[string]any) {
	p.t.Helper()
	if a := p.call("GET", "/integrations/"+url.PathEscape(integration), nil); a.Status == http.StatusNotFound {
		p.must(200, "POST", "/integrations", map[string]any{"provider": provider, "unique_key": integration})
	}
	body := map[string]any{
		"provider_config_key": integration, "connection_id": connection,
		"credentials": map[string]any{"type": "API_KEY", "apiKey": "a-key-nobody-may-see"},
	}
	for k, v := range more {
		body[k] = v
	}
	p.must(201, "POST", "/connections", body)
}

// action triggers an action and waits for its answer.
func (p *platform) action(integration, connection, name string, input any) answer {
	p.t.Helper()
	return p.call("POST", "/action/trigger", map[string]any{"action_name": name, "input": input},
		"Provider-Config-Key", integration, "Connection-Id", connection)
}

type record map[string]any

func (r record) meta(name string) any {
	m, _ := r["_nango_metadata"].(map[string]any)
	return m[name]
}

// records reads all records of a model after a cursor ("" for all), and the cursor of the last one.
func (p *platform) records(integration, connection, model, cursor string) ([]record, string) {
	p.t.Helper()
	var all []record
	for {
		q := url.Values{"model": {model}, "limit": {"1000"}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page struct {
			Records    []record `json:"records"`
			NextCursor *string  `json:"next_cursor"`
		}
		p.must(200, "GET", "/records?"+q.Encode(), nil, "Provider-Config-Key", integration, "Connection-Id", connection).json(p.t, &page)
		all = append(all, page.Records...)
		if n := len(page.Records); n > 0 {
			cursor = fmt.Sprint(page.Records[n-1].meta("cursor"))
		}
		if page.NextCursor == nil {
			return all, cursor
		}
	}
}

type syncStatus struct {
	Name         string         `json:"name"`
	Status       string         `json:"status"`
	FinishedAt   string         `json:"finishedAt"`
	RecordCount  map[string]int `json:"recordCount"`
	Checkpoint   map[string]any `json:"checkpoint"`
	LatestResult map[string]struct {
		Added, Updated, Deleted int
	} `json:"latestResult"`
	NextScheduledSyncAt *string `json:"nextScheduledSyncAt"`
}

func (p *platform) syncStatus(integration, connection, name string) syncStatus {
	p.t.Helper()
	syncs := p.syncs(integration, connection, name)
	require.Len(p.t, syncs, 1)
	return syncs[0]
}

// syncs are those of a connection with a name: one, or none while a deploy makes it.
func (p *platform) syncs(integration, connection, name string) []syncStatus {
	p.t.Helper()
	var s struct {
		Syncs []syncStatus `json:"syncs"`
	}
	q := url.Values{"syncs": {name}, "provider_config_key": {integration}, "connection_id": {connection}}
	p.must(200, "GET", "/sync/status?"+q.Encode(), nil).json(p.t, &s)
	return s.Syncs
}

// synced waits until the sync has finished a run after the one that is known by its finishing time ("" for none).
func (p *platform) synced(integration, connection, name, after string) syncStatus {
	p.t.Helper()
	var s syncStatus
	p.eventually(2*time.Minute, fmt.Sprintf("a run of %s after %q ends", name, after), func() bool {
		found := p.syncs(integration, connection, name)
		if len(found) == 0 {
			return false
		}
		s = found[0]
		return s.FinishedAt != "" && s.FinishedAt != after && s.Status != "RUNNING"
	})
	return s
}

// eventually polls until the condition holds.
func (p *platform) eventually(within time.Duration, what string, condition func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(within)
	for !condition() {
		if time.Now().After(deadline) {
			p.t.Fatalf("not within %s: %s\n%s", within, what, tail(p.output.String()))
		}
		time.Sleep(50 * time.Millisecond) // the pause between two looks
	}
}

// project writes a project of script files and returns its folder.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}
