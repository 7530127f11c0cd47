package script

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	causeway "github.com/causeway-dev/causeway"
)

// Host answers what a script asks for. Package host is the real one; dry runs, recorded tests and replay bring others.
// An error that is a *CallError reaches the script as it is; any other reaches it as "internal error" and is logged.
type Host interface {
	Proxy(ctx context.Context, run *Run, q ProxyRequest, body []byte) (HTTPAnswer, []byte, error)
	Fetch(ctx context.Context, run *Run, q FetchRequest, body []byte) (HTTPAnswer, []byte, error)

	SaveRecords(ctx context.Context, run *Run, q RecordsRequest, rows []byte) (RecordsAnswer, error)
	UpdateRecords(ctx context.Context, run *Run, q RecordsRequest, rows []byte) (RecordsAnswer, error)
	DeleteRecords(ctx context.Context, run *Run, q RecordsRequest, rows []byte) (RecordsAnswer, error)
	SetMergeStrategy(ctx context.Context, run *Run, q MergeStrategyRequest) error
	RecordsByIDs(ctx context.Context, run *Run, q RecordsByIDsRequest) ([]byte, error)
	RecordsPage(ctx context.Context, run *Run, q RecordsPageRequest) (RecordsPageAnswer, []byte, error)
	DeleteOlderRecords(ctx context.Context, run *Run, q ModelRequest) ([]byte, error)
	StartDeletes(ctx context.Context, run *Run, q ModelRequest) error
	EndDeletes(ctx context.Context, run *Run, q ModelRequest) ([]byte, error)

	Checkpoint(ctx context.Context, run *Run) (CheckpointAnswer, []byte, error)
	SaveCheckpoint(ctx context.Context, run *Run, q CheckpointRequest, value []byte) (CheckpointAnswer, error)
	ClearCheckpoint(ctx context.Context, run *Run, q CheckpointRequest) (CheckpointAnswer, error)

	AcquireLock(ctx context.Context, run *Run, q LockRequest) (LockAnswer, error)
	ReleaseLock(ctx context.Context, run *Run, q LockRequest) (LockAnswer, error)
	ReleaseAllLocks(ctx context.Context, run *Run) (LockAnswer, error)

	Connection(ctx context.Context, run *Run, q ConnectionRequest) ([]byte, error)
	SetMetadata(ctx context.Context, run *Run, metadata []byte) (APIAnswer, []byte, error)
	UpdateMetadata(ctx context.Context, run *Run, metadata []byte) (APIAnswer, []byte, error)
	Integration(ctx context.Context, run *Run, q IntegrationRequest) ([]byte, error)
	Variables(ctx context.Context, run *Run) ([]byte, error)

	TriggerAction(ctx context.Context, run *Run, q ActionRequest, input []byte) ([]byte, error)
	TriggerSync(ctx context.Context, run *Run, q SyncRequest) error
	StartSync(ctx context.Context, run *Run, q SyncRequest) error

	Log(run *Run, note LogNote, body []byte)
	Progress(run *Run, p Progress)
}

// Run is what the worker knows of a run that it executes. Nothing of it is ever read from a frame.
type Run struct {
	causeway.Run
	Flavour       Flavour
	LogLevel      causeway.Level
	Models        []string        // declared models, base names
	CheckpointKey string          // base key, without the children of delete tracking
	Definition    json.RawMessage // of the version that runs
	// Record, if set, is told every call when it has been answered, from several goroutines at once.
	Record func(call Call, answer Answer, failed error)

	calls       [32]atomic.Int64 // calls made, by line of Calls
	checkpoints checkpoints
}

// Handle answers one host call: it checks the name, the flavour, sizes, the run's quota and the request, and calls the
// host. A failure is always a *CallError.
func Handle(ctx context.Context, host Host, run *Run, call Call) (Answer, error) {
	answer, err := handleCall(ctx, host, run, call)
	if run.Record != nil {
		run.Record(call, answer, err)
	}
	return answer, err
}

