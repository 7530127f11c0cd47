package host

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// What an environment lets scripts see of credentials (setting scripts.credentials).
const (
	credentialsAllow = "allow" // as the contract
	credentialsOwn   = "own"   // of the run's own connection only
	credentialsDeny  = "deny"  // their type only
)

// Connection is a connection with its credentials, in the API's form. Each connection whose credentials a script is given is written to
// the run's log, whatever the script's level.
func (h *Host) Connection(ctx context.Context, run *script.Run, q script.ConnectionRequest) ([]byte, error) {
	c, err := h.connection(ctx, run, q.IntegrationKey, q.ConnectionID)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, causeway.Errorf(http.StatusNotFound, "not_found", "there is no such connection")
	}
	if err != nil {
		return nil, err
	}
	environment, err := h.Store.Environment(ctx, run.EnvironmentID)
	if err != nil {
		return nil, err
	}
	own := c.ID == run.ConnectionID
	view := causeway.ConnectionView{RefreshToken: q.RefreshToken, TimeFormat: causeway.TimeOffset}
	allowed := environment.Settings.ScriptCredentials
	view.Credentials = allowed == "" || allowed == credentialsAllow || allowed == credentialsOwn && own
	w := causeway.NewConnectionWire(c, view)
	if view.Credentials {
		h.say(run, causeway.LevelInfo, "The credentials of connection "+c.ConnectionID+" of "+c.IntegrationKey+" were read by the script.")
	} else if allowed == credentialsDeny {
		w.Credentials = causeway.Credentials{"type": string(c.Credentials.Type())}
	}
	return json.Marshal(w)
}

// SetMetadata replaces the metadata of the run's connection.
func (h *Host) SetMetadata(ctx context.Context, run *script.Run, metadata []byte) (script.APIAnswer, []byte, error) {
	return h.writeMetadata(ctx, run, metadata, false, http.StatusCreated)
}

// UpdateMetadata merges keys into the metadata of the run's connection.
func (h *Host) UpdateMetadata(ctx context.Context, run *script.Run, metadata []byte) (script.APIAnswer, []byte, error) {
	return h.writeMetadata(ctx, run, metadata, true, http.StatusOK)
}

func (h *Host) writeMetadata(ctx context.Context, run *script.Run, metadata []byte, merge bool, status int) (script.APIAnswer, []byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(metadata, &object); err != nil || object == nil {
		return script.APIAnswer{}, nil, causeway.Errorf(http.StatusBadRequest, "invalid_body", "metadata: has to be an object")
	}
	if err := h.Store.WriteMetadata(ctx, run.EnvironmentID, run.IntegrationID, []string{run.ConnectionKey}, metadata, merge); err != nil {
		return script.APIAnswer{}, nil, err
	}
	body, err := json.Marshal(map[string]any{"connection_id": run.ConnectionKey, "provider_config_key": run.IntegrationKey, "metadata": object})
	return script.APIAnswer{Status: status}, body, err
}

// Integration is the run's integration, in the API's form.
func (h *Host) Integration(ctx context.Context, run *script.Run, q script.IntegrationRequest) ([]byte, error) {
	i, err := h.Store.Integration(ctx, run.EnvironmentID, run.IntegrationKey)
	if err != nil {
		return nil, err
	}
	environment, err := h.Store.Environment(ctx, run.EnvironmentID)
	if err != nil {
		return nil, err
	}
	v := map[string]any{
		"unique_key": i.UniqueKey, "provider": i.Provider, "display_name": i.DisplayName, "logo": h.PublicURL + "/images/template-logos/" + i.Provider + ".svg",
		"forward_webhooks": i.ForwardWebhooks, "created_at": i.CreatedAt.UTC().Format(causeway.TimeZ), "updated_at": i.UpdatedAt.UTC().Format(causeway.TimeZ),
	}
	if provider, ok := h.Catalog.Provider(i.Provider); ok && i.DisplayName == "" {
		v["display_name"] = provider.DisplayName
	}
	if slices.Contains(q.Include, "webhook") {
		v["webhook_url"] = h.PublicURL + "/webhook/" + environment.UID.String() + "/" + url.PathEscape(i.UniqueKey)
	}
	if slices.Contains(q.Include, "credentials") && environment.Settings.ScriptCredentials != credentialsDeny {
		v["credentials"] = map[string]any{"client_id": i.Secrets.ClientID, "client_secret": i.Secrets.ClientSecret}
	}
	return json.Marshal(v)
}

// Variables are the environment's variables.
func (h *Host) Variables(ctx context.Context, run *script.Run) ([]byte, error) {
	all, err := h.Store.Variables(ctx, run.EnvironmentID)
	if err != nil {
		return nil, err
	}
	return json.Marshal(all)
}
