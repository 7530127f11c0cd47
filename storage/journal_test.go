package storage_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

func TestAJournalStaysWithItsRun(t *testing.T) {
	r := newRuns(t)
	ctx := t.Context()
	run := r.create(causeway.LaneAction, `{}`).Ref
	claim := r.claim(run, "w1")

	require.NoError(t, r.KeepJournal(ctx, run, claim.Fence, []byte("what it asked for")))
	require.ErrorIs(t, r.KeepJournal(ctx, run, claim.Fence-1, []byte("of one that lost it")), storage.ErrStale)
	_, _, err := r.Journal(ctx, r.env.ID, run.RunUID)
	require.ErrorIs(t, err, causeway.ErrNotFound, "it has not ended")
	_, err = r.CloseRun(ctx, run, claim.Fence, causeway.Outcome{State: causeway.RunSucceeded}, nil)
	require.NoError(t, err)

	ref, program, err := r.Journal(ctx, r.env.ID, run.RunUID)
	require.NoError(t, err)
	assert.NotEmpty(t, program)
	kept, err := r.blob.Get(ctx, ref)
	require.NoError(t, err)
	assert.Equal(t, "what it asked for", string(kept))
	_, _, err = r.Journal(ctx, r.env.ID+1, run.RunUID)
	require.ErrorIs(t, err, causeway.ErrNotFound)
	_, _, err = r.Journal(ctx, r.env.ID, uuid.Must(uuid.NewV7()))
	require.ErrorIs(t, err, causeway.ErrNotFound)

	require.NoError(t, r.blob.DropJournals(ctx, time.Now()))
	_, err = r.blob.Get(ctx, ref)
	require.NoError(t, err, "its day has not ended")
	require.NoError(t, r.blob.Put(ctx, "kept/else", []byte("x")))
	require.NoError(t, r.blob.DropJournals(ctx, time.Now().Add(25*time.Hour)))
	_, err = r.blob.Get(ctx, ref)
	require.ErrorIs(t, err, causeway.ErrNotFound)
	_, err = r.blob.Get(ctx, "kept/else")
	require.NoError(t, err)
}

func TestWhichRunsKeepAJournal(t *testing.T) {
	r := newRuns(t)
	ctx := t.Context()
	issues := causeway.JournalKey("github", causeway.KindSync, "issues")
	mode := func(function string) string {
		e, err := r.Environment(ctx, r.env.ID)
		require.NoError(t, err)
		return e.Settings.JournalMode(function, "failures")
	}
	assert.Equal(t, "failures", mode(issues), "the platform's default")
	require.NoError(t, r.SetJournalMode(ctx, r.env.ID, "", "off"))
	require.NoError(t, r.SetJournalMode(ctx, r.env.ID, issues, "all"))
	assert.Equal(t, "all", mode(issues))
	assert.Equal(t, "off", mode(causeway.JournalKey("github", causeway.KindAction, "issues")))
	require.NoError(t, r.SetJournalMode(ctx, r.env.ID, issues, ""))
	assert.Equal(t, "off", mode(issues))
	require.NoError(t, r.SetJournalMode(ctx, r.env.ID, "", ""))
	assert.Equal(t, "failures", mode(issues))
}
