package worker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/sourcemap"
	"github.com/causeway-dev/causeway/storage"
)

const (
	maxCrashes   = 3                      // runners that a sync may lose before it fails
	closeWithin  = 10 * time.Second       // one try
	closePause   = time.Second            // between two tries, longer each time
	closeTries   = 3                      // then what can't be stored is left out
	softShare    = 80                     // per cent of a sync's time after which it is asked to end gracefully
	slotWait     = 200 * time.Millisecond // between two looks for a runner slot after a crash
	errorSummary = 500                    // characters of an error's message in the operation
)

// execute runs a claimed run from its opening in the records database to its close, and reports how it ended.
func (w *Worker) execute(ctx context.Context, ex *execution) activities.Report {
	if reason, _ := ex.aborted(); reason == script.ReasonLost { // before it began
		return activities.Report{Status: activities.ToResume}
	}
	run, openedAt, out := w.prepareAndRun(ctx, ex)
	ctx = context.WithoutCancel(ctx) // what follows has to happen whatever ended the script
	if reason, _ := ex.aborted(); reason == script.ReasonLost {
		return activities.Report{Status: activities.ToResume} // the run isn't ours any more: nothing of it is written
	}
	if reason, _ := ex.aborted(); reason == script.ReasonDrain && ex.ref.Kind == causeway.RunSync && out.State != causeway.RunSucceeded {
		if ok, err := w.Store.HandBackRun(ctx, ex.ref.EnvironmentID, ex.ref.RunID, ex.fence); err == nil && ok {
			return activities.Report{Status: activities.ToResume}
		}
	}
	return w.close(ctx, ex, run, openedAt, out)
}

// prepareAndRun returns the run as far as it could be loaded, and its outcome.
func (w *Worker) prepareAndRun(ctx context.Context, ex *execution) (run *script.Run, openedAt *time.Time, out causeway.Outcome) {
	failed := func(err error) causeway.Outcome {
		w.Logger.Error("a run could not be prepared", "run", ex.ref.RunID, "environment", ex.ref.EnvironmentID, "error", err)
		return causeway.Outcome{State: causeway.RunFailed, Code: scriptFailure(ex.ref.Kind), Message: "the platform could not run the script"}
	}
	run, version, err := w.load(ctx, ex)
	if err != nil {
		return run, nil, failed(err)
	}
	var reset *storage.Reset
	if run.Opts.Reset {
		reset = &storage.Reset{CheckpointKey: run.CheckpointKey}
	}
	opened, err := w.Records.OpenRun(ctx, run.EnvironmentID, run.RunID, run.ConnectionID, ex.fence, reset)
	if errors.Is(err, storage.ErrRunFenced) {
		ex.Abort(script.ReasonLost, "")
		return run, nil, causeway.Outcome{}
	}
	if err != nil {
		return run, nil, failed(err)
	}
	w.began(ctx, run, opened)
	if run.Opts.Empty {
		if err := w.empty(ctx, run); err != nil {
			return run, &opened, failed(err)
		}
	}
	start, err := w.start(ctx, run, version)
	if err != nil {
		return run, &opened, failed(err)
	}
	start.Record = ex.journal.mode != causeway.JournalOff
	out = w.outcome(ex, run, w.script(ctx, ex, start, version, run))
	w.keepJournal(ctx, ex, out)
	return run, &opened, out
}

// load reads the run, its version and its environment.
func (w *Worker) load(ctx context.Context, ex *execution) (*script.Run, *causeway.FunctionVersion, error) {
	row, err := w.Store.Run(ctx, ex.ref.EnvironmentID, ex.ref.RunID)
	if err != nil {
		return nil, nil, err
	}
	row.Fence = ex.fence
	row.RunRef.Attempt = ex.ref.Attempt
	version, err := w.Store.FunctionVersion(ctx, row.EnvironmentID, row.VersionID)
	if err != nil {
		return nil, nil, err
	}
	environment, err := w.Store.Environment(ctx, row.EnvironmentID)
	if err != nil {
		return nil, nil, err
	}
	definition, err := json.Marshal(version.Definition)
	if err != nil {
		return nil, nil, err
	}
	ex.journal.mode = w.journalMode(environment, row)
	kind := scriptTypes[row.Kind]
	return &script.Run{
		Run: *row, Flavour: kind.flavour, LogLevel: environment.LogLevel, Models: version.Definition.Models, Definition: definition,
		CheckpointKey: causeway.CheckpointKey(kind.name, row.FunctionName, row.Variant),
	}, version, nil
}

