package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/api"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// reading is a server with a seeded environment, its records and its logs.
type reading struct {
	t       *testing.T
	url     string
	db      string
	key     string
	env     storagetest.Environment
	records *storage.Records
	logs    *storage.Logs
	run     storage.RecordRun
}

func newReading(t *testing.T) *reading {
	t.Helper()
	ctx := context.Background()
	db := storagetest.URL(t)
	store := storagetest.Open(t, db)
	r := &reading{t: t, db: db, env: storagetest.Seed(t, storagetest.Pool(t, db), "reading"), records: storagetest.OpenRecords(t, db, store.Keys())}
	r.key = r.newKey(store, "environment:*")
	var err error
	r.logs, err = storage.OpenLogs(ctx, storage.LogsOptions{URL: db, Enabled: true})
	require.NoError(t, err)
	t.Cleanup(r.logs.Close)
	_, err = r.records.OpenRun(ctx, r.env.ID, 1, r.env.ConnectionID, 1, nil)
	require.NoError(t, err)
	r.run = storage.RecordRun{RunID: 1, ConnectionID: r.env.ConnectionID, Fence: 1}
	server := httptest.NewServer(api.New(api.Deps{Store: store, Records: r.records, Logs: r.logs}).Handler())
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *reading) newKey(store *storage.Store, scopes ...string) string {
	r.t.Helper()
	key, err := store.CreateKey(context.Background(), r.env.ID, strings.Join(scopes, ","), scopes)
	require.NoError(r.t, err)
	return key
}

func (r *reading) save(model string, records ...string) {
	r.t.Helper()
	var in []causeway.RecordInput
	for _, text := range records {
		x, err := storage.ParseRecord([]byte(text))
		require.NoError(r.t, err)
		in = append(in, x)
	}
	_, err := r.records.Save(context.Background(), r.env.ID, r.run, model, in)
	require.NoError(r.t, err)
}

// do makes a request with the headers of the seeded connection, unless given others.
func (r *reading) do(method, path, body string, headers ...string) (int, string, http.Header) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(context.Background(), method, r.url+path, strings.NewReader(body))
	require.NoError(r.t, err)
	q.Header.Set("Authorization", "Bearer "+r.key)
	q.Header.Set("Provider-Config-Key", "demo")
	q.Header.Set("Connection-Id", "c1")
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(q)
	require.NoError(r.t, err)
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(r.t, err)
	return answer.StatusCode, string(raw), answer.Header
}

type recordsBody struct {
	Records []struct {
		ID   string `json:"id"`
		Meta struct {
			FirstSeenAt    string  `json:"first_seen_at"`
			LastModifiedAt string  `json:"last_modified_at"`
			LastAction     string  `json:"last_action"`
			DeletedAt      *string `json:"deleted_at"`
			PrunedAt       *string `json:"pruned_at"`
			Cursor         string  `json:"cursor"`
		} `json:"_nango_metadata"`
	} `json:"records"`
	NextCursor *string `json:"next_cursor"`
}

func (r *reading) read(query string) recordsBody {
	r.t.Helper()
	status, body, header := r.do("GET", "/records?"+query, "")
	require.Equal(r.t, 200, status, body)
	require.Equal(r.t, strconv.Itoa(len(body)), header.Get("Content-Length"), "a cut answer is noticed")
	var b recordsBody
	require.NoError(r.t, json.Unmarshal([]byte(body), &b), body)
	return b
}

func (b recordsBody) ids() (out []string) {
	for _, x := range b.Records {
		out = append(out, x.ID+":"+x.Meta.LastAction)
	}
	return out
}

