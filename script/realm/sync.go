package realm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// syncMethods are the methods that only syncs and webhook scripts have, on top of those of actions.
type syncMethods struct {
	*actionMethods
	strategies map[string]string // by model, once chosen
}

var syncTable = map[string]func(*syncMethods, goja.FunctionCall) goja.Value{
	"batchSave": func(s *syncMethods, c goja.FunctionCall) goja.Value {
		return s.batch(script.CallRecordsSave, "save", c)
	},
	"batchSend": func(s *syncMethods, c goja.FunctionCall) goja.Value {
		return s.batch(script.CallRecordsSave, "save", c)
	},
	"batchUpdate": func(s *syncMethods, c goja.FunctionCall) goja.Value {
		return s.batch(script.CallRecordsUpdate, "update", c)
	},
	"batchDelete": func(s *syncMethods, c goja.FunctionCall) goja.Value {
		return s.batch(script.CallRecordsDelete, "delete", c)
	},
	"getRecordsByIds":    (*syncMethods).getRecordsByIDs,
	"listRecords":        (*syncMethods).listRecords,
	"setMergingStrategy": (*syncMethods).setMergingStrategy,
	"trackDeletesStart":  (*syncMethods).trackDeletesStart,
	"trackDeletesEnd": func(s *syncMethods, c goja.FunctionCall) goja.Value {
		return s.deletedKeys(script.CallDeletesEnd, c)
	},
	"deleteRecordsFromPreviousExecutions": func(s *syncMethods, c goja.FunctionCall) goja.Value {
		return s.deletedKeys(script.CallRecordsDeleteOlder, c)
	},
}

const (
	recordsPerLookup = 100
	maxRecordID      = 255
)

// metadataKey is the platform's own key in a record; it is taken out of what a script saves.
const metadataKey = "_nango_metadata"

// batch saves, updates or deletes records in slices of a thousand, one after another.
func (s *syncMethods) batch(call, verb string, c goja.FunctionCall) goja.Value {
	r := s.run
	return r.task(func(t *task) {
		list, ok := c.Argument(0).(*goja.Object)
		length := int64(0)
		switch {
		case ok && goja.IsUndefined(r.property(list, "length")), !ok && c.Argument(0).ToBoolean():
			t.fail(failedTo(verb, "they have to be a list")) // one record alone would be lost in silence
			return
		case ok:
			length = r.property(list, "length").ToInteger()
		}
		if length <= 0 {
			t.resolve(true)
			return
		}
		model := r.textArg(c, 1)
		if err := r.declared(model); err != nil {
			t.fail(failedTo(verb, err.Error()))
			return
		}
		s.slice(t, batch{call: call, verb: verb, model: model, list: list, length: length})
	})
}

// batch is one call of a batch method on its way through the slices.
type batch struct {
	call, verb, model string
	list              *goja.Object
	from, length      int64
}

func failedTo(verb, why string) string { return "Failed to " + verb + " records: " + why }

func (s *syncMethods) slice(t *task, b batch) {
	r := s.run
	end := min(b.from+causeway.MaxBatch, b.length)
	rows, err := r.rows(b, end)
	if err != nil {
		var thrown *goja.Exception
		if errors.As(err, &thrown) {
			t.fail(failedTo(b.verb, r.describe(thrown.Value()).line()))
			return
		}
		t.fail(failedTo(b.verb, err.Error()))
		return
	}
	q := script.RecordsRequest{Model: b.model, Count: int(end - b.from)}
	t.ask(b.call, q, rows, func(a script.Answer, err *script.CallError) {
		switch {
		case err != nil && r.stopped() != nil:
			t.abort()
			return
		case err != nil:
			e := r.newError(failedTo(b.verb, callMessage(err)), t.stack)
			if err.Code != "" {
				_ = e.Set("code", err.Code)
			}
			t.reject(e)
			return
		}
		r.reportDuplicates(b, decode[script.RecordsAnswer](t, a).Duplicates)
		switch {
		case end >= b.length:
			t.resolve(true)
		case r.stopped() != nil:
			t.abort()
		default:
			b.from = end
			s.slice(t, b)
		}
	})
}

