package api

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
)

// functionConfig is a deployed function as the scripts' configuration shows it.
type functionConfig struct {
	ID                   int64                 `json:"id"`
	Name                 string                `json:"name"`
	Type                 causeway.FunctionKind `json:"type"`
	Version              string                `json:"version"`
	Runs                 *string               `json:"runs"`
	AutoStart            bool                  `json:"auto_start"`
	TrackDeletes         bool                  `json:"track_deletes"`
	Returns              []string              `json:"returns"`
	Input                string                `json:"input,omitempty"`
	Endpoints            json.RawMessage       `json:"endpoints"`
	Description          string                `json:"description,omitempty"`
	Scopes               []string              `json:"scopes"`
	Attributes           json.RawMessage       `json:"attributes"`
	SyncType             string                `json:"sync_type,omitempty"`
	WebhookSubscriptions []string              `json:"webhookSubscriptions"`
	Enabled              bool                  `json:"enabled"`
	LastDeployed         string                `json:"last_deployed"`
	JSONSchema           json.RawMessage       `json:"json_schema"`
	Models               []gin.H               `json:"models"`
	SDKVersion           *string               `json:"sdk_version"`
	Source               string                `json:"source"`
	Features             []string              `json:"features"`
}

func configOf(f *causeway.Function) functionConfig {
	d := f.Version.Definition
	v := functionConfig{
		ID: f.ID, Name: f.Name, Type: f.Kind, Version: f.Version.Version, AutoStart: f.AutoStart, TrackDeletes: d.TrackDeletes, Returns: list(d.Models), Input: d.Input,
		Endpoints: rawOr(d.Endpoints, "[]"), Description: d.Description, Scopes: list(d.Scopes), Attributes: rawOr(d.Attributes, "{}"), SyncType: d.SyncType,
		WebhookSubscriptions: list(f.Subscriptions), Enabled: f.Enabled, LastDeployed: f.LastDeployedAt.UTC().Format(causeway.TimeZ), JSONSchema: rawOr(f.Version.JSONSchema, "null"),
		Models: []gin.H{}, Source: f.Source, Features: list(d.Features),
	}
	if f.Runs != "" {
		v.Runs = &f.Runs
	}
	if f.Version.SDKVersion != "" {
		v.SDKVersion = &f.Version.SDKVersion
	}
	for _, m := range d.Models {
		v.Models = append(v.Models, gin.H{"name": m, "fields": []any{}})
	}
	return v
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func rawOr(raw json.RawMessage, otherwise string) json.RawMessage {
	if len(raw) == 0 || string(raw) == "null" {
		return json.RawMessage(otherwise)
	}
	return raw
}

func (s *Server) scriptsConfig(c *gin.Context, p *principal) error {
	functions, err := s.Store.Functions(c.Request.Context(), p.environment.ID)
	if err != nil {
		return err
	}
	if c.Query("format") == "openai" {
		return answer(c, http.StatusOK, gin.H{"data": openAITools(functions)})
	}
	type group struct {
		ProviderConfigKey string           `json:"providerConfigKey"`
		Provider          string           `json:"provider"`
		Syncs             []functionConfig `json:"syncs"`
		Actions           []functionConfig `json:"actions"`
		OnEvents          []functionConfig `json:"on-events"`
	}
	groups := []*group{}
	for _, f := range functions {
		if len(groups) == 0 || groups[len(groups)-1].ProviderConfigKey != f.IntegrationKey {
			i, err := s.integration(c, p, f.IntegrationKey)
			if err != nil {
				return err
			}
			groups = append(groups, &group{f.IntegrationKey, i.Provider, []functionConfig{}, []functionConfig{}, []functionConfig{}})
		}
		g := groups[len(groups)-1]
		switch f.Kind {
		case causeway.KindSync:
			g.Syncs = append(g.Syncs, configOf(f))
		case causeway.KindAction:
			g.Actions = append(g.Actions, configOf(f))
		case causeway.KindOnEvent:
		}
	}
	return answer(c, http.StatusOK, groups)
}

type openAITool struct {
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Parameters  openAIParameters `json:"parameters"`
}

type openAIParameters struct {
	Type       string                     `json:"type"`
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
}

// parameterLine is a line of a description that describes a parameter: "- name: text".
var parameterLine = regexp.MustCompile(`(?m)^\s*-\s*([A-Za-z0-9_]+):\s*(.+)$`)

func openAITools(functions []*causeway.Function) []openAITool {
	tools := []openAITool{}
	for _, f := range functions {
		if f.Kind == causeway.KindOnEvent {
			continue
		}
		t := openAITool{Name: f.Name, Description: f.Version.Definition.Description, Parameters: openAIParameters{Type: "object", Properties: map[string]json.RawMessage{}, Required: []string{}}}
		if t.Description == "" {
			t.Description = string(f.Kind) + " " + f.Name + " of " + f.IntegrationKey
		}
		if f.Kind == causeway.KindAction {
			t.Parameters.fill(f)
		}
		tools = append(tools, t)
	}
	return tools
}

// fill takes the parameters of an action from the schema of its input.
func (p *openAIParameters) fill(f *causeway.Function) {
	var schema struct {
		Definitions map[string]struct {
			Properties map[string]json.RawMessage `json:"properties"`
			Required   []string                   `json:"required"`
		} `json:"definitions"`
	}
	if json.Unmarshal(f.Version.JSONSchema, &schema) != nil {
		return
	}
	input := schema.Definitions[f.Version.Definition.Input]
	if input.Properties != nil {
		p.Properties = input.Properties
	}
	p.Required = list(input.Required)
	for _, m := range parameterLine.FindAllStringSubmatch(f.Version.Definition.Description, -1) {
		var property map[string]any
		if json.Unmarshal(p.Properties[m[1]], &property) != nil {
			continue
		}
		property["description"] = m[2]
		if raw, err := json.Marshal(property); err == nil {
			p.Properties[m[1]] = raw
		}
	}
}
