package storage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// dealt gives the slots of a pool of syncs to environments 1, 2, … that hold and want so many, all in one group, under a high cap.
func dealt(capacity int32, holds, wants []int32, limit int32) (n, share []int32, held int) {
	p := &slotPool{capacity: capacity, holds: map[int64]int32{}, wants: map[int64]int32{}}
	lanes := make([]laneRow, len(holds))
	for i := range holds {
		environment := int64(i + 1)
		p.holds[environment], p.wants[environment] = holds[i], wants[i]
		p.used += holds[i]
		lanes[i] = laneRow{EnvironmentID: environment, Lane: "sync", Cap: limit, Share: noShare, Used: holds[i], Waiting: wants[i]}
	}
	out, held := deal(lanes, map[string]*slotPool{"sync": p})
	for _, d := range out {
		n, share = append(n, d.n), append(share, d.share)
	}
	return n, share, held
}

func TestSlotsAreDealtToWhoHoldsFewest(t *testing.T) {
	const high = 500
	for _, c := range []struct {
		name         string
		capacity     int32
		holds, wants []int32
		limit        int32
		n, share     []int32
		held         int
	}{
		{"enough for all", 20, []int32{0, 3}, []int32{2, 2}, high, []int32{2, 2}, []int32{noShare, noShare}, 0},
		{"alone in the pool there is no threshold", 20, []int32{0}, []int32{100}, high, []int32{20}, []int32{20}, 80},
		{"a greedy one among others gets seven eighths", 16, []int32{0, 0}, []int32{100, 1}, high, []int32{13, 1}, []int32{13, noShare}, 87},
		{"and lets go what it holds above that", 16, []int32{16, 0}, []int32{100, 2}, high, []int32{0, 0}, []int32{12, 12}, 102},
		{"n greedy ones share", 20, []int32{0, 0}, []int32{100, 100}, high, []int32{9, 9}, []int32{9, 9}, 182},
		{"a newcomer gets one though its level is none", 2, []int32{1, 0, 0, 0}, []int32{5, 5, 5, 5}, high, []int32{0, 1, 0, 0}, []int32{0, 0, 0, 0}, 19},
		{"a lane that is full to its cap is not held back by the pool", 20, []int32{2, 0}, []int32{5, 1}, 2, []int32{0, 1}, []int32{noShare, noShare}, 0},
		{"no worker", 0, []int32{0, 0}, []int32{1, 1}, high, []int32{0, 0}, []int32{0, 0}, 2},
		{"the cap binds before the pool does", 20, []int32{0, 0}, []int32{50, 50}, 3, []int32{3, 3}, []int32{noShare, noShare}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, share, held := dealt(c.capacity, c.holds, c.wants, c.limit)
			assert.Equal(t, c.n, n, "slots")
			assert.Equal(t, c.share, share, "shares")
			assert.Equal(t, c.held, held, "held back")
		})
	}
}

func TestTheLevelIsTheLargestThatFits(t *testing.T) {
	for capacity := int32(0); capacity < 60; capacity += 7 {
		for _, wants := range [][]int32{{1, 1}, {100, 1, 1}, {5, 5, 50, 50}, {100, 100, 100}} {
			t.Run(fmt.Sprint(capacity, wants), func(t *testing.T) {
				p := &slotPool{capacity: capacity, holds: map[int64]int32{}, wants: map[int64]int32{}}
				for i, w := range wants {
					p.wants[int64(i)] = w
				}
				fits := func(l int32) bool {
					sum := int32(0)
					for _, w := range wants {
						sum += min(w, l)
					}
					return float64(sum)+float64(l)/shareFactor <= float64(capacity)
				}
				level := p.level()
				assert.True(t, level == 0 || fits(level))
				assert.True(t, level == capacity || !fits(level+1))
			})
		}
	}
}

func TestActionsWaitedForAndNotShareOnePool(t *testing.T) {
	p := &slotPool{capacity: 3, used: 1, holds: map[int64]int32{1: 1}, wants: map[int64]int32{1: 4}}
	out, held := deal([]laneRow{
		{EnvironmentID: 1, Lane: "action", Cap: 500, Used: 0, Waiting: 3},
		{EnvironmentID: 1, Lane: "action_async", Cap: 1, Used: 1, Waiting: 1},
	}, map[string]*slotPool{"action": p})
	assert.Equal(t, []dealing{{2, 3}, {0, noShare}}, out)
	assert.Equal(t, 1, held)
}
