package process_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/devstack/process"
)

func shell(t *testing.T, script string, ready func(context.Context) error) (*process.Process, string, error) {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if ready == nil {
		ready = func(context.Context) error { _, err := os.Stat(filepath.Join(dir, "up")); return err }
	}
	p, err := process.Start(ctx, process.Options{Path: "/bin/sh", Args: []string{"-c", script}, Dir: dir, Env: []string{"WORD=hello"}, Ready: ready})
	return p, dir, err
}

func TestAChildIsReadyAndStopsWhenAsked(t *testing.T) {
	p, dir, err := shell(t, `trap 'echo bye > end; exit' TERM; echo $WORD; touch up; while :; do sleep 0.05; done`, nil)
	require.NoError(t, err)
	require.NoError(t, p.Stop(t.Context()))
	end, err := os.ReadFile(filepath.Join(dir, "end"))
	require.NoError(t, err)
	assert.Equal(t, "bye\n", string(end))
	said, err := os.ReadFile(filepath.Join(dir, "output.log"))
	require.NoError(t, err)
	assert.Equal(t, "hello\n", string(said))
}

func TestAChildThatDoesNotStopIsKilled(t *testing.T) {
	p, _, err := shell(t, `trap '' TERM; touch up; while :; do sleep 0.05; done`, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Stop(ctx), context.DeadlineExceeded)
}

func TestAChildThatEndsIsNotWaitedFor(t *testing.T) {
	began := time.Now()
	_, dir, err := shell(t, `exit 3`, func(context.Context) error { return errors.New("not yet") })
	require.ErrorContains(t, err, "it has ended")
	require.ErrorContains(t, err, dir, "who reads it finds the output")
	assert.Less(t, time.Since(began), 5*time.Second)
}
