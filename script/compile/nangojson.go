package compile

import (
	"encoding/json"
	"strings"
)

// NangoJSON is what a project defines, in the form in which tools of the field read it: an element per integration.
func (p *Project) NangoJSON() ([]byte, error) {
	type element struct {
		Integration string              `json:"providerConfigKey"`
		Syncs       []nangoFunction     `json:"syncs"`
		Actions     []nangoFunction     `json:"actions"`
		Events      map[string][]string `json:"onEventScripts"`
	}
	var out []*element
	of := map[string]*element{}
	for _, s := range p.Scripts {
		e := of[s.Integration]
		if e == nil {
			e = &element{s.Integration, []nangoFunction{}, []nangoFunction{}, map[string][]string{"post-connection-creation": {}, "pre-connection-deletion": {}, "validate-connection": {}}}
			of[s.Integration] = e
			out = append(out, e)
		}
		switch d := s.Definition; d.Type {
		case "sync":
			e.Syncs = append(e.Syncs, d.sync(s.Name))
		case "action":
			e.Actions = append(e.Actions, d.action(s.Name))
		case "onEvent":
			e.Events[d.Event] = append(e.Events[d.Event], s.Name)
		}
	}
	return json.MarshalIndent(out, "", "  ")
}

type nangoFunction struct {
	Type         string          `json:"type"`
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	Runs         string          `json:"runs,omitempty"`
	AutoStart    *bool           `json:"auto_start,omitempty"`
	SyncType     string          `json:"sync_type,omitempty"`
	TrackDeletes *bool           `json:"track_deletes,omitempty"`
	Endpoints    json.RawMessage `json:"endpoints,omitempty"`
	Endpoint     json.RawMessage `json:"endpoint,omitempty"`
	Input        *string         `json:"input"`
	Output       []string        `json:"output"`
	Scopes       []string        `json:"scopes"`
	UsedModels   []string        `json:"usedModels"`
	Version      string          `json:"version"`
	Webhooks     *[]string       `json:"webhookSubscriptions,omitempty"`
	Schema       json.RawMessage `json:"json_schema"`
	Features     []string        `json:"features"`
}

func (d *Definition) function(name string) nangoFunction {
	f := nangoFunction{Type: d.Type, Name: name, Description: d.Description, Output: d.Models, Scopes: d.Scopes, Version: d.Version, Schema: d.Schema, Features: d.Features}
	if d.Input != "" {
		f.Input = &d.Input
		f.UsedModels = append(f.UsedModels, d.Input)
	}
	f.UsedModels = append(f.UsedModels, d.Models...)
	if f.Features == nil {
		f.Features = []string{}
	}
	return f
}

func (d *Definition) sync(name string) nangoFunction {
	f := d.function(name)
	f.Runs, f.AutoStart, f.SyncType, f.TrackDeletes, f.Endpoints, f.Webhooks = d.Frequency, &d.AutoStart, d.SyncType, &d.TrackDeletes, d.Endpoints, &d.Webhooks
	return f
}

func (d *Definition) action(name string) nangoFunction {
	f := d.function(name)
	f.Endpoint = json.RawMessage("null")
	var list []json.RawMessage
	if json.Unmarshal(d.Endpoints, &list) == nil && len(list) > 0 {
		f.Endpoint = list[0]
	}
	return f
}

// Endpoint is the address that a script once had of its own.
type Endpoint struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Group  string `json:"group,omitempty"`
}

func (d *Definition) endpoints() (list []Endpoint, err error) {
	if len(d.Endpoints) == 0 {
		return nil, nil
	}
	return list, json.Unmarshal(d.Endpoints, &list)
}

// UnmarshalJSON takes the short forms as well: "GET /path" and "/path".
func (e *Endpoint) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		method, path, ok := strings.Cut(text, " ")
		if !ok {
			method, path = "GET", text
		}
		*e = Endpoint{Method: method, Path: path}
		return nil
	}
	type plain Endpoint
	return json.Unmarshal(raw, (*plain)(e))
}
