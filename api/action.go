package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// Limits of action runs.
const (
	actionStart      = 30 * time.Second
	actionStartAsync = 24 * time.Hour
	actionFinish     = 15 * time.Minute
)

type actionBody struct {
	ActionName string          `json:"action_name"`
	Input      json.RawMessage `json:"input"`
}

func (s *Server) triggerAction(c *gin.Context, p *principal) error {
	key, connectionID, err := target(c)
	if err != nil {
		return err
	}
	async, retries, err := asyncHeaders(c)
	if err != nil {
		return err
	}
	if err := emptyQuery(c); err != nil {
		return err
	}
	b, err := readAction(c)
	if err != nil {
		return err
	}
	i, x, f, err := s.actionOf(c, p, key, connectionID, b.ActionName)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	n := storage.NewRun{
		Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: i.ID, ConnectionID: x.ID, FunctionID: f.ID,
		StartWithin: actionStart, FinishWithin: actionFinish, MaxAttempts: 1, Input: b.Input,
		OperationID: causeway.NewOperationID(time.Now()), StartedBy: map[string]any{"type": "api_key", "id": p.key.ID}, Opts: causeway.RunOpts{Async: async},
	}
	if async {
		n.Lane, n.StartWithin, n.MaxAttempts = causeway.LaneActionAsync, actionStartAsync, 1+retries
	}
	created, err := s.Store.CreateRun(ctx, p.environment.ID, n)
	if err != nil {
		return err
	}
	if created.Admitted {
		s.start(ctx, created.Ref)
	} else if created.Ask {
		s.ask(ctx, p.environment.ID, time.Time{})
	}
	if async {
		path := "/action/" + created.Ref.RunUID.String()
		c.Header("Location", path)
		return answer(c, http.StatusAccepted, gin.H{"id": created.Ref.RunUID, "statusUrl": path})
	}
	ended, err := s.Dispatch.Wait(ctx, p.environment.ID, created.Ref.RunUID)
	if err != nil {
		return err
	}
	return actionAnswer(c, ended)
}

func asyncHeaders(c *gin.Context) (async bool, retries int, err error) {
	var found issues
	if h := c.GetHeader("X-Async"); h != "" {
		var ok bool
		async, ok = parseBool(h)
		found.check(ok, "invalid_value", "Invalid option: expected true or false", "x-async")
	}
	if h := c.GetHeader("X-Max-Retries"); h != "" {
		n, err := strconv.Atoi(h)
		found.check(err == nil && n >= 0 && n <= 5, "too_big", "Too big: expected number to be >=0 and <=5", "x-max-retries")
		retries = n
	}
	return async, retries, found.err(badHeaders)
}

// readAction reads the body of a trigger. Keys that nobody knows are fine here; an input that is falsy reaches the function as null.
func readAction(c *gin.Context) (actionBody, error) {
	var b actionBody
	raw, err := readBody(c)
	if err != nil {
		return b, err
	}
	if !json.Valid(raw) {
		var syntax any
		return b, causeway.Errorf(http.StatusBadRequest, "invalid_json", "%v", json.Unmarshal(raw, &syntax))
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return b, issues{typeIssue(err)}.err(badBody)
	}
	if !causeway.ValidFunctionName(b.ActionName) {
		return b, issueError("invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "action_name")
	}
	switch string(bytes.TrimSpace(b.Input)) {
	case "", "null", "false", "0", `""`, "-0", "0.0":
		b.Input = nil
	}
	return b, nil
}

// actionOf finds what an action call names.
func (s *Server) actionOf(c *gin.Context, p *principal, key, connectionID, name string) (*causeway.Integration, *causeway.Connection, *causeway.Function, error) {
	ctx, env := c.Request.Context(), p.environment.ID
	i, err := s.Store.Integration(ctx, env, key)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, nil, nil, unknownConnection()
	}
	if err != nil {
		return nil, nil, nil, err
	}
	x, err := s.Store.Connection(ctx, env, i.ID, connectionID)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, nil, nil, unknownConnection()
	}
	if err != nil {
		return nil, nil, nil, err
	}
	f, err := s.Store.Function(ctx, env, i.ID, causeway.KindAction, name)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, nil, nil, notFound("there is no action %q", name)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if !f.Enabled {
		return nil, nil, nil, causeway.Errorf(http.StatusNotFound, causeway.CodeDisabledResource, "the action %q is disabled", name)
	}
	return i, x, f, nil
}

func (s *Server) getAction(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	uid, err := uuid.Parse(c.Param("id"))
	if err != nil {
		var found issues
		found.add("invalid_format", "Invalid UUID", "id")
		return found.err(badParams)
	}
	ended, err := s.Store.EndedRun(c.Request.Context(), p.environment.ID, uid)
	if errors.Is(err, causeway.ErrNotFound) || err == nil && (ended.Kind != causeway.RunAction || !ended.Opts.Async) {
		return notFound("there is no ended action with this id")
	}
	if err != nil {
		return err
	}
	if ended.Outcome.State == causeway.RunSucceeded && (ended.Outcome.Output == nil || string(ended.Outcome.Output) == "null") {
		return notFound("the action has no output")
	}
	return actionAnswer(c, ended)
}

// actionAnswer shows how an action ended: its bare output, or its error.
func actionAnswer(c *gin.Context, ended *storage.EndedRun) error {
	o := ended.Outcome
	if o.State != causeway.RunSucceeded {
		return ActionError(o)
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", o.Output)
	return nil
}

// ActionError is a failed action on the wire. Codes of ours that the contract doesn't know go out as action_script_failure, with ours in
// the payload.
func ActionError(o causeway.Outcome) *causeway.Error {
	var detail struct {
		Payload  json.RawMessage    `json:"payload"`
		Upstream *causeway.Upstream `json:"upstream"`
	}
	if o.Error != nil {
		_ = json.Unmarshal(o.Error, &detail) // an error that can't be read is shown without its payload
	}
	e := &causeway.Error{Code: o.Code, Status: http.StatusInternalServerError, Message: o.Message, Payload: detail.Payload}
	if len(detail.Payload) == 0 {
		e.Payload = struct{}{}
	}
	switch o.Code {
	case causeway.CodeScriptHTTPError:
		e.Status, e.Message, e.Upstream = http.StatusFailedDependency, "", detail.Upstream
	case causeway.CodeScriptRateLimit:
		e.Status = http.StatusFailedDependency
	case causeway.CodeOutputTooLarge:
		e.Status = http.StatusBadRequest
	case causeway.CodeScriptAborted:
		e.Status = http.StatusGone
	case causeway.CodeActionRuntimeError, causeway.CodeScriptInternalError, causeway.CodeScriptNetworkError, causeway.CodeExecutionTimeout:
	default:
		inner := gin.H{"error": o.Code}
		if len(detail.Payload) > 0 {
			inner["payload"] = detail.Payload
		}
		e.Code, e.Payload = "action_script_failure", inner
	}
	return e
}
