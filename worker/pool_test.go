package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// Runners are real processes, built without cgo as a release is: never this test binary.
var programsDir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "causeway-runners")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		programsDir = dir
		return m.Run()
	}())
}

var buildPrograms = sync.OnceValue(func() error {
	for name, path := range map[string]string{
		"causeway-runner": "../cmd/causeway-runner", "fake": "./testdata/runner", "compiler": "./testdata/compiler",
	} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(programsDir, name), path)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	return nil
})

func built(t *testing.T, name string) string {
	t.Helper()
	require.NoError(t, buildPrograms())
	return filepath.Join(programsDir, name)
}

// processLog is a process log that a test can read.
type processLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *processLog) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *processLog) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// pools are pools of runners whose engine is that of testdata/runner.
func pools(t *testing.T, o PoolOptions) (*Pools, *processLog) {
	t.Helper()
	log := &processLog{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	if o.Executable == "" {
		o.Executable = built(t, "fake")
	}
	p, err := NewPools(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		assert.NoError(t, p.Close(ctx))
	})
	return p, log
}

// fakeHost answers fetches.
type fakeHost struct {
	script.Host
	size     int // of answers
	fetches  atomic.Int64
	received atomic.Int64
	mu       sync.Mutex
	lines    []string
}

func (h *fakeHost) Fetch(ctx context.Context, _ *script.Run, q script.FetchRequest, body []byte) (script.HTTPAnswer, []byte, error) {
	h.fetches.Add(1)
	h.received.Add(int64(len(body)))
	switch q.URL {
	case "hang":
		<-ctx.Done()
		return script.HTTPAnswer{}, nil, context.Cause(ctx)
	case "panic":
		panic("a defect of a host call")
	}
	return script.HTTPAnswer{Status: 200}, bytes.Repeat([]byte("a"), h.size), nil
}

func (h *fakeHost) ReleaseLock(context.Context, *script.Run, script.LockRequest) (script.LockAnswer, error) {
	return script.LockAnswer{Done: true}, nil
}

func (h *fakeHost) Log(_ *script.Run, _ script.LogNote, body []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, string(body))
}

func (h *fakeHost) Progress(*script.Run, script.Progress) {}

func aRun(kind causeway.RunKind) *script.Run {
	return &script.Run{Run: causeway.Run{RunRef: causeway.RunRef{RunID: 7, EnvironmentID: 1, Kind: kind}}, Flavour: script.Action}
}

func placeIn(t *testing.T, p *Pools, environment int64) RunnerSlot {
	t.Helper()
	s, ok := p.TryAcquire(environment, true)
	require.True(t, ok)
	t.Cleanup(s.Release)
	return s
}

func text(program string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(program), nil }
}

func starting(program string) script.Start {
	return script.Start{Program: "key of " + program, Script: "s-i", Kind: causeway.RunAction, FinishMs: 60_000}
}

// run runs a program in a new slot of an environment.
func runIn(t *testing.T, ctx context.Context, p *Pools, environment int64, program string, host script.Host) script.Result { //nolint:revive // the test first
	t.Helper()
	return placeIn(t, p, environment).Run(ctx, starting(program), text(program), aRun(causeway.RunAction), host)
}

func TestCallsAndTheirAnswersCrossTheBoundary(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	for _, size := range []int{0, 1_000, 5_000_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			host := &fakeHost{size: size}
			r := runIn(t, t.Context(), p, 1, fmt.Sprintf("fetch %d", size), host)
			require.Empty(t, r.Code, r.Message)
			var got string
			require.NoError(t, json.Unmarshal(r.Output, &got))
			assert.Contains(t, got, `"status":200`)
			assert.Contains(t, got, fmt.Sprintf(" %d true", size))
			assert.Equal(t, int64(size), host.received.Load())
		})
	}
}

func TestInputAndOutputCrossUnchanged(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	s := starting("echo")
	s.Input = []byte(`{"text":"` + strings.Repeat("ü", 500_000) + `"}`)
	s.Values.SyncConfig = json.RawMessage(`{"schema":"` + strings.Repeat("x", 200_000) + `"}`)
	r := placeIn(t, p, 1).Run(t.Context(), s, text("echo"), aRun(causeway.RunAction), &fakeHost{})
	require.Empty(t, r.Code, r.Message)
	assert.True(t, bytes.Equal(s.Input, r.Output))
}

func TestAnOutputOverTheLimitIsRefusedByTheRunner(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	r := runIn(t, t.Context(), p, 1, "large 3000000", &fakeHost{})
	assert.Equal(t, causeway.CodeOutputTooLarge, r.Code)
	r = runIn(t, t.Context(), p, 1, "large 2000000", &fakeHost{})
	require.Empty(t, r.Code, r.Message)
	assert.Len(t, r.Output, 2_000_002)
}

func TestWhatARunnerSaysOfAnErrorIsCleaned(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	r := runIn(t, t.Context(), p, 1, "fail", &fakeHost{})
	assert.Equal(t, script.Result{Code: "action_script_runtime_error", Message: "bad [31mtext", Error: json.RawMessage(`{"payload":1}`)}, r,
		"no control characters, and only the worker says that a runner has crashed")
}

func TestNotesComeInOrderBeforeTheResult(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	host := &fakeHost{}
	require.Empty(t, runIn(t, t.Context(), p, 1, "log 100", host).Code)
	require.Len(t, host.lines, 100)
	for i, line := range host.lines {
		assert.Equal(t, fmt.Sprint(i), line)
	}
}

