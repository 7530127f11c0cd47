package host

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// Limits of a stored log line.
const (
	maxText   = 10_000 // characters
	truncated = "... (truncated)"
)

// Log stores a line of the script, or one of ours about it. It never fails a run.
func (h *Host) Log(run *script.Run, note script.LogNote, body []byte) {
	var line struct {
		Message string          `json:"message"`
		Meta    json.RawMessage `json:"meta"`
	}
	if err := json.Unmarshal(body, &line); err != nil {
		line.Message = string(body) // cut by the runner in the middle of the JSON
	}
	if !note.Platform && !note.Level.AtLeast(run.LogLevel) {
		return
	}
	source := "user"
	if note.Platform {
		source = "internal"
	}
	h.Logs.Message(causeway.Message{
		EnvironmentID: run.EnvironmentID, OperationID: run.OperationID, CreatedAt: noteTime(note.Time), Level: level(note.Level),
		Kind: "log", Source: source, Context: "script", Text: clean(line.Message), Meta: line.Meta,
	})
}

// say stores a line of the platform under the run's operation.
func (h *Host) say(run *script.Run, l causeway.Level, text string) {
	h.Logs.Message(causeway.Message{
		EnvironmentID: run.EnvironmentID, OperationID: run.OperationID, CreatedAt: time.Now(), Level: l,
		Kind: "log", Source: "internal", Context: "script", Text: clean(text),
	})
}

// Progress is a runner's sign of life. The worker's pool watches it; nothing is stored.
func (h *Host) Progress(*script.Run, script.Progress) {}

// noteTime is when the script wrote the line, as far as its clock can be believed.
func noteTime(ms int64) time.Time {
	now := time.Now()
	at := time.UnixMilli(ms)
	if ms <= 0 || at.After(now) || at.Before(now.Add(-48*time.Hour)) {
		return now
	}
	return at
}

func level(l causeway.Level) causeway.Level {
	switch l {
	case causeway.LevelDebug, causeway.LevelInfo, causeway.LevelWarn, causeway.LevelError:
		return l
	default:
		return causeway.LevelInfo
	}
}

// clean makes a text of a script fit to be stored and shown: valid UTF-8, no control characters but line breaks and tabs, and
// not longer than allowed.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if utf8.RuneCountInString(s) <= maxText {
		return s
	}
	n := 0
	for i := range s {
		if n == maxText {
			return s[:i] + truncated
		}
		n++
	}
	return s
}
