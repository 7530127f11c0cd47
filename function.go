package causeway

import (
	"encoding/json"
	"regexp"
	"time"
)

// FunctionKind is what a function is for.
type FunctionKind string

// The kinds of functions that can be deployed.
const (
	KindSync    FunctionKind = "sync"
	KindAction  FunctionKind = "action"
	KindOnEvent FunctionKind = "on-event"
)

// Function is a deployed script of an integration. Enabled, Runs and Frequency outlive deploys; the rest is the active
// version's.
type Function struct {
	ID             int64
	EnvironmentID  int64
	IntegrationID  int64
	IntegrationKey string
	Kind           FunctionKind
	Name           string
	Event          string // on-event only
	Source         string // repo, standalone or catalog
	Enabled        bool
	Runs           string        // frequency text in force
	Frequency      time.Duration // 0: no schedule
	AutoStart      bool
	Subscriptions  []string
	LastDeployedAt time.Time
	Version        FunctionVersion
}

// FunctionVersion is one immutable build of a function.
type FunctionVersion struct {
	ID         int64
	Version    string
	BundleKey  string // content hash of the uploaded bundle; the lowered text lies beside it
	SourceKey  string
	Definition FunctionDefinition
	JSONSchema json.RawMessage // {"definitions": {…}} or null
	SDKVersion string
	CreatedAt  time.Time
}

// FunctionDefinition is what a deploy says of a function beside its code.
type FunctionDefinition struct {
	Description  string          `json:"description,omitempty"`
	Scopes       []string        `json:"scopes,omitempty"`
	Models       []string        `json:"models,omitempty"` // a sync's models; an action's output
	Input        string          `json:"input,omitempty"`  // name of the input model
	SyncType     string          `json:"sync_type,omitempty"`
	TrackDeletes bool            `json:"track_deletes,omitempty"`
	Endpoints    json.RawMessage `json:"endpoints,omitempty"`
	Attributes   json.RawMessage `json:"attributes,omitempty"`
	Features     []string        `json:"features,omitempty"`
}

var (
	functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)
	modelName    = regexp.MustCompile(`^[A-Z][a-zA-Z0-9_-]{1,254}$`)
)

// ValidFunctionName says whether name may name a function, a provider or a variant.
func ValidFunctionName(name string) bool { return functionName.MatchString(name) }

// ValidModelName says whether name may name a model.
func ValidModelName(name string) bool { return modelName.MatchString(name) }
