package storage

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// shareFactor says how much of a pool one environment may hold: at most this many times the slots that are free. One among others gets
// 7/8 of it, n greedy ones 7/(7n + 1) each, and a newcomer finds a free slot.
const shareFactor = 7

// noShare is the share of a lane that the pool doesn't limit.
const noShare = math.MaxInt32

// laneRow is a lane that a turn deals to.
type laneRow struct {
	EnvironmentID             int64
	Lane                      string
	Cap, Share, Used, Waiting int32
}

// slotPool is the script slots of one kind on all workers that live.
type slotPool struct {
	capacity, used int32
	holds          map[int64]int32 // by environment: runs with a slot
	wants          map[int64]int32 // and those that wait
}

func (p *slotPool) free() int32 { return p.capacity - p.used }

// level is the most that one environment may hold: the largest L with sum(min(holds + wants, L)) + L / factor <= capacity. It follows from
// all environments together, so it does not hang on whose turn comes first. Alone in the pool there is no threshold.
func (p *slotPool) level() int32 {
	if len(p.wants) <= 1 {
		return p.capacity
	}
	fits := func(l int32) bool {
		sum := int64(0)
		for environment, waiting := range p.wants {
			sum += int64(min(p.holds[environment]+waiting, l))
		}
		return shareFactor*sum+int64(l) <= shareFactor*int64(p.capacity)
	}
	low, high := int32(0), max(0, p.capacity)
	for low < high {
		middle := (low + high + 1) / 2
		if fits(middle) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// slotKind is the kind of script slot that a lane's runs take.
func slotKind(lane string) string {
	if lane == string(causeway.LaneActionAsync) {
		return string(causeway.LaneAction)
	}
	return lane
}

// readPool reads the slots of the workers that live, and what every environment holds and wants.
func readPool(ctx context.Context, tx pgx.Tx) (map[string]*slotPool, error) {
	slots := map[string]*slotPool{}
	for _, kind := range []string{"sync", "action", "webhook", "event"} {
		slots[kind] = &slotPool{holds: map[int64]int32{}, wants: map[int64]int32{}}
	}
	rows, err := tx.Query(ctx, `select s.key, sum(s.value::int)::int from worker w, jsonb_each_text(w.slots) s where w.dead_at is null and not w.draining group by 1`, pgx.QueryExecModeExec)
	if err != nil {
		return nil, err
	}
	var (
		name         string
		n            int32
		environment  int64
		used, queued int32
	)
	if _, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error {
		if p := slots[name]; p != nil {
			p.capacity = n
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = tx.Query(ctx, `select environment_id, lane, used, queued from run_lane where used > 0 or queued > 0`, pgx.QueryExecModeExec); err != nil {
		return nil, err
	}
	_, err = pgx.ForEachRow(rows, []any{&environment, &name, &used, &queued}, func() error {
		p := slots[slotKind(name)]
		p.used += used
		p.holds[environment] += used
		p.wants[environment] += queued
		return nil
	})
	return slots, err
}

// dealing is what a lane gets: slots for n of its waiting runs, and how many runs of it may hold one at all until the next turn.
type dealing struct{ n, share int32 }

// deal gives free slots out one by one, always to the environment that holds fewest, in an environment in the order of the lanes. None
// gets more than its level, but one always if it holds none. A lane that then still has waiting runs and room under its cap is held
// back by the pool: its closers let go what is above its level. A lane that is full to its cap isn't: its closers admit.
func deal(lanes []laneRow, slots map[string]*slotPool) (dealt []dealing, held int) {
	dealt = make([]dealing, len(lanes))
	levels := map[string]int32{}
	for kind, p := range slots {
		levels[kind] = p.level()
	}
	for {
		best, fewest := -1, int32(0)
		for i, l := range lanes {
			p := slots[slotKind(l.Lane)]
			holds := p.holds[l.EnvironmentID]
			if dealt[i].n >= l.Waiting || l.Used+dealt[i].n >= l.Cap || p.free() <= 0 || holds > 0 && holds >= levels[slotKind(l.Lane)] {
				continue
			}
			if best < 0 || holds < fewest {
				best, fewest = i, holds
			}
		}
		if best < 0 {
			break
		}
		dealt[best].n++
		p := slots[slotKind(lanes[best].Lane)]
		p.used++
		p.holds[lanes[best].EnvironmentID]++
	}
	for i, l := range lanes {
		dealt[i].share = noShare
		if left := min(l.Waiting-dealt[i].n, l.Cap-l.Used-dealt[i].n); left > 0 {
			dealt[i].share = levels[slotKind(l.Lane)]
			held += int(left)
		}
	}
	return dealt, held
}
