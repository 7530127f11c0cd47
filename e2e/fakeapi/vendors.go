package fakeapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Vendors adds the vendors' endpoints that the examples use: GitHub below /github, HubSpot below /hubspot, Slack below /slack. Each wants a
// bearer token, any one.
func (s *Server) Vendors(issues, contacts int) {
	s.Handle("/github/repos/", authorized(func(r *Request) Answer { return s.githubIssues(r, issues) }, `{"message":"Requires authentication","status":"401"}`))
	s.Handle("/hubspot/crm/v3/objects/contacts", authorized(func(r *Request) Answer { return hubspotContacts(r, contacts) },
		`{"status":"error","message":"Authentication credentials not found.","category":"INVALID_AUTHENTICATION"}`))
	s.Handle("/slack/chat.postMessage", slackPostMessage)
}

func authorized(h Handler, refusal string) Handler {
	return func(r *Request) Answer {
		if !strings.HasPrefix(r.Get("Authorization"), "Bearer ") {
			return JSON(401, refusal)
		}
		return h(r)
	}
}

func number(q url.Values, name string, standard, most int) int {
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 1 {
		return standard
	}
	return min(n, most)
}

// githubIssues answers GET /repos/{owner}/{repo}/issues in pages with a Link header.
func (s *Server) githubIssues(r *Request, total int) Answer {
	parts := strings.Split(strings.TrimPrefix(r.Path(), "/github/repos/"), "/")
	if len(parts) != 3 || parts[2] != "issues" || r.Method != "GET" {
		return JSON(404, `{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}`)
	}
	q, err := url.ParseQuery(r.Query())
	if err != nil {
		return JSON(422, `{"message":"Validation Failed"}`)
	}
	size, page := number(q, "per_page", 30, 100), number(q, "page", 1, 1<<30)
	pages := max((total+size-1)/size, 1)
	items := []map[string]any{}
	for i := (page - 1) * size; i < min(page*size, total); i++ {
		items = append(items, githubIssue(parts[0], parts[1], i+1))
	}
	links := []string{}
	link := func(to int, rel string) {
		next := url.Values{}
		for k, v := range q {
			next[k] = v
		}
		next.Set("page", strconv.Itoa(to))
		links = append(links, fmt.Sprintf("<%s%s?%s>; rel=%q", s.URL(), r.Path(), next.Encode(), rel))
	}
	if page > 1 {
		link(page-1, "prev")
	}
	if page < pages {
		link(page+1, "next")
		link(pages, "last")
	}
	if page > 1 {
		link(1, "first")
	}
	a := answerJSON(200, items, "X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4999", "X-RateLimit-Reset", "1893456000")
	if len(links) > 0 {
		a.Header = append(a.Header, Line{"Link", strings.Join(links, ", ")})
	}
	return a
}

func githubIssue(owner, repo string, n int) map[string]any {
	issue := map[string]any{
		"id": 1_000_000_000 + n, "node_id": fmt.Sprintf("I_%06d", n), "number": n, "title": fmt.Sprintf("Issue %d", n), "state": []string{"open", "closed"}[n%2],
		"body": fmt.Sprintf("What happened in case %d.", n), "user": map[string]any{"login": fmt.Sprintf("user%d", n%7), "id": n % 7}, "comments": n % 5,
		"labels": []any{map[string]any{"id": 1, "name": "bug", "color": "d73a4a"}}, "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-02-03T04:05:06Z",
		"html_url": fmt.Sprintf("https://github.com/%s/%s/issues/%d", owner, repo, n),
	}
	if n%10 == 0 { // pull requests are issues too
		issue["pull_request"] = map[string]any{"url": fmt.Sprintf("https://api.github.com/repos/%s/%s/pulls/%d", owner, repo, n)}
	}
	return issue
}

// hubspotContacts answers GET /crm/v3/objects/contacts with cursors.
func hubspotContacts(r *Request, total int) Answer {
	q, err := url.ParseQuery(r.Query())
	if err != nil || r.Method != "GET" {
		return JSON(400, `{"status":"error","message":"Bad request"}`)
	}
	size, after := number(q, "limit", 10, 100), number(q, "after", 0, 1<<30)
	results := []map[string]any{}
	for i := after; i < min(after+size, total); i++ {
		results = append(results, map[string]any{
			"id": strconv.Itoa(101 + i), "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-02-03T04:05:06.789Z", "archived": false,
			"properties": map[string]any{"firstname": fmt.Sprintf("First%d", i), "lastname": "Last", "email": fmt.Sprintf("c%d@example.test", i), "hs_object_id": strconv.Itoa(101 + i)},
		})
	}
	body := map[string]any{"results": results}
	if after+size < total {
		body["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(after + size), "link": "https://api.hubapi.com/crm/v3/objects/contacts?after=" + strconv.Itoa(after+size)}}
	}
	return answerJSON(200, body, "X-HubSpot-RateLimit-Remaining", "99")
}

// slackPostMessage answers POST /chat.postMessage. Slack's failures are 200 too.
func slackPostMessage(r *Request) Answer {
	var in struct{ Channel, Text string }
	switch {
	case !strings.HasPrefix(r.Get("Authorization"), "Bearer "):
		return JSON(200, `{"ok":false,"error":"not_authed"}`)
	case json.Unmarshal(r.Body, &in) != nil:
		return JSON(200, `{"ok":false,"error":"invalid_json"}`)
	case in.Channel == "":
		return JSON(200, `{"ok":false,"error":"channel_not_found"}`)
	case in.Text == "":
		return JSON(200, `{"ok":false,"error":"no_text"}`)
	}
	return answerJSON(200, map[string]any{
		"ok": true, "channel": "C0123456789", "ts": "1764000000.000100",
		"message": map[string]any{"type": "message", "subtype": "bot_message", "text": in.Text, "ts": "1764000000.000100", "bot_id": "B0123456789"},
	})
}

func answerJSON(status int, body any, header ...string) Answer {
	raw, err := json.Marshal(body)
	if err != nil {
		return JSON(500, `{}`)
	}
	return JSON(status, string(raw), header...)
}
