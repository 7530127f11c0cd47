//go:build e2e

package crash

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What judges the platform has to be able to condemn it.

func seen(id string, v int, cursor string, deleted bool) record {
	r := record{ID: id, V: v}
	r.Meta.Cursor = cursor
	if deleted {
		at := "2026-01-01T00:00:00Z"
		r.Meta.DeletedAt = &at
	}
	return r
}

func TestTheReaderNoticesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		second record
		found  int
	}{
		"a change":             {seen("a", 2, "2", false), 0},
		"a deletion":           {seen("a", 1, "2", true), 0},
		"the same cursor":      {seen("a", 2, "1", false), 1},
		"nothing changed":      {seen("a", 1, "2", false), 1},
		"an older version":     {seen("a", 0, "2", false), 1},
		"another record":       {seen("b", 1, "2", false), 0},
		"the very same record": {seen("a", 1, "1", false), 2},
	} {
		t.Run(name, func(t *testing.T) {
			st := &stack{t: t}
			r := newReader(st, nil, "c")
			r.take(seen("a", 1, "1", false))
			r.take(c.second)
			assert.Len(t, st.findings, c.found)
		})
	}
}

func TestAnActionsAnswerIsHeldAgainstWhatHappened(t *testing.T) {
	failed := func(code string) answer {
		return answer{Status: 500, Body: []byte(`{"error":{"code":"action_script_failure","payload":{"error":"` + code + `"}}}`)}
	}
	for name, c := range map[string]struct {
		got      answer
		happened int
		final    bool
		found    int
	}{
		"success":                             {answer{Status: 200, Body: []byte(`{}`)}, 1, true, 0},
		"success without an effect":           {answer{Status: 200, Body: []byte(`{}`)}, 0, true, 1},
		"success with two":                    {answer{Status: 200, Body: []byte(`{}`)}, 2, true, 2},
		"nobody knows, it happened":           {failed("outcome_unknown"), 1, true, 0},
		"nobody knows, it did not":            {failed("outcome_unknown"), 0, true, 0},
		"not started, and yet it happened":    {failed("start_timeout"), 1, true, 1},
		"the platform could not take it":      {answer{Status: 500, Body: []byte(`{"error":{"code":"generic_error_support"}}`)}, 0, false, 0},
		"no answer of ours":                   {answer{Status: 502, Body: []byte(`bad gateway`)}, 0, false, 0},
		"refused, though nothing is wrong":    {answer{Status: 400, Body: []byte(`{"error":{"code":"invalid_body"}}`)}, 0, true, 1},
		"an idempotency key that is mixed up": {answer{Status: 409, Body: []byte(`{"error":{"code":"idempotency_key_reused"}}`)}, 0, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			st := &stack{t: t}
			a := &actions{st: st, provider: &provider{effects: map[string]int{"x": c.happened}}, outcomes: map[string]int{}, open: map[string]string{}, never: map[string]string{}}
			a.st.s.actions = 1
			a.outcomes["success"] = 1 // few may fail
			assert.Equal(t, c.final, a.judge("x", c.got))
			a.check()
			assert.Len(t, st.findings, c.found)
		})
	}
}

func TestAnOutsideAPIChangesFromGenerationToGeneration(t *testing.T) {
	s := short()
	for g := 1; g < 6; g++ {
		now, next := expected(s, g), expected(s, g+1)
		assert.NotEmpty(t, difference(now, next), "generation %d", g+1)
		for id, v := range next {
			before, there := now[id]
			assert.True(t, there && v >= before || v == g+1, "%s comes back as a new version", id)
		}
	}
	assert.Contains(t, difference(map[string]int{"a": 1, "b": 1, "c": 1}, map[string]int{"a": 1, "b": 2, "d": 1}), "missing")
	assert.Empty(t, difference(map[string]int{"a": 1}, map[string]int{"a": 1}))
}
