package api

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/storage"
)

func (s *Server) health(c *gin.Context, _ *principal) error {
	return answer(c, http.StatusOK, map[string]string{"result": "ok"})
}

// integrationView is an integration as the API shows it.
type integrationView struct {
	UniqueKey       string  `json:"unique_key"`
	Provider        string  `json:"provider"`
	DisplayName     string  `json:"display_name"`
	Logo            string  `json:"logo"`
	WebhookURL      *string `json:"webhook_url,omitempty"`
	Credentials     any     `json:"credentials,omitempty"`
	ForwardWebhooks bool    `json:"forward_webhooks"`
	CreatedAt       string  `json:"created_at"`
	UpdatedAt       string  `json:"updated_at"`
}

func (s *Server) integrationView(i *causeway.Integration, p *providers.Provider) integrationView {
	v := integrationView{
		UniqueKey: i.UniqueKey, Provider: i.Provider, DisplayName: i.DisplayName, Logo: s.PublicURL + "/images/template-logos/" + i.Provider + ".svg",
		ForwardWebhooks: i.ForwardWebhooks, CreatedAt: i.CreatedAt.UTC().Format(causeway.TimeZ), UpdatedAt: i.UpdatedAt.UTC().Format(causeway.TimeZ),
	}
	if v.DisplayName == "" && p != nil {
		v.DisplayName = p.DisplayName
	}
	return v
}

// credentialsView is the developer app of an integration as the API shows it; null for the auth modes that have none.
func credentialsView(i *causeway.Integration, mode causeway.AuthMode) any {
	null := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	x := i.Secrets
	switch mode { //nolint:exhaustive // the other modes have no developer app
	case causeway.AuthOAuth1, causeway.AuthOAuth2, causeway.AuthTBA:
		return gin.H{"type": mode, "client_id": null(x.ClientID), "client_secret": null(x.ClientSecret), "scopes": null(strings.Join(i.Scopes, ",")), "webhook_secret": null(x.WebhookSecret)}
	case causeway.AuthApp:
		return gin.H{"type": mode, "app_id": null(x.AppID), "private_key": null(x.PrivateKey), "app_link": null(x.AppLink)}
	case causeway.AuthCustom:
		return gin.H{"type": mode, "client_id": null(x.ClientID), "client_secret": null(x.ClientSecret), "app_id": null(x.AppID), "app_link": null(x.AppLink), "private_key": null(x.PrivateKey)}
	default:
		return nil
	}
}

func (s *Server) listIntegrations(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	all, err := s.Store.Integrations(c.Request.Context(), p.environment.ID)
	if err != nil {
		return err
	}
	views := make([]integrationView, 0, len(all))
	for _, i := range all {
		provider, _ := s.Catalog.Provider(i.Provider)
		views = append(views, s.integrationView(i, provider))
	}
	return answer(c, http.StatusOK, gin.H{"data": views})
}

// integrationBody is what an integration is made or changed with.
type integrationBody struct {
	Provider          string                  `json:"provider"`
	UniqueKey         *string                 `json:"unique_key"`
	DisplayName       *string                 `json:"display_name"`
	ForwardWebhooks   *bool                   `json:"forward_webhooks"`
	Credentials       *integrationCredentials `json:"credentials"`
	IntegrationConfig map[string]string       `json:"integration_config"`
	Custom            map[string]string       `json:"custom"`
}

type integrationCredentials struct {
	Type          causeway.AuthMode `json:"type"`
	ClientID      string            `json:"client_id"`
	ClientSecret  string            `json:"client_secret"`
	Scopes        *string           `json:"scopes"`
	WebhookSecret *string           `json:"webhook_secret"`
	AppID         string            `json:"app_id"`
	AppLink       string            `json:"app_link"`
	PrivateKey    string            `json:"private_key"`
}

func (b *integrationBody) validate() error {
	var found issues
	if b.UniqueKey != nil {
		found.check(causeway.ValidIntegrationKey(*b.UniqueKey), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "unique_key")
	}
	if b.DisplayName != nil {
		found.check(*b.DisplayName != "" && len([]rune(*b.DisplayName)) <= 255, "too_small", "Too small: expected string to have >=1 and <=255 characters", "display_name")
	}
	if x := b.Credentials; x != nil {
		x.validate(&found)
	}
	return found.err(badBody)
}

