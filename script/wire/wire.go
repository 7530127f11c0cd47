package wire

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
	"unicode"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/frame"
)

// Protocol is the version of what is said; both sides come from one build, as a rule.
const Protocol = 1

// Build is what a binary was made of, so that a worker notices a runner from another build.
func Build() string {
	parts := []string{fmt.Sprintf("protocol %d", Protocol)}
	if info, ok := debug.ReadBuildInfo(); ok {
		parts = append(parts, info.GoVersion, info.Main.Version)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
				parts = append(parts, s.Value)
			}
		}
	}
	return strings.Join(parts, " ")
}

// Hello is a runner's first message.
type Hello struct {
	Build string `json:"build"`
	UID   int    `json:"uid"`
	Steps []Step `json:"steps"` // of isolation
	// LandlockABI is what the kernel offers; 0: none.
	LandlockABI int `json:"landlock_abi,omitempty"`
	// Unknown are inherited descriptors that a runner must not have; it won't serve.
	Unknown []string `json:"unknown,omitempty"`
	// Attempt is the outcome of what a probe runner was told to try, and the only thing that such a runner does.
	Attempt *Attempt `json:"attempt,omitempty"`
}

// Step is the outcome of one mechanism of isolation.
type Step struct {
	Name string        `json:"name"`
	Err  string        `json:"error,omitempty"` // empty: in force
	Took time.Duration `json:"took"`
}

// Attempt is how a way out ended.
type Attempt struct {
	Name string `json:"name"`
	Err  string `json:"error,omitempty"` // empty: it worked
}

// Assign makes a spare runner one of a pool. It comes once.
type Assign struct {
	Runs int `json:"runs"` // at once
}

// Start carries script.Start as JSON in the body, before the input: definitions can be larger than a structured part.
type Start struct {
	Length int `json:"length"` // bytes of the JSON
}

// EncodeStart makes a start message.
func EncodeStart(run uint32, s script.Start) (frame.Message, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return frame.Message{}, fmt.Errorf("encode the start of a run: %w", err)
	}
	meta, err := json.Marshal(Start{Length: len(text)})
	return frame.Message{Type: frame.Start, Run: run, Meta: meta, Body: append(text, s.Input...)}, err
}

// DecodeStart reads a start message.
func DecodeStart(m frame.Message) (script.Start, error) {
	var at Start
	var s script.Start
	if err := json.Unmarshal(m.Meta, &at); err != nil || at.Length < 0 || at.Length > len(m.Body) {
		return s, m.Violation("unreadable start")
	}
	if err := json.Unmarshal(m.Body[:at.Length], &s); err != nil {
		return s, m.Violation("unreadable start")
	}
	if input := m.Body[at.Length:]; len(input) > 0 {
		s.Input = input
	}
	return s, nil
}

// Call is the structured part of calls and notes.
type Call struct {
	Name    string          `json:"name"`
	Request json.RawMessage `json:"request,omitempty"`
	Tape    *script.Tape    `json:"tape,omitempty"`
}

// Answer is the structured part of an answer that is no failure; that of a failure is a script.CallError.
type Answer struct {
	Answer json.RawMessage `json:"answer,omitempty"`
}

// Result is the structured part of a result; the body is output, then error.
type Result struct {
	script.Result
	Output *int `json:"output,omitempty"` // bytes; nil: undefined
	Error  *int `json:"error,omitempty"`
}

// MaxText is what of an error's message goes over the wire, in bytes.
const MaxText = 8 << 10

// EncodeResult makes a result message.
func EncodeResult(run uint32, r script.Result) (frame.Message, error) {
	r.Message, r.Crashed = Clean(r.Message, MaxText), false
	w := Result{Result: r}
	var body []byte
	if r.Output != nil {
		n := len(r.Output)
		w.Output, body = &n, append(body, r.Output...)
	}
	if r.Error != nil {
		n := len(r.Error)
		w.Error, body = &n, append(body, r.Error...)
	}
	meta, err := json.Marshal(w)
	return frame.Message{Type: frame.Result, Run: run, Meta: meta, Body: body}, err
}

// DecodeResult reads a result message. What only an onlooker can say (that the runner died) is not taken from it.
func DecodeResult(m frame.Message) (script.Result, error) {
	var w Result
	if err := json.Unmarshal(m.Meta, &w); err != nil {
		return script.Result{}, m.Violation("unreadable result")
	}
	r := w.Result
	r.Crashed = false
	r.Code, r.Message = Clean(r.Code, 100), Clean(r.Message, MaxText)
	rest := m.Body
	for _, part := range []struct {
		length *int
		into   *json.RawMessage
	}{{w.Output, &r.Output}, {w.Error, &r.Error}} {
		if part.length == nil {
			continue
		}
		n := *part.length
		if n < 0 || n > len(rest) || !json.Valid(rest[:n]) {
			return r, m.Violation("unreadable result")
		}
		*part.into, rest = rest[:n:n], rest[n:]
	}
	if len(rest) > 0 || len(r.Output) > script.MaxOutput {
		return r, m.Violation("result of the wrong length")
	}
	return r, nil
}

// Compiled is the structured part of a result in compile mode; the body is the lowered text, then the source map.
type Compiled struct {
	script.CompileResult
	Length int `json:"length"`
}

// Abort asks a run to stop.
type Abort struct {
	Reason script.Reason `json:"reason"`
}

// Need asks for a program.
type Need struct {
	Program string `json:"program"`
}

// Bye is a runner's last message.
type Bye struct {
	Reason string `json:"reason"`
}

// Sizes of bodies in bytes, beside those of the host calls.
const (
	maxStart   = 32 << 20
	maxResult  = 16 << 20
	maxProgram = 32 << 20
)

// MaxBody says how large the body of a message may become. For a call it is the one of its line in script.Calls.
func MaxBody(t frame.Type, meta []byte) int {
	switch t {
	case frame.Start:
		return maxStart
	case frame.Result:
		return maxResult
	case frame.Program:
		return maxProgram
	case frame.Answer:
		return script.MaxBody
	case frame.Call:
		var c Call
		if json.Unmarshal(meta, &c) != nil {
			return 0
		}
		if spec := script.SpecOf(c.Name); spec != nil {
			return spec.MaxBody
		}
		return 0
	default:
		return 0
	}
}

// MaxCompileBody is MaxBody in compile mode: bundles go out, lowered text and its map come back.
func MaxCompileBody(frame.Type, []byte) int { return 64 << 20 }

// EncodeCallError is the structured part and the body of a failed answer. What doesn't fit loses its headers.
func EncodeCallError(e *script.CallError) (meta, body []byte) {
	c := *e
	c.Message = Clean(c.Message, MaxText)
	c.Code = Clean(c.Code, 100)
	if meta, err := json.Marshal(&c); err == nil && len(meta) <= frame.MaxMeta {
		return meta, c.Body
	}
	if c.Response != nil {
		c.Response = &script.HTTPAnswer{Status: c.Response.Status}
	}
	if meta, err := json.Marshal(&c); err == nil {
		return meta, c.Body
	}
	return []byte(`{"code":"internal_error","message":"the error can't be written"}`), nil
}

// DecodeCallError reads a failed answer.
func DecodeCallError(m frame.Message) (*script.CallError, error) {
	var e script.CallError
	if err := json.Unmarshal(m.Meta, &e); err != nil {
		return nil, m.Violation("unreadable answer")
	}
	e.Body = m.Body
	return &e, nil
}

// Clean makes a text fit to be stored and shown: valid UTF-8 without control characters but tab and newline, at most limit
// bytes.
func Clean(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}
