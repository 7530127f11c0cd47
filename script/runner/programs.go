package runner

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
)

// maxPrograms is how much source the cached programs may have, in bytes.
const maxPrograms = 32 << 20

// programs are the compiled programs of a runner by the hash of their text, the least used go first.
type programs struct {
	compile func(name string, text []byte) (Program, error)

	mu      sync.Mutex
	entries map[programKey]*list.Element
	order   list.List // of *entry, last used first
	size    int
}

type programKey struct{ hash, name string }

// entry is a program, or the wait for it. Its fields are set when ready is closed.
type entry struct {
	key     programKey
	ready   chan struct{}
	program Program
	err     error
	size    int
}

// errWrongProgram is a text that hasn't the hash that was asked for.
var errWrongProgram = errors.New("the program isn't the one that was asked for")

func newPrograms(compile func(string, []byte) (Program, error)) *programs {
	return &programs{compile: compile, entries: map[programKey]*list.Element{}}
}

// get returns a program; fetch brings its text if nobody has or is at it. It fails if ctx ends.
func (c *programs) get(ctx context.Context, hash, name string, fetch func(context.Context) ([]byte, error)) (Program, error) {
	for {
		e, mine := c.entry(programKey{hash, name})
		if mine {
			c.load(ctx, e, fetch)
			return e.program, e.err
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if e.err == nil {
			return e.program, nil
		}
		// Whoever fetched it failed, and took the entry out; perhaps only because its run was stopped.
	}
}

func (c *programs) entry(k programKey) (e *entry, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.entries[k]; at != nil {
		c.order.MoveToFront(at)
		return at.Value.(*entry), false
	}
	e = &entry{key: k, ready: make(chan struct{})}
	c.entries[k] = c.order.PushFront(e)
	return e, true
}

func (c *programs) load(ctx context.Context, e *entry, fetch func(context.Context) ([]byte, error)) {
	defer close(e.ready)
	text, err := fetch(ctx)
	if err == nil {
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != e.key.hash {
			err = errWrongProgram
		}
	}
	if err == nil {
		e.program, err = c.compile(e.key.name, text)
	}
	e.err, e.size = err, len(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.remove(c.entries[e.key])
		return
	}
	c.size += e.size
	for at := c.order.Back(); at != nil && c.size > maxPrograms; {
		before := at.Prev()
		if old := at.Value.(*entry); old != e && old.size > 0 { // not one that is being fetched
			c.size -= old.size
			c.remove(at)
		}
		at = before
	}
}

func (c *programs) remove(at *list.Element) {
	if at == nil {
		return
	}
	delete(c.entries, at.Value.(*entry).key)
	c.order.Remove(at)
}
