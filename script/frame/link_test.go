package frame

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func anyBody(Type, []byte) int { return 64 << 20 }

// pair is two links over a socket without buffers.
func pair(t *testing.T, worker Options) (w, r *Link) {
	t.Helper()
	a, b := net.Pipe()
	w, r = NewLink(a, Worker, worker), NewLink(b, Runner, Options{MaxBody: anyBody})
	t.Cleanup(func() { _ = w.Close(); _ = r.Close() })
	return w, r
}

func start(t *testing.T, w, r *Link, run uint32) {
	t.Helper()
	w.Open(run)
	require.NoError(t, w.Post(Message{Type: Start, Run: run}))
	m, err := r.Receive()
	require.NoError(t, err)
	require.Equal(t, Start, m.Type)
}

// collectInto receives until the link is closed.
func collectInto(l *Link, f func(Message)) {
	go func() {
		for {
			m, err := l.Receive()
			if err != nil {
				return
			}
			f(m)
			m.Release()
		}
	}()
}

func body(n int, seed uint64) []byte {
	b := make([]byte, n)
	c := rand.New(rand.NewPCG(seed, 1))
	for i := 0; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], c.Uint64())
	}
	return b
}

func TestBodiesOfEverySizeArriveWhole(t *testing.T) {
	w, r := pair(t, Options{MaxBody: anyBody})
	start(t, w, r, 1)
	got := make(chan Message, 1)
	collectInto(w, func(m Message) { got <- m })
	collectInto(r, func(Message) {}) // for the credit
	for i, n := range []int{0, 1, inline, inline + 1, ChunkLen - 1, ChunkLen, ChunkLen + 1, Window, Window + 1, 5_000_000} {
		sent := body(n, uint64(n))
		require.NoError(t, r.Send(Message{Type: Call, Run: 1, Call: uint32(i + 1), Meta: []byte(`{"a":1}`), Body: sent}))
		m := <-got
		assert.Equal(t, uint32(i+1), m.Call)
		assert.Equal(t, `{"a":1}`, string(m.Meta))
		assert.True(t, bytes.Equal(sent, m.Body), "%d bytes", n)
	}
}

func TestALargeResultArrivesAndEndsTheRun(t *testing.T) {
	w, r := pair(t, Options{MaxBody: anyBody})
	start(t, w, r, 1)
	got := make(chan Message, 4)
	collectInto(w, func(m Message) { got <- m })
	collectInto(r, func(Message) {})
	sent := body(5_000_000, 1)
	require.NoError(t, r.Post(Message{Type: Note, Run: 1, Meta: []byte("{}")}))
	require.NoError(t, r.Finish(Message{Type: Result, Run: 1, Body: sent}))
	assert.Equal(t, Note, (<-got).Type, "notes go before the result")
	m := <-got
	assert.True(t, bytes.Equal(sent, m.Body))
	require.ErrorIs(t, r.Send(Message{Type: Call, Run: 1, Call: 1}), ErrRunEnded)
	require.ErrorIs(t, w.Send(Message{Type: Answer, Run: 1, Call: 1}), ErrRunEnded)
}

func TestBothSidesSendingAtOnceMakeProgress(t *testing.T) {
	w, r := pair(t, Options{MaxBody: anyBody, Buffer: 2 << 20})
	start(t, w, r, 1)
	var all sync.WaitGroup
	const each, size = 8, 3 << 20
	all.Add(4 * each)
	collectInto(w, func(m Message) { assert.Len(t, m.Body, size); all.Done() })
	collectInto(r, func(m Message) { assert.Len(t, m.Body, size); all.Done() })
	large := body(size, 1)
	for i := range each {
		go func() {
			assert.NoError(t, w.Send(Message{Type: Answer, Run: 1, Call: uint32(i + 1), Body: large}))
			all.Done()
		}()
		go func() {
			assert.NoError(t, r.Send(Message{Type: Call, Run: 1, Call: uint32(i + 1), Body: large}))
			all.Done()
		}()
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("no progress")
	}
}

