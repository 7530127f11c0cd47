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
