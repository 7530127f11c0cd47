package storage

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
)

// Life of a cached value: an invalidation reaches all processes within milliseconds; this bounds what a lost one can do while
// the news are heard.
const cacheTTL = 60 * time.Second

// cache reads rows through: a hit does no query. What is read is kept only if nothing was invalidated meanwhile, so a slow read
// can't bring an old value back.
type cache[K comparable, V any] struct {
	fresh      func() bool // invalidations are being heard
	entries    *expirable.LRU[K, V]
	generation atomic.Uint64

	mu      sync.Mutex
	loading map[K]*load[V]
}

type load[V any] struct {
	done  chan struct{}
	value V
	err   error
}

func newCache[K comparable, V any](size int, ttl time.Duration, fresh func() bool) *cache[K, V] {
	return &cache[K, V]{fresh: fresh, entries: expirable.NewLRU[K, V](size, nil, ttl), loading: map[K]*load[V]{}}
}

// get returns the value of a key. Callers that miss together share one read.
func (c *cache[K, V]) get(ctx context.Context, key K, read func(context.Context) (V, error)) (V, error) {
	if v, ok := c.entries.Get(key); ok && c.fresh() {
		return v, nil
	}
	c.mu.Lock()
	if l := c.loading[key]; l != nil {
		c.mu.Unlock()
		select {
		case <-l.done:
			return l.value, l.err
		case <-ctx.Done():
			var none V
			return none, context.Cause(ctx)
		}
	}
	l := &load[V]{done: make(chan struct{})}
	c.loading[key] = l
	c.mu.Unlock()

	generation := c.generation.Load()
	// One caller's going away must not fail the others that wait for its read.
	l.value, l.err = read(context.WithoutCancel(ctx))
	c.mu.Lock()
	if l.err == nil && c.fresh() && c.generation.Load() == generation {
		c.entries.Add(key, l.value)
	}
	if c.loading[key] == l { // else it was invalidated, and another read may be on its way
		delete(c.loading, key)
	}
	c.mu.Unlock()
	close(l.done)
	return l.value, l.err
}

// remove forgets one key. A read that is on its way isn't shared with callers that come after this.
func (c *cache[K, V]) remove(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation.Add(1)
	c.entries.Remove(key)
	delete(c.loading, key)
}

// removeIf forgets all keys that match.
func (c *cache[K, V]) removeIf(match func(K) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation.Add(1)
	for _, key := range c.entries.Keys() {
		if match(key) {
			c.entries.Remove(key)
		}
	}
	for key := range c.loading {
		if match(key) {
			delete(c.loading, key)
		}
	}
}

// clear forgets everything.
func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation.Add(1)
	c.entries.Purge()
	c.loading = map[K]*load[V]{}
}
