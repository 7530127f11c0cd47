package causeway

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// IntegrationWire is an integration as the API and scripts get it.
type IntegrationWire struct {
	UniqueKey       string  `json:"unique_key"`
	Provider        string  `json:"provider"`
	DisplayName     string  `json:"display_name"`
	Logo            string  `json:"logo"`
	WebhookURL      *string `json:"webhook_url,omitempty"` // where its provider's webhooks go to; only when it is asked for
	Credentials     any     `json:"credentials,omitempty"` // only when they are asked for and may be seen
	ForwardWebhooks bool    `json:"forward_webhooks"`
	CreatedAt       string  `json:"created_at"`
	UpdatedAt       string  `json:"updated_at"`
}

// NewIntegrationWire makes the short form. providerName is shown where the integration has no name of its own.
func NewIntegrationWire(i *Integration, providerName, publicURL string) IntegrationWire {
	w := IntegrationWire{
		UniqueKey: i.UniqueKey, Provider: i.Provider, DisplayName: i.DisplayName, Logo: publicURL + "/images/template-logos/" + i.Provider + ".svg",
		ForwardWebhooks: i.ForwardWebhooks, CreatedAt: i.CreatedAt.UTC().Format(TimeZ), UpdatedAt: i.UpdatedAt.UTC().Format(TimeZ),
	}
	if w.DisplayName == "" {
		w.DisplayName = providerName
	}
	return w
}

// WebhookAddress is where a provider sends the webhooks of an integration.
func WebhookAddress(publicURL string, environment uuid.UUID, uniqueKey string) *string {
	u := publicURL + "/webhook/" + environment.String() + "/" + url.PathEscape(uniqueKey)
	return &u
}

// NewIntegrationCredentials is the developer app of an integration; null for the auth modes that have none.
func NewIntegrationCredentials(i *Integration, mode AuthMode) any {
	x := i.Secrets
	switch mode { //nolint:exhaustive // the other modes have no developer app
	case AuthOAuth1, AuthOAuth2, AuthTBA:
		return map[string]any{
			"type": mode, "client_id": textOrNil(x.ClientID), "client_secret": textOrNil(x.ClientSecret),
			"scopes": textOrNil(strings.Join(i.Scopes, ",")), "webhook_secret": textOrNil(x.WebhookSecret),
		}
	case AuthApp:
		return map[string]any{"type": mode, "app_id": textOrNil(x.AppID), "private_key": textOrNil(x.PrivateKey), "app_link": textOrNil(x.AppLink)}
	case AuthCustom:
		return map[string]any{
			"type": mode, "client_id": textOrNil(x.ClientID), "client_secret": textOrNil(x.ClientSecret),
			"app_id": textOrNil(x.AppID), "app_link": textOrNil(x.AppLink), "private_key": textOrNil(x.PrivateKey),
		}
	default:
		return json.RawMessage("null") // and not left out
	}
}
