package storage_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

func TestARepeatedRequestFindsTheFirstOnesRun(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	n := storage.NewRun{Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: r.env.IntegrationID, ConnectionID: r.env.ConnectionID,
		FunctionID: r.env.ActionFunctionID, StartWithin: time.Minute, FinishWithin: time.Minute, Input: json.RawMessage(`{"n":1}`), IdempotencyKey: "order-1"}

	uids := make([]uuid.UUID, 8)
	var all sync.WaitGroup
	for i := range uids {
		all.Go(func() {
			c, err := r.CreateRun(ctx, r.env.ID, n)
			assert.NoError(t, err) //nolint:testifylint // require may not end a test from another goroutine
			uids[i] = c.Ref.RunUID
			assert.False(t, c.Repeated && (c.Admitted || c.Ask), "nothing follows a repetition")
		})
	}
	all.Wait()
	for _, uid := range uids {
		assert.Equal(t, uids[0], uid)
	}
	assert.Equal(t, 1, r.count(`select count(*) from run`))

	other := n
	other.Input = json.RawMessage(`{"n":2}`)
	_, err := r.CreateRun(ctx, r.env.ID, other)
	require.ErrorIs(t, err, storage.ErrKeyReused)
	assert.Zero(t, r.count(`select count(*) from run_key where request_hash = sha256('{"n":1}')`), "the input can't be guessed from the hash")

	theirs := storagetest.Seed(t, r.pool, "theirs")
	other.IntegrationID, other.ConnectionID, other.FunctionID = theirs.IntegrationID, theirs.ConnectionID, theirs.ActionFunctionID
	c, err := r.CreateRun(ctx, theirs.ID, other)
	require.NoError(t, err, "another environment's keys are its own")
	assert.False(t, c.Repeated)

	gone, err := r.PruneRunKeys(ctx, 100)
	require.NoError(t, err)
	assert.Zero(t, gone)
	r.exec(`update run_key set created_at = created_at - interval '6 days'`)
	gone, err = r.PruneRunKeys(ctx, 100)
	require.NoError(t, err)
	assert.EqualValues(t, 2, gone)
}

func TestARefusedRunLeavesItsKeyFree(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	n := storage.NewRun{Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: r.env.IntegrationID, ConnectionID: r.env.ConnectionID,
		FunctionID: r.env.ActionFunctionID, StartWithin: time.Minute, FinishWithin: time.Minute, IdempotencyKey: "k"}
	r.exec(`update run_lane set queue_cap = 0 where lane = 'action'`)
	_, err := r.CreateRun(ctx, r.env.ID, n)
	require.ErrorIs(t, err, storage.ErrQueueFull)
	r.exec(`update run_lane set queue_cap = 10 where lane = 'action'`)
	c, err := r.CreateRun(ctx, r.env.ID, n)
	require.NoError(t, err)
	assert.False(t, c.Repeated)
}

func TestARunOfAnotherEnvironmentsConnectionIsRefusedByTheDatabase(t *testing.T) {
	r := newRuns(t)
	theirs := storagetest.Seed(t, r.pool, "theirs")
	_, err := r.CreateRun(t.Context(), r.env.ID, storage.NewRun{Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: theirs.IntegrationID,
		ConnectionID: theirs.ConnectionID, FunctionID: theirs.ActionFunctionID, StartWithin: time.Minute, FinishWithin: time.Minute})
	require.Error(t, err)
	assert.Zero(t, r.count(`select count(*) from run`))
}

func TestAScriptsRunIsWrittenOnlyWhileItsParentIsItsWorkers(t *testing.T) {
	r, ctx := newRuns(t), t.Context()
	parent := r.create(causeway.LaneAction, `1`)
	claim := r.claim(parent.Ref, "w1")
	n := storage.NewRun{Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: r.env.IntegrationID, ConnectionID: r.env.ConnectionID,
		FunctionID: r.env.ActionFunctionID, StartWithin: time.Minute, FinishWithin: time.Minute,
		ParentUID: parent.Ref.RunUID, Parent: storage.Hold{RunID: parent.Ref.RunID, Fence: claim.Fence}}
	_, err := r.CreateRun(ctx, r.env.ID, n)
	require.NoError(t, err)
	n.Parent.Fence--
	_, err = r.CreateRun(ctx, r.env.ID, n)
	require.ErrorIs(t, err, storage.ErrStale)
	assert.Equal(t, 1, r.count(`select count(*) from run where parent_uid = $1`, parent.Ref.RunUID))
}
