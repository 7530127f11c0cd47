package worker

import (
	"context"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/journal"
)

// recording is the journal of an execution while it is written.
type recording struct {
	mode     string
	recorder *journal.Recorder // of the last try; nil: none is kept
	result   script.Result     // as the script's engine gave it
}

// journalMode says which of the function's runs keep a journal. Webhooks run a sync's function.
func (w *Worker) journalMode(environment *causeway.Environment, run *causeway.Run) string {
	kind := map[causeway.RunKind]causeway.FunctionKind{
		causeway.RunSync: causeway.KindSync, causeway.RunWebhook: causeway.KindSync, causeway.RunAction: causeway.KindAction, causeway.RunEvent: causeway.KindOnEvent,
	}[run.Kind]
	return environment.Settings.JournalMode(causeway.JournalKey(run.IntegrationKey, kind, run.FunctionName), w.Journal)
}

// record begins the journal of a try, if the run is to be recorded. A run whose journal can't be begun runs without one.
func (w *Worker) record(ex *execution, start script.Start, run *script.Run) {
	if ex.journal.recorder != nil {
		ex.journal.recorder.Drop()
	}
	ex.journal.recorder, run.Record = nil, nil
	if !start.Record {
		return
	}
	recorder, err := journal.NewRecorder(start, journal.MaxSize)
	if err != nil {
		w.Logger.Warn("a run keeps no journal", "run", run.RunID, "error", err)
		return
	}
	ex.journal.recorder, run.Record = recorder, recorder.Record
}

// keepJournal stores the journal of a run that ends, if it is wanted. If that fails the run ends without it.
func (w *Worker) keepJournal(ctx context.Context, ex *execution, out causeway.Outcome) {
	j := ex.journal
	if j.recorder == nil {
		return
	}
	reason, _ := ex.aborted()
	if reason == script.ReasonLost || j.mode == causeway.JournalFailures && out.State != causeway.RunFailed {
		j.recorder.Drop()
		return
	}
	stored, err := j.recorder.End(j.result)
	if err == nil {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		err = w.Store.KeepJournal(limited, ex.ref, ex.fence, stored)
	}
	if err != nil {
		w.Logger.Warn("the journal of a run was not kept", "run", ex.ref.RunID, "error", err)
	}
}
