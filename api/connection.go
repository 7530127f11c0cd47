package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// connectionSummary is a connection in a list.
type connectionSummary struct {
	ID                int64                 `json:"id"`
	ConnectionID      string                `json:"connection_id"`
	ProviderConfigKey string                `json:"provider_config_key"`
	Provider          string                `json:"provider"`
	Errors            []causeway.Problem    `json:"errors"`
	EndUser           *causeway.EndUserWire `json:"end_user"`
	Tags              map[string]string     `json:"tags"`
	Metadata          json.RawMessage       `json:"metadata"`
	Created           string                `json:"created"`
}

func (s *Server) listConnections(c *gin.Context, p *principal) error {
	q := readQuery(c, "connectionId", "search", "endUserId", "endUserOrganizationId", "integrationId", "tags", "limit", "page")
	f := storage.ConnectionFilter{
		ConnectionID: q.text("connectionId", 255, false), Search: q.text("search", 255, false), EndUserID: q.text("endUserId", 255, false),
		OrganizationID: q.text("endUserOrganizationId", 255, false), Limit: q.number("limit", 1, 2000, 10_000), Page: q.number("page", 0, 1<<30, 0),
	}
	if q.has("integrationId") {
		f.IntegrationKeys = splitList(q.text("integrationId", 100_000, false))
	}
	tags := map[string]string{}
	for name, values := range q.values {
		if key, ok := strings.CutPrefix(name, "tags["); ok && strings.HasSuffix(key, "]") {
			tags[strings.TrimSuffix(key, "]")] = values[0]
		} else if name == "tags" {
			q.issues.add("invalid_type", "Invalid input: expected object, received string", "tags")
		}
	}
	f.Tags = checkTags(tags, &q.issues)
	if err := q.err(); err != nil {
		return err
	}
	all, err := s.Store.Connections(c.Request.Context(), p.environment.ID, f)
	if err != nil {
		return err
	}
	out := make([]connectionSummary, 0, len(all))
	for _, x := range all {
		out = append(out, connectionSummary{x.ID, x.ConnectionID, x.IntegrationKey, x.Provider, x.Problems, causeway.NewEndUserWire(x.EndUser), x.Tags, x.Metadata, x.CreatedAt.UTC().Format(causeway.TimeMicros)})
	}
	return answer(c, http.StatusOK, gin.H{"connections": out})
}

// connectionBody is what a connection is imported with.
type connectionBody struct {
	ProviderConfigKey  string                     `json:"provider_config_key"`
	ConnectionID       *string                    `json:"connection_id"`
	Metadata           map[string]json.RawMessage `json:"metadata"`
	ConnectionConfig   map[string]any             `json:"connection_config"`
	WebhookURLOverride *string                    `json:"webhook_url_override"`
	Credentials        credentialsBody            `json:"credentials"`
	EndUser            *endUserBody               `json:"end_user"`
	Tags               map[string]string          `json:"tags"`
}

func (s *Server) createConnection(c *gin.Context, p *principal) error {
	if err := emptyQuery(c); err != nil {
		return err
	}
	var b connectionBody
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	n, expires, err := b.connection()
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	i, err := s.Store.Integration(ctx, p.environment.ID, b.ProviderConfigKey)
	if errors.Is(err, causeway.ErrNotFound) {
		return notFound("there is no integration %q", b.ProviderConfigKey)
	}
	if err != nil {
		return err
	}
	provider, ok := s.Catalog.Provider(i.Provider)
	if !ok {
		return notFound("the catalog has no provider %q", i.Provider)
	}
	mode := n.Credentials.Type()
	if !fits(mode, provider.AuthMode) {
		return causeway.Errorf(http.StatusBadRequest, badBody, "credentials: provider %s authenticates by %s, not %s", i.Provider, provider.AuthMode, mode)
	}
	if mode == causeway.AuthTBA && b.ConnectionConfig["accountId"] == nil {
		return causeway.Errorf(http.StatusBadRequest, badBody, "connection_config.accountId: required for TBA")
	}
	n.IntegrationID, n.ExpiresAt = i.ID, expires
	ctx = context.WithoutCancel(ctx) // what was begun is completed, also for a caller who doesn't wait for functions
	created, isNew, err := s.Store.SaveConnection(ctx, p.environment.ID, n)
	if err != nil {
		return err
	}
	if err := s.validate(ctx, p, created, isNew); err != nil {
		return err
	}
	if isNew {
		s.announce(ctx, p, created, causeway.EventConnectionCreated)
	}
	if err := s.beginSyncs(ctx, p.environment.ID, created.ID); err != nil {
		return err
	}
	created.LastFetchedAt = nil
	return answer(c, http.StatusCreated, causeway.NewConnectionWire(created, causeway.ConnectionView{Credentials: true, RefreshToken: true, TimeFormat: causeway.TimeZ}))
}