func handleCall(ctx context.Context, host Host, run *Run, call Call) (Answer, error) {
	spec := SpecOf(call.Name)
	if spec == nil {
		return Answer{}, &CallError{Code: "script_unknown_call", Message: fmt.Sprintf("there is no host call %.40q", call.Name)}
	}
	if err := admit(spec, run, call); err != nil {
		return Answer{}, err
	}
	answer, err := handlers[call.Name](ctx, host, run, call)
	if err != nil {
		return Answer{}, AsCallError(err)
	}
	return answer, nil
}

func admit(spec *Spec, run *Run, call Call) error {
	switch {
	case spec.Flavours&run.Flavour == 0:
		return &CallError{Code: "script_call_not_allowed", Message: fmt.Sprintf("%s is not open to this kind of script", spec.Name)}
	case len(call.Meta) > MaxMeta || len(call.Body) > spec.MaxBody:
		return &CallError{Code: "script_call_too_large", Message: fmt.Sprintf("%s: the request is larger than allowed", spec.Name)}
	}
	if spec.PerRun == 0 {
		return nil
	}
	for i := range Calls {
		if &Calls[i] == spec && run.calls[i].Add(1) > int64(spec.PerRun) {
			return &CallError{Code: "script_call_limit", Message: fmt.Sprintf("a run may make %d calls of %s", spec.PerRun, spec.Name)}
		}
	}
	return nil
}

type handler func(ctx context.Context, h Host, run *Run, call Call) (Answer, error)

// answer is the common shape of what the adapters below return.
func answer(meta any, body []byte, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	raw, err := json.Marshal(meta)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Meta: raw, Body: body}, nil
}

// handle decodes and validates the request of a call before f sees it.
func handle[Q any](f func(ctx context.Context, h Host, run *Run, q Q, body []byte) (any, []byte, error)) handler {
	return func(ctx context.Context, h Host, run *Run, call Call) (Answer, error) {
		var q Q
		if len(call.Meta) > 0 {
			if err := json.Unmarshal(call.Meta, &q); err != nil {
				return Answer{}, &CallError{Code: "script_call_invalid", Message: call.Name + ": the request can't be read"}
			}
		}
		if v, ok := any(&q).(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return Answer{}, &CallError{Code: "script_call_invalid", Message: err.Error()}
			}
		}
		meta, body, err := f(ctx, h, run, q, call.Body)
		return answer(meta, body, err)
	}
}

