package dryrun

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Problem is what a schema refuses in a value.
type Problem struct {
	InstancePath string         `json:"instancePath"`
	Keyword      string         `json:"keyword"`
	Message      string         `json:"message"`
	Params       map[string]any `json:"params"`
	SchemaPath   string         `json:"schemaPath"`
}

// schemas are the definitions of a script, as the compiler derives them from its models.
type schemas struct {
	definitions map[string]any
	problems    []Problem
}

// check compares a value (nil: undefined) with a model. Without schemas everything is accepted; the error says that there is no such model.
func check(raw json.RawMessage, model string, value json.RawMessage) ([]Problem, error) {
	var shape struct {
		Definitions map[string]any `json:"definitions"`
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &shape); err != nil {
			return nil, fmt.Errorf("read the schemas: %w", err)
		}
	}
	if len(shape.Definitions) == 0 {
		return nil, nil
	}
	s := &schemas{definitions: shape.Definitions}
	if model == "" {
		if len(value) > 0 && string(value) != "{}" && string(value) != "null" {
			return []Problem{{Keyword: "empty", Message: "must be empty", Params: map[string]any{}, SchemaPath: "#"}}, nil
		}
		return nil, nil
	}
	definition, ok := shape.Definitions[model]
	if !ok {
		return nil, fmt.Errorf("there is no model %s", model)
	}
	var v any
	if len(value) > 0 {
		if err := json.Unmarshal(value, &v); err != nil {
			return nil, err
		}
	}
	s.value(definition, v, "", "#/definitions/"+model)
	return s.problems, nil
}

func (s *schemas) refuse(at, path, keyword, message string, params map[string]any) {
	if params == nil {
		params = map[string]any{}
	}
	s.problems = append(s.problems, Problem{at, keyword, message, params, path + "/" + keyword})
}

// accepts says whether a schema takes a value.
func (s *schemas) accepts(schema, v any, at, path string) bool {
	t := &schemas{definitions: s.definitions}
	t.value(schema, v, at, path)
	return len(t.problems) == 0
}

func (s *schemas) value(schema, v any, at, path string) {
	o, ok := schema.(map[string]any)
	if !ok {
		if schema == false {
			s.refuse(at, path, "false schema", "boolean schema is false", nil)
		}
		return
	}
	if ref, ok := o["$ref"].(string); ok {
		s.value(s.resolve(ref), v, at, ref)
		return
	}
	if t, ok := o["type"]; ok && !isType(t, v) {
		s.refuse(at, path, "type", fmt.Sprintf("must be %v", t), map[string]any{"type": t})
		return
	}
	if c, ok := o["const"]; ok && !reflect.DeepEqual(c, v) {
		s.refuse(at, path, "const", "must be equal to constant", map[string]any{"allowedValue": c})
	}
	if list, ok := o["enum"].([]any); ok && !slices.ContainsFunc(list, func(x any) bool { return reflect.DeepEqual(x, v) }) {
		s.refuse(at, path, "enum", "must be equal to one of the allowed values", map[string]any{"allowedValues": list})
	}
	s.combined(o, v, at, path)
	switch v := v.(type) {
	case map[string]any:
		s.object(o, v, at, path)
	case []any:
		s.list(o, v, at, path)
	case string:
		s.text(o, v, at, path)
	case float64:
		s.number(o, v, at, path)
	}
}

func (s *schemas) resolve(ref string) any {
	var at any = map[string]any{"definitions": s.definitions}
	for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		o, ok := at.(map[string]any)
		if !ok {
			return true
		}
		at = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	if at == nil {
		return true
	}
	return at
}

func isType(t, v any) bool {
	if list, ok := t.([]any); ok {
		return slices.ContainsFunc(list, func(x any) bool { return isType(x, v) })
	}
	switch v := v.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case float64:
		return t == "number" || t == "integer" && v == math.Trunc(v)
	case []any:
		return t == "array"
	default:
		return t == "object"
	}
}

