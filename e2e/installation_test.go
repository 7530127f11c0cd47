//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/devstack/postgres"
	"github.com/causeway-dev/causeway/e2e/rest"
)

// installation is a platform as it is in production: each part a process of its own.
type installation struct {
	*platform // for calls to its API
	dir       string
	env       []string // settings that all processes share
	redis     int      // ports
	temporal  int
}

// process is one of them.
type process struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	log    string // file
	admin  string // URL of the admin port
	exited chan error
}

// newInstallation starts Postgres, and nothing else.
func newInstallation(t *testing.T) *installation {
	t.Helper()
	i := &installation{platform: &platform{t: t, output: &bytes.Buffer{}}, dir: t.TempDir(), redis: freePort(t), temporal: freePort(t)}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	data := filepath.Join(i.dir, "postgres")
	server, err := postgres.Start(ctx, postgres.Options{Dir: data, FastDisk: true})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = server.Stop(ctx)
		if place, err := os.Readlink(data); err == nil { // of another user, where Postgres can't run as ours
			_ = os.RemoveAll(place)
		}
	})
	require.NoError(t, server.CreateDatabase(ctx, "causeway"))
	api := freePort(t)
	i.info.APIURL = "http://" + rest.Loopback(api)
	i.env = []string{
		"CAUSEWAY_DATABASE_URL=" + server.URL("causeway"), "CAUSEWAY_TEMPORAL_ADDRESS=" + rest.Loopback(i.temporal), "CAUSEWAY_REDIS_URL=redis://" + rest.Loopback(i.redis),
		"CAUSEWAY_BLOB_URL=file://" + filepath.Join(i.dir, "blob") + "?create_dir=true&no_tmp_dir=true", "CAUSEWAY_ENCRYPTION_KEY=" + strings.Repeat("A", 43) + "=",
		"CAUSEWAY_SERVER_PUBLIC_URL=" + i.info.APIURL, "CAUSEWAY_SERVER_LISTEN=" + rest.Loopback(api), "CAUSEWAY_EGRESS_ALLOW_PRIVATE=true",
		"CAUSEWAY_RUNNERS_ISOLATION=best", "CAUSEWAY_WORKER_DRAIN=20s",
	}
	return i
}

// start starts a program, which is killed at the end of the test unless it has ended.
func (i *installation) start(name string, command ...string) *process {
	i.t.Helper()
	admin := freePort(i.t)
	p := &process{t: i.t, name: name, log: filepath.Join(i.dir, name+".log"), admin: "http://" + rest.Loopback(admin), exited: make(chan error, 1)}
	out, err := os.Create(p.log)
	require.NoError(i.t, err)
	defer func() { _ = out.Close() }()
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = i.dir, out, out
	p.cmd.Env = i.environment("CAUSEWAY_SERVER_ADMIN_LISTEN=" + rest.Loopback(admin))
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(i.t, p.cmd.Start())
	go func() { p.exited <- p.cmd.Wait() }()
	i.t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		if i.t.Failed() {
			i.t.Logf("%s:\n%s", name, tail(p.output()))
		}
	})
	return p
}

func (i *installation) environment(more ...string) []string {
	return append(append(os.Environ(), i.env...), more...)
}

// causeway runs a command to its end, which has to be in time, and returns what it printed.
func (i *installation) causeway(within time.Duration, env []string, args ...string) (string, error) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(i.t), args...)
	cmd.Dir, cmd.Env = i.dir, i.environment(append([]string{"CAUSEWAY_SERVER_ADMIN_LISTEN=127.0.0.1:0"}, env...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(i.t, ctx.Err(), "causeway %s did not end within %s:\n%s", strings.Join(args, " "), within, out)
	return string(out), err
}

func (p *process) output() string {
	raw, err := os.ReadFile(p.log)
	require.NoError(p.t, err)
	return string(raw)
}

// status is the answer's status of a path of the admin port; 0: nobody answers.
func (p *process) status(path string) int {
	resp, err := http.Get(p.admin + path)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (i *installation) ready(p *process) {
	i.t.Helper()
	i.eventually(30*time.Second, p.name+" is ready\n"+p.output(), func() bool { return p.status("/readyz") == http.StatusOK })
}

// terminate asks the process to end.
func (p *process) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// ends waits for the end of the process, which has to be a good one.
func (p *process) ends(within time.Duration) {
	p.t.Helper()
	select {
	case err := <-p.exited:
		require.NoError(p.t, err, "%s did not end well:\n%s", p.name, tail(p.output()))
	case <-time.After(within):
		p.t.Fatalf("%s did not end within %s:\n%s", p.name, within, tail(p.output()))
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := rest.FreePort()
	require.NoError(t, err)
	return port
}