func TestReadingRecords(t *testing.T) {
	r := newReading(t)
	r.save("Item", `{"id":"a","v":1}`, `{"id":"b","v":1}`, `{"id":"c","v":1}`, `{"id":"d e","n":1.50,"t":"<&>"}`)
	r.save("Item", `{"id":"b","v":2}`)
	_, err := r.records.Delete(context.Background(), r.env.ID, r.run, "Item", []causeway.RecordInput{{ID: "c", JSON: []byte(`{"id":"c"}`)}})
	require.NoError(t, err)
	r.save("Item::eu", `{"id":"a","v":9}`)

	all := r.read("model=Item")
	assert.Equal(t, []string{"a:ADDED", "d e:ADDED", "b:UPDATED", "c:DELETED"}, all.ids())
	assert.Nil(t, all.NextCursor)
	assert.Equal(t, []string{"a:ADDED"}, r.read("model=Item&variant=eu").ids(), "variants are apart")
	assert.Len(t, r.read("model=Item&variant=base").Records, 4)
	assert.Empty(t, r.read("model=Unknown").Records)
	_, body, _ := r.do("GET", "/records/?model=Item&ids=d%20e", "")
	assert.True(t, strings.HasPrefix(body, `{"records":[{"id":"d e","n":1.50,"t":"<&>","_nango_metadata":{"first_seen_at":"`), "as it was saved, also with a slash at the end: %s", body)
	assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$`, all.Records[0].Meta.FirstSeenAt)

	for query, want := range map[string][]string{
		"filter=added": {"a:ADDED", "d e:ADDED"}, "filter=UPDATED": {"b:UPDATED"}, "filter=deleted": {"c:DELETED"},
		"filter=added,deleted": {"a:ADDED", "d e:ADDED", "c:DELETED"}, "filter=UPDATED,deleted": {"b:UPDATED", "c:DELETED"},
		"filter=added,updated":                                  {"a:ADDED", "d e:ADDED", "b:UPDATED"},
		"filter=added,updated,DELETED":                          {"a:ADDED", "d e:ADDED", "b:UPDATED", "c:DELETED"},
		"ids=c&ids=a":                                           {"a:ADDED", "c:DELETED"},
		"ids[]=c&ids[]=a&filter=added":                          {"a:ADDED"},
		"cursor=" + url.QueryEscape(all.Records[1].Meta.Cursor): {"b:UPDATED", "c:DELETED"},
		"modified_after=2099-01-01T00:00:00Z":                   nil,
		"modified_after=2099-01-01T00:00:00Z&delta=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339): {"a:ADDED", "d e:ADDED", "b:UPDATED", "c:DELETED"},
	} {
		assert.Equal(t, want, r.read("model=Item&"+query).ids(), query)
	}

	var got []string
	for cursor := ""; ; {
		query := "model=Item&limit=3"
		if cursor != "" {
			query += "&cursor=" + url.QueryEscape(cursor)
		}
		page := r.read(query)
		got = append(got, page.ids()...)
		if page.NextCursor == nil {
			break
		}
		cursor = *page.NextCursor
		assert.Equal(t, page.Records[len(page.Records)-1].Meta.Cursor, cursor)
	}
	assert.Equal(t, all.ids(), got)
}

func TestWhatReadingRecordsRefuses(t *testing.T) {
	r := newReading(t)
	for _, c := range []struct{ query, code, issue, path string }{
		{"", "invalid_query_params", "invalid_type", "model"},
		{"model=item", "invalid_query_params", "invalid_format", "model"},
		{"model=Item&more=1", "invalid_query_params", "unrecognized_keys", ""},
		{"model=Item&variant=a%20b", "invalid_query_params", "invalid_format", "variant"},
		{"model=Item&limit=0", "invalid_query_params", "too_small", "limit"},
		{"model=Item&limit=10001", "invalid_query_params", "too_big", "limit"},
		{"model=Item&limit=x", "invalid_query_params", "invalid_type", "limit"},
		{"model=Item&cursor=abc", "invalid_query_params", "custom", "cursor"},
		{"model=Item&cursor=" + strings.Repeat("x", 1001), "invalid_query_params", "too_big", "cursor"},
		{"model=Item&modified_after=2026-01-01T00:00:00%2B02:00", "invalid_query_params", "invalid_format", "modified_after"},
		{"model=Item&delta=yesterday", "invalid_query_params", "invalid_format", "delta"},
		{"model=Item&modified_after=2020-01-01T00:00:00Z", "invalid_query_params", "custom", "modified_after"},
		{"model=Item&filter=Added", "invalid_query_params", "invalid_value", "filter"},
		{"model=Item&filter=added,gone", "invalid_query_params", "invalid_value", "filter"},
		{"model=Item" + strings.Repeat("&ids=x", 101), "invalid_query_params", "too_big", "ids"},
		{"model=Item&ids=" + strings.Repeat("x", 257), "invalid_query_params", "too_big", "ids.0"},
	} {
		status, body, _ := r.do("GET", "/records?"+c.query, "")
		assert.Equal(t, 400, status, c.query)
		code, issue, path := firstIssue(t, body)
		assert.Equal(t, []string{c.code, c.issue, c.path}, []string{code, issue, path}, c.query)
	}
	for name, headers := range map[string][]string{
		"another connection": {"Connection-Id", "nobody"}, "another integration": {"Provider-Config-Key", "nothing"},
	} {
		status, body, _ := r.do("GET", "/records?model=Item", "", headers...)
		assert.Equal(t, 400, status, name)
		assert.JSONEq(t, `{"error":{"code":"unknown_connection"}}`, body, name)
	}
	status, body, _ := r.do("GET", "/records?model=Item", "", "Connection-Id", "")
	assert.Equal(t, 400, status)
	assert.Contains(t, body, "invalid_headers")
}

func firstIssue(t *testing.T, body string) (code, issue, path string) {
	t.Helper()
	var e struct {
		Error struct {
			Code   string           `json:"code"`
			Errors []causeway.Issue `json:"errors"`
		} `json:"error"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &e), body)
	require.NotEmpty(t, e.Error.Errors, body)
	return e.Error.Code, e.Error.Errors[0].Code, strings.Join(e.Error.Errors[0].Path, ".")
}

