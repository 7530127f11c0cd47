package dryrun

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/compile"
	"github.com/causeway-dev/causeway/script/realm"
)

// Platform makes calls of the platform's API with the key of an environment. The error says that no answer came.
type Platform interface {
	Do(ctx context.Context, method, path string, header http.Header, body []byte) (*Answer, error)
	// Fetch makes a call of any address, without credentials.
	Fetch(ctx context.Context, method, url string, header http.Header, body []byte) (*Answer, error)
}

// Answer is an HTTP answer, whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	URL    string
}

// Options of a dry run.
type Options struct {
	Entry        compile.Entry
	Bundle       []byte
	Definition   *compile.Definition
	Integration  string // key; usually the entry's
	ConnectionID string
	Provider     string // name in the catalog
	Paginate     json.RawMessage
	Environment  string
	Variant      string
	LastSyncDate *time.Time
	Input        json.RawMessage // nil: none
	Metadata     json.RawMessage // in the place of the connection's; nil: the connection's
	Checkpoint   json.RawMessage // that the run begins with; nil: none
	Validate     bool            // what the schemas refuse fails the run
	Limit        time.Duration
	Log          func(level, message string, meta json.RawMessage)
	Warn         func(text string)
}

// Result is what a dry run did.
type Result struct {
	Output     json.RawMessage // of an action; nil: none
	Saved      map[string][]json.RawMessage
	Updated    map[string][]json.RawMessage
	Deleted    map[string][]json.RawMessage
	Checkpoint json.RawMessage // at the end; nil: none
	Fixture    *Fixture        // what passed through
	Requests   int
	Millis     int64
}

// Failure is a script that failed.
type Failure struct {
	Code    string
	Message string
	Payload json.RawMessage
	At      string // the first place in the author's text
}

func (f *Failure) Error() string {
	text := f.Code + ": " + f.Message
	if f.At != "" {
		text += "\n  at " + f.At
	}
	if len(f.Payload) > 0 && string(f.Payload) != "{}" {
		text += "\n  " + string(f.Payload)
	}
	return text
}

var kinds = map[string]causeway.RunKind{"sync": causeway.RunSync, "action": causeway.RunAction, "onEvent": causeway.RunEvent}

var flavours = map[causeway.RunKind]script.Flavour{causeway.RunSync: script.Sync, causeway.RunAction: script.Action, causeway.RunEvent: script.Event}

// Run runs the script. Its error is a *Failure if the script failed; the result is there then as well.
func Run(ctx context.Context, engine *realm.Engine, platform Platform, o Options) (*Result, error) {
	lowered := compile.Lower(script.CompileJob{Name: o.Integration + "/" + o.Entry.Name, Text: o.Bundle})
	if lowered.Code != "" {
		return nil, &Failure{Code: lowered.Code, Message: lowered.Message}
	}
	name := o.Entry.Name + "-" + o.Integration
	program, err := engine.Compile(name, lowered.Lowered)
	if err != nil {
		return nil, err
	}
	kind := kinds[o.Definition.Type]
	run := &script.Run{
		Run:     causeway.Run{RunRef: causeway.RunRef{Kind: kind}, IntegrationKey: o.Integration, ConnectionKey: o.ConnectionID, Variant: o.Variant},
		Flavour: flavours[kind], LogLevel: causeway.LevelDebug, Models: modelsOf(o.Definition),
	}
	h := newHost(platform, o)
	if kind == causeway.RunAction {
		if err := h.validate("invalid_action_input", o.Definition.Input, o.Input); err != nil {
			return h.result(), err
		}
	}
	h.began = time.Now()
	ended := engine.Run(ctx, program, startOf(name, kind, run, o), caller{h, run})
	r := h.result()
	if ended.Code != "" {
		return r, failureOf(ended)
	}
	r.Output = ended.Output
	h.fixture.Output = json.RawMessage(h.secrets.Hide(string(ended.Output)))
	if kind == causeway.RunAction && len(o.Definition.Models) > 0 {
		return r, h.validate("invalid_action_output", o.Definition.Models[0], ended.Output)
	}
	return r, nil
}

func modelsOf(d *compile.Definition) []string {
	if d.Type == "sync" {
		return d.Models
	}
	return nil
}

func startOf(name string, kind causeway.RunKind, run *script.Run, o Options) script.Start {
	s := script.Start{
		Script: name, Kind: kind, FinishMs: o.Limit.Milliseconds(), Paginate: o.Paginate, LoggerLevel: causeway.LevelDebug, Input: o.Input,
		Values: script.Values{
			ConnectionID: o.ConnectionID, ProviderConfigKey: o.Integration, Provider: o.Provider, EnvironmentName: o.Environment, ActivityLogID: "dryrun",
			ScriptType: map[causeway.RunKind]string{causeway.RunSync: "sync", causeway.RunAction: "action", causeway.RunEvent: "on-event"}[kind],
			Variant:    o.Variant, LastSyncDate: o.LastSyncDate, TrackDeletes: o.Definition.TrackDeletes, Models: run.Models,
		},
	}
	if kind == causeway.RunSync && s.Values.Variant == "" {
		s.Values.Variant = "base"
	}
	_, _ = rand.Read(s.Seed[:]) // it never fails
	return s
}

func failureOf(ended script.Result) *Failure {
	f := &Failure{Code: ended.Code, Message: ended.Message}
	var shape struct {
		Payload json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(ended.Error, &shape) == nil {
		f.Payload = shape.Payload
	}
	return f
}

// caller hands the script's calls to the host as the worker does: checked against the table of host calls.
type caller struct {
	host *host
	run  *script.Run
}

func (c caller) Call(ctx context.Context, call script.Call) (script.Answer, error) {
	return script.Handle(ctx, c.host, c.run, call)
}

func (c caller) Note(call script.Call) {
	_, _ = script.Handle(context.Background(), c.host, c.run, call) // a note has no answer, and nobody to hear of its failure
}

// validate checks a value against a model's schema: what is wrong fails the run if that was asked for, else it is told.
func (h *host) validate(code, model string, value json.RawMessage) error {
	problems, err := check(h.options.Definition.Schema, model, value)
	if err != nil {
		return &Failure{Code: "model_not_found_" + model, Message: err.Error()}
	}
	if len(problems) == 0 {
		return nil
	}
	payload, err := json.Marshal(map[string]any{"data": value, "validation": problems, "model": model})
	if err != nil {
		return fmt.Errorf("describe what the schema refuses: %w", err)
	}
	f := &Failure{Code: code, Message: fmt.Sprintf("%s: %s %s", model, strings.TrimPrefix(problems[0].InstancePath, "/"), problems[0].Message), Payload: payload}
	if h.options.Validate {
		return f
	}
	h.options.Warn(fmt.Sprintf("%s (the platform does not check this; --validation makes it an error)", f.Message))
	return nil
}