func TestRunsOfAnEnvironmentShareARunnerAndOfTwoNever(t *testing.T) {
	p, log := pools(t, PoolOptions{Runs: 2})
	defer func() {
		if t.Failed() {
			t.Log(log)
		}
	}()
	var of [3]*Slot
	for i, environment := range []int64{1, 1, 2} {
		of[i] = placeIn(t, p, environment).(*Slot)
	}
	assert.Same(t, of[0].runner, of[1].runner)
	assert.NotSame(t, of[0].runner, of[2].runner)
	var all sync.WaitGroup
	host := &fakeHost{size: 300_000}
	for _, s := range of {
		all.Go(func() {
			r := s.Run(t.Context(), starting("pages 200"), text("pages 200"), aRun(causeway.RunAction), host)
			assert.Empty(t, r.Code, r.Message)
		})
	}
	all.Wait()
	assert.Equal(t, int64(600), host.fetches.Load())
}

func TestAPoolGrowsToItsLimitAndKeepsAQuarterForInteractiveKinds(t *testing.T) {
	p, _ := pools(t, PoolOptions{Runs: 4, Runners: 2})
	taken := 0
	for {
		s, ok := p.TryAcquire(1, false)
		if !ok {
			break
		}
		taken++
		t.Cleanup(s.Release)
	}
	assert.Equal(t, 6, taken, "of eight")
	placeIn(t, p, 1)
	placeIn(t, p, 1)
	_, ok := p.TryAcquire(1, true)
	assert.False(t, ok)
	placeIn(t, p, 2) // another environment isn't concerned
}

func TestTheProgramIsAskedForOncePerRunner(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	loads := 0
	load := func() ([]byte, error) { loads++; return []byte("environment"), nil }
	for range 3 {
		r := placeIn(t, p, 1).Run(t.Context(), starting("environment"), load, aRun(causeway.RunAction), &fakeHost{})
		require.Empty(t, r.Code, r.Message)
	}
	assert.Equal(t, 1, loads)
}

func TestAProgramThatCannotBeHad(t *testing.T) {
	p, log := pools(t, PoolOptions{})
	broken := func() ([]byte, error) { return nil, fmt.Errorf("the store is away") }
	r := placeIn(t, p, 1).Run(t.Context(), starting("x"), broken, aRun(causeway.RunAction), &fakeHost{})
	assert.Equal(t, causeway.CodeScriptInternalError, r.Code)
	assert.NotContains(t, r.Message, "store")
	assert.Contains(t, log.String(), "the store is away")
	r = runIn(t, t.Context(), p, 1, "uncompilable", &fakeHost{})
	assert.Equal(t, causeway.CodeScriptInternalError, r.Code)
	require.Empty(t, runIn(t, t.Context(), p, 1, "echo", &fakeHost{}).Code)
	// a text that has changed under its key is not run
	changed := func() ([]byte, error) { return []byte("crash"), nil }
	s := starting("echo")
	other, ok := p.TryAcquire(2, true)
	require.True(t, ok)
	defer other.Release()
	r = other.Run(t.Context(), s, changed, aRun(causeway.RunAction), &fakeHost{})
	assert.Equal(t, causeway.CodeScriptInternalError, r.Code)
}

func TestIdleRunnersEndAndWarmOnesAreUsedAgain(t *testing.T) {
	p, _ := pools(t, PoolOptions{WarmFor: 300 * time.Millisecond})
	s, ok := p.TryAcquire(1, true)
	require.True(t, ok)
	first := s.(*Slot).runner
	require.Empty(t, s.Run(t.Context(), starting("log 1"), text("log 1"), aRun(causeway.RunAction), &fakeHost{}).Code)
	s.Release()
	again, ok := p.TryAcquire(1, true)
	require.True(t, ok)
	assert.Same(t, first, again.(*Slot).runner)
	again.Release()
	select {
	case <-first.gone:
	case <-time.After(10 * time.Second):
		t.Fatal("an idle runner lives on")
	}
	assert.True(t, first.proc.cmd.ProcessState.Success(), first.proc.cmd.ProcessState.String())
	p.mu.Lock()
	defer p.mu.Unlock()
	assert.Empty(t, p.pools)
}

func TestClosingWaitsForRunsAndThenTakesNoMore(t *testing.T) {
	p, err := NewPools(PoolOptions{Executable: built(t, "fake")})
	require.NoError(t, err)
	s, ok := p.TryAcquire(1, true)
	require.True(t, ok)
	stop, cancel := context.WithCancelCause(t.Context())
	ended := make(chan script.Result, 1)
	host := &aliveHost{alive: make(chan struct{}, 1)}
	go func() {
		ended <- s.Run(stop, starting("wait"), text("wait"), aRun(causeway.RunAction), host)
		s.Release()
	}()
	<-host.alive
	closed := make(chan error, 1)
	go func() { closed <- p.Close(t.Context()) }()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.closed
	}, 5*time.Second, time.Millisecond)
	_, ok = p.TryAcquire(1, true)
	assert.False(t, ok)
	cancel(&script.AbortError{Reason: script.ReasonDrain})
	assert.Equal(t, "stopped", (<-ended).Code)
	require.NoError(t, <-closed)
}
