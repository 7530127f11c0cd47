//go:build e2e

package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// record is what a reader gets of a record.
type record struct {
	ID   string `json:"id"`
	V    int    `json:"v"`
	Meta struct {
		LastAction string  `json:"last_action"`
		Cursor     string  `json:"cursor"`
		DeletedAt  *string `json:"deleted_at"`
	} `json:"_nango_metadata"`
}

func (r record) deleted() bool { return r.Meta.DeletedAt != nil }

// reader follows the cursor of a connection's records for the whole time, as a product does, and keeps a copy of them.
type reader struct {
	st         *stack
	caller     *caller
	connection string

	mu      sync.Mutex
	cursor  string
	copy    map[string]record // as it was seen last
	cursors map[string]bool
	pages   int
}

func newReader(st *stack, c *caller, connection string) *reader {
	return &reader{st: st, caller: c, connection: connection, copy: map[string]record{}, cursors: map[string]bool{}}
}

// follow reads until ctx ends. A page that could not be read is read again.
func (r *reader) follow(ctx context.Context) {
	for pause(ctx, 150*time.Millisecond) {
		for {
			more, err := r.page(ctx)
			if err != nil || !more {
				break
			}
		}
	}
}

// page reads on from the cursor.
func (r *reader) page(ctx context.Context) (more bool, err error) {
	all, more, err := readPage(ctx, r.caller, r.connection, r.cursor, 200)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages++
	for _, rec := range all {
		r.take(rec)
		r.cursor = rec.Meta.Cursor
	}
	return more, nil
}

// take judges what is seen: nothing comes twice, nothing comes again unchanged, and nothing goes back to what it was.
func (r *reader) take(rec record) {
	if r.cursors[rec.Meta.Cursor] {
		r.st.found("%s: the reader saw the cursor of %s twice", r.connection, rec.ID)
	}
	r.cursors[rec.Meta.Cursor] = true
	before, seen := r.copy[rec.ID]
	switch {
	case seen && rec.deleted() == before.deleted() && rec.V == before.V:
		r.st.found("%s: the reader saw %s again unchanged (v %d, %s, then %s)", r.connection, rec.ID, rec.V, before.Meta.LastAction, rec.Meta.LastAction)
	case seen && !rec.deleted() && rec.V < before.V:
		r.st.found("%s: the reader saw %s go back from v %d to v %d", r.connection, rec.ID, before.V, rec.V)
	}
	r.copy[rec.ID] = rec
}

// catchUp reads to the end, when the platform is whole, and returns the living records of the copy.
func (r *reader) catchUp(ctx context.Context) (map[string]int, error) {
	for {
		more, err := r.page(ctx)
		if err != nil && !pause(ctx, 300*time.Millisecond) {
			return nil, fmt.Errorf("the reader of %s does not come to the end: %w", r.connection, err)
		}
		if err == nil && !more {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return living(r.copy), nil
}

func living(all map[string]record) map[string]int {
	out := map[string]int{}
	for id, rec := range all {
		if !rec.deleted() {
			out[id] = rec.V
		}
	}
	return out
}

func readPage(ctx context.Context, c *caller, connection, cursor string, limit int) (all []record, more bool, err error) {
	q := url.Values{"model": {"Item"}, "limit": {fmt.Sprint(limit)}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	got, err := c.call(ctx, "GET", "/records?"+q.Encode(), nil, "Provider-Config-Key", "crash", "Connection-Id", connection)
	if err != nil {
		return nil, false, err
	}
	if got.Status != http.StatusOK {
		return nil, false, fmt.Errorf("records: %s", said(got, nil))
	}
	var page struct {
		Records    []record `json:"records"`
		NextCursor *string  `json:"next_cursor"`
	}
	if err := json.Unmarshal(got.Body, &page); err != nil {
		return nil, false, err
	}
	return page.Records, page.NextCursor != nil, nil
}

// readAll reads all records from the beginning. What comes twice in one reading is a finding.
func readAll(ctx context.Context, st *stack, c *caller, connection string) (map[string]record, error) {
	out, cursor := map[string]record{}, ""
	for {
		all, more, err := readPage(ctx, c, connection, cursor, 1000)
		if err != nil {
			if !pause(ctx, 300*time.Millisecond) {
				return nil, err
			}
			continue
		}
		for _, rec := range all {
			out[rec.ID] = rec
			cursor = rec.Meta.Cursor
		}
		if !more {
			return out, nil
		}
	}
}

// difference says how two sets of records differ, by a few examples; empty: they don't.
func difference(got, want map[string]int) string {
	var text string
	n := 0
	say := func(format string, args ...any) {
		if n++; n <= 5 {
			text += fmt.Sprintf(format, args...) + "; "
		}
	}
	for id, v := range want {
		if g, there := got[id]; !there {
			say("%s is missing", id)
		} else if g != v {
			say("%s is v %d, not v %d", id, g, v)
		}
	}
	for id, v := range got {
		if _, there := want[id]; !there {
			say("%s (v %d) should be gone", id, v)
		}
	}
	if n > 5 {
		text += fmt.Sprintf("and %d more; ", n-5)
	}
	return text
}
