package script

import (
	"encoding/json"
	"errors"
	"fmt"

	causeway "github.com/causeway-dev/causeway"
)

// Flavour is the kind of script a call is open to, as a bit set.
type Flavour uint8

// The flavours. Webhook scripts see the object of syncs, on-event scripts that of actions.
const (
	Sync Flavour = 1 << iota
	Action
	Event
	Webhook

	All       = Sync | Action | Event | Webhook
	SyncLike  = Sync | Webhook
	MaxMeta   = 64<<10 - 1 // bytes of a call's structured part
	MaxBody   = 100 << 20  // bytes of a call's or an answer's body
	MaxLog    = 99_000     // bytes of one log entry
	MaxOutput = 2 << 20    // bytes of an action's output
	// InFlight is how many calls a run may have open; more wait in the runner.
	InFlight = 64
)

// Effect says what a call does to the world; replay and resume go by it.
type Effect uint8

// The effects.
const (
	Read     Effect = iota
	Write           // to our stores
	External        // outside
	Control         // the platform's own
)

// Spec is one line of the table of host calls.
type Spec struct {
	Name     string // wire name; also the label of metrics
	Flavours Flavour
	Effect   Effect
	MaxBody  int // bytes; larger never leaves the runner
	PerRun   int // calls a run may make; 0 = no limit
	// AfterAbort calls are allowed and completed although the run is being stopped.
	AfterAbort bool
	// Note calls have no answer.
	Note bool
}

// Names of the host calls.
const (
	CallProxy              = "proxy"
	CallFetch              = "fetch"
	CallRecordsSave        = "records.save"
	CallRecordsUpdate      = "records.update"
	CallRecordsDelete      = "records.delete"
	CallMergeStrategy      = "records.merge_strategy"
	CallRecordsByIDs       = "records.by_ids"
	CallRecordsPage        = "records.page"
	CallRecordsDeleteOlder = "records.delete_older"
	CallDeletesStart       = "deletes.start"
	CallDeletesEnd         = "deletes.end"
	CallCheckpointGet      = "checkpoint.get"
	CallCheckpointSave     = "checkpoint.save"
	CallCheckpointClear    = "checkpoint.clear"
	CallLockAcquire        = "lock.acquire"
	CallLockRelease        = "lock.release"
	CallLockReleaseAll     = "lock.release_all"
	CallConnectionGet      = "connection.get"
	CallMetadataSet        = "metadata.set"
	CallMetadataUpdate     = "metadata.update"
	CallIntegrationGet     = "integration.get"
	CallVariables          = "environment.variables"
	CallActionTrigger      = "action.trigger"
	CallSyncTrigger        = "sync.trigger"
	CallSyncStart          = "sync.start"
	CallLog                = "log"
	CallProgress           = "progress"
)

