package realm

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/dop251/goja"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

const (
	maxPayload    = 99_000 // bytes of an error's payload
	maxMessage    = 10_000 // bytes of an error's message
	maxStackLines = 10
	truncated     = "... (truncated)"
)

var (
	errTurnLimit    = errors.New("the script didn't return to its event loop in time")
	errTimerLimit   = errors.New("the script set more timers than a run may have")
	errNeverSettles = errors.New("the script waits for a promise that nothing can settle any more")
)

// fatalCall is a host call after which the run can't go on.
type fatalCall struct{ err *script.CallError }

func (e *fatalCall) Error() string { return e.err.Message }

// failure builds the result of a failed run; payload and upstream are JSON.
func failure(code, message string, payload json.RawMessage) script.Result {
	return script.Result{Code: code, Message: message, Error: envelope(payload, nil)}
}

func envelope(payload, upstream json.RawMessage) json.RawMessage {
	if payload == nil {
		payload = json.RawMessage("{}")
	}
	out, err := json.Marshal(struct {
		Payload  json.RawMessage `json:"payload"`
		Upstream json.RawMessage `json:"upstream,omitempty"`
	}{payload, upstream})
	if err != nil {
		return json.RawMessage(`{"payload":{}}`)
	}
	return out
}

// ended classifies what ended a run from outside of its script.
func (r *run) ended(err error) script.Result {
	var abort *script.AbortError
	if cause := (*goja.InterruptedError)(nil); errors.As(err, &cause) {
		if reason, ok := cause.Value().(error); ok {
			err = reason
		}
	}
	var timeout regexpTimeout
	if errors.As(err, &timeout) {
		err = errRegexpTimeout
	}
	var fatal *fatalCall
	var overflow *goja.StackOverflowError
	var exception *goja.Exception
	switch {
	case errors.As(err, &abort):
		return failure(abortCode(abort), abort.Error(), nil)
	case errors.Is(err, errTurnLimit):
		return failure(causeway.CodeCPULimit, err.Error(), nil)
	case errors.Is(err, errRegexpTimeout):
		return failure("script_regexp_timeout", err.Error(), nil)
	case errors.Is(err, errTimerLimit):
		return failure("script_timer_limit", err.Error(), nil)
	case errors.Is(err, errNeverSettles):
		if r.aborted {
			return failure(abortCode(r.abort), r.abort.Error(), nil)
		}
		return failure(causeway.CodeNeverSettles, err.Error(), nil)
	case errors.As(err, &fatal):
		code := fatal.err.Code
		if code == "" {
			code = causeway.CodeScriptInternalError
		}
		return failure(code, fatal.err.Message, nil)
	case errors.As(err, &overflow):
		return r.internal(description{name: "RangeError", message: "Maximum call stack size exceeded"})
	case errors.As(err, &exception): // while the module was evaluated
		return r.classify(exception.Value())
	default:
		return r.internal(description{name: "Error", message: err.Error()})
	}
}

func abortCode(a *script.AbortError) string {
	if a != nil && a.Reason == script.ReasonTimeout {
		return causeway.CodeExecutionTimeout
	}
	return causeway.CodeScriptAborted
}

// classify turns what a script threw into the run's result. It runs inside the engine, since reading an error may run
// the script's own getters.
func (r *run) classify(v goja.Value) script.Result {
	d := r.describe(v)
	switch {
	case d.action:
		return failure(causeway.CodeActionRuntimeError, "The action script failed with a runtime error", r.actionPayload(d.object))
	case d.http && d.response != nil:
		return r.httpFailure(d)
	case d.http:
		return failure(causeway.CodeScriptNetworkError, d.message, d.payload())
	default:
		return r.internal(d)
	}
}

func (r *run) internal(d description) script.Result {
	return failure(causeway.CodeScriptInternalError, d.message, d.payload())
}

// description is what can be said of a thrown value; each property was read once and cut.
type description struct {
	object   *goja.Object
	name     string
	code     json.RawMessage
	message  string
	trace    []string
	action   bool
	http     bool
	response *goja.Object
}

func (d description) line() string {
	if d.name == "" || d.name == d.message {
		return d.message
	}
	return d.name + ": " + d.message
}

func (d description) payload() json.RawMessage {
	out, err := json.Marshal(struct {
		Name       string          `json:"name"`
		Code       json.RawMessage `json:"code,omitempty"`
		Message    string          `json:"message"`
		Stacktrace []string        `json:"stacktrace,omitempty"`
	}{d.name, d.code, d.message, d.trace})
	if err != nil {
		return nil
	}
	return out
}

