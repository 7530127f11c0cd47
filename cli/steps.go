package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/storage"
)

// steps is a start-up: named parts in order, each with a deadline. What has started is stopped in the opposite order.
type steps struct {
	log     *slog.Logger
	started []startedStep
	notify  func(name string) // progress for a person; may be nil
	patient time.Time         // until then what isn't up yet is waited for; zero: it is not
}

type startedStep struct {
	name   string
	within time.Duration
	stop   func(context.Context) error
}

// starter starts a part and returns how to stop it; nil: there is nothing to stop.
type starter func(context.Context) (stop func(context.Context) error, err error)

// Pauses between two tries to start a part that isn't up yet.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

// up runs one part. A failure is one line that names the part.
func (s *steps) up(ctx context.Context, name string, within time.Duration, start starter) error {
	if s.notify != nil {
		s.notify(name)
	}
	begun := time.Now()
	said := ""
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		stop, err := try(ctx, within, start)
		if err == nil {
			s.log.Debug("started", "part", name, "took_ms", time.Since(begun).Milliseconds())
			if stop != nil {
				s.started = append(s.started, startedStep{name, within, stop})
			}
			return nil
		}
		err = fmt.Errorf("%s: %w", name, err)
		if !mayCome(err) || time.Now().Add(pause).After(s.patient) {
			return err
		}
		if text := err.Error(); text != said {
			s.log.Info("waiting", "part", name, "error", text)
			said = text
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func try(ctx context.Context, within time.Duration, start starter) (func(context.Context) error, error) {
	limited, cancel := context.WithTimeoutCause(ctx, within, &lateError{within})
	defer cancel()
	stop, err := start(limited)
	if err != nil && errors.Is(err, context.DeadlineExceeded) && limited.Err() != nil {
		err = context.Cause(limited)
	}
	return stop, err
}

// lateError is the failure of a part that wasn't ready in time.
type lateError struct{ within time.Duration }

func (e *lateError) Error() string { return fmt.Sprintf("not ready after %s", e.within) }

// mayCome says whether a part that failed may come by itself: its server isn't up, or somebody is yet to prepare it. A wrong key, a wrong
// password or a setting that can't be read don't mend themselves.
func mayCome(err error) bool {
	_, late := errors.AsType[*lateError](err)
	return late || storage.Away(err) || dispatch.Away(err) || errors.Is(err, errPending) || errors.Is(err, dispatch.ErrNotSetUp)
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
