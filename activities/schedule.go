package activities

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// DispatchDue is the activity of a scheduler's turn.
const DispatchDue = "DispatchDue"

// startsAtOnce is how many workflows a turn starts at the same time.
const startsAtOnce = 8

// TurnInput names a turn. A repeated one has the same name, and finds what its first attempt admitted and did not start.
type TurnInput struct {
	Group int    `json:"group"`
	Turn  string `json:"turn"`
}

// TurnReport is what a turn did.
type TurnReport struct {
	Gone    bool          `json:"gone,omitempty"` // the group is no more
	In      time.Duration `json:"in"`             // until the next look; negative: none is promised
	More    bool          `json:"more,omitempty"` // turn again at once
	Started int           `json:"started,omitempty"`
	Held    int           `json:"held,omitempty"`
	Tick    time.Duration `json:"tick,omitempty"` // shortest distance of two turns, a setting
}

// ScheduleStore takes turns.
type ScheduleStore interface {
	TakeTurn(ctx context.Context, group int, turn string, tick time.Duration) (storage.Turn, error)
}

// Starter starts workflows of runs (package dispatch).
type Starter interface {
	StartRun(ctx context.Context, ref causeway.RunRef) error
}

// Schedules are the activities of schedulers.
type Schedules struct {
	Store    ScheduleStore
	Dispatch Starter
	Tick     time.Duration
	Logger   *slog.Logger
}

// DispatchDue takes a turn of a group and starts what it admitted. A start that fails is left to the reconciler: the turn is done.
func (s *Schedules) DispatchDue(ctx context.Context, in TurnInput) (TurnReport, error) {
	turn, err := s.Store.TakeTurn(ctx, in.Group, in.Turn, s.Tick)
	if err != nil {
		return TurnReport{}, err
	}
	var g errgroup.Group
	g.SetLimit(startsAtOnce)
	for _, ref := range turn.Start {
		g.Go(func() error {
			if err := s.Dispatch.StartRun(ctx, ref); err != nil {
				s.Logger.Warn("a run's workflow could not be started; the reconciler will", "run", ref.RunID, "error", err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return TurnReport{}, fmt.Errorf("start the runs of turn %s: %w", in.Turn, err)
	}
	return TurnReport{Gone: turn.Gone, In: turn.In, More: turn.More, Started: len(turn.Start), Held: turn.Held, Tick: s.Tick}, nil
}
