//go:build e2e

package crash

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/devstack/postgres"
	"github.com/causeway-dev/causeway/e2e/rest"
)

// stack is the whole platform, each part a process of its own.
type stack struct {
	t        *testing.T
	s        shape
	dir      string
	bin      string
	key      string         // instance key
	ports    map[string]int // of the API and the admin port, by process
	procs    map[string]*process
	proxies  map[string]*toxiproxy.Proxy // by process/server
	temporal string                      // address past the proxies
	apiKey   string
	db       *pgxpool.Pool // past the proxies
	redis    *redis.Client // past the proxies

	pgMu   sync.Mutex
	pg     *postgres.Server
	pgOpts postgres.Options

	mu       sync.Mutex
	findings []string
}

const startWithin = 2 * time.Minute

func newStack(t *testing.T, s shape) *stack {
	t.Helper()
	bin, err := filepath.Abs("../../bin/causeway")
	require.NoError(t, err)
	_, err = os.Stat(bin)
	require.NoError(t, err, "bin/causeway is missing: run ./task build")
	dir, err := os.MkdirTemp("", "causeway-crash-")
	require.NoError(t, err)
	st := &stack{t: t, s: s, dir: dir, bin: bin, ports: map[string]int{}, procs: map[string]*process{}, proxies: map[string]*toxiproxy.Proxy{}}
	t.Cleanup(st.clear)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	st.key = base64.StdEncoding.EncodeToString(key)
	return st
}

// found keeps what is wrong. The test goes on: one run finds more than one thing.
func (st *stack) found(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.findings = append(st.findings, text)
	st.t.Logf("FOUND: %s", text)
}

func (st *stack) clear() {
	for _, p := range st.procs {
		p.kill()
	}
	for _, p := range st.proxies {
		p.Stop()
	}
	if st.db != nil {
		st.db.Close()
	}
	if st.redis != nil {
		_ = st.redis.Close()
	}
	st.pgMu.Lock()
	defer st.pgMu.Unlock()
	if st.pg != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = st.pg.Stop(ctx)
	}
	if data, err := filepath.EvalSymlinks(st.pgOpts.Dir); err == nil && !strings.HasPrefix(data, st.dir) {
		_ = os.RemoveAll(filepath.Dir(data)) // of another user, where postgres can't run as ours
	}
	if st.t.Failed() {
		st.t.Logf("logs of the processes: %s", st.dir)
		return
	}
	_ = os.RemoveAll(st.dir)
}

// up starts everything, and returns when all of it is ready.
func (st *stack) up(ctx context.Context) {
	t := st.t
	t.Helper()
	began := time.Now()
	st.pgOpts = postgres.Options{Dir: filepath.Join(st.dir, "postgres"), Port: freePort(t)}
	require.NoError(t, st.startPostgres(ctx))
	require.NoError(t, st.pg.CreateDatabase(ctx, "causeway"))

	redisPort, temporalPort := freePort(t), freePort(t)
	st.temporal = rest.Loopback(temporalPort)
	st.process("redis", []string{"redis-server", "--port", strconv.Itoa(redisPort), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", st.dir}, nil, listens(redisPort))
	st.process("temporal", []string{st.bin, "internal", "temporal", "--dir", filepath.Join(st.dir, "temporal"), "--listen", rest.Loopback(temporalPort)}, nil, listens(temporalPort))

	for _, name := range append(append([]string{}, servers...), workers...) {
		st.proxy(name, "postgres", st.pgOpts.Port)
		st.proxy(name, "temporal", temporalPort)
		st.proxy(name, "redis", redisPort)
		st.ports[name], st.ports[name+"/admin"] = freePort(t), freePort(t)
	}
	direct := st.environment(st.pg.URL("causeway"), rest.Loopback(temporalPort), rest.Loopback(redisPort))
	st.run(ctx, direct, "migrate", "up")
	st.procs["temporal"].await(t, startWithin)
	st.run(ctx, direct, "temporal", "setup")
	st.apiKey = apiKey(t, st.run(ctx, direct, "account", "create", "default", "--environments", "dev"))

	for _, name := range append(append([]string{}, servers...), workers...) {
		role, _, _ := strings.Cut(name, "-")
		env := append(st.environment(
			strings.Replace(st.pg.URL("causeway"), rest.Loopback(st.pgOpts.Port), st.proxies[name+"/postgres"].Listen, 1),
			st.proxies[name+"/temporal"].Listen, st.proxies[name+"/redis"].Listen,
		), "CAUSEWAY_SERVER_LISTEN="+rest.Loopback(st.ports[name]), "CAUSEWAY_SERVER_ADMIN_LISTEN="+rest.Loopback(st.ports[name+"/admin"]))
		st.process(name, []string{st.bin, role}, env, answers("http://"+rest.Loopback(st.ports[name+"/admin"])+"/readyz"))
	}
	for _, p := range st.procs {
		p.await(t, startWithin)
	}
	var err error
	st.db, err = pgxpool.New(ctx, st.pg.URL("causeway"))
	require.NoError(t, err)
	st.redis = redis.NewClient(&redis.Options{Addr: rest.Loopback(redisPort)})
	t.Logf("everything is up after %s", time.Since(began).Round(100*time.Millisecond))
}

// environment is the settings of every process of ours. Nothing of the caller's own settings comes in.
func (st *stack) environment(database, temporal, redis string) []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "CAUSEWAY_") {
			env = append(env, e)
		}
	}
	return append(env,
		"CAUSEWAY_DATABASE_URL="+database, "CAUSEWAY_TEMPORAL_ADDRESS="+temporal, "CAUSEWAY_REDIS_URL=redis://"+redis,
		"CAUSEWAY_BLOB_URL=file://"+filepath.Join(st.dir, "blob")+"?create_dir=true&no_tmp_dir=true", "CAUSEWAY_ENCRYPTION_KEY="+st.key,
		"CAUSEWAY_SERVER_PUBLIC_URL=http://causeway.test", "CAUSEWAY_EGRESS_ALLOW_PRIVATE=true", "CAUSEWAY_RUNNERS_ISOLATION=best",
		"CAUSEWAY_WORKER_LEASE="+st.s.lease.String(), "CAUSEWAY_WORKER_DRAIN=5s",
	)
}

