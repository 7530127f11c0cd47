package causeway

import (
	"regexp"
	"time"
)

// Integration is a provider configured in one environment, addressed by its unique key.
type Integration struct {
	ID              int64
	EnvironmentID   int64
	UniqueKey       string
	Provider        string // name of a catalog entry
	DisplayName     string // empty: the provider's
	ForwardWebhooks bool
	Scopes          []string
	Config          map[string]string // clear fields
	Secrets         IntegrationSecrets
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// IntegrationSecrets are the fields of a developer app. They are sealed at rest and opened only where they are used.
type IntegrationSecrets struct {
	ClientID      string            `json:"client_id,omitempty"`
	ClientSecret  string            `json:"client_secret,omitempty"`
	AppID         string            `json:"app_id,omitempty"`
	AppLink       string            `json:"app_link,omitempty"`
	PrivateKey    string            `json:"private_key,omitempty"`
	WebhookSecret string            `json:"webhook_secret,omitempty"`
	Custom        map[string]string `json:"custom,omitempty"`
}

var integrationKey = regexp.MustCompile(`^[a-zA-Z0-9~:.@ _-]{1,255}$`)

// ValidIntegrationKey says whether key may be the unique key of an integration.
func ValidIntegrationKey(key string) bool { return integrationKey.MatchString(key) }
