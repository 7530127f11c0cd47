package storage

import (
	"context"
	"errors"
	"net/http"

	causeway "github.com/causeway-dev/causeway"
)

// ActionTarget is what an action call names.
type ActionTarget struct {
	Integration *causeway.Integration
	Connection  *causeway.Connection
	Function    *causeway.Function
}

// FindAction finds what an action call names, from the caches. A *causeway.Error tells the caller what isn't there.
func (s *Store) FindAction(ctx context.Context, environmentID int64, integrationKey, connectionID, name string) (t ActionTarget, err error) {
	unknown := &causeway.Error{Code: "unknown_connection", Status: http.StatusBadRequest}
	if t.Integration, err = s.Integration(ctx, environmentID, integrationKey); err != nil {
		return t, otherwise(err, unknown)
	}
	if t.Connection, err = s.Connection(ctx, environmentID, t.Integration.ID, connectionID); err != nil {
		return t, otherwise(err, unknown)
	}
	if t.Function, err = s.Function(ctx, environmentID, t.Integration.ID, causeway.KindAction, name); err != nil {
		return t, otherwise(err, causeway.Errorf(http.StatusNotFound, "not_found", "there is no action %q", name))
	}
	if !t.Function.Enabled {
		return t, causeway.Errorf(http.StatusNotFound, causeway.CodeDisabledResource, "the action %q is disabled", name)
	}
	return t, nil
}

// FindSyncs finds the syncs that a command names. No names: all of the connection; no connection: of every one of the integration. A
// *causeway.Error tells the caller what isn't there.
func (s *Store) FindSyncs(ctx context.Context, environmentID int64, integrationKey, connectionID string, names []SyncName) ([]SyncRow, error) {
	i, err := s.Integration(ctx, environmentID, integrationKey)
	if err != nil {
		return nil, otherwise(err, &causeway.Error{Code: "unknown_provider_config", Status: http.StatusBadRequest, Message: "there is no integration with this key", Legacy: true})
	}
	f := SyncFilter{IntegrationID: i.ID, Names: names}
	if connectionID != "" {
		c, err := s.Connection(ctx, environmentID, i.ID, connectionID)
		if err != nil {
			return nil, otherwise(err, &causeway.Error{Code: "unknown_connection", Status: http.StatusNotFound, Message: "there is no connection with this id", Legacy: true})
		}
		f.ConnectionID = c.ID
	}
	rows, err := s.Syncs(ctx, environmentID, f)
	if err != nil {
		return nil, err
	}
	missing := len(rows) == 0 && connectionID == ""
	there := map[SyncName]bool{}
	for _, r := range rows {
		there[SyncName{r.Name, r.Variant}] = true
	}
	for _, n := range names {
		missing = missing || !there[n]
	}
	if missing {
		return nil, &causeway.Error{Code: "no_syncs_found", Status: http.StatusBadRequest, Message: "no such sync is deployed for this connection", Legacy: true}
	}
	return rows, nil
}

// otherwise is refusal if err says that something isn't there, else err.
func otherwise(err error, refusal *causeway.Error) error {
	if errors.Is(err, causeway.ErrNotFound) {
		return refusal
	}
	return err
}
