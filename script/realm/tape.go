package realm

import (
	"maps"
	"slices"
	"time"

	"github.com/causeway-dev/causeway/script"
)

// tape is a run's clock and the order of what reaches its script. Recording, it writes both down; following, it says again
// what was written, until that ends or the script asks for something else.
type tape struct {
	out  *script.TapeWriter // nil: not recording
	in   *script.TapeReader // nil: not following
	last time.Time          // said last
	left time.Time          // when following ended: the clock goes on from last
}

func newTape(start script.Start) *tape {
	t := &tape{}
	if start.Record {
		t.out = &script.TapeWriter{}
	}
	if start.Tape != nil {
		t.in = start.Tape.Reader()
	}
	return t
}

// plain: the engine may read the clock itself.
func (t *tape) plain() bool { return t.out == nil && t.in == nil }

// now is the time, as the script is to see it.
func (t *tape) now() time.Time {
	if t.plain() {
		return time.Now()
	}
	at := time.UnixMilli(time.Now().UnixMilli())
	if t.in != nil {
		at = t.followed(at)
	}
	if t.out != nil {
		t.out.Read(at.UnixMilli())
	}
	return at
}

func (t *tape) followed(present time.Time) time.Time {
	if ms, ok := t.in.Clock(); ok {
		t.last = time.UnixMilli(ms)
		return t.last
	}
	if t.left.IsZero() {
		t.left = present
	}
	return t.last.Add(present.Sub(t.left))
}

func (t *tape) delivered(kind byte, id int64) {
	if t.out != nil {
		t.out.Delivered(kind, id)
	}
}

// take returns what was recorded since the last time.
func (t *tape) take() *script.Tape {
	if t.out == nil {
		return nil
	}
	return t.out.Take()
}

// next is what is to be delivered next; false: whatever comes.
func (t *tape) next() (script.Delivery, bool) {
	if t.in == nil {
		return script.Delivery{}, false
	}
	return t.in.Peek()
}

// leave ends the order of deliveries: the script has taken another way.
func (t *tape) leave() {
	for _, ok := t.in.Peek(); ok; _, ok = t.in.Peek() {
		t.in.Next()
	}
}

// follow delivers what the tape says next. What it names but isn't there ends the following.
func (r *run) follow(d script.Delivery) error {
	switch d.Kind {
	case script.DeliveredAnswer:
		return r.followAnswer(uint32(d.ID))
	case script.DeliveredTimer:
		if r.loop.live[d.ID] == nil {
			r.tape.leave()
			return nil
		}
		r.tape.in.Next()
		return r.enter(func() error { return r.fireTimer(d.ID) })
	default: // an abort that the script did not ask about at the same place
		r.tape.leave()
		return nil
	}
}

// followAnswer waits for the answer of one call and delivers it; others that come meanwhile are held back.
func (r *run) followAnswer(seq uint32) error {
	if _, open := r.calls.issued[seq]; !open {
		r.tape.leave()
		return nil
	}
	for {
		if a, ok := r.calls.held[seq]; ok {
			delete(r.calls.held, seq)
			r.tape.in.Next()
			return r.enter(func() error { return r.calls.deliver(a) })
		}
		select {
		case a := <-r.calls.answers:
			r.calls.held[a.call.Seq] = a
		case <-r.guard.ended:
			return r.guard.final()
		}
	}
}

// catchUp delivers an answer that was held back, once nothing says when; false: there is none.
func (r *run) catchUp() (bool, error) {
	if len(r.calls.held) == 0 {
		return false, nil
	}
	seq := slices.Min(slices.Collect(maps.Keys(r.calls.held)))
	a := r.calls.held[seq]
	delete(r.calls.held, seq)
	return true, r.enter(func() error { return r.calls.deliver(a) })
}
