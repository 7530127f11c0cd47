package storage

import (
	"context"
	"sync"
	"time"
)

const (
	// freeWithin bounds how long the end of a run waits for Redis.
	freeWithin = time.Second
	// freeAgain is the pause between two tries to free what Redis could not be told.
	freeAgain = time.Second
	// maxOwed is how many owners are remembered. Beyond that locks end by themselves.
	maxOwed = 10_000
)

// owed are owners of locks whose runs have ended while Redis was away. A lock may live for a day: whoever needs it would wait for nothing.
type owed struct {
	mu     sync.Mutex
	owners map[lockOwner]struct{}
	some   chan struct{} // has an element when there may be some
	stop   context.CancelFunc
	done   chan struct{}
}

type lockOwner struct {
	environmentID int64
	owner         string
}

func newOwed() *owed {
	return &owed{owners: map[lockOwner]struct{}{}, some: make(chan struct{}, 1), done: make(chan struct{})}
}

// FreeLocks frees everything that the owner of a run that has ended holds. If Redis can't be told now, it is told when it is back, as long
// as this process lives; the error says that it will be.
func (r *Redis) FreeLocks(ctx context.Context, environmentID int64, owner string) error {
	limited, cancel := context.WithTimeout(ctx, freeWithin)
	defer cancel()
	_, err := r.ReleaseAllLocks(limited, environmentID, owner)
	if err == nil {
		return nil
	}
	o := r.owed
	o.mu.Lock()
	if len(o.owners) < maxOwed {
		o.owners[lockOwner{environmentID, owner}] = struct{}{}
	}
	o.mu.Unlock()
	select {
	case o.some <- struct{}{}:
	default:
	}
	return err
}

// payOwed frees what is owed until ctx ends.
func (r *Redis) payOwed(ctx context.Context) {
	defer close(r.owed.done)
	t := time.NewTicker(freeAgain)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.owed.some:
		}
		for !r.pay(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	}
}

// pay tries each owner once, until one can't be freed, and says whether none is left.
func (r *Redis) pay(ctx context.Context) bool {
	o := r.owed
	o.mu.Lock()
	all := make([]lockOwner, 0, len(o.owners))
	for owner := range o.owners {
		all = append(all, owner)
	}
	o.mu.Unlock()
	for _, owner := range all {
		limited, cancel := context.WithTimeout(ctx, freeWithin)
		_, err := r.ReleaseAllLocks(limited, owner.environmentID, owner.owner)
		cancel()
		if err != nil {
			return false
		}
		o.mu.Lock()
		delete(o.owners, owner)
		o.mu.Unlock()
	}
	return true
}
