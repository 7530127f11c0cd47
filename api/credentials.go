package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	causeway "github.com/causeway-dev/causeway"
)

// credentialsBody are credentials as they are imported. Which fields belong to them depends on their type.
type credentialsBody map[string]json.RawMessage

// textField is a field of imported credentials; its bounds are in characters.
type textField struct {
	name      string
	low, high int
	optional  bool
}

// unbounded is the length of fields for which only the body's size is a limit.
const unbounded = math.MaxInt

// importable are the fields of the credentials that can be imported, by type.
var importable = map[causeway.AuthMode][]textField{
	causeway.AuthOAuth2: {{"access_token", 1, 16384, false}, {"refresh_token", 1, 16384, true}},
	causeway.AuthOAuth2CC: {
		{"token", 1, 4096, false}, {"client_id", 1, 255, false}, {"client_secret", 1, 2048, false},
		{"client_certificate", 1, 10_000, true}, {"client_private_key", 1, 10_000, true},
	},
	causeway.AuthOAuth1: {{"oauth_token", 1, 2048, false}, {"oauth_token_secret", 1, 2048, false}},
	causeway.AuthAPIKey: {{"apiKey", 1, 1024, false}},
	causeway.AuthBasic:  {{"username", 0, 1024, false}, {"password", 0, 1024, false}},
	causeway.AuthTBA:    {{"token_id", 1, unbounded, false}, {"token_secret", 1, unbounded, false}},
	causeway.AuthNone:   {},
}

// appOverride are the fields with which one connection brings a developer app of its own.
var appOverride = []textField{{"client_id", 1, 255, true}, {"client_secret", 1, 2048, true}}

// credentials checks a body and makes the stored object from it, with the time at which it ends.
func (b credentialsBody) credentials(found *issues) (causeway.Credentials, *time.Time) {
	var kind causeway.AuthMode
	if err := json.Unmarshal(b["type"], &kind); err != nil {
		found.add("invalid_union", "invalid credentials object", "credentials")
		return nil, nil
	}
	fields, ok := importable[kind]
	if !ok {
		found.add("invalid_union", "invalid credentials object: credentials of this type can't be imported", "credentials")
		return nil, nil
	}
	out := causeway.Credentials{"type": string(kind)}
	rest := maps.Clone(b)
	delete(rest, "type")
	path := []string{"credentials"}
	readTexts(rest, fields, path, out, found)
	var expires *time.Time
	if kind == causeway.AuthOAuth2 || kind == causeway.AuthOAuth2CC {
		expires = readDate(rest["expires_at"], append(path, "expires_at"), found)
		delete(rest, "expires_at")
	}
	if kind == causeway.AuthOAuth2 || kind == causeway.AuthTBA {
		readOverride(rest, append(path, "config_override"), out, found)
		delete(rest, "config_override")
	}
	if len(rest) > 0 {
		found.add("unrecognized_keys", unrecognized(slices.Sorted(maps.Keys(rest))), path...)
	}
	if kind == causeway.AuthOAuth2 || kind == causeway.AuthOAuth2CC || kind == causeway.AuthOAuth1 {
		out["raw"] = map[string]any{}
	}
	if expires != nil {
		out["expires_at"] = expires.UTC().Format(causeway.TimeZ)
	}
	return out, expires
}

// readTexts moves fields from a body into out.
func readTexts(from map[string]json.RawMessage, fields []textField, path []string, out map[string]any, found *issues) {
	for _, f := range fields {
		at := append(slices.Clone(path), f.name)
		raw, given := from[f.name]
		delete(from, f.name)
		if !given {
			found.check(f.optional, "invalid_type", "Invalid input: expected string, received undefined", at...)
			continue
		}
		var text string
		if raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
			found.add("invalid_type", "Invalid input: expected string", at...)
			continue
		}
		n := utf8.RuneCountInString(text)
		found.check(n >= f.low, "too_small", fmt.Sprintf("Too small: expected string to have >=%d characters", f.low), at...)
		found.check(n <= f.high, "too_big", fmt.Sprintf("Too big: expected string to have <=%d characters", f.high), at...)
		out[f.name] = text
	}
}

func readOverride(from map[string]json.RawMessage, path []string, out map[string]any, found *issues) {
	raw, given := from["config_override"]
	if !given {
		return
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object == nil {
		found.add("invalid_type", "Invalid input: expected object", path...)
		return
	}
	override := map[string]any{}
	readTexts(object, appOverride, path, override, found)
	if len(object) > 0 {
		found.add("unrecognized_keys", unrecognized(slices.Sorted(maps.Keys(object))), path...)
	}
	if len(override) > 0 {
		out["config_override"] = override
	}
}

// dates are the forms of dates that JavaScript reads and people send.
var dates = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", time.DateOnly, time.RFC1123, time.RFC1123Z}

// readDate reads a date as JavaScript would: a text, or milliseconds since 1970. Absent or null: none.
func readDate(raw json.RawMessage, path []string, found *issues) *time.Time {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	const furthest = 8.64e15 // milliseconds, ECMAScript's range of time values
	var (
		ms   float64
		text string
	)
	if json.Unmarshal(raw, &ms) == nil {
		if math.Abs(ms) <= furthest {
			t := time.UnixMilli(int64(ms))
			return &t
		}
	} else if json.Unmarshal(raw, &text) == nil {
		for _, layout := range dates {
			if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
				return &t
			}
		}
	}
	found.add("invalid_type", "Invalid input: expected date, received Invalid Date", path...)
	return nil
}
