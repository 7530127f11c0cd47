package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// deployBody is a deploy as the command lines send it.
type deployBody struct {
	FlowConfigs                     []flowConfig     `json:"flowConfigs"`
	OnEventScriptsByProvider        []eventScripts   `json:"onEventScriptsByProvider"`
	PostConnectionScriptsByProvider []eventScripts   `json:"postConnectionScriptsByProvider"`
	NangoYamlBody                   *string          `json:"nangoYamlBody"`
	JSONSchema                      *json.RawMessage `json:"jsonSchema"`
	Reconcile                       bool             `json:"reconcile"`
	Debug                           bool             `json:"debug"`
	DeployMode                      string           `json:"deployMode"`
	SingleDeployMode                bool             `json:"singleDeployMode"`
	SDKVersion                      string           `json:"sdkVersion"`
	Source                          string           `json:"source"`
}

type fileBody struct {
	JS string `json:"js"`
	TS string `json:"ts"`
}

type flowConfig struct {
	Type                 causeway.FunctionKind `json:"type"`
	SyncName             string                `json:"syncName"`
	ProviderConfigKey    string                `json:"providerConfigKey"`
	Models               []string              `json:"models"`
	Runs                 *string               `json:"runs"`
	AutoStart            bool                  `json:"auto_start"`
	Attributes           json.RawMessage       `json:"attributes"`
	Metadata             *flowMetadata         `json:"metadata"`
	Input                json.RawMessage       `json:"input"`
	Endpoints            json.RawMessage       `json:"endpoints"`
	FileBody             fileBody              `json:"fileBody"`
	Version              string                `json:"version"`
	TrackDeletes         bool                  `json:"track_deletes"`
	SyncType             string                `json:"sync_type"`
	WebhookSubscriptions []string              `json:"webhookSubscriptions"`
	ModelsJSONSchema     json.RawMessage       `json:"models_json_schema"`
	ModelSchema          json.RawMessage       `json:"model_schema"`
	Features             []string              `json:"features"`
}

type flowMetadata struct {
	Scopes      []string `json:"scopes"`
	Description string   `json:"description"`
}

type eventScripts struct {
	ProviderConfigKey string        `json:"providerConfigKey"`
	Scripts           []eventScript `json:"scripts"`
}

type eventScript struct {
	Name     string   `json:"name"`
	FileBody fileBody `json:"fileBody"`
	Event    string   `json:"event"`
}

var sdkVersion = regexp.MustCompile(`\d+\.\d+\.\d+-(?:zero|yaml)`)

// request checks a body and makes what is stored from it. upload takes the code and returns its key.
func (b *deployBody) request(upload func(text string) string) (storage.DeployRequest, error) {
	r := storage.DeployRequest{Mode: b.DeployMode, Source: b.Source, SDKVersion: b.SDKVersion, Reconcile: b.Reconcile}
	var found issues
	switch {
	case b.SingleDeployMode:
		r.Mode = "single"
	case r.Mode == "":
		r.Mode = "all"
	}
	found.check(r.Mode == "all" || r.Mode == "single" || r.Mode == "integration", "invalid_value", `Invalid option: expected one of "all"|"single"|"integration"`, "deployMode")
	if r.Source == "" {
		r.Source = "repo"
	}
	found.check(r.Source == "repo" || r.Source == "standalone", "invalid_value", `Invalid option: expected one of "standalone"|"repo"`, "source")
	found.check(b.SDKVersion == "" || sdkVersion.MatchString(b.SDKVersion), "invalid_format", "Invalid string: must hold <n>.<n>.<n>-zero or -yaml", "sdkVersion")
	for i := range b.FlowConfigs {
		r.Functions = append(r.Functions, b.FlowConfigs[i].function(&found, []string{"flowConfigs", itoa(i)}, upload))
	}
	if len(b.FlowConfigs) > 0 { // on-event scripts alone are not deployed: the clients know it so
		events := b.OnEventScriptsByProvider
		for _, p := range b.PostConnectionScriptsByProvider {
			for i := range p.Scripts {
				p.Scripts[i].Event = "post-connection-creation"
			}
			events = append(events, p)
		}
		for i, p := range events {
			for j, s := range p.Scripts {
				r.Functions = append(r.Functions, s.function(&found, []string{"onEventScriptsByProvider", itoa(i), "scripts", itoa(j)}, p.ProviderConfigKey, upload))
			}
		}
	}
	return r, found.err(badBody)
}

