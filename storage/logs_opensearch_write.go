package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
)

// Limits of one bulk request. Hosted services refuse bodies of 10 MB.
const (
	bulkBytes = 4 << 20
	bulkRows  = 5_000
)

type object = map[string]any

var (
	keyword = object{"type": "keyword"}
	number  = object{"type": "long"}
	date    = object{"type": "date"}
)

// Times are there twice: as dates, for people who look with other tools, and in microseconds, for order and cursors.
var operationFields = object{
	"environment_id": number, "id": keyword, "at": number, "version": number,
	"created_at": date, "started_at": date, "ended_at": date, "expires_at": date,
	"type": keyword, "kind": keyword, "state": keyword, "level": keyword, "run_uid": keyword,
	"integration_id": number, "connection_id": number, "function_id": number,
	"names": object{"properties": object{
		"environment": keyword, "provider": keyword, "integration": keyword, "connection": keyword, "function": keyword, "variant": keyword,
	}},
}

var messageFields = object{
	"environment_id": number, "operation_id": keyword, "at": number, "seq": number,
	"created_at": date, "level": keyword, "source": keyword, "context": keyword,
	// Words are cut where this program cuts them, so that text and query agree. Prefixes are indexed: the word that isn't finished is looked
	// up like any other, however many words begin so.
	"search": object{"type": "text", "analyzer": "whitespace", "norms": false, "index_prefixes": object{"min_chars": 1, "max_chars": 8}},
}

// operationDoc is an operation as it is stored. What the platform never looks into is kept as text: JSON of any depth and with numbers of
// any size comes back as it went in.
type operationDoc struct {
	EnvironmentID int64                   `json:"environment_id"`
	ID            string                  `json:"id"`
	At            int64                   `json:"at"`      // microseconds
	Version       int64                   `json:"version"` // when it was changed, in microseconds
	CreatedAt     time.Time               `json:"created_at"`
	Type          string                  `json:"type"`
	Action        string                  `json:"action"`
	Kind          string                  `json:"kind"` // type:action
	State         causeway.OperationState `json:"state"`
	Level         string                  `json:"level"`
	IntegrationID int64                   `json:"integration_id,omitempty"`
	ConnectionID  int64                   `json:"connection_id,omitempty"`
	FunctionID    int64                   `json:"function_id,omitempty"`
	RunUID        *uuid.UUID              `json:"run_uid,omitempty"`
	Names         causeway.OperationNames `json:"names"`
	Actor         string                  `json:"actor,omitempty"`
	Request       string                  `json:"request,omitempty"`
	Response      string                  `json:"response,omitempty"`
	Error         string                  `json:"error,omitempty"`
	Meta          string                  `json:"meta,omitempty"`
	StartedAt     *time.Time              `json:"started_at,omitempty"`
	EndedAt       *time.Time              `json:"ended_at,omitempty"`
	ExpiresAt     *time.Time              `json:"expires_at,omitempty"`
}

func toOperationDoc(op *causeway.Operation) operationDoc {
	d := operationDoc{
		EnvironmentID: op.EnvironmentID, ID: op.ID, At: op.CreatedAt.UnixMicro(), Version: op.UpdatedAt.UnixMicro(), CreatedAt: op.CreatedAt.UTC(),
		Type: op.Type, Action: op.Action, Kind: op.Type + ":" + op.Action, State: op.State, Level: orText(string(op.Level), string(causeway.LevelInfo)),
		IntegrationID: op.IntegrationID, ConnectionID: op.ConnectionID, FunctionID: op.FunctionID, Names: op.Names,
		Actor: jsonText(op.Actor), Request: jsonText(op.Request), Response: jsonText(op.Response), Error: jsonText(op.Error), Meta: jsonText(op.Meta),
		StartedAt: op.StartedAt, EndedAt: op.EndedAt, ExpiresAt: op.ExpiresAt,
	}
	if op.RunUID != uuid.Nil {
		d.RunUID = &op.RunUID
	}
	return d
}

func (d *operationDoc) operation() causeway.Operation {
	op := causeway.Operation{
		EnvironmentID: d.EnvironmentID, ID: d.ID, CreatedAt: time.UnixMicro(d.At).UTC(), UpdatedAt: time.UnixMicro(d.Version).UTC(),
		Type: d.Type, Action: d.Action, State: d.State, Level: causeway.Level(d.Level),
		IntegrationID: d.IntegrationID, ConnectionID: d.ConnectionID, FunctionID: d.FunctionID, Names: d.Names,
		Actor: jsonRaw(d.Actor), Request: jsonRaw(d.Request), Response: jsonRaw(d.Response), Error: jsonRaw(d.Error), Meta: jsonRaw(d.Meta),
		StartedAt: d.StartedAt, EndedAt: d.EndedAt, ExpiresAt: d.ExpiresAt,
	}
	if d.RunUID != nil {
		op.RunUID = *d.RunUID
	}
	return op
}

