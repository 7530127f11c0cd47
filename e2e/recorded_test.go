//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/e2e/fakeapi"
)

// recording is a test fixture of an example: what a vendor answered to which call, and what the script made of it.
type recording struct {
	integration, script string
	Input, Output       json.RawMessage
	Nango               struct {
		GetMetadata map[string]any
		BatchSave   map[string][]map[string]any
		BatchDelete map[string][]map[string]any
	}
	API map[string]map[string]json.RawMessage // an exchange or a list of them, by method and path
}

type exchange struct {
	Response json.RawMessage
	Status   int
	Headers  map[string]string
	Request  struct {
		Params  map[string]string
		Headers map[string]string
		Data    json.RawMessage
	}
}

func recordings(t *testing.T) []recording {
	t.Helper()
	files, err := filepath.Glob("../examples/*/tests/*.test.json")
	require.NoError(t, err)
	var all []recording
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		r := recording{integration: filepath.Base(filepath.Dir(filepath.Dir(f))), script: strings.TrimSuffix(filepath.Base(f), ".test.json")}
		require.NoError(t, json.Unmarshal(text, &r), f)
		all = append(all, r)
	}
	return all
}

// replay makes the fake answer what was recorded, each below its integration's name. A call that differs from the recorded ones in its
// parameters, its headers or its body is answered with 404.
func replay(t *testing.T, fake *fakeapi.Server, all []recording) {
	t.Helper()
	exchanges := map[string][]exchange{} // by method and path
	for _, r := range all {
		for method, paths := range r.API {
			for path, raw := range paths {
				var list []exchange
				if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
					raw = append(append([]byte("["), raw...), ']')
				}
				require.NoError(t, json.Unmarshal(raw, &list), "%s %s", r.script, path)
				key := strings.ToUpper(method) + " /" + r.integration + path
				exchanges[key] = append(exchanges[key], list...)
			}
		}
	}
	fake.Handle("/", func(r *fakeapi.Request) fakeapi.Answer {
		for _, x := range exchanges[r.Method+" "+r.Path()] {
			if x.fits(r) {
				return x.answer(fake)
			}
		}
		return fakeapi.JSON(404, `{"message":"not recorded"}`)
	})
}

func (x *exchange) fits(r *fakeapi.Request) bool {
	q, err := url.ParseQuery(r.Query())
	if err != nil || len(q) != len(x.Request.Params) {
		return false
	}
	for name, value := range x.Request.Params {
		if q.Get(name) != value {
			return false
		}
	}
	for name, value := range x.Request.Headers {
		if r.Get(name) != value {
			return false
		}
	}
	var want any
	if len(x.Request.Data) == 0 {
		return len(r.Body) == 0
	}
	if json.Unmarshal(x.Request.Data, &want) != nil {
		return false
	}
	if text, ok := want.(string); ok {
		return text == string(r.Body)
	}
	var got any
	return json.Unmarshal(r.Body, &got) == nil && assert.ObjectsAreEqual(want, got)
}

func (x *exchange) answer(fake *fakeapi.Server) fakeapi.Answer {
	a := fakeapi.Answer{Status: x.Status, Body: x.Response}
	if x.Status == 204 {
		a.Body = nil
	}
	for name, value := range x.Headers {
		// Links lead back to the fake.
		a.Header = append(a.Header, fakeapi.Line{Name: name, Value: strings.ReplaceAll(value, "https://api.github.com", fake.URL()+"/github")})
	}
	return a
}

// TestTheRecordingsOfTheExamplesHoldOnThePlatform runs each example over HTTP, through the proxy, the real object and the records, against what
// its recording says.
func TestTheRecordingsOfTheExamplesHoldOnThePlatform(t *testing.T) {
	fake, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	all := recordings(t)
	require.NotEmpty(t, all)
	replay(t, fake, all)
	e := deployExamples(t, fake)

	connections := map[string]string{}
	for i, r := range all {
		metadata, err := json.Marshal(r.Nango.GetMetadata)
		require.NoError(t, err)
		key := r.integration + string(metadata)
		if connections[key] == "" {
			connections[key] = fmt.Sprintf("c%d", i)
			e.authorize(r.integration, connections[key], r.Nango.GetMetadata)
		}
		connection := connections[key]
		t.Run(r.integration+" "+r.script, func(t *testing.T) {
			switch {
			case r.Output != nil:
				a := e.action(r.integration, connection, r.script, r.Input)
				assert.Equal(t, 200, a.Status, "%s", a.Body)
				assert.JSONEq(t, string(r.Output), string(a.Body))
			case r.Nango.BatchSave != nil:
				e.syncedAsRecorded(t, r, connection)
			default:
				e.called(r)
			}
		})
	}
}

// syncedAsRecorded compares the records of a sync's first run with what was recorded.
func (e *exampled) syncedAsRecorded(t *testing.T, r recording, connection string) {
	t.Helper()
	s := e.synced(r.integration, connection, r.script, "")
	require.Equal(t, "SUCCESS", s.Status)
	for model, saved := range r.Nango.BatchSave {
		want := map[string]map[string]any{}
		for _, record := range saved {
			want[fmt.Sprint(record["id"])] = record
		}
		gone := map[string]bool{}
		for _, record := range r.Nango.BatchDelete[model] {
			id := fmt.Sprint(record["id"])
			gone[id], want[id] = true, record // what is kept of a deleted record is what the deletion was called with, also of one that never was
		}
		got, _ := e.records(r.integration, connection, model, "")
		require.Len(t, got, len(want), model)
		for _, record := range got {
			id := fmt.Sprint(record["id"])
			assert.Equal(t, gone[id], record.meta("last_action") == "DELETED", id)
			delete(record, "_nango_metadata")
			assert.Equal(t, want[id], map[string]any(record), id)
		}
	}
}

// called waits until an on-event script has made its calls.
func (e *exampled) called(r recording) {
	e.t.Helper()
	for _, paths := range r.API {
		for path := range paths {
			e.eventually(time.Minute, r.script+" calls "+path, func() bool { return e.fake.Count("/"+r.integration+path) > 0 })
		}
	}
}