func (f *flowConfig) function(found *issues, path []string, upload func(string) string) storage.DeployFunction {
	at := func(name string) []string { return append(append([]string{}, path...), name) }
	found.check(f.Type == causeway.KindSync || f.Type == causeway.KindAction, "invalid_value", `Invalid option: expected one of "action"|"sync"`, at("type")...)
	found.check(causeway.ValidFunctionName(f.SyncName), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", at("syncName")...)
	found.check(causeway.ValidIntegrationKey(f.ProviderConfigKey), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", at("providerConfigKey")...)
	found.check(f.FileBody.JS != "", "invalid_type", "Invalid input: expected string, received undefined", append(at("fileBody"), "js")...)
	found.check(!f.TrackDeletes || f.SyncType != "incremental", "custom", "track_deletes is not allowed together with an incremental sync", at("track_deletes")...)
	d := storage.DeployFunction{
		Kind: f.Type, Name: f.SyncName, IntegrationKey: f.ProviderConfigKey, Version: f.Version, AutoStart: f.AutoStart, Subscriptions: f.WebhookSubscriptions, JSONSchema: f.ModelsJSONSchema,
		BundleKey: upload(f.FileBody.JS), SourceKey: upload(f.FileBody.TS),
		Definition: causeway.FunctionDefinition{Models: f.Models, SyncType: f.SyncType, TrackDeletes: f.TrackDeletes, Endpoints: f.Endpoints, Attributes: f.Attributes, Features: f.Features},
	}
	if f.Metadata != nil {
		d.Definition.Description, d.Definition.Scopes = f.Metadata.Description, f.Metadata.Scopes
	}
	_ = json.Unmarshal(f.Input, &d.Definition.Input) // anything but the name of a model is not kept
	if f.Runs != nil && *f.Runs != "" {
		interval, _, err := causeway.ParseFrequency(*f.Runs)
		found.check(err == nil, "invalid_format", "Invalid string: write a number and a unit, at least 30 seconds", at("runs")...)
		d.Runs, d.FrequencyS = *f.Runs, int(interval.Seconds())
	}
	found.check(f.Type != causeway.KindSync || d.Runs != "", "invalid_type", "Invalid input: a sync needs a frequency", at("runs")...)
	found.check(schemaHas(f.ModelsJSONSchema, append(append([]string{}, f.Models...), d.Definition.Input)), "custom", "a model or the input is not defined in the schema", at("models_json_schema")...)
	return d
}

// schemaHas says whether a schema, if there is one, defines all names.
func schemaHas(schema json.RawMessage, names []string) bool {
	if len(schema) == 0 || string(schema) == "null" {
		return true
	}
	var s struct {
		Definitions map[string]json.RawMessage `json:"definitions"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return false
	}
	for _, n := range names {
		if _, ok := s.Definitions[n]; n != "" && !ok {
			return false
		}
	}
	return true
}

var onEvents = map[string]bool{"post-connection-creation": true, "pre-connection-deletion": true, "validate-connection": true}

func (s *eventScript) function(found *issues, path []string, integration string, upload func(string) string) storage.DeployFunction {
	at := func(name string) []string { return append(append([]string{}, path...), name) }
	found.check(causeway.ValidFunctionName(s.Name), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9_-]+$/", at("name")...)
	found.check(onEvents[s.Event], "invalid_value", `Invalid option: expected one of "post-connection-creation"|"pre-connection-deletion"|"validate-connection"`, at("event")...)
	return storage.DeployFunction{Kind: causeway.KindOnEvent, Name: s.Name, Event: s.Event, IntegrationKey: integration, BundleKey: upload(s.FileBody.JS), SourceKey: upload(s.FileBody.TS)}
}

// blobKey is where a text of a deploy lies: its content's hash, so unchanged code is stored once.
func blobKey(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "code/" + hex.EncodeToString(sum[:])
}

func (s *Server) planDeploy(c *gin.Context, p *principal) error {
	b, err := s.deployBody(c)
	if err != nil {
		return err
	}
	r, err := b.request(blobKey)
	if err != nil {
		return err
	}
	plan, err := s.Store.PlanDeploy(c.Request.Context(), p.environment.ID, r)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, plan)
}

func (s *Server) deployBody(c *gin.Context) (*deployBody, error) {
	if err := emptyQuery(c); err != nil {
		return nil, err
	}
	var b deployBody
	if err := decodeBody(c, &b); err != nil {
		return nil, err
	}
	return &b, nil
}

func (s *Server) deploy(c *gin.Context, p *principal) error {
	b, err := s.deployBody(c)
	if err != nil {
		return err
	}
	texts := map[string]string{}
	r, err := b.request(func(text string) string {
		key := blobKey(text)
		texts[key] = text
		return key
	})
	if err != nil {
		return err
	}
	if b.NangoYamlBody == nil {
		return issueError("invalid_type", "Invalid input: expected string, received undefined", "nangoYamlBody")
	}
	if len(b.FlowConfigs) == 0 {
		return answer(c, http.StatusOK, []storage.DeployedFunction{}) // nothing is removed by an empty deploy
	}
	ctx := c.Request.Context()
	if workers, err := s.Store.LiveWorkers(ctx); err != nil || workers == 0 {
		if err != nil {
			return err
		}
		return causeway.Errorf(http.StatusServiceUnavailable, "no_worker", "no worker is running that could compile the functions")
	}
	if _, err := s.Store.PlanDeploy(ctx, p.environment.ID, r); err != nil { // an unknown integration is said before anything is written
		return err
	}
	for key, text := range texts {
		if there, err := s.Blob.Has(ctx, key); err == nil && there {
			continue
		}
		if err := s.Blob.Put(ctx, key, []byte(text)); err != nil {
			return causeway.Errorf(http.StatusInternalServerError, "file_upload_error", "the code could not be stored").WithCause(err)
		}
	}
	return s.apply(c, p, r)
}

// apply writes the deploy, has it done, and waits for its row as long as the client does.
func (s *Server) apply(c *gin.Context, p *principal, r storage.DeployRequest) error {
	ctx := c.Request.Context()
	began := time.Now()
	op := causeway.Operation{
		ID: causeway.NewOperationID(began), EnvironmentID: p.environment.ID, Type: "deploy", Action: "custom", State: causeway.OperationRunning, StartedAt: &began,
		Names: causeway.OperationNames{Environment: p.environment.Name},
	}
	s.Logs.Operation(op)
	uid, err := s.Store.CreateDeploy(ctx, p.environment.ID, r, map[string]any{"type": "api_key", "id": p.key.ID}, op.ID)
	if err != nil {
		return err
	}
	if err := s.Dispatch.StartDeploy(ctx, p.environment.ID, uid); err != nil {
		s.Logger.Warn("a deploy could not be started; the reconciler will", "error", err)
	}
	d, err := s.awaitDeploy(ctx, p.environment.ID, uid)
	if err != nil {
		return err
	}
	now := time.Now()
	op.EndedAt, op.UpdatedAt, op.State = &now, now, causeway.OperationSuccess
	if d.State == storage.DeployFailed {
		op.State = causeway.OperationFailed
		op.Error, _ = json.Marshal(map[string]string{"code": d.ErrorCode, "message": d.ErrorMessage})
		s.Logs.Operation(op)
		return &causeway.Error{Code: d.ErrorCode, Status: deployStatus(d.ErrorCode), Message: d.ErrorMessage, Legacy: true}
	}
	s.Logs.Operation(op)
	return answer(c, http.StatusOK, d.Output)
}

func deployStatus(code string) int {
	switch {
	case code == storage.ErrConcurrentDeploy.Code:
		return http.StatusConflict
	case strings.HasPrefix(code, "deploy_"), strings.HasPrefix(code, "failed_to_build"), code == "unknown_provider_config":
		return http.StatusBadRequest
	default:
		return http.StatusInternalServerError
	}
}

// deployLook is the pause between two looks at a deploy's row.
const deployLook = 50 * time.Millisecond

func (s *Server) awaitDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) (*storage.Deploy, error) {
	t := time.NewTicker(deployLook)
	defer t.Stop()
	for {
		d, err := s.Store.Deploy(ctx, environmentID, uid)
		if err != nil || d.State != storage.DeployCompiling {
			return d, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-t.C:
		}
	}
}
