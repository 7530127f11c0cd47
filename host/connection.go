package host

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

// What an environment lets scripts see of credentials (setting scripts.credentials). Any other value, as deny: their type only.
const (
	credentialsAllow = "allow" // as the contract
	credentialsOwn   = "own"   // of the run's own connection only
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
	view := causeway.ConnectionView{Credentials: lets(environment, c.ID == run.ConnectionID), RefreshToken: q.RefreshToken, TimeFormat: causeway.TimeOffset}
	w := causeway.NewConnectionWire(c, view)
	if view.Credentials {
		h.say(run, causeway.LevelInfo, "The credentials of connection "+c.ConnectionID+" of "+c.IntegrationKey+" were read by the script.")
	} else if environment.Settings.ScriptCredentials != credentialsOwn {
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
	if err := h.Store.WriteRunMetadata(ctx, run.Run, metadata, merge); err != nil {
		if errors.Is(err, storage.ErrStale) {
			return script.APIAnswer{}, nil, &script.CallError{Code: "run_fenced", Message: "the run has been taken over or has ended", Fatal: true, Cause: err}
		}
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
	name, mode := "", causeway.AuthNone
	if provider, ok := h.Catalog.Provider(i.Provider); ok {
		name, mode = provider.DisplayName, provider.AuthMode
	}
	w := causeway.NewIntegrationWire(i, name, h.PublicURL)
	if slices.Contains(q.Include, "webhook") {
		w.WebhookURL = causeway.WebhookAddress(h.PublicURL, environment.UID, i.UniqueKey)
	}
	if slices.Contains(q.Include, "credentials") && lets(environment, true) {
		w.Credentials = causeway.NewIntegrationCredentials(i, mode)
		h.say(run, causeway.LevelInfo, "The developer app's credentials of integration "+i.UniqueKey+" were read by the script.")
	}
	return json.Marshal(w)
}

// lets says whether an environment gives credentials to scripts: those of the run's own connection, or others. A setting that nobody
// knows lets nothing through.
func lets(e *causeway.Environment, own bool) bool {
	switch e.Settings.ScriptCredentials {
	case "", credentialsAllow:
		return true
	case credentialsOwn:
		return own
	default:
		return false
	}
}

// Variables are the environment's variables.
func (h *Host) Variables(ctx context.Context, run *script.Run) ([]byte, error) {
	all, err := h.Store.Variables(ctx, run.EnvironmentID)
	if err != nil {
		return nil, err
	}
	return json.Marshal(all)
}
