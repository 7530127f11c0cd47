package fakeapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// longestTitle is GitHub's, in characters.
const longestTitle = 256

type issue struct {
	number  int
	title   string
	body    *string
	labels  []string
	state   string
	pull    bool
	updated time.Time
}

func newIssue(n int) issue {
	body := fmt.Sprintf("What happened in case %d.", n)
	return issue{
		number: n, title: fmt.Sprintf("Issue %d", n), body: &body, labels: []string{"bug"}, state: []string{"open", "closed"}[n%2],
		pull: n%10 == 0, updated: moment(n), // pull requests are issues too
	}
}

// RetitleIssue is somebody's edit of an issue: it becomes the one that was changed last.
func (v *Vendors) RetitleIssue(number int, title string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.issues[number-1].title, v.issues[number-1].updated = title, v.latest().Add(time.Minute)
}

// latest is when an issue was changed last.
func (v *Vendors) latest() time.Time {
	last := moment(0)
	for i := range v.issues {
		if v.issues[i].updated.After(last) {
			last = v.issues[i].updated
		}
	}
	return last
}

// github answers for /repos/{owner}/{repo}/issues. Each repository exists but one that is called missing.
func (v *Vendors) github(r *Request) Answer {
	parts := strings.Split(strings.TrimPrefix(r.Path(), "/github/repos/"), "/")
	if len(parts) != 3 || parts[1] == "missing" || parts[2] != "issues" || r.Method != "GET" && r.Method != "POST" {
		return JSON(404, `{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}`)
	}
	if r.Method == "POST" {
		return v.createIssue(r, parts[0], parts[1])
	}
	return v.listIssues(r, parts[0], parts[1])
}

// createIssue answers POST as https://docs.github.com/en/rest/issues/issues#create-an-issue says.
func (v *Vendors) createIssue(r *Request, owner, repo string) Answer {
	const docs = `"documentation_url":"https://docs.github.com/rest/issues/issues#create-an-issue"`
	var in struct {
		Title  *string
		Body   *string
		Labels []string
	}
	switch {
	case json.Unmarshal(r.Body, &in) != nil:
		return JSON(400, `{"message":"Problems parsing JSON",`+docs+`,"status":"400"}`)
	case in.Title == nil:
		return JSON(422, `{"message":"Invalid request.\n\n\"title\" wasn't supplied.",`+docs+`,"status":"422"}`)
	case utf8.RuneCountInString(*in.Title) > longestTitle:
		return JSON(422, `{"message":"Validation Failed","errors":[{"resource":"Issue","code":"custom","field":"title","message":"title is too long (maximum is 256 characters)"}],`+
			docs+`,"status":"422"}`)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	created := issue{number: len(v.issues) + 1, title: *in.Title, body: in.Body, labels: in.Labels, state: "open", updated: v.latest().Add(time.Minute)}
	v.issues = append(v.issues, created)
	return answerJSON(201, created.json(owner, repo), "X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4998")
}

// listIssues answers GET in pages with a Link header, as https://docs.github.com/en/rest/issues/issues#list-repository-issues says.
func (v *Vendors) listIssues(r *Request, owner, repo string) Answer {
	q, err := url.ParseQuery(r.Query())
	if err != nil {
		return JSON(422, `{"message":"Validation Failed"}`)
	}
	chosen, err := v.chosenIssues(q)
	if err != nil {
		return JSON(422, `{"message":"Validation Failed","errors":[{"resource":"Issue","field":"since","code":"invalid"}]}`)
	}
	size, page := number(q, "per_page", 30, 100), number(q, "page", 1, 1<<30)
	pages := max((len(chosen)+size-1)/size, 1)
	items := []map[string]any{}
	for i := (page - 1) * size; i < min(page*size, len(chosen)); i++ {
		items = append(items, chosen[i].json(owner, repo))
	}
	a := answerJSON(200, items, "X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4999", "X-RateLimit-Reset", "1893456000")
	if links := v.links(r, q, page, pages); links != "" {
		a.Header = append(a.Header, Line{"Link", links})
	}
	return a
}

// chosenIssues filters and sorts: the newest first unless the query says otherwise; since includes its moment.
func (v *Vendors) chosenIssues(q url.Values) ([]issue, error) {
	var since time.Time
	if text := q.Get("since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, err
		}
	}
	state := q.Get("state")
	if state == "" {
		state = "open"
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	chosen := []issue{}
	for _, i := range v.issues {
		if (state == "all" || state == i.state) && !i.updated.Before(since) {
			chosen = append(chosen, i)
		}
	}
	slices.SortStableFunc(chosen, func(a, b issue) int {
		order := a.number - b.number
		if q.Get("sort") == "updated" {
			order = a.updated.Compare(b.updated)
		}
		if q.Get("direction") != "asc" {
			order = -order
		}
		return order
	})
	return chosen, nil
}

func (v *Vendors) links(r *Request, q url.Values, page, pages int) string {
	var links []string
	link := func(to int, rel string) {
		target := url.Values{}
		for k, v := range q {
			target[k] = v
		}
		target.Set("page", strconv.Itoa(to))
		links = append(links, fmt.Sprintf("<%s%s?%s>; rel=%q", v.server.URL(), r.Path(), target.Encode(), rel))
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
	return strings.Join(links, ", ")
}

// json is the issue as GitHub shows it.
func (i *issue) json(owner, repo string) map[string]any {
	labels := []any{}
	for n, name := range i.labels {
		labels = append(labels, map[string]any{"id": n + 1, "name": name, "color": "d73a4a"})
	}
	out := map[string]any{
		"id": 1_000_000_000 + i.number, "node_id": fmt.Sprintf("I_%06d", i.number), "number": i.number, "title": i.title, "state": i.state, "body": i.body,
		"user": map[string]any{"login": fmt.Sprintf("user%d", i.number%7), "id": i.number % 7}, "comments": i.number % 5, "labels": labels,
		"created_at": "2026-01-02T03:04:05Z", "updated_at": i.updated.Format(time.RFC3339), "closed_at": nil,
		"html_url": fmt.Sprintf("https://github.com/%s/%s/issues/%d", owner, repo, i.number),
	}
	if i.state == "closed" {
		out["closed_at"] = i.updated.Format(time.RFC3339)
	}
	if i.pull {
		out["pull_request"] = map[string]any{"url": fmt.Sprintf("https://api.github.com/repos/%s/%s/pulls/%d", owner, repo, i.number)}
	}
	return out
}
