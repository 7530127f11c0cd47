package realm

import (
	"sync"
	"time"

	"github.com/dop251/goja"
)

// guard is the watchdog of one run: it interrupts the engine when a turn takes too long or the run is to be stopped, and
// never while no script is running, since the flag would then hit whatever runs next.
type guard struct {
	vm    *goja.Runtime
	limit time.Duration
	ended chan struct{} // closed when the run has to end

	mu      sync.Mutex
	inside  bool
	turn    uint64
	since   time.Time
	total   time.Duration
	reason  error // why the run has to end; set once
	timer   *time.Timer
	delayed *time.Timer
}

func newGuard(vm *goja.Runtime, limit time.Duration) *guard {
	return &guard{vm: vm, limit: limit, ended: make(chan struct{})}
}

// enter begins a turn, unless the run has to end.
func (g *guard) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reason != nil {
		return g.reason
	}
	g.inside, g.since = true, time.Now()
	g.turn++
	if g.timer == nil {
		g.timer = time.AfterFunc(g.limit, g.expired)
	} else {
		g.timer.Reset(g.limit)
	}
	return nil
}

func (g *guard) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside = false
	g.total += time.Since(g.since)
	g.timer.Stop()
	g.vm.ClearInterrupt()
}

// expired is called by the timer; a timer that fires just as its turn ends finds another turn that is younger.
func (g *guard) expired() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside && time.Since(g.since) >= g.limit {
		g.stop(errTurnLimit)
	}
}

// interrupt ends the run for a reason; the first one counts.
func (g *guard) interrupt(reason error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stop(reason)
}

func (g *guard) stop(reason error) {
	if g.reason != nil {
		return
	}
	g.reason = reason
	close(g.ended)
	if g.inside {
		g.vm.Interrupt(reason)
	}
}

func (g *guard) interruptAfter(d time.Duration, reason error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delayed = time.AfterFunc(d, func() { g.interrupt(reason) })
}

// final returns why the run has to end, or nil.
func (g *guard) final() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason
}

// spent is the time inside the engine so far.
func (g *guard) spent() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total
}

// turns is how often the engine has been entered.
func (g *guard) turns() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.turn
}

func (g *guard) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range []*time.Timer{g.timer, g.delayed} {
		if t != nil {
			t.Stop()
		}
	}
}
