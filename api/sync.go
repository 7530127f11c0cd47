package api

import (
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

type syncCommand struct {
	Syncs             []syncRef `json:"syncs"`
	ProviderConfigKey string    `json:"provider_config_key"`
	ConnectionID      string    `json:"connection_id"`
	Opts              *struct {
		Reset      bool `json:"reset"`
		EmptyCache bool `json:"emptyCache"`
	} `json:"opts"`
	SyncMode   *string `json:"sync_mode"`
	FullResync *bool   `json:"full_resync"`
}

func (b *syncCommand) validate() error {
	var found issues
	for i, r := range b.Syncs {
		found.check(causeway.ValidFunctionName(r.Name) && causeway.ValidFunctionName(r.Variant), "invalid_format", "Invalid string: must be the name of a sync", "syncs", itoa(i))
	}
	found.check(len(b.Syncs) <= 256, "too_big", "Too big: expected array to have <=256 items", "syncs")
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
func (b *syncCommand) request() (storage.SyncRequest, error) {
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

// commanded reads a command and finds the syncs that it means. An empty list means all of the connection, or of the integration.
func (s *Server) commanded(c *gin.Context, p *principal) (syncCommand, []storage.SyncRow, error) {
	var b syncCommand
	if err := emptyQuery(c); err != nil {
		return b, nil, err
	}
	if err := decodeBody(c, &b); err != nil {
		return b, nil, err
	}
	if err := b.validate(); err != nil {
		return b, nil, err
	}
	if b.ProviderConfigKey == "" {
		b.ProviderConfigKey = c.GetHeader("Provider-Config-Key")
	}
	if b.ConnectionID == "" {
		b.ConnectionID = c.GetHeader("Connection-Id")
	}
	if b.ProviderConfigKey == "" {
		return b, nil, &causeway.Error{Code: "missing_provider_config_key", Status: http.StatusBadRequest}
	}
	ctx := c.Request.Context()
	i, err := s.Store.Integration(ctx, p.environment.ID, b.ProviderConfigKey)
	if errors.Is(err, causeway.ErrNotFound) {
		e := unknownIntegration(http.StatusBadRequest)
		e.Legacy = true
		return b, nil, e
	}
	if err != nil {
		return b, nil, err
	}
	f := storage.SyncFilter{IntegrationID: i.ID}
	if b.ConnectionID != "" {
		x, err := s.Store.Connection(ctx, p.environment.ID, i.ID, b.ConnectionID)
		if errors.Is(err, causeway.ErrNotFound) {
			return b, nil, &causeway.Error{Code: "unknown_connection", Status: http.StatusNotFound, Message: "there is no connection with this id", Legacy: true}
		}
		if err != nil {
			return b, nil, err
		}
		f.ConnectionID = x.ID
	}
	for _, r := range b.Syncs {
		f.Names = append(f.Names, storage.SyncName(r))
	}
	rows, err := s.Store.Syncs(ctx, p.environment.ID, f)
	if err != nil {
		return b, nil, err
	}
	if len(rows) == 0 && (len(b.Syncs) > 0 || b.ConnectionID == "") || !allFound(b.Syncs, rows) {
		return b, nil, &causeway.Error{Code: "no_syncs_found", Status: http.StatusBadRequest, Message: "no such sync is deployed for this connection", Legacy: true}
	}
	return b, rows, nil
}

func allFound(refs []syncRef, rows []storage.SyncRow) bool {
	there := map[syncRef]bool{}
	for _, r := range rows {
		there[syncRef{r.Name, r.Variant}] = true
	}
	for _, r := range refs {
		if !there[r] {
			return false
		}
	}
	return true
}

func (s *Server) triggerSync(c *gin.Context, p *principal) error {
	b, rows, err := s.commanded(c, p)
	if err != nil {
		return err
	}
	want, err := b.request()
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	for _, row := range rows {
		ref, stopped, err := s.Store.RequestSync(ctx, p.environment.ID, row.ID, want)
		switch {
		case causeway.ErrorCode(err) == storage.ErrAlreadyRunning.Code:
			if len(rows) == 1 {
				return storage.ErrAlreadyRunning
			}
		case errors.Is(err, causeway.ErrNotFound): // deleted meanwhile
		case err != nil:
			return err
		}
		if stopped != nil {
			s.stop(ctx, *stopped)
		}
		if ref != nil {
			s.start(ctx, *ref)
		}
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}

func (s *Server) pauseSync(c *gin.Context, p *principal) error {
	_, rows, err := s.commanded(c, p)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	for _, row := range rows {
		stopped, err := s.Store.PauseSync(ctx, p.environment.ID, row.ID)
		if err != nil && !errors.Is(err, causeway.ErrNotFound) {
			return err
		}
		if stopped != nil {
			s.stop(ctx, *stopped)
		}
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}

func (s *Server) startSync(c *gin.Context, p *principal) error {
	_, rows, err := s.commanded(c, p)
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
		v.LatestResult = row.LastResult.Models
	}
	if row.LastRunState != "" {
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
	ctx := c.Request.Context()
	i, err := s.Store.Integration(ctx, p.environment.ID, b.ProviderConfigKey)
	if errors.Is(err, causeway.ErrNotFound) {
		return unknownConnection()
	}
	if err != nil {
		return err
	}
	x, err := s.Store.Connection(ctx, p.environment.ID, i.ID, b.ConnectionID)
	if errors.Is(err, causeway.ErrNotFound) {
		return unknownConnection()
	}
	if err != nil {
		return err
	}
	rows, err := s.Store.Syncs(ctx, p.environment.ID, storage.SyncFilter{IntegrationID: i.ID, ConnectionID: x.ID, Names: []storage.SyncName{storage.SyncName(parseSyncRef(b.SyncName + "::" + b.SyncVariant))}})
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return &causeway.Error{Code: "unknown_sync", Status: http.StatusBadRequest}
	}
	due, err := s.Store.SetSyncFrequency(ctx, p.environment.ID, rows[0].ID, interval)
	if err != nil {
		return err
	}
	if due != nil {
		s.ask(ctx, p.environment.ID, *due)
	}
	if b.Frequency == nil {
		normal = rows[0].Runs
	}
	return answer(c, http.StatusOK, gin.H{"frequency": normal})
}
