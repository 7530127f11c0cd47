package causeway

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// MinFrequency is the shortest interval of a sync.
const MinFrequency = 30 * time.Second

// Errors of a frequency text.
var (
	ErrFrequency      = &Error{Code: "invalid_frequency", Status: 400, Message: "frequency: write a number and a unit, as in \"every 5 minutes\" or \"1h\", or one of every half day, half hour, quarter hour, hour, day, week, month"}
	ErrFrequencyShort = &Error{Code: "sync_interval_too_short", Status: 400, Message: "frequency: at least 30 seconds"}
)

var namedFrequencies = map[string]string{
	"every half day": "12h", "every half hour": "30m", "every quarter hour": "15m", "every hour": "1h", "every day": "1d", "every week": "1w", "every month": "30d",
}

var (
	frequencyText = regexp.MustCompile(`^(\d+(?:\.\d+)?)?\s*(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)$`)
	unitSeconds   = map[byte]float64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}
)

// ParseFrequency reads how often a sync runs, and returns the text in its normal form beside it. A unit without a number is one of
// it.
func ParseFrequency(text string) (interval time.Duration, normal string, err error) {
	text = strings.ToLower(strings.TrimSpace(text))
	normal, named := namedFrequencies[text]
	if !named {
		if normal, named = namedFrequencies["every "+text]; !named {
			normal = strings.TrimPrefix(text, "every ")
		}
	}
	m := frequencyText.FindStringSubmatch(normal)
	if m == nil {
		return 0, "", ErrFrequency
	}
	n := 1.0
	if m[1] != "" {
		if n, err = strconv.ParseFloat(m[1], 64); err != nil {
			return 0, "", ErrFrequency
		}
	}
	seconds := n * unitSeconds[m[2][0]]
	if seconds > 366*86400 {
		return 0, "", ErrFrequency
	}
	interval = time.Duration(seconds * float64(time.Second))
	if interval < MinFrequency {
		return 0, "", ErrFrequencyShort
	}
	return interval, normal, nil
}
