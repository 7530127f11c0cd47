package causeway

import (
	"regexp"
	"time"

	"github.com/google/uuid"
)

// Environment is the unit of isolation: integrations, connections, functions, keys, records and logs belong to one.
type Environment struct {
	ID            int64
	AccountID     int64
	AccountName   string
	UID           uuid.UUID // address of incoming webhooks
	Name          string
	IsProduction  bool
	LogLevel      Level // messages of scripts below it are dropped
	ScheduleGroup int
	Settings      EnvironmentSettings
	CreatedAt     time.Time
}

// EnvironmentSettings are the small switches of an environment, kept as one document.
type EnvironmentSettings struct {
	// RevealKeys keeps API keys readable for people who may; false: a key is shown once.
	RevealKeys *bool `json:"reveal_keys,omitempty"`
	// ScriptCredentials is allow (default), own or deny: what getConnection and getToken give to scripts.
	ScriptCredentials string `json:"scripts.credentials,omitempty"`
	// Pool names the worker pool; empty: "default".
	Pool string `json:"pool,omitempty"`
	// Journal says which runs keep a journal; empty: the platform's default. Journals say it for functions, by JournalKey.
	Journal  string            `json:"scripts.journal,omitempty"`
	Journals map[string]string `json:"scripts.journals,omitempty"`
}

// Which runs keep a journal of their host calls.
const (
	JournalOff      = "off"
	JournalFailures = "failures"
	JournalAll      = "all"
)

// JournalKey names a function in the settings of journals.
func JournalKey(integration string, kind FunctionKind, name string) string {
	return integration + "/" + string(kind) + "/" + name
}

// JournalMode is which runs of a function keep a journal.
func (s EnvironmentSettings) JournalMode(function, byDefault string) string {
	for _, mode := range []string{s.Journals[function], s.Journal, byDefault} {
		if mode != "" {
			return mode
		}
	}
	return JournalOff
}

// Variable is a value that scripts and holders of the scope environment:variables:read may read.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

var environmentName = regexp.MustCompile(`^[a-z0-9_-]{1,255}$`)

// ValidEnvironmentName says whether name may name an environment.
func ValidEnvironmentName(name string) bool { return environmentName.MatchString(name) }