// Calls is the whole list of what a script can ask for. It is the platform's security boundary: nothing else reaches the
// worker.
var Calls = []Spec{
	{Name: CallProxy, Flavours: All, Effect: External, MaxBody: MaxBody, PerRun: 100_000},
	{Name: CallFetch, Flavours: All, Effect: External, MaxBody: MaxBody, PerRun: 10_000},
	{Name: CallRecordsSave, Flavours: SyncLike, Effect: Write, MaxBody: MaxBody},
	{Name: CallRecordsUpdate, Flavours: SyncLike, Effect: Write, MaxBody: MaxBody},
	{Name: CallRecordsDelete, Flavours: SyncLike, Effect: Write, MaxBody: MaxBody},
	{Name: CallMergeStrategy, Flavours: SyncLike, Effect: Write, PerRun: 1_000},
	{Name: CallRecordsByIDs, Flavours: SyncLike, Effect: Read},
	{Name: CallRecordsPage, Flavours: SyncLike, Effect: Read},
	{Name: CallRecordsDeleteOlder, Flavours: SyncLike, Effect: Write, PerRun: 1_000},
	{Name: CallDeletesStart, Flavours: SyncLike, Effect: Write, PerRun: 100},
	{Name: CallDeletesEnd, Flavours: SyncLike, Effect: Write, PerRun: 100},
	{Name: CallCheckpointGet, Flavours: All, Effect: Read, PerRun: 100_000},
	{Name: CallCheckpointSave, Flavours: All, Effect: Write, MaxBody: 1 << 20, PerRun: 100_000, AfterAbort: true},
	{Name: CallCheckpointClear, Flavours: All, Effect: Write, PerRun: 100_000},
	{Name: CallLockAcquire, Flavours: All, Effect: Write, PerRun: 10_000},
	{Name: CallLockRelease, Flavours: All, Effect: Write, PerRun: 10_000, AfterAbort: true},
	{Name: CallLockReleaseAll, Flavours: All, Effect: Write, PerRun: 10_000, AfterAbort: true},
	{Name: CallConnectionGet, Flavours: All, Effect: Read, PerRun: 10_000},
	{Name: CallMetadataSet, Flavours: All, Effect: Write, MaxBody: 1 << 20, PerRun: 10_000},
	{Name: CallMetadataUpdate, Flavours: All, Effect: Write, MaxBody: 1 << 20, PerRun: 10_000},
	{Name: CallIntegrationGet, Flavours: All, Effect: Read, PerRun: 1_000},
	{Name: CallVariables, Flavours: All, Effect: Read, PerRun: 1_000},
	{Name: CallActionTrigger, Flavours: All, Effect: External, MaxBody: 10 << 20, PerRun: 1_000},
	{Name: CallSyncTrigger, Flavours: All, Effect: External, PerRun: 1_000},
	{Name: CallSyncStart, Flavours: All, Effect: External, PerRun: 1_000},
	{Name: CallLog, Flavours: All, Effect: Control, MaxBody: MaxLog, Note: true},
	{Name: CallProgress, Flavours: All, Effect: Control, Note: true},
}

var specs = func() map[string]*Spec {
	m := make(map[string]*Spec, len(Calls))
	for i := range Calls {
		m[Calls[i].Name] = &Calls[i]
	}
	return m
}()

// SpecOf returns the line of the table for a wire name, or nil.
func SpecOf(name string) *Spec { return specs[name] }

// Pair is a name and a value whose order and repetition matter: a header line or a query parameter.
type Pair [2]string

// ProxyRequest is one HTTP call through the proxy, with the credentials of a connection that the script never sees.
type ProxyRequest struct {
	Method                   string       `json:"method"`
	Endpoint                 string       `json:"endpoint"`
	BaseURLOverride          string       `json:"base_url_override,omitempty"`
	Params                   []Pair       `json:"params,omitempty"` // set one by one on the endpoint's query
	Query                    string       `json:"query,omitempty"`  // appended as it is; an error beside a query in Endpoint
	Headers                  []Pair       `json:"headers,omitempty"`
	Retries                  int          `json:"retries,omitempty"`
	RetryOn                  []int        `json:"retry_on,omitempty"`
	RetryHeader              *RetryHeader `json:"retry_header,omitempty"`
	Decompress               bool         `json:"decompress,omitempty"`
	ForwardHeadersOnRedirect *bool        `json:"forward_headers_on_redirect,omitempty"` // nil: the provider's default
	IntegrationKey           string       `json:"integration_key,omitempty"`             // empty: the run's own
	ConnectionID             string       `json:"connection_id,omitempty"`
	// BodyKind is none, json, text, bytes, form (urlencoded text) or multipart (a whole body; its content type is in Headers).
	BodyKind string `json:"body_kind,omitempty"`
}

// RetryHeader names the response headers that say when to try again.
type RetryHeader struct {
	At    []string `json:"at,omitempty"`    // a moment: epoch seconds, epoch milliseconds or a date
	After []string `json:"after,omitempty"` // seconds
}

// Validate says what is wrong with the request.
func (q *ProxyRequest) Validate() error {
	switch {
	case q.Endpoint == "" && q.BaseURLOverride == "":
		return errors.New("endpoint: required unless baseUrlOverride is given")
	case q.Retries < 0 || q.Retries > 100:
		return errors.New("retries: between 0 and 100")
	}
	return nil
}