// A peer that grants nothing more for one run's body must not hold up another run, and what is sent before the other's
// message is one chunk at most.
func TestASlowReaderOfOneRunDoesNotDelayAnother(t *testing.T) {
	a, b := net.Pipe()
	w := NewLink(a, Worker, Options{MaxBody: anyBody})
	t.Cleanup(func() { _ = w.Close(); _ = b.Close() })
	w.Open(1)
	w.Open(2)
	go func() { _ = w.Send(Message{Type: Answer, Run: 1, Call: 1, Body: make([]byte, 8<<20)}) }()
	raw := NewReader(b, Worker)
	first, err := raw.Next()
	require.NoError(t, err)
	require.Equal(t, uint32(1), first.Run)
	require.NoError(t, w.Post(Message{Type: Answer, Run: 2, Call: 1}))
	chunks := 0
	for {
		f, err := raw.Next()
		require.NoError(t, err)
		if f.Run == 2 {
			break
		}
		chunks++
	}
	assert.LessOrEqual(t, chunks, 2, "the chunk that was being written, and one that had been collected")
	for range Window/ChunkLen - 1 - chunks { // the rest of the first credit
		f, err := raw.Next()
		require.NoError(t, err)
		require.Equal(t, uint32(1), f.Run)
	}
	require.NoError(t, w.Post(Message{Type: Answer, Run: 2, Call: 2}))
	f, err := raw.Next()
	require.NoError(t, err)
	assert.Equal(t, uint32(2), f.Run, "nothing beyond the credit comes between")
}

func TestWhatIsReceivedWaitsForRoomInTheBuffer(t *testing.T) {
	w, r := pair(t, Options{MaxBody: anyBody, Buffer: 1 << 20})
	start(t, w, r, 1)
	var held []Message
	got := make(chan Message, 16)
	go func() {
		for {
			m, err := w.Receive()
			if err != nil {
				return
			}
			got <- m
		}
	}()
	collectInto(r, func(Message) {})
	for i := range 4 {
		go func() { _ = r.Send(Message{Type: Call, Run: 1, Call: uint32(i + 1), Body: make([]byte, 4<<20)}) }()
	}
	for range 4 { // the oldest goes on in any case, so all come although nothing is released
		held = append(held, <-got)
	}
	for i := range held {
		held[i].Release()
		held[i].Release()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.Zero(t, w.held)
}

func TestTheLinkRefusesWhatDoesNotFollow(t *testing.T) {
	full := make([]byte, ChunkLen)
	call := Header{Type: Call, Run: 1, Call: 1, Len: ChunkLen, Flag: More}
	chunk := Header{Type: Chunk, Run: 1, Call: 1, Len: ChunkLen, Flag: More}
	cases := map[string]struct {
		frames [][]byte
		reason string
	}{
		"unknown run":            {[][]byte{raw(Header{Type: Call, Run: 2, Call: 1})}, "unknown run"},
		"chunk of nothing":       {[][]byte{raw(chunk, full...)}, "a chunk of nothing"},
		"a call within a call":   {[][]byte{raw(call, full...), raw(call, full...)}, "a message within another"},
		"more than was granted":  {[][]byte{raw(call, full...), raw(chunk, full...), raw(chunk, full...), raw(chunk, full...), raw(chunk, full...)}, "more than was granted"},
		"body over the limit":    {[][]byte{raw(Header{Type: Call, Run: 1, Call: 2, Len: 11, Meta: 1}, []byte("1..........")...)}, "body over the limit"},
		"credit of nothing":      {[][]byte{raw(Header{Type: Credit, Run: 1, Call: 1, Len: 4}, 0, 0, 0, 0)}, "impossible credit"},
		"credit beyond a window": {[][]byte{raw(Header{Type: Credit, Run: 1, Call: 1, Len: 4}, 0, 0, 0, 1)}, "impossible credit"},
		"a call after the result": {[][]byte{raw(Header{Type: Result, Run: 1}), raw(Header{Type: Call, Run: 1, Call: 1})},
			"unknown run"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var all []byte
			for _, f := range c.frames {
				all = append(all, f...)
			}
			limit := func(_ Type, meta []byte) int {
				if len(meta) > 0 {
					return 5
				}
				return 8 << 20
			}
			l := NewLink(&replay{in: bytes.NewReader(all)}, Worker, Options{MaxBody: limit, Buffer: 1})
			// nothing is granted: another body is older, and the buffer is full
			l.held, l.in = 2, []*incoming{{m: Message{Run: 9, Call: 9}}}
			defer func() { _ = l.Close() }()
			l.Open(1)
			var err error
			for err == nil {
				_, err = l.Receive()
			}
			var v *ViolationError
			require.ErrorAs(t, err, &v)
			assert.Equal(t, c.reason, v.Reason)
		})
	}
}

func TestCreditForWhatWasNotSentIsAViolation(t *testing.T) {
	a, b := net.Pipe()
	w := NewLink(a, Worker, Options{MaxBody: anyBody})
	t.Cleanup(func() { _ = w.Close(); _ = b.Close() })
	w.Open(1)
	go func() { _ = w.Send(Message{Type: Answer, Run: 1, Call: 1, Body: make([]byte, 8<<20)}) }()
	_, err := NewReader(b, Worker).Next() // one chunk
	require.NoError(t, err)
	go func() { _, _ = b.Write(raw(Header{Type: Credit, Run: 1, Call: 1, Len: 4}, 0, 0, 16, 0)) }()
	go func() { _, _ = io.Copy(io.Discard, b) }()
	_, err = w.Receive()
	var v *ViolationError
	require.ErrorAs(t, err, &v)
}

