package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// Who waits for a run waits for its row. News of the end come from this process or by Redis; without news the row is read again, so
// losing them costs delay only.
const (
	firstLook = time.Second
	laterLook = 2 * time.Second
)

// Wait returns the run when it has ended. Going away (ctx) cancels nothing.
func (d *Dispatcher) Wait(ctx context.Context, environmentID int64, uid uuid.UUID) (*storage.EndedRun, error) {
	news := make(chan struct{}, 1)
	d.listen(uid, news)
	defer d.unlisten(uid, news)
	next := firstLook
	t := time.NewTimer(next)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-news:
		case <-t.C:
			next = laterLook
			t.Reset(next)
		}
		ended, err := d.Store.EndedRun(ctx, environmentID, uid)
		if err == nil || !errors.Is(err, causeway.ErrNotFound) {
			return ended, err
		}
		lives, err := d.Store.RunLives(ctx, environmentID, uid)
		if err != nil {
			return nil, err
		}
		if !lives { // it ended between the two looks, or never was
			return d.Store.EndedRun(ctx, environmentID, uid)
		}
	}
}

func (d *Dispatcher) listen(uid uuid.UUID, news chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting[uid] == nil {
		d.waiting[uid] = map[chan struct{}]struct{}{}
	}
	d.waiting[uid][news] = struct{}{}
	if d.ended.has(uid) { // a short run ends before its caller waits
		news <- struct{}{}
	}
}

func (d *Dispatcher) unlisten(uid uuid.UUID, news chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.waiting[uid], news)
	if len(d.waiting[uid]) == 0 {
		delete(d.waiting, uid)
	}
}

// Ended tells whoever waits for a run that it has ended, here and in other processes.
func (d *Dispatcher) Ended(ctx context.Context, uid uuid.UUID) {
	if d.tell(uid) || d.Redis == nil {
		return
	}
	if err := d.Redis.PublishEnded(ctx, uid); err != nil {
		d.Logger.Debug("the end of a run was not published", "error", err)
	}
}

// tell wakes the waiters of this process, and says whether there were any.
func (d *Dispatcher) tell(uid uuid.UUID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended.add(uid)
	for news := range d.waiting[uid] {
		select {
		case news <- struct{}{}:
		default:
		}
	}
	return len(d.waiting[uid]) > 0
}

// Hear passes on what other processes say, until ctx ends.
func (d *Dispatcher) Hear(ctx context.Context) {
	d.Redis.SubscribeEnded(ctx, func(uid uuid.UUID) { d.tell(uid) })
}

// recent remembers the runs that ended last.
type recent struct {
	known map[uuid.UUID]struct{}
	ring  []uuid.UUID
	next  int
}

// remembered is how many: what may end between the start of a run and the wait for it, many times over.
const remembered = 4096

func newRecent() recent {
	return recent{known: map[uuid.UUID]struct{}{}, ring: make([]uuid.UUID, remembered)}
}

func (r *recent) add(uid uuid.UUID) {
	if r.has(uid) {
		return
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next] = uid
	r.known[uid] = struct{}{}
	r.next = (r.next + 1) % len(r.ring)
}

func (r *recent) has(uid uuid.UUID) bool {
	_, ok := r.known[uid]
	return ok
}