// fits says whether credentials of a type may be given for a provider. Providers of the MCP modes take OAuth 2 tokens.
func fits(given, declared causeway.AuthMode) bool {
	switch declared { //nolint:exhaustive // the others take their own
	case causeway.AuthMCPOAuth2, causeway.AuthMCPOAuth2Generic:
		return given == causeway.AuthOAuth2
	case causeway.AuthInstallPlugin:
		return given == causeway.AuthBasic
	default:
		return given == declared
	}
}

// connection checks a body and makes what is stored from it.
func (b *connectionBody) connection() (storage.NewConnection, *time.Time, error) {
	var found issues
	found.check(b.ProviderConfigKey != "", "invalid_type", "Invalid input: expected string, received undefined", "provider_config_key")
	id := uuid.NewString()
	if b.ConnectionID != nil {
		id = *b.ConnectionID
		found.check(causeway.ValidConnectionID(id), "invalid_format", "Invalid string: at most 255 characters of letters, digits and ,.;:=+~[]|@${}\"'\\/_ -", "connection_id")
	}
	user := b.EndUser.endUser(&found)
	tags := mergedTags(checkTags(b.Tags, &found), user, &found)
	checkWebhookURL(b.WebhookURLOverride, &found)
	var (
		credentials causeway.Credentials
		expires     *time.Time
	)
	if b.Credentials == nil {
		found.add("invalid_type", "Invalid input: expected object, received undefined", "credentials")
	} else {
		credentials, expires = b.Credentials.credentials(&found)
	}
	if err := found.err(badBody); err != nil {
		return storage.NewConnection{}, nil, err
	}
	n := storage.NewConnection{ConnectionID: id, Config: b.ConnectionConfig, Tags: tags, EndUser: user, Credentials: credentials}
	if b.WebhookURLOverride != nil {
		n.WebhookURLOverride = *b.WebhookURLOverride
	}
	if b.Metadata != nil {
		raw, err := json.Marshal(b.Metadata)
		if err != nil {
			return storage.NewConnection{}, nil, err
		}
		n.Metadata = raw
	}
	return n, expires, nil
}

// connectionParam is the id of a connection in the path.
func connectionParam(c *gin.Context) (string, error) {
	id := c.Param("connectionId")
	if !causeway.ValidConnectionID(id) {
		var found issues
		found.add("invalid_format", "Invalid string: this is no id of a connection", "connectionId")
		return "", found.err(badParams)
	}
	return id, nil
}

// connectionTarget finds the integration and the id of a connection that a path names.
func (s *Server) connectionTarget(c *gin.Context, p *principal, q *query) (*causeway.Integration, string, error) {
	key := q.text("provider_config_key", 255, true)
	if err := q.err(); err != nil {
		return nil, "", err
	}
	id, err := connectionParam(c)
	if err != nil {
		return nil, "", err
	}
	i, err := s.Store.Integration(c.Request.Context(), p.environment.ID, key)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, "", unknownIntegration(http.StatusBadRequest)
	}
	return i, id, err
}

func (s *Server) getConnection(c *gin.Context, p *principal) error {
	q := readQuery(c, "provider_config_key", "refresh_token", "force_refresh", "refresh_github_app_jwt_token")
	refresh, force, jwt := q.boolean("refresh_token"), q.boolean("force_refresh"), q.boolean("refresh_github_app_jwt_token")
	i, id, err := s.connectionTarget(c, p, q)
	if err != nil {
		return err
	}
	secrets := p.allows("environment:connections:read_credentials")
	if !secrets && (refresh || force || jwt) {
		return causeway.Errorf(http.StatusForbidden, "forbidden", "Insufficient scope. Required: environment:connections:read_credentials")
	}
	x, err := s.Store.Connection(c.Request.Context(), p.environment.ID, i.ID, id)
	if errors.Is(err, causeway.ErrNotFound) {
		return notFound("there is no connection %q", id)
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, causeway.NewConnectionWire(x, causeway.ConnectionView{Credentials: secrets, RefreshToken: refresh, TimeFormat: causeway.TimeOffset}))
}

