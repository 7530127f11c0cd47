package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// operationView is an operation as the log handlers show it.
type operationView struct {
	ID         string                  `json:"id"`
	Type       string                  `json:"type"`
	Action     string                  `json:"action"`
	State      causeway.OperationState `json:"state"`
	Level      causeway.Level          `json:"level"`
	Names      causeway.OperationNames `json:"names"`
	RunUID     *string                 `json:"run_id"`
	Actor      json.RawMessage         `json:"actor"`
	Request    json.RawMessage         `json:"request"`
	Response   json.RawMessage         `json:"response"`
	Error      json.RawMessage         `json:"error"`
	Meta       json.RawMessage         `json:"meta"`
	CreatedAt  time.Time               `json:"created_at"`
	StartedAt  *time.Time              `json:"started_at"`
	EndedAt    *time.Time              `json:"ended_at"`
	UpdatedAt  time.Time               `json:"updated_at"`
	DurationMs *int64                  `json:"duration_ms"`
}

func viewOperation(o *causeway.Operation) operationView {
	v := operationView{
		ID: o.ID, Type: o.Type, Action: o.Action, State: o.State, Level: o.Level, Names: o.Names, Actor: orNull(o.Actor), Request: orNull(o.Request), Response: orNull(o.Response),
		Error: orNull(o.Error), Meta: orNull(o.Meta), CreatedAt: o.CreatedAt, StartedAt: o.StartedAt, EndedAt: o.EndedAt, UpdatedAt: o.UpdatedAt,
	}
	if o.RunUID != [16]byte{} {
		uid := o.RunUID.String()
		v.RunUID = &uid
	}
	if o.EndedAt != nil {
		from := o.CreatedAt
		if o.StartedAt != nil {
			from = *o.StartedAt
		}
		ms := o.EndedAt.Sub(from).Milliseconds()
		v.DurationMs = &ms
	}
	return v
}

// messageView is a message as the log handlers show it.
type messageView struct {
	OperationID string          `json:"operation_id"`
	CreatedAt   time.Time       `json:"created_at"`
	Seq         int             `json:"seq"`
	Level       causeway.Level  `json:"level"`
	Kind        string          `json:"kind"`
	Source      string          `json:"source"`
	Context     string          `json:"context"`
	Text        string          `json:"text"`
	Error       json.RawMessage `json:"error"`
	Request     json.RawMessage `json:"request"`
	Response    json.RawMessage `json:"response"`
	Retry       json.RawMessage `json:"retry"`
	Meta        json.RawMessage `json:"meta"`
	DurationMs  int             `json:"duration_ms"`
}

