package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// operationRow is an operation as the statement below takes it.
type operationRow struct {
	EnvironmentID int64           `json:"environment_id"`
	ID            string          `json:"id"`
	CreatedAt     time.Time       `json:"created_at"`
	Type          string          `json:"type"`
	Action        string          `json:"action"`
	State         string          `json:"state"`
	Level         string          `json:"level"`
	IntegrationID *int64          `json:"integration_id"`
	ConnectionID  *int64          `json:"connection_id"`
	FunctionID    *int64          `json:"function_id"`
	RunUID        *string         `json:"run_uid"`
	Names         any             `json:"names"`
	Actor         json.RawMessage `json:"actor"`
	Request       json.RawMessage `json:"request"`
	Response      json.RawMessage `json:"response"`
	Error         json.RawMessage `json:"error"`
	Meta          json.RawMessage `json:"meta"`
	StartedAt     *time.Time      `json:"started_at"`
	EndedAt       *time.Time      `json:"ended_at"`
	ExpiresAt     *time.Time      `json:"expires_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
	DurationMs    *int64          `json:"duration_ms"`
}

// An operation is written as a whole. Two processes may flush its start and its end in any order: the later one stays.
const writeOperationsSQL = `
insert into operation as o (environment_id, id, created_at, type, action, state, level, integration_id, connection_id, function_id,
    run_uid, names, actor, request, response, error, meta, started_at, ended_at, expires_at, updated_at, duration_ms)
select environment_id, id, created_at, type, action, state, level, integration_id, connection_id, function_id,
    run_uid, names, actor, request, response, error, meta, started_at, ended_at, expires_at, updated_at, duration_ms
  from jsonb_populate_recordset(null::operation, $1)
on conflict (environment_id, created_at, id) do update
   set state = excluded.state, level = excluded.level, integration_id = excluded.integration_id, connection_id = excluded.connection_id,
       function_id = excluded.function_id, run_uid = excluded.run_uid, names = excluded.names, actor = excluded.actor,
       request = excluded.request, response = excluded.response, error = excluded.error, meta = excluded.meta,
       started_at = excluded.started_at, ended_at = excluded.ended_at, expires_at = excluded.expires_at,
       updated_at = excluded.updated_at, duration_ms = excluded.duration_ms
 where o.updated_at < excluded.updated_at`

func (l *Logs) writeOperations(ctx context.Context, operations []*causeway.Operation) error {
	if len(operations) == 0 {
		return nil
	}
	rows := make([]operationRow, len(operations))
	for i, op := range operations {
		rows[i] = toOperationRow(op)
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("write %d operations: %w", len(rows), err)
	}
	if _, err := l.pool.Exec(ctx, writeOperationsSQL, withoutNUL(string(raw))); err != nil {
		return fmt.Errorf("write %d operations: %w", len(rows), err)
	}
	return nil
}

func toOperationRow(op *causeway.Operation) operationRow {
	r := operationRow{
		EnvironmentID: op.EnvironmentID, ID: op.ID, CreatedAt: op.CreatedAt, Type: op.Type, Action: op.Action, State: string(op.State),
		Level: string(op.Level), IntegrationID: orNull(op.IntegrationID), ConnectionID: orNull(op.ConnectionID),
		FunctionID: orNull(op.FunctionID), Names: op.Names, Actor: op.Actor, Request: op.Request, Response: op.Response,
		Error: op.Error, Meta: op.Meta, StartedAt: op.StartedAt, EndedAt: op.EndedAt, ExpiresAt: op.ExpiresAt, UpdatedAt: op.UpdatedAt,
	}
	if r.Level == "" {
		r.Level = string(causeway.LevelInfo)
	}
	if op.RunUID != [16]byte{} {
		uid := op.RunUID.String()
		r.RunUID = &uid
	}
	if op.EndedAt != nil {
		from := op.CreatedAt
		if op.StartedAt != nil {
			from = *op.StartedAt
		}
		ms := op.EndedAt.Sub(from).Milliseconds()
		r.DurationMs = &ms
	}
	return r
}

func orNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

// withoutNUL removes what jsonb can't hold: the character U+0000 in its JSON spelling.
func withoutNUL(s string) string {
	if !strings.Contains(s, `\u0000`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if strings.HasPrefix(s[i:], `\u0000`) {
			i += 5
			continue
		}
		b.WriteString(s[i : i+2]) // any other escape, a doubled backslash among them
		i++
	}
	return b.String()
}

var messageColumns = []string{
	"environment_id", "operation_id", "created_at", "seq", "level", "kind", "source", "context", "text",
	"error", "request", "response", "retry", "meta", "ended_at", "duration_ms",
}

func (l *Logs) writeMessages(ctx context.Context, messages []causeway.Message) error {
	if len(messages) == 0 {
		return nil
	}
	_, err := l.pool.CopyFrom(ctx, pgx.Identifier{"message"}, messageColumns, pgx.CopyFromSlice(len(messages), func(i int) ([]any, error) {
		m := &messages[i]
		return []any{
			m.EnvironmentID, m.OperationID, m.CreatedAt, m.Seq, orText(string(m.Level), "info"), orText(m.Kind, "log"), orText(m.Source, "internal"),
			textOrNull(m.Context), strings.ReplaceAll(strings.ToValidUTF8(m.Text, "\uFFFD"), "\x00", ""),
			jsonOrNull(m.Error), jsonOrNull(m.Request), jsonOrNull(m.Response), jsonOrNull(m.Retry), jsonOrNull(m.Meta),
			m.EndedAt, m.DurationMs,
		}, nil
	}))
	if err != nil {
		return fmt.Errorf("write %d messages: %w", len(messages), err)
	}
	return nil
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// jsonOrNull passes JSON on, or what can be said of a text that is none: one bad line must not lose a batch.
func jsonOrNull(raw json.RawMessage) any {
	switch {
	case len(raw) == 0:
		return nil
	case !json.Valid(raw):
		return json.RawMessage(`"(not JSON)"`)
	default:
		return json.RawMessage(withoutNUL(string(raw)))
	}
}

// ExpireOperations ends operations that wait or run past the time that they were given: as timeout, or as cancelled where
// a person was to finish them. It looks at every environment.
func (l *Logs) ExpireOperations(ctx context.Context) (int64, error) {
	if l.pool == nil {
		return 0, nil
	}
	tag, err := l.pool.Exec(ctx, `
update operation set state = case when type = 'auth' and action = 'create_connection' then 'cancelled' else 'timeout' end,
       ended_at = expires_at, updated_at = clock_timestamp()
 where state in ('waiting', 'running') and expires_at < clock_timestamp()`)
	if err != nil {
		return 0, fmt.Errorf("expire operations: %w", err)
	}
	return tag.RowsAffected(), nil
}
