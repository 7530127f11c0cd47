package api

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// deployBody is a deploy as the command lines send it.
type deployBody struct {
	FlowConfigs                     *[]flowConfig   `json:"flowConfigs"`
	OnEventScriptsByProvider        []eventScripts  `json:"onEventScriptsByProvider"`
	PostConnectionScriptsByProvider []eventScripts  `json:"postConnectionScriptsByProvider"`
	NangoYamlBody                   *string         `json:"nangoYamlBody"`
	JSONSchema                      json.RawMessage `json:"jsonSchema"` // of all functions; older clients send it
	Reconcile                       *bool           `json:"reconcile"`
	Debug                           *bool           `json:"debug"`
	DeployMode                      string          `json:"deployMode"`
	SingleDeployMode                bool            `json:"singleDeployMode"`
	SDKVersion                      string          `json:"sdkVersion"`
	Source                          string          `json:"source"`
}

type fileBody struct {
	JS string `json:"js"`
	TS string `json:"ts"`
}

type flowConfig struct {
	Type                 causeway.FunctionKind `json:"type"`
	SyncName             string                `json:"syncName"`
	ProviderConfigKey    string                `json:"providerConfigKey"`
	Models               []string              `json:"models"`
	Runs                 *string               `json:"runs"`
	AutoStart            bool                  `json:"auto_start"`
	Attributes           json.RawMessage       `json:"attributes"`
	Metadata             *flowMetadata         `json:"metadata"`
	Input                json.RawMessage       `json:"input"`
	Endpoints            json.RawMessage       `json:"endpoints"`
	FileBody             fileBody              `json:"fileBody"`
	Version              string                `json:"version"`
	TrackDeletes         bool                  `json:"track_deletes"`
	SyncType             string                `json:"sync_type"`
	WebhookSubscriptions []string              `json:"webhookSubscriptions"`
	ModelsJSONSchema     json.RawMessage       `json:"models_json_schema"`
	ModelSchema          json.RawMessage       `json:"model_schema"`
	Features             []string              `json:"features"`
}

type flowMetadata struct {
	Scopes      []string `json:"scopes"`
	Description string   `json:"description"`
}

type eventScripts struct {
	ProviderConfigKey string        `json:"providerConfigKey"`
	Scripts           []eventScript `json:"scripts"`
}

type eventScript struct {
	Name     string   `json:"name"`
	FileBody fileBody `json:"fileBody"`
	Event    string   `json:"event"`
}

var sdkVersion = regexp.MustCompile(`\d+\.\d+\.\d+-(?:zero|yaml)`)

// functions are what a body deploys as syncs and actions.
func (b *deployBody) functions() []flowConfig {
	if b.FlowConfigs == nil {
		return nil
	}
	return *b.FlowConfigs
}

// request checks a body and makes what is stored from it. upload takes the code and returns its key.
func (b *deployBody) request(upload func(text string) string) (storage.DeployRequest, error) {
	r := storage.DeployRequest{Mode: b.DeployMode, Source: b.Source, SDKVersion: b.SDKVersion, Reconcile: b.Reconcile != nil && *b.Reconcile}
	var found issues
	found.check(b.FlowConfigs != nil, "invalid_type", "Invalid input: expected array, received undefined", "flowConfigs")
	found.check(b.Reconcile != nil, "invalid_type", "Invalid input: expected boolean, received undefined", "reconcile")
	found.check(b.Debug != nil, "invalid_type", "Invalid input: expected boolean, received undefined", "debug")
	switch {
	case b.SingleDeployMode:
		r.Mode = "single"
	case r.Mode == "":
		r.Mode = "all"
	}
	found.check(r.Mode == "all" || r.Mode == "single" || r.Mode == "integration", "invalid_value", `Invalid option: expected one of "all"|"single"|"integration"`, "deployMode")
	if r.Source == "" {
		r.Source = "repo"
	}
	found.check(r.Source == "repo" || r.Source == "standalone", "invalid_value", `Invalid option: expected one of "standalone"|"repo"`, "source")
	found.check(b.SDKVersion == "" || sdkVersion.MatchString(b.SDKVersion), "invalid_format", "Invalid string: must hold <n>.<n>.<n>-zero or -yaml", "sdkVersion")
	flows := b.functions()
	for i := range flows {
		if err := flows[i].schemaOf(b.JSONSchema); err != nil {
			return r, err
		}
		r.Functions = append(r.Functions, flows[i].function(&found, []string{"flowConfigs", itoa(i)}, upload))
	}
	r.Functions = append(r.Functions, b.events(&found, upload)...)
	seen := map[string]bool{}
	for _, f := range r.Functions {
		key := strings.Join([]string{f.IntegrationKey, string(f.Kind), f.Name, f.Event}, "/")
		found.check(!seen[key], "custom", fmt.Sprintf("%s %q of %q is there twice", f.Kind, f.Name, f.IntegrationKey), "flowConfigs")
		seen[key] = true
	}
	return r, found.err(badBody)
}

func (b *deployBody) events(found *issues, upload func(string) string) (out []storage.DeployFunction) {
	for i, p := range b.OnEventScriptsByProvider {
		for j, s := range p.Scripts {
			out = append(out, s.function(found, []string{"onEventScriptsByProvider", itoa(i), "scripts", itoa(j)}, p.ProviderConfigKey, upload))
		}
	}
	for i, p := range b.PostConnectionScriptsByProvider {
		for j, s := range p.Scripts {
			s.Event = causeway.EventConnectionCreated
			out = append(out, s.function(found, []string{"postConnectionScriptsByProvider", itoa(i), "scripts", itoa(j)}, p.ProviderConfigKey, upload))
		}
	}
	return out
}

