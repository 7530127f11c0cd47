package dryrun

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// records are those of a run, by model: of several with one id the last counts.
type records struct {
	ids  map[string][]string
	rows map[string]map[string]json.RawMessage
}

func newRecords() records {
	return records{ids: map[string][]string{}, rows: map[string]map[string]json.RawMessage{}}
}

// put says whether the id was there before.
func (r *records) put(model, id string, row json.RawMessage) bool {
	if r.rows[model] == nil {
		r.rows[model] = map[string]json.RawMessage{}
	}
	_, known := r.rows[model][id]
	if !known {
		r.ids[model] = append(r.ids[model], id)
	}
	r.rows[model][id] = row
	return known
}

func (r *records) all() map[string][]json.RawMessage {
	out := map[string][]json.RawMessage{}
	for model, ids := range r.ids {
		for _, id := range ids {
			out[model] = append(out[model], r.rows[model][id])
		}
	}
	return out
}

// SaveRecords keeps records in memory.
func (h *host) SaveRecords(_ context.Context, run *script.Run, q script.RecordsRequest, rows []byte) (script.RecordsAnswer, error) {
	return h.keep(run, &h.saved, q, rows, true)
}

// UpdateRecords keeps the changes in memory; there is nothing to merge them into.
func (h *host) UpdateRecords(_ context.Context, run *script.Run, q script.RecordsRequest, rows []byte) (script.RecordsAnswer, error) {
	return h.keep(run, &h.updated, q, rows, false)
}

// DeleteRecords keeps in memory what would be deleted.
func (h *host) DeleteRecords(_ context.Context, run *script.Run, q script.RecordsRequest, rows []byte) (script.RecordsAnswer, error) {
	return h.keep(run, &h.deleted, q, rows, false)
}

func (h *host) keep(run *script.Run, to *records, q script.RecordsRequest, rows []byte, validated bool) (script.RecordsAnswer, error) {
	if !slices.Contains(run.Models, q.Model) {
		return script.RecordsAnswer{}, &script.CallError{Code: "undeclared_model", Message: fmt.Sprintf(
			"The model '%s' is not included in the declared sync models: %s", q.Model, strings.Join(run.Models, ","))}
	}
	var answer script.RecordsAnswer
	n := 0
	for line := range bytes.SplitSeq(rows, []byte("\n")) {
		row := slices.Clone(json.RawMessage(line)) // the frame is used again
		var shape struct {
			ID any `json:"id"`
		}
		d := json.NewDecoder(bytes.NewReader(row))
		d.UseNumber()
		if err := d.Decode(&shape); err != nil || shape.ID == nil {
			return answer, &script.CallError{Code: "invalid_record", Message: fmt.Sprintf("record %d has no id", n)}
		}
		n++
		if validated {
			if err := h.validate("invalid_sync_record", q.Model, row); err != nil {
				return answer, &script.CallError{Code: "invalid_sync_record", Message: err.Error()}
			}
		}
		h.mu.Lock()
		id := fmt.Sprint(shape.ID)
		if to.put(q.Model, id, row) {
			answer.Updated++
		} else {
			answer.Added++
		}
		if to != &h.updated {
			h.fixture.row(to == &h.deleted, q.Model, json.RawMessage(h.secrets.Hide(string(row))))
		}
		h.mu.Unlock()
	}
	return answer, nil
}

// SetMergeStrategy has nothing to merge with.
func (h *host) SetMergeStrategy(context.Context, *script.Run, script.MergeStrategyRequest) error {
	return nil
}

// RecordsByIDs reads the platform's records.
func (h *host) RecordsByIDs(ctx context.Context, run *script.Run, q script.RecordsByIDsRequest) ([]byte, error) {
	query := url.Values{"model": {causeway.ModelName(q.Model, run.Variant)}, "ids": q.IDs}
	records, _, err := h.stored(ctx, run, query)
	return records, err
}

// RecordsPage reads the platform's records.
func (h *host) RecordsPage(ctx context.Context, run *script.Run, q script.RecordsPageRequest) (script.RecordsPageAnswer, []byte, error) {
	query := url.Values{"model": {causeway.ModelName(q.Model, run.Variant)}}
	if q.Cursor != "" {
		query.Set("cursor", q.Cursor)
	}
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	records, next, err := h.stored(ctx, run, query)
	return script.RecordsPageAnswer{NextCursor: next}, records, err
}

func (h *host) stored(ctx context.Context, run *script.Run, query url.Values) (records json.RawMessage, next string, err error) {
	raw, err := h.api(ctx, http.MethodGet, "/records?"+query.Encode(), nil, "Connection-Id", run.ConnectionKey, "Provider-Config-Key", run.IntegrationKey)
	if err != nil {
		return nil, "", err
	}
	var page struct {
		Records json.RawMessage `json:"records"`
		Next    *string         `json:"next_cursor"`
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return nil, "", fmt.Errorf("read the records: %w", err)
	}
	if page.Next != nil {
		next = *page.Next
	}
	return page.Records, next, nil
}

// DeleteOlderRecords deletes nothing.
func (h *host) DeleteOlderRecords(context.Context, *script.Run, script.ModelRequest) ([]byte, error) {
	return []byte("[]"), nil
}

// StartDeletes tracks nothing.
func (h *host) StartDeletes(context.Context, *script.Run, script.ModelRequest) error { return nil }

// EndDeletes deletes nothing.
func (h *host) EndDeletes(context.Context, *script.Run, script.ModelRequest) ([]byte, error) {
	return []byte("[]"), nil
}

// Checkpoint is the one that the dry run was given, or has saved since.
func (h *host) Checkpoint(context.Context, *script.Run) (script.CheckpointAnswer, []byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return script.CheckpointAnswer{Version: h.version}, h.checkpoint, nil
}

// SaveCheckpoint keeps it in memory.
func (h *host) SaveCheckpoint(_ context.Context, _ *script.Run, _ script.CheckpointRequest, value []byte) (script.CheckpointAnswer, error) {
	if err := causeway.ValidateCheckpoint(value); err != nil {
		return script.CheckpointAnswer{}, &script.CallError{Code: "invalid_checkpoint", Message: err.Error()}
	}
	return h.setCheckpoint(slices.Clone(value)), nil
}

// ClearCheckpoint forgets it.
func (h *host) ClearCheckpoint(context.Context, *script.Run, script.CheckpointRequest) (script.CheckpointAnswer, error) {
	return h.setCheckpoint(nil), nil
}

func (h *host) setCheckpoint(value json.RawMessage) script.CheckpointAnswer {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checkpoint = value
	h.version++
	return script.CheckpointAnswer{Version: h.version}
}

// AcquireLock always succeeds.
func (h *host) AcquireLock(context.Context, *script.Run, script.LockRequest) (script.LockAnswer, error) {
	return script.LockAnswer{Done: true}, nil
}

// ReleaseLock always succeeds.
func (h *host) ReleaseLock(context.Context, *script.Run, script.LockRequest) (script.LockAnswer, error) {
	return script.LockAnswer{Done: true}, nil
}

// ReleaseAllLocks always succeeds.
func (h *host) ReleaseAllLocks(context.Context, *script.Run) (script.LockAnswer, error) {
	return script.LockAnswer{Done: true}, nil
}
