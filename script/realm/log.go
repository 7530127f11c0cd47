package realm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dop251/goja"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// Bounds of a run's log: a line never fails a script, but a flood is counted instead of stored.
const (
	logRate    = 200.0 // lines a second
	logBurst   = 2000.0
	maxLogSize = 20 << 20 // bytes a run
	// Printing of values: contract's depth and entries per level.
	printDepth   = 10
	printEntries = 20
	redacted     = "REDACTED"
)

// logger is a run's own log: its level, and what it has used of its bounds.
type logger struct {
	level   causeway.Level
	caller  Caller
	tape    *tape
	tokens  float64
	at      time.Time
	size    int
	dropped int
}

func newLogger(level causeway.Level, caller Caller, t *tape) *logger {
	if level == "" {
		level = causeway.LevelWarn
	}
	return &logger{level: level, caller: caller, tape: t, tokens: logBurst, at: t.now()}
}

// write sends a line of the script, if its level is high enough. meta is JSON or nil.
func (l *logger) write(level causeway.Level, message string, meta json.RawMessage) {
	if l.level == causeway.LevelOff || !level.AtLeast(l.level) {
		return
	}
	now := l.tape.now()
	l.tokens = min(logBurst, l.tokens+now.Sub(l.at).Seconds()*logRate)
	l.at = now
	if l.tokens < 1 || l.size > maxLogSize {
		l.dropped++
		return
	}
	l.tokens--
	l.send(level, false, message, meta)
}

// platform sends a line of ours, whatever the level.
func (l *logger) platform(level causeway.Level, message string) { l.send(level, true, message, nil) }

func (l *logger) send(level causeway.Level, platform bool, message string, meta json.RawMessage) {
	if l.dropped > 0 && !platform {
		n := l.dropped
		l.dropped = 0
		l.send(causeway.LevelWarn, true, fmt.Sprintf("%d log lines were dropped: the script writes more than a run may", n), nil)
	}
	note, err := json.Marshal(script.LogNote{Level: level, Time: l.tape.now().UnixMilli(), Platform: platform})
	if err != nil {
		return // it is three plain fields
	}
	body := logBody(message, meta)
	l.size += len(body)
	l.caller.Note(script.Call{Name: script.CallLog, Meta: note, Body: body})
}

// flush tells how many lines are missing at the end.
func (l *logger) flush() {
	if l.dropped > 0 {
		n := l.dropped
		l.dropped = 0
		l.send(causeway.LevelWarn, true, fmt.Sprintf("%d log lines were dropped: the script wrote more than a run may", n), nil)
	}
}

// logBody is an entry of at most script.MaxLog bytes: a message that is too long is cut, an entry that is too large loses
// its metadata.
func logBody(message string, meta json.RawMessage) []byte {
	const around = len(`{"message":""}`)
	message = message[:min(len(message), script.MaxLog+utf8.UTFMax)] // before anything walks through it; it is cut properly below
	message = strings.ToValidUTF8(message, "\ufffd")
	b := appendQuoted([]byte(`{"message":`), message)
	if len(b)+1 > script.MaxLog {
		b = appendQuoted([]byte(`{"message":`), cutEscaped(message, script.MaxLog-around))
	}
	if len(meta) > 0 && len(b)+len(`,"meta":`)+len(meta)+1 <= script.MaxLog {
		b = append(append(b, `,"meta":`...), meta...)
	}
	return append(b, '}')
}

// cutEscaped cuts a text so that it takes at most so many bytes with its escapes.
func cutEscaped(s string, room int) string {
	room -= len(truncated)
	end := 0
	for i, c := range s {
		size := utf8.RuneLen(c)
		switch {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f':
			size = 2
		case c < 0x20:
			size = 6
		}
		if room -= size; room < 0 {
			break
		}
		end = i + utf8.RuneLen(c)
	}
	return s[:end] + truncated
}

// levels maps what a script may write as a level.
var levels = map[string]causeway.Level{
	"debug": causeway.LevelDebug, "info": causeway.LevelInfo, "warn": causeway.LevelWarn, "error": causeway.LevelError,
	"http": causeway.LevelInfo, "verbose": causeway.LevelDebug, "silly": causeway.LevelDebug,
}

// logLine is nango.log(message, meta?, {level}?): a last object with a key "level" is the options, the first of the rest
// is the message, the second the metadata.
func (r *run) logLine(args []goja.Value) {
	level := causeway.LevelInfo
	if len(args) > 0 {
		if o, ok := args[len(args)-1].(*goja.Object); ok && slices.Contains(r.keys(o), "level") {
			if l, ok := levels[r.text(o, "level")]; ok {
				level = l
			}
			args = args[:len(args)-1]
		}
	}
	if r.log.level == causeway.LevelOff || !level.AtLeast(r.log.level) || len(args) == 0 {
		return // nothing is printed that nobody will see
	}
	var message string
	if s, ok := args[0].(goja.String); ok {
		message = s.String()
	} else {
		message = r.lenient(args[0])
	}
	var meta json.RawMessage
	if len(args) > 1 {
		meta = r.logMeta(args[1])
	}
	r.log.write(level, message, meta)
}