// scriptType is what a kind of run is called in scripts and in keys of checkpoints.
type scriptType struct {
	name    string
	flavour script.Flavour
}

var scriptTypes = map[causeway.RunKind]scriptType{
	causeway.RunSync:    {"sync", script.Sync},
	causeway.RunAction:  {"action", script.Action},
	causeway.RunWebhook: {"webhook", script.Webhook},
	causeway.RunEvent:   {"on-event", script.Event},
}

// scriptFailure is the contract's code for a run that could not be executed.
func scriptFailure(kind causeway.RunKind) string {
	switch kind {
	case causeway.RunSync:
		return "sync_script_failure"
	case causeway.RunWebhook:
		return "webhook_script_failure"
	case causeway.RunEvent:
		return "on_event_script_failure"
	default:
		return "action_script_failure"
	}
}

// empty hard-deletes the records of the run's models before the script. It spares what the run itself has written before it was resumed.
func (w *Worker) empty(ctx context.Context, run *script.Run) error {
	for _, m := range run.Models {
		if _, err := w.Records.EmptyModel(ctx, run.EnvironmentID, run.RunID, run.ConnectionID, causeway.ModelName(m, run.Variant)); err != nil {
			return err
		}
	}
	return nil
}

// start is what the script begins with. It names the environment for the script to read, and holds no secret.
func (w *Worker) start(ctx context.Context, run *script.Run, version *causeway.FunctionVersion) (script.Start, error) {
	environment, err := w.Store.Environment(ctx, run.EnvironmentID)
	if err != nil {
		return script.Start{}, err
	}
	input, err := w.Store.RunInput(ctx, run.EnvironmentID, run.RunID)
	if err != nil {
		return script.Start{}, err
	}
	lowered, _ := storage.LoweredKey(version.BundleKey)
	s := script.Start{
		Program: lowered, Script: run.FunctionName + "-" + run.IntegrationKey, Kind: run.Kind,
		FinishMs: w.remaining(run, 100).Milliseconds(), TurnLimitMs: w.TurnLimit.Milliseconds(), LoggerLevel: environment.LogLevel, Input: input,
		Paginate: w.Paginate(run.Provider), EmptyPages: w.EmptyPages,
		Values: script.Values{
			ConnectionID: run.ConnectionKey, ProviderConfigKey: run.IntegrationKey, Provider: run.Provider, EnvironmentID: environment.ID, EnvironmentName: environment.Name,
			AccountID: environment.AccountID, ActivityLogID: run.OperationID, ScriptType: scriptTypes[run.Kind].name, NangoConnectionID: run.ConnectionID,
			LastSyncDate: run.LastSyncAt, Attributes: version.Definition.Attributes, SyncConfig: run.Definition, Models: run.Models,
			TrackDeletes: version.Definition.TrackDeletes, EmptyCache: run.Opts.Empty,
		},
	}
	if run.Kind == causeway.RunSync || run.Kind == causeway.RunWebhook {
		s.Values.Variant, s.Values.SyncJobID = run.Variant, run.RunID
	}
	if run.Kind == causeway.RunSync {
		s.Values.SyncID = run.SyncUID.String()
		s.SoftMs = w.remaining(run, softShare).Milliseconds()
	}
	_, _ = rand.Read(s.Seed[:]) // never fails
	return s, nil
}

// remaining is how long it is until a run has used a part of its time, in per cent. A resumed run has used some of it before.
func (w *Worker) remaining(run *script.Run, part time.Duration) time.Duration {
	left := run.FinishWithin * part / 100
	if run.StartedAt != nil {
		left -= time.Since(*run.StartedAt)
	}
	return max(left, time.Second)
}

