package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// steps is a start-up: named parts in order, each with a deadline. What has started is stopped in the opposite order.
type steps struct {
	log     *slog.Logger
	started []startedStep
	notify  func(name string) // progress for a person; may be nil
}

type startedStep struct {
	name   string
	within time.Duration
	stop   func(context.Context) error
}

// up runs one part. start returns how to stop it; nil: there is nothing to stop. A failure is one line that names the part.
func (s *steps) up(ctx context.Context, name string, within time.Duration, start func(context.Context) (stop func(context.Context) error, err error)) error {
	if s.notify != nil {
		s.notify(name)
	}
	begun := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not ready after %s", within))
	defer cancel()
	stop, err := start(limited)
	if err != nil {
		if cause := context.Cause(limited); cause != nil && !errors.Is(err, cause) && errors.Is(err, context.DeadlineExceeded) {
			err = cause
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	s.log.Debug("started", "part", name, "took_ms", time.Since(begun).Milliseconds())
	if stop != nil {
		s.started = append(s.started, startedStep{name, within, stop})
	}
	return nil
}

// down stops everything that has started, last first. It goes on after a failure.
func (s *steps) down(ctx context.Context) {
	for i := len(s.started) - 1; i >= 0; i-- {
		part := s.started[i]
		limited, cancel := context.WithTimeout(ctx, part.within+time.Minute)
		if err := part.stop(limited); err != nil {
			s.log.Warn("a part did not stop in order", "part", part.name, "error", err)
		}
		cancel()
	}
	s.started = nil
}