// jsonText is JSON as a text, cleaned as in Postgres: what comes back doesn't depend on the store.
func jsonText(raw json.RawMessage) string { return string(storable(raw)) }

func jsonRaw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// messageDoc is a message as it is stored.
type messageDoc struct {
	EnvironmentID int64      `json:"environment_id"`
	OperationID   string     `json:"operation_id"`
	At            int64      `json:"at"` // microseconds
	Seq           int        `json:"seq"`
	CreatedAt     time.Time  `json:"created_at"`
	Level         string     `json:"level"`
	Kind          string     `json:"kind"`
	Source        string     `json:"source"`
	Context       string     `json:"context,omitempty"`
	Text          string     `json:"text"`
	Search        string     `json:"search,omitempty"`
	Error         string     `json:"error,omitempty"`
	Request       string     `json:"request,omitempty"`
	Response      string     `json:"response,omitempty"`
	Retry         string     `json:"retry,omitempty"`
	Meta          string     `json:"meta,omitempty"`
	EndedAt       *time.Time `json:"ended_at,omitempty"`
	DurationMs    int        `json:"duration_ms,omitempty"`
}

func toMessageDoc(m *causeway.Message) messageDoc {
	d := messageDoc{
		EnvironmentID: m.EnvironmentID, OperationID: m.OperationID, At: m.CreatedAt.UnixMicro(), Seq: m.Seq, CreatedAt: m.CreatedAt.UTC(),
		Level: orText(string(m.Level), "info"), Kind: orText(m.Kind, "log"), Source: orText(m.Source, "internal"), Context: m.Context,
		Text:  strings.ReplaceAll(strings.ToValidUTF8(m.Text, "\uFFFD"), "\x00", ""),
		Error: jsonText(m.Error), Request: jsonText(m.Request), Response: jsonText(m.Response), Retry: jsonText(m.Retry), Meta: jsonText(m.Meta),
		EndedAt: m.EndedAt, DurationMs: m.DurationMs,
	}
	d.Search = searchText(d.Text, m.Error, m.Response)
	return d
}

func (d *messageDoc) message() causeway.Message {
	return causeway.Message{
		EnvironmentID: d.EnvironmentID, OperationID: d.OperationID, CreatedAt: time.UnixMicro(d.At).UTC(), Seq: d.Seq,
		Level: causeway.Level(d.Level), Kind: d.Kind, Source: d.Source, Context: d.Context, Text: d.Text,
		Error: jsonRaw(d.Error), Request: jsonRaw(d.Request), Response: jsonRaw(d.Response), Retry: jsonRaw(d.Retry), Meta: jsonRaw(d.Meta),
		EndedAt: d.EndedAt, DurationMs: d.DurationMs,
	}
}

const searchedCharacters = 10_000 // of a text

// searchText is what searches look at: the text's beginning, the error's name, message and type, and the code of the response.
func searchText(text string, failure, response json.RawMessage) string {
	if utf8.RuneCountInString(text) > searchedCharacters {
		text = string([]rune(text)[:searchedCharacters])
	}
	words := searchWords(text)
	var e struct{ Name, Message, Type any }
	if len(failure) > 0 && json.Unmarshal(failure, &e) == nil {
		for _, v := range []any{e.Name, e.Message, e.Type} {
			if v != nil {
				words = append(words, searchWords(fmt.Sprint(v))...)
			}
		}
	}
	var r struct{ Code json.RawMessage }
	if len(response) > 0 && json.Unmarshal(response, &r) == nil {
		words = append(words, searchWords(string(r.Code))...)
	}
	return strings.Join(words, " ")
}

// Of two versions the one that was changed later stays; who asked and what for is known only to who began it.
const mergeOperation = `
if (ctx.op == 'create') { ctx._source = params.o }
else if (ctx._source.version >= params.o.version) { ctx.op = 'none' }
else {
  def was = ctx._source; ctx._source = params.o;
  if (params.o.actor == null && was.actor != null) { ctx._source.actor = was.actor }
  if (params.o.request == null && was.request != null) { ctx._source.request = was.request }
}`