// logMeta prints the metadata, which is always an object: a list is keyed by index, a single value by "value".
func (r *run) logMeta(v goja.Value) json.RawMessage {
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return nil
	}
	p := printer{r: r}
	o, ok := v.(*goja.Object)
	switch {
	case !ok:
		p.buf = append(p.buf, `{"value":`...)
		p.value(v, 1)
		p.buf = append(p.buf, '}')
	case o.ClassName() == "Array":
		p.members(o, 1)
	default:
		p.value(v, 0)
	}
	return p.buf
}

// lenient prints any value as JSON within the printing bounds. It never fails.
func (r *run) lenient(v goja.Value) string {
	if s, ok := v.(goja.String); ok {
		return s.String()
	}
	p := printer{r: r}
	p.value(v, 0)
	return string(p.buf)
}

// printer writes values as JSON for people: to a depth, so many entries a level, circles named, buffers and credentials
// hidden, errors with what an error holds.
type printer struct {
	r    *run
	buf  []byte
	open []*goja.Object
}

func (p *printer) quoted(s string) {
	s = cutText(strings.ToValidUTF8(s, "\ufffd"), script.MaxLog)
	p.buf = appendQuoted(p.buf, s)
}

func (p *printer) value(v goja.Value, depth int) {
	o, ok := v.(*goja.Object)
	switch {
	case v == nil || goja.IsUndefined(v) || goja.IsNull(v):
		p.buf = append(p.buf, "null"...)
	case ok:
		p.object(o, depth)
	default:
		switch x := v.Export().(type) {
		case int64:
			p.buf = strconv.AppendInt(p.buf, x, 10)
		case bool:
			p.buf = strconv.AppendBool(p.buf, x)
		case float64:
			if s := v.String(); s == "NaN" || strings.HasSuffix(s, "Infinity") {
				p.buf = append(p.buf, "null"...)
			} else {
				p.buf = append(p.buf, s...)
			}
		default:
			p.quoted(p.r.toText(v))
		}
	}
}

func (p *printer) object(o *goja.Object, depth int) {
	for _, outer := range p.open {
		if outer == o {
			p.quoted("[Circular]")
			return
		}
	}
	if _, ok := p.r.env.Bytes(o); ok {
		p.quoted("[Buffer]")
		return
	}
	switch o.ClassName() {
	case "Function", "AsyncFunction", "GeneratorFunction":
		p.quoted("[Function]")
		return
	case "Date", "RegExp", "Number", "String", "Boolean":
		p.quoted(p.r.toText(o))
		return
	case "Promise":
		p.quoted("[Promise]")
		return
	}
	if depth >= printDepth {
		p.quoted("[Object]")
		return
	}
	p.open = append(p.open, o)
	if o.ClassName() == "Array" {
		p.list(o, depth+1)
	} else {
		p.members(o, depth+1)
	}
	p.open = p.open[:len(p.open)-1]
}

func (p *printer) list(o *goja.Object, depth int) {
	length := p.r.property(o, "length").ToInteger()
	p.buf = append(p.buf, '[')
	for i := int64(0); i < length && i < printEntries; i++ {
		if i > 0 {
			p.buf = append(p.buf, ',')
		}
		p.value(p.r.property(o, strconv.FormatInt(i, 10)), depth)
	}
	if length > printEntries {
		p.buf = fmt.Appendf(p.buf, `,"... %d more"`, length-printEntries)
	}
	p.buf = append(p.buf, ']')
}

func (p *printer) members(o *goja.Object, depth int) {
	keys := p.r.keys(o)
	if p.r.isError(o) {
		head := []string{"name", "message", "stack"}
		for _, key := range keys {
			if !slices.Contains(head, key) {
				head = append(head, key)
			}
		}
		keys = head
	}
	p.buf = append(p.buf, '{')
	n := 0
	for _, key := range keys {
		v := p.r.property(o, key)
		if goja.IsUndefined(v) {
			continue
		}
		if n > 0 {
			p.buf = append(p.buf, ',')
		}
		if n == printEntries {
			p.buf = append(p.buf, `"...":"more"`...)
			break
		}
		n++
		p.quoted(key)
		p.buf = append(p.buf, ':')
		if strings.EqualFold(key, "authorization") {
			p.quoted(redacted)
		} else {
			p.value(v, depth)
		}
	}
	p.buf = append(p.buf, '}')
}

// toText is String(v); a conversion that throws gives the class.
func (r *run) toText(v goja.Value) (s string) {
	if ex := r.vm.Try(func() {
		if o, ok := v.(*goja.Object); ok && o.ClassName() == "Date" {
			if iso, ok := goja.AssertFunction(o.Get("toJSON")); ok {
				if text, err := iso(o); err == nil {
					s = text.String()
					return
				}
			}
		}
		s = v.String()
	}); ex != nil {
		return "[unprintable]"
	}
	return s
}
