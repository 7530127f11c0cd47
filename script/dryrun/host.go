package dryrun

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// host answers a script's calls: those that only read, and those of the provider, through the platform; the others from memory.
type host struct {
	platform Platform
	options  Options
	began    time.Time

	mu         sync.Mutex
	saved      records
	updated    records
	deleted    records
	checkpoint json.RawMessage
	version    int
	requests   int
	fixture    *Fixture
	secrets    causeway.Secrets // that the script was given: they must not get into a fixture
}

func newHost(p Platform, o Options) *host {
	h := &host{
		platform: p, options: o, saved: newRecords(), updated: newRecords(), deleted: newRecords(), secrets: causeway.Secrets{Shown: redacted}, checkpoint: o.Checkpoint, fixture: newFixture(o),
	}
	if o.Checkpoint != nil {
		h.version = 1
	}
	return h
}

// result is what has been done so far.
func (h *host) result() *Result {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &Result{Saved: h.saved.all(), Updated: h.updated.all(), Deleted: h.deleted.all(), Checkpoint: h.checkpoint, Fixture: h.fixture, Requests: h.requests}
	if !h.began.IsZero() {
		r.Millis = time.Since(h.began).Milliseconds()
	}
	return r
}

// Proxy makes the call through the platform's proxy, which adds the credentials.
func (h *host) Proxy(ctx context.Context, run *script.Run, q script.ProxyRequest, body []byte) (script.HTTPAnswer, []byte, error) {
	header := http.Header{}
	for _, p := range q.Headers {
		if strings.EqualFold(p[0], "Content-Type") {
			header.Set("Content-Type", p[1])
		}
		header.Add("Nango-Proxy-"+p[0], p[1])
	}
	header.Set("Connection-Id", first(q.ConnectionID, run.ConnectionKey))
	header.Set("Provider-Config-Key", first(q.IntegrationKey, run.IntegrationKey))
	header.Set("Nango-Is-Dry-Run", "true")
	if run.Kind == causeway.RunSync {
		header.Set("Nango-Is-Sync", "true")
	}
	steer(header, q)
	if kind := map[string]string{"json": "application/json", "form": "application/x-www-form-urlencoded", "bytes": "application/octet-stream", "text": "text/plain"}[q.BodyKind]; kind != "" && header.Get("Content-Type") == "" {
		header.Set("Content-Type", kind)
	}
	path := withQuery("/proxy/"+strings.TrimPrefix(q.Endpoint, "/"), q)
	a, err := h.platform.Do(ctx, first(q.Method, http.MethodGet), path, header, body)
	if err != nil {
		return script.HTTPAnswer{}, nil, networkError(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests++
	h.record(q, body, a)
	return script.HTTPAnswer{Status: a.Status, StatusText: http.StatusText(a.Status), Headers: pairs(a.Header), URL: q.Endpoint}, a.Body, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// steer sets the headers by which the proxy is told how to call.
func steer(header http.Header, q script.ProxyRequest) {
	set := func(name, value string) {
		if value != "" {
			header.Set(name, value)
		}
	}
	set("Base-Url-Override", q.BaseURLOverride)
	if q.Retries > 0 {
		set("Retries", strconv.Itoa(q.Retries))
	}
	codes := make([]string, 0, len(q.RetryOn))
	for _, c := range q.RetryOn {
		codes = append(codes, strconv.Itoa(c))
	}
	set("Retry-On", strings.Join(codes, ","))
	if q.Decompress {
		set("Decompress", "true")
	}
	if q.ForwardHeadersOnRedirect != nil {
		set("Forward-Headers-On-Redirect", strconv.FormatBool(*q.ForwardHeadersOnRedirect))
	}
}

// withQuery adds a call's parameters to its path: those that are set one by one replace what the path says of them.
func withQuery(path string, q script.ProxyRequest) string {
	path, given, _ := strings.Cut(path, "?")
	if q.Query != "" {
		given = strings.Trim(given+"&"+strings.TrimPrefix(q.Query, "?"), "&")
	}
	if len(q.Params) > 0 {
		var kept []string
		for _, part := range strings.Split(given, "&") {
			name, _, _ := strings.Cut(part, "=")
			plain, err := url.QueryUnescape(name)
			if part == "" || err == nil && slices.ContainsFunc(q.Params, func(p script.Pair) bool { return p[0] == plain }) {
				continue
			}
			kept = append(kept, part)
		}
		for _, p := range q.Params {
			kept = append(kept, url.QueryEscape(p[0])+"="+url.QueryEscape(p[1]))
		}
		given = strings.Join(kept, "&")
	}
	if given == "" {
		return path
	}
	return path + "?" + given
}

func pairs(h http.Header) []script.Pair {
	var out []script.Pair
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			out = append(out, script.Pair{strings.ToLower(name), v})
		}
	}
	return out
}

func networkError(err error) error {
	return &script.CallError{Code: "ECONNREFUSED", Message: "no answer came: " + err.Error(), Network: true, Cause: err}
}

// Fetch makes a call without credentials.
func (h *host) Fetch(ctx context.Context, _ *script.Run, q script.FetchRequest, body []byte) (script.HTTPAnswer, []byte, error) {
	header := http.Header{}
	for _, p := range q.Headers {
		header.Add(p[0], p[1])
	}
	a, err := h.platform.Fetch(ctx, first(q.Method, http.MethodGet), q.URL, header, body)
	if err != nil {
		return script.HTTPAnswer{}, nil, networkError(err)
	}
	return script.HTTPAnswer{Status: a.Status, StatusText: http.StatusText(a.Status), Headers: pairs(a.Header), URL: a.URL}, a.Body, nil
}

// api makes a call of the platform's API. Its error is one that the script sees as such.
func (h *host) api(ctx context.Context, method, path string, body []byte, headers ...string) ([]byte, error) {
	header := http.Header{"Nango-Is-Dry-Run": {"true"}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	a, err := h.platform.Do(ctx, method, path, header, body)
	if err != nil {
		return nil, networkError(err)
	}
	if a.Status/100 != 2 {
		return nil, &script.CallError{
			Code: "platform_error", Message: fmt.Sprintf("%s %s: status %d", method, path, a.Status), Platform: true, Body: a.Body,
			Response: &script.HTTPAnswer{Status: a.Status, StatusText: http.StatusText(a.Status), Headers: pairs(a.Header)},
		}
	}
	return a.Body, nil
}

// Connection is the platform's, with the metadata that the dry run was given.
func (h *host) Connection(ctx context.Context, run *script.Run, q script.ConnectionRequest) ([]byte, error) {
	query := url.Values{"provider_config_key": {first(q.IntegrationKey, run.IntegrationKey)}}
	for name, set := range map[string]bool{"refresh_token": q.RefreshToken, "force_refresh": q.Force, "refresh_github_app_jwt_token": q.RefreshJWT} {
		if set {
			query.Set(name, "true")
		}
	}
	id := first(q.ConnectionID, run.ConnectionKey)
	raw, err := h.api(ctx, http.MethodGet, "/connections/"+url.PathEscape(id)+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var c map[string]json.RawMessage
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("read the connection: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	script.LearnSecrets(&h.secrets, script.CallConnectionGet, raw)
	if id != run.ConnectionKey {
		return raw, nil
	}
	if h.options.Metadata != nil {
		c["metadata"] = h.options.Metadata
		if raw, err = json.Marshal(c); err != nil {
			return nil, err
		}
	}
	h.fixture.connection(c)
	return raw, nil
}

// SetMetadata replaces the connection's metadata on the platform, or what the dry run was given in its place.
func (h *host) SetMetadata(ctx context.Context, run *script.Run, metadata []byte) (script.APIAnswer, []byte, error) {
	return h.writeMetadata(ctx, run, http.MethodPost, http.StatusCreated, metadata)
}

// UpdateMetadata is SetMetadata that keeps other members.
func (h *host) UpdateMetadata(ctx context.Context, run *script.Run, metadata []byte) (script.APIAnswer, []byte, error) {
	return h.writeMetadata(ctx, run, http.MethodPatch, http.StatusOK, metadata)
}

func (h *host) writeMetadata(ctx context.Context, run *script.Run, method string, status int, metadata []byte) (script.APIAnswer, []byte, error) {
	body, err := json.Marshal(map[string]any{"connection_id": run.ConnectionKey, "provider_config_key": run.IntegrationKey, "metadata": json.RawMessage(metadata)})
	if err != nil {
		return script.APIAnswer{}, nil, err
	}
	h.mu.Lock()
	own := h.options.Metadata != nil
	if own {
		h.options.Metadata = merged(h.options.Metadata, metadata, method == http.MethodPatch)
	}
	h.mu.Unlock()
	if own {
		return script.APIAnswer{Status: status}, body, nil
	}
	answer, err := h.api(ctx, method, "/connections/metadata", body)
	return script.APIAnswer{Status: status}, answer, err
}

func merged(old, given json.RawMessage, keep bool) json.RawMessage {
	all := map[string]json.RawMessage{}
	if keep && json.Unmarshal(old, &all) != nil {
		return given
	}
	if json.Unmarshal(given, &all) != nil {
		return given
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return given
	}
	return raw
}

// Integration is the platform's.
func (h *host) Integration(ctx context.Context, run *script.Run, q script.IntegrationRequest) ([]byte, error) {
	query := url.Values{}
	for _, part := range q.Include {
		query.Add("include", part)
	}
	path := "/integrations/" + url.PathEscape(run.IntegrationKey)
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	raw, err := h.api(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	var shape struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &shape); err != nil {
		return nil, fmt.Errorf("read the integration: %w", err)
	}
	h.learn(script.CallIntegrationGet, shape.Data)
	return shape.Data, nil
}

// Variables are those of the platform's environment.
func (h *host) Variables(ctx context.Context, _ *script.Run) ([]byte, error) {
	raw, err := h.api(ctx, http.MethodGet, "/environment-variables", nil)
	h.learn(script.CallVariables, raw)
	return raw, err
}

// learn remembers what the script was given and no fixture may hold.
func (h *host) learn(call string, answer []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	script.LearnSecrets(&h.secrets, call, answer)
}

// TriggerAction runs a deployed action on the platform.
func (h *host) TriggerAction(ctx context.Context, _ *script.Run, q script.ActionRequest, input []byte) ([]byte, error) {
	body := map[string]any{"action_name": q.Name}
	if len(input) > 0 {
		body["input"] = json.RawMessage(input)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return h.api(ctx, http.MethodPost, "/action/trigger", raw, "Connection-Id", q.ConnectionID, "Provider-Config-Key", q.IntegrationKey)
}

// TriggerSync only says what would happen.
func (h *host) TriggerSync(_ context.Context, _ *script.Run, q script.SyncRequest) error {
	h.options.Warn(fmt.Sprintf("triggerSync of %v of %s: not done in a dry run", q.Syncs, q.IntegrationKey))
	return nil
}

// StartSync only says what would happen.
func (h *host) StartSync(_ context.Context, _ *script.Run, q script.SyncRequest) error {
	h.options.Warn(fmt.Sprintf("startSync of %v of %s: not done in a dry run", q.Syncs, q.IntegrationKey))
	return nil
}

// Log shows a line.
func (h *host) Log(_ *script.Run, note script.LogNote, body []byte) {
	var line struct {
		Message string          `json:"message"`
		Meta    json.RawMessage `json:"meta"`
	}
	if json.Unmarshal(body, &line) != nil {
		line.Message = string(bytes.TrimSpace(body))
	}
	h.options.Log(string(note.Level), line.Message, line.Meta)
}

// Progress is of no interest here.
func (h *host) Progress(*script.Run, script.Progress) {}
