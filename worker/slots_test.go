package worker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestScriptSlots(t *testing.T) {
	now := time.Now()
	takeAll := func(s *scriptSlots, environment int64, at time.Time) (n int) {
		for s.take(environment, at) {
			n++
		}
		return n
	}
	t.Run("alone, an environment gets all", func(t *testing.T) {
		assert.Equal(t, 16, takeAll(newScriptSlots(16), 1, now))
	})
	t.Run("beside another one it gets seven eighths", func(t *testing.T) {
		s := newScriptSlots(16)
		assert.True(t, s.take(2, now))
		assert.Equal(t, 14, takeAll(s, 1, now))
		assert.True(t, s.take(3, now), "a newcomer finds one")
	})
	t.Run("who waits counts, for as long as it looks again", func(t *testing.T) {
		s := newScriptSlots(16)
		takeAll(s, 1, now)
		assert.False(t, s.take(2, now))
		s.free(1)
		s.free(1)
		assert.False(t, s.take(1, now), "the other one waits")
		assert.True(t, s.take(1, now.Add(2*time.Second)), "the other one is gone")
	})
	t.Run("a limit of one", func(t *testing.T) {
		s := newScriptSlots(1)
		assert.Equal(t, 1, takeAll(s, 1, now))
		assert.False(t, s.take(2, now))
		s.free(1)
		assert.True(t, s.take(2, now))
	})
}