func (r *run) describe(v goja.Value) description {
	o, ok := v.(*goja.Object)
	if !ok || !r.isError(o) {
		text := cutText(r.lenient(v), maxMessage)
		return description{name: "Error", message: text}
	}
	d := description{object: o, name: "Error"}
	if name := r.text(o, "name"); name != "" {
		d.name = cutText(name, 200)
	}
	d.message = cutText(r.text(o, "message"), maxMessage)
	d.trace = r.trace(r.text(o, "stack"))
	d.action = r.text(o, "type") == "action_script_runtime_error"
	d.http = r.property(o, "isAxiosError").ToBoolean()
	if d.http {
		d.response, _ = r.property(o, "response").(*goja.Object)
	}
	switch code := r.property(o, "code"); {
	case goja.IsUndefined(code) || goja.IsNull(code):
	default:
		text := cutText(r.lenient(code), 200)
		if raw, err := json.Marshal(text); err == nil {
			d.code = raw
		}
	}
	return d
}

func (r *run) isError(o *goja.Object) (is bool) {
	if ex := r.vm.Try(func() { is = o.ClassName() == "Error" || r.vm.InstanceOf(o, r.hooks.errorCtor) }); ex != nil {
		return false
	}
	return is
}

// property reads a property of the script's object; a getter that throws gives undefined.
func (r *run) property(o *goja.Object, name string) (v goja.Value) {
	if ex := r.vm.Try(func() { v = o.Get(name) }); ex != nil || v == nil {
		return goja.Undefined()
	}
	return v
}

// text reads a property as text; anything but a text gives "".
func (r *run) text(o *goja.Object, name string) string {
	if s, ok := r.property(o, name).(goja.String); ok {
		return s.String()
	}
	return ""
}

var engineOffset = regexp.MustCompile(`(:\d+:\d+)\(\d+\)`)

// trace keeps the first line of a stack and the lines that name the script's file, in the usual form.
func (r *run) trace(stack string) []string {
	if stack == "" {
		return nil
	}
	if len(stack) > 1<<20 {
		stack = stack[:1<<20]
	}
	var out []string
	for i, line := range strings.Split(stack, "\n") {
		line = strings.TrimSpace(engineOffset.ReplaceAllString(line, "$1"))
		if i == 0 || strings.Contains(line, r.file+":") {
			line = cutText(line, 1000)
			out = append(out, line)
		}
		if len(out) == maxStackLines {
			break
		}
	}
	return out
}

// actionPayload is an ActionError's payload: an object as it is, anything else as {message}, nothing as {}.
func (r *run) actionPayload(e *goja.Object) json.RawMessage {
	v := r.property(e, "payload")
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return json.RawMessage("{}")
	}
	return r.payloadOf(v)
}

// payloadOf writes a value as a payload, which is always an object of at most 99,000 bytes. What can't be written as JSON
// is printed as a log line would be.
func (r *run) payloadOf(v goja.Value) json.RawMessage {
	raw, err := r.encode(v, maxPayload)
	var bad *encodeError
	switch {
	case errors.As(err, &bad) && bad.tooLarge:
		text := cutText(r.lenient(v), maxPayload/2)
		return messagePayload(text)
	case err != nil:
		raw = []byte(r.lenient(v))
	case raw == nil:
		return json.RawMessage("{}")
	}
	if o, ok := v.(*goja.Object); ok && o.ClassName() != "Array" && len(raw) > 0 && raw[0] == '{' {
		return raw
	}
	out, err := json.Marshal(map[string]json.RawMessage{"message": raw})
	if err != nil {
		return json.RawMessage("{}")
	}
	return out
}

func messagePayload(text string) json.RawMessage {
	out, err := json.Marshal(map[string]string{"message": text})
	if err != nil {
		return json.RawMessage("{}")
	}
	return out
}

