package providers

import (
	"encoding/json"
	"regexp"

	causeway "github.com/causeway-dev/causeway"
)

// Provider is one entry of the catalog after inheritance. It is immutable and shared.
type Provider struct {
	Name        string
	DisplayName string
	Docs        string
	AuthMode    causeway.AuthMode
	Categories  []string
	// Source says which layer the entry came from: "embedded", a file name or a URL.
	Source string
	// Entry is the whole entry after inheritance, for those who ask for it. Nobody changes it.
	Entry map[string]any
	Proxy Proxy
	// Credentials and ConnectionConfig are a connection's inputs, in the file's order.
	Credentials      []Field
	ConnectionConfig []Field
	// IntegrationConfig are the settings that an integration of this provider has, by name.
	IntegrationConfig map[string]any
	DefaultScopes     []string
	// RequireClientCertificate asks for mutual TLS with the pair stored in the credentials.
	RequireClientCertificate bool
}

// Proxy is how calls to the provider are made.
type Proxy struct {
	BaseURL *Template // nil: the provider has none; calls need an override
	Headers []NamedTemplate
	Query   []NamedTemplate
	Body    []BodyField
	Retry   Retry
	// Paginate is the pagination block as JSON, for scripts; nil: none.
	Paginate json.RawMessage
	// Verification is how credentials are tested; nil: they can't be.
	Verification             *Verification
	ForwardHeadersOnRedirect bool
	// SuppressBearer: some header carries the token or the cookies itself, so two-step logins send no bearer header.
	SuppressBearer bool
}

// NamedTemplate is a header or a query parameter.
type NamedTemplate struct {
	Name  string // headers: lower case
	Value *Template
	// NeedsConfig: the value depends on the connection's configuration, so the header is dropped when it doesn't resolve.
	NeedsConfig bool
	// Secret: the value is made from credentials; it never crosses origins and is never logged.
	Secret bool
}

// BodyField is a field that is merged into bodies: a value or nested fields.
type BodyField struct {
	Name   string
	Value  *Template
	Fields []BodyField
}

// Retry says which answers are worth another attempt and when.
type Retry struct {
	At        []string     // headers that name a moment
	After     []string     // headers that hold seconds
	Remaining string       // header; "0" marks a rate limit
	Codes     []StatusRule // replace the default list; nil: the default list
	InBody    *InBody
	// RateLimits are answers that mean "slow down" although their status doesn't say so (our own key rate_limit).
	RateLimits []RateLimit
}

// StatusRule is one item of error_code: an exact status or a range.
type StatusRule struct {
	From, To int
	Text     string // as written
}

// InBody finds the wait in an error's body.
type InBody struct {
	Path  []string
	Value *regexp.Regexp // group 1
	At    bool           // strategy: a moment, else seconds
}

// RateLimit is one condition: the status together with a header that is present, or a text in the body.
type RateLimit struct {
	Status  int
	Header  string
	Body    *regexp.Regexp
	WaitSec int // the least wait; 0: as for any other retry
}

// Verification is a call that tells whether credentials work.
type Verification struct {
	Method          string
	Endpoints       []string
	Headers         map[string]string
	Data            json.RawMessage
	BaseURLOverride string
}

// Field is one input of a connection or an integration.
type Field struct {
	Name         string
	Title        string
	Description  string
	Pattern      string
	Format       string
	Enum         []string
	DefaultValue *string
	Optional     bool
	Hidden       bool
	Automated    bool
	Secret       bool
}
