package causeway

import (
	"errors"
	"fmt"
)

// Error is the one error that reaches a caller: a wire code, an HTTP status, a message that is safe to show, and the
// cause, which is for the process log only. The API renders it once, at the edge.
type Error struct {
	Code    string // machine code, e.g. "unknown_connection"
	Status  int    // HTTP status
	Message string // safe to show; empty: the envelope has no "message"
	// Payload is extra data of the code; nil: the envelope has no "payload" (legacy codes always carry one, see Legacy).
	Payload any
	// Issues are the findings of a validation code.
	Issues []Issue
	// Upstream is set only for script_http_error.
	Upstream *Upstream
	// Legacy marks the older envelope family, which always carries message and payload.
	Legacy bool
	Cause  error
}

// Issue is one finding of a validation, after the conventions of zod 4. Path items are texts, list indexes too.
type Issue struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Path    []string `json:"path"`
}

// Upstream is what a provider answered to a script whose HTTP error ended an action.
type Upstream struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body"`
}

func (e *Error) Error() string {
	text := e.Code
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error with a message that is safe to show.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

// WithCause returns a copy of the error that wraps cause.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// WithPayload returns a copy of the error that carries payload.
func (e *Error) WithPayload(payload any) *Error {
	c := *e
	c.Payload = payload
	return &c
}

// ErrorCode returns the wire code of err, or "" if it is none of ours.
func ErrorCode(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// ErrNotFound is what storage returns, wrapped, for a row that is not there or belongs to another environment.
var ErrNotFound = &Error{Code: "not_found", Status: 404, Message: "not found"}
