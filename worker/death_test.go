package worker

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// beside starts a waiting run in each of the environments and returns their results.
func beside(t *testing.T, p *Pools, environments ...int64) (results []chan script.Result, stop context.CancelCauseFunc) {
	t.Helper()
	ctx, stop := context.WithCancelCause(t.Context())
	for _, e := range environments {
		s := placeIn(t, p, e)
		ended := make(chan script.Result, 1)
		results = append(results, ended)
		host := &aliveHost{alive: make(chan struct{}, 1)}
		go func() { ended <- s.Run(ctx, starting("wait"), text("wait"), aRun(causeway.RunSync), host) }()
		select {
		case <-host.alive:
		case <-time.After(10 * time.Second):
			t.Fatal("the run didn't begin")
		}
	}
	return results, stop
}

// aliveHost tells of the first sign of life.
type aliveHost struct {
	fakeHost
	alive chan struct{}
}

func (h *aliveHost) Progress(*script.Run, script.Progress) {
	select {
	case h.alive <- struct{}{}:
	default:
	}
}

func within(t *testing.T, d time.Duration, c <-chan script.Result) script.Result {
	t.Helper()
	select {
	case r := <-c:
		return r
	case <-time.After(d):
		t.Fatal("the run didn't end")
		return script.Result{}
	}
}

func TestTheDeathOfARunnerEndsItsRunsAndNoOthers(t *testing.T) {
	cases := map[string]struct {
		kill    func(t *testing.T, p *Pools)
		code    string
		crashed bool
		log     string
	}{
		"killed": {func(t *testing.T, p *Pools) {
			pid := placeIn(t, p, 1).(*Slot).runner.proc.cmd.Process.Pid
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}, causeway.CodeRunnerCrashed, true, "a runner died"},
		"a defect of the engine": {func(t *testing.T, p *Pools) {
			r := runIn(t, t.Context(), p, 1, "crash", &fakeHost{})
			assert.Equal(t, causeway.CodeRunnerCrashed, r.Code)
			assert.True(t, r.Crashed)
		}, causeway.CodeRunnerCrashed, true, "an engine's defect"},
		"a forged frame": {func(t *testing.T, p *Pools) {
			r := runIn(t, t.Context(), p, 1, "forge", &fakeHost{})
			assert.Equal(t, causeway.CodeProtocolViolation, r.Code)
			assert.False(t, r.Crashed)
		}, causeway.CodeProtocolViolation, false, "ffffffffffffffff"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, log := pools(t, PoolOptions{})
			results, stop := beside(t, p, 1, 1, 2)
			c.kill(t, p)
			for _, of := range results[:2] {
				r := within(t, 5*time.Second, of)
				assert.Equal(t, c.code, r.Code)
				assert.Equal(t, c.crashed, r.Crashed)
			}
			stop(&script.AbortError{Reason: script.ReasonCancelled})
			assert.Equal(t, "stopped", within(t, 5*time.Second, results[2]).Code)
			require.Eventually(t, func() bool { return strings.Contains(log.String(), c.log) }, 5*time.Second, 5*time.Millisecond)
			require.Empty(t, runIn(t, t.Context(), p, 1, "log 1", &fakeHost{}).Code, "the pool goes on")
		})
	}
}

func TestMemory(t *testing.T) {
	p, _ := pools(t, PoolOptions{Memory: 128 << 20})
	t.Run("a run that was alone has eaten it", func(t *testing.T) {
		r := runIn(t, t.Context(), p, 1, "eat", &fakeHost{})
		assert.Equal(t, causeway.CodeOutOfMemory, r.Code)
		assert.False(t, r.Crashed)
	})
	t.Run("of several nobody is accused", func(t *testing.T) {
		results, _ := beside(t, p, 2)
		r := runIn(t, t.Context(), p, 2, "eat", &fakeHost{})
		assert.Equal(t, causeway.CodeRunnerCrashed, r.Code)
		assert.True(t, within(t, 5*time.Second, results[0]).Crashed)
	})
}

func TestAborts(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	for _, reason := range []script.Reason{script.ReasonCancelled, script.ReasonTimeout, script.ReasonLost, script.ReasonDrain} {
		t.Run(string(reason), func(t *testing.T) {
			results, stop := beside(t, p, 1)
			stop(&script.AbortError{Reason: reason})
			r := within(t, 5*time.Second, results[0])
			assert.Equal(t, "run aborted: "+string(reason), r.Message)
		})
	}
	t.Run("of a run that is stuck in native code", func(t *testing.T) {
		results, stop := beside(t, p, 1, 2)
		ctx, lose := context.WithCancelCause(t.Context())
		hanging := make(chan script.Result, 1)
		s := placeIn(t, p, 1)
		host := &aliveHost{alive: make(chan struct{}, 1)}
		go func() { hanging <- s.Run(ctx, starting("hang"), text("hang"), aRun(causeway.RunAction), host) }()
		<-host.alive
		lose(&script.AbortError{Reason: script.ReasonTimeout})
		r := within(t, 5*time.Second, hanging)
		assert.Equal(t, causeway.CodeExecutionTimeout, r.Code)
		assert.False(t, r.Crashed)
		assert.True(t, within(t, 5*time.Second, results[0]).Crashed, "it goes on elsewhere")
		stop(&script.AbortError{Reason: script.ReasonCancelled})
		assert.Equal(t, "stopped", within(t, 5*time.Second, results[1]).Code)
	})
}

func TestLimitsThatTheRunnerDoesNotKeepItself(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	for name, c := range map[string]struct {
		finish, turn int64
		code         string
	}{
		"wall": {100, 0, causeway.CodeExecutionTimeout},
		"turn": {60_000, 1, causeway.CodeCPULimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := starting("hang")
			s.FinishMs, s.TurnLimitMs = c.finish, c.turn
			began := time.Now()
			r := placeIn(t, p, int64(len(name)+int(c.finish))).Run(t.Context(), s, text("hang"), aRun(causeway.RunAction), &fakeHost{})
			assert.Equal(t, c.code, r.Code)
			assert.False(t, r.Crashed)
			assert.Less(t, time.Since(began), 10*time.Second)
		})
	}
}

func TestWhatAStoppedRunMayStillCall(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	host := &fakeHost{}
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan script.Result, 1)
	s := placeIn(t, p, 1)
	go func() { ended <- s.Run(ctx, starting("late"), text("late"), aRun(causeway.RunAction), host) }()
	require.Eventually(t, func() bool { return host.fetches.Load() == 1 }, 5*time.Second, time.Millisecond)
	stop(&script.AbortError{Reason: script.ReasonCancelled})
	r := within(t, 5*time.Second, ended)
	assert.Equal(t, "script_aborted: the run is being stopped | script_aborted: the run is being stopped | <nil>", r.Message)
	assert.Equal(t, int64(1), host.fetches.Load(), "a call that isn't for cleaning up never reaches the host")
}

func TestALostRunGetsNoAnswer(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	host := &fakeHost{}
	ctx, stop := context.WithCancelCause(t.Context())
	ended := make(chan script.Result, 1)
	s := placeIn(t, p, 1)
	go func() { ended <- s.Run(ctx, starting("late"), text("late"), aRun(causeway.RunAction), host) }()
	require.Eventually(t, func() bool { return host.fetches.Load() == 1 }, 5*time.Second, time.Millisecond)
	stop(&script.AbortError{Reason: script.ReasonLost})
	r := within(t, 5*time.Second, ended)
	assert.Equal(t, causeway.CodeScriptAborted, r.Code, "it waits for an answer until its runner is killed")
	assert.Equal(t, int64(1), host.fetches.Load())
}

func TestADefectOfAHostCallEndsNothing(t *testing.T) {
	p, log := pools(t, PoolOptions{})
	x := &execRun{host: &fakeHost{}, run: aRun(causeway.RunAction), log: p.opts.Logger}
	_, err := x.handle(t.Context(), script.Call{Seq: 1, Name: script.CallFetch, Meta: []byte(`{"method":"GET","url":"panic"}`)})
	require.EqualError(t, err, "internal_error: internal error of the platform")
	assert.Contains(t, log.String(), "a defect of a host call")
}

func TestTheEndOfTheWorkerEndsARunner(t *testing.T) {
	p, _ := pools(t, PoolOptions{})
	beside(t, p, 1)
	s := placeIn(t, p, 1).(*Slot)
	began := time.Now()
	require.NoError(t, s.runner.proc.link.Close()) // what the kernel does for a worker that has died
	select {
	case <-s.runner.proc.exited:
	case <-time.After(time.Second):
		t.Fatal("the runner lives on")
	}
	t.Log(time.Since(began))
	_, err := os.Stat("/proc/" + strconv.Itoa(s.runner.proc.cmd.Process.Pid))
	assert.ErrorIs(t, err, os.ErrNotExist, "no zombie is left")
}
