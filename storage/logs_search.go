package storage

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	causeway "github.com/causeway-dev/causeway"
)

// Most rows of a page, and the number beyond which nothing is counted.
const (
	MaxLogPage   = 500
	maxLogCount  = 1000
	searchWindow = 24 * time.Hour // a text search looks at the last day, then at the two before, the four before, …: a page of what is said
	searchDays   = 32             // often reads one day, and what is said seldom takes few looks
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

// logWindow is a part of the time, and a cursor in it (zero: none).
type logWindow struct {
	from, to time.Time
	at       time.Time
	id       string
}

// messageWindow says from when an operation's messages are, and holds a cursor (at is zero: none).
type messageWindow struct {
	began time.Time
	at    time.Time
	seq   int
	newer bool // what comes after the cursor, oldest first; else before it, newest first
}

// LogPage is a page of operations, newest first.
type LogPage struct {
	Operations []causeway.Operation
	Next       string // empty: there are no more
}

// SearchOperations returns a page of operations. With a query, it looks for messages first and pages over their operations,
// so that no page comes back nearly empty.
func (l *Logs) SearchOperations(ctx context.Context, environmentID int64, f LogFilter) (LogPage, error) {
	if l.store == nil {
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
	words := searchWords(f.Query)
	if len(words) == 0 {
		return l.operationPage(ctx, environmentID, f, logWindow{f.From, f.To, at, id}, nil)
	}
	oldest := time.Now().Add(-searchDays * searchWindow)
	if f.From.After(oldest) {
		oldest = f.From
	}
	var page LogPage
	window := searchWindow
	for to := f.To; to.After(oldest); to, window = to.Add(-window), 2*window {
		from := to.Add(-window + time.Microsecond) // both bounds are part of the window
		if from.Before(oldest) {
			from = oldest
		}
		part := f
		part.Limit = f.Limit - len(page.Operations)
		found, err := l.operationPage(ctx, environmentID, part, logWindow{from, to, at, id}, words)
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

func (l *Logs) operationPage(ctx context.Context, environmentID int64, f LogFilter, w logWindow, words []string) (LogPage, error) {
	found, err := l.store.operationPage(ctx, environmentID, f, w, words)
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

// searchWords are the words of a text, as it is stored and as a person typed it: everything but letters and digits separates them.
func searchWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// FindOperation returns one operation of an environment.
func (l *Logs) FindOperation(ctx context.Context, environmentID int64, id string) (*causeway.Operation, error) {
	if l.store == nil {
		return nil, ErrLogsDisabled
	}
	at, ok := causeway.OperationTime(id)
	if !ok {
		return nil, fmt.Errorf("operation %q: %w", id, causeway.ErrNotFound)
	}
	op, err := l.store.findOperation(ctx, environmentID, at, id)
	if err != nil {
		return nil, fmt.Errorf("find operation %s: %w", id, err)
	}
	return op, nil
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
	if l.store == nil {
		return MessagePage{}, ErrLogsDisabled
	}
	if f.Limit <= 0 || f.Limit > MaxLogPage {
		f.Limit = 100
	}
	began, ok := causeway.OperationTime(operationID)
	if !ok {
		return MessagePage{}, fmt.Errorf("operation %q: %w", operationID, causeway.ErrNotFound)
	}
	w := messageWindow{began: began.Add(-time.Hour), newer: f.After != ""}
	cursor := f.Before
	if w.newer {
		cursor = f.After
	}
	if cursor != "" {
		at, seq, err := parseLogCursor(cursor)
		if err != nil {
			return MessagePage{}, err
		}
		if w.seq, err = strconv.Atoi(seq); err != nil {
			return MessagePage{}, badCursor()
		}
		w.at = at
	}
	found, err := l.store.messagePage(ctx, environmentID, operationID, f, w)
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
	if l.store == nil {
		return nil, ErrLogsDisabled
	}
	found, err := l.store.changedOperations(ctx, environmentID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("changed operations of environment %d: %w", environmentID, err)
	}
	return found, nil
}

// NewMessages returns messages of an operation that were made after a moment, oldest first.
func (l *Logs) NewMessages(ctx context.Context, environmentID int64, operationID string, after time.Time, limit int) ([]causeway.Message, error) {
	if l.store == nil {
		return nil, ErrLogsDisabled
	}
	found, err := l.store.newMessages(ctx, environmentID, operationID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("new messages of operation %s: %w", operationID, err)
	}
	return found, nil
}
