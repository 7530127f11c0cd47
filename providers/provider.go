package providers

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	causeway "github.com/causeway-dev/causeway"
)

// Provider is one entry of the catalog, with its templates compiled.
type Provider struct {
	Name          string
	DisplayName   string
	AuthMode      causeway.AuthMode
	DefaultScopes []string
	// IntegrationConfig are the settings that an integration of this provider has, by name.
	IntegrationConfig map[string]any
	Proxy             Proxy
	// Entry is the whole entry as the catalog has it, for those who ask for it.
	Entry map[string]any
}

// Proxy is how calls to the provider are made.
type Proxy struct {
	BaseURL                  *Template // nil: the caller has to give one
	Headers                  []Pair    // by name, in lower case
	Query                    []Pair
	Body                     map[string]any // templates at the leaves; nil: none
	Retry                    Retry
	Decompress               bool
	ForwardHeadersOnRedirect bool
	Paginate                 json.RawMessage // defaults of pagination; nil: none
}

// Pair is a name and a template.
type Pair struct {
	Name  string
	Value *Template
}

// Retry says how the provider shows that a call may be made again, and when.
type Retry struct {
	After     []string // headers that hold seconds
	At        []string // headers that hold a moment
	Remaining string   // header; "0" says that a limit is used up
	Codes     []string // "403", "5xx", "500-502": instead of the usual ones
	InBody    *RetryInBody
}

// RetryInBody finds the moment of the next try in an error's body.
type RetryInBody struct {
	Path     string         // dotted
	Value    *regexp.Regexp // its first group is the value
	Strategy string         // at or after
}

// parseProvider reads an entry whose alias is resolved.
func parseProvider(name string, entry map[string]any) (*Provider, error) {
	p := &Provider{Name: name, Entry: entry}
	p.DisplayName, _ = entry["display_name"].(string)
	mode, _ := entry["auth_mode"].(string)
	p.AuthMode = causeway.AuthMode(mode)
	if p.DisplayName == "" || mode == "" {
		return nil, fmt.Errorf("provider %s: display_name and auth_mode are required", name)
	}
	p.DefaultScopes = texts(entry["default_scopes"])
	p.IntegrationConfig, _ = entry["integration_config"].(map[string]any)
	block, _ := entry["proxy"].(map[string]any)
	var err error
	p.Proxy, err = parseProxy(block)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", name, err)
	}
	return p, nil
}

func parseProxy(block map[string]any) (Proxy, error) {
	var x Proxy
	if base, ok := block["base_url"].(string); ok && base != "" {
		x.BaseURL = Compile(base)
	}
	x.Headers, x.Query = pairs(block["headers"], true), pairs(block["query"], false)
	x.Body, _ = block["body"].(map[string]any)
	x.Decompress = block["decompress"] == true
	x.ForwardHeadersOnRedirect = block["forward_headers_on_redirect"] == true
	if paginate, ok := block["paginate"]; ok {
		raw, err := json.Marshal(paginate)
		if err != nil {
			return x, fmt.Errorf("proxy.paginate: %w", err)
		}
		x.Paginate = raw
	}
	retry, _ := block["retry"].(map[string]any)
	x.Retry = Retry{After: texts(retry["after"]), At: texts(retry["at"]), Codes: texts(retry["error_code"])}
	x.Retry.Remaining, _ = retry["remaining"].(string)
	if in, ok := retry["in_body"].(map[string]any); ok {
		value := fmt.Sprint(in["value"])
		expression, err := regexp.Compile(strings.TrimSuffix(strings.TrimPrefix(value, "/"), "/"))
		if err != nil {
			return x, fmt.Errorf("proxy.retry.in_body.value: %w", err)
		}
		x.Retry.InBody = &RetryInBody{Path: fmt.Sprint(in["path"]), Value: expression, Strategy: fmt.Sprint(in["strategy"])}
	}
	return x, nil
}

// pairs compiles a map of templates, in the order of its names.
func pairs(v any, lower bool) []Pair {
	m, _ := v.(map[string]any)
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make([]Pair, 0, len(m))
	for _, name := range names {
		value := Compile(fmt.Sprint(m[name]))
		if lower {
			name = strings.ToLower(name)
		}
		out = append(out, Pair{name, value})
	}
	return out
}

// texts reads a text, a number, or a list of them.
func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		out := make([]string, 0, len(v))
		for _, x := range v {
			out = append(out, fmt.Sprint(x))
		}
		return out
	default:
		return []string{fmt.Sprint(v)}
	}
}
