package storage_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/storage"
)

func TestRedisLockBelongsToOneOwner(t *testing.T) {
	eachRedis(t, func(t *testing.T, r *storage.Redis) {
		ctx := t.Context()
		take := func(env int64, key, owner string, ttl time.Duration) bool {
			ok, err := r.AcquireLock(ctx, env, key, owner, ttl)
			require.NoError(t, err)
			return ok
		}
		assert.True(t, take(1, "k", "a", time.Minute))
		assert.True(t, take(1, "k", "a", time.Minute), "its owner renews it")
		assert.False(t, take(1, "k", "b", time.Minute))
		assert.True(t, take(2, "k", "b", time.Minute), "another environment has locks of its own")

		freed, err := r.ReleaseLock(ctx, 1, "k", "b")
		require.NoError(t, err)
		assert.False(t, freed, "only the owner frees it")
		freed, err = r.ReleaseLock(ctx, 1, "k", "a")
		require.NoError(t, err)
		assert.True(t, freed)
		assert.True(t, take(1, "k", "b", time.Minute))
	})
}

// A lock may live for a day: when Redis is away at the end of its run, it is freed as soon as Redis is back.
func TestRedisLocksThatCouldNotBeFreedAreFreedLater(t *testing.T) {
	eachRedis(t, func(t *testing.T, r *storage.Redis) {
		ok, err := r.AcquireLock(t.Context(), 1, "owed", "a", time.Hour)
		require.NoError(t, err)
		require.True(t, ok)

		away, cancel := context.WithCancel(t.Context())
		cancel() // no call gets through
		require.Error(t, r.FreeLocks(away, 1, "a"), "its caller hears of it")
		require.Eventually(t, func() bool {
			ok, err := r.AcquireLock(t.Context(), 1, "owed", "b", time.Minute)
			return err == nil && ok
		}, 5*time.Second, 10*time.Millisecond)
	})
}

func TestRedisLockEndsByItself(t *testing.T) {
	eachRedis(t, func(t *testing.T, r *storage.Redis) {
		ctx := t.Context()
		ok, err := r.AcquireLock(ctx, 1, "k", "a", 120*time.Millisecond)
		require.NoError(t, err)
		require.True(t, ok)
		require.Eventually(t, func() bool {
			ok, err := r.AcquireLock(ctx, 1, "k", "b", time.Minute)
			return err == nil && ok
		}, 5*time.Second, 20*time.Millisecond)
	})
}

func TestRedisFreesAllLocksOfARun(t *testing.T) {
	eachRedis(t, func(t *testing.T, r *storage.Redis) {
		ctx := t.Context()
		for _, k := range []string{"x", "y"} {
			_, err := r.AcquireLock(ctx, 1, k, "a", time.Minute)
			require.NoError(t, err)
		}
		_, err := r.AcquireLock(ctx, 1, "z", "b", time.Minute)
		require.NoError(t, err)

		n, err := r.ReleaseAllLocks(ctx, 1, "a")
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		ok, err := r.AcquireLock(ctx, 1, "z", "a", time.Minute)
		require.NoError(t, err)
		assert.False(t, ok, "another run's lock stays")
	})
}

func TestRedisTellsOthersThatARunHasEnded(t *testing.T) {
	eachRedis(t, func(t *testing.T, r *storage.Redis) {
		ctx, stop := context.WithCancel(t.Context())
		heard, done := make(chan uuid.UUID, 16), make(chan struct{})
		go func() { defer close(done); r.SubscribeEnded(ctx, func(u uuid.UUID) { heard <- u }) }()
		want := uuid.New()
		require.Eventually(t, func() bool { // the subscription begins some time after the call
			require.NoError(t, r.PublishEnded(ctx, want))
			select {
			case got := <-heard:
				return got == want
			case <-time.After(10 * time.Millisecond):
				return false
			}
		}, 5*time.Second, time.Millisecond)
		stop()
		<-done
	})
}

func TestRedisURLThatIsWrongDoesNotShowItsPassword(t *testing.T) {
	_, err := storage.OpenRedis(t.Context(), "http://:hunter2@x", "")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
}
