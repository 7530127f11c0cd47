package frame

import "encoding/binary"

// maxStreams is how many bodies of one run may be on their way in at once: 64 calls, and the run's own.
const maxStreams = 65

// incoming is a message whose body isn't complete.
type incoming struct {
	m       Message
	state   *runState
	max     int
	allowed int // bytes that the peer may still send
	unacked int // bytes that came and for which no new credit was given
}

func (s *incoming) key() key { return key{s.m.Run, s.m.Call} }

// Receive returns the next whole message. The error is a *ViolationError or the connection's. It belongs to one goroutine,
// which must not wait for anything that waits for a message.
func (l *Link) Receive() (Message, error) {
	for {
		f, err := l.reader.Next()
		if err != nil {
			return Message{}, err
		}
		m, whole, err := l.take(f)
		if err != nil {
			return Message{}, err
		}
		if whole {
			return m, nil
		}
	}
}

// take books one frame.
func (l *Link) take(f Frame) (Message, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ofConnection(f.Type) {
		return Message{Type: f.Type, Failed: f.Flag&Failed != 0, Meta: f.Structured, Body: f.Raw}, true, nil
	}
	state, err := l.runOf(f.Header)
	if state == nil || (state.ending && f.Type != Grant && f.Type != Credit) {
		return Message{}, false, err
	}
	switch f.Type {
	case Credit, Grant:
		return Message{}, false, l.addCredit(f)
	case Chunk, Data:
		return l.more(f)
	default: // one that opens a message
	}
	return l.begin(f, state)
}

// runOf finds the run of a frame. Neither a run nor an error: the frame is late and means nothing.
func (l *Link) runOf(h Header) (*runState, error) {
	if state := l.runs[h.Run]; state != nil {
		if h.Type == Start {
			return nil, violation(h, "a run started twice")
		}
		return state, nil
	}
	switch {
	case l.side == Worker:
		return nil, violation(h, "unknown run")
	case h.Type == Start && h.Run > l.lastRun:
		l.lastRun = h.Run
		l.runs[h.Run] = &runState{}
		return l.runs[h.Run], nil
	case h.Run > l.lastRun || h.Type == Start:
		return nil, violation(h, "unknown run")
	}
	return nil, nil // the worker hadn't heard of the run's end yet
}

// begin books the first frame of a message.
func (l *Link) begin(f Frame, state *runState) (Message, bool, error) {
	m := Message{Type: f.Type, Failed: f.Flag&Failed != 0, Run: f.Run, Call: f.Call, Meta: f.Structured, Body: f.Raw}
	limit := ChunkLen
	if mayGrow(f.Type) {
		limit = l.opts.MaxBody(f.Type, f.Structured)
		if l.find(key{f.Run, f.Call}) >= 0 {
			return m, false, violation(f.Header, "a message within another")
		}
	}
	if len(m.Body) > limit {
		return m, false, violation(f.Header, "body over the limit")
	}
	l.hold(&m, len(m.Body))
	if f.Flag&More == 0 {
		l.delivered(&m)
		return m, true, nil
	}
	if state.streams++; state.streams > maxStreams {
		return m, false, violation(f.Header, "too many bodies at once")
	}
	s := &incoming{m: m, state: state, max: limit, allowed: Window - len(m.Body), unacked: len(m.Body)}
	s.m.Body = append(make([]byte, 0, min(4*ChunkLen, limit)), m.Body...)
	l.in = append(l.in, s)
	l.giveCredit()
	return m, false, nil
}

// more books a chunk.
func (l *Link) more(f Frame) (Message, bool, error) {
	i := l.find(key{f.Run, f.Call})
	if i < 0 {
		return Message{}, false, violation(f.Header, "a chunk of nothing")
	}
	s := l.in[i]
	n := len(f.Raw)
	if s.allowed -= n; s.allowed < 0 {
		return Message{}, false, violation(f.Header, "more than was granted")
	}
	if len(s.m.Body)+n > s.max {
		return Message{}, false, violation(f.Header, "body over the limit")
	}
	s.m.Body = append(s.m.Body, f.Raw...)
	l.held += n
	s.unacked += n
	if f.Flag&More != 0 {
		l.giveCredit()
		return Message{}, false, nil
	}
	l.in = append(l.in[:i], l.in[i+1:]...)
	s.state.streams--
	m := s.m
	m.release = l.releaser(len(m.Body))
	l.giveCredit()
	l.delivered(&m)
	return m, true, nil
}

// delivered notes the end of a run on the worker's side.
func (l *Link) delivered(m *Message) {
	if m.Type == Result {
		l.forget(m.Run, false)
	}
}

func (l *Link) find(k key) int {
	for i, s := range l.in {
		if s.key() == k {
			return i
		}
	}
	return -1
}

func (l *Link) hold(m *Message, n int) {
	l.held += n
	m.release = l.releaser(n)
}

func (l *Link) releaser(n int) func() {
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.held -= n
		l.giveCredit()
	}
}

func (l *Link) dropIncoming(run uint32) {
	kept := l.in[:0]
	for _, s := range l.in {
		if s.m.Run == run {
			l.held -= len(s.m.Body)
			continue
		}
		kept = append(kept, s)
	}
	clear(l.in[len(kept):])
	l.in = kept
}

// giveCredit lets bodies go on that had to wait: all of them while the buffer has room, else the oldest.
func (l *Link) giveCredit() {
	if l.closed {
		return
	}
	for i, s := range l.in {
		if s.unacked < ChunkLen || (i > 0 && l.opts.Buffer > 0 && l.held > l.opts.Buffer) {
			continue
		}
		l.grants = append(l.grants, grant{s.key(), uint32(s.unacked)})
		s.allowed += s.unacked
		s.unacked = 0
		l.wake.Signal()
	}
}

// addCredit lets a body of ours go on. Credit for one that has been sent completely is late, no violation.
func (l *Link) addCredit(f Frame) error {
	n := int(binary.LittleEndian.Uint32(f.Raw))
	if n == 0 || n > Window {
		return violation(f.Header, "impossible credit")
	}
	s := l.sending(key{f.Run, f.Call})
	if s == nil {
		return nil
	}
	if s.credit+n > Window {
		return violation(f.Header, "credit for what was not sent")
	}
	s.credit += n
	l.wake.Signal()
	return nil
}
