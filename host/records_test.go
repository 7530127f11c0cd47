package host_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/host"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// scripted is a run with an open record store behind its host calls.
type scripted struct {
	t    *testing.T
	host *host.Host
	run  *script.Run
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	url := storagetest.URL(t)
	store := storagetest.Open(t, url)
	e := storagetest.Seed(t, storagetest.Pool(t, url), "host")
	logs, err := storage.OpenLogs(context.Background(), storage.LogsOptions{URL: url, Enabled: true})
	require.NoError(t, err)
	t.Cleanup(logs.Close)
	s := &scripted{t, &host.Host{Records: storagetest.OpenRecords(t, url, store.Keys()), Logs: logs}, &script.Run{
		Run: causeway.Run{
			RunRef: causeway.RunRef{RunID: 1, EnvironmentID: e.ID, Kind: causeway.RunSync}, ConnectionID: e.ConnectionID, Fence: 1, Variant: "base",
		},
		Flavour: script.Sync, Models: []string{"Item", "Other"}, CheckpointKey: "sync:items",
	}}
	_, err = s.host.Records.OpenRun(context.Background(), e.ID, 1, e.ConnectionID, 1, nil)
	require.NoError(t, err)
	return s
}

// answered is the host, beside whatever it doesn't answer itself.
type answered struct {
	*host.Host
	rest
}

type rest struct{ script.Host }

// call makes a host call as the worker does, with lines for a body.
func (s *scripted) call(name string, meta any, lines ...string) (script.Answer, *script.CallError) {
	s.t.Helper()
	raw, err := json.Marshal(meta)
	require.NoError(s.t, err)
	a, err := script.Handle(context.Background(), answered{Host: s.host}, s.run, script.Call{Name: name, Meta: raw, Body: []byte(strings.Join(lines, "\n"))})
	if err == nil {
		return a, nil
	}
	var failed *script.CallError
	require.ErrorAs(s.t, err, &failed)
	return a, failed
}

func (s *scripted) save(model string, lines ...string) (script.Answer, *script.CallError) {
	s.t.Helper()
	return s.call(script.CallRecordsSave, script.RecordsRequest{Model: model, Count: len(lines)}, lines...)
}

func TestABatchIsCheckedWholeBeforeItIsWritten(t *testing.T) {
	s := newScripted(t)
	good := `{"id":"good","v":1}`
	for _, c := range []struct{ name, line, want string }{
		{"null", `{"id":null}`, `record 1: the id null is neither a text nor a number`},
		{"true", `{"id":true}`, `record 1: the id true is neither a text nor a number`},
		{"object", `{"id":{}}`, `record 1: the id {} is neither a text nor a number`},
		{"none", `{"v":1}`, `record 1: the required field 'id' is missing`},
		{"empty", `{"id":""}`, `record 1: the id "" is empty`},
		{"256 characters", `{"id":"` + strings.Repeat("x", 256) + `"}`, `has 256 characters, at most 255 are allowed`},
		{"no JSON", `{"id":`, `record 1: the record is not JSON`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.save("Item", good, c.line)
			require.NotNil(t, err)
			assert.Contains(t, err.Message, c.want)
		})
	}
	a, err := s.call(script.CallRecordsByIDs, script.RecordsByIDsRequest{Model: "Item", IDs: []string{"good"}})
	require.Nil(t, err)
	assert.JSONEq(t, `[]`, string(a.Body), "nothing of the batches was written")

	a, err = s.save("Item", `{"id":1,"v":1}`, `{"id":"1","v":2}`, `{"id":0}`, `{"id":"a\u0000b"}`, `{"id":"ab"}`, `{"id":"`+strings.Repeat("😀", 255)+`"}`)
	require.Nil(t, err)
	assert.JSONEq(t, `{"added":4,"updated":0,"deleted":0,"unchanged":0,"duplicates":["1","ab"]}`, string(a.Meta))
}

func TestOnlyDeclaredModelsAreWritten(t *testing.T) {
	s := newScripted(t)
	const text = "The model 'Nope' is not included in the declared sync models: Item,Other"
	for _, name := range []string{script.CallRecordsSave, script.CallRecordsUpdate, script.CallRecordsDelete} {
		_, err := s.call(name, script.RecordsRequest{Model: "Nope", Count: 1}, `{"id":"a"}`)
		require.NotNil(t, err)
		assert.Equal(t, text, err.Message)
	}
	for _, name := range []string{script.CallDeletesStart, script.CallDeletesEnd, script.CallRecordsDeleteOlder} {
		_, err := s.call(name, script.ModelRequest{Model: "Nope"})
		require.NotNil(t, err)
		assert.Equal(t, text, err.Message)
	}
	s.run.Variant = "eu"
	_, err := s.save("Item", `{"id":"a"}`)
	require.Nil(t, err)
	models, failed := s.host.Records.Models(context.Background(), s.run.EnvironmentID)
	require.NoError(t, failed)
	assert.Equal(t, "Item::eu", models[0].Model, "the variant is the run's")
}