func TestPruningRecords(t *testing.T) {
	r := newReading(t)
	r.save("Item", `{"id":"a","v":1}`, `{"id":"b","v":1}`, `{"id":"c","v":1}`)
	before := r.read("model=Item")
	until := before.Records[1].Meta.Cursor
	prune := func(body string) (int, string) {
		status, answer, _ := r.do("PATCH", "/records/prune", body)
		return status, answer
	}
	status, body := prune(fmt.Sprintf(`{"model":"Item","until_cursor":%q,"limit":1}`, until))
	assert.Equal(t, 200, status)
	assert.JSONEq(t, `{"count":1,"has_more":true}`, body)
	_, body = prune(fmt.Sprintf(`{"model":"Item","until_cursor":%q}`, until))
	assert.JSONEq(t, `{"count":1,"has_more":false}`, body)
	_, body = prune(fmt.Sprintf(`{"model":"Item","variant":"eu","until_cursor":%q}`, until))
	assert.JSONEq(t, `{"count":0,"has_more":false}`, body)
	after := r.read("model=Item")
	for i, x := range after.Records {
		assert.Equal(t, before.Records[i].Meta.Cursor, x.Meta.Cursor)
		assert.Equal(t, i < 2, x.Meta.PrunedAt != nil)
	}
	for bad, want := range map[string]string{
		`{"until_cursor":"x"}`:                               "model",
		`{"model":"Item"}`:                                   "until_cursor",
		`{"model":"Item","until_cursor":"x"}`:                "until_cursor",
		`{"model":"Item","until_cursor":"x","limit":0}`:      "limit",
		`{"model":"Item","until_cursor":"x","limit":10001}`:  "limit",
		`{"model":"Item","until_cursor":"x","limit":"many"}`: "limit",
		`{"model":"Item","until_cursor":"x","more":1}`:       "",
	} {
		status, body := prune(bad)
		assert.Equal(t, 400, status, bad)
		code, _, path := firstIssue(t, body)
		assert.Equal(t, []string{"invalid_body", want}, []string{code, path}, bad)
	}
}

func TestTheStreamBringsWhatThisAndOtherProcessesLog(t *testing.T) {
	r := newReading(t)
	op := causeway.Operation{ID: causeway.NewOperationID(time.Now()), EnvironmentID: r.env.ID, Type: "sync", Action: "run", State: causeway.OperationRunning}
	other := causeway.Operation{ID: causeway.NewOperationID(time.Now()), EnvironmentID: r.env.ID + 1, Type: "sync", Action: "run", State: causeway.OperationRunning}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, "GET", r.url+"/api/ui/v1/dev/stream?topics=logs", nil)
	require.NoError(t, err)
	q.Header.Set("Authorization", "Bearer "+r.key)
	answer, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, 200, answer.StatusCode)
	events := bufio.NewScanner(answer.Body)
	next := func() (event, data string) {
		for events.Scan() {
			switch text := events.Text(); {
			case strings.HasPrefix(text, "event: "):
				event = text[len("event: "):]
			case strings.HasPrefix(text, "data: "):
				return event, text[len("data: "):]
			}
		}
		t.Fatal("the stream has ended")
		return "", ""
	}
	r.logs.Operation(other)
	r.logs.Operation(op)
	r.logs.Message(causeway.Message{EnvironmentID: r.env.ID, OperationID: op.ID, Text: "hello"})
	event, data := next()
	assert.Equal(t, "operation.created", event)
	assert.Contains(t, data, op.ID)
	event, data = next()
	assert.Equal(t, "message.appended", event)
	assert.Contains(t, data, "hello")

	// Another process: its logs come through the store only, and what was sent before does not come again.
	elsewhere, err := storage.OpenLogs(ctx, storage.LogsOptions{URL: r.db, Enabled: true})
	require.NoError(t, err)
	defer elsewhere.Close()
	third := op
	third.ID = causeway.NewOperationID(time.Now())
	elsewhere.Operation(third)
	elsewhere.Flush(ctx)
	event, data = next()
	assert.Equal(t, "operation.created", event)
	assert.Contains(t, data, third.ID)

	status, _, _ := r.do("GET", "/api/ui/v1/prod/stream?topics=logs", "")
	assert.Equal(t, 404, status, "the environment has to be the key's own")
	status, _, _ = r.do("GET", "/api/ui/v1/dev/stream?topics=secrets", "")
	assert.Equal(t, 400, status)
}
