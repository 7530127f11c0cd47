//go:build e2e

package crash

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// short is what fits into every test run: about a minute.
func short() shape {
	return shape{
		during: 32 * time.Second, perDeal: 32 * time.Second, pause: 3 * time.Second, workerPause: 12 * time.Second, cut: 4 * time.Second, down: 2 * time.Second,
		lease: 10 * time.Second, actions: 100, callers: 8, connections: 5, generations: 2, items: 1000, perPage: 100, pageDelay: 150 * time.Millisecond,
		settleWithin: 75 * time.Second,
	}
}

// long breaks things for minutes, and pauses a worker for longer than the lease of production.
func long(minutes int) shape {
	during := time.Duration(minutes) * time.Minute
	return shape{
		during: during, perDeal: time.Minute, pause: 20 * time.Second, workerPause: 20 * time.Second, cut: 15 * time.Second, down: 5 * time.Second,
		lease: 15 * time.Second, actions: 1000 * minutes / 15, callers: 8, connections: 10, generations: max(1, 10*minutes/15), items: 5000, perPage: 250, pageDelay: 150 * time.Millisecond,
		settleWithin: 3 * time.Minute,
	}
}

func fromEnvironment(t *testing.T) (uint64, shape) {
	t.Helper()
	seed, s := uint64(time.Now().UnixNano()%1_000_000), short()
	if text := os.Getenv("CRASH_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "CRASH_SEED")
	}
	if text := os.Getenv("CRASH_MINUTES"); text != "" {
		minutes, err := strconv.Atoi(text)
		require.NoError(t, err, "CRASH_MINUTES")
		if minutes > 0 {
			s = long(minutes)
		}
	}
	return seed, s
}

func TestNothingIsLostAndNothingHappensTwice(t *testing.T) {
	seed, s := fromEnvironment(t)
	replay := fmt.Sprintf("CRASH_SEED=%d", seed)
	if minutes := os.Getenv("CRASH_MINUTES"); minutes != "" {
		replay += " CRASH_MINUTES=" + minutes
	}
	t.Logf("replay: %s go test -tags e2e -count=1 -timeout 60m -run %s ./e2e/crash", replay, t.Name())
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+s.during+s.settleWithin)
	defer cancel()

	st := newStack(t, s)
	st.up(ctx)
	api := newProvider(t, s)
	w := prepare(ctx, st, api)
	w.underFaults(ctx, seed)
	w.settle(ctx)
	w.check(ctx)

	if n := len(st.findings); n > 0 {
		t.Errorf("%d findings; the seed was %d, replay with %s:\n- %s", n, seed, replay, strings.Join(st.findings, "\n- "))
	}
}

// work is all that goes on while things are broken.
type work struct {
	st       *stack
	provider *provider
	actions  *actions
	syncs    []*syncs
	readers  []*reader
	reading  sync.WaitGroup
	working  sync.WaitGroup
	stop     context.CancelFunc // the readers
}

// prepare deploys the scripts and makes the connections.
func prepare(ctx context.Context, st *stack, api *provider) *work {
	c := newCaller(st, 30*time.Second)
	c.must(ctx, 200, "POST", "/integrations", map[string]any{"provider": "private-api-bearer", "unique_key": "crash"})
	st.deploy(ctx, scripts())
	w := &work{st: st, provider: api, actions: &actions{st: st, provider: api, caller: newCaller(st, 40*time.Second)}}
	for n := range st.s.connections {
		id := connectionID(n)
		w.syncs = append(w.syncs, &syncs{st: st, provider: api, caller: newCaller(st, 15*time.Second), connection: id, generation: api.advance(id)})
		w.readers = append(w.readers, newReader(st, newCaller(st, 10*time.Second), id))
		c.connect(ctx, id, api.URL)
	}
	return w
}

// underFaults lets everything work while the plan is carried out, and returns when the last fault is undone.
func (w *work) underFaults(ctx context.Context, seed uint64) {
	began := time.Now()
	reading, stop := context.WithCancel(ctx)
	w.stop = stop
	for _, r := range w.readers {
		w.reading.Go(func() { r.follow(reading) })
	}
	until, cancel := context.WithTimeout(ctx, w.st.s.during+w.st.s.settleWithin)
	w.st.t.Cleanup(cancel)
	for _, s := range w.syncs {
		w.working.Go(func() {
			s.run(until)
			w.st.t.Logf("%6.1fs the syncs of %s ended", time.Since(began).Seconds(), s.connection)
		})
	}
	w.working.Go(func() {
		w.actions.run(until, seed)
		w.st.t.Logf("%6.1fs the actions ended", time.Since(began).Seconds())
	})

	var faults sync.WaitGroup
	for _, f := range plan(seed, w.st.s) {
		if !pause(ctx, time.Until(began.Add(f.at))) {
			break
		}
		w.st.t.Logf("%s", f)
		faults.Go(func() { w.st.inflict(ctx, f) })
	}
	faults.Wait()
	w.st.t.Logf("%6.1fs everything is whole again", time.Since(began).Seconds())
}

// settle waits until all work is done, then pauses the syncs, so that nothing begins any more.
func (w *work) settle(ctx context.Context) {
	began := time.Now()
	w.working.Wait()
	w.st.t.Logf("the work ended %s after the last fault", time.Since(began).Round(100*time.Millisecond))
	c := newCaller(w.st, 15*time.Second)
	for _, s := range w.syncs {
		for {
			got, err := c.call(ctx, "POST", "/sync/pause", map[string]any{"provider_config_key": "crash", "connection_id": s.connection, "syncs": []string{"items"}})
			if err == nil && got.Status == 200 {
				break
			}
			if !pause(ctx, 300*time.Millisecond) {
				w.st.found("%s: the sync can't be paused: %s", s.connection, said(got, err))
				return
			}
		}
	}
}

// check counts.
func (w *work) check(ctx context.Context) {
	w.actions.check()
	w.st.quiet(ctx)
	w.stop()
	w.reading.Wait()
	for i, s := range w.syncs {
		s.check(ctx, w.readers[i])
	}
	w.st.repairs()
	w.st.down()
}
