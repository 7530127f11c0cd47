package realm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// reportBody runs statements in a sync and logs what they return, since a sync has no output.
func inSync(t *testing.T, host *fakeHost, body string, options ...option) (script.Result, string) {
	t.Helper()
	options = append([]option{ofKind(causeway.RunSync)}, options...)
	result := runBody(t, host, `const report = await (async () => {`+body+`})(); nango.log("report " + JSON.stringify(report), {level: "error"});`, options...)
	for _, line := range host.lines(t) {
		if report, ok := strings.CutPrefix(line, "error: report "); ok {
			return result, report
		}
	}
	return result, ""
}

func TestBatchMethods(t *testing.T) {
	for name, test := range map[string]struct{ body, call, rows string }{
		"save":               {`nango.batchSave([{id: "1", a: "é"}, {id: 2, d: new Date(0)}], "Widget")`, script.CallRecordsSave, "{\"id\":\"1\",\"a\":\"é\"}\n{\"id\":2,\"d\":\"1970-01-01T00:00:00.000Z\"}"},
		"send is save":       {`nango.batchSend([{id: "1"}], "Widget")`, script.CallRecordsSave, `{"id":"1"}`},
		"update":             {`nango.batchUpdate([{id: "1", n: {a: 1}}], "Widget")`, script.CallRecordsUpdate, `{"id":"1","n":{"a":1}}`},
		"delete, ids only":   {`nango.batchDelete([{id: "1", big: "x"}, {id: "2", deletedAt: new Date(0)}], "Widget")`, script.CallRecordsDelete, "{\"id\":\"1\"}\n{\"id\":\"2\",\"deletedAt\":\"1970-01-01T00:00:00.000Z\"}"},
		"platform's own key": {`nango.batchSave([{id: "1", _nango_metadata: {x: 1}, in: {_nango_metadata: 1}}], "Widget")`, script.CallRecordsSave, `{"id":"1","in":{"_nango_metadata":1}}`},
		"nested values":      {`nango.batchSave([{id: "1", u: undefined, n: null, f: 1.5, a: [1, [2]]}], "Widget")`, script.CallRecordsSave, `{"id":"1","n":null,"f":1.5,"a":[1,[2]]}`},
		"class instances":    {`nango.batchSave([new (class { id = "1"; #p = 2; get g() { return 1 } })], "Widget")`, script.CallRecordsSave, `{"id":"1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			host := one(answerJSON(t, script.RecordsAnswer{Added: 1}))
			result, report := inSync(t, host, `return await `+test.body)
			require.Empty(t, result.Code, result.Message)
			require.Equal(t, "true", report)
			require.Len(t, host.calls, 1)
			require.Equal(t, test.call, host.calls[0].Name)
			require.Equal(t, test.rows, string(host.calls[0].Body))
			require.JSONEq(t, fmt.Sprintf(`{"model":"Widget","count":%d}`, strings.Count(test.rows, "\n")+1), string(host.calls[0].Meta))
		})
	}
}

func TestBatchesGoInSlicesOfAThousandInOrder(t *testing.T) {
	open := 0
	host := &fakeHost{}
	host.answer = func(context.Context, script.Call) (script.Answer, error) {
		host.mu.Lock()
		defer host.mu.Unlock()
		open++
		defer func() { open-- }()
		if open > 1 {
			return script.Answer{}, &script.CallError{Message: "two slices at once"}
		}
		return answerJSON(t, script.RecordsAnswer{}), nil
	}
	result, report := inSync(t, host, `
		const list = Array.from({length: 2500}, (_, i) => ({id: String(i), _nango_metadata: {}}));
		await nango.batchSave(list, "Widget");
		return list.some(r => "_nango_metadata" in r);`)
	require.Empty(t, result.Code, result.Message)
	require.Equal(t, "false", report, "the platform's key is removed in place")
	require.Len(t, host.calls, 3)
	for i, want := range []string{"1000", "1000", "500"} {
		require.Contains(t, string(host.calls[i].Meta), `"count":`+want)
		require.True(t, strings.HasPrefix(string(host.calls[i].Body), fmt.Sprintf(`{"id":"%d"}`, i*1000)))
	}
}

func TestBatchesThatDoNothing(t *testing.T) {
	for _, list := range []string{`[]`, `undefined`, `null`} {
		host := &fakeHost{}
		_, report := inSync(t, host, `return [await nango.batchSave(`+list+`, "Widget"), await nango.batchDelete(`+list+`, "Widget")]`)
		require.Equal(t, "[true,true]", report)
		require.Empty(t, host.calls)
	}
}

func TestBatchesThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		host       *fakeHost
		body, want string
	}{
		"no id":            {&fakeHost{}, `nango.batchSave([{id: "1"}, {a: 1}], "Widget")`, "Failed to save records: record 1 is missing the required field 'id'"},
		"empty id":         {&fakeHost{}, `nango.batchUpdate([{id: ""}], "Widget")`, "Failed to update records: record 0 is missing the required field 'id'"},
		"long id":          {&fakeHost{}, `nango.batchDelete([{id: "é".repeat(256)}], "Widget")`, "Failed to delete records: the id of record 0 has 256 characters, at most 255 are allowed"},
		"id of a type":     {&fakeHost{}, `nango.batchSave([{id: {}}], "Widget")`, "Failed to save records: the id of record 0 is neither a text nor a number"},
		"NaN":              {&fakeHost{}, `nango.batchSave([{id: NaN}], "Widget")`, "Failed to save records: the id of record 0 is no finite number"},
		"no object":        {&fakeHost{}, `nango.batchSave(["x"], "Widget")`, "Failed to save records: record 0 is no object"},
		"no list":          {&fakeHost{}, `nango.batchSave({id: "1"}, "Widget")`, "Failed to save records: they have to be a list"},
		"undeclared model": {&fakeHost{}, `nango.batchSave([{id: "1"}], "Gadget")`, "Failed to save records: The model 'Gadget' is not included in the declared sync models: Widget,Other"},
		"circle":           {&fakeHost{}, `nango.batchSave([{id: "1", a: {}}].map(r => (r.a.self = r, r)), "Widget")`, "Failed to save records: property [0].a.self closes a circle"},
		"BigInt":           {&fakeHost{}, `nango.batchSave([{id: "1", n: [1n]}], "Widget")`, "Failed to save records: property [0].n[0] is a BigInt, which JSON doesn't know"},
		"throwing getter":  {&fakeHost{}, `nango.batchSave([{id: "1", get x() { throw new Error("mine") }}], "Widget")`, "Failed to save records: Error: mine"},
		"storage":          {failing(&script.CallError{Code: "storage", Message: "no room"}), `nango.batchSave([{id: "1"}], "Widget")`, "Failed to save records: no room"},
	} {
		t.Run(name, func(t *testing.T) {
			_, report := inSync(t, test.host, `try { await `+test.body+` } catch (e) { return e.message }`)
			require.Equal(t, quote(t, test.want), report)
		})
	}
}

func TestRepeatedIDsAreReported(t *testing.T) {
	host := one(answerJSON(t, script.RecordsAnswer{Duplicates: []string{"7"}}))
	_, report := inSync(t, host, `return await nango.batchSave([{id: 7}, {id: 7}], "Widget")`)
	require.Equal(t, "true", report)
	require.Contains(t, host.lines(t)[0], `"7"`)
}

func TestReadingRecords(t *testing.T) {
	host := &fakeHost{answer: func(_ context.Context, c script.Call) (script.Answer, error) {
		var q script.RecordsByIDsRequest
		require.NoError(t, json.Unmarshal(c.Meta, &q))
		var out []map[string]any
		for _, id := range q.IDs {
			if id != "gone" {
				out = append(out, map[string]any{"id": id, "n": len(q.IDs)})
			}
		}
		raw, err := json.Marshal(out)
		require.NoError(t, err)
		return script.Answer{Body: raw}, nil
	}}
	_, report := inSync(t, host, `
		const ids = [...Array(150).keys(), "gone", 3];
		const m = await nango.getRecordsByIds(ids, "Widget");
		return [m instanceof Map, m.size, m.get(3).n, m.get(149).n, m.has("gone"), m.has("3")];`)
	require.Equal(t, `[true,150,100,51,false,false]`, report)
	require.Len(t, host.calls, 2)

	pages := map[string]script.Answer{
		"c0": withBody(answerJSON(t, script.RecordsPageAnswer{NextCursor: "c1"}), `[{"id":"1"},{"id":"2"}]`),
		"c1": withBody(answerJSON(t, script.RecordsPageAnswer{NextCursor: "c2"}), `[]`),
		"c2": withBody(answerJSON(t, script.RecordsPageAnswer{}), `[{"id":"3"}]`),
	}
	host = &fakeHost{answer: func(_ context.Context, c script.Call) (script.Answer, error) {
		var q script.RecordsPageRequest
		require.NoError(t, json.Unmarshal(c.Meta, &q))
		return pages[q.Cursor], nil
	}}
	_, report = inSync(t, host, `
		const out = [], it = nango.listRecords("Widget", {cursor: "c0"})[Symbol.asyncIterator]();
		for (let s; !(s = await it.next()).done;) out.push(s.value.id);
		return out;`)
	require.Equal(t, `["1","2","3"]`, report)
}

func TestMergingStrategy(t *testing.T) {
	host := one(script.Answer{})
	_, report := inSync(t, host, `
		await nango.setMergingStrategy({strategy: "ignore_if_modified_after"}, "Widget");
		await nango.setMergingStrategy({strategy: "override"}, "Widget");
		try { await nango.setMergingStrategy({strategy: "newest"}, "Widget") } catch (e) { return e.message }`)
	require.Equal(t, `"Unsupported merging strategy: newest"`, report)
	require.Len(t, host.calls, 1)
	require.Contains(t, host.lines(t)[0], "warn: ")
}

func TestDeleteTracking(t *testing.T) {
	host := &fakeHost{answer: func(_ context.Context, c script.Call) (script.Answer, error) {
		if c.Name == script.CallDeletesStart {
			return script.Answer{}, nil
		}
		return script.Answer{Body: []byte(`["a"]`)}, nil
	}}
	_, report := inSync(t, host, `
		return [await nango.trackDeletesStart("Widget"), await nango.trackDeletesEnd("Widget"), await nango.deleteRecordsFromPreviousExecutions("Widget")]`)
	require.Equal(t, `[null,{"deletedKeys":["a"]},{"deletedKeys":["a"]}]`, report)
	require.Equal(t, []string{script.CallDeletesStart, script.CallDeletesEnd, script.CallRecordsDeleteOlder}, host.names())
}

// checkpoints is a store of one checkpoint with optimistic writes.
func checkpoints(t *testing.T) *fakeHost {
	version, value := 0, ""
	host := &fakeHost{}
	host.answer = func(_ context.Context, c script.Call) (script.Answer, error) {
		host.mu.Lock()
		defer host.mu.Unlock()
		var q script.CheckpointRequest
		require.NoError(t, json.Unmarshal(c.Meta, &q))
		if c.Name != script.CallCheckpointGet {
			if q.Version != version {
				return script.Answer{}, &script.CallError{Code: "checkpoint_conflict", Message: "conflict"}
			}
			version++
			value = string(c.Body)
		}
		return withBody(answerJSON(t, script.CheckpointAnswer{Version: version}), value), nil
	}
	return host
}

func TestCheckpoints(t *testing.T) {
	for name, test := range map[string]struct {
		body, want string
		calls      int
	}{
		"none":                      {`return await nango.getCheckpoint()`, `null`, 1},
		"saved without reading":     {`await nango.saveCheckpoint({a: "x", n: 1, b: true, d: new Date(0)}); return await nango.getCheckpoint()`, `{"a":"x","n":1,"b":true,"d":"1970-01-01T00:00:00.000Z"}`, 3},
		"saved twice":               {`await nango.getCheckpoint(); await nango.saveCheckpoint({a: 1}); await nango.saveCheckpoint({a: 2}); return await nango.getCheckpoint()`, `{"a":2}`, 4},
		"saved at once, in order":   {`await Promise.all([1, 2, 3].map(a => nango.saveCheckpoint({a}))); return await nango.getCheckpoint()`, `{"a":3}`, 5},
		"cleared":                   {`await nango.saveCheckpoint({a: 1}); await nango.clearCheckpoint(); return await nango.getCheckpoint()`, `null`, 4},
		"cleared, then saved again": {`await nango.saveCheckpoint({a: 1}); await nango.clearCheckpoint(); await nango.saveCheckpoint({b: 1}); return await nango.getCheckpoint()`, `{"b":1}`, 5},
	} {
		t.Run(name, func(t *testing.T) {
			host := checkpoints(t)
			require.JSONEq(t, test.want, output(t, runBody(t, host, test.body)))
			require.Len(t, host.calls, test.calls)
		})
	}
}

func TestCheckpointFailures(t *testing.T) {
	host := failing(&script.CallError{Code: "checkpoint_conflict", Message: "somebody else wrote it"})
	require.JSONEq(t, `[null,"Error saving checkpoint: somebody else wrote it","checkpoint_conflict","Error deleting checkpoint: somebody else wrote it"]`,
		output(t, runBody(t, host, `
			const out = [await nango.getCheckpoint()];
			try { await nango.saveCheckpoint({a: 1}) } catch (e) { out.push(e.message, e.code) }
			try { await nango.clearCheckpoint() } catch (e) { out.push(e.message) }
			return out;`)))
}

func TestSoftLimitInterruptsAtACheckpoint(t *testing.T) {
	past := with(func(s *script.Start) { s.SoftMs = 1 })
	body := `await new Promise(r => setTimeout(r, 20)); await nango.saveCheckpoint({a: 1}); return "went on";`

	host := checkpoints(t)
	result := runBody(t, host, body, past, ofKind(causeway.RunSync))
	require.Equal(t, script.Result{Interrupted: true}, script.Result{Code: result.Code, Interrupted: result.Interrupted})
	require.Contains(t, host.names(), script.CallCheckpointSave, "it is stored first")

	result = runBody(t, checkpoints(t), body, past)
	require.Equal(t, causeway.CodeInterrupted, result.Code)

	asked := one(answerJSON(t, script.CheckpointAnswer{Version: 1, Interrupt: true}))
	require.True(t, runBody(t, asked, `await nango.saveCheckpoint({a: 1});`, ofKind(causeway.RunSync)).Interrupted)
}

func TestWritesThatWereNotAwaitedAreFinished(t *testing.T) {
	written := 0
	host := &fakeHost{}
	host.answer = func(ctx context.Context, _ script.Call) (script.Answer, error) {
		select {
		case <-time.After(30 * time.Millisecond):
			host.mu.Lock()
			written++
			host.mu.Unlock()
		case <-ctx.Done():
		}
		return answerJSON(t, script.RecordsAnswer{}), nil
	}
	result := runBody(t, host, `nango.batchSave([{id: "1"}], "Widget"); nango.batchSave([{id: "2"}], "Widget");`, ofKind(causeway.RunSync))
	require.Empty(t, result.Code)
	require.Equal(t, 2, written)
}
