package api

import (
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

type actionBody struct {
	ActionName string          `json:"action_name"`
	Input      json.RawMessage `json:"input"`
}

func (s *Server) triggerAction(c *gin.Context, p *principal) error {
	key, connectionID, err := target(c)
	if err != nil {
		return err
	}
	async, retries, once, err := actionHeaders(c)
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
	ctx := c.Request.Context()
	t, err := s.Store.FindAction(ctx, p.environment.ID, key, connectionID, b.ActionName)
	if err != nil {
		return err
	}
	n := storage.NewRun{
		Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: t.Integration.ID, ConnectionID: t.Connection.ID, FunctionID: t.Function.ID,
		StartWithin: causeway.ActionStartWithin, FinishWithin: causeway.ActionFinishWithin, MaxAttempts: 1, Input: b.Input, IdempotencyKey: once,
		OperationID: causeway.NewOperationID(time.Now()), StartedBy: map[string]any{"type": "api_key", "id": p.key.ID}, Opts: causeway.RunOpts{Async: async},
	}
	if async {
		n.Lane, n.StartWithin, n.MaxAttempts = causeway.LaneActionAsync, causeway.AsyncActionStartWithin, 1+retries
	}
	created, err := s.Store.CreateRun(ctx, p.environment.ID, n)
	if err != nil {
		s.actionRefused(p, t, n, err)
		return err
	}
	s.actionWaits(p, t, n, created)
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

// actionHeaders reads how an action is to be run: waited for or not, how often it may be tried, and the key under which a repeated request
// finds the first one's run.
func actionHeaders(c *gin.Context) (async bool, retries int, once string, err error) {
	var found issues
	if h := c.GetHeader("X-Async"); h != "" {
		var ok bool
		async, ok = parseBool(h)
		found.check(ok, "invalid_value", "Invalid option: expected true or false", "x-async")
	}
	if h := c.GetHeader("X-Max-Retries"); h != "" {
		n, err := strconv.Atoi(h)
		found.check(err == nil, "invalid_type", "Invalid input: expected number, received NaN", "x-max-retries")
		found.check(n >= 0, "too_small", "Too small: expected number to be >=0", "x-max-retries")
		found.check(n <= 5, "too_big", "Too big: expected number to be <=5", "x-max-retries")
		retries = n
	}
	once = c.GetHeader("Idempotency-Key")
	found.check(len(once) <= 255, "too_big", "Too big: expected string to have <=255 characters", "idempotency-key")
	return async, retries, once, found.err(badHeaders)
}

// actionOperation is the operation of an action call, as its caller began it. The worker that runs it goes on with it.
func actionOperation(p *principal, t storage.ActionTarget, n storage.NewRun) causeway.Operation {
	actor, _ := json.Marshal(n.StartedBy) // a map of texts and numbers
	expires := time.Now().Add(n.StartWithin + n.FinishWithin)
	return causeway.Operation{
		ID: n.OperationID, EnvironmentID: p.environment.ID, Type: "action", Action: "run", State: causeway.OperationWaiting, Level: causeway.LevelInfo,
		IntegrationID: t.Integration.ID, ConnectionID: t.Connection.ID, FunctionID: t.Function.ID, Actor: actor, ExpiresAt: &expires,
		Names: causeway.OperationNames{
			Environment: p.environment.Name, Provider: t.Integration.Provider, Integration: t.Integration.UniqueKey, Connection: t.Connection.ConnectionID, Function: t.Function.Name,
		},
	}
}

// actionWaits shows a run that doesn't begin at once. One that does is shown by its worker.
func (s *Server) actionWaits(p *principal, t storage.ActionTarget, n storage.NewRun, created storage.Created) {
	if created.Admitted || created.Repeated {
		return
	}
	op := actionOperation(p, t, n)
	op.RunUID = created.Ref.RunUID
	s.Logs.Operation(op)
}

// actionRefused shows a run that was not even queued, so that its user sees why nothing happens.
func (s *Server) actionRefused(p *principal, t storage.ActionTarget, n storage.NewRun, err error) {
	if !errors.Is(err, storage.ErrQueueFull) {
		return
	}
	op := actionOperation(p, t, n)
	now := time.Now()
	op.State, op.Level, op.EndedAt, op.ExpiresAt = causeway.OperationFailed, causeway.LevelError, &now, nil
	op.Error, _ = json.Marshal(map[string]string{"code": storage.ErrQueueFull.Code, "message": storage.ErrQueueFull.Message}) // texts
	s.Logs.Operation(op)
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
	b.Input = causeway.ActionInput(b.Input)
	return b, nil
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
		return causeway.ActionError(o)
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", o.Output)
	return nil
}
