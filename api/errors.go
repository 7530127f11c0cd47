package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
)

// envelope is how every error goes out.
type envelope struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code     string             `json:"code"`
	Message  string             `json:"message,omitempty"`
	Errors   []causeway.Issue   `json:"errors,omitempty"`
	Payload  any                `json:"payload,omitempty"`
	Upstream *causeway.Upstream `json:"upstream,omitempty"`
}

// fail renders an error. It is the only place where that happens.
func (s *Server) fail(c *gin.Context, err error) {
	if c.Writer.Written() {
		// The answer has begun. It can only be cut off: a client must not take a half for the whole.
		s.Logger.Warn("an answer was cut off", "route", c.FullPath(), "error", err)
		panic(http.ErrAbortHandler)
	}
	e, ok := errors.AsType[*causeway.Error](err)
	if !ok {
		if errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil {
			c.Abort() // the client went away
			return
		}
		id := uuid.NewString()
		s.Logger.Error("a request failed", "id", id, "route", c.FullPath(), "error", err)
		e = &causeway.Error{Code: "generic_error_support", Status: http.StatusInternalServerError, Message: "internal error; its id in the log is " + id, Payload: id}
	}
	body := errorBody{Code: e.Code, Message: e.Message, Errors: e.Issues, Payload: e.Payload, Upstream: e.Upstream}
	if e.Legacy && body.Payload == nil {
		body.Payload = struct{}{}
	}
	raw, err := marshal(envelope{body})
	if err != nil {
		raw = []byte(`{"error":{"code":"generic_error_support"}}`)
	}
	c.Abort()
	c.Data(e.Status, "application/json; charset=utf-8", raw)
}

// answer sends JSON without escaping what HTML would need: bodies are data.
func answer(c *gin.Context, status int, body any) error {
	raw, err := marshal(body)
	if err != nil {
		return err
	}
	c.Data(status, "application/json; charset=utf-8", raw)
	return nil
}

func notFound(format string, args ...any) *causeway.Error {
	return causeway.Errorf(http.StatusNotFound, "not_found", format, args...)
}

// unknownConnection is how most routes name a connection that isn't there: without a message.
func unknownConnection() *causeway.Error {
	return &causeway.Error{Code: "unknown_connection", Status: http.StatusBadRequest}
}

func unknownIntegration(status int) *causeway.Error {
	return &causeway.Error{Code: "unknown_provider_config", Status: status, Message: "there is no integration with this key"}
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }
