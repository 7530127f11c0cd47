package providers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	causeway "github.com/causeway-dev/causeway"
)

var authModes = map[causeway.AuthMode]bool{
	causeway.AuthOAuth1: true, causeway.AuthOAuth2: true, causeway.AuthOAuth2CC: true, causeway.AuthBasic: true,
	causeway.AuthAPIKey: true, causeway.AuthCustom: true, causeway.AuthApp: true, causeway.AuthNone: true, causeway.AuthTBA: true,
	causeway.AuthJWT: true, causeway.AuthBill: true, causeway.AuthTwoStep: true, causeway.AuthSignature: true,
	causeway.AuthMCPOAuth2: true, causeway.AuthMCPOAuth2Generic: true, causeway.AuthInstallPlugin: true, causeway.AuthAWSSigV4: true,
}

// compileProvider checks an entry and compiles its templates. An error means that the entry can't be used.
func compileProvider(name, source string, node *yaml.Node, warn func(string)) (*Provider, error) {
	value, err := nodeValue(node)
	if err != nil {
		return nil, err
	}
	entry, _ := value.(map[string]any)
	delete(entry, "alias")
	delete(entry, "extends")
	p := &Provider{
		Name: name, Source: source, Entry: entry,
		DisplayName:   scalarText(child(node, "display_name")),
		Docs:          scalarText(child(node, "docs")),
		AuthMode:      causeway.AuthMode(scalarText(child(node, "auth_mode"))),
		Categories:    texts(child(node, "categories")),
		DefaultScopes: texts(child(node, "default_scopes")),
		Credentials:   fields(child(node, "credentials")), ConnectionConfig: fields(child(node, "connection_config")),
		RequireClientCertificate: scalarText(child(node, "require_client_certificate")) == "true",
	}
	if err := checkEntry(p, node); err != nil {
		return nil, err
	}
	if p.Proxy, err = compileProxy(child(node, "proxy"), warn); err != nil {
		return nil, err
	}
	p.IntegrationConfig, _ = entry["integration_config"].(map[string]any)
	if p.AuthMode == causeway.AuthAPIKey && !slices.ContainsFunc(p.Credentials, func(f Field) bool { return f.Name == "apiKey" }) {
		warn("it authenticates by API key and has no credentials.apiKey")
	}
	return p, nil
}

// checkEntry holds an entry against the rules of its auth mode.
func checkEntry(p *Provider, node *yaml.Node) error {
	has := func(key string) bool { return child(node, key) != nil }
	switch {
	case p.DisplayName == "":
		return errors.New("display_name is required")
	case !authModes[p.AuthMode]:
		return fmt.Errorf("auth_mode %q is unknown", p.AuthMode)
	case p.AuthMode == causeway.AuthOAuth1 && !has("request_url"):
		return errors.New("OAUTH1 needs request_url")
	case p.AuthMode == causeway.AuthJWT && !has("token"):
		return errors.New("JWT needs token")
	case p.AuthMode == causeway.AuthTwoStep && !has("token_response"):
		return errors.New("TWO_STEP needs token_response")
	case p.AuthMode == causeway.AuthCustom && (child(node, "token_url") == nil || child(node, "token_url").Kind != yaml.MappingNode):
		return errors.New("CUSTOM needs token_url as a mapping of OAUTH2 and APP")
	case scalarText(child(node, "credentials_verification_script")) != "" && child(child(node, "proxy"), "verification") != nil:
		return errors.New("verification and credentials_verification_script exclude each other")
	}
	return nil
}

func compileProxy(node *yaml.Node, warn func(string)) (Proxy, error) {
	var p Proxy
	if base := scalarText(child(node, "base_url")); base != "" {
		p.BaseURL = Compile(base)
	}
	p.Headers, p.Query = named(child(node, "headers"), true), named(child(node, "query"), false)
	for _, h := range p.Headers {
		if h.Value.Mentions("accessToken") || h.Name == "cookie" && h.Value.Mentions("credentials") {
			p.SuppressBearer = true
		}
	}
	p.Body = bodyFields(child(node, "body"))
	p.ForwardHeadersOnRedirect = scalarText(child(node, "forward_headers_on_redirect")) == "true"
	var err error
	if p.Retry, err = compileRetry(child(node, "retry")); err != nil {
		return Proxy{}, err
	}
	if block := child(node, "paginate"); block != nil {
		if problem := checkPaginate(block); problem != "" {
			warn("its pagination is left out: " + problem)
		} else if p.Paginate, err = nodeJSON(block); err != nil {
			return Proxy{}, err
		}
	}
	p.Verification, err = compileVerification(child(node, "verification"))
	return p, err
}

// secretNames are the top-level names that lead to credentials.
var secretNames = []string{"credentials", "accessToken", "apiKey", "username", "password", "clientSecret", "token", "refresh_token"}

func named(node *yaml.Node, lower bool) []NamedTemplate {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var out []NamedTemplate
	for i := 0; i+1 < len(node.Content); i += 2 {
		n := NamedTemplate{Name: node.Content[i].Value, Value: Compile(node.Content[i+1].Value)}
		if lower {
			n.Name = strings.ToLower(n.Name)
		}
		n.NeedsConfig = n.Value.Mentions("connectionConfig")
		n.Secret = mentionsSecret(n.Value)
		out = append(out, n)
	}
	return out
}

// mentionsSecret is careful: every placeholder that isn't known to be harmless may be a credential's field.
func mentionsSecret(t *Template) bool {
	if slices.ContainsFunc(secretNames, t.Mentions) {
		return true
	}
	for _, p := range t.Placeholders() {
		top, _, _ := strings.Cut(p, ".")
		switch top {
		case "connectionConfig", "clientId", "metadata", "random", "method", "host", "path", "endpoint", "params", "urlCanonicalParams",
			"bodyCanonicalParams", "contentType":
		default:
			if !strings.HasPrefix(top, "now") {
				return true
			}
		}
	}
	return false
}

func bodyFields(node *yaml.Node) []BodyField {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var out []BodyField
	for i := 0; i+1 < len(node.Content); i += 2 {
		f := BodyField{Name: node.Content[i].Value}
		switch value := node.Content[i+1]; value.Kind {
		case yaml.MappingNode:
			f.Fields = bodyFields(value)
		default:
			f.Value = Compile(value.Value)
		}
		out = append(out, f)
	}
	return out
}

func compileRetry(node *yaml.Node) (Retry, error) {
	r := Retry{
		At: lowerAll(texts(child(node, "at"))), After: lowerAll(texts(child(node, "after"))),
		Remaining: strings.ToLower(scalarText(child(node, "remaining"))),
	}
	for _, text := range texts(child(node, "error_code")) {
		rule, err := ParseStatusRule(text)
		if err != nil {
			return Retry{}, err
		}
		r.Codes = append(r.Codes, rule)
	}
	if body := child(node, "in_body"); body != nil {
		expression := scalarText(child(body, "value"))
		if len(expression) > 1 && strings.HasPrefix(expression, "/") && strings.HasSuffix(expression, "/") {
			expression = expression[1 : len(expression)-1]
		}
		re, err := regexp.Compile(expression)
		if err != nil {
			return Retry{}, fmt.Errorf("retry.in_body.value: %w", err)
		}
		r.InBody = &InBody{Path: strings.Split(scalarText(child(body, "path")), "."), Value: re, At: scalarText(child(body, "strategy")) == "at"}
	}
	if list := child(node, "rate_limit"); list != nil {
		for _, item := range list.Content {
			limit, err := compileRateLimit(item)
			if err != nil {
				return Retry{}, err
			}
			r.RateLimits = append(r.RateLimits, limit)
		}
	}
	return r, nil
}

func compileRateLimit(item *yaml.Node) (RateLimit, error) {
	var l RateLimit
	var err error
	if l.Status, err = strconv.Atoi(scalarText(child(item, "status"))); err != nil {
		return l, errors.New("retry.rate_limit: status has to be a number")
	}
	l.Header = strings.ToLower(scalarText(child(item, "header")))
	if expression := scalarText(child(item, "body")); expression != "" {
		if l.Body, err = regexp.Compile(expression); err != nil {
			return l, fmt.Errorf("retry.rate_limit.body: %w", err)
		}
	}
	if text := scalarText(child(item, "wait")); text != "" {
		if l.WaitSec, err = strconv.Atoi(text); err != nil {
			return l, errors.New("retry.rate_limit: wait has to be a number of seconds")
		}
	}
	if l.Header == "" && l.Body == nil {
		return l, errors.New("retry.rate_limit: header or body is needed")
	}
	return l, nil
}

// ParseStatusRule reads an item of error_code: "429", "5xx" or "500-502".
func ParseStatusRule(text string) (StatusRule, error) {
	bad := fmt.Errorf("retry.error_code: %q is no status, class or range", text)
	if digit, ok := strings.CutSuffix(strings.ToLower(text), "xx"); ok {
		n, err := strconv.Atoi(digit)
		if err != nil || n < 1 || n > 9 {
			return StatusRule{}, bad
		}
		return StatusRule{From: n * 100, To: n*100 + 99, Text: text}, nil
	}
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		to = from
	}
	first, err1 := strconv.Atoi(strings.TrimSpace(from))
	last, err2 := strconv.Atoi(strings.TrimSpace(to))
	if err1 != nil || err2 != nil || first > last {
		return StatusRule{}, bad
	}
	return StatusRule{From: first, To: last, Text: text}, nil
}

func lowerAll(list []string) []string {
	for i := range list {
		list[i] = strings.ToLower(list[i])
	}
	return list
}

// checkPaginate says why a pagination block can't be used, or "".
func checkPaginate(n *yaml.Node) string {
	has := func(key string) bool { return scalarText(child(n, key)) != "" }
	switch kind := scalarText(child(n, "type")); kind {
	case "cursor":
		if !has("cursor_name_in_request") || !has("cursor_path_in_response") {
			return "type cursor needs cursor_name_in_request and cursor_path_in_response"
		}
	case "link":
		if !has("link_rel_in_response_header") && !has("link_path_in_response_body") {
			return "type link needs link_rel_in_response_header or link_path_in_response_body"
		}
	case "offset":
		if !has("offset_name_in_request") {
			return "type offset needs offset_name_in_request"
		}
	default:
		return fmt.Sprintf("type %q is unknown", kind)
	}
	return ""
}

func compileVerification(n *yaml.Node) (*Verification, error) {
	if n == nil {
		return nil, nil //nolint:nilnil // no verification is an ordinary state
	}
	v := &Verification{Method: strings.ToUpper(scalarText(child(n, "method"))), Endpoints: texts(child(n, "endpoints")),
		BaseURLOverride: scalarText(child(n, "base_url_override"))}
	if v.Method == "" {
		v.Method = "GET"
	}
	if headers := child(n, "headers"); headers != nil {
		if err := headers.Decode(&v.Headers); err != nil {
			return nil, fmt.Errorf("verification.headers: %w", err)
		}
	}
	if data := child(n, "data"); data != nil {
		raw, err := nodeJSON(data)
		if err != nil {
			return nil, fmt.Errorf("verification.data: %w", err)
		}
		v.Data = raw
	}
	return v, nil
}

func fields(n *yaml.Node) []Field {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var out []Field
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		is := func(key string) bool { return scalarText(child(v, key)) == "true" }
		f := Field{
			Name: n.Content[i].Value, Title: scalarText(child(v, "title")), Description: scalarText(child(v, "description")),
			Pattern: scalarText(child(v, "pattern")), Format: scalarText(child(v, "format")), Enum: texts(child(v, "enum")),
			Optional: is("optional"), Hidden: is("hidden"), Automated: is("automated"), Secret: is("secret"),
		}
		if d := child(v, "default_value"); d != nil {
			f.DefaultValue = &d.Value
		}
		out = append(out, f)
	}
	return out
}
