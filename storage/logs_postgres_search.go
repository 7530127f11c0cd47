package storage

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

const operationColumns = `o.environment_id, o.id, o.created_at, o.type, o.action, o.state, o.level, coalesce(o.integration_id, 0), coalesce(o.connection_id, 0),
  coalesce(o.function_id, 0), o.run_uid, o.names, o.actor, o.request, o.response, o.error, o.meta, o.started_at, o.ended_at, o.expires_at, o.updated_at`

func (l *postgresLogs) operationPage(ctx context.Context, environmentID int64, f LogFilter, w logWindow, words []string) ([]causeway.Operation, error) {
	args := pgx.NamedArgs{"environment": environmentID, "from": w.from, "to": w.to, "limit": f.Limit + 1}
	where := "o.environment_id = @environment and o.created_at >= @from and o.created_at <= @to"
	if !w.at.IsZero() {
		where += " and (o.created_at, o.id) < (@at, @id)"
		args["at"], args["id"] = w.at, w.id
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
	if len(words) > 0 {
		// An operation's messages come within its life, which a day covers; the message partition of the day before is read too.
		where += ` and o.id in (select m.operation_id from message m where m.environment_id = @environment
			and m.created_at >= @from and m.created_at <= @to + interval '1 day' and m.search @@ to_tsquery('simple', @query))`
		args["query"] = phrase(words)
	}
	rows, err := l.pool.Query(ctx, "select "+operationColumns+" from operation o where "+where+" order by o.created_at desc, o.id desc limit @limit", args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanOperation)
}

// phrase is a query for words in this order, of which the last may be unfinished.
func phrase(words []string) string { return strings.Join(words, " <-> ") + ":*" }

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

func (l *postgresLogs) findOperation(ctx context.Context, environmentID int64, at time.Time, id string) (*causeway.Operation, error) {
	rows, err := l.pool.Query(ctx, "select "+operationColumns+" from operation o where o.environment_id = $1 and o.created_at = $2 and o.id = $3", environmentID, at, id)
	if err != nil {
		return nil, err
	}
	op, err := pgx.CollectExactlyOneRow(rows, scanOperation)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, causeway.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &op, nil
}

func (l *postgresLogs) messagePage(ctx context.Context, environmentID int64, operationID string, f MessageFilter, w messageWindow) ([]causeway.Message, error) {
	args := pgx.NamedArgs{"environment": environmentID, "operation": operationID, "began": w.began, "limit": f.Limit + 1}
	where, order, compare := "environment_id = @environment and operation_id = @operation and created_at >= @began", "desc", "<"
	if w.newer {
		order, compare = "asc", ">"
	}
	if !w.at.IsZero() {
		where += " and (created_at, seq) " + compare + " (@at, @seq)"
		args["at"], args["seq"] = w.at, w.seq
	}
	if len(f.Levels) > 0 {
		where += " and level = any(@levels)"
		args["levels"] = f.Levels
	}
	if words := searchWords(f.Query); len(words) > 0 {
		where += " and search @@ to_tsquery('simple', @query)"
		args["query"] = phrase(words)
	}
	rows, err := l.pool.Query(ctx, "select "+messageListColumns+" from message where "+where+
		" order by created_at "+order+", seq "+order+" limit @limit", args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanMessage)
}

const messageListColumns = `environment_id, operation_id, created_at, seq, level, kind, source, coalesce(context, ''), text,
  error, request, response, retry, meta, ended_at, coalesce(duration_ms, 0)`

func scanMessage(row pgx.CollectableRow) (causeway.Message, error) {
	var m causeway.Message
	err := row.Scan(&m.EnvironmentID, &m.OperationID, &m.CreatedAt, &m.Seq, &m.Level, &m.Kind, &m.Source, &m.Context, &m.Text,
		&m.Error, &m.Request, &m.Response, &m.Retry, &m.Meta, &m.EndedAt, &m.DurationMs)
	return m, err
}

func (l *postgresLogs) changedOperations(ctx context.Context, environmentID int64, after time.Time, limit int) ([]causeway.Operation, error) {
	rows, err := l.pool.Query(ctx, "select "+operationColumns+` from operation o
 where o.environment_id = $1 and o.created_at >= $2::timestamptz - interval '1 hour' and o.updated_at > $2 order by o.updated_at limit $3`, environmentID, after, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanOperation)
}

func (l *postgresLogs) newMessages(ctx context.Context, environmentID int64, operationID string, after time.Time, limit int) ([]causeway.Message, error) {
	rows, err := l.pool.Query(ctx, "select "+messageListColumns+` from message
 where environment_id = $1 and operation_id = $3 and created_at > $2 order by created_at, seq limit $4`, environmentID, after, operationID, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanMessage)
}
