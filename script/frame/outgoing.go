package frame

import "encoding/binary"

// outgoing is a message on its way out. Its fields belong to Link.mu; the body is read by the writer without it.
type outgoing struct {
	m       Message
	started bool
	off     int // bytes of the body that were written
	credit  int // bytes that may still be written
	done    chan error
	state   *runState // of a posted message
	size    int
}

// end tells the sender. A message that the writer is at is in no list, so that only settle ends it.
func (s *outgoing) end(err error) {
	if s.state != nil {
		s.state.posted -= s.size
		s.state = nil
	}
	s.done <- err
}

// next is the size of the next piece of the body, and whether it may be sent now.
func (s *outgoing) next() (int, bool) {
	n := min(ChunkLen, len(s.m.Body)-s.off)
	return n, n <= s.credit
}

func (s *outgoing) header(side Side, n int) Header {
	h := Header{Type: s.m.Type, Run: s.m.Run, Call: s.m.Call, Len: uint32(n)}
	if s.started {
		h.Type = Data
		if side == Runner {
			h.Type = Chunk
		}
	} else {
		h.Meta = uint16(len(s.m.Meta))
		h.Len += uint32(h.Meta)
		if s.m.Failed {
			h.Flag |= Failed
		}
	}
	if s.off+n < len(s.m.Body) {
		h.Flag |= More
	}
	return h
}

const (
	inline = 32 << 10 // a body up to this size is copied behind its header and leaves in the same system call
	batch  = 64 << 10 // small frames are written together up to about this size
)

// write is the writer's goroutine.
func (l *Link) write() {
	defer close(l.writer)
	var buf []byte
	for {
		l.mu.Lock()
		head, body := l.collect(buf[:0])
		l.mu.Unlock()
		if head == nil {
			break
		}
		buf = head
		_, err := l.conn.Write(head)
		if err == nil && len(body) > 0 {
			_, err = l.conn.Write(body)
		}
		l.settle(err)
		if err != nil {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, s := range l.out {
		s.end(ErrClosed)
	}
	l.out = nil
}

// collect waits until something may be sent and returns frames to be written together: head, then body. It returns nil
// when the link is closed.
func (l *Link) collect(head []byte) (_, body []byte) {
	for {
		if l.closed {
			return nil, nil
		}
		head = l.takeGrants(head)
		for len(head) < batch && body == nil {
			s, n := l.pick()
			if s == nil {
				break
			}
			head = s.header(l.side, n).append(head)
			if !s.started {
				head = append(head, s.m.Meta...)
			}
			piece := s.m.Body[s.off : s.off+n]
			if n <= inline {
				head = append(head, piece...)
			} else {
				body = piece
			}
			s.started = true
			s.off += n
			s.credit -= n
			l.now = append(l.now, s)
		}
		if len(head) > 0 {
			return head, body
		}
		l.wake.Wait()
	}
}

func (l *Link) takeGrants(head []byte) []byte {
	t := Credit
	if l.side == Worker {
		t = Grant
	}
	for _, g := range l.grants {
		head = Header{Len: 4, Type: t, Run: g.run, Call: g.call}.append(head)
		head = binary.LittleEndian.AppendUint32(head, g.n)
	}
	l.grants = l.grants[:0]
	return head
}

// pick takes the first message that may go on out of the queue; settle puts it back, behind the others.
func (l *Link) pick() (*outgoing, int) {
	for i, s := range l.out {
		if n, ok := s.next(); ok {
			l.out = append(l.out[:i], l.out[i+1:]...)
			return s, n
		}
	}
	return nil, 0
}

// settle books what was written.
func (l *Link) settle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.now {
		state := l.runs[s.m.Run]
		switch {
		case err != nil:
			s.end(ErrClosed)
		case s.off == len(s.m.Body):
			if s.m.Type == Result {
				delete(l.runs, s.m.Run)
			}
			s.end(nil)
		case state == nil || (state.ending && s.m.Type != Result): // forgotten while it was written
			s.end(ErrRunEnded)
		default:
			l.out = append(l.out, s)
		}
	}
	clear(l.now)
	l.now = l.now[:0]
}

// sending finds a message on its way out.
func (l *Link) sending(k key) *outgoing {
	for _, list := range [][]*outgoing{l.out, l.now} {
		for _, s := range list {
			if s.m.Run == k.run && s.m.Call == k.call && mayGrow(s.m.Type) {
				return s
			}
		}
	}
	return nil
}
