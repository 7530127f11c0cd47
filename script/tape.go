package script

import (
	"strconv"
	"strings"
)

// Tape is what reached a run's script besides the answers of its calls: in which order things were delivered, and what the
// clock said. JavaScript has one thread, so with the same answers, the same tape and the same seed a script does the same
// again. Both parts are short texts that can be appended to each other.
type Tape struct {
	// Deliveries in order: "a3" is the answer of call 3, "t1" the firing of timer 1, "x7" the abort, seen after 7 calls.
	Deliveries string `json:"deliveries,omitempty"`
	// Clock readings in order: milliseconds since the reading before (the first: since 1970), and how often in a row that
	// value was read: "1764000000000 5*3 0".
	Clock string `json:"clock,omitempty"`
	// Cut: the script read the clock, or timers fired, too often to be written down; a repetition may differ from here on.
	Cut bool `json:"cut,omitempty"`
}

// Append adds what follows.
func (t *Tape) Append(u *Tape) {
	if u == nil {
		return
	}
	t.Deliveries = join(t.Deliveries, u.Deliveries)
	t.Clock = join(t.Clock, u.Clock)
	t.Cut = t.Cut || u.Cut
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// Kinds of deliveries.
const (
	DeliveredAnswer = 'a'
	DeliveredTimer  = 't'
	DeliveredAbort  = 'x'
)

// Delivery is one thing that reached the script.
type Delivery struct {
	Kind byte
	ID   int64
}

// maxTapePart is how long each text may become between two calls, in bytes: a part travels with the next call.
const maxTapePart = 16 << 10

// TapeWriter writes a tape.
type TapeWriter struct {
	deliveries strings.Builder
	clock      strings.Builder
	last       int64 // milliseconds
	advance    int64
	reads      int // of the last value, not written so far
	cut        bool
}

// full ends the tape when a part of it has become too long.
func (w *TapeWriter) full(b *strings.Builder) bool {
	w.cut = w.cut || b.Len() > maxTapePart
	return w.cut
}

// Delivered notes a delivery.
func (w *TapeWriter) Delivered(kind byte, id int64) {
	if w.full(&w.deliveries) {
		return
	}
	if w.deliveries.Len() > 0 {
		w.deliveries.WriteByte(' ')
	}
	w.deliveries.WriteByte(kind)
	w.deliveries.WriteString(strconv.FormatInt(id, 10))
}

// Read notes a reading of the clock.
func (w *TapeWriter) Read(ms int64) {
	if w.reads > 0 && ms == w.last {
		w.reads++
		return
	}
	w.flush()
	w.advance, w.last, w.reads = ms-w.last, ms, 1
}

func (w *TapeWriter) flush() {
	if w.reads == 0 || w.full(&w.clock) {
		return
	}
	if w.clock.Len() > 0 {
		w.clock.WriteByte(' ')
	}
	w.clock.WriteString(strconv.FormatInt(w.advance, 10))
	if w.reads > 1 {
		w.clock.WriteByte('*')
		w.clock.WriteString(strconv.Itoa(w.reads))
	}
	w.advance, w.reads = 0, 0
}

// Take returns what was written since the last time; nil: nothing.
func (w *TapeWriter) Take() *Tape {
	w.flush()
	if w.deliveries.Len() == 0 && w.clock.Len() == 0 {
		return nil
	}
	t := &Tape{Deliveries: w.deliveries.String(), Clock: w.clock.String(), Cut: w.cut}
	w.deliveries.Reset()
	w.clock.Reset()
	return t
}

// TapeReader reads a tape. What can't be read is its end.
type TapeReader struct {
	deliveries string
	clock      string
	now        int64
	reads      int // of now that are left
}

// Reader starts at the beginning.
func (t *Tape) Reader() *TapeReader { return &TapeReader{deliveries: t.Deliveries, clock: t.Clock} }

// Peek returns the next delivery without taking it.
func (r *TapeReader) Peek() (Delivery, bool) {
	word, _, _ := strings.Cut(r.deliveries, " ")
	if len(word) < 2 {
		return Delivery{}, false
	}
	id, err := strconv.ParseInt(word[1:], 10, 64)
	return Delivery{Kind: word[0], ID: id}, err == nil
}

// Next takes the next delivery.
func (r *TapeReader) Next() { _, r.deliveries, _ = strings.Cut(r.deliveries, " ") }

// Clock takes the next reading of the clock, in milliseconds.
func (r *TapeReader) Clock() (int64, bool) {
	if r.reads == 0 {
		var word string
		word, r.clock, _ = strings.Cut(r.clock, " ")
		advance, times, repeated := strings.Cut(word, "*")
		ms, err := strconv.ParseInt(advance, 10, 64)
		if err != nil {
			return 0, false
		}
		r.now, r.reads = r.now+ms, 1
		if repeated {
			if r.reads, err = strconv.Atoi(times); err != nil || r.reads < 1 {
				return 0, false
			}
		}
	}
	r.reads--
	return r.now, true
}
