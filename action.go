package causeway

import (
	"bytes"
	"encoding/json"
	"time"
)

// Limits of actions: how long one may wait for its start and how long it may run.
const (
	ActionStartWithin      = 30 * time.Second
	AsyncActionStartWithin = 24 * time.Hour
	ActionFinishWithin     = 15 * time.Minute
)

// ActionInput is the input of an action as its function sees it. One that is falsy in JavaScript reaches the function as null: that is
// how the wire has always been. nil: none.
func ActionInput(raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	switch string(raw) {
	case "", "null", "false", `""`:
		return nil
	}
	var number float64
	if json.Unmarshal(raw, &number) == nil && number == 0 {
		return nil
	}
	return raw
}

// ActionError is a failed action on the wire. A code of ours that the contract doesn't know goes out as action_script_failure, with
// ours in the payload.
func ActionError(o Outcome) *Error {
	var detail struct {
		Payload  json.RawMessage `json:"payload"`
		Upstream *Upstream       `json:"upstream"`
	}
	if o.Error != nil {
		_ = json.Unmarshal(o.Error, &detail) // an error that can't be read is shown without its payload
	}
	e := &Error{Code: o.Code, Status: 500, Message: o.Message, Payload: detail.Payload}
	if len(detail.Payload) == 0 {
		e.Payload = struct{}{}
	}
	code := o.Code
	if o.State == RunCancelled {
		code = "" // however its script took it, the caller has lost the action
	}
	switch code {
	case CodeScriptHTTPError:
		e.Status, e.Message, e.Upstream = 424, "", detail.Upstream
	case CodeScriptRateLimit:
		e.Status = 424
	case CodeOutputTooLarge:
		e.Status = 400
	case CodeScriptAborted:
		e.Status = 410
	case CodeActionRuntimeError, CodeScriptInternalError, CodeScriptNetworkError, CodeExecutionTimeout:
	default:
		inner := map[string]any{"error": o.Code}
		if len(detail.Payload) > 0 {
			inner["payload"] = detail.Payload
		}
		e.Code, e.Payload = "action_script_failure", inner
	}
	return e
}
