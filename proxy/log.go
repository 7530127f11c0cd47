package proxy

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	causeway "github.com/causeway-dev/causeway"
)

// Attempt is one try of a call, for the log. Nothing in it is a credential.
type Attempt struct {
	Number, Max int
	Method      string
	URL         string
	Request     map[string]string
	Status      int // 0: no answer
	Response    map[string]string
	Code        string // of a network failure
	Began       time.Time
	Took        time.Duration
	Again       bool          // another try follows
	Waits       time.Duration // before it
	Reason      string        // why another try follows, or why none does
}

// attempt is what the log shows of one try.
func (t *target) attempt(a *attempts, resp *Response, err error, d decision, began time.Time) Attempt {
	r := t.redact(a.call.Connection.Credentials)
	out := Attempt{
		Number: a.n + 1, Max: a.call.Retries + 1, Method: a.call.Method, URL: r.URL(t.public), Request: r.Headers(t.header), Began: began,
		Took: a.proxy.Now().Sub(began), Again: d.again, Waits: d.wait, Reason: d.reason,
	}
	for _, name := range t.own {
		if name = strings.ToLower(name); out.Request[name] != "" {
			out.Request[name] = causeway.Redacted
		}
	}
	if resp != nil {
		out.Status, out.Response = resp.Status, r.Headers(resp.Header)
	}
	if network, ok := errors.AsType[*NetworkError](err); ok {
		out.Code = network.Code
	} else if err != nil {
		out.Code = causeway.ErrorCode(err)
	}
	return out
}

// Message is the log line of an attempt, under an operation.
func (a Attempt) Message(environmentID int64, operationID string) causeway.Message {
	level, text := causeway.LevelInfo, a.Method+" "+a.URL+" -> "+strconv.Itoa(a.Status)
	if a.Status == 0 {
		text = a.Method + " " + a.URL + " -> " + a.Code
	}
	if a.Status == 0 || a.Status >= 400 {
		level = causeway.LevelError
	}
	m := causeway.Message{
		EnvironmentID: environmentID, OperationID: operationID, CreatedAt: a.Began, Kind: "http", Source: "internal", Context: "proxy",
		Request:    toJSON(loggedRequest{a.Method, a.URL, a.Request}),
		Response:   toJSON(loggedResponse{a.Status, a.Response}),
		DurationMs: int(a.Took.Milliseconds()),
	}
	if a.Again {
		level = causeway.LevelWarn
		text += ", again in " + a.Waits.Round(time.Millisecond).String() + " (" + a.Reason + ")"
	}
	if a.Max > 1 {
		m.Retry = toJSON(map[string]any{"attempt": a.Number, "max": a.Max, "waited": a.Waits.Milliseconds()})
	}
	if a.Code != "" {
		m.Error = toJSON(map[string]any{"name": "Error", "message": text, "type": a.Code})
	}
	ended := a.Began.Add(a.Took)
	m.Level, m.Text, m.EndedAt = level, text, &ended
	return m
}

// The shapes that logs show.
type (
	loggedRequest struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	}
	loggedResponse struct {
		Code    int               `json:"code"`
		Headers map[string]string `json:"headers"`
	}
)

func toJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return raw
}