func (l *openSearchLogs) writeOperations(ctx context.Context, operations []*causeway.Operation) ([]*causeway.Operation, error) {
	return bulk(ctx, l, operations, func(op *causeway.Operation) (action, body any) {
		return object{"update": object{"_index": l.index(operationIndex, op.CreatedAt), "_id": documentID(op.EnvironmentID, op.ID), "retry_on_conflict": 5}},
			object{
				"scripted_upsert": true, "upsert": object{},
				"script": object{"lang": "painless", "source": mergeOperation, "params": object{"o": toOperationDoc(op)}},
			}
	})
}

// documentID has the environment in it: no look-up by id finds another environment's.
func documentID(environmentID int64, id string) string {
	return strconv.FormatInt(environmentID, 10) + ":" + id
}

// writeMessages gives each message an id of its own, so that one which is sent again after a lost answer is stored once.
func (l *openSearchLogs) writeMessages(ctx context.Context, messages []causeway.Message) ([]causeway.Message, error) {
	return bulk(ctx, l, messages, func(m causeway.Message) (action, body any) {
		id := fmt.Sprintf("%s:%s:%d:%d", documentID(m.EnvironmentID, m.OperationID), l.process, m.CreatedAt.UnixMicro(), m.Seq)
		return object{"index": object{"_index": l.index(messageIndex, m.CreatedAt), "_id": id}}, toMessageDoc(&m)
	})
}

// bulk writes rows in requests of bounded size. It returns those that the store could not take now: all from the first request on that
// failed as a whole, and single ones that it had no room for.
func bulk[T any](ctx context.Context, l *openSearchLogs, rows []T, encode func(T) (action, body any)) (left []T, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	if err := l.prepare(ctx); err != nil {
		return rows, err
	}
	for len(rows) > 0 {
		var body bytes.Buffer
		n := 0
		for w := json.NewEncoder(&body); n < len(rows) && n < bulkRows && body.Len() < bulkBytes; n++ {
			action, doc := encode(rows[n])
			if err := errors.Join(w.Encode(action), w.Encode(doc)); err != nil {
				return rows, err
			}
		}
		later, err := bulkPart(ctx, l, rows[:n], body.Bytes(), encode)
		left = append(left, later...)
		rows = rows[n:]
		if err != nil {
			return append(left, rows...), err
		}
	}
	return left, nil
}

func bulkPart[T any](ctx context.Context, l *openSearchLogs, rows []T, body []byte, encode func(T) (action, body any)) ([]T, error) {
	statuses, err := l.sendBulk(ctx, body, len(rows))
	if code, bad := badData(err); bad {
		// The request as a whole was refused: too large, or something in it. Halves find the row that is to blame.
		if len(rows) == 1 {
			l.lost(code)
			return nil, nil
		}
		left, err := bulk(ctx, l, rows[:len(rows)/2], encode)
		if err != nil {
			return append(left, rows[len(rows)/2:]...), err
		}
		more, err := bulk(ctx, l, rows[len(rows)/2:], encode)
		return append(left, more...), err
	}
	if err != nil {
		return rows, err
	}
	var left []T
	for i, s := range statuses {
		switch {
		case s.Status < http.StatusMultipleChoices:
		case full(s.Status, s.Error):
			left, err = append(left, rows[i]), fmt.Errorf("%w: %w", errLogStoreFull, &searchError{s.Status, s.Error.Type})
		case s.Status == http.StatusTooManyRequests || s.Status >= http.StatusInternalServerError || s.Status == http.StatusConflict ||
			s.Status == http.StatusNotFound: // no index, where they are not made by themselves
			left = append(left, rows[i])
			if err == nil {
				err = &searchError{s.Status, s.Error.Type}
			}
		default:
			l.lost(s.Error.Type)
		}
	}
	return left, err
}

type bulkStatus struct {
	Status int       `json:"status"`
	Error  itemError `json:"error"`
}

// sendBulk returns what became of each row: the answer to a request is 200 also if all of them failed.
func (l *openSearchLogs) sendBulk(ctx context.Context, body []byte, rows int) ([]bulkStatus, error) {
	var answer struct {
		Errors bool                    `json:"errors"`
		Items  []map[string]bulkStatus `json:"items"`
	}
	// Only what is needed of the answer: as much as was sent would come back.
	path := "/_bulk?filter_path=errors,items.*.status,items.*.error.type"
	if err := l.call(ctx, http.MethodPost, path, "application/x-ndjson", body, &answer); err != nil {
		return nil, err
	}
	if !answer.Errors {
		return nil, nil
	}
	if len(answer.Items) != rows {
		return nil, fmt.Errorf("the log store answered for %d of %d rows", len(answer.Items), rows)
	}
	out := make([]bulkStatus, 0, rows)
	for _, item := range answer.Items {
		for _, s := range item {
			out = append(out, s)
		}
	}
	return out, nil
}
