package script

import (
	"encoding/json"
	"errors"

	causeway "github.com/causeway-dev/causeway"
)

// CallError is a failed host call as it crosses the boundary. Its class decides what the script gets: with Response set
// an HTTP error (an AxiosError with a response), with Network set an HTTP error without one, else a plain Error with
// Code and Message.
type CallError struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	// Network: no answer came; Code is ECONNRESET and the like.
	Network bool `json:"network,omitempty"`
	// Response is set when an HTTP answer (of a provider or of the platform's API) is the failure; Body is its body.
	Response *HTTPAnswer `json:"response,omitempty"`
	// Platform marks a response of the platform's own API.
	Platform bool   `json:"platform,omitempty"`
	Body     []byte `json:"-"` // travels as the raw part
	// Action marks an error that arrives as an ActionError with Body as payload (e.g. url_not_allowed).
	Action bool `json:"action,omitempty"`
	// Fatal ends the run: the worker doesn't answer this run any more.
	Fatal bool  `json:"fatal,omitempty"`
	Cause error `json:"-"` // for the worker's log only
}

func (e *CallError) Error() string { return e.Code + ": " + e.Message }

func (e *CallError) Unwrap() error { return e.Cause }

// AsCallError turns any error into one that may reach a script: a *causeway.Error becomes an answer of the platform's
// API, an unknown error shows nothing of itself.
func AsCallError(err error) *CallError {
	if e, ok := errors.AsType[*CallError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*causeway.Error](err); ok {
		return APIError(e)
	}
	return &CallError{Code: "internal_error", Message: "internal error of the platform", Cause: err}
}

// APIError is a failure of the platform's API as a script sees it: an HTTP error whose body is the error envelope.
func APIError(e *causeway.Error) *CallError {
	inner := map[string]any{"code": e.Code}
	if e.Message != "" {
		inner["message"] = e.Message
	}
	if e.Payload != nil {
		inner["payload"] = e.Payload
	}
	if e.Upstream != nil {
		inner["upstream"] = e.Upstream
	}
	body, err := json.Marshal(map[string]any{"error": inner})
	if err != nil {
		return &CallError{Code: e.Code, Message: e.Message, Cause: err}
	}
	return &CallError{
		Code: e.Code, Message: e.Message, Platform: true, Body: body, Cause: e.Cause,
		Response: &HTTPAnswer{Status: e.Status, Headers: []Pair{{"content-type", "application/json; charset=utf-8"}}},
	}
}
