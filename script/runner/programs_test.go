package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func cacheOf(compiled *atomic.Int64) *programs {
	return newPrograms(func(name string, text []byte) (Program, error) {
		compiled.Add(1)
		return name + ":" + string(text[:1]), nil
	})
}

func brings(text string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(text), nil }
}

func TestAProgramIsFetchedOnceForAllWhoWaitForIt(t *testing.T) {
	var compiled atomic.Int64
	c := cacheOf(&compiled)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			p, err := c.get(t.Context(), hash("a"), "n", brings("a"))
			assert.NoError(t, err) //nolint:testifylint // require may not end a test from another goroutine
			assert.Equal(t, "n:a", p)
		})
	}
	all.Wait()
	assert.Equal(t, int64(1), compiled.Load())
	_, err := c.get(t.Context(), hash("a"), "another script of the same text", brings("a"))
	require.NoError(t, err)
	assert.Equal(t, int64(2), compiled.Load(), "stack traces name the script")
}

func TestATextThatIsNotTheOneAskedForIsNotCompiled(t *testing.T) {
	var compiled atomic.Int64
	c := cacheOf(&compiled)
	_, err := c.get(t.Context(), hash("a"), "n", brings("b"))
	require.ErrorIs(t, err, errWrongProgram)
	assert.Zero(t, compiled.Load())
	_, err = c.get(t.Context(), hash("a"), "n", brings("a"))
	require.NoError(t, err, "a failure is not kept")
}

func TestWhoWaitsForAFetchThatFailsFetchesItself(t *testing.T) {
	var compiled atomic.Int64
	c := cacheOf(&compiled)
	began, fail := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := c.get(context.Background(), hash("a"), "n", func(context.Context) ([]byte, error) {
			close(began)
			<-fail
			return nil, errors.New("the first run was stopped")
		})
		first <- err
	}()
	<-began
	second := make(chan error, 1)
	go func() {
		_, err := c.get(context.Background(), hash("a"), "n", brings("a"))
		second <- err
	}()
	close(fail)
	require.Error(t, <-first)
	require.NoError(t, <-second)
}

func TestTheLeastUsedProgramsGoFirst(t *testing.T) {
	var compiled atomic.Int64
	c := cacheOf(&compiled)
	text := func(s string) string { return strings.Repeat(s, maxPrograms/3) }
	get := func(s string) {
		_, err := c.get(t.Context(), hash(text(s)), s, brings(text(s)))
		require.NoError(t, err)
	}
	for _, s := range []string{"a", "b", "c", "a", "d"} { // d takes the place of b
		get(s)
	}
	assert.Equal(t, int64(4), compiled.Load())
	get("a")
	get("c")
	assert.Equal(t, int64(4), compiled.Load())
	get("b")
	assert.Equal(t, int64(5), compiled.Load())
	assert.LessOrEqual(t, c.size, maxPrograms)
}
