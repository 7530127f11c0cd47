package fakeapi

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Vendors holds what the vendors' endpoints answer with: GitHub below /github, HubSpot below /hubspot, Slack below /slack. Each wants a bearer
// token, any one. Its methods are what people do in those products meanwhile.
type Vendors struct {
	server *Server

	mu          sync.Mutex
	issues      []issue           // GitHub's by number, from 1; the same in each repository
	contacts    []contact         // HubSpot's by id, ascending
	deactivated map[int]bool      // users of Slack
	posted      int               // messages to Slack
	instead     map[string]Answer // by a part of the request's target
}

// Vendors adds the vendors' endpoints that the examples use.
func (s *Server) Vendors(issues, contacts int) *Vendors {
	v := &Vendors{server: s, deactivated: map[int]bool{slackUsers: true}, instead: map[string]Answer{}}
	for n := 1; n <= issues; n++ {
		v.issues = append(v.issues, newIssue(n))
	}
	for i := range contacts {
		v.contacts = append(v.contacts, newContact(i))
	}
	s.Handle("/github/repos/", v.authorized(v.github, JSON(401, `{"message":"Requires authentication","documentation_url":"https://docs.github.com/rest","status":"401"}`)))
	s.Handle("/hubspot/crm/v3/objects/contacts", v.authorized(v.hubspot,
		JSON(401, `{"status":"error","message":"Authentication credentials not found.","category":"INVALID_AUTHENTICATION"}`)))
	refused := JSON(200, `{"ok":false,"error":"not_authed"}`)
	s.Handle("/slack/users.list", v.authorized(v.slackListUsers, refused))
	s.Handle("/slack/chat.postMessage", v.authorized(v.slackPostMessage, refused))
	return v
}

// Instead gives another answer to the next request whose target contains a text.
func (v *Vendors) Instead(text string, a Answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.instead[text] = a
}

func (v *Vendors) authorized(h Handler, refusal Answer) Handler {
	return func(r *Request) Answer {
		if !strings.HasPrefix(r.Get("Authorization"), "Bearer ") {
			return refusal
		}
		if a, ok := v.takeInstead(r); ok {
			return a
		}
		return h(r)
	}
}

func (v *Vendors) takeInstead(r *Request) (Answer, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for text, a := range v.instead {
		if strings.Contains(r.Target, text) {
			delete(v.instead, text)
			return a, true
		}
	}
	return Answer{}, false
}

func number(q url.Values, name string, standard, most int) int {
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 1 {
		return standard
	}
	return min(n, most)
}

// moment is a time that grows with n, a minute each: no two things of the fake change at once.
func moment(n int) time.Time {
	return time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC).Add(time.Duration(n) * time.Minute)
}

func answerJSON(status int, body any, header ...string) Answer {
	raw, err := json.Marshal(body)
	if err != nil {
		return JSON(500, `{}`)
	}
	return JSON(status, string(raw), header...)
}
