package storage_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

func TestEnvironmentsAreDealtAnewWhenTheNumberOfGroupsChanges(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	url := storagetest.URL(t)
	open := func(groups int) *storage.Store {
		s, err := storage.Open(ctx, storage.Options{URL: url, Key: storagetest.Key, ScheduleGroups: groups})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		return s
	}
	eight := open(8)
	require.NoError(t, eight.EnsureAccount(ctx, "acme", []string{"a", "b", "c", "d", "e"}, storage.DefaultLaneCaps()))
	dealt, err := eight.DealGroups(ctx)
	require.NoError(t, err)
	assert.False(t, dealt, "the number is as it was")

	for _, groups := range []int{2, 16} {
		s := open(groups)
		dealt, err := s.DealGroups(ctx)
		require.NoError(t, err)
		assert.True(t, dealt)
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			e, err := s.EnvironmentByName(ctx, "acme", name)
			require.NoError(t, err)
			assert.EqualValues(t, e.ID%int64(groups), e.ScheduleGroup)
		}
		dealt, err = s.DealGroups(ctx)
		require.NoError(t, err)
		assert.False(t, dealt)
	}
}
