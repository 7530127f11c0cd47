package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// syncRef names a sync: "name", "name::variant", or an object of both.
type syncRef storage.SyncName

func (r *syncRef) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '{' {
		var o struct{ Name, Variant string }
		if err := json.Unmarshal(raw, &o); err != nil {
			return err
		}
		*r = parseSyncRef(o.Name + "::" + o.Variant)
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	*r = parseSyncRef(text)
	return nil
}

func parseSyncRef(text string) syncRef {
	name, variant, _ := strings.Cut(text, "::")
	if variant == "" {
		variant = causeway.BaseVariant
	}
	return syncRef{name, variant}
}

// syncTarget names the syncs that a command is for.
type syncTarget struct {
	Syncs             []syncRef `json:"syncs"`
	ProviderConfigKey string    `json:"provider_config_key"`
	ConnectionID      string    `json:"connection_id"`
}

func (b *syncTarget) check(found *issues) {
	found.check(b.Syncs != nil, "invalid_type", "Invalid input: expected array, received undefined", "syncs")
	for i, r := range b.Syncs {
		found.check(causeway.ValidFunctionName(r.Name) && causeway.ValidFunctionName(r.Variant), "invalid_format", "Invalid string: must be the name of a sync", "syncs", itoa(i))
	}
	found.check(len(b.Syncs) <= 256, "too_big", "Too big: expected array to have <=256 items", "syncs")
}

// find looks up what is named. No name means all syncs of the connection, no connection all connections of the integration.
func (b *syncTarget) find(c *gin.Context, s *Server, p *principal) ([]storage.SyncRow, error) {
	names := make([]storage.SyncName, 0, len(b.Syncs))
	for _, r := range b.Syncs {
		names = append(names, storage.SyncName(r))
	}
	return s.Store.FindSyncs(c.Request.Context(), p.environment.ID, b.ProviderConfigKey, b.ConnectionID, names)
}

type syncTrigger struct {
	syncTarget
	Opts *struct {
		Reset      bool `json:"reset"`
		EmptyCache bool `json:"emptyCache"`
	} `json:"opts"`
	SyncMode   *string `json:"sync_mode"`
	FullResync *bool   `json:"full_resync"`
}

func (b *syncTrigger) validate() error {
	var found issues
	b.check(&found)
	if b.SyncMode != nil {
		switch *b.SyncMode {
		case "incremental", "full_refresh", "full_refresh_and_clear_cache":
		default:
			found.add("invalid_value", `Invalid option: expected one of "incremental"|"full_refresh"|"full_refresh_and_clear_cache"`, "sync_mode")
		}
	}
	return found.err(badBody)
}

// request is the wish that a trigger stands for.
func (b *syncTrigger) request() (storage.SyncRequest, error) {
	if b.Opts != nil && (b.SyncMode != nil || b.FullResync != nil) {
		return "", causeway.Errorf(http.StatusBadRequest, badBody, "opts can't be given together with sync_mode or full_resync")
	}
	switch {
	case b.Opts != nil && b.Opts.EmptyCache && !b.Opts.Reset:
		return "", causeway.Errorf(http.StatusBadRequest, badBody, "opts.emptyCache empties the records before a full run: give opts.reset with it")
	case b.Opts != nil && b.Opts.EmptyCache, b.SyncMode != nil && *b.SyncMode == "full_refresh_and_clear_cache":
		return storage.RequestFullEmpty, nil
	case b.Opts != nil && b.Opts.Reset, b.SyncMode != nil && *b.SyncMode == "full_refresh", b.FullResync != nil && *b.FullResync:
		return storage.RequestFull, nil
	default:
		return storage.RequestRun, nil
	}
}

