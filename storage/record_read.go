package storage

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// recordTime is how records show times: microseconds, numeric offset.
const recordTime = "2006-01-02T15:04:05.000000-07:00"

// A cursor is base64 of "<modified_at>||<name-based uuid of the record>". Only the time decides: it is unique in a model. The
// uuid keeps the documented form.
func appendRecordCursor(dst []byte, at time.Time, id uuid.UUID) []byte {
	var raw [80]byte
	b := at.UTC().AppendFormat(raw[:0], recordTime)
	b = append(b, '|', '|')
	text, _ := id.MarshalText() // never fails
	return base64.StdEncoding.AppendEncode(dst, append(b, text...))
}

// parseRecordCursor returns the position that a cursor names. Times of other precision are read as well, so that a cursor
// that was kept from elsewhere means "everything changed since".
func parseRecordCursor(cursor string) (time.Time, error) {
	raw, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil {
		return time.Time{}, ErrRecordsCursor
	}
	at, id, ok := strings.Cut(string(raw), "||")
	if !ok || uuid.Validate(id) != nil || len(id) != 36 {
		return time.Time{}, ErrRecordsCursor
	}
	t, err := time.Parse("2006-01-02T15:04:05.999999999Z07:00", strings.Replace(at, " ", "T", 1))
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, ErrRecordsCursor
	}
	return t, nil
}

// recordUUID is the same for a record for ever, also after it was deleted and added again: version 5 of connection, model
// and external id.
func recordUUID(prefix, externalID []byte) uuid.UUID {
	h := sha1.New()
	_, _ = h.Write(prefix)
	_, _ = h.Write(externalID)
	var (
		sum [sha1.Size]byte
		u   uuid.UUID
	)
	copy(u[:], h.Sum(sum[:0]))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

// RecordsQuery says which records of a model are read. Empty fields don't filter.
type RecordsQuery struct {
	Model         string // stored name, with the variant
	Cursor        string // after it
	ModifiedAfter time.Time
	Actions       []causeway.LastAction // any of them
	IDs           []string
	Limit         int
}

// RecordsPage is a page of records as JSON texts with commas between them. Nothing of it was parsed. It is complete before
// the first byte is sent: a record that can't be opened is an error, never half an answer, and no database connection waits
// for a slow client.
type RecordsPage struct {
	Count      int
	NextCursor string // empty: there are no more
	chunks     [][]byte
	size       int64
}

// Size is how many bytes WriteTo writes.
func (p *RecordsPage) Size() int64 { return p.size }

// WriteTo writes the records, separated by commas.
func (p *RecordsPage) WriteTo(w io.Writer) (n int64, err error) {
	for _, c := range p.chunks {
		k, err := w.Write(c)
		if n += int64(k); err != nil {
			return n, err
		}
	}
	return n, nil
}

const pageColumns = `r.external_id, r.first_seen_at, r.modified_at, r.deleted_at, p.pruned_at, p.payload`

// $3 cursor, $4 modified after, $5 letters of the wanted actions, $6 limit.
const pageFilter = `o.modified_at > $3 and o.modified_at >= $4
   and ($5 = '' or strpos($5, case when o.deleted_at is not null then 'd' when o.first_seen_at = o.modified_at then 'a' else 'u' end) > 0)`

const pagePayload = `left join lateral (select pruned_at, payload from record_payload p
  where p.environment_id = $1 and p.model_id = $2 and p.no = r.no offset 0) p on true
order by r.modified_at`

const pageSQL = `select ` + pageColumns + `
from (select o.no, o.external_id, o.first_seen_at, o.modified_at, o.deleted_at from record o
  where o.environment_id = $1 and o.model_id = $2 and ` + pageFilter + `
  order by o.modified_at limit $6) r ` + pagePayload

const pageByIDSQL = `select ` + pageColumns + `
from (select o.no, o.external_id, o.first_seen_at, o.modified_at, o.deleted_at from unnest($7::text[]) as i(ext),
  lateral (select * from record o where o.environment_id = $1 and o.model_id = $2 and o.external_id >= i.ext order by o.external_id limit 1) o
  where o.external_id = i.ext and ` + pageFilter + `
  order by o.modified_at limit $6) r ` + pagePayload

// Page reads a page of records in the order of their changes. A model that isn't there is empty. ErrRecordsCursor: the cursor
// is none.
func (r *Records) Page(ctx context.Context, env, connectionID int64, q RecordsQuery) (*RecordsPage, error) {
	var after, modified any = "-infinity", "-infinity"
	if q.Cursor != "" {
		at, err := parseRecordCursor(q.Cursor)
		if err != nil {
			return nil, err
		}
		after = at
	}
	if !q.ModifiedAfter.IsZero() {
		modified = q.ModifiedAfter
	}
	model, err := r.findModel(ctx, env, connectionID, q.Model)
	if err != nil {
		return nil, err
	}
	if model == 0 {
		return &RecordsPage{}, nil
	}
	// Rows that are left unread when a page has become too large are not waited for: ending the query ends its connection.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	args := []any{pgx.QueryResultFormats{pgx.BinaryFormatCode}, env, model, after, modified, actionLetters(q.Actions), q.Limit + 1}
	sql := pageSQL
	if q.IDs != nil {
		ids := slices.Clone(q.IDs)
		slices.Sort(ids)
		sql, args = pageByIDSQL, append(args, slices.Compact(ids))
	}
	rows, err := r.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read model %s of connection %d: %w", q.Model, connectionID, err)
	}
	defer rows.Close()
	w := pageWriter{opener: r.opener(env, model), prefix: fmt.Appendf(nil, "%d:%s:", connectionID, q.Model)}
	for rows.Next() {
		if w.count == q.Limit || w.count > 0 && w.size > int64(r.pageBytes) {
			w.more = true
			if w.count < q.Limit {
				cancel()
			}
			break
		}
		if err := w.add(ctx, rows.RawValues()); err != nil {
			return nil, fmt.Errorf("read model %s of connection %d: %w", q.Model, connectionID, err)
		}
	}
	if rows.Close(); !w.more || ctx.Err() == nil {
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("read model %s of connection %d: %w", q.Model, connectionID, err)
		}
	}
	return w.page(), nil
}

