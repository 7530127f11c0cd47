package frame

import (
	"errors"
	"io"
	"sync"
)

// Message is one thing said by one side; its body may be larger than a frame.
type Message struct {
	Type   Type
	Failed bool
	Run    uint32 // 0: of the connection
	Call   uint32
	Meta   []byte // structured, at most MaxMeta bytes
	Body   []byte

	release func()
}

// Release says that the body isn't needed any more, so that the peer may send others (Options.Buffer). It may be called
// more than once and on any message.
func (m *Message) Release() {
	if m.release != nil {
		m.release()
		m.release = nil
	}
}

// Violation is the error for a message whose content doesn't fit its type.
func (m *Message) Violation(reason string) error {
	return violation(Header{Type: m.Type, Run: m.Run, Call: m.Call, Len: uint32(len(m.Meta) + len(m.Body)), Meta: uint16(len(m.Meta))}, reason)
}

// Errors of a Link beside *ViolationError.
var (
	ErrClosed    = errors.New("frame: the connection is closed")
	ErrRunEnded  = errors.New("frame: the run has ended")
	ErrQueueFull = errors.New("frame: too much is waiting to be sent")
	ErrTooLarge  = errors.New("frame: the message is too large for its type")
)

// maxPosted bounds what Post lets wait, in bytes per run.
const maxPosted = 4 << 20

// Options of a Link.
type Options struct {
	// MaxBody says how large the body of a message may become, given its type and structured part.
	MaxBody func(t Type, meta []byte) int
	// Buffer bounds the bodies that were received and not released yet, in bytes, beyond the first Window of each; 0: no
	// bound. The oldest body goes on in any case, so that there is always progress.
	Buffer int
}

// Link is one side of a connection. Messages are sent by any goroutine and received by one; a goroutine of the link's own
// writes, so that receiving never waits for sending: two sides that both have full buffers make progress.
type Link struct {
	conn   io.ReadWriteCloser
	side   Side
	reader *Reader
	opts   Options

	mu      sync.Mutex
	wake    *sync.Cond // the writer's: something may be ready
	closed  bool
	runs    map[uint32]*runState
	lastRun uint32 // the highest run number seen, on the runner's side

	out    []*outgoing // waiting to go on, in turn
	now    []*outgoing // what the writer is at
	grants []grant
	in     []*incoming // being received, oldest first
	held   int         // bytes received and not released

	writer chan struct{} // closed when the writer has ended
}

type runState struct {
	posted  int  // bytes waiting
	streams int  // bodies being received
	ending  bool // its result is on the way out, and nothing else any more
}

type key struct{ run, call uint32 }

type grant struct {
	key
	n uint32
}

// NewLink takes over conn, which speaks as side.
func NewLink(conn io.ReadWriteCloser, side Side, o Options) *Link {
	l := &Link{
		conn: conn, side: side, opts: o, reader: NewReader(conn, side.peer()),
		runs: map[uint32]*runState{}, writer: make(chan struct{}),
	}
	l.wake = sync.NewCond(&l.mu)
	go l.write()
	return l
}

// Open makes a run known: frames that name it are no violation from here on. The runner's side opens runs by itself when
// they start.
func (l *Link) Open(run uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs[run] = &runState{}
}

// Forget ends a run on this side: what waits to be sent for it and what is being received of it is dropped.
func (l *Link) Forget(run uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(run, false)
}

func (l *Link) forget(run uint32, keepNotes bool) {
	delete(l.runs, run)
	kept := l.out[:0]
	for _, s := range l.out {
		if s.m.Run != run || (keepNotes && s.m.Type == Note) {
			kept = append(kept, s)
			continue
		}
		s.end(ErrRunEnded)
	}
	clear(l.out[len(kept):])
	l.out = kept
	l.dropIncoming(run)
	grants := l.grants[:0]
	for _, g := range l.grants {
		if g.run != run {
			grants = append(grants, g)
		}
	}
	l.grants = grants
}

// Send sends a message and returns when it has been written: from then on the caller may change meta and body.
func (l *Link) Send(m Message) error {
	s, err := l.enqueue(m, false, false)
	if err != nil {
		return err
	}
	return <-s.done
}

// Queue leaves a message to be sent, behind those that were left before, and returns at once. The channel tells when it has
// been written, as Send would.
func (l *Link) Queue(m Message) (<-chan error, error) {
	s, err := l.enqueue(m, false, false)
	if err != nil {
		return nil, err
	}
	return s.done, nil
}

// Finish sends the last message of a run. What else of the run was waiting is dropped but for its notes, which go first.
func (l *Link) Finish(m Message) error {
	s, err := l.enqueue(m, true, false)
	if err != nil {
		return err
	}
	return <-s.done
}

// Post leaves a message to be sent and returns at once; it fails with ErrQueueFull if too much of the run is waiting. The
// message's bytes must not be changed afterwards.
func (l *Link) Post(m Message) error {
	_, err := l.enqueue(m, false, true)
	return err
}

func (l *Link) enqueue(m Message, last, post bool) (*outgoing, error) {
	if len(m.Meta) > MaxMeta || (len(m.Body) > ChunkLen && !mayGrow(m.Type)) {
		return nil, ErrTooLarge
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	s := &outgoing{m: m, credit: Window, done: make(chan error, 1)}
	if !ofConnection(m.Type) {
		state := l.runs[m.Run]
		if state == nil || state.ending {
			return nil, ErrRunEnded
		}
		if post {
			s.size = len(m.Meta) + len(m.Body)
			if state.posted+s.size > maxPosted {
				return nil, ErrQueueFull
			}
			state.posted += s.size
			s.state = state
		}
	}
	if last {
		l.forget(m.Run, true)
		l.runs[m.Run] = &runState{ending: true} // its result may need credit
	}
	l.out = append(l.out, s)
	l.wake.Signal()
	return s, nil
}

// Close ends the connection. Receive and all that waits in Send return.
func (l *Link) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.wake.Signal()
	l.mu.Unlock()
	err := l.conn.Close()
	<-l.writer
	return err
}
