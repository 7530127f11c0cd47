package api

import (
	"errors"
	"net/http"
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

func (s *Server) integrationView(i *causeway.Integration, p *providers.Provider) causeway.IntegrationWire {
	name := ""
	if p != nil {
		name = p.DisplayName
	}
	return causeway.NewIntegrationWire(i, name, s.PublicURL)
}

func (s *Server) listIntegrations(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	all, err := s.Store.Integrations(c.Request.Context(), p.environment.ID)
	if err != nil {
		return err
	}
	views := make([]causeway.IntegrationWire, 0, len(all))
	for _, i := range all {
		provider, _ := s.Catalog.Provider(i.Provider)
		views = append(views, s.integrationView(i, provider))
	}
	return answer(c, http.StatusOK, gin.H{"data": views})
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
	if err := b.validate(true); err != nil {
		return err
	}
	provider, ok := s.Catalog.Provider(*b.Provider)
	if !ok {
		return issueError("invalid_string", "the catalog has no provider "+*b.Provider, "provider")
	}
	i := &causeway.Integration{EnvironmentID: p.environment.ID, UniqueKey: *b.UniqueKey, Provider: *b.Provider, ForwardWebhooks: true}
	if b.app == nil && slices.Contains(needsApp, provider.AuthMode) && !s.AppsOptional {
		return causeway.Errorf(http.StatusBadRequest, badBody, "credentials: provider %s needs the credentials of a developer app (%s)", i.Provider, provider.AuthMode)
	}
	if err := b.apply(i, provider, true); err != nil {
		return err
	}
	if i.Scopes == nil {
		i.Scopes = provider.DefaultScopes
	}
	err := s.Store.CreateIntegration(c.Request.Context(), i)
	if causeway.ErrorCode(err) == storage.ErrDuplicateKey.Code {
		return issueError("invalid_string", "an integration with this key exists", "uniqueKey")
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, gin.H{"data": s.integrationView(i, provider)})
}

// apply writes a body that has been validated into an integration.
func (b *integrationBody) apply(i *causeway.Integration, provider *providers.Provider, create bool) error {
	if b.UniqueKey != nil {
		i.UniqueKey = *b.UniqueKey
	}
	if b.DisplayName != nil {
		i.DisplayName = *b.DisplayName
	}
	if b.ForwardWebhooks != nil {
		i.ForwardWebhooks = *b.ForwardWebhooks
	}
	if err := b.fits(i, provider); err != nil {
		return err
	}
	if b.app != nil {
		b.app.apply(i)
	}
	return b.applyConfig(i, provider, create)
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
	key, err := integrationParam(c)
	if err != nil {
		return err
	}
	i, err := s.integration(c, p, key)
	if err != nil {
		return err
	}
	provider, _ := s.Catalog.Provider(i.Provider)
	v := s.integrationView(i, provider)
	if slices.Contains(q.values["include"], "webhook") {
		v.WebhookURL = causeway.WebhookAddress(s.PublicURL, p.environment.UID, i.UniqueKey)
	}
	if slices.Contains(q.values["include"], "credentials") && p.allows("environment:integrations:read_credentials") && provider != nil {
		v.Credentials = causeway.NewIntegrationCredentials(i, provider.AuthMode)
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
	if err := b.validate(false); err != nil {
		return err
	}
	key, err := integrationParam(c)
	if err != nil {
		return err
	}
	var provider *providers.Provider
	i, err := s.Store.UpdateIntegration(c.Request.Context(), p.environment.ID, key, func(i *causeway.Integration) error {
		var known bool
		if provider, known = s.Catalog.Provider(i.Provider); !known {
			return causeway.Errorf(http.StatusBadRequest, badBody, "the catalog has no provider %q any more", i.Provider)
		}
		return b.apply(i, provider, false)
	})
	switch {
	case errors.Is(err, causeway.ErrNotFound):
		return notFound("there is no integration %q", key)
	case causeway.ErrorCode(err) == storage.ErrDuplicateKey.Code:
		return causeway.Errorf(http.StatusBadRequest, badBody, "unique_key: an integration with this key exists")
	case err != nil:
		return err
	}
	return answer(c, http.StatusOK, gin.H{"data": s.integrationView(i, provider)})
}

// integrationParam is the key of an integration in the path.
func integrationParam(c *gin.Context) (string, error) {
	key := c.Param("uniqueKey")
	if !causeway.ValidIntegrationKey(key) {
		var found issues
		found.add("invalid_format", badIntegrationKey, "uniqueKey")
		return "", found.err(badParams)
	}
	return key, nil
}

func (s *Server) deleteIntegration(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	key, err := integrationParam(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	ids, err := s.Store.DeleteIntegration(ctx, p.environment.ID, key)
	if errors.Is(err, causeway.ErrNotFound) {
		return notFound("there is no integration %q", key)
	}
	if err != nil {
		return err
	}
	if err := s.endSyncs(ctx, p.environment.ID, ids); err != nil {
		return err
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}
