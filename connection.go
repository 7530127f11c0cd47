package causeway

import (
	"encoding/json"
	"regexp"
	"time"
	"unicode/utf8"
)

// AuthMode is how a provider authenticates; the catalog's auth_mode.
type AuthMode string

// The auth modes that a catalog entry may declare.
const (
	AuthOAuth1           AuthMode = "OAUTH1"
	AuthOAuth2           AuthMode = "OAUTH2"
	AuthOAuth2CC         AuthMode = "OAUTH2_CC"
	AuthBasic            AuthMode = "BASIC"
	AuthAPIKey           AuthMode = "API_KEY"
	AuthCustom           AuthMode = "CUSTOM"
	AuthApp              AuthMode = "APP"
	AuthNone             AuthMode = "NONE"
	AuthTBA              AuthMode = "TBA"
	AuthJWT              AuthMode = "JWT"
	AuthBill             AuthMode = "BILL"
	AuthTwoStep          AuthMode = "TWO_STEP"
	AuthSignature        AuthMode = "SIGNATURE"
	AuthMCPOAuth2        AuthMode = "MCP_OAUTH2"
	AuthMCPOAuth2Generic AuthMode = "MCP_OAUTH2_GENERIC"
	AuthInstallPlugin    AuthMode = "INSTALL_PLUGIN"
	AuthAWSSigV4         AuthMode = "AWS_SIGV4"
)

// Credentials are one connection's secrets: the object of the wire format (key "type" and the fields of that type).
// Nobody logs, formats or wraps them; see String.
type Credentials map[string]any

// String hides the values, so that a stray %v shows nothing.
func (c Credentials) String() string { return "Credentials(" + string(c.Type()) + ")" }

// GoString hides the values from %#v as well.
func (c Credentials) GoString() string { return c.String() }

// Type is the auth mode that the credentials belong to.
func (c Credentials) Type() AuthMode { t, _ := c["type"].(string); return AuthMode(t) }

// Text returns a field that is a text, or "".
func (c Credentials) Text(name string) string { t, _ := c[name].(string); return t }

// Connection is one end user's access to one integration.
type Connection struct {
	ID                 int64
	EnvironmentID      int64
	IntegrationID      int64
	IntegrationKey     string
	Provider           string
	ConnectionID       string // public id, unique per integration
	Config             map[string]any
	Metadata           json.RawMessage // an object
	Tags               map[string]string
	EndUser            *EndUser
	WebhookURLOverride string
	Problems           []Problem
	CreatedAt          time.Time
	UpdatedAt          time.Time
	LastFetchedAt      *time.Time

	Credentials        Credentials // nil unless they were asked for
	CredentialsVersion int64       // compare-and-set value of the refresher
	ExpiresAt          *time.Time  // of the credentials
}

// EndUser is the customer's user whom a connection belongs to.
type EndUser struct {
	ID               int64
	EndUserID        string
	Email            string
	DisplayName      string
	OrganizationID   string
	OrganizationName string
	Tags             map[string]string
}

// Problem is an active failure of a connection: it exists until the same thing succeeds.
type Problem struct {
	Type        string `json:"type"` // auth or sync
	OperationID string `json:"log_id"`
}

var connectionID = regexp.MustCompile(`^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$`)

// ValidConnectionID says whether id may be the public id of a connection.
func ValidConnectionID(id string) bool {
	return utf8.RuneCountInString(id) <= 255 && connectionID.MatchString(id)
}