var handlers = map[string]handler{
	CallProxy: handle(func(ctx context.Context, h Host, run *Run, q ProxyRequest, body []byte) (any, []byte, error) {
		a, b, err := h.Proxy(ctx, run, q, body)
		return a, b, err
	}),
	CallFetch: handle(func(ctx context.Context, h Host, run *Run, q FetchRequest, body []byte) (any, []byte, error) {
		a, b, err := h.Fetch(ctx, run, q, body)
		return a, b, err
	}),
	CallRecordsSave: handle(func(ctx context.Context, h Host, run *Run, q RecordsRequest, body []byte) (any, []byte, error) {
		a, err := h.SaveRecords(ctx, run, q, body)
		return a, nil, err
	}),
	CallRecordsUpdate: handle(func(ctx context.Context, h Host, run *Run, q RecordsRequest, body []byte) (any, []byte, error) {
		a, err := h.UpdateRecords(ctx, run, q, body)
		return a, nil, err
	}),
	CallRecordsDelete: handle(func(ctx context.Context, h Host, run *Run, q RecordsRequest, body []byte) (any, []byte, error) {
		a, err := h.DeleteRecords(ctx, run, q, body)
		return a, nil, err
	}),
	CallMergeStrategy: handle(func(ctx context.Context, h Host, run *Run, q MergeStrategyRequest, _ []byte) (any, []byte, error) {
		return None{}, nil, h.SetMergeStrategy(ctx, run, q)
	}),
	CallRecordsByIDs: handle(func(ctx context.Context, h Host, run *Run, q RecordsByIDsRequest, _ []byte) (any, []byte, error) {
		b, err := h.RecordsByIDs(ctx, run, q)
		return None{}, b, err
	}),
	CallRecordsPage: handle(func(ctx context.Context, h Host, run *Run, q RecordsPageRequest, _ []byte) (any, []byte, error) {
		a, b, err := h.RecordsPage(ctx, run, q)
		return a, b, err
	}),
	CallRecordsDeleteOlder: handle(func(ctx context.Context, h Host, run *Run, q ModelRequest, _ []byte) (any, []byte, error) {
		b, err := h.DeleteOlderRecords(ctx, run, q)
		return None{}, b, err
	}),
	CallDeletesStart: handle(func(ctx context.Context, h Host, run *Run, q ModelRequest, _ []byte) (any, []byte, error) {
		return None{}, nil, h.StartDeletes(ctx, run, q)
	}),
	CallDeletesEnd: handle(func(ctx context.Context, h Host, run *Run, q ModelRequest, _ []byte) (any, []byte, error) {
		b, err := h.EndDeletes(ctx, run, q)
		return None{}, b, err
	}),
	CallCheckpointGet: handle(func(ctx context.Context, h Host, run *Run, _ None, _ []byte) (any, []byte, error) {
		a, b, err := h.Checkpoint(ctx, run)
		return a, b, err
	}),
	CallCheckpointSave: handle(func(ctx context.Context, h Host, run *Run, q CheckpointRequest, body []byte) (any, []byte, error) {
		a, err := h.SaveCheckpoint(ctx, run, q, body)
		return a, nil, err
	}),
	CallCheckpointClear: handle(func(ctx context.Context, h Host, run *Run, q CheckpointRequest, _ []byte) (any, []byte, error) {
		a, err := h.ClearCheckpoint(ctx, run, q)
		return a, nil, err
	}),
	CallLockAcquire: handle(func(ctx context.Context, h Host, run *Run, q LockRequest, _ []byte) (any, []byte, error) {
		a, err := h.AcquireLock(ctx, run, q)
		return a, nil, err
	}),
	CallLockRelease: handle(func(ctx context.Context, h Host, run *Run, q LockRequest, _ []byte) (any, []byte, error) {
		a, err := h.ReleaseLock(ctx, run, q)
		return a, nil, err
	}),
	CallLockReleaseAll: handle(func(ctx context.Context, h Host, run *Run, _ None, _ []byte) (any, []byte, error) {
		a, err := h.ReleaseAllLocks(ctx, run)
		return a, nil, err
	}),
	CallConnectionGet: handle(func(ctx context.Context, h Host, run *Run, q ConnectionRequest, _ []byte) (any, []byte, error) {
		b, err := h.Connection(ctx, run, q)
		return None{}, b, err
	}),
	CallMetadataSet: handle(func(ctx context.Context, h Host, run *Run, _ None, body []byte) (any, []byte, error) {
		a, b, err := h.SetMetadata(ctx, run, body)
		return a, b, err
	}),
	CallMetadataUpdate: handle(func(ctx context.Context, h Host, run *Run, _ None, body []byte) (any, []byte, error) {
		a, b, err := h.UpdateMetadata(ctx, run, body)
		return a, b, err
	}),
	CallIntegrationGet: handle(func(ctx context.Context, h Host, run *Run, q IntegrationRequest, _ []byte) (any, []byte, error) {
		b, err := h.Integration(ctx, run, q)
		return None{}, b, err
	}),
	CallVariables: handle(func(ctx context.Context, h Host, run *Run, _ None, _ []byte) (any, []byte, error) {
		b, err := h.Variables(ctx, run)
		return None{}, b, err
	}),
	CallActionTrigger: handle(func(ctx context.Context, h Host, run *Run, q ActionRequest, body []byte) (any, []byte, error) {
		b, err := h.TriggerAction(ctx, run, q, body)
		return None{}, b, err
	}),
	CallSyncTrigger: handle(func(ctx context.Context, h Host, run *Run, q SyncRequest, _ []byte) (any, []byte, error) {
		return None{}, nil, h.TriggerSync(ctx, run, q)
	}),
	CallSyncStart: handle(func(ctx context.Context, h Host, run *Run, q SyncRequest, _ []byte) (any, []byte, error) {
		return None{}, nil, h.StartSync(ctx, run, q)
	}),
	CallLog: handle(func(_ context.Context, h Host, run *Run, q LogNote, body []byte) (any, []byte, error) {
		h.Log(run, q, body)
		return None{}, nil, nil
	}),
	CallProgress: handle(func(_ context.Context, h Host, run *Run, q Progress, _ []byte) (any, []byte, error) {
		h.Progress(run, q)
		return None{}, nil, nil
	}),
}