// httpFailure is an HTTP error that had an answer.
func (r *run) httpFailure(d description) script.Result {
	code := causeway.CodeScriptHTTPError
	status := r.property(d.response, "status").ToInteger()
	if r.platform[d.object] && status == 429 {
		code = causeway.CodeScriptRateLimit
	}
	data := r.property(d.response, "data")
	payload := data
	if o, ok := data.(*goja.Object); ok {
		if inner := r.property(o, "payload"); !goja.IsUndefined(inner) && !goja.IsNull(inner) {
			payload = inner
		}
	}
	var raw json.RawMessage
	if s, ok := payload.(goja.String); ok {
		text := cutText(s.String(), maxPayload/2)
		raw = messagePayload(text)
	} else {
		raw = r.payloadOf(payload)
	}
	return script.Result{Code: code, Message: d.message, Error: envelope(raw, r.upstream(d.response, status, data))}
}

// upstream is what a caller may see of the answer: the status, the content type and rate-limit headers, the body.
func (r *run) upstream(response *goja.Object, status int64, data goja.Value) json.RawMessage {
	headers := map[string]string{}
	if all, ok := r.property(response, "headers").(*goja.Object); ok {
		for _, name := range r.keys(all) {
			lower := strings.ToLower(name)
			if lower == "content-type" || strings.HasPrefix(lower, "x-rate") {
				headers[lower] = cutText(r.lenient(r.property(all, name)), 1000)
			}
		}
	}
	body, err := r.encode(data, maxPayload)
	if err != nil || body == nil {
		text := cutText(r.lenient(data), maxPayload/2)
		if body, err = json.Marshal(text); err != nil {
			body = []byte("null")
		}
	}
	out, err := json.Marshal(map[string]any{"status": status, "headers": headers, "body": json.RawMessage(body)})
	if err != nil {
		return nil
	}
	return out
}

func (r *run) keys(o *goja.Object) (keys []string) {
	if ex := r.vm.Try(func() { keys = o.Keys() }); ex != nil {
		return nil
	}
	return keys
}

// newError makes an Error of the realm. stack is where the script was, or "".
func (r *run) newError(message, stack string) *goja.Object {
	e, err := r.vm.New(r.hooks.errorCtor, r.vm.ToValue(message))
	if err != nil {
		panic(err)
	}
	r.setStack(e, "Error: "+message, stack)
	return e
}

func (r *run) setStack(e *goja.Object, first, stack string) {
	_ = e.DefineDataProperty("stack", r.vm.ToValue(first+stack), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// newActionError makes an ActionError as the script's own would be.
func (r *run) newActionError(payload goja.Value) *goja.Object {
	e, err := r.vm.New(r.hooks.actionError, payload)
	if err != nil {
		panic(err)
	}
	return e
}

// callError is a failed host call as the script gets it.
func (r *run) callError(err *script.CallError, stack string) goja.Value {
	switch {
	case err.Action:
		payload, parseErr := r.parseJSON(string(err.Body))
		if parseErr != nil {
			payload = r.vm.ToValue(map[string]any{"code": err.Code, "message": err.Message})
		}
		return r.newActionError(payload)
	case err.Response != nil || err.Network:
		return r.httpError(err, exchange{}, stack)
	}
	e := r.newError(err.Message, stack)
	if err.Code != "" {
		_ = e.Set("code", err.Code)
	}
	return e
}

// result says how the script ended, once its promise has settled. It runs inside the engine.
func (r *run) result() script.Result {
	sync := r.start.Kind == causeway.RunSync
	switch {
	case r.aborted || r.stopped() != nil && r.abort.Reason == script.ReasonCancelled:
		return failure(abortCode(r.abort), r.abort.Error(), nil)
	case r.interrupted && sync:
		return script.Result{Interrupted: true}
	case r.interrupted && r.failed:
		return failure(causeway.CodeInterrupted, "the run passed its soft time limit", nil)
	case r.failed:
		return r.classify(r.outcome)
	case sync:
		return script.Result{}
	}
	out, err := r.encode(r.outcome, script.MaxOutput)
	var bad *encodeError
	switch {
	case err == nil:
		return script.Result{Output: out}
	case errors.As(err, &bad) && bad.tooLarge:
		message := fmt.Sprintf("The output is larger than the limit of %d bytes", script.MaxOutput)
		return failure(causeway.CodeOutputTooLarge, message, messagePayload(message))
	case errors.As(err, &bad):
		return r.internal(description{name: "TypeError", message: "The output can't be written as JSON: " + bad.Error()})
	default:
		return r.ended(err)
	}
}

// cutText cuts a text to so many bytes, at a character's border, and says so.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := max(limit-len(truncated), 0)
	for end > 0 && s[end]&0xc0 == 0x80 {
		end--
	}
	return s[:end] + truncated
}
