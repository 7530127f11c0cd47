package storage

import (
	"sync"

	causeway "github.com/causeway-dev/causeway"
)

// LogEvent is something that has just been put into this process's logs: an operation or a message.
type LogEvent struct {
	Operation *causeway.Operation
	Message   *causeway.Message
}

// logHub tells listeners what is logged in this process. Who is slow misses events and is told so by a closed channel.
type logHub struct {
	mu        sync.Mutex
	listeners map[chan LogEvent]int64 // to the environment that it hears
}

func newLogHub() *logHub { return &logHub{listeners: map[chan LogEvent]int64{}} }

// Listen delivers what is logged for an environment in this process until cancel is called. A channel that is closed before
// that says that the listener was too slow: it has to read the store again.
func (l *Logs) Listen(environmentID int64) (events <-chan LogEvent, cancel func()) {
	c := make(chan LogEvent, 1024)
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	if l.hub.listeners == nil {
		close(c)
		return c, func() {}
	}
	l.hub.listeners[c] = environmentID
	return c, func() { l.hub.remove(c) }
}

func (h *logHub) remove(c chan LogEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.listeners[c]; there {
		delete(h.listeners, c)
		close(c)
	}
}

func (h *logHub) operation(op causeway.Operation) { h.send(op.EnvironmentID, LogEvent{Operation: &op}) }

func (h *logHub) message(m causeway.Message) { h.send(m.EnvironmentID, LogEvent{Message: &m}) }

func (h *logHub) send(environmentID int64, e LogEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, env := range h.listeners {
		if env != environmentID {
			continue
		}
		select {
		case c <- e:
		default:
			delete(h.listeners, c)
			close(c)
		}
	}
}

func (h *logHub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.listeners {
		close(c)
	}
	h.listeners = nil
}
