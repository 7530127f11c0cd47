package worker

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/script"
)

func (w *Worker) operation(ctx context.Context, run *script.Run) causeway.Operation {
	environment, err := w.Store.Environment(ctx, run.EnvironmentID) // cached
	if err != nil {
		environment = &causeway.Environment{}
	}
	op := dispatch.OperationOf(environment, &run.Run)
	op.State = causeway.OperationRunning
	expires := time.Now().Add(run.FinishWithin + time.Hour)
	op.ExpiresAt = &expires
	return op
}

// began writes that a run's script starts.
func (w *Worker) began(ctx context.Context, run *script.Run, at time.Time) {
	op := w.operation(ctx, run)
	if op.StartedAt == nil {
		op.StartedAt = &at
	}
	w.Logs.Operation(op)
}

// ended writes how a run, or one attempt of it, ended.
func (w *Worker) ended(ctx context.Context, run *script.Run, out causeway.Outcome, again bool) {
	op := w.operation(ctx, run)
	now := time.Now()
	op.EndedAt, op.UpdatedAt, op.ExpiresAt = &now, now, nil
	switch {
	case again:
		op.State, op.EndedAt = causeway.OperationWaiting, nil
		w.say(run, causeway.LevelWarn, "The attempt failed ("+out.Code+"); the next one follows.")
	case out.State == causeway.RunSucceeded:
		op.State = causeway.OperationSuccess
	case out.State == causeway.RunCancelled:
		op.State = causeway.OperationCancelled
	case out.Code == causeway.CodeExecutionTimeout:
		op.State, op.Level = causeway.OperationTimeout, causeway.LevelError
	default:
		op.State, op.Level = causeway.OperationFailed, causeway.LevelError
	}
	if out.Code != "" && !again {
		op.Error = marshal(map[string]any{"code": out.Code, "message": short(out.Message)})
		w.Logs.Message(causeway.Message{
			EnvironmentID: run.EnvironmentID, OperationID: run.OperationID, CreatedAt: now, Level: causeway.LevelError, Kind: "log", Source: "internal", Context: "script",
			Text: "The run ended: " + out.Code + " " + short(out.Message), Error: marshal(messageError(out)),
		})
	}
	if out.Result != nil {
		op.Meta = marshal(out.Result)
	}
	w.Logs.Operation(op)
}

// messageError is a run's failure as its log shows it. The stack holds places of the author's sources.
func messageError(out causeway.Outcome) map[string]any {
	e := map[string]any{"name": out.Code, "message": short(out.Message)}
	var failed struct {
		Payload struct {
			Stacktrace []string `json:"stacktrace"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(out.Error, &failed); err == nil && len(failed.Payload.Stacktrace) > 1 {
		e["stack"] = short(strings.Join(failed.Payload.Stacktrace[1:], "\n")) // the first line repeats the message
	}
	return e
}

// say stores a line of the platform under a run's operation.
func (w *Worker) say(run *script.Run, level causeway.Level, text string) {
	w.Logs.Message(causeway.Message{EnvironmentID: run.EnvironmentID, OperationID: run.OperationID, CreatedAt: time.Now(), Level: level, Kind: "log", Source: "internal", Context: "script", Text: text})
}

func short(s string) string {
	if r := []rune(s); len(r) > errorSummary {
		return string(r[:errorSummary]) + "…"
	}
	return s
}

func marshal(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return raw
}
