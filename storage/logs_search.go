package storage

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// Most rows of a page, and the number beyond which nothing is counted.
const (
	MaxLogPage   = 500
	maxLogCount  = 1000
	searchWindow = 24 * time.Hour // a text search goes back day by day, so that it reads one partition at a time
	searchDays   = 32
)

// ErrLogsDisabled is the answer while logs are switched off.
var ErrLogsDisabled = &causeway.Error{Code: "feature_disabled", Status: http.StatusNotFound, Message: "logs are switched off (logs.enabled)"}

// LogFilter says which operations are looked for. Empty fields don't filter.
type LogFilter struct {
	States       []string
	Types        []string // "sync", or "sync:run"
	Integrations []string
	Connections  []string
	Functions    []string
	From, To     time.Time
	Query        string // words in the text of messages; the last one may be unfinished
	Limit        int
	Cursor       string
}

// LogPage is a page of operations, newest first.
type LogPage struct {
	Operations []causeway.Operation
	Next       string // empty: there are no more
}

const operationColumns = `o.environment_id, o.id, o.created_at, o.type, o.action, o.state, o.level, coalesce(o.integration_id, 0), coalesce(o.connection_id, 0),
  coalesce(o.function_id, 0), o.run_uid, o.names, o.actor, o.request, o.response, o.error, o.meta, o.started_at, o.ended_at, o.expires_at, o.updated_at`

// SearchOperations returns a page of operations. With a query, it looks for messages first and pages over their operations,
// so that no page comes back nearly empty.
func (l *Logs) SearchOperations(ctx context.Context, environmentID int64, f LogFilter) (LogPage, error) {
	if l.pool == nil {
		return LogPage{}, ErrLogsDisabled
	}
	if f.Limit <= 0 || f.Limit > MaxLogPage {
		f.Limit = MaxLogPage
	}
	at, id, err := parseLogCursor(f.Cursor)
	if err != nil {
		return LogPage{}, err
	}
	if f.To.IsZero() {
		f.To = time.Now().Add(time.Hour) // the clocks of writers differ
	}
	if !at.IsZero() && at.Before(f.To) {
		f.To = at
	}
	query := searchQuery(f.Query)
	if query == "" {
		return l.operationPage(ctx, environmentID, f, f.From, f.To, at, id, "")
	}
	oldest := time.Now().Add(-searchDays * searchWindow)
	if f.From.After(oldest) {
		oldest = f.From
	}
	var page LogPage
	for to := f.To; to.After(oldest); to = to.Add(-searchWindow) {
		from := to.Add(-searchWindow + time.Microsecond) // both bounds are part of the window
		if from.Before(oldest) {
			from = oldest
		}
		part := f
		part.Limit = f.Limit - len(page.Operations)
		found, err := l.operationPage(ctx, environmentID, part, from, to, at, id, query)
		if err != nil {
			return LogPage{}, err
		}
		page.Operations = append(page.Operations, found.Operations...)
		if page.Next = found.Next; len(page.Operations) >= f.Limit {
			if last := page.Operations[len(page.Operations)-1]; page.Next == "" && from.After(oldest) {
				page.Next = logCursor(last.CreatedAt, last.ID) // there may be more on the days before
			}
			return page, nil
		}
	}
	return page, nil
}

func (l *Logs) operationPage(ctx context.Context, environmentID int64, f LogFilter, from, to, at time.Time, id, query string) (LogPage, error) {
	args := pgx.NamedArgs{"environment": environmentID, "from": from, "to": to, "limit": f.Limit + 1}
	where := "o.environment_id = @environment and o.created_at >= @from and o.created_at <= @to"
	if !at.IsZero() {
		where += " and (o.created_at, o.id) < (@at, @id)"
		args["at"], args["id"] = at, id
	}
	add := func(condition, name string, values []string) {
		if len(values) > 0 {
			where += " and " + condition
			args[name] = values
		}
	}
	add("o.state = any(@states)", "states", f.States)
	add("(o.type = any(@types) or o.type || ':' || o.action = any(@types))", "types", f.Types)
	add("o.names->>'integration' = any(@integrations)", "integrations", f.Integrations)
	add("o.names->>'connection' = any(@connections)", "connections", f.Connections)
	add("o.names->>'function' = any(@functions)", "functions", f.Functions)
	if query != "" {
		// An operation's messages come within its life, which a day covers; the message partition of the day before is read too.
		where += ` and o.id in (select m.operation_id from message m where m.environment_id = @environment
			and m.created_at >= @from and m.created_at <= @to + interval '1 day' and m.search @@ to_tsquery('simple', @query))`
		args["query"] = query
	}
	rows, err := l.pool.Query(ctx, "select "+operationColumns+" from operation o where "+where+" order by o.created_at desc, o.id desc limit @limit", args)
	if err != nil {
		return LogPage{}, fmt.Errorf("search operations of environment %d: %w", environmentID, err)
	}
	found, err := pgx.CollectRows(rows, scanOperation)
	if err != nil {
		return LogPage{}, fmt.Errorf("search operations of environment %d: %w", environmentID, err)
	}
	page := LogPage{Operations: found}
	if len(found) > f.Limit {
		page.Operations = found[:f.Limit]
		last := found[f.Limit-1]
		page.Next = logCursor(last.CreatedAt, last.ID)
	}
	return page, nil
}