// triggerSync runs syncs now. Of several, one that can't be run doesn't keep the others from it.
func (s *Server) triggerSync(c *gin.Context, p *principal) error {
	var b syncTrigger
	if err := emptyQuery(c); err != nil {
		return err
	}
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	if err := b.validate(); err != nil {
		return err
	}
	if b.ProviderConfigKey == "" { // older clients say it in headers
		b.ProviderConfigKey = c.GetHeader("Provider-Config-Key")
	}
	if b.ConnectionID == "" {
		b.ConnectionID = c.GetHeader("Connection-Id")
	}
	if b.ProviderConfigKey == "" {
		return &causeway.Error{Code: "missing_provider_config_key", Status: http.StatusBadRequest}
	}
	want, err := b.request()
	if err != nil {
		return err
	}
	rows, err := b.find(c, s, p)
	if err != nil {
		return err
	}
	for _, row := range rows {
		err := s.requestSync(c.Request.Context(), p.environment.ID, row.ID, want)
		if refused := causeway.ErrorCode(err) != ""; err != nil && (!refused || len(rows) == 1) {
			return err
		}
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}

func (s *Server) requestSync(ctx context.Context, environmentID, syncID int64, want storage.SyncRequest) error {
	ref, stopped, err := s.Store.RequestSync(ctx, environmentID, syncID, want)
	if err != nil {
		if refusal, ok := errors.AsType[*causeway.Error](err); ok {
			return refusal
		}
		return err
	}
	if stopped != nil {
		s.stop(ctx, *stopped)
	}
	if ref != nil {
		s.start(ctx, *ref)
	}
	return nil
}

// targeted reads the body of a command that has no options.
func (s *Server) targeted(c *gin.Context, p *principal) ([]storage.SyncRow, error) {
	var b syncTarget
	if err := emptyQuery(c); err != nil {
		return nil, err
	}
	if err := decodeBody(c, &b); err != nil {
		return nil, err
	}
	var found issues
	b.check(&found)
	found.check(b.ProviderConfigKey != "", "invalid_type", "Invalid input: expected string, received undefined", "provider_config_key")
	if err := found.err(badBody); err != nil {
		return nil, err
	}
	return b.find(c, s, p)
}

func (s *Server) pauseSync(c *gin.Context, p *principal) error {
	rows, err := s.targeted(c, p)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	for _, row := range rows {
		stopped, err := s.Store.PauseSync(ctx, p.environment.ID, row.ID)
		if err != nil && !errors.Is(err, causeway.ErrNotFound) { // gone: deleted meanwhile
			return err
		}
		if stopped != nil {
			s.stop(ctx, *stopped)
		}
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}

func (s *Server) startSync(c *gin.Context, p *principal) error {
	rows, err := s.targeted(c, p)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	var earliest *time.Time
	for _, row := range rows {
		due, err := s.Store.ResumeSync(ctx, p.environment.ID, row.ID)
		if err != nil && !errors.Is(err, causeway.ErrNotFound) {
			return err
		}
		if due != nil && (earliest == nil || due.Before(*earliest)) {
			earliest = due
		}
	}
	if earliest != nil {
		s.ask(ctx, p.environment.ID, *earliest)
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}

// syncStatusRow is a sync as its status is shown.
type syncStatusRow struct {
	ID                    string                     `json:"id"`
	ConnectionID          string                     `json:"connection_id"`
	Type                  string                     `json:"type"`
	FinishedAt            *string                    `json:"finishedAt,omitempty"`
	NextScheduledSyncAt   *string                    `json:"nextScheduledSyncAt"`
	Name                  string                     `json:"name"`
	Variant               string                     `json:"variant"`
	Status                string                     `json:"status"`
	Frequency             *string                    `json:"frequency"`
	LatestResult          map[string]causeway.Counts `json:"latestResult,omitempty"`
	LatestExecutionStatus string                     `json:"latestExecutionStatus,omitempty"`
	RecordCount           map[string]int64           `json:"recordCount"`
	Checkpoint            json.RawMessage            `json:"checkpoint"`
}

func (s *Server) syncStatus(c *gin.Context, p *principal) error {
	q := readQuery(c, "syncs", "provider_config_key", "connection_id")
	names, key, connectionID := q.text("syncs", 10_000, true), q.text("provider_config_key", 255, true), q.text("connection_id", 255, false)
	if err := q.err(); err != nil {
		return err
	}
	ctx := c.Request.Context()
	i, err := s.Store.Integration(ctx, p.environment.ID, key)
	if errors.Is(err, causeway.ErrNotFound) {
		return causeway.Errorf(http.StatusBadRequest, badBody, "provider_config_key: there is no integration %q", key)
	}
	if err != nil {
		return err
	}
	f := storage.SyncFilter{IntegrationID: i.ID}
	if connectionID != "" {
		x, err := s.Store.Connection(ctx, p.environment.ID, i.ID, connectionID)
		if errors.Is(err, causeway.ErrNotFound) {
			return causeway.Errorf(http.StatusBadRequest, badBody, "connection_id: there is no connection %q", connectionID)
		}
		if err != nil {
			return err
		}
		f.ConnectionID = x.ID
	}
	if names != "*" {
		for _, n := range splitList(names) {
			f.Names = append(f.Names, storage.SyncName(parseSyncRef(n)))
		}
	}
	rows, err := s.Store.Syncs(ctx, p.environment.ID, f)
	if err != nil {
		return err
	}
	out := make([]syncStatusRow, 0, len(rows))
	for _, row := range rows {
		v, err := s.statusRow(c, p.environment.ID, row)
		if err != nil {
			return err
		}
		out = append(out, v)
	}
	return answer(c, http.StatusOK, gin.H{"syncs": out})
}

func (s *Server) statusRow(c *gin.Context, environmentID int64, row storage.SyncRow) (syncStatusRow, error) {
	v := syncStatusRow{
		ID: row.UID.String(), ConnectionID: row.ConnectionKey, Name: row.Name, Variant: row.Variant, Type: "INITIAL", Status: status(row), RecordCount: map[string]int64{},
		Checkpoint: json.RawMessage("null"),
	}
	if row.LastRunType == "incremental" {
		v.Type = "INCREMENTAL"
	}
	if !row.Running {
		v.FinishedAt = causeway.FormatTime(row.LastFinishedAt, causeway.TimeZ)
	}
	if row.PausedAt == nil && row.Enabled {
		v.NextScheduledSyncAt = causeway.FormatTime(row.NextDueAt, causeway.TimeZ)
	}
	switch {
	case row.FrequencyOwn > 0:
		text := shortDuration(row.FrequencyOwn)
		v.Frequency = &text
	case row.Runs != "":
		v.Frequency = &row.Runs
	}
	if row.LastResult != nil {
		v.LatestResult = map[string]causeway.Counts{}
		for m, n := range row.LastResult.Models {
			n.Unchanged = 0 // the wire doesn't know it
			v.LatestResult[m] = n
		}
	}
	switch {
	case row.Running:
		v.LatestExecutionStatus = "RUNNING"
	case row.LastRunState != "":
		v.LatestExecutionStatus = executionStatus(row.LastRunState)
	}
	ctx := c.Request.Context()
	counts, err := s.Records.Counts(ctx, environmentID, row.ConnectionID)
	if err != nil {
		return v, err
	}
	for _, m := range row.Models {
		v.RecordCount[m] = counts[causeway.ModelName(m, row.Variant)]
	}
	checkpoint, err := s.Records.Checkpoint(ctx, environmentID, row.ConnectionID, causeway.CheckpointKey("sync", row.Name, row.Variant))
	if err != nil {
		return v, err
	}
	if checkpoint.Value != nil {
		v.Checkpoint = checkpoint.Value
	}
	return v, nil
}

func status(row storage.SyncRow) string {
	switch {
	case row.Running:
		return "RUNNING"
	case row.PausedAt != nil || !row.Enabled:
		return "PAUSED"
	case row.LastRunState == "" || row.LastRunState == causeway.RunSucceeded:
		return "SUCCESS"
	default:
		return "ERROR"
	}
}

func executionStatus(state causeway.RunState) string {
	if state == causeway.RunSucceeded {
		return "SUCCESS"
	}
	return "STOPPED"
}

// shortDuration writes an interval in its largest whole unit.
func shortDuration(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d%u.unit == 0 {
			return itoa(int(d/u.unit)) + u.name
		}
	}
	return itoa(int(d/time.Second)) + "s"
}

func (s *Server) updateFrequency(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	var b struct {
		SyncName          string  `json:"sync_name"`
		SyncVariant       string  `json:"sync_variant"`
		ProviderConfigKey string  `json:"provider_config_key"`
		ConnectionID      string  `json:"connection_id"`
		Frequency         *string `json:"frequency"`
	}
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	var (
		interval time.Duration
		normal   string
	)
	if b.Frequency != nil {
		var err error
		if interval, normal, err = causeway.ParseFrequency(*b.Frequency); err != nil {
			e, _ := errors.AsType[*causeway.Error](err)
			return causeway.Errorf(http.StatusBadRequest, badBody, "%s", e.Message)
		}
	}
	row, err := s.syncOf(c, p, b.ProviderConfigKey, b.ConnectionID, parseSyncRef(b.SyncName+"::"+b.SyncVariant))
	if causeway.ErrorCode(err) == "unknown_provider_config" {
		return unknownConnection()
	}
	if err != nil {
		return err
	}
	if row == nil {
		return &causeway.Error{Code: "unknown_sync", Status: http.StatusBadRequest}
	}
	ctx := c.Request.Context()
	due, err := s.Store.SetSyncFrequency(ctx, p.environment.ID, row.ID, interval)
	if err != nil {
		return err
	}
	if due != nil {
		s.ask(ctx, p.environment.ID, *due)
	}
	if b.Frequency == nil {
		normal = row.Runs
	}
	return answer(c, http.StatusOK, gin.H{"frequency": normal})
}