func TestTheRunnerPassesOverLateFramesAndRefusesUnknownRuns(t *testing.T) {
	frames := bytes.Join([][]byte{
		raw(Header{Type: Start, Run: 5}),
		raw(Header{Type: Abort, Run: 3}), // ended before this runner's time: late
		raw(Header{Type: Abort, Run: 5}),
		raw(Header{Type: Abort, Run: 6}),
	}, nil)
	l := NewLink(&replay{in: bytes.NewReader(frames)}, Runner, Options{MaxBody: anyBody})
	defer func() { _ = l.Close() }()
	for _, want := range []Type{Start, Abort} {
		m, err := l.Receive()
		require.NoError(t, err)
		assert.Equal(t, want, m.Type)
		assert.Equal(t, uint32(5), m.Run)
	}
	_, err := l.Receive()
	var v *ViolationError
	require.ErrorAs(t, err, &v)
}

func TestClosingEndsAllThatWaits(t *testing.T) {
	w, r := pair(t, Options{MaxBody: anyBody})
	w.Open(1)
	failed := make(chan error, 2)
	go func() { failed <- w.Send(Message{Type: Answer, Run: 1, Call: 1, Body: make([]byte, 8<<20)}) }()
	go func() { _, err := w.Receive(); failed <- err }()
	require.NoError(t, r.Close())
	require.NoError(t, w.Close())
	for range 2 {
		require.Error(t, <-failed)
	}
	require.ErrorIs(t, w.Send(Message{Type: Drain}), ErrClosed)
}

func TestPostingIsBounded(t *testing.T) {
	a, b := net.Pipe() // nobody reads
	r := NewLink(a, Runner, Options{MaxBody: anyBody})
	t.Cleanup(func() { _ = b.Close(); _ = r.Close() })
	r.Open(1)
	note := Message{Type: Note, Run: 1, Body: make([]byte, 100_000)}
	var err error
	n := 0
	for ; err == nil; n++ {
		err = r.Post(note)
	}
	require.ErrorIs(t, err, ErrQueueFull)
	assert.Less(t, n, 100)
	require.ErrorIs(t, r.Post(Message{Type: Note, Run: 1, Body: make([]byte, ChunkLen+1)}), ErrTooLarge)
}

// replay reads from a text and swallows what is written.
type replay struct{ in io.Reader }

func (c *replay) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c *replay) Write(b []byte) (int, error) { return len(b), nil }
func (c *replay) Close() error                { return nil }

// FuzzLink gives both sides anything and looks at the accounts.
func FuzzLink(f *testing.F) {
	f.Add(raw(Header{Type: Call, Run: 1, Call: 1, Len: 2, Meta: 2}, []byte("{}")...), true)
	f.Add(bytes.Join([][]byte{raw(Header{Type: Start, Run: 1}), raw(Header{Type: Answer, Run: 1, Call: 1})}, nil), false)
	f.Add(append(raw(Header{Type: Call, Run: 1, Call: 1, Len: ChunkLen, Flag: More}, make([]byte, ChunkLen)...),
		raw(Header{Type: Chunk, Run: 1, Call: 1, Len: 1}, 7)...), true)
	f.Fuzz(func(t *testing.T, b []byte, worker bool) {
		side := Runner
		if worker {
			side = Worker
		}
		l := NewLink(&replay{in: bytes.NewReader(b)}, side, Options{MaxBody: func(Type, []byte) int { return 1 << 20 }, Buffer: 1 << 20})
		defer func() { _ = l.Close() }()
		if worker {
			l.Open(1)
		}
		for {
			m, err := l.Receive()
			if err != nil {
				break
			}
			if len(m.Body) > 1<<20 {
				t.Fatal("body over the limit")
			}
			m.Release()
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		held := 0
		for _, s := range l.in {
			held += len(s.m.Body)
			if s.allowed < 0 || s.allowed > Window {
				t.Fatalf("allowed %d", s.allowed)
			}
		}
		if held != l.held {
			t.Fatalf("held %d, booked %d", held, l.held)
		}
	})
}

func TestErrorsNameTheHeader(t *testing.T) {
	m := Message{Type: Call, Run: 1, Call: 2, Meta: []byte("{")}
	err := m.Violation("unreadable")
	var violation *ViolationError
	require.ErrorAs(t, err, &violation)
	assert.Contains(t, err.Error(), "unreadable (header 01000000050001000100000002000000)")
}