// FetchRequest is a plain HTTP call without credentials.
type FetchRequest struct {
	Method       string `json:"method"`
	URL          string `json:"url"`
	Headers      []Pair `json:"headers,omitempty"`
	MaxRedirects int    `json:"max_redirects,omitempty"` // 0: the policy's
}

// Validate says what is wrong with the request.
func (q *FetchRequest) Validate() error {
	if q.URL == "" {
		return errors.New("url: required")
	}
	return nil
}

// HTTPAnswer is a provider's answer; its body is raw, as it came, after content decoding.
type HTTPAnswer struct {
	Status     int    `json:"status"`
	StatusText string `json:"status_text"`
	Headers    []Pair `json:"headers"` // names in lower case
	URL        string `json:"url"`     // without credentials
}

// RecordsRequest saves, updates or deletes records; the body holds one JSON object a line.
type RecordsRequest struct {
	Model string `json:"model"` // base name; the variant is the run's
	Count int    `json:"count"`
}

// Validate says what is wrong with the request.
func (q *RecordsRequest) Validate() error {
	if q.Count < 1 || q.Count > causeway.MaxBatch {
		return fmt.Errorf("count: between 1 and %d, not %d", causeway.MaxBatch, q.Count)
	}
	return (&ModelRequest{Model: q.Model}).Validate()
}

// RecordsAnswer is what a write did; Duplicates are the ids that came twice, cut to the first 100.
type RecordsAnswer struct {
	Added      int64    `json:"added"`
	Updated    int64    `json:"updated"`
	Deleted    int64    `json:"deleted"`
	Unchanged  int64    `json:"unchanged"`
	Duplicates []string `json:"duplicates,omitempty"`
}

// MergeStrategyRequest selects how writes meet newer records of other runs.
type MergeStrategyRequest struct {
	Model    string `json:"model"`
	Strategy string `json:"strategy"` // override or ignore_if_modified_after
}

// Validate says what is wrong with the request.
func (q *MergeStrategyRequest) Validate() error {
	if q.Strategy != "override" && q.Strategy != "ignore_if_modified_after" {
		return fmt.Errorf("Unsupported merging strategy: %s", q.Strategy) //nolint:staticcheck // the contract's text
	}
	return (&ModelRequest{Model: q.Model}).Validate()
}

// RecordsByIDsRequest asks for at most 100 records; the answer's body is a JSON list.
type RecordsByIDsRequest struct {
	Model string   `json:"model"`
	IDs   []string `json:"ids"`
}

// Validate says what is wrong with the request.
func (q *RecordsByIDsRequest) Validate() error {
	if len(q.IDs) > 100 {
		return fmt.Errorf("ids: at most 100, not %d", len(q.IDs))
	}
	return (&ModelRequest{Model: q.Model}).Validate()
}

// RecordsPageRequest asks for the records after a cursor; the answer's body is a JSON list.
type RecordsPageRequest struct {
	Model  string `json:"model"`
	Cursor string `json:"cursor,omitempty"`
	Limit  int    `json:"limit,omitempty"`
}

// Validate says what is wrong with the request.
func (q *RecordsPageRequest) Validate() error {
	if q.Limit < 0 || q.Limit > 10_000 {
		return fmt.Errorf("limit: between 1 and 10000, not %d", q.Limit)
	}
	return (&ModelRequest{Model: q.Model}).Validate()
}

// RecordsPageAnswer says where the next page begins; empty: there is none.
type RecordsPageAnswer struct {
	NextCursor string `json:"next_cursor,omitempty"`
}

// ModelRequest names a model.
type ModelRequest struct {
	Model string `json:"model"`
}

// Validate says what is wrong with the request.
func (q *ModelRequest) Validate() error {
	if q.Model == "" || len(q.Model) > 255 {
		return errors.New("model: between 1 and 255 characters")
	}
	return nil
}