func (f *flowConfig) function(found *issues, path []string, upload func(string) string) storage.DeployFunction {
	at := func(name string) []string { return append(append([]string{}, path...), name) }
	found.check(f.Type == causeway.KindSync || f.Type == causeway.KindAction, "invalid_value", `Invalid option: expected one of "action"|"sync"`, at("type")...)
	found.check(causeway.ValidFunctionName(f.SyncName), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", at("syncName")...)
	found.check(causeway.ValidIntegrationKey(f.ProviderConfigKey), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", at("providerConfigKey")...)
	found.check(f.FileBody.JS != "", "invalid_type", "Invalid input: expected string, received undefined", append(at("fileBody"), "js")...)
	found.check(!f.TrackDeletes || f.SyncType != "incremental", "custom", "track_deletes is not allowed together with an incremental sync", at("track_deletes")...)
	f.checkTexts(found, at)
	endpoints, ok := normalEndpoints(f.Endpoints)
	found.check(ok, "invalid_type", "Invalid input: expected a list of {method, path}", at("endpoints")...)
	d := storage.DeployFunction{
		Kind: f.Type, Name: f.SyncName, IntegrationKey: f.ProviderConfigKey, Version: f.Version, AutoStart: f.AutoStart, Subscriptions: f.WebhookSubscriptions, JSONSchema: f.ModelsJSONSchema,
		BundleKey: upload(f.FileBody.JS), SourceKey: upload(f.FileBody.TS),
		Definition: causeway.FunctionDefinition{Models: f.Models, SyncType: f.SyncType, TrackDeletes: f.TrackDeletes, Endpoints: endpoints, Attributes: f.Attributes, Features: f.Features},
	}
	if f.Metadata != nil {
		d.Definition.Description, d.Definition.Scopes = f.Metadata.Description, f.Metadata.Scopes
	}
	_ = json.Unmarshal(f.Input, &d.Definition.Input) // anything but the name of a model is not kept
	if f.Runs != nil && *f.Runs != "" {
		interval, _, err := causeway.ParseFrequency(*f.Runs)
		found.check(err == nil, "invalid_format", "Invalid string: write a number and a unit, at least 30 seconds", at("runs")...)
		d.Runs, d.FrequencyS = *f.Runs, int(interval.Seconds())
	}
	found.check(f.Type != causeway.KindSync || d.Runs != "", "invalid_type", "Invalid input: a sync needs a frequency", at("runs")...)
	found.check(schemaHas(f.ModelsJSONSchema, append(append([]string{}, f.Models...), d.Definition.Input)), "custom", "a model or the input is not defined in the schema", at("models_json_schema")...)
	return d
}

// checkTexts checks the lengths of what a function says of itself.
func (f *flowConfig) checkTexts(found *issues, at func(string) []string) {
	for _, list := range []struct {
		name  string
		items []string
		least int
	}{{"models", f.Models, 1}, {"webhookSubscriptions", f.WebhookSubscriptions, 0}} {
		for i, text := range list.items {
			found.check(len(text) >= list.least && len(text) <= 255, "too_big", "Invalid string: expected 1 to 255 characters", append(at(list.name), itoa(i))...)
		}
	}
	if f.Metadata == nil {
		return
	}
	found.check(utf8.RuneCountInString(f.Metadata.Description) <= 2000, "too_big", "Too big: expected string to have <=2000 characters", append(at("metadata"), "description")...)
	for i, scope := range f.Metadata.Scopes {
		found.check(len(scope) <= 255, "too_big", "Too big: expected string to have <=255 characters", append(at("metadata"), "scopes", itoa(i))...)
	}
}

// normalEndpoints writes endpoints in their present form: older clients send {"GET": "/path"}.
func normalEndpoints(raw json.RawMessage) (json.RawMessage, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, true
	}
	var list []map[string]string
	if json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	type endpoint struct {
		Method string  `json:"method"`
		Path   string  `json:"path"`
		Group  *string `json:"group"`
	}
	out := []endpoint{}
	for _, e := range list {
		n := endpoint{Method: e["method"], Path: e["path"]}
		if group, ok := e["group"]; ok {
			n.Group = &group
		}
		for _, method := range []string{"GET", "POST", "PATCH", "PUT", "DELETE"} {
			if path, ok := e[method]; ok {
				n.Method, n.Path = method, path
			}
		}
		if n.Method == "" || n.Path == "" {
			return nil, false
		}
		out = append(out, n)
	}
	normal, err := json.Marshal(out)
	return normal, err == nil
}

var onEvents = map[string]bool{causeway.EventConnectionCreated: true, causeway.EventConnectionDeletion: true, causeway.EventConnectionValidate: true}

func (s *eventScript) function(found *issues, path []string, integration string, upload func(string) string) storage.DeployFunction {
	at := func(name string) []string { return append(append([]string{}, path...), name) }
	found.check(causeway.ValidFunctionName(s.Name), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", at("name")...)
	found.check(onEvents[s.Event], "invalid_value", `Invalid option: expected one of "post-connection-creation"|"pre-connection-deletion"|"validate-connection"`, at("event")...)
	found.check(s.FileBody.JS != "", "invalid_type", "Invalid input: expected string, received undefined", append(at("fileBody"), "js")...)
	return storage.DeployFunction{Kind: causeway.KindOnEvent, Name: s.Name, Event: s.Event, IntegrationKey: integration, BundleKey: upload(s.FileBody.JS), SourceKey: upload(s.FileBody.TS)}
}
