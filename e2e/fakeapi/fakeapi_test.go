package fakeapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/e2e/fakeapi"
)

func started(t *testing.T) *fakeapi.Server {
	t.Helper()
	s, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(s.Close)
	s.Vendors(45, 25)
	return s
}

func call(t *testing.T, method, url, body string, into any) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer x")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if into != nil {
		require.NoError(t, json.Unmarshal(raw, into), string(raw))
	}
	return resp
}

func TestPagesOfTheVendorsHoldEachItemOnce(t *testing.T) {
	s := started(t)
	next := regexp.MustCompile(`<([^>]+)>; rel="next"`)
	seen := map[float64]bool{}
	for url := s.URL() + "/github/repos/o/r/issues?per_page=20&state=all"; url != ""; {
		var page []map[string]any
		resp := call(t, "GET", url, "", &page)
		for _, i := range page {
			seen[i["id"].(float64)] = true
		}
		url = ""
		if m := next.FindStringSubmatch(resp.Header.Get("Link")); m != nil {
			url = m[1]
		}
	}
	assert.Len(t, seen, 45)

	contacts := map[string]bool{}
	for after := "0"; after != ""; {
		var page struct {
			Results []struct{ ID string }
			Paging  struct{ Next struct{ After string } }
		}
		call(t, "GET", s.URL()+"/hubspot/crm/v3/objects/contacts?limit=10&after="+after, "", &page)
		for _, c := range page.Results {
			contacts[c.ID] = true
		}
		after = page.Paging.Next.After
	}
	assert.Len(t, contacts, 25)

	var posted, refused map[string]any
	call(t, "POST", s.URL()+"/slack/chat.postMessage", `{"channel":"#general","text":"hi"}`, &posted)
	assert.Equal(t, true, posted["ok"])
	assert.Equal(t, 200, call(t, "POST", s.URL()+"/slack/chat.postMessage", `{"text":"hi"}`, &refused).StatusCode)
	assert.Equal(t, "channel_not_found", refused["error"])
}

func TestItKeepsWhatCameAndGivesAnswersInTurn(t *testing.T) {
	s := started(t)
	s.Answer("/a", fakeapi.Status(503), fakeapi.Answer{Body: []byte("abcdef"), Chunked: true, ChunkSize: 4})
	assert.Equal(t, 503, call(t, "PUT", s.URL()+"/a%2Fb?x=1", "body", nil).StatusCode)
	assert.Equal(t, 200, call(t, "GET", s.URL()+"/a", "", nil).StatusCode)
	assert.Equal(t, 404, call(t, "GET", s.URL()+"/none", "", nil).StatusCode)
	first := s.Requests()[0]
	assert.Equal(t, "/a%2Fb?x=1", first.Target)
	assert.Equal(t, "body", string(first.Body))
	assert.True(t, strings.HasPrefix(string(first.Raw), "PUT /a%2Fb?x=1 HTTP/1.1\r\n"))
	assert.Equal(t, 2, s.Count("/a"))
	s.Forget()
	assert.Nil(t, s.Last())
}
