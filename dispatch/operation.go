package dispatch

import (
	"encoding/json"
	"time"

	causeway "github.com/causeway-dev/causeway"
)

// OperationOf is the operation of a run, without its state.
func OperationOf(environment *causeway.Environment, run *causeway.Run) causeway.Operation {
	name, action := causeway.OperationType(run.Kind, run.Event)
	op := causeway.Operation{
		ID: run.OperationID, EnvironmentID: run.EnvironmentID, Type: name, Action: action, Level: causeway.LevelInfo,
		IntegrationID: run.IntegrationID, ConnectionID: run.ConnectionID, FunctionID: run.FunctionID, RunUID: run.RunUID, StartedAt: run.StartedAt,
		Names: causeway.OperationNames{
			Environment: environment.Name, Provider: run.Provider, Integration: run.IntegrationKey, Connection: run.ConnectionKey, Function: run.FunctionName,
		},
	}
	if run.Kind == causeway.RunSync {
		op.Names.Variant = run.Variant
	}
	if len(run.StartedBy) > 0 {
		op.Actor, _ = json.Marshal(run.StartedBy) // it came out of JSON
	}
	return op
}

// waiting is the operation of a run that is started. It is as old as the run, so that whatever is written later stays.
func waiting(environment *causeway.Environment, run *causeway.Run, startWithin time.Duration) causeway.Operation {
	op := OperationOf(environment, run)
	op.State, op.UpdatedAt = causeway.OperationWaiting, run.CreatedAt
	expires := run.CreatedAt.Add(startWithin + run.FinishWithin + time.Hour)
	op.ExpiresAt = &expires
	return op
}
