//go:build e2e

package crash

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/causeway-dev/causeway/e2e/rest"
)

// deploy deploys a project by the command line.
func (st *stack) deploy(ctx context.Context, files map[string]string) {
	st.t.Helper()
	dir := filepath.Join(st.dir, "project")
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(st.t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(st.t, os.WriteFile(path, []byte(text), 0o600))
	}
	limited, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	cmd := exec.CommandContext(limited, st.bin, "deploy", "--auto-confirm")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CAUSEWAY_URL=http://"+rest.Loopback(st.ports[servers[0]]), "CAUSEWAY_API_KEY="+st.apiKey)
	out, err := cmd.CombinedOutput()
	require.NoError(st.t, err, "%s", out)
}

// leftovers are what nothing may hold when nothing runs, each a query that counts.
var leftovers = []struct{ what, query string }{
	{"living runs", `select count(*) from run`},
	{"slots in use", `select coalesce(sum(abs(used) + abs(queued)), 0) from run_lane`},
	{"workers that are neither alive nor declared dead", `select count(*) from worker where dead_at is null and lease_until < clock_timestamp()`},
	{"workers alive beyond the two", `select greatest(count(*) - 2, 0) from worker where dead_at is null`},
	{"runs open in the records database", `select count(*) from record_run`},
	{"wishes for syncs that nobody took", `select count(*) from sync where request is not null`},
	{"transactions left open", `select count(*) from pg_stat_activity where state like 'idle in transaction%' and state_change < clock_timestamp() - interval '5 s'`},
	{"operations shown as running", `select count(*) from operation where state in ('waiting', 'running')`},
}

// quietWithin leaves the reconciler time for what it doesn't look for at once.
const quietWithin = 45 * time.Second

// quiet waits until nothing is held any more.
func (st *stack) quiet(ctx context.Context) {
	began := time.Now()
	var left []string
	for deadline := began.Add(quietWithin); ; {
		left = st.held(ctx)
		if len(left) == 0 {
			st.t.Logf("nothing is held any more after %s", time.Since(began).Round(100*time.Millisecond))
			return
		}
		if time.Now().After(deadline) || !pause(ctx, 500*time.Millisecond) {
			break
		}
	}
	for _, l := range left {
		st.found("left over: %s", l)
	}
}

func (st *stack) held(ctx context.Context) (left []string) {
	for _, l := range leftovers {
		var n int
		if err := st.db.QueryRow(ctx, l.query).Scan(&n); err != nil {
			left = append(left, fmt.Sprintf("%s: %v", l.what, err))
		} else if n != 0 {
			left = append(left, fmt.Sprintf("%s: %d", l.what, n))
		}
	}
	locks, err := st.redis.Keys(ctx, "*lock*").Result()
	if err != nil || len(locks) > 0 {
		left = append(left, fmt.Sprintf("locks in Redis: %v %v", locks, err))
	}
	if open, err := st.openRuns(ctx); err != nil || len(open) > 0 {
		left = append(left, fmt.Sprintf("executions of runs that are open in Temporal: %v %v", open, err))
	}
	return left
}

// openRuns are the ids of the open workflow executions of runs.
func (st *stack) openRuns(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: st.temporal, Namespace: "causeway"})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	found, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: `ExecutionStatus = 'Running' AND CausewayRunId IS NOT NULL`})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range found.GetExecutions() {
		ids = append(ids, e.GetExecution().GetWorkflowId())
	}
	return ids, nil
}

var reconciled = regexp.MustCompile(`"?step"?[=:]"?(\w+)"?[, ]"?repairs"?[=:](\d+)`)

// repairs counts what the reconciler had to repair: by the logs, since a counter ends with its process, and looks whether it is counted.
// Lanes that had to be recounted are a bug.
func (st *stack) repairs() {
	all := map[string]int{}
	counted := false
	for _, name := range append(append([]string{}, servers...), workers...) {
		raw, err := os.ReadFile(st.procs[name].log)
		require.NoError(st.t, err)
		for _, m := range reconciled.FindAllStringSubmatch(string(raw), -1) {
			n, _ := strconv.Atoi(m[2])
			all[m[1]] += n
		}
		resp, err := probe.Get("http://" + rest.Loopback(st.ports[name+"/admin"]) + "/metrics")
		if err != nil {
			st.found("%s: no metrics: %v", name, err)
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		counted = counted || strings.Contains(string(text), "causeway_reconciled_total")
	}
	st.t.Logf("repairs by step: %v", all)
	if !counted {
		st.found("no process counts the reconciler's repairs (causeway_reconciled_total)")
	}
	if all["recount"] > 0 {
		st.found("%d lanes had wrong counters", all["recount"])
	}
}

// down stops servers and workers in order: after all that has happened they still obey.
func (st *stack) down() {
	var g sync.WaitGroup
	for _, name := range append(append([]string{}, servers...), workers...) {
		g.Go(func() {
			if err := st.procs[name].stop(30 * time.Second); err != nil {
				st.found("%v", err)
			}
		})
	}
	g.Wait()
}
