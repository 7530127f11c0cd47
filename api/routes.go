package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// route is one line of the table.
type route struct {
	method string // "ANY" for all
	path   string // of Gin; parameters are decoded
	// scopes: one of them is needed. None: any key of an environment, or with open: nobody has to say who he is.
	scopes  []string
	open    bool
	guarded bool // a body has to be JSON
	handle  func(c *gin.Context, p *principal) error
}

func (r route) wildcard() bool { return strings.Contains(r.path, "*") }

func (r route) methods() []string {
	if r.method != "ANY" {
		return []string{r.method}
	}
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
}

// one is a list of scopes of which one is needed.
func one(scopes ...string) []string { return scopes }

// routes is the whole table. A test walks it with the key of another environment: a new route is in that by itself.
func (s *Server) routes() []route {
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	)
	return []route{
		{get, "/health", nil, true, false, s.health},
		{get, "/providers.json", nil, true, false, s.wholeCatalog},

		{get, "/providers", nil, false, true, s.listProviders},
		{get, "/providers/:provider", nil, false, true, s.getProvider},

		{get, "/integrations", one("environment:integrations:list", "environment:integrations:list_credentials"), false, true, s.listIntegrations},
		{post, "/integrations", one("environment:integrations:create"), false, true, s.createIntegration},
		{get, "/integrations/:uniqueKey", one("environment:integrations:read", "environment:integrations:read_credentials"), false, true, s.getIntegration},
		{patch, "/integrations/:uniqueKey", one("environment:integrations:update"), false, true, s.updateIntegration},
		{del, "/integrations/:uniqueKey", one("environment:integrations:delete"), false, true, s.deleteIntegration},

		{get, "/connections", one("environment:connections:list", "environment:connections:list_credentials"), false, true, s.listConnections},
		{get, "/connection", one("environment:connections:list", "environment:connections:list_credentials"), false, true, s.listConnections},
		{post, "/connections", one("environment:connections:create"), false, true, s.createConnection},
		{post, "/connections/metadata", one("environment:connections:update"), false, true, s.setMetadata},
		{patch, "/connections/metadata", one("environment:connections:update"), false, true, s.updateMetadata},
		{post, "/connection/metadata", one("environment:connections:update"), false, true, s.setMetadata},
		{patch, "/connection/metadata", one("environment:connections:update"), false, true, s.updateMetadata},
		{post, "/connection/:connectionId/metadata", one("environment:connections:update"), false, true, s.setOldMetadata},
		{patch, "/connection/:connectionId/metadata", one("environment:connections:update"), false, true, s.updateOldMetadata},
		{get, "/connections/:connectionId", one("environment:connections:read", "environment:connections:read_credentials"), false, true, s.getConnection},
		{get, "/connection/:connectionId", one("environment:connections:read", "environment:connections:read_credentials"), false, true, s.getConnection},
		{patch, "/connections/:connectionId", one("environment:connections:update"), false, true, s.updateConnection},
		{del, "/connections/:connectionId", one("environment:connections:delete"), false, true, s.deleteConnection},
		{del, "/connection/:connectionId", one("environment:connections:delete"), false, true, s.deleteConnection},

		{get, "/environment-variables", one("environment:variables:read"), false, true, s.listVariables},

		{post, "/sync/deploy/confirmation", one("environment:deploy"), false, true, s.planDeploy},
		{post, "/sync/deploy", one("environment:deploy"), false, true, s.deploy},
		{get, "/scripts/journal", one("environment:integrations:list_functions"), false, true, s.getJournalSettings},
		{put, "/scripts/journal", one("environment:deploy"), false, true, s.setJournalSettings},
		{get, "/runs/:id/journal", one("environment:journals:read"), false, true, s.getJournal},
		{get, "/runs/:id/program", one("environment:journals:read"), false, true, s.getJournalProgram},
		{get, "/scripts/config", one("environment:integrations:list_functions"), false, true, s.scriptsConfig},

		{post, "/action/trigger", one("environment:actions:execute"), false, true, s.triggerAction},
		{get, "/action/:id", one("environment:actions:execute"), false, true, s.getAction},

		{post, "/sync/trigger", one("environment:syncs:execute"), false, true, s.triggerSync},
		{post, "/sync/start", one("environment:syncs:execute"), false, true, s.startSync},
		{post, "/sync/pause", one("environment:syncs:execute"), false, true, s.pauseSync},
		{get, "/sync/status", one("environment:syncs:read"), false, true, s.syncStatus},
		{post, "/sync/:name/variant/:variant", one("environment:syncs:variant:create"), false, true, s.createVariant},
		{del, "/sync/:name/variant/:variant", one("environment:syncs:variant:delete"), false, true, s.deleteVariant},
		{put, "/sync/update-connection-frequency", one("environment:syncs:update"), false, true, s.updateFrequency},

		{get, "/records", one("environment:records:read"), false, true, s.listRecords},
		{patch, "/records/prune", one("environment:records:write"), false, true, s.pruneRecords},

		{"ANY", "/proxy/*path", one("environment:proxy"), false, false, s.proxyCall},

		{post, "/api/ui/v1/:env/logs/search", one("environment:logs:read"), false, true, s.searchLogs},
		{get, "/api/ui/v1/:env/logs/operations/:id", one("environment:logs:read"), false, true, s.getOperation},
		{post, "/api/ui/v1/:env/logs/operations/:id/messages", one("environment:logs:read"), false, true, s.listMessages},
		{get, "/api/ui/v1/:env/stream", one("environment:logs:read"), false, true, s.stream},
	}
}