// searchQuery turns what a person typed into a phrase whose last word may be unfinished. Everything but letters and digits
// separates words, in the text as well as here.
func searchQuery(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, " <-> ") + ":*"
}

func scanOperation(row pgx.CollectableRow) (causeway.Operation, error) {
	var (
		op     causeway.Operation
		runUID *uuid.UUID
	)
	err := row.Scan(&op.EnvironmentID, &op.ID, &op.CreatedAt, &op.Type, &op.Action, &op.State, &op.Level, &op.IntegrationID, &op.ConnectionID,
		&op.FunctionID, &runUID, &op.Names, &op.Actor, &op.Request, &op.Response, &op.Error, &op.Meta, &op.StartedAt, &op.EndedAt, &op.ExpiresAt, &op.UpdatedAt)
	if runUID != nil {
		op.RunUID = *runUID
	}
	return op, err
}

// FindOperation returns one operation of an environment.
func (l *Logs) FindOperation(ctx context.Context, environmentID int64, id string) (*causeway.Operation, error) {
	if l.pool == nil {
		return nil, ErrLogsDisabled
	}
	at, ok := causeway.OperationTime(id)
	if !ok {
		return nil, fmt.Errorf("operation %q: %w", id, causeway.ErrNotFound)
	}
	rows, err := l.pool.Query(ctx, "select "+operationColumns+" from operation o where o.environment_id = $1 and o.created_at = $2 and o.id = $3", environmentID, at, id)
	if err != nil {
		return nil, fmt.Errorf("find operation %s: %w", id, err)
	}
	op, err := pgx.CollectExactlyOneRow(rows, scanOperation)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("operation %s: %w", id, causeway.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("find operation %s: %w", id, err)
	}
	return &op, nil
}

// MessageFilter says which messages of an operation are looked for.
type MessageFilter struct {
	Levels []string
	Query  string
	Limit  int
	Before string // a cursor: older than it
	After  string // a cursor: newer than it, oldest of them first in the search, newest first in the page
}

// MessagePage is a page of messages, newest first. Before leads to older ones (empty: there are none), After to newer ones,
// for a live tail.
type MessagePage struct {
	Messages      []causeway.Message
	Before, After string
}

// OperationMessages returns a page of an operation's messages.
func (l *Logs) OperationMessages(ctx context.Context, environmentID int64, operationID string, f MessageFilter) (MessagePage, error) {
	if l.pool == nil {
		return MessagePage{}, ErrLogsDisabled
	}
	if f.Limit <= 0 || f.Limit > MaxLogPage {
		f.Limit = 100
	}
	began, ok := causeway.OperationTime(operationID)
	if !ok {
		return MessagePage{}, fmt.Errorf("operation %q: %w", operationID, causeway.ErrNotFound)
	}
	args := pgx.NamedArgs{"environment": environmentID, "operation": operationID, "began": began.Add(-time.Hour), "limit": f.Limit + 1}
	where, order := "environment_id = @environment and operation_id = @operation and created_at >= @began", "desc"
	cursor, compare := f.Before, "<"
	if f.After != "" {
		cursor, compare, order = f.After, ">", "asc"
	}
	if cursor != "" {
		at, seq, err := parseLogCursor(cursor)
		if err != nil {
			return MessagePage{}, err
		}
		n, err := strconv.Atoi(seq)
		if err != nil {
			return MessagePage{}, badCursor()
		}
		where += " and (created_at, seq) " + compare + " (@at, @seq)"
		args["at"], args["seq"] = at, n
	}
	if len(f.Levels) > 0 {
		where += " and level = any(@levels)"
		args["levels"] = f.Levels
	}
	if q := searchQuery(f.Query); q != "" {
		where += " and search @@ to_tsquery('simple', @query)"
		args["query"] = q
	}
	rows, err := l.pool.Query(ctx, "select "+messageListColumns+" from message where "+where+
		" order by created_at "+order+", seq "+order+" limit @limit", args)
	if err != nil {
		return MessagePage{}, fmt.Errorf("messages of operation %s: %w", operationID, err)
	}
	found, err := pgx.CollectRows(rows, scanMessage)
	if err != nil {
		return MessagePage{}, fmt.Errorf("messages of operation %s: %w", operationID, err)
	}
	return messagePage(found, f), nil
}

