package fakeapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

// slackUsers is how many users the workspace has had, the last of them deactivated.
const slackUsers = 450

// Deactivate is an administrator's deactivation of the user with a number, from 1: lists show it as deleted.
func (v *Vendors) Deactivate(user int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.deactivated[user] = true
}

// slackListUsers answers GET /users.list. The cursor is the number before that of the first user on the page.
func (v *Vendors) slackListUsers(r *Request) Answer {
	q, err := url.ParseQuery(r.Query())
	if err != nil {
		return JSON(200, `{"ok":false,"error":"invalid_arguments"}`)
	}
	size, from := number(q, "limit", 100, 1000), number(q, "cursor", 0, slackUsers)
	v.mu.Lock()
	defer v.mu.Unlock()
	members := []map[string]any{}
	for n := from + 1; n <= min(from+size, slackUsers); n++ {
		members = append(members, map[string]any{
			"id": fmt.Sprintf("U%010d", n), "team_id": "T0123456789", "name": fmt.Sprintf("user%d", n), "deleted": v.deactivated[n], "tz": "Europe/Paris",
			"is_admin": n == 1, "is_bot": false, "updated": 1764000000 + n,
			"profile": map[string]any{"real_name": fmt.Sprintf("User %d", n), "email": fmt.Sprintf("u%d@example.test", n), "title": ""},
		})
	}
	next := ""
	if from+size < slackUsers {
		next = strconv.Itoa(from + size)
	}
	return answerJSON(200, map[string]any{"ok": true, "members": members, "cache_ts": 1764000000, "response_metadata": map[string]any{"next_cursor": next}})
}

// slackPostMessage answers POST /chat.postMessage. Slack's failures are 200 too.
func (v *Vendors) slackPostMessage(r *Request) Answer {
	var in struct{ Channel, Text string }
	switch {
	case json.Unmarshal(r.Body, &in) != nil:
		return JSON(200, `{"ok":false,"error":"invalid_json"}`)
	case in.Channel == "":
		return JSON(200, `{"ok":false,"error":"channel_not_found"}`)
	case in.Channel == "C0PRIVATE":
		return JSON(200, `{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"identify"}`)
	case in.Text == "":
		return JSON(200, `{"ok":false,"error":"no_text"}`)
	}
	v.mu.Lock()
	v.posted++
	ts := fmt.Sprintf("1764000000.%06d", 100*v.posted)
	v.mu.Unlock()
	return answerJSON(200, map[string]any{
		"ok": true, "channel": "C0123456789", "ts": ts,
		"message": map[string]any{"type": "message", "subtype": "bot_message", "text": in.Text, "ts": ts, "bot_id": "B0123456789"},
	})
}
