package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/providers"
)

// integrationBody is what an integration is made or changed with.
type integrationBody struct {
	Provider          *string                    `json:"provider"` // of a new one only
	UniqueKey         *string                    `json:"unique_key"`
	DisplayName       *string                    `json:"display_name"`
	ForwardWebhooks   *bool                      `json:"forward_webhooks"`
	Credentials       map[string]json.RawMessage `json:"credentials"`
	IntegrationConfig map[string]string          `json:"integration_config"`
	Custom            map[string]string          `json:"custom"`

	app *developerApp // what Credentials say
}

// developerApp are the fields of an integration's credentials.
type developerApp struct {
	mode   causeway.AuthMode
	fields map[string]any
}

const badIntegrationKey = "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/"

var (
	oauthApp = []textField{{"client_id", 1, 255, false}, {"client_secret", 1, unbounded, false}}
	signed   = []textField{{"app_id", 1, 255, false}, {"app_link", 1, unbounded, false}, {"private_key", 1, unbounded, false}}
	extras   = []textField{{"scopes", 0, unbounded, true}, {"webhook_secret", 0, 255, true}}

	developerApps = map[causeway.AuthMode][]textField{
		causeway.AuthOAuth1: slices.Concat(oauthApp, extras),
		causeway.AuthOAuth2: slices.Concat(oauthApp, extras),
		causeway.AuthTBA:    slices.Concat(oauthApp, extras),
		causeway.AuthApp:    signed,
		causeway.AuthCustom: slices.Concat(oauthApp, signed),
	}

	scopeList = regexp.MustCompile(`^([0-9a-zA-Z:/_.*-]+(,[0-9a-zA-Z:/_.*-]+)*)?$`)
)

func (b *integrationBody) validate(create bool) error {
	var found issues
	if create {
		required(b.Provider, 255, "provider", &found)
		required(b.UniqueKey, 255, "unique_key", &found)
	} else {
		found.check(b.Provider == nil, "unrecognized_keys", `Unrecognized key: "provider"`)
	}
	if b.UniqueKey != nil {
		found.check(causeway.ValidIntegrationKey(*b.UniqueKey), "invalid_format", badIntegrationKey, "unique_key")
	}
	if b.DisplayName != nil {
		checkLength(*b.DisplayName, 1, 255, &found, "display_name")
	}
	for _, name := range slices.Sorted(maps.Keys(b.IntegrationConfig)) {
		checkLength(b.IntegrationConfig[name], 0, 8192, &found, "integration_config", name)
	}
	if b.Credentials != nil {
		b.app = readApp(b.Credentials, &found)
	}
	return found.err(badBody)
}

// readApp checks the credentials of a developer app.
func readApp(raw map[string]json.RawMessage, found *issues) *developerApp {
	a := &developerApp{fields: map[string]any{}}
	err := json.Unmarshal(raw["type"], &a.mode)
	fields, ok := developerApps[a.mode]
	if err != nil || !ok {
		found.add("invalid_union", "invalid credentials object", "credentials")
		return nil
	}
	rest := maps.Clone(raw)
	delete(rest, "type")
	readTexts(rest, fields, []string{"credentials"}, a.fields, found)
	if len(rest) > 0 {
		found.add("unrecognized_keys", unrecognized(slices.Sorted(maps.Keys(rest))), "credentials")
	}
	found.check(scopeList.MatchString(a.text("scopes")), "invalid_format", "Invalid string: must be a list of scopes, with commas between them", "credentials", "scopes")
	if key, ok := a.fields["private_key"].(string); ok {
		key = strings.TrimSpace(key)
		found.check(strings.HasPrefix(key, "-----BEGIN RSA PRIVATE KEY----") && strings.HasSuffix(key, "-----END RSA PRIVATE KEY-----"),
			"invalid_format", "Invalid string: must be an RSA private key in PEM", "credentials", "private_key")
	}
	return a
}

func (a *developerApp) text(name string) string { t, _ := a.fields[name].(string); return t }

// apply writes the app into an integration. Scopes and the secret of webhooks stay if they aren't given.
func (a *developerApp) apply(i *causeway.Integration) {
	i.Secrets.ClientID, i.Secrets.ClientSecret = a.text("client_id"), a.text("client_secret")
	i.Secrets.AppID, i.Secrets.AppLink, i.Secrets.PrivateKey = a.text("app_id"), a.text("app_link"), a.text("private_key")
	if _, given := a.fields["scopes"]; given {
		i.Scopes = splitList(a.text("scopes"))
	}
	if _, given := a.fields["webhook_secret"]; given {
		i.Secrets.WebhookSecret = a.text("webhook_secret")
	}
}

// fits says whether the credentials are of the kind that the provider wants.
func (b *integrationBody) fits(i *causeway.Integration, provider *providers.Provider) error {
	if b.app != nil && b.app.mode != provider.AuthMode {
		return causeway.Errorf(http.StatusBadRequest, badBody, "credentials: provider %s authenticates by %s, not %s", i.Provider, provider.AuthMode, b.app.mode)
	}
	return nil
}

// applyConfig merges the settings of a body into an integration: those that the provider declares, or free ones where it declares none.
// create: what is missing gets its default, or is asked for.
func (b *integrationBody) applyConfig(i *causeway.Integration, provider *providers.Provider, create bool) error {
	declared := provider.IntegrationConfig
	if len(b.Custom) > 0 && len(declared) > 0 {
		return causeway.Errorf(http.StatusBadRequest, badBody, "custom: provider %s declares its settings: use integration_config", i.Provider)
	}
	values := map[string]string{}
	maps.Copy(values, i.Secrets.Custom)
	maps.Copy(values, b.Custom)
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(b.IntegrationConfig)) {
		if _, ok := declared[name]; !ok {
			problems = append(problems, fmt.Sprintf("integration_config.%s: provider %s has no such setting", name, i.Provider))
			continue
		}
		values[name] = b.IntegrationConfig[name]
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		field, _ := declared[name].(map[string]any)
		_, given := b.IntegrationConfig[name]
		if !create && !given || !visible(field, values) {
			continue
		}
		if values[name] == "" && create {
			if otherwise, ok := field["default_value"]; ok {
				values[name] = fmt.Sprint(otherwise)
			}
		}
		if problem := checkSetting(field, values[name]); problem != "" {
			problems = append(problems, "integration_config."+name+": "+problem)
		}
		if values[name] == "" {
			delete(values, name)
		}
	}
	if len(problems) > 0 {
		return causeway.Errorf(http.StatusBadRequest, badBody, "%s", strings.Join(problems, ", "))
	}
	i.Secrets.Custom = nil
	if len(values) > 0 {
		i.Secrets.Custom = values
	}
	return nil
}

// visible says whether a setting is asked for, given the others.
func visible(field map[string]any, values map[string]string) bool {
	when, ok := field["visible_when"].(map[string]any)
	return !ok || values[fmt.Sprint(when["field"])] == fmt.Sprint(when["equals"])
}

// checkSetting says what is wrong with the value of a setting that the catalog declares, or "".
func checkSetting(field map[string]any, value string) string {
	if value == "" {
		if field["optional"] == true || field["automated"] == true {
			return ""
		}
		return "required"
	}
	if allowed := list(texts(field["enum"])); len(allowed) > 0 && !slices.Contains(allowed, value) {
		return "expected one of " + strings.Join(allowed, ", ")
	}
	if pattern, ok := field["pattern"].(string); ok {
		if expression, err := regexp.Compile(pattern); err == nil && !expression.MatchString(value) {
			return "must match " + pattern
		}
	}
	if field["format"] == "uri" {
		if u, err := url.Parse(value); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "must be a URL"
		}
	}
	if !utf8.ValidString(value) {
		return "must be text"
	}
	return ""
}

// texts is a list of the catalog as texts.
func texts(v any) []string {
	all, _ := v.([]any)
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = fmt.Sprint(x)
	}
	return out
}