func (x *integrationCredentials) validate(found *issues) {
	need := func(value, name string) {
		found.check(value != "", "invalid_type", "Invalid input: expected string, received undefined", "credentials", name)
	}
	switch x.Type { //nolint:exhaustive // the other modes have no developer app
	case causeway.AuthOAuth1, causeway.AuthOAuth2, causeway.AuthTBA:
		need(x.ClientID, "client_id")
		need(x.ClientSecret, "client_secret")
	case causeway.AuthApp, causeway.AuthCustom:
		need(x.AppID, "app_id")
		need(x.AppLink, "app_link")
		found.check(strings.HasPrefix(x.PrivateKey, "-----BEGIN RSA PRIVATE KEY----"), "invalid_format", "Invalid string: must be an RSA private key in PEM", "credentials", "private_key")
		if x.Type == causeway.AuthCustom {
			need(x.ClientID, "client_id")
			need(x.ClientSecret, "client_secret")
		}
	default:
		found.add("invalid_union", "invalid credentials object", "credentials")
	}
}

// apply writes the credentials into an integration.
func (x *integrationCredentials) apply(i *causeway.Integration) {
	i.Secrets.ClientID, i.Secrets.ClientSecret = x.ClientID, x.ClientSecret
	i.Secrets.AppID, i.Secrets.AppLink, i.Secrets.PrivateKey = x.AppID, x.AppLink, x.PrivateKey
	if x.Scopes != nil {
		i.Scopes = splitList(*x.Scopes)
	}
	if x.WebhookSecret != nil {
		i.Secrets.WebhookSecret = *x.WebhookSecret
	}
}

// splitList takes a comma list apart.
func splitList(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// needsApp are the modes whose integrations can't do without a developer app.
var needsApp = []causeway.AuthMode{causeway.AuthOAuth1, causeway.AuthOAuth2, causeway.AuthApp, causeway.AuthCustom}

func (s *Server) createIntegration(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	var b integrationBody
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	if err := b.validate(); err != nil {
		return err
	}
	provider, ok := s.Catalog.Provider(b.Provider)
	if !ok {
		return issueError("invalid_string", "the catalog has no provider "+b.Provider, "provider")
	}
	if b.UniqueKey == nil {
		return issueError("invalid_type", "Invalid input: expected string, received undefined", "unique_key")
	}
	mode := provider.AuthMode
	if b.Credentials != nil && b.Credentials.Type != mode {
		return causeway.Errorf(http.StatusBadRequest, badBody, "credentials: provider %s authenticates by %s, not %s", b.Provider, mode, b.Credentials.Type)
	}
	if b.Credentials == nil && slices.Contains(needsApp, mode) && !s.AppsOptional {
		return causeway.Errorf(http.StatusBadRequest, badBody, "credentials: provider %s needs the credentials of a developer app (%s)", b.Provider, mode)
	}
	i := &causeway.Integration{EnvironmentID: p.environment.ID, UniqueKey: *b.UniqueKey, Provider: b.Provider, ForwardWebhooks: true}
	if b.DisplayName != nil {
		i.DisplayName = *b.DisplayName
	}
	if b.ForwardWebhooks != nil {
		i.ForwardWebhooks = *b.ForwardWebhooks
	}
	if b.Credentials != nil {
		b.Credentials.apply(i)
	}
	if i.Scopes == nil {
		i.Scopes = provider.DefaultScopes
	}
	if err := applyConfig(i, b, provider); err != nil {
		return err
	}
	err := s.Store.CreateIntegration(c.Request.Context(), i)
	if errors.Is(err, storage.ErrDuplicateKey) || causeway.ErrorCode(err) == storage.ErrDuplicateKey.Code {
		return issueError("invalid_string", "an integration with this key exists", "uniqueKey")
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, gin.H{"data": s.integrationView(i, provider)})
}

// applyConfig merges the free fields of a body into an integration.
func applyConfig(i *causeway.Integration, b integrationBody, provider *providers.Provider) error {
	if len(b.IntegrationConfig) == 0 && len(b.Custom) == 0 {
		return nil
	}
	if len(b.Custom) > 0 && len(provider.IntegrationConfig) > 0 {
		return causeway.Errorf(http.StatusBadRequest, badBody, "custom: provider %s declares its settings: use integration_config", i.Provider)
	}
	custom := map[string]string{}
	for k, v := range i.Secrets.Custom {
		custom[k] = v
	}
	for k, v := range b.IntegrationConfig {
		if _, ok := provider.IntegrationConfig[k]; !ok {
			return causeway.Errorf(http.StatusBadRequest, badBody, "integration_config.%s: provider %s has no such setting", k, i.Provider)
		}
		custom[k] = v
	}
	for k, v := range b.Custom {
		custom[k] = v
	}
	i.Secrets.Custom = custom
	return nil
}

func issueError(code, message string, path ...string) error {
	var found issues
	found.add(code, message, path...)
	return found.err(badBody)
}

func (s *Server) getIntegration(c *gin.Context, p *principal) error {
	q := readQuery(c, "include")
	for _, v := range q.values["include"] {
		q.issues.check(v == "webhook" || v == "credentials", "invalid_value", `Invalid option: expected one of "webhook"|"credentials"`, "include")
	}
	if err := q.err(); err != nil {
		return err
	}
	i, err := s.integration(c, p, c.Param("uniqueKey"))
	if err != nil {
		return err
	}
	provider, _ := s.Catalog.Provider(i.Provider)
	v := s.integrationView(i, provider)
	if slices.Contains(q.values["include"], "webhook") {
		u := s.PublicURL + "/webhook/" + p.environment.UID.String() + "/" + url.PathEscape(i.UniqueKey)
		v.WebhookURL = &u
	}
	if slices.Contains(q.values["include"], "credentials") && p.allows("environment:integrations:read_credentials") && provider != nil {
		v.Credentials = credentialsView(i, provider.AuthMode)
	}
	return answer(c, http.StatusOK, gin.H{"data": v})
}

// integration finds an integration of the caller's environment, or answers 404.
func (s *Server) integration(c *gin.Context, p *principal, key string) (*causeway.Integration, error) {
	i, err := s.Store.Integration(c.Request.Context(), p.environment.ID, key)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, notFound("there is no integration %q", key)
	}
	return i, err
}

