package worker

import "time"

// recently is how long an environment that found no slot counts as waiting: its activities look again within this time.
const recently = time.Second

// scriptSlots are the scripts of one kind that this process runs at once. While others want some too, one environment gets at most seven
// eighths of them, so that a newcomer finds one.
type scriptSlots struct {
	limit  int
	total  int
	used   map[int64]int       // by environment
	wanted map[int64]time.Time // when an environment found none last
}

func newScriptSlots(limit int) *scriptSlots {
	return &scriptSlots{limit: limit, used: map[int64]int{}, wanted: map[int64]time.Time{}}
}

// take takes a slot for an environment, if there is one for it.
func (s *scriptSlots) take(environmentID int64, now time.Time) bool {
	fair := (s.limit*7 + 7) / 8
	if s.total >= s.limit || s.used[environmentID] >= fair && s.others(environmentID, now) {
		s.wanted[environmentID] = now
		return false
	}
	delete(s.wanted, environmentID)
	s.used[environmentID]++
	s.total++
	return true
}

// others says whether another environment runs here, or wants to.
func (s *scriptSlots) others(environmentID int64, now time.Time) bool {
	if s.total > s.used[environmentID] {
		return true
	}
	for other, at := range s.wanted {
		switch {
		case now.Sub(at) > recently:
			delete(s.wanted, other)
		case other != environmentID:
			return true
		}
	}
	return false
}

func (s *scriptSlots) free(environmentID int64) {
	s.total--
	if s.used[environmentID]--; s.used[environmentID] == 0 {
		delete(s.used, environmentID)
	}
}
