package temporal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

// poll is the pause between two looks at a server that is starting.
const poll = 20 * time.Millisecond

// answers waits until the front end takes calls.
func (s *Server) answers(ctx context.Context) error {
	c, err := client.NewLazyClient(client.Options{HostPort: s.address, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return err
	}
	defer c.Close()
	t := time.NewTicker(poll)
	defer t.Stop()
	for {
		_, err := c.CheckHealth(ctx, nil)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-t.C:
		}
	}
}
