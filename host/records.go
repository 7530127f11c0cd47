package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

const (
	maxDuplicates  = 100  // ids that an answer lists
	defaultRecords = 1000 // records of a page that a script didn't limit
)

// writer is the run as the records store knows it.
func writer(run *script.Run) storage.RecordRun {
	return storage.RecordRun{RunID: run.RunID, ConnectionID: run.ConnectionID, Fence: run.Fence}
}

// recordsError is what a failure of the store is to a script. A run that has lost its fence gets no answer any more.
func recordsError(err error) error {
	if errors.Is(err, storage.ErrRunFenced) {
		return &script.CallError{Code: "run_fenced", Message: "the run has been taken over or has ended", Fatal: true, Cause: err}
	}
	return err
}

// storedModel is the stored name of a declared model.
func storedModel(run *script.Run, model string) (string, error) {
	if !slices.Contains(run.Models, model) {
		return "", &script.CallError{Code: "undeclared_model", Message: fmt.Sprintf(
			"The model '%s' is not included in the declared sync models: %s", model, strings.Join(run.Models, ","))}
	}
	return causeway.ModelName(model, run.Variant), nil
}

// parseRows reads one record a line. All of them are checked before anything is written; an error names the record by its
// place in the batch, and the value.
func parseRows(q script.RecordsRequest, rows []byte) ([]causeway.RecordInput, error) {
	records := make([]causeway.RecordInput, 0, q.Count)
	for line := range bytes.SplitSeq(rows, []byte("\n")) {
		r, err := storage.ParseRecord(line)
		if err != nil {
			return nil, &script.CallError{Code: "invalid_record", Message: fmt.Sprintf("record %d: %v", len(records), err)}
		}
		records = append(records, r)
		if len(records) > q.Count {
			break
		}
	}
	if len(records) != q.Count {
		return nil, &script.CallError{Code: "script_call_invalid", Message: fmt.Sprintf("count: %d records were announced, others came", q.Count)}
	}
	return records, nil
}

type recordsWrite func(ctx context.Context, env int64, run storage.RecordRun, model string, records []causeway.RecordInput) (causeway.WriteCounts, error)

func (h *Host) write(ctx context.Context, run *script.Run, q script.RecordsRequest, rows []byte, write recordsWrite) (script.RecordsAnswer, error) {
	model, err := storedModel(run, q.Model)
	if err != nil {
		return script.RecordsAnswer{}, err
	}
	records, err := parseRows(q, rows)
	if err != nil {
		return script.RecordsAnswer{}, err
	}
	counts, err := write(ctx, run.EnvironmentID, writer(run), model, records)
	if err != nil {
		return script.RecordsAnswer{}, recordsError(err)
	}
	if counts.Pruned > 0 {
		h.say(run, causeway.LevelWarn, fmt.Sprintf("%d records of the model %s were not updated: their payload has been pruned, save them whole", counts.Pruned, q.Model))
	}
	return script.RecordsAnswer{
		Added: counts.Added, Updated: counts.Updated, Deleted: counts.Deleted, Unchanged: counts.Unchanged,
		Duplicates: counts.Duplicates[:min(len(counts.Duplicates), maxDuplicates)],
	}, nil
}

// SaveRecords upserts a batch.
func (h *Host) SaveRecords(ctx context.Context, run *script.Run, q script.RecordsRequest, rows []byte) (script.RecordsAnswer, error) {
	return h.write(ctx, run, q, rows, h.Records.Save)
}

// UpdateRecords merges a batch into live records.
func (h *Host) UpdateRecords(ctx context.Context, run *script.Run, q script.RecordsRequest, rows []byte) (script.RecordsAnswer, error) {
	return h.write(ctx, run, q, rows, h.Records.Update)
}

// DeleteRecords soft-deletes a batch.
func (h *Host) DeleteRecords(ctx context.Context, run *script.Run, q script.RecordsRequest, rows []byte) (script.RecordsAnswer, error) {
	return h.write(ctx, run, q, rows, h.Records.Delete)
}

