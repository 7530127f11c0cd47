package realm

import (
	"container/heap"
	"time"

	"github.com/dop251/goja"
)

// maxTimers is how many timers a run may have; each is small, a billion of them is not.
const maxTimers = 10_000

// loop holds the timers of a run. The goroutine that owns the run turns it.
type loop struct {
	timers timerHeap
	live   map[int64]*timer
	lastID int64
	alarm  *time.Timer
	now    func() time.Time // the clock that timers go by
}

type timer struct {
	id    int64
	at    time.Time
	every time.Duration // 0: once
	fn    goja.Callable
	index int
}

func newLoop() *loop {
	return &loop{live: map[int64]*timer{}, now: time.Now}
}

// set starts a timer; 0: there are too many.
func (l *loop) set(after time.Duration, repeat bool, fn goja.Callable) int64 {
	if len(l.live) >= maxTimers {
		return 0
	}
	l.lastID++
	t := &timer{id: l.lastID, at: l.now().Add(after), fn: fn}
	if repeat {
		t.every = after
	}
	l.live[t.id] = t
	heap.Push(&l.timers, t)
	return t.id
}

func (l *loop) clear(id int64) {
	if t := l.live[id]; t != nil {
		delete(l.live, id)
		if t.index >= 0 {
			heap.Remove(&l.timers, t.index)
		}
	}
}

func (l *loop) hasTimers() bool { return len(l.live) > 0 }

// due is a channel that delivers when the next timer is to fire; nil when there is none.
func (l *loop) due() <-chan time.Time {
	if len(l.timers) == 0 {
		return nil
	}
	wait := l.timers[0].at.Sub(l.now())
	if l.alarm == nil {
		l.alarm = time.NewTimer(wait)
	} else {
		l.alarm.Reset(wait)
	}
	return l.alarm.C
}

// first is the timer that is due, 0 if none is.
func (l *loop) first() int64 {
	if len(l.timers) == 0 || l.now().Before(l.timers[0].at) {
		return 0
	}
	return l.timers[0].id
}

// fire calls a timer. Promise jobs run before the one after it, as they do in Node.
func (l *loop) fire(id int64) error {
	t := l.live[id]
	if t.every > 0 {
		t.at = l.now().Add(t.every)
		heap.Fix(&l.timers, t.index)
	} else {
		l.clear(id)
	}
	_, err := t.fn(goja.Undefined())
	return err
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].id < h[j].id
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push and Pop are for package heap.
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	t.index = -1
	*h = old[:len(old)-1]
	return t
}
