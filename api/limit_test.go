package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
)

func TestCallsBeyondTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	calls, broken := map[int64]int64{}, false
	s := New(Deps{CallsPerMinute: 2, Logger: slog.New(slog.DiscardHandler), CountCall: func(_ context.Context, account int64) (int64, time.Time, error) {
		calls[account]++
		if broken {
			return 0, time.Time{}, errors.New("Redis is away")
		}
		return calls[account], time.Now().Add(30 * time.Second), nil
	}})
	call := func(account int64) (http.Header, error) {
		w := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(w)
		c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
		err := s.limit(c, &principal{environment: &causeway.Environment{AccountID: account}})
		return w.Header(), err
	}
	h, err := call(1)
	require.NoError(t, err)
	assert.Equal(t, "2", h.Get("X-RateLimit-Limit"))
	assert.Equal(t, "1", h.Get("X-RateLimit-Remaining"))
	_, err = call(1)
	require.NoError(t, err)
	h, err = call(1)
	assert.Equal(t, "too_many_request", causeway.ErrorCode(err))
	assert.Equal(t, "0", h.Get("X-RateLimit-Remaining"))
	assert.NotEmpty(t, h.Get("Retry-After"))
	_, err = call(2)
	require.NoError(t, err, "another account has its own")
	broken = true
	_, err = call(1)
	require.NoError(t, err, "what can't be counted goes through")
}
