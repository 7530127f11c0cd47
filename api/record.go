package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// Limits of reading and pruning records.
const (
	maxRecords       = 10_000
	defaultRecords   = 100
	defaultPrune     = 1_000
	maxRecordIDs     = 100
	maxRecordIDText  = 256
	maxRecordCursor  = 1_000
	modifiedLookBack = 365 * 24 * time.Hour
)

var isoDateTimeZ = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z$`)

// listRecords answers a page of records in the order of their changes. The records' JSON goes from the store to the client
// as it is.
func (s *Server) listRecords(c *gin.Context, p *principal) error {
	q, err := recordsQuery(c)
	if err != nil {
		return err
	}
	connection, err := s.connectionOfHeaders(c, p)
	if err != nil {
		return err
	}
	page, err := s.Records.Page(c.Request.Context(), p.environment.ID, connection.ID, q)
	if errors.Is(err, storage.ErrRecordsCursor) {
		var found issues
		found.add("custom", "Invalid cursor", "cursor")
		return found.err(badQuery)
	}
	if err != nil {
		return err
	}
	next := "null"
	if page.NextCursor != "" {
		next = `"` + page.NextCursor + `"`
	}
	const head = `{"records":[`
	tail := `],"next_cursor":` + next + `}`
	c.Header("Content-Type", "application/json; charset=utf-8")
	c.Header("Content-Length", strconv.FormatInt(int64(len(head)+len(tail))+page.Size(), 10))
	c.Status(http.StatusOK)
	// An error here is a client that went away: the length tells him, and everybody between, that the rest is missing.
	if _, err := io.WriteString(c.Writer, head); err != nil {
		return nil //nolint:nilerr // nobody is left to be told
	}
	if _, err := page.WriteTo(c.Writer); err != nil {
		return nil //nolint:nilerr // nobody is left to be told
	}
	_, _ = io.WriteString(c.Writer, tail)
	return nil
}

// connectionOfHeaders is the connection that the two headers name.
func (s *Server) connectionOfHeaders(c *gin.Context, p *principal) (*causeway.Connection, error) {
	integrationKey, connectionID, err := target(c)
	if err != nil {
		return nil, err
	}
	integration, err := s.Store.Integration(c.Request.Context(), p.environment.ID, integrationKey)
	if err == nil {
		var connection *causeway.Connection
		if connection, err = s.Store.Connection(c.Request.Context(), p.environment.ID, integration.ID, connectionID); err == nil {
			return connection, nil
		}
	}
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, unknownConnection()
	}
	return nil, err
}

func recordsQuery(c *gin.Context) (storage.RecordsQuery, error) {
	q := readQuery(c, "model", "variant", "modified_after", "delta", "limit", "cursor", "filter", "ids")
	out := storage.RecordsQuery{
		Model:  recordModel(q.text("model", 255, true), q.text("variant", 255, false), q.has("variant"), &q.issues),
		Limit:  q.number("limit", 1, maxRecords, defaultRecords),
		Cursor: q.text("cursor", maxRecordCursor, false),
	}
	modified := modifiedAfter(q, "modified_after")
	if delta := modifiedAfter(q, "delta"); !delta.IsZero() {
		modified = delta
	}
	out.ModifiedAfter = modified
	out.Actions = recordFilter(q)
	out.IDs = recordIDs(q)
	return out, q.err()
}

// recordModel is the stored name of a model in a variant.
func recordModel(model, variant string, variantGiven bool, found *issues) string {
	if model != "" {
		found.check(causeway.ValidModelName(model), "invalid_format", "Invalid string: must match pattern /^[A-Z][a-zA-Z0-9_-]+$/", "model")
	}
	if variantGiven && variant != "" {
		found.check(causeway.ValidFunctionName(variant), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "variant")
	}
	return causeway.ModelName(model, variant)
}

func modifiedAfter(q *query, name string) time.Time {
	if !q.has(name) {
		return time.Time{}
	}
	text := q.values.Get(name)
	if !isoDateTimeZ.MatchString(text) {
		q.issues.add("invalid_format", "Invalid ISO datetime", name)
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		at, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		q.issues.check(time.Since(at) <= modifiedLookBack, "custom", "The date must be within the last 365 days", name)
		return at
	}
	q.issues.add("invalid_format", "Invalid ISO datetime", name)
	return time.Time{}
}

// recordFilter is the set of wanted last actions; several are their union.
func recordFilter(q *query) []causeway.LastAction {
	if !q.has("filter") {
		return nil
	}
	var out []causeway.LastAction
	for part := range strings.SplitSeq(q.values.Get("filter"), ",") {
		a := causeway.LastAction(strings.ToUpper(part))
		known := a == causeway.RecordAdded || a == causeway.RecordUpdated || a == causeway.RecordDeleted
		if !known || part != string(a) && part != strings.ToLower(part) {
			q.issues.add("invalid_value", `Invalid option: expected a comma separated list of "added"|"updated"|"deleted"`, "filter")
			return nil
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// recordIDs are one or more external ids: ids=a&ids=b, or with brackets. nil: any.
func recordIDs(q *query) []string {
	var out []string
	for name, values := range q.values {
		if base, _, _ := strings.Cut(name, "["); base == "ids" {
			out = append(out, values...)
		}
	}
	q.issues.check(len(out) <= maxRecordIDs, "too_big", fmt.Sprintf("Too big: expected array to have <=%d items", maxRecordIDs), "ids")
	for i, id := range out {
		q.issues.check(id != "", "too_small", "Too small: expected string to have >=1 characters", "ids", itoa(i))
		q.issues.check(len([]rune(id)) <= maxRecordIDText, "too_big", fmt.Sprintf("Too big: expected string to have <=%d characters", maxRecordIDText), "ids", itoa(i))
	}
	return out
}

// pruneRecords takes the payloads from a model's oldest records, up to and including a cursor.
func (s *Server) pruneRecords(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	var b struct {
		Model       *string `json:"model"`
		Variant     *string `json:"variant"`
		UntilCursor *string `json:"until_cursor"`
		Limit       *int    `json:"limit"`
	}
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	var found issues
	model := recordModel(required(b.Model, 255, "model", &found), optional(b.Variant), b.Variant != nil, &found)
	cursor := required(b.UntilCursor, maxRecordCursor, "until_cursor", &found)
	limit := defaultPrune
	if b.Limit != nil {
		limit = *b.Limit
	}
	found.check(limit >= 1, "too_small", "Too small: expected number to be >=1", "limit")
	found.check(limit <= maxRecords, "too_big", fmt.Sprintf("Too big: expected number to be <=%d", maxRecords), "limit")
	if err := found.err(badBody); err != nil {
		return err
	}
	connection, err := s.connectionOfHeaders(c, p)
	if err != nil {
		return err
	}
	n, more, err := s.Records.Prune(c.Request.Context(), p.environment.ID, connection.ID, model, cursor, limit)
	if errors.Is(err, storage.ErrRecordsCursor) {
		found.add("custom", "Invalid cursor", "until_cursor")
		return found.err(badBody)
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, map[string]any{"count": n, "has_more": more})
}

// required is a text of a body that has to be there.
func required(text *string, limit int, name string, found *issues) string {
	if text == nil {
		found.add("invalid_type", "Invalid input: expected string, received undefined", name)
		return ""
	}
	found.check(*text != "", "too_small", "Too small: expected string to have >=1 characters", name)
	found.check(len([]rune(*text)) <= limit, "too_big", fmt.Sprintf("Too big: expected string to have <=%d characters", limit), name)
	return *text
}

func optional(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
