package storage

import (
	"context"
	"sync"
	"time"
)

// marks collects "last used" times in memory and writes them once a minute: a hot path must not write a row per call.
type marks struct {
	store *Store

	mu      sync.Mutex
	keys    map[int64]struct{}
	fetched map[rowOf]struct{}

	stop context.CancelFunc
	done chan struct{}
}

type rowOf struct{ environmentID, id int64 }

const marksEvery = time.Minute

func startMarks(ctx context.Context, s *Store) *marks {
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	m := &marks{store: s, keys: map[int64]struct{}{}, fetched: map[rowOf]struct{}{}, stop: stop, done: make(chan struct{})}
	go m.run(run)
	return m
}

func (m *marks) keyUsed(id int64) {
	m.mu.Lock()
	m.keys[id] = struct{}{}
	m.mu.Unlock()
}

func (m *marks) credentialsFetched(environmentID, connectionID int64) {
	m.mu.Lock()
	m.fetched[rowOf{environmentID, connectionID}] = struct{}{}
	m.mu.Unlock()
}

func (m *marks) run(ctx context.Context) {
	defer close(m.done)
	t := time.NewTicker(marksEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			m.write(last)
			cancel()
			return
		case <-t.C:
			m.write(ctx)
		}
	}
}

func (m *marks) close() {
	m.stop()
	<-m.done
}

// write stores what was collected. It never sends a notification: the marks are no part of what is cached. Losing some is fine.
func (m *marks) write(ctx context.Context) {
	m.mu.Lock()
	keys := make([]int64, 0, len(m.keys))
	for id := range m.keys {
		keys = append(keys, id)
	}
	var environments, connections []int64
	for r := range m.fetched {
		environments, connections = append(environments, r.environmentID), append(connections, r.id)
	}
	clear(m.keys)
	clear(m.fetched)
	m.mu.Unlock()
	if len(keys) > 0 {
		_, err := m.store.pool.Exec(ctx, `update api_key set last_used_at = clock_timestamp()
 where id = any($1) and (last_used_at is null or last_used_at < clock_timestamp() - interval '60 s')`, keys)
		m.failed(err)
	}
	if len(connections) > 0 {
		_, err := m.store.pool.Exec(ctx, `update connection_credential c set last_fetched_at = clock_timestamp()
  from unnest($1::bigint[], $2::bigint[]) as m(environment_id, id) where c.environment_id = m.environment_id and c.connection_id = m.id`, environments, connections)
		m.failed(err)
	}
}

func (m *marks) failed(err error) {
	if err != nil {
		m.store.log.Warn("times of last use were not stored", "error", err)
	}
}
