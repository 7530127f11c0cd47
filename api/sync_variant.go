package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// variantTarget reads what a command on a variant names. The base is nobody's to make or to delete.
func variantTarget(c *gin.Context) (key, connectionID string, ref syncRef, err error) {
	var b struct {
		ProviderConfigKey string `json:"provider_config_key"`
		ConnectionID      string `json:"connection_id"`
	}
	if err := decodeBody(c, &b); err != nil {
		return "", "", ref, err
	}
	var found issues
	found.check(b.ProviderConfigKey != "", "invalid_type", "Invalid input: expected string, received undefined", "provider_config_key")
	found.check(b.ConnectionID != "", "invalid_type", "Invalid input: expected string, received undefined", "connection_id")
	if err := found.err(badBody); err != nil {
		return "", "", ref, err
	}
	ref = syncRef{c.Param("name"), c.Param("variant")}
	found.check(causeway.ValidFunctionName(ref.Name), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "name")
	found.check(causeway.ValidFunctionName(ref.Variant), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", "variant")
	if err := found.err(badParams); err != nil {
		return "", "", ref, err
	}
	if strings.EqualFold(ref.Variant, causeway.BaseVariant) {
		return "", "", ref, &causeway.Error{Code: "invalid_variant", Status: http.StatusBadRequest, Message: "the variant base can't be made or deleted"}
	}
	return b.ProviderConfigKey, b.ConnectionID, ref, emptyQuery(c)
}

// syncOf finds one sync of a connection. nil: it has none of that name and variant.
func (s *Server) syncOf(c *gin.Context, p *principal, key, connectionID string, ref syncRef) (*storage.SyncRow, error) {
	ctx, env := c.Request.Context(), p.environment.ID
	i, err := s.Store.Integration(ctx, env, key)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, &causeway.Error{Code: "unknown_provider_config", Status: http.StatusBadRequest}
	}
	if err != nil {
		return nil, err
	}
	x, err := s.Store.Connection(ctx, env, i.ID, connectionID)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, unknownConnection()
	}
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Syncs(ctx, env, storage.SyncFilter{IntegrationID: i.ID, ConnectionID: x.ID, Names: []storage.SyncName{storage.SyncName(ref)}})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

func (s *Server) createVariant(c *gin.Context, p *principal) error {
	key, connectionID, ref, err := variantTarget(c)
	if err != nil {
		return err
	}
	base, err := s.syncOf(c, p, key, connectionID, syncRef{ref.Name, causeway.BaseVariant})
	if err != nil {
		return err
	}
	if base == nil {
		return &causeway.Error{Code: "unknown_sync", Status: http.StatusBadRequest}
	}
	ctx := c.Request.Context()
	v, err := s.Store.CreateVariant(ctx, p.environment.ID, *base, ref.Variant)
	if err != nil {
		if refusal, ok := errors.AsType[*causeway.Error](err); ok {
			return refusal
		}
		return err
	}
	s.ask(ctx, p.environment.ID, *v.NextDueAt)
	return answer(c, http.StatusOK, gin.H{"id": v.UID, "name": v.Name, "variant": v.Variant})
}

func (s *Server) deleteVariant(c *gin.Context, p *principal) error {
	key, connectionID, ref, err := variantTarget(c)
	if err != nil {
		return err
	}
	row, err := s.syncOf(c, p, key, connectionID, ref)
	if err != nil {
		return err
	}
	if row == nil {
		return notFound("there is no variant %q of sync %q on this connection", ref.Variant, ref.Name)
	}
	ctx := c.Request.Context()
	stopped, err := s.Store.DeleteSync(ctx, p.environment.ID, row.ID)
	if errors.Is(err, causeway.ErrNotFound) {
		return notFound("there is no variant %q of sync %q on this connection", ref.Variant, ref.Name)
	}
	if err != nil {
		return err
	}
	if stopped != nil {
		s.stop(ctx, *stopped)
	}
	return answer(c, http.StatusOK, gin.H{"success": true})
}
