package demo_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/devstack/demo"
)

type page struct {
	Tasks []demo.Task `json:"tasks"`
	Next  string      `json:"next_cursor"`
}

func call(t *testing.T, method, url, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer anything")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	if into != nil {
		require.NoError(t, json.NewDecoder(res.Body).Decode(into))
	}
	return res.StatusCode
}

func TestPagesHoldEachTaskOnceOldestFirst(t *testing.T) {
	s, err := demo.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Stop(t.Context())) }()

	var all []demo.Task
	for cursor := ""; ; {
		var p page
		require.Equal(t, 200, call(t, "GET", s.URL()+"/v1/tasks?limit=100&cursor="+cursor, "", &p))
		all = append(all, p.Tasks...)
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	require.Len(t, all, 250)
	for i := 1; i < len(all); i++ {
		require.False(t, all[i].UpdatedAt.Before(all[i-1].UpdatedAt))
	}

	var made demo.Task
	require.Equal(t, 201, call(t, "POST", s.URL()+"/v1/tasks", `{"title":"write docs"}`, &made))
	var p page
	since := url.QueryEscape(made.UpdatedAt.Format(time.RFC3339Nano))
	call(t, "GET", s.URL()+"/v1/tasks?updated_since="+since, "", &p)
	assert.Equal(t, []demo.Task{made}, p.Tasks)
}

func TestBadInput(t *testing.T) {
	s, err := demo.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Stop(t.Context())) }()
	assert.Equal(t, 400, call(t, "GET", s.URL()+"/v1/tasks?limit=many", "", nil))
	assert.Equal(t, 422, call(t, "POST", s.URL()+"/v1/tasks", `{}`, nil))
	res, err := http.Get(s.URL() + "/v1/tasks")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	assert.Equal(t, 401, res.StatusCode)
}
