package api

import (
	"encoding/json"
	"net/http"
	"strings"

	causeway "github.com/causeway-dev/causeway"
)

// schemaDocument is a JSON Schema that only defines.
type schemaDocument struct {
	Definitions map[string]json.RawMessage `json:"definitions"`
}

// schemaHas says whether a schema, if there is one, defines all names.
func schemaHas(schema json.RawMessage, names []string) bool {
	if len(schema) == 0 || string(schema) == "null" {
		return true
	}
	var s schemaDocument
	if json.Unmarshal(schema, &s) != nil {
		return false
	}
	for _, n := range names {
		if _, ok := s.Definitions[n]; n != "" && !ok {
			return false
		}
	}
	return true
}

// schemaOf gives a function that came without a schema its part of the one that older clients send for all.
func (f *flowConfig) schemaOf(all json.RawMessage) error {
	if len(all) == 0 || string(all) == "null" || len(f.ModelsJSONSchema) > 0 && string(f.ModelsJSONSchema) != "null" {
		return nil
	}
	var s schemaDocument
	if err := json.Unmarshal(all, &s); err != nil {
		return issueError("invalid_type", "Invalid input: expected an object with definitions", "jsonSchema")
	}
	var input string
	_ = json.Unmarshal(f.Input, &input) // anything but the name of a model is not kept
	part := schemaDocument{map[string]json.RawMessage{}}
	missing := ""
	var take func(name string)
	take = func(name string) {
		if _, ok := part.Definitions[name]; ok || name == "" {
			return
		}
		definition, ok := s.Definitions[name]
		if !ok {
			missing = name
			return
		}
		part.Definitions[name] = definition
		for _, other := range references(definition) {
			take(other)
		}
	}
	for _, m := range append([]string{input}, f.Models...) {
		take(m)
	}
	if missing != "" {
		return &causeway.Error{Code: "deploy_missing_json_schema_model", Status: http.StatusBadRequest, Message: "the schema does not define " + missing, Legacy: true}
	}
	raw, err := json.Marshal(part)
	f.ModelsJSONSchema = raw
	return err
}

// references are the names of the definitions that a schema refers to.
func references(schema json.RawMessage) (names []string) {
	var v any
	if json.Unmarshal(schema, &v) != nil {
		return nil
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				if name, ok := strings.CutPrefix(ref, "#/definitions/"); ok {
					name, _, _ = strings.Cut(name, "/")
					names = append(names, name)
				}
			}
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	return names
}
