package api

import (
	"encoding/json"
	"fmt"
	"time"

	causeway "github.com/causeway-dev/causeway"
)

// credentialsBody are credentials as they are imported. Which fields belong to it depends on the type.
type credentialsBody struct {
	Type              causeway.AuthMode `json:"type"`
	AccessToken       *string           `json:"access_token"`
	RefreshToken      *string           `json:"refresh_token"`
	ExpiresAt         json.RawMessage   `json:"expires_at"`
	ConfigOverride    map[string]string `json:"config_override"`
	Token             *string           `json:"token"`
	ClientID          *string           `json:"client_id"`
	ClientSecret      *string           `json:"client_secret"`
	ClientCertificate *string           `json:"client_certificate"`
	ClientPrivateKey  *string           `json:"client_private_key"`
	OAuthToken        *string           `json:"oauth_token"`
	OAuthTokenSecret  *string           `json:"oauth_token_secret"`
	APIKey            *string           `json:"apiKey"`
	Username          *string           `json:"username"`
	Password          *string           `json:"password"`
	TokenID           *string           `json:"token_id"`
	TokenSecret       *string           `json:"token_secret"`
	AppID             *string           `json:"app_id"`
	InstallationID    *string           `json:"installation_id"`
}

// credentials checks a body and makes the stored object from it, with the time at which it ends.
func (b *credentialsBody) credentials(found *issues) (causeway.Credentials, *time.Time) {
	out := causeway.Credentials{"type": string(b.Type)}
	field := func(name string, value *string, low, high int) {
		switch {
		case value == nil:
			found.add("invalid_type", "Invalid input: expected string, received undefined", "credentials", name)
		case len(*value) < low:
			found.add("too_small", fmt.Sprintf("Too small: expected string to have >=%d characters", low), "credentials", name)
		case len(*value) > high:
			found.add("too_big", fmt.Sprintf("Too big: expected string to have <=%d characters", high), "credentials", name)
		default:
			out[name] = *value
		}
	}
	optional := func(name string, value *string, high int) {
		if value != nil {
			field(name, value, 1, high)
		}
	}
	raw := func() { out["raw"] = map[string]any{} }
	switch b.Type { //nolint:exhaustive // the others are not importable
	case causeway.AuthOAuth2:
		field("access_token", b.AccessToken, 1, 16384)
		optional("refresh_token", b.RefreshToken, 16384)
		if len(b.ConfigOverride) > 0 {
			out["config_override"] = b.ConfigOverride
		}
		raw()
	case causeway.AuthOAuth2CC:
		field("token", b.Token, 1, 4096)
		field("client_id", b.ClientID, 1, 255)
		field("client_secret", b.ClientSecret, 1, 2048)
		optional("client_certificate", b.ClientCertificate, 10_000)
		optional("client_private_key", b.ClientPrivateKey, 10_000)
		raw()
	case causeway.AuthOAuth1:
		field("oauth_token", b.OAuthToken, 1, 2048)
		field("oauth_token_secret", b.OAuthTokenSecret, 1, 2048)
		raw()
	case causeway.AuthAPIKey:
		field("apiKey", b.APIKey, 1, 1024)
	case causeway.AuthBasic:
		field("username", b.Username, 0, 1024)
		field("password", b.Password, 0, 1024)
	case causeway.AuthTBA:
		field("token_id", b.TokenID, 1, 2048)
		field("token_secret", b.TokenSecret, 1, 2048)
	case causeway.AuthNone:
	default:
		found.add("invalid_union", "invalid credentials object: credentials of this type can't be imported", "credentials")
		return out, nil
	}
	expires := b.expiry(found)
	if expires != nil {
		out["expires_at"] = expires.UTC().Format(causeway.TimeZ)
	}
	return out, expires
}

// expiry reads a date as JavaScript would: a text, or milliseconds since 1970.
func (b *credentialsBody) expiry(found *issues) *time.Time {
	if len(b.ExpiresAt) == 0 || string(b.ExpiresAt) == "null" {
		return nil
	}
	var ms float64
	if json.Unmarshal(b.ExpiresAt, &ms) == nil {
		t := time.UnixMilli(int64(ms))
		return &t
	}
	var text string
	if json.Unmarshal(b.ExpiresAt, &text) == nil {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly, time.RFC1123, time.RFC1123Z} {
			if t, err := time.Parse(layout, text); err == nil {
				return &t
			}
		}
	}
	found.add("invalid_type", "Invalid input: expected date, received Invalid Date", "credentials", "expires_at")
	return nil
}