func TestRecordsComeBackAsTheyWentIn(t *testing.T) {
	s := newScripted(t)
	_, err := s.save("Item", `{"id":7,"n":12345678901234567890.10,"t":"<&>","_nango_metadata":{"x":1}}`, `{"id":"b"}`, `{"id":"c"}`)
	require.Nil(t, err)
	a, err := s.call(script.CallRecordsPage, script.RecordsPageRequest{Model: "Item", Limit: 2})
	require.Nil(t, err)
	assert.True(t, strings.HasPrefix(string(a.Body), `[{"id":"7","n":12345678901234567890.10,"t":"<&>","_nango_metadata":{"first_seen_at":"`), string(a.Body))
	var next script.RecordsPageAnswer
	require.NoError(t, json.Unmarshal(a.Meta, &next))
	a, err = s.call(script.CallRecordsPage, script.RecordsPageRequest{Model: "Item", Limit: 2, Cursor: next.NextCursor})
	require.Nil(t, err)
	assert.Contains(t, string(a.Body), `"id":"c"`)
	assert.JSONEq(t, `{}`, string(a.Meta), "the last page")
	_, err = s.call(script.CallRecordsPage, script.RecordsPageRequest{Model: "Item", Cursor: "?"})
	require.NotNil(t, err)
}

func TestDeletesAreTracked(t *testing.T) {
	s := newScripted(t)
	_, err := s.call(script.CallDeletesEnd, script.ModelRequest{Model: "Item"})
	require.NotNil(t, err)
	assert.Equal(t, "No track deletes starting point found for model 'Item'.", err.Message)
	_, err = s.save("Item", `{"id":"a"}`, `{"id":"b"}`)
	require.Nil(t, err)
	s.run.RunID = 2
	_, failed := s.host.Records.OpenRun(context.Background(), s.run.EnvironmentID, 2, s.run.ConnectionID, 1, nil)
	require.NoError(t, failed)
	_, err = s.call(script.CallDeletesStart, script.ModelRequest{Model: "Item"})
	require.Nil(t, err)
	_, err = s.save("Item", `{"id":"a"}`)
	require.Nil(t, err)
	a, err := s.call(script.CallDeletesEnd, script.ModelRequest{Model: "Item"})
	require.Nil(t, err)
	assert.JSONEq(t, `["b"]`, string(a.Body))
	a, err = s.call(script.CallRecordsDeleteOlder, script.ModelRequest{Model: "Item"})
	require.Nil(t, err)
	assert.JSONEq(t, `[]`, string(a.Body))
}

func TestCheckpointsAndTheirRange(t *testing.T) {
	s := newScripted(t)
	assert.Nil(t, s.run.CheckpointRange())
	a, err := s.call(script.CallCheckpointGet, script.None{})
	require.Nil(t, err)
	assert.JSONEq(t, `{"version":0}`, string(a.Meta))
	assert.Empty(t, a.Body)
	for i, v := range []string{`{"p": 1}`, `{"p": 2}`} {
		_, err = s.call(script.CallCheckpointSave, script.CheckpointRequest{Version: i}, v)
		require.Nil(t, err)
	}
	_, err = s.call(script.CallCheckpointSave, script.CheckpointRequest{Version: 1}, `{"p": 3}`)
	require.NotNil(t, err)
	assert.Equal(t, "checkpoint_conflict", err.Code)
	assert.Equal(t, 409, err.Response.Status)
	_, err = s.call(script.CallCheckpointSave, script.CheckpointRequest{Version: 2}, `{"p": [1]}`)
	require.NotNil(t, err)
	assert.Contains(t, err.Message, "has to be a text, a number or a boolean")
	got := s.run.CheckpointRange()
	assert.JSONEq(t, `{"from": null, "to": {"p": 2}}`, string(must(json.Marshal(got))))
	a, err = s.call(script.CallCheckpointClear, script.CheckpointRequest{Version: 2})
	require.Nil(t, err)
	assert.JSONEq(t, `{"version":3}`, string(a.Meta))
	a, err = s.call(script.CallCheckpointGet, script.None{})
	require.Nil(t, err)
	assert.Empty(t, a.Body)

	next := &script.Run{Run: s.run.Run, Flavour: script.Sync, CheckpointKey: "sync:items"}
	s.run = next
	_, err = s.call(script.CallCheckpointSave, script.CheckpointRequest{Version: 3}, `{"p": 4}`)
	require.Nil(t, err)
	_, err = s.call(script.CallCheckpointGet, script.None{})
	require.Nil(t, err)
	assert.JSONEq(t, `{"from": null, "to": {"p": 4}}`, string(must(json.Marshal(next.CheckpointRange()))))
}

func TestARunWithoutItsFenceIsAnsweredNoMore(t *testing.T) {
	s := newScripted(t)
	_, failed := s.host.Records.OpenRun(context.Background(), s.run.EnvironmentID, 1, s.run.ConnectionID, 2, nil)
	require.NoError(t, failed)
	_, err := s.save("Item", `{"id":"a"}`)
	require.NotNil(t, err)
	assert.True(t, err.Fatal)
	_, err = s.call(script.CallCheckpointSave, script.CheckpointRequest{}, `{}`)
	require.NotNil(t, err)
	assert.True(t, err.Fatal)
	_, err = s.call(script.CallMergeStrategy, script.MergeStrategyRequest{Model: "Item", Strategy: "override"})
	require.NotNil(t, err)
	assert.True(t, err.Fatal)
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}