func (r *run) reportDuplicates(b batch, ids []string) {
	for _, id := range ids {
		r.log.platform(causeway.LevelError, fmt.Sprintf(
			"There was a duplicate id in a batch of the model %s: %q came twice, the first record was taken", b.model, id))
	}
}

// rows writes a slice as one JSON record a line.
func (r *run) rows(b batch, end int64) ([]byte, error) {
	e := encoder{r: r, limit: script.MaxBody, buf: make([]byte, 0, 512*(end-b.from))}
	var failed error
	ex := r.vm.Try(func() {
		for i := b.from; i < end && failed == nil; i++ {
			if i > b.from {
				e.buf = append(e.buf, '\n')
			}
			failed = r.row(&e, b, i)
		}
	})
	if ex != nil {
		return nil, ex
	}
	return e.buf, failed
}

func (r *run) row(e *encoder, b batch, i int64) error {
	o, ok := b.list.Get(fmt.Sprint(i)).(*goja.Object)
	if !ok {
		return fmt.Errorf("record %d is no object", i)
	}
	id := o.Get("id")
	if err := checkRecordID(id, i); err != nil {
		return err
	}
	if o.Get(metadataKey) != nil {
		_ = o.Delete(metadataKey)
	}
	if b.call == script.CallRecordsDelete {
		short := r.vm.NewObject()
		_ = short.Set("id", id)
		if at := o.Get("deletedAt"); at != nil && !goja.IsUndefined(at) && !goja.IsNull(at) {
			_ = short.Set("deletedAt", at)
		}
		o = short
	}
	e.path = append(e.path[:0], fmt.Sprintf("[%d]", i))
	written, err := e.value(o, "")
	if err == nil && !written {
		return fmt.Errorf("record %d is no object", i)
	}
	return err
}

// checkRecordID wants a text of 1 to 255 characters, or a number.
func checkRecordID(id goja.Value, i int64) error {
	switch v := id.(type) {
	case goja.String:
		switch n := utf8.RuneCountInString(v.String()); {
		case n == 0:
			return fmt.Errorf("record %d is missing the required field 'id'", i)
		case n > maxRecordID:
			return fmt.Errorf("the id of record %d has %d characters, at most %d are allowed", i, n, maxRecordID)
		}
		return nil
	case nil:
	default:
		switch id.Export().(type) {
		case int64, float64:
			if s := id.String(); s != "NaN" && !strings.HasSuffix(s, "Infinity") {
				return nil
			}
			return fmt.Errorf("the id of record %d is no finite number", i)
		}
		if !goja.IsUndefined(id) && !goja.IsNull(id) {
			return fmt.Errorf("the id of record %d is neither a text nor a number", i)
		}
	}
	return fmt.Errorf("record %d is missing the required field 'id'", i)
}

// declared refuses a model that the sync doesn't declare.
func (r *run) declared(model string) error {
	models := r.start.Values.Models
	if len(models) == 0 || slices.Contains(models, model) {
		return nil
	}
	return fmt.Errorf("The model '%s' is not included in the declared sync models: %s", model, strings.Join(models, ","))
}

// getRecordsByIDs resolves to a Map keyed by the ids as they were given.
func (s *syncMethods) getRecordsByIDs(c goja.FunctionCall) goja.Value {
	r := s.run
	return r.task(func(t *task) {
		found, err := r.vm.New(r.hooks.mapCtor)
		if err != nil {
			panic(err)
		}
		keys := map[string]goja.Value{}
		var ids []string
		if list, ok := c.Argument(0).(*goja.Object); ok {
			for _, k := range r.keys(list) {
				id := r.property(list, k)
				text := r.toText(id)
				if _, ok := keys[text]; !ok {
					keys[text] = id
					ids = append(ids, text)
				}
			}
		}
		s.lookUp(t, r.textArg(c, 1), ids, keys, found)
	})
}