// CheckpointAnswer is a checkpoint; the body is its value, empty when there is none.
type CheckpointAnswer struct {
	Version int `json:"version"`
	// Interrupt asks the script to end gracefully: the run's soft limit has passed.
	Interrupt bool `json:"interrupt,omitempty"`
}

// CheckpointRequest writes a checkpoint over the version that was read; 0: none was there.
type CheckpointRequest struct {
	Version int `json:"version"`
}

// Validate says what is wrong with the request.
func (q *CheckpointRequest) Validate() error {
	if q.Version < 0 {
		return errors.New("version: not below 0")
	}
	return nil
}

// LockRequest names a lock; it belongs to the run.
type LockRequest struct {
	Key   string `json:"key"`
	TTLMs int64  `json:"ttl_ms,omitempty"` // acquire only
}

// Validate says what is wrong with the request.
func (q *LockRequest) Validate() error {
	if q.Key == "" || len(q.Key) > 255 {
		return errors.New("key: between 1 and 255 characters")
	}
	return nil
}

// LockAnswer says whether the lock was taken, or released.
type LockAnswer struct {
	Done bool `json:"done"`
}

// ConnectionRequest asks for a connection with credentials; the body is its wire form (ConnectionFull).
type ConnectionRequest struct {
	IntegrationKey string `json:"integration_key,omitempty"` // empty: the run's own
	ConnectionID   string `json:"connection_id,omitempty"`
	RefreshToken   bool   `json:"refresh_token,omitempty"`
	RefreshJWT     bool   `json:"refresh_jwt,omitempty"`
	Force          bool   `json:"force,omitempty"`
}

// IntegrationRequest asks for the run's integration; the body is its wire form.
type IntegrationRequest struct {
	Include []string `json:"include,omitempty"` // webhook, credentials
}

// APIAnswer is what the platform's API would have answered; the body is its JSON.
type APIAnswer struct {
	Status int `json:"status"`
}

// ActionRequest triggers another action and waits; the bodies are input and output.
type ActionRequest struct {
	IntegrationKey string `json:"integration_key"`
	ConnectionID   string `json:"connection_id"`
	Name           string `json:"name"`
}

// Validate says what is wrong with the request.
func (q *ActionRequest) Validate() error {
	if !causeway.ValidFunctionName(q.Name) {
		return errors.New("name: letters, digits, - and _, at most 255")
	}
	return nil
}

// SyncRequest triggers or starts syncs of a connection.
type SyncRequest struct {
	IntegrationKey string    `json:"integration_key"`
	ConnectionID   string    `json:"connection_id,omitempty"`
	Syncs          []SyncRef `json:"syncs"`
	Reset          bool      `json:"reset,omitempty"`
	EmptyCache     bool      `json:"empty_cache,omitempty"`
}

// SyncRef names a sync; an empty variant is the base.
type SyncRef struct {
	Name    string `json:"name"`
	Variant string `json:"variant,omitempty"`
}

// LogNote is one log line; the body is {"message": text, "meta": any}.
type LogNote struct {
	Level causeway.Level `json:"level"`
	Time  int64          `json:"time"` // epoch milliseconds
	// Platform marks a line of ours: it is stored whatever the script's level.
	Platform bool `json:"platform,omitempty"`
}

// Progress is a runner's sign of life for one run, once a second.
type Progress struct {
	Turns     int64 `json:"turns"`     // entries into the engine
	EngineMs  int64 `json:"engine_ms"` // time spent in it
	HeapBytes int64 `json:"heap_bytes"`
	Pending   int   `json:"pending"` // host calls without an answer
}

// None is the request or answer of a call that has none.
type None struct{}

// Call is a host call on its way: Seq is its number in the order in which the script issued calls.
type Call struct {
	Seq  uint32
	Name string
	Meta json.RawMessage
	Body []byte
	// Tape is what was recorded since the call before; nil: nothing, or the run is not recorded.
	Tape *Tape
}

// Answer is a call's answer.
type Answer struct {
	Meta json.RawMessage
	Body []byte
}