func (s *Server) updateIntegration(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	var b integrationBody
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	if err := b.validate(); err != nil {
		return err
	}
	if b.Provider != "" {
		return issueError("unrecognized_keys", `Unrecognized key: "provider"`)
	}
	var provider *providers.Provider
	i, err := s.Store.UpdateIntegration(c.Request.Context(), p.environment.ID, c.Param("uniqueKey"), func(i *causeway.Integration) error {
		provider, _ = s.Catalog.Provider(i.Provider)
		return b.change(i, provider)
	})
	switch {
	case errors.Is(err, causeway.ErrNotFound):
		return notFound("there is no integration %q", c.Param("uniqueKey"))
	case causeway.ErrorCode(err) == storage.ErrDuplicateKey.Code:
		return causeway.Errorf(http.StatusBadRequest, badBody, "unique_key: an integration with this key exists")
	case err != nil:
		return err
	}
	return answer(c, http.StatusOK, gin.H{"data": s.integrationView(i, provider)})
}

func (b *integrationBody) change(i *causeway.Integration, provider *providers.Provider) error {
	if b.UniqueKey != nil {
		i.UniqueKey = *b.UniqueKey
	}
	if b.DisplayName != nil {
		i.DisplayName = *b.DisplayName
	}
	if b.ForwardWebhooks != nil {
		i.ForwardWebhooks = *b.ForwardWebhooks
	}
	if provider == nil {
		return nil
	}
	if b.Credentials != nil {
		if b.Credentials.Type != provider.AuthMode {
			return causeway.Errorf(http.StatusBadRequest, badBody, "credentials: provider %s authenticates by %s, not %s", i.Provider, provider.AuthMode, b.Credentials.Type)
		}
		b.Credentials.apply(i)
	}
	return applyConfig(i, *b, provider)
}

func (s *Server) deleteIntegration(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	ctx := c.Request.Context()
	ids, err := s.Store.DeleteIntegration(ctx, p.environment.ID, c.Param("uniqueKey"))
	if errors.Is(err, causeway.ErrNotFound) {
		return notFound("there is no integration %q", c.Param("uniqueKey"))
	}
	if err != nil {
		return err
	}
	if err := s.endSyncs(ctx, p.environment.ID, ids); err != nil {
		return err
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}