func (s *syncMethods) lookUp(t *task, model string, ids []string, keys map[string]goja.Value, found *goja.Object) {
	r := s.run
	if len(ids) == 0 {
		t.resolve(found)
		return
	}
	n := min(len(ids), recordsPerLookup)
	q := script.RecordsByIDsRequest{Model: model, IDs: ids[:n]}
	t.call(script.CallRecordsByIDs, q, nil, func(a script.Answer) {
		if list, ok := r.jsonValue(a.Body).(*goja.Object); ok {
			for _, k := range r.keys(list) {
				record, ok := r.property(list, k).(*goja.Object)
				if !ok {
					continue
				}
				if key, ok := keys[r.toText(r.property(record, "id"))]; ok {
					if _, err := r.hooks.mapSet(found, key, record); err != nil {
						panic(err)
					}
				}
			}
		}
		s.lookUp(t, model, ids[n:], keys, found)
	})
}

// listRecords is an async iterator over all stored records of a model, fetched page by page.
func (s *syncMethods) listRecords(c goja.FunctionCall) goja.Value {
	r := s.run
	q := script.RecordsPageRequest{Model: r.textArg(c, 0)}
	if o, ok := c.Argument(1).(*goja.Object); ok {
		q.Cursor = r.text(o, "cursor")
	}
	var page []goja.Value
	started := false
	var step func(t *task, yield func(goja.Value), end func())
	step = func(t *task, yield func(goja.Value), end func()) {
		switch {
		case len(page) > 0:
			record := page[0]
			page = page[1:]
			yield(record)
		case started && q.Cursor == "":
			end()
		default:
			started = true
			t.call(script.CallRecordsPage, q, nil, func(a script.Answer) {
				q.Cursor = decode[script.RecordsPageAnswer](t, a).NextCursor
				if list, ok := r.jsonValue(a.Body).(*goja.Object); ok {
					for _, k := range r.keys(list) {
						page = append(page, r.property(list, k))
					}
				}
				step(t, yield, end)
			})
		}
	}
	return r.asyncIterator(step)
}

func (s *syncMethods) setMergingStrategy(c goja.FunctionCall) goja.Value {
	r := s.run
	return r.task(func(t *task) {
		strategy, model := "", r.textArg(c, 1)
		if o, ok := c.Argument(0).(*goja.Object); ok {
			strategy = r.text(o, "strategy")
		}
		if strategy != "override" && strategy != "ignore_if_modified_after" {
			t.fail("Unsupported merging strategy: " + strategy)
			return
		}
		if _, chosen := s.strategies[model]; chosen {
			r.log.write(causeway.LevelWarn, fmt.Sprintf("The merging strategy of the model %s is already set; the new one is ignored", model), nil)
			t.resolve(goja.Undefined())
			return
		}
		s.strategies[model] = strategy
		t.call(script.CallMergeStrategy, script.MergeStrategyRequest{Model: model, Strategy: strategy}, nil,
			func(script.Answer) { t.resolve(goja.Undefined()) })
	})
}

func (s *syncMethods) trackDeletesStart(c goja.FunctionCall) goja.Value {
	r := s.run
	return r.task(func(t *task) {
		t.call(script.CallDeletesStart, script.ModelRequest{Model: r.textArg(c, 0)}, nil,
			func(script.Answer) { t.resolve(goja.Undefined()) })
	})
}

// deletedKeys ends delete tracking, or deletes what the runs before left; both resolve to {deletedKeys}.
func (s *syncMethods) deletedKeys(call string, c goja.FunctionCall) goja.Value {
	r := s.run
	return r.task(func(t *task) {
		t.call(call, script.ModelRequest{Model: r.textArg(c, 0)}, nil, func(a script.Answer) {
			keys := r.jsonValue(a.Body)
			if goja.IsUndefined(keys) || goja.IsNull(keys) {
				keys = r.vm.NewArray()
			}
			o := r.vm.NewObject()
			_ = o.Set("deletedKeys", keys)
			t.resolve(o)
		})
	})
}
