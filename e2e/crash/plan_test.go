//go:build e2e

package crash

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Names of the processes, and of the servers that they talk to.
var (
	servers   = []string{"server-1", "server-2"}
	workers   = []string{"worker-1", "worker-2"}
	upstreams = []string{"postgres", "temporal", "redis"}
)

// fault is one thing that is done to the platform.
type fault struct {
	at       time.Duration // after the work has begun
	kind     string        // kill, kill-runner, pause, cut, silence, reset
	target   string        // a process
	upstream string        // of cuts: the server that the process is cut off from
	lasts    time.Duration
}

func (f fault) String() string {
	what := f.kind + " " + f.target
	if f.upstream != "" {
		what += " from " + f.upstream
	}
	if f.lasts > 0 {
		what += " for " + f.lasts.Round(100*time.Millisecond).String()
	}
	return fmt.Sprintf("%6.1fs %s", f.at.Seconds(), what)
}

// shape is how hard and how long things are broken.
type shape struct {
	during       time.Duration // faults begin in this time
	pause        time.Duration // longest pause of a process
	workerPause  time.Duration // of a worker: longer than its lease
	cut          time.Duration // longest cut
	down         time.Duration // longest time until a killed process is started again
	perDeal      time.Duration // time that one deal of all kinds of faults is spread over
	lease        time.Duration
	actions      int
	callers      int
	connections  int
	generations  int // syncs of each connection
	items        int
	perPage      int
	pageDelay    time.Duration
	settleWithin time.Duration
}

// deal is every kind of fault once. The deck is dealt again and again, each time shuffled anew, so that a short run meets all of them.
func deal(r *rand.Rand, s shape) []fault {
	between := func(least, most time.Duration) time.Duration {
		return least + time.Duration(r.Int64N(int64(max(most-least, 1))))
	}
	pick := func(of []string) string { return of[r.IntN(len(of))] }
	back := func() time.Duration { return between(200*time.Millisecond, s.down) }
	all := []fault{
		{kind: "kill", target: pick(workers), lasts: back()},
		{kind: "kill", target: pick(servers), lasts: back()},
		{kind: "kill", target: "temporal", lasts: back()},
		{kind: "kill", target: "postgres", lasts: back()},
		{kind: "kill-runner", target: pick(workers)},
		{kind: "kill-runner", target: pick(workers)},
		{kind: "pause", target: pick(workers), lasts: s.workerPause},
		{kind: "pause", target: pick(servers), lasts: between(time.Second, s.pause)},
		{kind: "pause", target: "temporal", lasts: between(time.Second, s.pause)},
	}
	for i, kind := range []string{"cut", "silence", "reset"} {
		all = append(all,
			fault{kind: kind, target: pick(workers), upstream: upstreams[(i+r.IntN(3))%3], lasts: between(500*time.Millisecond, s.cut)},
			fault{kind: kind, target: pick(servers), upstream: upstreams[(i+r.IntN(3))%3], lasts: between(500*time.Millisecond, s.cut)},
		)
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	// The long pause comes while there is work left for the others to take over.
	long := slices.IndexFunc(all, func(f fault) bool { return f.kind == "pause" && f.lasts == s.workerPause })
	early := r.IntN(len(all) / 2)
	all[long], all[early] = all[early], all[long]
	return all
}

// plan draws the order of faults. Two faults of one process, or of one of its connections, never overlap.
func plan(seed uint64, s shape) []fault {
	r := rand.New(rand.NewPCG(seed, 0))
	busy := map[string]time.Duration{}
	var out []fault
	for begin := time.Duration(0); begin < s.during; begin += s.perDeal {
		cards := deal(r, s)
		step := s.perDeal / time.Duration(len(cards))
		for i, f := range cards {
			f.at = begin + time.Duration(i)*step + time.Duration(r.Int64N(int64(step)))
			what := f.target + "/" + f.upstream
			f.at = max(f.at, busy[what])
			if f.at >= s.during {
				continue
			}
			busy[what] = f.at + f.lasts + 500*time.Millisecond
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b fault) int { return int(a.at - b.at) })
	return out
}

func TestASeedDrawsItsPlan(t *testing.T) {
	s := short()
	first, again, other := plan(7, s), plan(7, s), plan(8, s)
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, other)
	var all []string
	for _, f := range first {
		all = append(all, f.String())
	}
	text := strings.Join(all, "\n")
	for _, kind := range []string{"kill worker", "kill server", "kill temporal", "kill postgres", "kill-runner", "pause worker", "cut ", "silence "} {
		assert.Contains(t, text, kind)
	}
}