// process starts a program. It goes on without waiting for it.
func (st *stack) process(name string, args, env []string, ready func() bool) {
	st.t.Helper()
	p := &process{name: name, args: args, env: env, dir: st.dir, log: filepath.Join(st.dir, name+".log"), ready: ready, found: st.found}
	st.procs[name] = p
	require.NoError(st.t, p.start())
}

func (p *process) await(t *testing.T, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !p.isUp() {
		if time.Now().After(deadline) {
			t.Fatalf("%s was not ready after %s\n%s", p.name, within, tailOf(p.log))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// run runs a command of ours to its end and returns what it printed.
func (st *stack) run(ctx context.Context, env []string, args ...string) string {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, st.bin, args...)
	cmd.Env, cmd.Dir = env, st.dir
	out, err := cmd.CombinedOutput()
	require.NoError(st.t, err, "causeway %s\n%s", strings.Join(args, " "), out)
	return string(out)
}

// apiKey is the key of the one environment in what account create printed.
func apiKey(t *testing.T, printed string) string {
	t.Helper()
	fields := strings.Fields(printed)
	require.Len(t, fields, 2, "%s", printed)
	return fields[1]
}

// proxy puts a proxy between a process and a server that it talks to.
func (st *stack) proxy(name, upstream string, port int) {
	st.t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(server, name+"-"+upstream, "127.0.0.1:0", rest.Loopback(port))
	require.NoError(st.t, server.Collection.Add(p, true))
	st.proxies[name+"/"+upstream] = p
}

func (st *stack) startPostgres(ctx context.Context) error {
	st.pgMu.Lock()
	defer st.pgMu.Unlock()
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var err error
	st.pg, err = postgres.Start(limited, st.pgOpts)
	return err
}

// killPostgres ends Postgres and all its processes without a word.
func (st *stack) killPostgres() {
	port := "\x00-p\x00" + strconv.Itoa(st.pgOpts.Port) + "\x00"
	for _, c := range children(os.Getpid()) {
		if !strings.Contains(c.command, port) {
			continue
		}
		sessions := children(c.pid)
		_ = syscall.Kill(c.pid, syscall.SIGKILL)
		for _, s := range sessions {
			_ = syscall.Kill(s.pid, syscall.SIGKILL)
		}
	}
}

// inflict does what a fault says, until ctx ends or its time is over, and undoes it.
func (st *stack) inflict(ctx context.Context, f fault) {
	lasts := func() {
		select {
		case <-time.After(f.lasts):
		case <-ctx.Done():
		}
	}
	p := st.procs[f.target]
	switch f.kind {
	case "kill":
		if f.target == "postgres" {
			st.killPostgres()
			lasts()
			st.backPostgres()
			return
		}
		p.kill()
		lasts()
		if err := p.start(); err != nil {
			st.found("%v", err)
		}
	case "kill-runner":
		for _, pid := range p.runners() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	case "pause":
		pid := p.pid()
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		lasts()
		_ = syscall.Kill(pid, syscall.SIGCONT)
	case "cut":
		proxy := st.proxies[f.target+"/"+f.upstream]
		proxy.Stop()
		lasts()
		if err := proxy.Start(); err != nil {
			st.found("the proxy %s does not listen again: %v", proxy.Name, err)
		}
	case "silence":
		st.toxic(f, lasts, `{"name":"%s","type":"timeout","stream":"%s","attributes":{"timeout":0}}`)
	case "reset":
		st.toxic(f, lasts, `{"name":"%s","type":"reset_peer","stream":"%s","attributes":{"timeout":50}}`)
	}
}

// toxic spoils both directions of a process's connections to a server for a while.
func (st *stack) toxic(f fault, lasts func(), format string) {
	proxy := st.proxies[f.target+"/"+f.upstream]
	for _, stream := range []string{"upstream", "downstream"} {
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(format, f.kind+"-"+stream, stream))); err != nil {
			st.found("the proxy %s does not take a toxic: %v", proxy.Name, err)
		}
	}
	lasts()
	proxy.Toxics.ResetToxics(context.Background())
}

// backPostgres starts Postgres again; processes of its former life may have to end first.
func (st *stack) backPostgres() {
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if err = st.startPostgres(context.Background()); err == nil {
			return
		}
	}
	st.found("Postgres does not start again: %v", err)
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := rest.FreePort()
	require.NoError(t, err)
	return port
}

func listens(port int) func() bool {
	return func() bool {
		c, err := net.DialTimeout("tcp", rest.Loopback(port), time.Second)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	}
}

var probe = &http.Client{Timeout: time.Second}

func answers(url string) func() bool {
	return func() bool {
		resp, err := probe.Get(url)
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
}