func (s *schemas) combined(o map[string]any, v any, at, path string) {
	if list, ok := o["allOf"].([]any); ok {
		for i, x := range list {
			s.value(x, v, at, fmt.Sprintf("%s/allOf/%d", path, i))
		}
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		list, ok := o[keyword].([]any)
		if !ok {
			continue
		}
		n := 0
		for i, x := range list {
			if s.accepts(x, v, at, fmt.Sprintf("%s/%s/%d", path, keyword, i)) {
				n++
			}
		}
		if n == 0 || keyword == "oneOf" && n > 1 {
			s.refuse(at, path, keyword, map[string]string{"anyOf": "must match a schema in anyOf", "oneOf": "must match exactly one schema in oneOf"}[keyword], nil)
		}
	}
	if not, ok := o["not"]; ok && s.accepts(not, v, at, path+"/not") {
		s.refuse(at, path, "not", "must NOT be valid", nil)
	}
}

func (s *schemas) object(o, v map[string]any, at, path string) {
	if required, ok := o["required"].([]any); ok {
		for _, r := range required {
			name, _ := r.(string)
			if _, ok := v[name]; !ok {
				s.refuse(at, path, "required", fmt.Sprintf("must have required property '%s'", name), map[string]any{"missingProperty": name})
			}
		}
	}
	properties, _ := o["properties"].(map[string]any)
	for name, x := range v {
		if p, ok := properties[name]; ok {
			s.value(p, x, at+"/"+name, path+"/properties/"+name)
			continue
		}
		switch more := o["additionalProperties"].(type) {
		case bool:
			if !more {
				s.refuse(at, path, "additionalProperties", "must NOT have additional properties", map[string]any{"additionalProperty": name})
			}
		case map[string]any:
			s.value(more, x, at+"/"+name, path+"/additionalProperties")
		}
	}
}

func (s *schemas) list(o map[string]any, v []any, at, path string) {
	switch items := o["items"].(type) {
	case map[string]any:
		for i, x := range v {
			s.value(items, x, fmt.Sprintf("%s/%d", at, i), path+"/items")
		}
	case []any:
		for i, x := range v[:min(len(v), len(items))] {
			s.value(items[i], x, fmt.Sprintf("%s/%d", at, i), fmt.Sprintf("%s/items/%d", path, i))
		}
	}
	s.size(o, float64(len(v)), at, path, "minItems", "maxItems", "items")
}

func (s *schemas) size(o map[string]any, n float64, at, path, least, most, what string) {
	if limit, ok := o[least].(float64); ok && n < limit {
		s.refuse(at, path, least, fmt.Sprintf("must NOT have fewer than %v %s", limit, what), map[string]any{"limit": limit})
	}
	if limit, ok := o[most].(float64); ok && n > limit {
		s.refuse(at, path, most, fmt.Sprintf("must NOT have more than %v %s", limit, what), map[string]any{"limit": limit})
	}
}

// formats are those that are checked; others are accepted.
var formats = map[string]func(string) bool{
	"date-time": func(v string) bool { _, err := time.Parse(time.RFC3339, v); return err == nil },
	"date":      func(v string) bool { _, err := time.Parse(time.DateOnly, v); return err == nil },
	"email":     regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`).MatchString,
	"uri":       regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:[^\s]*$`).MatchString,
	"uuid":      regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString,
}

func (s *schemas) text(o map[string]any, v, at, path string) {
	s.size(o, float64(utf8.RuneCountInString(v)), at, path, "minLength", "maxLength", "characters")
	if name, ok := o["format"].(string); ok && formats[name] != nil {
		if !formats[name](v) {
			s.refuse(at, path, "format", fmt.Sprintf("must match format %q", name), map[string]any{"format": name})
		}
		return // the pattern beside a format says the same, in a language that Go does not always know
	}
	if pattern, ok := o["pattern"].(string); ok {
		if re, err := regexp.Compile(pattern); err == nil && !re.MatchString(v) {
			s.refuse(at, path, "pattern", fmt.Sprintf("must match pattern %q", pattern), map[string]any{"pattern": pattern})
		}
	}
}

func (s *schemas) number(o map[string]any, v float64, at, path string) {
	for _, bound := range []struct {
		keyword, sign string
		holds         func(limit float64) bool
	}{
		{"minimum", ">=", func(l float64) bool { return v >= l }}, {"maximum", "<=", func(l float64) bool { return v <= l }},
		{"exclusiveMinimum", ">", func(l float64) bool { return v > l }}, {"exclusiveMaximum", "<", func(l float64) bool { return v < l }},
	} {
		if limit, ok := o[bound.keyword].(float64); ok && !bound.holds(limit) {
			s.refuse(at, path, bound.keyword, fmt.Sprintf("must be %s %v", bound.sign, limit), map[string]any{"comparison": bound.sign, "limit": limit})
		}
	}
}
