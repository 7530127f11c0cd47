package proxy

import (
	"math"
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
	// moment is the number from which a wait is a moment in seconds since 1970, and not a number of seconds to wait.
	moment = 1e9
)

// again says whether an attempt is followed by another, and after which wait.
func (p *Proxy) again(provider *providers.Provider, call *Call, resp *Response, err error, n int, waited time.Duration) (bool, time.Duration) {
	if n >= call.Retries || !p.retryable(provider, call, resp, err) {
		return false, 0
	}
	wait := p.wait(provider, call, resp, n)
	limit := p.WaitAPI - waited
	if call.Script {
		limit = p.WaitScript
	}
	if wait > limit {
		return false, 0 // nobody waits so long: the answer is given at once, with the provider's own headers
	}
	return true, wait
}

func (p *Proxy) retryable(provider *providers.Provider, call *Call, resp *Response, err error) bool {
	if err != nil {
		network, ok := asNetwork(err)
		return ok && retryableCodes[network.Code]
	}
	status := resp.Status
	if status < 300 {
		return false
	}
	if slices.Contains(call.RetryOn, status) {
		return true
	}
	rules := provider.Proxy.Retry
	if len(rules.Codes) > 0 {
		if slices.ContainsFunc(rules.Codes, func(rule string) bool { return matches(rule, status) }) {
			return true
		}
	} else if status >= 500 || status == http.StatusTooManyRequests {
		return true
	}
	// Some providers say "slow down" with a status that means something else as well. It counts only together with a header that says so.
	if status == http.StatusForbidden {
		if rules.Remaining != "" && resp.Header.Get(rules.Remaining) == "0" {
			return true
		}
		return slices.ContainsFunc(rules.After, func(h string) bool { return resp.Header.Get(h) != "" })
	}
	return false
}

// matches compares a status with "403", "5xx" or "500-502".
func matches(rule string, status int) bool {
	if low, high, ok := strings.Cut(rule, "-"); ok {
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		return err1 == nil && err2 == nil && status >= from && status <= to
	}
	if family, ok := strings.CutSuffix(rule, "xx"); ok {
		return strconv.Itoa(status/100) == family
	}
	return rule == strconv.Itoa(status)
}

// wait is how long to wait before the next attempt: what the caller's headers say, else the provider's, else longer each time.
func (p *Proxy) wait(provider *providers.Provider, call *Call, resp *Response, n int) time.Duration {
	if resp != nil {
		for _, from := range []struct{ at, after []string }{{call.RetryAt, call.RetryAfter}, {provider.Proxy.Retry.At, provider.Proxy.Retry.After}} {
			if wait, ok := p.longest(resp.Header, from.at, from.after); ok {
				return wait
			}
		}
	}
	return min(time.Duration(float64(firstBackOff)*math.Pow(2, float64(n))), longestBackOff)
}

func (p *Proxy) longest(h http.Header, at, after []string) (longest time.Duration, found bool) {
	consider := func(values []string, read func(string) (time.Duration, bool)) {
		for _, v := range values {
			if wait, ok := read(v); ok {
				found, longest = true, max(longest, wait)
			}
		}
	}
	for _, name := range at {
		consider(h.Values(name), p.until)
	}
	for _, name := range after {
		consider(h.Values(name), p.after)
	}
	return longest, found
}

// after reads Retry-After in the shapes in which it comes: seconds, also broken ones and with a unit, a moment as a number, or a date.
// Anything else, and what is negative or past, says nothing.
func (p *Proxy) after(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseFloat(strings.TrimSuffix(text, "s"), 64); err == nil {
		switch {
		case n < 0 || math.IsNaN(n) || math.IsInf(n, 0):
			return 0, false
		case n >= moment:
			return p.until(text)
		default:
			return time.Duration(n * float64(time.Second)), true
		}
	}
	return p.until(text)
}

// until reads a moment: seconds or milliseconds since 1970, or a date.
func (p *Proxy) until(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	var at time.Time
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if n > 1e11 { // in seconds that would be the year 5138
			at = time.UnixMilli(int64(n))
		} else {
			at = time.UnixMilli(int64(n * 1000))
		}
	} else if t, err := http.ParseTime(text); err == nil {
		at = t
	} else if t, err := time.Parse(time.RFC3339, text); err == nil {
		at = t
	} else {
		return 0, false
	}
	wait := at.Sub(p.Now())
	return wait, wait > 0
}
