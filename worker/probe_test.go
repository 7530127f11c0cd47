package worker

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script/isolate"
)

func TestNothingGetsOutOfARunner(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // nothing is promised there
	}
	sameUser := os.Getuid()
	if sameUser == 0 {
		sameUser = -1
	}
	for name, o := range map[string]PoolOptions{
		"everything in force":      {},
		"without Landlock":         {Without: []string{isolate.Landlock}},
		"as the worker's own user": {UID: sameUser},
	} {
		t.Run(name, func(t *testing.T) {
			o.Executable = built(t, "causeway-runner")
			report, err := ProbeIsolation(t.Context(), o)
			require.NoError(t, err)
			for _, m := range report.Mechanisms {
				if !slices.Contains(o.Without, m.Name) && m.Name != isolate.Landlock {
					assert.Empty(t, m.Reason, m.Name)
				}
			}
			if os.Getuid() == 0 && o.UID == 0 {
				assert.Equal(t, 65534, report.UID)
			}
			assert.Len(t, report.Attempts, len(isolate.Attempts()))
			for _, a := range report.Attempts {
				t.Log(a.Name, a.Stopped, a.Detail)
				assert.Equal(t, a.Name != "work_goes_on", a.Stopped, "%s: %s", a.Name, a.Detail)
			}
		})
	}
}

// The attempts can succeed: or that they are stopped would say nothing.
func TestWithoutIsolationMostAttemptsSucceed(t *testing.T) {
	o := PoolOptions{Executable: built(t, "causeway-runner"), Without: []string{
		isolate.Seccomp, isolate.Landlock, isolate.Limits, isolate.NotDumpable, isolate.Capabilities, isolate.NoNewPrivs,
	}}
	report, err := ProbeIsolation(t.Context(), o)
	require.NoError(t, err)
	for _, a := range report.Attempts {
		switch a.Name {
		case "tcp_socket", "unix_socket", "read_passwd", "list_root", "write_tmp", "fork", "exec", "start_process", "executable_memory", "anonymous_file", "work_goes_on":
			assert.False(t, a.Stopped, "%s: %s", a.Name, a.Detail)
		case "environment":
			assert.True(t, a.Stopped, "it is empty in any case")
		}
	}
}

func TestRequiredIsolationThatIsNotThereRefusesToStart(t *testing.T) {
	o := PoolOptions{Executable: built(t, "causeway-runner"), Without: []string{isolate.Seccomp}}
	_, err := NewPools(o)
	require.ErrorContains(t, err, "runners.isolation is require")
	o.Isolation = IsolationBest
	p, err := NewPools(o)
	require.NoError(t, err)
	require.NoError(t, p.Close(t.Context()))
	o.Isolation = "none"
	_, err = NewPools(o)
	require.ErrorContains(t, err, "require, best, off")
}

func TestARunnersEnvironmentIsEmpty(t *testing.T) {
	t.Setenv("CAUSEWAY_ENCRYPTION_KEY", "secret")
	p, _ := pools(t, PoolOptions{})
	r := runIn(t, t.Context(), p, 1, "environment", &fakeHost{})
	var got []string
	require.NoError(t, json.Unmarshal(r.Output, &got))
	for _, v := range got {
		name, _, _ := strings.Cut(v, "=")
		assert.Contains(t, []string{"GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GOTRACEBACK", "TZ"}, name)
	}
	assert.Contains(t, got, "GOMAXPROCS=18")
}

func TestARunnerRefusesToServeWithAnUnknownDescriptor(t *testing.T) {
	ours, theirs, err := socketPair()
	require.NoError(t, err)
	defer func() { _ = ours.Close() }()
	extra, err := os.Open("/etc/hostname")
	require.NoError(t, err)
	defer func() { _ = extra.Close() }()
	cmd := exec.Command(built(t, "causeway-runner"))
	cmd.ExtraFiles = []*os.File{theirs, extra}
	cmd.Env = []string{"TZ=UTC"}
	var said bytes.Buffer
	cmd.Stderr = &said
	require.Error(t, cmd.Run())
	assert.Contains(t, said.String(), "descriptors that a runner must not have: 4 /etc/hostname")
}

// What scripts run in links nothing that could reach a database, the network or the engine of workflows.
func TestTheRunnerProgramLinksNothingOfTheOutside(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "../cmd/causeway-runner").Output()
	require.NoError(t, err)
	for _, p := range strings.Fields(string(out)) {
		for _, forbidden := range []string{
			"net/http", "database/sql", "github.com/jackc/", "github.com/redis/", "go.temporal.io/", "gocloud.dev", "github.com/evanw/esbuild",
			"github.com/causeway-dev/causeway/storage", "github.com/causeway-dev/causeway/host", "github.com/causeway-dev/causeway/proxy",
		} {
			// database/sql/driver is two interfaces that the package of UUIDs implements
			assert.False(t, p == forbidden || (strings.HasPrefix(p, forbidden) && p != "database/sql/driver"), p)
		}
	}
}

func TestARealScriptRuns(t *testing.T) {
	p, _ := pools(t, PoolOptions{Executable: built(t, "causeway-runner")})
	program := `exports.default = { type: 'action', exec: async (nango, input) => {
		const answer = await nango.uncontrolledFetch({ url: new URL('https://example.com/x') });
		await nango.log('fetched');
		return { status: answer.status, twice: input.n * 2 };
	} };`
	s := starting("real")
	s.Input = []byte(`{"n":21}`)
	s.Values.ScriptType = "action"
	s.LoggerLevel = "debug"
	host := &fakeHost{size: 10}
	r := placeIn(t, p, 1).Run(t.Context(), s, text(program), aRun(causeway.RunAction), host)
	require.Empty(t, r.Code, "%s %s", r.Message, r.Error)
	assert.JSONEq(t, `{"status":200,"twice":42}`, string(r.Output))
	host.mu.Lock()
	defer host.mu.Unlock()
	assert.NotEmpty(t, host.lines)
}
