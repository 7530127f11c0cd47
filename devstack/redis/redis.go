package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// tick is how often the clock is moved: keys of the in-process server expire only when it is told that time has passed.
const tick = 50 * time.Millisecond

// Server is a running server.
type Server struct {
	mini *miniredis.Miniredis
	stop context.CancelFunc
	done chan struct{}
}

// Start serves on a free port of 127.0.0.1.
func Start(ctx context.Context) (*Server, error) {
	mini := miniredis.NewMiniRedis()
	if err := mini.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the in-process Redis: %w", err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{mini: mini, stop: stop, done: make(chan struct{})}
	go s.clock(ctx)
	return s, nil
}

func (s *Server) clock(ctx context.Context) {
	defer close(s.done)
	t := time.NewTicker(tick)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			s.mini.FastForward(now.Sub(last))
			last = now
		}
	}
}

// URL is the address for clients.
func (s *Server) URL() string { return "redis://" + s.mini.Addr() }

// Stop ends the server.
func (s *Server) Stop() {
	s.stop()
	<-s.done
	s.mini.Close()
}
