package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/frame"
	"github.com/causeway-dev/causeway/script/wire"
)

// idleHeap is what a runner without a run may hold, in bytes; one that holds more asks to be replaced.
const idleHeap = 64<<20 + maxPrograms

// server is the main loop of a runner.
type server struct {
	link     *frame.Link
	engine   Engine
	programs *programs

	mu       sync.Mutex
	slots    int // 0: a spare
	runs     map[uint32]*run
	busy     int // runs whose result has not been written; a run's place is free again a little sooner
	draining bool
	done     chan struct{} // closed when it drains and nothing is busy
}

func newServer(l *frame.Link, e Engine) *server {
	return &server{link: l, engine: e, programs: newPrograms(e.Compile), runs: map[uint32]*run{}, done: make(chan struct{})}
}

// serve takes messages until the connection ends or the runner has drained. Whatever runs then ends with the process.
func (s *server) serve() error {
	failed := make(chan error, 1)
	go func() { failed <- s.receive() }() // ends with the process at the latest
	select {
	case err := <-failed:
		return err
	case <-s.done:
		return nil
	}
}

func (s *server) receive() error {
	for {
		m, err := s.link.Receive()
		if err != nil {
			return err
		}
		if err := s.take(m); err != nil {
			return err
		}
	}
}

func (s *server) take(m frame.Message) error {
	switch m.Type {
	case frame.Assign:
		return s.assign(m)
	case frame.Start:
		return s.start(m)
	case frame.Drain:
		s.drain()
		return nil
	default: // of one run
	}
	r := s.run(m.Run)
	if r == nil {
		return nil // it has just ended
	}
	switch m.Type {
	case frame.Answer:
		return r.answer(m)
	case frame.Program:
		return r.programCame(m)
	case frame.Abort:
		return r.abort(m)
	default:
		return m.Violation("unexpected message")
	}
}

func (s *server) assign(m frame.Message) error {
	var a wire.Assign
	if err := json.Unmarshal(m.Meta, &a); err != nil || a.Runs < 1 {
		return m.Violation("unreadable assignment")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots != 0 {
		return m.Violation("assigned twice")
	}
	s.slots = a.Runs
	return nil
}

func (s *server) start(m frame.Message) error {
	start, err := wire.DecodeStart(m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.runs) >= s.slots || s.draining {
		return m.Violation("no place for a run")
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	r := &run{id: m.Run, link: s.link, ctx: ctx, cancel: cancel, calls: map[uint32]chan frame.Message{}, program: make(chan frame.Message, 1)}
	s.runs[m.Run] = r
	s.busy++
	go s.execute(r, start)
	return nil
}

// execute is one run from its program to its result.
func (s *server) execute(r *run, start script.Start) {
	result := s.result(r, start)
	s.mu.Lock()
	delete(s.runs, r.id)
	s.mu.Unlock()
	r.cancel(nil)
	if err := r.finish(result); err != nil && !errors.Is(err, frame.ErrClosed) {
		// It can't be said how the run ended, and saying nothing would leave it hanging.
		panic(fmt.Sprintf("the result of a run could not be sent: %v", err))
	}
	s.mu.Lock()
	s.busy--
	idle := s.busy == 0
	if idle && s.draining {
		close(s.done)
	}
	s.mu.Unlock()
	if idle {
		s.rest()
	}
}

func (s *server) result(r *run, start script.Start) script.Result {
	p, err := s.programs.get(r.ctx, start.Program, start.Script, func(ctx context.Context) ([]byte, error) { return r.fetch(ctx, start.Program) })
	if abort := (*script.AbortError)(nil); errors.As(err, &abort) {
		return script.Result{Code: causeway.CodeScriptAborted, Message: abort.Error()}
	}
	if err != nil {
		return script.Result{Code: causeway.CodeScriptInternalError, Message: err.Error()}
	}
	return s.engine.Run(r.ctx, p, start, r)
}

func (s *server) run(id uint32) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[id]
}

func (s *server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.draining = true
		if s.busy == 0 {
			close(s.done)
		}
	}
}

// rest looks at what the runner holds when nothing runs.
func (s *server) rest() {
	if heapBytes() < idleHeap {
		return
	}
	runtime.GC()
	if heapBytes() < idleHeap {
		return
	}
	if meta, err := json.Marshal(wire.Bye{Reason: "heap"}); err == nil {
		_ = s.link.Post(frame.Message{Type: frame.Bye, Meta: meta}) // a wish; the connection's end is seen elsewhere
	}
}

func heapBytes() uint64 {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	return heap[0].Value.Uint64()
}
