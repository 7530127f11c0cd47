package activities

import (
	"context"
	"sync"
)

// claims lets one activity at a time claim a run in this process. An execution that Temporal repeats runs beside the first one: it would
// take a claim whose script isn't in the registry yet for one whose answer was lost.
type claims struct {
	mu   sync.Mutex
	runs map[int64]chan struct{} // closed when the claim is over
}

// enter waits until nobody else claims the run.
func (c *claims) enter(ctx context.Context, runID int64) (leave func(), err error) {
	for {
		c.mu.Lock()
		other, taken := c.runs[runID]
		if !taken {
			if c.runs == nil {
				c.runs = map[int64]chan struct{}{}
			}
			mine := make(chan struct{})
			c.runs[runID] = mine
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				delete(c.runs, runID)
				c.mu.Unlock()
				close(mine)
			}, nil
		}
		c.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
