package worker

import (
	"context"
	"time"

	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/sourcemap"
)

// Unserved makes a worker that serves no queue: a test calls its activities itself.
func Unserved(ctx context.Context, o Options) (*Worker, *activities.Runs, error) {
	w := assemble(ctx, o)
	return w, w.queues.runs, w.lease.register(ctx)
}

// StopScripts is Stop without the queues.
func (w *Worker) StopScripts(ctx context.Context) {
	w.registry.close()
	w.grace = 500 * time.Millisecond
	w.drain(ctx)
}

// PlacedHost is a run's host that puts places into log lines.
type PlacedHost struct{ *placed }

// Finish is called when the run has ended.
func (p PlacedHost) Finish(r *script.Result) { p.finish(r) }

// Placed makes the host of a run whose map lies in a blob store.
func Placed(host script.Host, file string, get func(ctx context.Context, key string) ([]byte, error)) PlacedHost {
	m := newMaps(get)
	return PlacedHost{newPlaced(host, file, func() *sourcemap.Map { return m.load(context.Background(), "key") })}
}
