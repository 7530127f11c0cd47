package api

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	causeway "github.com/causeway-dev/causeway"
)

type endUserBody struct {
	ID          string            `json:"id"`
	Email       string            `json:"email"`
	DisplayName string            `json:"display_name"`
	Tags        map[string]string `json:"tags"`
}

const maxTags = 10

var (
	tagKey = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_\-./]{0,63}$`)
	email  = regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`)
)

// checkTags lower-cases the keys of tags and says what is wrong with them.
func checkTags(tags map[string]string, found *issues) map[string]string {
	found.check(len(tags) <= maxTags, "too_big", fmt.Sprintf("Too big: expected object to have <=%d keys", maxTags), "tags")
	out := make(map[string]string, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		v, low := tags[k], strings.ToLower(k)
		_, twice := out[low]
		found.check(!twice, "custom", "two tags differ only by case", "tags", k)
		found.check(tagKey.MatchString(k), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z][a-zA-Z0-9_\\-./]*$/, at most 64 characters", "tags", k)
		checkLength(v, 1, 255, found, "tags", k)
		found.check(storable(v), "invalid_format", badTextMessage, "tags", k)
		found.check(low != "end_user_email" || isEmail(v), "invalid_format", "Invalid email address", "tags", k)
		out[low] = v
	}
	return out
}

// checkLength reports a text that has too few or too many characters.
func checkLength(v string, low, high int, found *issues, path ...string) {
	n := utf8.RuneCountInString(v)
	found.check(n >= low, "too_small", fmt.Sprintf("Too small: expected string to have >=%d characters", low), path...)
	found.check(n <= high, "too_big", fmt.Sprintf("Too big: expected string to have <=%d characters", high), path...)
}

func isEmail(v string) bool { return len(v) >= 5 && email.MatchString(v) }

func (u *endUserBody) endUser(found *issues) *causeway.EndUser {
	if u == nil {
		return nil
	}
	checkLength(u.ID, 1, 255, found, "end_user", "id")
	found.check(u.Email == "" || isEmail(u.Email), "invalid_format", "Invalid email address", "end_user", "email")
	checkLength(u.DisplayName, 0, 255, found, "end_user", "display_name")
	for _, k := range slices.Sorted(maps.Keys(u.Tags)) {
		found.check(tagKey.MatchString(k), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z][a-zA-Z0-9_\\-./]*$/, at most 64 characters", "end_user", "tags", k)
		checkLength(u.Tags[k], 0, 255, found, "end_user", "tags", k)
	}
	return &causeway.EndUser{EndUserID: u.ID, Email: u.Email, DisplayName: u.DisplayName, Tags: u.Tags}
}

// mergedTags puts explicit tags over those that follow from the end user: what is known of the user, and the user's own tags unless
// that would be too many.
func mergedTags(explicit map[string]string, u *causeway.EndUser, found *issues) map[string]string {
	out := map[string]string{}
	if u != nil {
		for k, v := range map[string]string{"end_user_id": u.EndUserID, "end_user_email": u.Email, "end_user_display_name": u.DisplayName} {
			if v != "" {
				out[k] = v
			}
		}
		withTheirs := maps.Clone(out)
		for k, v := range u.Tags {
			if v != "" {
				withTheirs[strings.ToLower(k)] = v
			}
		}
		if len(withTheirs) <= maxTags {
			out = withTheirs
		}
	}
	maps.Copy(out, explicit)
	found.check(len(out) <= maxTags || len(explicit) > maxTags, "too_big", fmt.Sprintf("Too big: expected object to have <=%d keys, with those of the end user", maxTags), "tags")
	return out
}

// checkWebhookURL says what is wrong with the address that replaces the environment's own; empty: there is none. Deliveries go through
// the egress policy, whatever is stored.
func checkWebhookURL(address *string, found *issues) {
	if address == nil || *address == "" {
		return
	}
	u, err := url.Parse(*address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !storable(*address) {
		found.add("invalid_format", "Invalid URL", "webhook_url_override")
		return
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	found.check(host != "nango.dev" && !strings.HasSuffix(host, ".nango.dev"), "custom", "the host may not be one of the platform", "webhook_url_override")
}
