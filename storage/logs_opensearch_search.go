package storage

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	causeway "github.com/causeway-dev/causeway"
)

// searchBatch is how many operations with a fitting message are looked at together.
const searchBatch = 1000

// ofEnvironment is the query of everything that is looked for here: it always begins with the environment.
func ofEnvironment(environmentID int64, conditions ...object) object {
	all := append([]object{{"term": object{"environment_id": environmentID}}}, conditions...)
	return object{"bool": object{"filter": all}}
}

func within(field string, bounds object) object { return object{"range": object{field: bounds}} }

func oneOf[T any](field string, values []T) object { return object{"terms": object{field: values}} }

// phraseOf finds words in this order, of which the last may be unfinished.
func phraseOf(words []string) object {
	if len(words) == 1 {
		return object{"prefix": object{"search": words[0]}}
	}
	// The bound holds for a last word that is longer than the prefixes that are indexed; so few words share those.
	return object{"match_phrase_prefix": object{"search": object{"query": strings.Join(words, " "), "max_expansions": 1000}}}
}

// search returns the documents that a search finds. Indices that are not there hold nothing.
func search[D any](ctx context.Context, l *openSearchLogs, kind string, request object) ([]D, error) {
	var answer struct {
		TimedOut bool `json:"timed_out"`
		Shards   struct {
			Failed int `json:"failed"`
		} `json:"_shards"`
		Hits struct {
			Hits []struct {
				Source D `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	request["track_total_hits"] = false
	if err := l.callJSON(ctx, http.MethodPost, "/"+l.all(kind)+"/_search", request, &answer); err != nil {
		return nil, err
	}
	if answer.TimedOut || answer.Shards.Failed > 0 {
		return nil, fmt.Errorf("the log store could search a part only (%d shards failed)", answer.Shards.Failed)
	}
	out := make([]D, len(answer.Hits.Hits))
	for i := range answer.Hits.Hits {
		out[i] = answer.Hits.Hits[i].Source
	}
	return out, nil
}

func (l *openSearchLogs) operations(ctx context.Context, request object) ([]causeway.Operation, error) {
	docs, err := search[operationDoc](ctx, l, operationIndex, request)
	if err != nil {
		return nil, err
	}
	out := make([]causeway.Operation, len(docs))
	for i := range docs {
		out[i] = docs[i].operation()
	}
	return out, nil
}

func (l *openSearchLogs) messages(ctx context.Context, request object) ([]causeway.Message, error) {
	docs, err := search[messageDoc](ctx, l, messageIndex, request)
	if err != nil {
		return nil, err
	}
	out := make([]causeway.Message, len(docs))
	for i := range docs {
		out[i] = docs[i].message()
	}
	return out, nil
}

// An operation's id begins with its time, so the order of ids is the order of pages.
func (l *openSearchLogs) operationPage(ctx context.Context, environmentID int64, f LogFilter, w logWindow, words []string) ([]causeway.Operation, error) {
	conditions := []object{within("at", object{"gte": max(w.from.UnixMicro(), 0), "lte": w.to.UnixMicro()})}
	add := func(field string, values []string) {
		if len(values) > 0 {
			conditions = append(conditions, oneOf(field, values))
		}
	}
	add("state", f.States)
	add("names.integration", f.Integrations)
	add("names.connection", f.Connections)
	add("names.function", f.Functions)
	if len(f.Types) > 0 {
		conditions = append(conditions, object{"bool": object{"should": []object{oneOf("type", f.Types), oneOf("kind", f.Types)}, "minimum_should_match": 1}})
	}
	request := object{"size": f.Limit + 1, "sort": []object{{"at": "desc"}, {"id": "desc"}}}
	if !w.at.IsZero() {
		request["search_after"] = []any{w.at.UnixMicro(), w.id}
	}
	if len(words) == 0 {
		request["query"] = ofEnvironment(environmentID, conditions...)
		return l.operations(ctx, request)
	}
	var found []causeway.Operation
	before := w.id
	for {
		ids, err := l.operationsSaying(ctx, environmentID, w, before, words)
		if err != nil || len(ids) == 0 {
			return found, err
		}
		request["query"] = ofEnvironment(environmentID, append([]object{oneOf("id", ids)}, conditions...)...)
		part, err := l.operations(ctx, request)
		if err != nil {
			return nil, err
		}
		if found = append(found, part...); len(found) > f.Limit {
			return found[:f.Limit+1], nil
		}
		if len(ids) < searchBatch {
			return found, nil
		}
		before = ids[len(ids)-1]
	}
}

// operationsSaying returns the ids of operations with a message that holds the words: of those in the window, the newest that come after
// the id before.
func (l *openSearchLogs) operationsSaying(ctx context.Context, environmentID int64, w logWindow, before string, words []string) ([]string, error) {
	ids := object{"gte": causeway.OperationIDsFrom(w.from), "lt": causeway.OperationIDsFrom(w.to.Add(time.Millisecond))}
	if before != "" && before < ids["lt"].(string) {
		ids["lt"] = before
	}
	request := object{
		"size": 0, "track_total_hits": false,
		// An operation's messages come within its life, which a day covers.
		"query": ofEnvironment(environmentID, within("operation_id", ids),
			within("at", object{"gte": max(w.from.UnixMicro(), 0), "lte": w.to.Add(24 * time.Hour).UnixMicro()}), phraseOf(words)),
		"aggs": object{"operations": object{"composite": object{
			"size": searchBatch, "sources": []object{{"id": object{"terms": object{"field": "operation_id", "order": "desc"}}}},
		}}},
	}
	var answer struct {
		Aggregations struct {
			Operations struct {
				Buckets []struct {
					Key struct {
						ID string `json:"id"`
					} `json:"key"`
				} `json:"buckets"`
			} `json:"operations"`
		} `json:"aggregations"`
	}
	if err := l.callJSON(ctx, http.MethodPost, "/"+l.all(messageIndex)+"/_search", request, &answer); err != nil {
		return nil, err
	}
	out := make([]string, 0, len(answer.Aggregations.Operations.Buckets))
	for _, b := range answer.Aggregations.Operations.Buckets {
		out = append(out, b.Key.ID)
	}
	return out, nil
}

// findOperation reads the document itself, which needs no refresh.
func (l *openSearchLogs) findOperation(ctx context.Context, environmentID int64, at time.Time, id string) (*causeway.Operation, error) {
	var answer struct {
		Source operationDoc `json:"_source"`
	}
	err := l.callJSON(ctx, http.MethodGet, "/"+l.index(operationIndex, at)+"/_doc/"+url.PathEscape(documentID(environmentID, id)), nil, &answer)
	if hasStatus(err, http.StatusNotFound) {
		return nil, causeway.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	op := answer.Source.operation()
	return &op, nil
}

func (l *openSearchLogs) messagePage(ctx context.Context, environmentID int64, operationID string, f MessageFilter, w messageWindow) ([]causeway.Message, error) {
	conditions := []object{oneOf("operation_id", []string{operationID}), within("at", object{"gte": w.began.UnixMicro()})}
	if len(f.Levels) > 0 {
		conditions = append(conditions, oneOf("level", f.Levels))
	}
	if words := searchWords(f.Query); len(words) > 0 {
		conditions = append(conditions, phraseOf(words))
	}
	order := "desc"
	if w.newer {
		order = "asc"
	}
	request := object{"size": f.Limit + 1, "sort": []object{{"at": order}, {"seq": order}}, "query": ofEnvironment(environmentID, conditions...)}
	if !w.at.IsZero() {
		request["search_after"] = []any{w.at.UnixMicro(), w.seq}
	}
	return l.messages(ctx, request)
}

func (l *openSearchLogs) changedOperations(ctx context.Context, environmentID int64, after time.Time, limit int) ([]causeway.Operation, error) {
	return l.operations(ctx, object{
		"size": limit, "sort": []object{{"version": "asc"}},
		"query": ofEnvironment(environmentID, within("at", object{"gte": after.Add(-time.Hour).UnixMicro()}), within("version", object{"gt": after.UnixMicro()})),
	})
}

func (l *openSearchLogs) newMessages(ctx context.Context, environmentID int64, operationID string, after time.Time, limit int) ([]causeway.Message, error) {
	return l.messages(ctx, object{
		"size": limit, "sort": []object{{"at": "asc"}, {"seq": "asc"}},
		"query": ofEnvironment(environmentID, oneOf("operation_id", []string{operationID}), within("at", object{"gt": after.UnixMicro()})),
	})
}

// expireOperations looks at every environment. An operation that ends at this moment stays as it ended.
func (l *openSearchLogs) expireOperations(ctx context.Context) (int64, error) {
	const end = `
ctx._source.state = ctx._source.type == 'auth' && ctx._source.action == 'create_connection' ? 'cancelled' : 'timeout';
ctx._source.ended_at = ctx._source.expires_at; ctx._source.version = params.now`
	now := time.Now()
	request := object{
		"query": object{"bool": object{"filter": []object{
			oneOf("state", []string{string(causeway.OperationWaiting), string(causeway.OperationRunning)}),
			within("expires_at", object{"lt": now.UTC().Format(time.RFC3339Nano)}),
		}}},
		"script": object{"lang": "painless", "source": end, "params": object{"now": now.UnixMicro()}},
	}
	var answer struct {
		Updated int64 `json:"updated"`
	}
	err := l.callJSON(ctx, http.MethodPost, "/"+l.all(operationIndex)+"/_update_by_query?conflicts=proceed&refresh=true", request, &answer)
	if err != nil {
		return 0, fmt.Errorf("expire operations: %w", err)
	}
	return answer.Updated, nil
}

// openOperations looks at every environment.
func (l *openSearchLogs) openOperations(ctx context.Context, age time.Duration, limit int) ([]causeway.RunRef, error) {
	docs, err := l.operations(ctx, object{"size": limit, "query": object{"function_score": object{
		"query": object{"bool": object{"filter": []object{
			oneOf("state", []string{string(causeway.OperationWaiting), string(causeway.OperationRunning)}),
			{"exists": object{"field": "run_uid"}}, {"exists": object{"field": "expires_at"}},
			within("at", object{"lt": time.Now().Add(-age).UnixMicro()}),
		}}},
		"random_score": object{},
	}}})
	if err != nil {
		return nil, fmt.Errorf("list open operations: %w", err)
	}
	out := make([]causeway.RunRef, len(docs))
	for i := range docs {
		out[i] = causeway.RunRef{EnvironmentID: docs[i].EnvironmentID, RunUID: docs[i].RunUID}
	}
	return out, nil
}
