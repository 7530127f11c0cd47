package proxy

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/causeway-dev/causeway/providers"
)

const (
	firstBackOff   = 3 * time.Second
	longestBackOff = 10 * time.Minute
	// maxErrorBody is how much of an error's body is searched for a wait.
	maxErrorBody = 64 << 10
)

// decision says whether another attempt follows, why, and after which wait.
type decision struct {
	again  bool
	reason string
	wait   time.Duration
}

var final = decision{reason: "not_retryable"}

// decide judges an attempt. Beyond the cap of waits the answer is given at once, with the provider's own headers.
func (p *Proxy) decide(ctx context.Context, provider *providers.Provider, call *Call, resp *Response, err error, n int, waited time.Duration) decision {
	if n >= call.Retries || ctx.Err() != nil || err == nil && resp.Status < 300 {
		return final
	}
	d := p.judge(&provider.Proxy.Retry, call, resp, err, n)
	limit := p.WaitAPI - waited
	if call.Script {
		limit = p.WaitScript
	}
	if d.again && d.wait > limit {
		return decision{reason: "wait_too_long", wait: d.wait}
	}
	return d
}

func (p *Proxy) judge(rules *providers.Retry, call *Call, resp *Response, err error, n int) decision {
	if err != nil {
		if network, ok := err.(*NetworkError); !ok || !retryableCodes[network.Code] { //nolint:errorlint // send returns it as it is
			return final
		}
		return decision{again: true, reason: "network_error", wait: backOff(n)}
	}
	var errorBody []byte
	if resp.Status >= 400 && (rules.InBody != nil || slices.ContainsFunc(rules.RateLimits, func(l providers.RateLimit) bool { return l.Status == resp.Status && l.Body != nil })) {
		errorBody = peek(resp, maxErrorBody)
	}
	reason, least := retryReason(rules, call.RetryOn, resp.Status, resp.Header, errorBody)
	if reason == "" {
		return final
	}
	d := decision{again: true, reason: reason}
	if wait, from, ok := p.told(rules, call, resp.Header, errorBody); ok {
		d.wait, d.reason = wait, from
		return d
	}
	d.wait = max(backOff(n), least)
	return d
}

// retryReason says why an answer is worth another attempt, and the least wait that this reason asks for; "": it isn't.
func retryReason(rules *providers.Retry, retryOn []int, status int, h http.Header, body []byte) (reason string, least time.Duration) {
	if rules.Codes != nil {
		for _, c := range rules.Codes {
			if status >= c.From && status <= c.To {
				return "provider_error_code_" + c.Text, 0
			}
		}
	}
	for _, l := range rules.RateLimits {
		if l.Status == status && (l.Header == "" || h.Get(l.Header) != "") && (l.Body == nil || l.Body.Match(body)) {
			return "rate_limit", time.Duration(l.WaitSec) * time.Second
		}
	}
	if rules.Codes == nil && (status >= 500 || status == http.StatusTooManyRequests || status == http.StatusUnauthorized) {
		return "status_code_" + strconv.Itoa(status), 0
	}
	if slices.Contains(retryOn, status) {
		return "retry_on_" + strconv.Itoa(status), 0
	}
	// A header that is on every answer says nothing about a page that isn't there: it counts only with a status that can mean a limit.
	if rules.Remaining != "" && h.Get(rules.Remaining) == "0" {
		switch status {
		case http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable:
			return "remaining", 0
		}
	}
	return "", 0
}

// told is the wait that somebody asks for: the caller's headers, the provider's, the standard one, the error's body.
func (p *Proxy) told(rules *providers.Retry, call *Call, h http.Header, body []byte) (wait time.Duration, from string, ok bool) {
	if wait, ok := longest(h, call.RetryAt, p.until); ok {
		return wait, "custom_at", true
	}
	if wait, ok := longest(h, call.RetryAfter, p.after); ok {
		return wait, "custom_after", true
	}
	// A reset time stands on answers of every kind; with calls remaining it isn't what stopped this one.
	left := rules.Remaining != "" && h.Get(rules.Remaining) != "" && h.Get(rules.Remaining) != "0"
	if wait, ok := longest(h, rules.At, p.until); ok && !left {
		return wait, "preconfigured_at", true
	}
	if wait, ok := longest(h, rules.After, p.after); ok {
		return wait, "preconfigured_after", true
	}
	if wait, ok := p.inBody(rules.InBody, body); ok {
		return wait, "preconfigured_in_body:" + map[bool]string{true: "at", false: "after"}[rules.InBody.At], true
	}
	if wait, ok := longest(h, []string{"Retry-After"}, p.after); ok { // RFC 9110 §10.2.3
		return wait, "retry_after", true
	}
	return 0, "", false
}

// longest reads all lines of all headers; several waits: the longest.
func longest(h http.Header, names []string, read func(string) (time.Duration, bool)) (wait time.Duration, found bool) {
	for _, name := range names {
		for _, v := range h.Values(name) {
			if w, ok := read(v); ok {
				found, wait = true, max(wait, w)
			}
		}
	}
	return wait, found
}

func (p *Proxy) inBody(rule *providers.InBody, body []byte) (time.Duration, bool) {
	if rule == nil || len(body) == 0 {
		return 0, false
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return 0, false
	}
	for _, name := range rule.Path {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(at) {
				return 0, false
			}
			v = at[i]
		default:
			return 0, false
		}
	}
	text, ok := v.(string)
	if !ok {
		return 0, false
	}
	found := rule.Value.FindStringSubmatch(text)
	if len(found) < 2 {
		return 0, false
	}
	if rule.At {
		return p.until(found[1])
	}
	return p.after(found[1])
}

func backOff(n int) time.Duration {
	if n > 8 {
		return longestBackOff
	}
	return min(firstBackOff<<n, longestBackOff)
}

// after reads a wait in the shapes in which it comes: seconds, also with a fraction or a unit, a moment as a number (above 10⁹), or a date.
// Anything else, and what is negative or past, says nothing.
func (p *Proxy) after(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	unit, number := time.Second, text
	if rest, ok := strings.CutSuffix(text, "ms"); ok {
		unit, number = time.Millisecond, rest
	} else if rest, ok := strings.CutSuffix(text, "s"); ok {
		number = rest
	}
	n, ok := plainNumber(strings.TrimSpace(number))
	switch {
	case !ok:
		return p.until(text)
	case n >= 1e9 && number == text:
		return p.until(text)
	case n >= 1e9:
		return 0, false
	}
	return time.Duration(n * float64(unit)), true
}

// until reads a moment: seconds or milliseconds since 1970, or a date.
func (p *Proxy) until(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	var at time.Time
	if n, ok := plainNumber(text); ok {
		const year1971 = 365 * 24 * 3600 * 1000 // as milliseconds; as seconds it lies in the year 2969
		switch {
		case n >= 1e15:
			return 0, false
		case n > year1971:
			at = time.UnixMilli(int64(n))
		default:
			at = time.UnixMilli(int64(n * 1000))
		}
	} else if at, ok = date(text); !ok {
		return 0, false
	}
	wait := at.Sub(p.Now())
	return wait, wait > 0
}

// plainNumber is a decimal number without sign, exponent or name.
func plainNumber(text string) (float64, bool) {
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

func date(text string) (time.Time, bool) {
	if at, err := http.ParseTime(text); err == nil {
		return at, true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.RFC1123Z} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
