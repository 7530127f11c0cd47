package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/worker"
)

// line23 maps the first line of a bundle to line 23 of its source.
const line23 = `{"version":3,"sources":["github/syncs/issues.ts"],"mappings":"AAsBA"}`

func TestFailuresNameTheAuthorsPlaces(t *testing.T) {
	p := newProcess(t)
	var bundle string
	require.NoError(t, p.Scan(&bundle, `select bundle_key from function_version where environment_id = $1 and function_id = $2`, p.Env.ID, p.Env.ActionFunctionID))
	_, key := storage.LoweredKey(bundle)
	fail := func(context.Context, script.Start, *script.Run) script.Result {
		return script.Result{
			Code: causeway.CodeScriptInternalError, Message: "no",
			Error: json.RawMessage(`{"payload":{"stacktrace":["Error: no","at exec (act-demo.cjs:1:40)","at other.cjs:1:40"]}}`),
		}
	}
	_, ended := p.action(t, fail, nil)
	assert.Contains(t, string(ended.Outcome.Error), "at exec (act-demo.cjs:1:40)", "without a map places stay as they are")

	require.NoError(t, p.Blob().Put(t.Context(), key, []byte(line23)))
	_, ended = p.action(t, fail, nil)
	assert.JSONEq(t, `{"payload":{"stacktrace":["Error: no","at exec (github/syncs/issues.ts:23:1)","at other.cjs:1:40"]}}`, string(ended.Outcome.Error))
}

// lines is a host that keeps log lines.
type lines struct {
	script.Host
	mu  sync.Mutex
	all []string
}

func (l *lines) Log(_ *script.Run, _ script.LogNote, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(body))
}

func TestLogLinesNameTheAuthorsPlaces(t *testing.T) {
	const at, mapped = `{"message":"at act-demo.cjs:1:40"}`, `{"message":"at github/syncs/issues.ts:23:1"}`
	for name, c := range map[string]struct {
		sourceMap string
		log       []string
		want      []string // in any order: what waits for the map comes later
		asked     int
	}{
		"none names a place": {line23, []string{`{"message":"hi"}`}, []string{`{"message":"hi"}`}, 0},
		"some do":            {line23, []string{at, `{"message":"hi"}`, at}, []string{mapped, `{"message":"hi"}`, mapped}, 1},
		"the map is bad":     {`{}`, []string{at, at}, []string{at, at}, 1},
		"there is no map":    {``, []string{at, at}, []string{at, at}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			get := func(context.Context, string) ([]byte, error) {
				asked++
				if c.sourceMap == "" {
					return nil, errors.New("gone")
				}
				return []byte(c.sourceMap), nil
			}
			host := &lines{}
			p := worker.Placed(host, "act-demo.cjs", get)
			for _, l := range c.log {
				body := []byte(l)
				p.Log(nil, script.LogNote{}, body)
				clear(body) // the frame is used again
			}
			p.Finish(&script.Result{})
			assert.ElementsMatch(t, c.want, host.all)
			assert.Equal(t, c.asked, asked)
		})
	}
}
