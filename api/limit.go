package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
)

// countWithin is how long counting a call may take. Where it fails, the call goes through.
const countWithin = 200 * time.Millisecond

// limit refuses the calls of an account beyond its number a minute.
func (s *Server) limit(c *gin.Context, p *principal) error {
	if s.CallsPerMinute == 0 || p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), countWithin)
	defer cancel()
	n, next, err := s.CountCall(ctx, p.environment.AccountID)
	if err != nil {
		s.Logger.Warn("a call could not be counted; it goes through", "account", p.environment.AccountID, "error", err)
		return nil //nolint:nilerr // as above
	}
	h := c.Writer.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.CallsPerMinute))
	h.Set("X-RateLimit-Remaining", strconv.FormatInt(max(0, int64(s.CallsPerMinute)-n), 10))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(next.Unix(), 10))
	if n <= int64(s.CallsPerMinute) {
		return nil
	}
	h.Set("Retry-After", strconv.FormatInt(max(1, int64(time.Until(next).Seconds()+1)), 10))
	return causeway.Errorf(http.StatusTooManyRequests, "too_many_request", "Too many requests: %d a minute are allowed", s.CallsPerMinute)
}
