package proxy

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/e2e/fakeapi"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
)

func TestC031RetryAfterInAllShapes(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  time.Duration
	}{
		{"whole", []string{"2"}, 2 * time.Second},
		{"zero", []string{"0"}, 0},
		{"fraction", []string{"0.3"}, 300 * time.Millisecond},
		{"point zero", []string{"2.0"}, 2 * time.Second},
		{"a date ahead", []string{"Wed, 25 Nov 2026 12:00:03 GMT"}, 3 * time.Second},
		{"a date behind", []string{"Wed, 25 Nov 2026 11:00:03 GMT"}, firstBackOff},
		{"a word", []string{"soon"}, firstBackOff},
		{"negative", []string{"-5"}, firstBackOff},
		{"a moment", []string{strconv.FormatInt(time.Date(2026, 11, 25, 12, 0, 3, 0, time.UTC).Unix(), 10)}, 3 * time.Second},
		{"a unit", []string{"12s"}, 12 * time.Second},
		{"two lines", []string{"1", "3"}, 3 * time.Second},
		{"no number", []string{"NaN"}, firstBackOff},
		{"huge", []string{"1e400"}, firstBackOff},
		{"absent", nil, firstBackOff},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, nil)
			limited := fakeapi.Status(429)
			for _, line := range c.lines {
				limited.Header = append(limited.Header, fakeapi.Line{Name: "retry-after", Value: line})
			}
			b.fake.Answer("/x", limited, fakeapi.JSON(200, `{}`))
			call := b.call()
			call.Retries = 1
			resp, _ := b.answer(t, call)
			assert.Equal(t, 200, resp.Status)
			assert.Equal(t, []time.Duration{c.want}, b.waits)
		})
	}
}

func TestC032AWaitLongerThanAnyoneWaitsIsAnsweredAtOnce(t *testing.T) {
	for _, script := range []bool{false, true} {
		b := newBed(t, nil)
		b.fake.Answer("/x", fakeapi.JSON(429, `{"e":1}`, "Retry-After", "3600", "X-Limit", "9"))
		call := b.call()
		call.Retries, call.Script = 3, script
		resp, body := b.answer(t, call)
		assert.Equal(t, 429, resp.Status)
		assert.JSONEq(t, `{"e":1}`, body)
		assert.Equal(t, "3600", resp.Header.Get("Retry-After"))
		assert.Equal(t, 1, b.fake.Count("/x"))
		assert.Empty(t, b.waits)
	}
	t.Run("an API caller's waits count together, a script's one by one", func(t *testing.T) {
		b := newBed(t, nil)
		b.fake.Answer("/x", fakeapi.Status(429, "Retry-After", "20"))
		call := b.call()
		call.Retries = 3
		resp, _ := b.answer(t, call)
		assert.Equal(t, 429, resp.Status)
		assert.Equal(t, []time.Duration{20 * time.Second}, b.waits)
		call.Script = true
		b.answer(t, call)
		assert.Len(t, b.waits, 4)
	})
}

func TestC033A403ThatMeansSlowDown(t *testing.T) {
	reset := strconv.FormatInt(time.Date(2026, 11, 25, 12, 0, 7, 0, time.UTC).Unix(), 10)
	far := strconv.FormatInt(time.Date(2026, 11, 25, 12, 50, 0, 0, time.UTC).Unix(), 10)
	for _, c := range []struct {
		name   string
		answer fakeapi.Answer
		waits  []time.Duration
	}{
		{"retry-after", fakeapi.Status(403, "Retry-After", "2", "X-RateLimit-Remaining", "4000", "X-RateLimit-Reset", far), []time.Duration{2 * time.Second}},
		{"remaining 0", fakeapi.Status(403, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset), []time.Duration{7 * time.Second}},
		{"the body says it", fakeapi.JSON(403, `{"message":"You have exceeded a secondary rate limit."}`), []time.Duration{time.Minute}},
		{"no permission", fakeapi.JSON(403, `{"message":"Resource not accessible by integration"}`, "X-RateLimit-Remaining", "4000", "X-RateLimit-Reset", far), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
			require.NoError(t, err)
			t.Cleanup(fake.Close)
			catalog, err := providers.Load()
			require.NoError(t, err)
			b := bedWith(t, fake, catalog, egress.ClientOptions{})
			fake.Answer("/x", c.answer, fakeapi.JSON(200, `{}`))
			call := b.call()
			call.Connection.Provider, call.BaseURLOverride, call.Retries, call.Script = "github", fake.URL(), 2, true
			resp, body := b.answer(t, call)
			assert.Equal(t, c.waits, b.waits)
			if c.waits == nil {
				assert.Equal(t, 403, resp.Status)
				assert.Contains(t, body, "not accessible")
			} else {
				assert.Equal(t, 200, resp.Status)
			}
		})
	}
}

func TestC037RemainingZeroOnAnOrdinaryErrorMeansNothing(t *testing.T) {
	b := newBed(t, map[string]any{"retry": map[string]any{"remaining": "x-ratelimit-remaining", "at": "x-ratelimit-reset"}})
	for _, status := range []int{404, 200} {
		b.fake.Forget()
		b.fake.Answer("/x", fakeapi.JSON(status, `{}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1795608002"))
		call := b.call()
		call.Retries = 5
		resp, _ := b.answer(t, call)
		assert.Equal(t, status, resp.Status)
		assert.Equal(t, 1, b.fake.Count("/x"))
	}
}

func TestARefusedScriptCallIsRepeatedOnlyWithOtherCredentials(t *testing.T) {
	b := newBed(t, nil)
	b.fake.Handle("/x", func(r *fakeapi.Request) fakeapi.Answer {
		if r.Get("Authorization") == "Bearer fresh" {
			return fakeapi.JSON(200, `{}`)
		}
		return fakeapi.JSON(401, `{"e":"old"}`)
	})
	for _, c := range []struct {
		name   string
		script bool
		token  string
		status int
		calls  int
	}{
		{"script, the same", true, "secret-token", 401, 1},
		{"script, renewed meanwhile", true, "fresh", 200, 2},
		{"API caller, the same", false, "secret-token", 401, 3},
		{"API caller, renewed meanwhile", false, "fresh", 200, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.fake.Forget()
			call := b.call()
			call.Retries, call.Script = 2, c.script
			call.Again = func(context.Context) (*causeway.Connection, error) {
				again := *call.Connection
				again.Credentials = causeway.Credentials{"type": "OAUTH2", "access_token": c.token}
				return &again, nil
			}
			resp, _ := b.answer(t, call)
			assert.Equal(t, c.status, resp.Status)
			assert.Equal(t, c.calls, b.fake.Count("/x"))
		})
	}
}
