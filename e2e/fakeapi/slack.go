package fakeapi

import (
	"encoding/json"
	"fmt"
	"strings"
)

// slackPostMessage answers POST /chat.postMessage. Slack's failures are 200 too.
func (v *Vendors) slackPostMessage(r *Request) Answer {
	var in struct{ Channel, Text string }
	switch {
	case !strings.HasPrefix(r.Get("Authorization"), "Bearer "):
		return JSON(200, `{"ok":false,"error":"not_authed"}`)
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
