package storage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCallersThatMissTogetherShareOneRead(t *testing.T) {
	t.Parallel()
	c := newCache[string, int](10, time.Minute, func() bool { return true })
	var reads atomic.Int64
	begun, release := make(chan struct{}), make(chan struct{})
	read := func(context.Context) (int, error) {
		if reads.Add(1) == 1 {
			close(begun)
		}
		<-release
		return 7, nil
	}
	results := make(chan error, 9)
	call := func() {
		v, err := c.get(t.Context(), "k", read)
		if err == nil && v != 7 {
			err = fmt.Errorf("got %d", v)
		}
		results <- err
	}
	go call()
	<-begun
	for range 8 {
		go call()
	}
	close(release)
	for range 9 {
		require.NoError(t, <-results)
	}
	_, err := c.get(t.Context(), "k", read)
	require.NoError(t, err)
	assert.EqualValues(t, 1, reads.Load())
}

func TestWhoGoesAwayDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	c := newCache[string, int](10, time.Minute, func() bool { return true })
	ctx, leave := context.WithCancel(t.Context())
	v, err := c.get(ctx, "k", func(ctx context.Context) (int, error) {
		leave()
		return 7, ctx.Err()
	})
	require.NoError(t, err)
	assert.Equal(t, 7, v)
}

// A read that began before an invalidation must not leave what it has read: it may be the old value.
func TestAReadSlowerThanTheInvalidationLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, invalidate := range map[string]func(c *cache[string, int]){
		"remove": func(c *cache[string, int]) { c.remove("k") },
		"some":   func(c *cache[string, int]) { c.removeIf(func(string) bool { return true }) },
		"all":    func(c *cache[string, int]) { c.clear() },
	} {
		c := newCache[string, int](10, time.Minute, func() bool { return true })
		old, err := c.get(t.Context(), "k", func(context.Context) (int, error) {
			invalidate(c)
			// Who asks after the invalidation doesn't join the old read.
			v, err := c.get(t.Context(), "k", func(context.Context) (int, error) { return 2, nil })
			require.NoError(t, err)
			assert.Equal(t, 2, v, name)
			return 1, nil
		})
		require.NoError(t, err)
		assert.Equal(t, 1, old, "its own caller asked before")
		v, err := c.get(t.Context(), "k", func(context.Context) (int, error) { return 3, nil })
		require.NoError(t, err)
		assert.Equal(t, 2, v, name)
	}
}

func TestNothingIsBelievedThatMayHaveChangedUnheard(t *testing.T) {
	t.Parallel()
	fresh := true
	c := newCache[string, int](10, time.Minute, func() bool { return fresh })
	reads := 0
	read := func(context.Context) (int, error) { reads++; return reads, nil }
	get := func() int {
		v, err := c.get(t.Context(), "k", read)
		require.NoError(t, err)
		return v
	}
	assert.Equal(t, 1, get())
	assert.Equal(t, 1, get())
	fresh = false
	assert.Equal(t, 2, get(), "a hit counts as a miss")
	assert.Equal(t, 3, get(), "and nothing is stored")
}

func TestErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	c := newCache[string, int](10, time.Minute, func() bool { return true })
	_, err := c.get(t.Context(), "k", func(context.Context) (int, error) { return 0, errors.New("away") })
	require.Error(t, err)
	v, err := c.get(t.Context(), "k", func(context.Context) (int, error) { return 1, nil })
	require.NoError(t, err)
	assert.Equal(t, 1, v)
}
