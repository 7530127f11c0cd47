package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	causeway "github.com/causeway-dev/causeway"
)

const logConns = 2 // of its own pool: a flood of logs never takes a connection from a run

// postgresLogs keeps logs in tables that are cut by day.
type postgresLogs struct {
	pool *pgxpool.Pool
	lost func(code string)
}

func openPostgresLogs(ctx context.Context, url string, lost func(code string)) (*postgresLogs, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the logs' database URL can't be read")
	}
	config.MaxConns = logConns
	config.ConnConfig.RuntimeParams["application_name"] = "causeway-logs"
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off" // losing the last moment's logs in a crash of the database is fine
	config.ConnConfig.RuntimeParams["jit"] = "off"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the logs' database: %w", err)
	}
	return &postgresLogs{pool: pool, lost: lost}, nil
}

func (l *postgresLogs) close() { l.pool.Close() }

func (l *postgresLogs) refresh(context.Context) error { return nil } // what is committed is seen

func (l *postgresLogs) maintain(ctx context.Context, retention time.Duration) error {
	return maintainPartitions(ctx, l.pool, logPartitions(retention))
}

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
       function_id = excluded.function_id, run_uid = excluded.run_uid, names = excluded.names, actor = coalesce(excluded.actor, o.actor),
       request = coalesce(excluded.request, o.request), response = excluded.response, error = excluded.error, meta = excluded.meta,
       started_at = excluded.started_at, ended_at = excluded.ended_at, expires_at = excluded.expires_at,
       updated_at = excluded.updated_at, duration_ms = excluded.duration_ms
 where o.updated_at < excluded.updated_at`

func (l *postgresLogs) writeOperations(ctx context.Context, operations []*causeway.Operation) ([]*causeway.Operation, error) {
	err := writeParts(operations, l.lost, func(part []*causeway.Operation) error {
		rows := make([]operationRow, len(part))
		for i, op := range part {
			rows[i] = toOperationRow(op)
		}
		raw, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		_, err = l.pool.Exec(ctx, writeOperationsSQL, string(raw))
		return err
	})
	if err != nil {
		return operations, fmt.Errorf("write %d operations: %w", len(operations), err) // written twice is written once
	}
	return nil, nil
}

// writeParts writes rows together. If the database can't take what is in them, it goes on with halves down to the row that
// is to blame, which is given up: what one script logs must not keep the logs of all others from being stored.
func writeParts[T any](rows []T, lost func(code string), write func(part []T) error) error {
	if len(rows) == 0 {
		return nil
	}
	err := write(rows)
	code, bad := badData(err)
	if !bad {
		return err
	}
	if len(rows) == 1 {
		lost(code)
		return nil
	}
	half := len(rows) / 2
	if err := writeParts(rows[:half], lost, write); err != nil {
		return err
	}
	return writeParts(rows[half:], lost, write)
}

// badData says whether a statement failed for what was in its rows: data exceptions, constraints, and limits such as
// JSON that is nested too deeply; of a store over HTTP, a request that it refuses.
func badData(err error) (code string, bad bool) {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return "sqlstate " + e.Code, strings.HasPrefix(e.Code, "22") || strings.HasPrefix(e.Code, "23") || strings.HasPrefix(e.Code, "54")
	}
	if e, ok := errors.AsType[*searchError](err); ok {
		return e.kind, e.status == http.StatusBadRequest || e.status == http.StatusRequestEntityTooLarge
	}
	return "", false
}

func toOperationRow(op *causeway.Operation) operationRow {
	r := operationRow{
		EnvironmentID: op.EnvironmentID, ID: op.ID, CreatedAt: op.CreatedAt, Type: op.Type, Action: op.Action, State: string(op.State),
		Level: string(op.Level), IntegrationID: orNull(op.IntegrationID), ConnectionID: orNull(op.ConnectionID),
		FunctionID: orNull(op.FunctionID), Names: op.Names, Actor: storable(op.Actor), Request: storable(op.Request), Response: storable(op.Response),
		Error: storable(op.Error), Meta: storable(op.Meta), StartedAt: op.StartedAt, EndedAt: op.EndedAt, ExpiresAt: op.ExpiresAt, UpdatedAt: op.UpdatedAt,
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

// cleanJSON replaces what JSON may hold and jsonb can't: the character U+0000, which goes, and halves of surrogate pairs.
func cleanJSON(s string) string {
	if !strings.Contains(s, `\u0000`) && !strings.Contains(strings.ToLower(s), `\ud`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		if s[i+1] != 'u' || i+6 > len(s) {
			b.WriteString(s[i : i+2]) // any other escape, a doubled backslash among them
			i++
			continue
		}
		switch code := strings.ToLower(s[i+2 : i+6]); {
		case code == "0000":
		case code >= "d800" && code <= "dbff" && lowSurrogate(s[i+6:]):
			b.WriteString(s[i : i+12])
			i += 6
		case code >= "d800" && code <= "dfff":
			b.WriteString(`\ufffd`)
		default:
			b.WriteString(s[i : i+6])
		}
		i += 5
	}
	return b.String()
}

func lowSurrogate(s string) bool {
	if len(s) < 6 || s[:2] != `\u` {
		return false
	}
	code := strings.ToLower(s[2:6])
	return code >= "dc00" && code <= "dfff"
}

var messageColumns = []string{
	"environment_id", "operation_id", "created_at", "seq", "level", "kind", "source", "context", "text",
	"error", "request", "response", "retry", "meta", "ended_at", "duration_ms",
}

func (l *postgresLogs) writeMessages(ctx context.Context, messages []causeway.Message) ([]causeway.Message, error) {
	err := writeParts(messages, l.lost, func(part []causeway.Message) error {
		_, err := l.pool.CopyFrom(ctx, pgx.Identifier{"message"}, messageColumns, pgx.CopyFromSlice(len(part), func(i int) ([]any, error) {
			m := &part[i]
			return []any{
				m.EnvironmentID, m.OperationID, m.CreatedAt, m.Seq, orText(string(m.Level), "info"), orText(m.Kind, "log"), orText(m.Source, "internal"),
				textOrNull(m.Context), strings.ReplaceAll(strings.ToValidUTF8(m.Text, "\uFFFD"), "\x00", ""),
				jsonOrNull(m.Error), jsonOrNull(m.Request), jsonOrNull(m.Response), jsonOrNull(m.Retry), jsonOrNull(m.Meta),
				m.EndedAt, m.DurationMs,
			}, nil
		}))
		return err
	})
	if err != nil {
		return messages, fmt.Errorf("write %d messages: %w", len(messages), err)
	}
	return nil, nil
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

// storable is JSON as it can be stored; a text that is none is replaced, so that one bad line doesn't lose a batch.
func storable(raw json.RawMessage) json.RawMessage {
	switch {
	case len(raw) == 0:
		return nil
	case !json.Valid(raw):
		return json.RawMessage(`"(not JSON)"`)
	default:
		return json.RawMessage(cleanJSON(strings.ToValidUTF8(string(raw), "\uFFFD")))
	}
}

func jsonOrNull(raw json.RawMessage) any {
	if raw = storable(raw); raw == nil {
		return nil
	}
	return raw
}

func (l *postgresLogs) expireOperations(ctx context.Context) (int64, error) {
	tag, err := l.pool.Exec(ctx, `
update operation set state = case when type = 'auth' and action = 'create_connection' then 'cancelled' else 'timeout' end,
       ended_at = expires_at, updated_at = clock_timestamp()
 where state in ('waiting', 'running') and expires_at < clock_timestamp()`)
	if err != nil {
		return 0, fmt.Errorf("expire operations: %w", err)
	}
	return tag.RowsAffected(), nil
}

func (l *postgresLogs) openOperations(ctx context.Context, age time.Duration, limit int) ([]causeway.RunRef, error) {
	rows, err := l.pool.Query(ctx, `select environment_id, run_uid from operation
 where state in ('waiting', 'running') and run_uid is not null and expires_at is not null and created_at < clock_timestamp() - make_interval(secs => $1)
 order by random() limit $2`, age.Seconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("list open operations: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (ref causeway.RunRef, err error) {
		return ref, row.Scan(&ref.EnvironmentID, &ref.RunUID)
	})
}
