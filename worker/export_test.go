package worker

import (
	"context"
	"time"

	"github.com/causeway-dev/causeway/activities"
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