// script runs the script. What it logs and fails with names the places of its author's sources.
func (w *Worker) script(ctx context.Context, ex *execution, start script.Start, version *causeway.FunctionVersion, run *script.Run) script.Result {
	lowered, sourceMap := storage.LoweredKey(version.BundleKey)
	program := func() ([]byte, error) { return w.Blob.Get(context.WithoutCancel(ctx), lowered) }
	host := newPlaced(w.Host, start.Script+".cjs", func() *sourcemap.Map { return w.maps.load(ctx, sourceMap) })
	result := w.attempts(ctx, ex, start, program, run, host)
	ex.journal.result = result
	host.finish(&result)
	return result
}

// attempts runs the script. A sync whose runner dies is begun again from its checkpoint, in another runner.
func (w *Worker) attempts(ctx context.Context, ex *execution, start script.Start, program func() ([]byte, error), run *script.Run, host script.Host) script.Result {
	for crashes := 0; ; {
		w.record(ex, start, run)
		result := ex.slot.Run(ctx, start, program, run, host)
		if !result.Crashed || run.Kind != causeway.RunSync || ctx.Err() != nil {
			return result
		}
		if crashes++; crashes > maxCrashes {
			return result
		}
		w.say(run, causeway.LevelWarn, "The process that ran the script died; the sync goes on from its checkpoint.")
		if !w.anotherSlot(ctx, ex) {
			return result
		}
	}
}

// anotherSlot gives an execution a runner slot in place of the one whose runner died.
func (w *Worker) anotherSlot(ctx context.Context, ex *execution) bool {
	ex.slot.Release()
	ex.slot = noSlot{}
	t := time.NewTicker(slotWait)
	defer t.Stop()
	for {
		if slot, ok := w.Runners.TryAcquire(ex.ref.EnvironmentID, interactive(ex.ref.Lane)); ok {
			ex.slot = slot
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
		}
	}
}

// outcome is how a run ended, from how its script did.
func (w *Worker) outcome(ex *execution, run *script.Run, result script.Result) causeway.Outcome {
	switch {
	case result.Crashed && result.Code == "":
		result.Code, result.Message = causeway.CodeRunnerCrashed, "the process that ran the script died"
	case result.Code == "" && run.Kind == causeway.RunAction && len(result.Output) > script.MaxOutput:
		result = script.Result{Code: causeway.CodeOutputTooLarge, Message: fmt.Sprintf("the output has %d bytes, %d are allowed", len(result.Output), script.MaxOutput)}
	}
	reason, code := ex.aborted()
	if reason == script.ReasonCancelled { // what it still returned is ignored
		return causeway.Outcome{State: causeway.RunCancelled, Code: code, Message: "cancelled"}
	}
	if result.Code == "" {
		return causeway.Outcome{State: causeway.RunSucceeded, Output: result.Output, NextSoon: result.Interrupted, Result: &causeway.RunResult{Interrupted: result.Interrupted}}
	}
	out := causeway.Outcome{State: causeway.RunFailed, Code: result.Code, Message: result.Message, Error: result.Error}
	if reason == script.ReasonDrain {
		out = causeway.Outcome{State: causeway.RunFailed, Code: causeway.CodeWorkerStopped, Message: "the worker was stopped"}
	}
	if out.Code == causeway.CodeExecutionTimeout {
		out.Message = fmt.Sprintf("the script ran longer than %s", run.FinishWithin)
	}
	return out
}

