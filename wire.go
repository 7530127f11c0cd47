package causeway

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
)

// Formats of times on the wire.
const (
	TimeZ      = "2006-01-02T15:04:05.000Z"         // milliseconds, Z
	TimeOffset = "2006-01-02T15:04:05.000+00:00"    // milliseconds, numeric offset
	TimeMicros = "2006-01-02T15:04:05.999999-07:00" // as Postgres prints JSON: up to six digits
)

// EndUserWire is an end user as the API shows it.
type EndUserWire struct {
	ID           string            `json:"id"`
	DisplayName  *string           `json:"display_name"`
	Email        *string           `json:"email"`
	Tags         map[string]string `json:"tags"`
	Organization *OrganizationWire `json:"organization"`
}

// OrganizationWire is the organization of an end user.
type OrganizationWire struct {
	ID          string  `json:"id"`
	DisplayName *string `json:"display_name"`
}

// NewEndUserWire returns nil for nil.
func NewEndUserWire(u *EndUser) *EndUserWire {
	if u == nil {
		return nil
	}
	w := &EndUserWire{ID: u.EndUserID, DisplayName: textOrNil(u.DisplayName), Email: textOrNil(u.Email), Tags: u.Tags}
	if u.OrganizationID != "" {
		w.Organization = &OrganizationWire{ID: u.OrganizationID, DisplayName: textOrNil(u.OrganizationName)}
	}
	return w
}

// ConnectionWire is a connection in its full form, as the API and scripts get it.
type ConnectionWire struct {
	ID                 int64             `json:"id"`
	ConnectionID       string            `json:"connection_id"`
	ProviderConfigKey  string            `json:"provider_config_key"`
	Provider           string            `json:"provider"`
	Errors             []Problem         `json:"errors"`
	EndUser            *EndUserWire      `json:"end_user"`
	Tags               map[string]string `json:"tags"`
	Metadata           json.RawMessage   `json:"metadata"`
	ConnectionConfig   map[string]any    `json:"connection_config"`
	WebhookURLOverride *string           `json:"webhook_url_override"`
	CreatedAt          string            `json:"created_at"`
	UpdatedAt          string            `json:"updated_at"`
	LastFetchedAt      *string           `json:"last_fetched_at"`
	Credentials        Credentials       `json:"credentials"`
}

// ConnectionView says how much of a connection is shown.
type ConnectionView struct {
	Credentials  bool   // else they are {}
	RefreshToken bool   // else every property named like a refresh token is left out
	TimeFormat   string // TimeZ or TimeOffset
}

// NewConnectionWire makes the full form of a connection.
func NewConnectionWire(c *Connection, v ConnectionView) ConnectionWire {
	w := ConnectionWire{
		ID: c.ID, ConnectionID: c.ConnectionID, ProviderConfigKey: c.IntegrationKey, Provider: c.Provider, Errors: c.Problems,
		EndUser: NewEndUserWire(c.EndUser), Tags: c.Tags, Metadata: c.Metadata, ConnectionConfig: c.Config,
		WebhookURLOverride: textOrNil(c.WebhookURLOverride), CreatedAt: c.CreatedAt.UTC().Format(v.TimeFormat), UpdatedAt: c.UpdatedAt.UTC().Format(v.TimeFormat),
		Credentials: Credentials{},
	}
	if w.Errors == nil {
		w.Errors = []Problem{}
	}
	if w.Tags == nil {
		w.Tags = map[string]string{}
	}
	if w.ConnectionConfig == nil {
		w.ConnectionConfig = map[string]any{}
	}
	if c.LastFetchedAt != nil {
		at := c.LastFetchedAt.UTC().Format(v.TimeFormat)
		w.LastFetchedAt = &at
	}
	if v.Credentials && c.Credentials != nil {
		w.Credentials = c.Credentials
	}
	if !v.RefreshToken {
		w.ConnectionConfig, _ = withoutRefreshToken(w.ConnectionConfig).(map[string]any)
		credentials, _ := withoutRefreshToken(map[string]any(w.Credentials)).(map[string]any)
		w.Credentials = credentials
	}
	return w
}

// withoutRefreshToken copies what holds a property named like a refresh token, at any depth, and leaves that out.
func withoutRefreshToken(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			if !isRefreshToken(name) {
				out[name] = withoutRefreshToken(inner)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = withoutRefreshToken(inner)
		}
		return out
	default:
		return v
	}
}

func isRefreshToken(name string) bool {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, name)) == "refreshtoken"
}

func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// FormatTime is a time on the wire, or nil.
func FormatTime(t *time.Time, layout string) *string {
	if t == nil {
		return nil
	}
	s := t.UTC().Format(layout)
	return &s
}