func viewMessage(m *causeway.Message) messageView {
	return messageView{
		m.OperationID, m.CreatedAt, m.Seq, m.Level, m.Kind, m.Source, m.Context, m.Text,
		orNull(m.Error), orNull(m.Request), orNull(m.Response), orNull(m.Retry), orNull(m.Meta), m.DurationMs,
	}
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// ownEnvironment refuses a path that names another environment than the key's; "-" stands for the key's.
func ownEnvironment(c *gin.Context, p *principal) error {
	if name := c.Param("env"); name != "-" && name != p.environment.Name {
		return notFound("there is no environment %q", name)
	}
	return nil
}

func (s *Server) searchLogs(c *gin.Context, p *principal) error {
	if err := ownEnvironment(c, p); err != nil {
		return err
	}
	var b struct {
		States       []string   `json:"states"`
		Types        []string   `json:"types"`
		Integrations []string   `json:"integrations"`
		Connections  []string   `json:"connections"`
		Functions    []string   `json:"functions"`
		From         *time.Time `json:"from"`
		To           *time.Time `json:"to"`
		Query        string     `json:"query"`
		Limit        int        `json:"limit"`
		Cursor       string     `json:"cursor"`
	}
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	f := storage.LogFilter{States: b.States, Types: b.Types, Integrations: b.Integrations, Connections: b.Connections, Functions: b.Functions, Query: b.Query, Limit: b.Limit, Cursor: b.Cursor}
	if f.Limit == 0 {
		f.Limit = 100
	}
	if f.Limit < 1 || f.Limit > storage.MaxLogPage {
		return issueError("too_big", fmt.Sprintf("Too big: expected number to be >=1 and <=%d", storage.MaxLogPage), "limit")
	}
	if b.From != nil {
		f.From = *b.From
	}
	if b.To != nil {
		f.To = *b.To
	}
	page, err := s.Logs.SearchOperations(c.Request.Context(), p.environment.ID, f)
	if err != nil {
		return err
	}
	rows := make([]operationView, 0, len(page.Operations))
	for i := range page.Operations {
		rows = append(rows, viewOperation(&page.Operations[i]))
	}
	return answer(c, http.StatusOK, gin.H{"data": rows, "page": gin.H{"next": page.Next}})
}

func (s *Server) getOperation(c *gin.Context, p *principal) error {
	if err := ownEnvironment(c, p); err != nil {
		return err
	}
	op, err := s.Logs.FindOperation(c.Request.Context(), p.environment.ID, c.Param("id"))
	if errors.Is(err, causeway.ErrNotFound) {
		return notFound("there is no operation with this id")
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, gin.H{"data": viewOperation(op)})
}

func (s *Server) listMessages(c *gin.Context, p *principal) error {
	if err := ownEnvironment(c, p); err != nil {
		return err
	}
	var b struct {
		Levels []string `json:"levels"`
		Query  string   `json:"query"`
		Limit  int      `json:"limit"`
		Before string   `json:"before"`
		After  string   `json:"after"`
	}
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	page, err := s.Logs.OperationMessages(c.Request.Context(), p.environment.ID, c.Param("id"), storage.MessageFilter{Levels: b.Levels, Query: b.Query, Limit: b.Limit, Before: b.Before, After: b.After})
	if errors.Is(err, causeway.ErrNotFound) {
		return notFound("there is no operation with this id")
	}
	if err != nil {
		return err
	}
	rows := make([]messageView, 0, len(page.Messages))
	for i := range page.Messages {
		rows = append(rows, viewMessage(&page.Messages[i]))
	}
	return answer(c, http.StatusOK, gin.H{"data": rows, "page": gin.H{"before": page.Before, "after": page.After}})
}

const (
	streamBatch     = 250 * time.Millisecond // messages go out together, at most four times a second
	streamKeepAlive = 15 * time.Second
	// What other processes log is read from the store. It comes there a moment after it happened, by clocks that differ: each
	// look begins that long ago, and what was sent already is left out.
	streamPoll    = 2 * time.Second
	streamOverlap = 15 * time.Second
	streamPage    = 500
	maxTopics     = 20
)

// stream sends what is logged as server-sent events. Topics are logs, or operation:{id}. The id of an event is a time: a client that comes
// back with one gets the operations since then from the store.
func (s *Server) stream(c *gin.Context, p *principal) error {
	if err := ownEnvironment(c, p); err != nil {
		return err
	}
	q := readQuery(c, "topics")
	topics := splitList(q.text("topics", 1000, true))
	for _, t := range topics {
		q.issues.check(t == "logs" || strings.HasPrefix(t, "operation:"), "invalid_value", "topics: logs or operation:{id}", "topics")
	}
	q.issues.check(len(topics) <= maxTopics, "too_big", fmt.Sprintf("Too big: expected array to have <=%d items", maxTopics), "topics")
	if err := q.err(); err != nil {
		return err
	}
	if !s.Logs.Enabled() {
		return storage.ErrLogsDisabled
	}
	events, cancel := s.Logs.Listen(p.environment.ID)
	defer cancel()
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.Writer.WriteHeader(http.StatusOK)
	c.Writer.Flush()
	w := newEventWriter(c.Writer, topics)
	if err := s.missed(c, p, w); err != nil {
		return err
	}
	tick, poll, alive := time.NewTicker(streamBatch), time.NewTicker(streamPoll), time.NewTicker(streamKeepAlive)
	defer tick.Stop()
	defer poll.Stop()
	defer alive.Stop()
	for {
		select {
		case <-c.Request.Context().Done():
			return nil
		case e, ok := <-events:
			if !ok {
				w.send("refresh", struct{}{}) // too slow: read again what the store has
				return nil
			}
			w.put(e)
		case <-tick.C:
			w.flushMessages()
		case <-poll.C:
			if err := s.poll(c.Request.Context(), p.environment.ID, w); err != nil {
				return err
			}
		case <-alive.C:
			_, _ = io.WriteString(c.Writer, ": alive\n\n")
		}
		c.Writer.Flush()
	}
}

// poll sends what other processes have logged: operations, and the messages of those that are watched by id.
func (s *Server) poll(ctx context.Context, environmentID int64, w *eventWriter) error {
	since := time.Now().Add(-streamOverlap)
	w.forget(since)
	for _, topic := range w.topics {
		id, one := strings.CutPrefix(topic, "operation:")
		if !one {
			changed, err := s.Logs.ChangedOperations(ctx, environmentID, since, streamPage)
			if err != nil {
				return err
			}
			for i := range changed {
				w.put(storage.LogEvent{Operation: &changed[i]})
			}
			continue
		}
		messages, err := s.Logs.NewMessages(ctx, environmentID, id, since, streamPage)
		if err != nil {
			return err
		}
		for i := range messages {
			w.put(storage.LogEvent{Message: &messages[i]})
		}
		op, err := s.Logs.FindOperation(ctx, environmentID, id)
		if err != nil && !errors.Is(err, causeway.ErrNotFound) {
			return err
		}
		if err == nil && op.UpdatedAt.After(since) {
			w.put(storage.LogEvent{Operation: op})
		}
	}
	return nil
}

// missed sends the operations since the event that a client saw last.
func (s *Server) missed(c *gin.Context, p *principal, w *eventWriter) error {
	ms, err := strconv.ParseInt(c.GetHeader("Last-Event-ID"), 10, 64)
	if err != nil {
		return nil //nolint:nilerr // a new client
	}
	page, err := s.Logs.SearchOperations(c.Request.Context(), p.environment.ID, storage.LogFilter{From: time.UnixMilli(ms), Limit: storage.MaxLogPage})
	if err != nil {
		return err
	}
	for i := len(page.Operations) - 1; i >= 0; i-- {
		w.put(storage.LogEvent{Operation: &page.Operations[i]})
	}
	return nil
}

// eventWriter writes server-sent events for the topics of one client, each event once.
type eventWriter struct {
	w        io.Writer
	topics   []string
	messages []messageView
	changed  map[string]int64 // when an operation that was sent was written, in microseconds
	said     map[messageRef]bool
}

type messageRef struct {
	operationID string
	at          int64 // microseconds, as the store keeps it
	seq         int
}

func newEventWriter(w io.Writer, topics []string) *eventWriter {
	return &eventWriter{w: w, topics: topics, changed: map[string]int64{}, said: map[messageRef]bool{}}
}

// forget drops what no look into the store can bring again.
func (w *eventWriter) forget(before time.Time) {
	for id, at := range w.changed {
		if at < before.UnixMicro() {
			delete(w.changed, id)
		}
	}
	for ref := range w.said {
		if ref.at < before.UnixMicro() {
			delete(w.said, ref)
		}
	}
}

func (w *eventWriter) wants(operationID string) bool {
	for _, t := range w.topics {
		if t == "logs" || t == "operation:"+operationID {
			return true
		}
	}
	return false
}

func (w *eventWriter) put(e storage.LogEvent) {
	switch {
	case e.Operation != nil && w.wants(e.Operation.ID):
		at := e.Operation.UpdatedAt.UnixMicro()
		if last, sent := w.changed[e.Operation.ID]; sent && at <= last {
			return
		}
		w.changed[e.Operation.ID] = at
		w.flushMessages() // what was said before an operation ended comes before its end
		name := "operation.updated"
		switch {
		case e.Operation.EndedAt != nil:
			name = "operation.ended"
		case e.Operation.State == causeway.OperationWaiting || e.Operation.StartedAt == nil:
			name = "operation.created"
		}
		w.send(name, viewOperation(e.Operation))
	case e.Message != nil && w.wants(e.Message.OperationID):
		ref := messageRef{e.Message.OperationID, e.Message.CreatedAt.UnixMicro(), e.Message.Seq}
		if w.said[ref] {
			return
		}
		w.said[ref] = true
		w.messages = append(w.messages, viewMessage(e.Message))
	}
}

func (w *eventWriter) flushMessages() {
	if len(w.messages) > 0 {
		w.send("message.appended", w.messages)
		w.messages = nil
	}
}

func (w *eventWriter) send(event string, data any) {
	raw, err := marshal(data)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintf(w.w, "id: %d\nevent: %s\ndata: %s\n\n", time.Now().UnixMilli(), event, raw)
}

func itoa(n int) string { return strconv.Itoa(n) }