// close ends the run's row and does what follows: counters first, then the control plane, then what the records database kept for the run.
func (w *Worker) close(ctx context.Context, ex *execution, run *script.Run, openedAt *time.Time, out causeway.Outcome) activities.Report {
	report := activities.Report{Status: activities.Closed, State: out.State, Code: out.Code}
	if run != nil {
		w.sum(ctx, run, &out)
		if err := w.Redis.FreeLocks(ctx, run.EnvironmentID, run.OperationID); err != nil {
			w.Logger.Warn("locks of a run could not be freed yet", "run", ex.ref.RunID, "error", err)
		}
		if out.State == causeway.RunFailed && run.Opts.Async && w.retry(ctx, ex, run, out) {
			return report
		}
	}
	closed, err := w.closeRow(ctx, ex, &out, openedAt)
	if err != nil {
		if !errors.Is(err, storage.ErrStale) {
			w.Logger.Error("a run could not be closed", "run", ex.ref.RunID, "error", err)
		}
		return activities.Report{Status: activities.ToResume} // it isn't ours any more, or we have to give it up: the row says what follows
	}
	if err := w.Records.CloseRun(ctx, ex.ref.EnvironmentID, ex.ref.RunID); err != nil {
		w.Logger.Warn("what a run left in the records database was not cleared", "run", ex.ref.RunID, "error", err)
	}
	if run != nil {
		w.ended(ctx, run, out, false)
	} else {
		w.endedElsewhere(ctx, ex.ref, out)
	}
	w.Dispatch.Closed(ctx, ex.ref, closed)
	report.State, report.Code = out.State, out.Code
	return report
}

// retry puts an async action whose attempt failed back into its lane, if it has attempts left.
func (w *Worker) retry(ctx context.Context, ex *execution, run *script.Run, out causeway.Outcome) bool {
	again, err := w.Store.RetryRun(ctx, run.EnvironmentID, run.RunID, ex.fence)
	if err != nil || !again {
		return false // the close finds out why
	}
	w.ended(ctx, run, out, true)
	w.Dispatch.Closed(ctx, ex.ref, storage.Closed{Lane: ex.ref.Lane, Next: true, Retry: true})
	return true
}

// closeRow ends the row. While this process holds the run nobody else may, so it is tried until the run or the lease is lost. What keeps
// being refused, an output that the blob store doesn't take, say, is left out.
func (w *Worker) closeRow(ctx context.Context, ex *execution, out *causeway.Outcome, openedAt *time.Time) (storage.Closed, error) {
	for try := 1; ; try++ {
		limited, cancel := context.WithTimeout(ctx, closeWithin)
		closed, err := w.Store.CloseRun(limited, ex.ref, ex.fence, *out, openedAt)
		cancel()
		reason, _ := ex.aborted()
		if err == nil || errors.Is(err, storage.ErrStale) || reason == script.ReasonLost || w.base.Err() != nil {
			return closed, err
		}
		w.Logger.Warn("a run could not be closed yet", "run", ex.ref.RunID, "try", try, "error", err)
		if try == closeTries {
			if out.Output != nil {
				out.State, out.Code, out.Message = causeway.RunFailed, scriptFailure(ex.ref.Kind), "the platform could not store the result"
			}
			out.Output, out.Error = nil, nil
		}
		t := time.NewTimer(min(time.Duration(try)*closePause, 10*closePause))
		select {
		case <-t.C:
		case <-w.base.Done():
		}
		t.Stop()
	}
}

// sum adds what the run did to its records and checkpoints to its outcome.
func (w *Worker) sum(ctx context.Context, run *script.Run, out *causeway.Outcome) {
	if run.Flavour&script.SyncLike == 0 {
		return
	}
	counts, err := w.Records.RunCounters(ctx, run.EnvironmentID, run.RunID)
	if err != nil {
		w.Logger.Warn("the counters of a run could not be read", "run", run.RunID, "error", err)
	}
	if out.Result == nil {
		out.Result = &causeway.RunResult{}
	}
	out.Result.Models = map[string]causeway.Counts{}
	for _, m := range run.Models {
		out.Result.Models[m] = counts[m] // by base model: the run has one variant
	}
	out.Result.Checkpoints = run.CheckpointRange()
}

// noSlot stands where a runner slot was lost.
type noSlot struct{}

func (noSlot) Run(context.Context, script.Start, func() ([]byte, error), *script.Run, script.Host) script.Result {
	return script.Result{Code: causeway.CodeRunnerCrashed, Message: "no runner was free", Crashed: true}
}

func (noSlot) Release() {}