// SetMergeStrategy says how the run's writes to a model meet newer records of others.
func (h *Host) SetMergeStrategy(ctx context.Context, run *script.Run, q script.MergeStrategyRequest) error {
	model, err := storedModel(run, q.Model)
	if err != nil {
		return err
	}
	return recordsError(h.Records.SetMergeStrategy(ctx, run.EnvironmentID, writer(run), model, q.Strategy == "ignore_if_modified_after"))
}

// RecordsByIDs returns the records with these ids as a JSON list; deleted ones are among them.
func (h *Host) RecordsByIDs(ctx context.Context, run *script.Run, q script.RecordsByIDsRequest) ([]byte, error) {
	ids := q.IDs
	if ids == nil {
		ids = []string{}
	}
	page, err := h.Records.Page(ctx, run.EnvironmentID, run.ConnectionID, storage.RecordsQuery{
		Model: causeway.ModelName(q.Model, run.Variant), IDs: ids, Limit: max(len(ids), 1),
	})
	if err != nil {
		return nil, err
	}
	return list(page)
}

// RecordsPage returns the records after a cursor as a JSON list.
func (h *Host) RecordsPage(ctx context.Context, run *script.Run, q script.RecordsPageRequest) (script.RecordsPageAnswer, []byte, error) {
	limit := q.Limit
	if limit == 0 {
		limit = defaultRecords
	}
	page, err := h.Records.Page(ctx, run.EnvironmentID, run.ConnectionID, storage.RecordsQuery{
		Model: causeway.ModelName(q.Model, run.Variant), Cursor: q.Cursor, Limit: limit,
	})
	if errors.Is(err, storage.ErrRecordsCursor) {
		return script.RecordsPageAnswer{}, nil, &script.CallError{Code: "invalid_cursor", Message: "the cursor is none that a record carries"}
	}
	if err != nil {
		return script.RecordsPageAnswer{}, nil, err
	}
	body, err := list(page)
	return script.RecordsPageAnswer{NextCursor: page.NextCursor}, body, err
}

func list(page *storage.RecordsPage) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(page.Size()) + 2)
	b.WriteByte('[')
	if _, err := page.WriteTo(&b); err != nil {
		return nil, err
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}

// DeleteOlderRecords deletes what neither this run nor another has seen since this one began.
func (h *Host) DeleteOlderRecords(ctx context.Context, run *script.Run, q script.ModelRequest) ([]byte, error) {
	model, err := storedModel(run, q.Model)
	if err != nil {
		return nil, err
	}
	ids, err := h.Records.DeleteOlder(ctx, run.EnvironmentID, writer(run), model, nil)
	if err != nil {
		return nil, recordsError(err)
	}
	return deletedKeys(ids)
}

// StartDeletes begins delete tracking, unless it is open already.
func (h *Host) StartDeletes(ctx context.Context, run *script.Run, q script.ModelRequest) error {
	model, err := storedModel(run, q.Model)
	if err != nil {
		return err
	}
	return recordsError(h.Records.StartDeletes(ctx, run.EnvironmentID, writer(run), model, run.CheckpointKey))
}

// EndDeletes deletes what nobody has seen since delete tracking began.
func (h *Host) EndDeletes(ctx context.Context, run *script.Run, q script.ModelRequest) ([]byte, error) {
	model, err := storedModel(run, q.Model)
	if err != nil {
		return nil, err
	}
	ids, err := h.Records.EndDeletes(ctx, run.EnvironmentID, writer(run), model, run.CheckpointKey, nil)
	if errors.Is(err, storage.ErrNoGeneration) {
		return nil, &script.CallError{Code: "no_delete_tracking", Message: fmt.Sprintf("No track deletes starting point found for model '%s'.", q.Model), Cause: err}
	}
	if err != nil {
		return nil, recordsError(err)
	}
	return deletedKeys(ids)
}

func deletedKeys(ids []string) ([]byte, error) {
	if ids == nil {
		ids = []string{}
	}
	return json.Marshal(ids)
}