func (s *Server) updateConnection(c *gin.Context, p *principal) error {
	i, id, err := s.connectionTarget(c, p, readQuery(c, "provider_config_key"))
	if err != nil {
		return err
	}
	var b struct {
		EndUser            *endUserBody      `json:"end_user"`
		Tags               map[string]string `json:"tags"`
		WebhookURLOverride *string           `json:"webhook_url_override"`
	}
	if err := decodeBody(c, &b); err != nil {
		return err
	}
	var found issues
	change := storage.ConnectionChange{EndUser: b.EndUser.endUser(&found), WebhookURLOverride: b.WebhookURLOverride}
	checkWebhookURL(b.WebhookURLOverride, &found)
	if tags := checkTags(b.Tags, &found); b.Tags != nil || b.EndUser != nil {
		change.Tags = mergedTags(tags, change.EndUser, &found)
	}
	if err := found.err(badBody); err != nil {
		return err
	}
	err = s.Store.UpdateConnection(c.Request.Context(), p.environment.ID, i.ID, id, change)
	if errors.Is(err, causeway.ErrNotFound) {
		return notFound("there is no connection %q", id)
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}

func (s *Server) deleteConnection(c *gin.Context, p *principal) error {
	if _, err := connectionParam(c); err != nil { // judged before the query, here only
		return err
	}
	i, id, err := s.connectionTarget(c, p, readQuery(c, "provider_config_key"))
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(c.Request.Context()) // its functions may take longer than the caller waits
	x, err := s.Store.Connection(ctx, p.environment.ID, i.ID, id)
	if err == nil {
		err = s.farewell(ctx, p, x)
	}
	var row int64
	if err == nil {
		row, err = s.Store.DeleteConnection(ctx, p.environment.ID, i.ID, id)
	}
	if errors.Is(err, causeway.ErrNotFound) {
		return unknownConnection()
	}
	if err != nil {
		return err
	}
	if err := s.endSyncs(ctx, p.environment.ID, []int64{row}); err != nil {
		return err
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}

// beginSyncs makes the syncs of a connection and tells the scheduler.
func (s *Server) beginSyncs(ctx context.Context, environmentID, connectionID int64) error {
	isNew, err := s.Store.EnsureSyncs(ctx, environmentID, connectionID)
	if err != nil || !isNew {
		return err
	}
	s.ask(ctx, environmentID, time.Time{})
	return nil
}

// endSyncs ends the syncs of connections that are gone, and their living runs.
func (s *Server) endSyncs(ctx context.Context, environmentID int64, connectionIDs []int64) error {
	if len(connectionIDs) == 0 {
		return nil
	}
	stopped, err := s.Store.DeleteSyncsOfConnections(ctx, environmentID, connectionIDs)
	if err != nil {
		return err
	}
	for _, x := range stopped {
		s.stop(ctx, x)
	}
	return nil
}

// ask tells the scheduler of an environment that something is due. What is due is a row: a bell that can't be rung costs delay only.
func (s *Server) ask(ctx context.Context, environmentID int64, due time.Time) {
	if err := s.Dispatch.Ask(ctx, environmentID, due); err != nil {
		s.Logger.Warn("the scheduler could not be rung; the reconciler will", "environment", environmentID, "error", err)
	}
}

// start starts the workflow of an admitted run, with the same excuse.
func (s *Server) start(ctx context.Context, ref causeway.RunRef) {
	if err := s.Dispatch.StartRun(ctx, ref); err != nil {
		s.Logger.Warn("a run's workflow could not be started; the reconciler will", "run", ref.RunID, "error", err)
	}
}

// stop ends a run that somebody asked to stop: one that waits is closed here, one that runs is told.
func (s *Server) stop(ctx context.Context, x storage.Cancelling) {
	if x.State == causeway.RunWaiting {
		closed, err := s.Store.CloseWaitingRun(ctx, x.Ref, x.Fence, causeway.Outcome{State: causeway.RunCancelled, Code: causeway.CodeScriptAborted, Message: "cancelled before it started"})
		if err == nil {
			s.Dispatch.Closed(ctx, x.Ref, closed)
		} else if !errors.Is(err, storage.ErrStale) { // stale: it was claimed meanwhile
			s.Logger.Warn("a cancelled run could not be closed; the reconciler will", "run", x.Ref.RunID, "error", err)
		}
	}
	s.Dispatch.CancelRun(ctx, x.Ref)
}