func messagePage(found []causeway.Message, f MessageFilter) MessagePage {
	more := len(found) > f.Limit
	if more {
		found = found[:f.Limit]
	}
	if f.After != "" {
		slices.Reverse(found)
	}
	page := MessagePage{Messages: found, After: f.After}
	if len(found) == 0 {
		return page
	}
	newest, oldest := found[0], found[len(found)-1]
	page.After = logCursor(newest.CreatedAt, strconv.Itoa(newest.Seq))
	if more || f.After != "" {
		page.Before = logCursor(oldest.CreatedAt, strconv.Itoa(oldest.Seq))
	}
	return page
}

const messageListColumns = `environment_id, operation_id, created_at, seq, level, kind, source, coalesce(context, ''), text,
  error, request, response, retry, meta, ended_at, coalesce(duration_ms, 0)`

func scanMessage(row pgx.CollectableRow) (causeway.Message, error) {
	var m causeway.Message
	err := row.Scan(&m.EnvironmentID, &m.OperationID, &m.CreatedAt, &m.Seq, &m.Level, &m.Kind, &m.Source, &m.Context, &m.Text,
		&m.Error, &m.Request, &m.Response, &m.Retry, &m.Meta, &m.EndedAt, &m.DurationMs)
	return m, err
}

// A cursor is opaque: a time in microseconds and what tells rows of one time apart.
func logCursor(at time.Time, id string) string {
	raw, _ := json.Marshal([2]string{strconv.FormatInt(at.UnixMicro(), 10), id}) // two texts always marshal
	return base64.RawURLEncoding.EncodeToString(raw)
}

func parseLogCursor(cursor string) (time.Time, string, error) {
	if cursor == "" {
		return time.Time{}, "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return time.Time{}, "", badCursor()
	}
	var parts [2]string
	if err := json.Unmarshal(raw, &parts); err != nil {
		return time.Time{}, "", badCursor()
	}
	us, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return time.Time{}, "", badCursor()
	}
	return time.UnixMicro(us).UTC(), parts[1], nil
}

func badCursor() error {
	return &causeway.Error{Code: "invalid_body", Status: http.StatusBadRequest, Message: "cursor: this is none that a page has given"}
}

// ChangedOperations returns operations of an environment that were written after a moment, the oldest change first. It is how
// a live view hears of what other processes log. It looks at operations of the hour before only.
func (l *Logs) ChangedOperations(ctx context.Context, environmentID int64, after time.Time, limit int) ([]causeway.Operation, error) {
	if l.pool == nil {
		return nil, ErrLogsDisabled
	}
	rows, err := l.pool.Query(ctx, "select "+operationColumns+` from operation o
 where o.environment_id = $1 and o.created_at >= $2::timestamptz - interval '1 hour' and o.updated_at > $2 order by o.updated_at limit $3`, environmentID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("changed operations of environment %d: %w", environmentID, err)
	}
	found, err := pgx.CollectRows(rows, scanOperation)
	if err != nil {
		return nil, fmt.Errorf("changed operations of environment %d: %w", environmentID, err)
	}
	return found, nil
}

// NewMessages returns messages of an operation that were made after a moment, oldest first.
func (l *Logs) NewMessages(ctx context.Context, environmentID int64, operationID string, after time.Time, limit int) ([]causeway.Message, error) {
	if l.pool == nil {
		return nil, ErrLogsDisabled
	}
	rows, err := l.pool.Query(ctx, "select "+messageListColumns+` from message
 where environment_id = $1 and operation_id = $3 and created_at > $2 order by created_at, seq limit $4`, environmentID, after, operationID, limit)
	if err != nil {
		return nil, fmt.Errorf("new messages of operation %s: %w", operationID, err)
	}
	found, err := pgx.CollectRows(rows, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("new messages of operation %s: %w", operationID, err)
	}
	return found, nil
}
