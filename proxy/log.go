package proxy

import (
	"encoding/json"
	"strconv"
	"time"

	causeway "github.com/causeway-dev/causeway"
)

// Message is the log line of an attempt, under an operation.
func (a Attempt) Message(environmentID int64, operationID string) causeway.Message {
	level, text := causeway.LevelInfo, a.Method+" "+a.URL+" -> "+strconv.Itoa(a.Status)
	if a.Status == 0 {
		text = a.Method + " " + a.URL + " -> " + a.Code
	}
	if a.Status == 0 || a.Status >= 400 {
		level = causeway.LevelError
	}
	if a.Waits > 0 {
		level = causeway.LevelWarn
		text += ", again in " + a.Waits.Round(time.Millisecond).String()
	}
	ended := a.Began.Add(a.Took)
	return causeway.Message{
		EnvironmentID: environmentID, OperationID: operationID, CreatedAt: a.Began, Level: level, Kind: "http", Source: "internal", Context: "proxy", Text: text,
		Request:  toJSON(map[string]any{"method": a.Method, "url": a.URL, "headers": a.Request}),
		Response: toJSON(map[string]any{"code": a.Status, "headers": a.Response}),
		Retry:    toJSON(map[string]any{"attempt": a.Number, "max": a.Max, "waited": a.Waits.Milliseconds()}),
		EndedAt:  &ended, DurationMs: int(a.Took.Milliseconds()),
	}
}

func toJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return raw
}
