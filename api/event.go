package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// eventRun is a run that was started for an event of a connection.
type eventRun struct {
	operationID string
	ref         causeway.RunRef
}

// startEvent starts one function for an event of a connection. What can't be queued is shown in the logs, like a run that failed.
func (s *Server) startEvent(ctx context.Context, p *principal, c *causeway.Connection, f *causeway.Function) (eventRun, error) {
	n := storage.NewRun{
		Kind: causeway.RunEvent, Lane: causeway.LaneEvent, IntegrationID: c.IntegrationID, ConnectionID: c.ID, FunctionID: f.ID,
		StartWithin: causeway.EventStartWithin, FinishWithin: causeway.EventFinishWithin, MaxAttempts: 1,
		OperationID: causeway.NewOperationID(time.Now()), StartedBy: map[string]any{"type": "event", "id": f.Event},
	}
	created, err := s.Store.CreateRun(ctx, p.environment.ID, n)
	if err != nil {
		s.eventRefused(p, c, f, n, err)
		return eventRun{}, err
	}
	if created.Admitted {
		s.start(ctx, created.Ref)
	} else if created.Ask {
		s.ask(ctx, p.environment.ID, time.Time{})
	}
	return eventRun{n.OperationID, created.Ref}, nil
}

func (s *Server) eventRefused(p *principal, c *causeway.Connection, f *causeway.Function, n storage.NewRun, cause error) {
	now := time.Now()
	name, action := causeway.OperationType(causeway.RunEvent, f.Event)
	op := causeway.Operation{
		ID: n.OperationID, EnvironmentID: p.environment.ID, Type: name, Action: action, State: causeway.OperationFailed, Level: causeway.LevelError, EndedAt: &now,
		IntegrationID: c.IntegrationID, ConnectionID: c.ID, FunctionID: f.ID,
		Names: causeway.OperationNames{Environment: p.environment.Name, Provider: c.Provider, Integration: c.IntegrationKey, Connection: c.ConnectionID, Function: f.Name},
	}
	shown := map[string]string{"code": "on_event_failure", "message": "the function could not be queued"}
	if e := storage.DeployFailure(cause); e != nil {
		shown = map[string]string{"code": e.Code, "message": e.Message}
	}
	op.Error, _ = json.Marshal(shown) // texts
	s.Logs.Operation(op)
}

// announce starts the functions for an event, and waits for none of them. The event has happened, so nothing that fails here is told to
// whoever caused it.
func (s *Server) announce(ctx context.Context, p *principal, c *causeway.Connection, event string) {
	functions, err := s.Store.EventFunctions(ctx, p.environment.ID, c.IntegrationID, event)
	if err != nil {
		s.Logger.Error("functions for an event could not be read", "event", event, "connection", c.ID, "error", err)
	}
	for _, f := range functions {
		if _, err := s.startEvent(ctx, p, c, f); err != nil {
			s.Logger.Warn("a function for an event could not be queued", "event", event, "connection", c.ID, "function", f.ID, "error", err)
		}
	}
}

// farewell runs the functions for a connection that is about to be deleted, one after another, while its credentials still work. Their
// failures are in their logs; the connection goes all the same.
func (s *Server) farewell(ctx context.Context, p *principal, c *causeway.Connection) error {
	functions, err := s.Store.EventFunctions(ctx, p.environment.ID, c.IntegrationID, causeway.EventConnectionDeletion)
	if err != nil {
		return err
	}
	for _, f := range functions {
		r, err := s.startEvent(ctx, p, c, f)
		if err == nil {
			_, err = s.Dispatch.Wait(ctx, p.environment.ID, r.ref.RunUID)
		}
		if err != nil {
			s.Logger.Warn("a function before a deletion could not be run", "connection", c.ID, "function", f.ID, "error", err)
		}
	}
	return nil
}

// validate lets the functions of an integration judge a connection that was made or got new credentials. The first one that fails rejects
// it: a new one is taken back, an older one is flagged.
func (s *Server) validate(ctx context.Context, p *principal, c *causeway.Connection, isNew bool) error {
	functions, err := s.Store.EventFunctions(ctx, p.environment.ID, c.IntegrationID, causeway.EventConnectionValidate)
	if err != nil {
		return err
	}
	for _, f := range functions {
		r, err := s.startEvent(ctx, p, c, f)
		var ended *storage.EndedRun
		if err == nil {
			ended, err = s.Dispatch.Wait(ctx, p.environment.ID, r.ref.RunUID)
		}
		if err == nil && ended.Outcome.State == causeway.RunSucceeded {
			continue
		}
		if err != nil {
			s.Logger.Warn("a connection could not be validated", "connection", c.ID, "function", f.ID, "error", err)
		}
		message := rejection(ended)
		if isNew {
			err = s.Store.DropConnection(ctx, c)
		} else {
			err = s.Store.FlagConnection(ctx, c, r.operationID, causeway.CodeValidationFailed, message)
		}
		if err != nil {
			return err
		}
		return causeway.Errorf(http.StatusBadRequest, causeway.CodeValidationFailed, "%s", message)
	}
	return nil
}

// rejection is what the person who connects is told: the failure's own message, if the function gave one.
func rejection(ended *storage.EndedRun) string {
	if ended != nil {
		var failure struct {
			Payload struct {
				Message any `json:"message"`
				Error   any `json:"error"`
			} `json:"payload"`
		}
		if json.Unmarshal(ended.Outcome.Error, &failure) == nil {
			for _, v := range []any{failure.Payload.Message, failure.Payload.Error} {
				if text, ok := v.(string); ok && text != "" {
					return text
				}
			}
		}
	}
	return "The connection was rejected by a validation function"
}
