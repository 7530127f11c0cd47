package causeway_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
)

func TestFrequencies(t *testing.T) {
	for text, want := range map[string]struct {
		interval time.Duration
		normal   string
	}{
		"every half day": {12 * time.Hour, "12h"}, "every half hour": {30 * time.Minute, "30m"}, "every quarter hour": {15 * time.Minute, "15m"},
		"every hour": {time.Hour, "1h"}, "every day": {24 * time.Hour, "1d"}, "every week": {7 * 24 * time.Hour, "1w"}, "every month": {30 * 24 * time.Hour, "30d"},
		"half day": {12 * time.Hour, "12h"}, "every 2 hours": {2 * time.Hour, "2 hours"}, "every 5m": {5 * time.Minute, "5m"}, "30s": {30 * time.Second, "30s"},
		"every minute": {time.Minute, "minute"}, "every 1.5 hours": {90 * time.Minute, "1.5 hours"}, "Every 10 Min": {10 * time.Minute, "10 min"},
	} {
		interval, normal, err := causeway.ParseFrequency(text)
		require.NoError(t, err, text)
		assert.Equal(t, want.interval, interval, text)
		assert.Equal(t, want.normal, normal, text)
	}
	for text, want := range map[string]error{
		"every 29s": causeway.ErrFrequencyShort, "0m": causeway.ErrFrequencyShort, "": causeway.ErrFrequency, "sometimes": causeway.ErrFrequency,
		"every -5 m": causeway.ErrFrequency, "every 5 fortnights": causeway.ErrFrequency, "99999999d": causeway.ErrFrequency,
	} {
		_, _, err := causeway.ParseFrequency(text)
		require.ErrorIs(t, err, want, text)
	}
}