func actionLetters(actions []causeway.LastAction) string {
	letters := ""
	for _, a := range actions {
		letters += strings.ToLower(string(a[:1])) // ADDED, UPDATED, DELETED
	}
	return letters
}

const chunkBytes = 64 << 10

// pageWriter makes the page's JSON row by row.
type pageWriter struct {
	opener *payloadOpener
	prefix []byte // of the name-based uuids
	chunks [][]byte
	out    []byte
	cursor []byte // of the last record
	count  int
	size   int64
	more   bool
}

// add takes a row in binary form: id, first seen, modified, deleted, pruned, payload.
func (w *pageWriter) add(ctx context.Context, raw [][]byte) (err error) {
	before := len(w.out)
	if before > chunkBytes-8<<10 {
		w.chunks = append(w.chunks, w.out)
		w.out, before = nil, 0
	}
	if w.out == nil {
		w.out = make([]byte, 0, chunkBytes)
	}
	if w.count > 0 {
		w.out = append(w.out, ',')
	}
	if err := w.payload(ctx, raw[0], raw[5]); err != nil {
		return err
	}
	first, modified := pgTime(raw[1]), pgTime(raw[2])
	w.out = append(first.AppendFormat(append(w.out, `,"_nango_metadata":{"first_seen_at":"`...), recordTime), `","last_modified_at":"`...)
	w.out = append(modified.AppendFormat(w.out, recordTime), `","last_action":"`...)
	switch {
	case raw[3] != nil:
		w.out = append(w.out, `DELETED","deleted_at":`...)
	case first.Equal(modified):
		w.out = append(w.out, `ADDED","deleted_at":`...)
	default:
		w.out = append(w.out, `UPDATED","deleted_at":`...)
	}
	w.out = append(appendTime(w.out, raw[3]), `,"pruned_at":`...)
	w.out = append(appendTime(w.out, raw[4]), `,"cursor":"`...)
	w.cursor = appendRecordCursor(w.cursor[:0], modified, recordUUID(w.prefix, raw[0]))
	w.out = append(append(w.out, w.cursor...), `"}}`...)
	w.count++
	w.size += int64(len(w.out) - before)
	return nil
}

// payload appends a record's object without its last brace; of a pruned one that is its id.
func (w *pageWriter) payload(ctx context.Context, id, payload []byte) (err error) {
	if payload == nil {
		text, err := json.Marshal(string(id))
		w.out = append(append(w.out, `{"id":`...), text...)
		return err
	}
	at := len(w.out)
	if w.out, err = w.opener.open(ctx, w.out, payload, id); err != nil {
		return err
	}
	if n := len(w.out); n-at < 3 || w.out[at] != '{' || w.out[n-1] != '}' {
		return fmt.Errorf("record %.100q: %w", id, errRecordJSON)
	}
	w.out = w.out[:len(w.out)-1]
	return nil
}

func appendTime(dst, raw []byte) []byte {
	if raw == nil {
		return append(dst, "null"...)
	}
	return append(pgTime(raw).AppendFormat(append(dst, '"'), recordTime), '"')
}

func (w *pageWriter) page() *RecordsPage {
	p := &RecordsPage{Count: w.count, chunks: w.chunks, size: w.size}
	if len(w.out) > 0 {
		p.chunks = append(p.chunks, w.out)
	}
	if w.more {
		p.NextCursor = string(w.cursor)
	}
	return p
}

// pgTime reads a binary timestamptz: microseconds since 2000.
func pgTime(b []byte) time.Time {
	var v uint64
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return time.UnixMicro(int64(v) + 946_684_800_000_000).UTC()
}
