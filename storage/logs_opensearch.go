package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opensearch-project/opensearch-go/v4"
)

// OpenSearchOptions say where the nodes are and how indices are made.
type OpenSearchOptions struct {
	URL      string // http(s)://[user:password@]host:port, several separated by commas
	Prefix   string // of the names of indices; empty: causeway
	Replicas int
}

const (
	searchDial  = 5 * time.Second
	searchLimit = 20 * time.Second // one request; the first of a day makes an index
)

// Kinds of indices. Each day has one of each, so that retention is dropping whole indices. State management and zstd are plugins that
// a plain node lacks: neither is used.
const (
	operationIndex = "operation"
	messageIndex   = "message"
)

// openSearchLogs keeps logs in daily indices named prefix-kind-20060102: an operation by the time in its id, a message by its own.
type openSearchLogs struct {
	client   *opensearch.Client
	idle     func() // ends kept connections
	prefix   string
	replicas int
	process  string // tells messages of several processes apart
	lost     func(code string)
	ready    atomic.Bool // the templates are there: without them a write would make an index that guesses its fields
}

func openOpenSearchLogs(o OpenSearchOptions, lost func(code string)) (*openSearchLogs, error) {
	if o.Prefix == "" {
		o.Prefix = "causeway"
	}
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`).MatchString(o.Prefix) {
		return nil, errors.New("opensearch.prefix: small letters, digits, _ . and -, beginning with a letter or digit")
	}
	addresses := strings.Split(o.URL, ",")
	for i, a := range addresses {
		addresses[i] = strings.TrimSpace(a)
		if u, err := url.Parse(addresses[i]); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("opensearch.url is no http:// or https:// URL") // the cause would show the password
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: searchDial}).DialContext, TLSHandshakeTimeout: searchDial,
		MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	}
	// Repeating is up to the flusher, which knows how long it may take.
	client, err := opensearch.NewClient(opensearch.Config{Addresses: addresses, Transport: transport, DisableRetry: true})
	if err != nil {
		return nil, errors.New("opensearch.url can't be used")
	}
	return &openSearchLogs{
		client: client, idle: transport.CloseIdleConnections, prefix: o.Prefix, replicas: o.Replicas, lost: lost,
		process: rand.Text()[:8],
	}, nil
}

func (l *openSearchLogs) close() {
	_ = l.client.Close()
	l.idle()
}

// searchError is an answer that is none. It holds no text of the store: those quote documents.
type searchError struct {
	status int
	kind   string // such as mapper_parsing_exception
}

func (e *searchError) Error() string {
	return fmt.Sprintf("the log store answered %d %s", e.status, e.kind)
}

// call sends a request and reads the answer into out, unless that is nil. An answer of 400 and above is a searchError.
func (l *openSearchLogs) call(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, searchLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := l.client.Stream(req) // one look at errors of ours, without their texts
	if err != nil {
		return fmt.Errorf("ask the log store: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the log store's answer: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return refusal(resp.StatusCode, raw)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("the log store's answer can't be read: %w", err)
	}
	return nil
}

func (l *openSearchLogs) callJSON(ctx context.Context, method, path string, body, out any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return err
		}
	}
	return l.call(ctx, method, path, "application/json", raw, out)
}

// refusal reads the kind of an error, which is an object, a text, or missing.
func refusal(status int, raw []byte) error {
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	var detail itemError
	if json.Unmarshal(raw, &body) == nil {
		_ = json.Unmarshal(body.Error, &detail) // a text has no kind
	}
	if full(status, detail) {
		return fmt.Errorf("%w: %w", errLogStoreFull, &searchError{status, detail.Type})
	}
	return &searchError{status, detail.Type}
}

type itemError struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// full says whether a store refuses writes until somebody makes room: its disk is nearly full, and it has made its indices read-only. That
// looks like back-pressure (429) and isn't.
func full(status int, e itemError) bool {
	return status == http.StatusTooManyRequests && e.Type == "cluster_block_exception" ||
		e.Type == "index_create_block_exception"
}

func hasStatus(err error, status int) bool {
	e, ok := errors.AsType[*searchError](err)
	return ok && e.status == status
}

func (l *openSearchLogs) index(kind string, day time.Time) string {
	return l.prefix + "-" + kind + "-" + day.UTC().Format("20060102")
}

// all is every day's index of a kind.
func (l *openSearchLogs) all(kind string) string { return l.prefix + "-" + kind + "-*" }

func (l *openSearchLogs) refresh(ctx context.Context) error {
	return l.callJSON(ctx, http.MethodPost, "/"+l.all(operationIndex)+","+l.all(messageIndex)+"/_refresh", nil, nil)
}

// prepare makes the templates that new indices are made from, unless this process has done it.
func (l *openSearchLogs) prepare(ctx context.Context) error {
	if l.ready.Load() {
		return nil
	}
	for kind, properties := range map[string]object{operationIndex: operationFields, messageIndex: messageFields} {
		template := map[string]any{
			"index_patterns": []string{l.all(kind)},
			"priority":       500, // above what somebody may have for all indices
			"template": map[string]any{
				"settings": map[string]any{
					"number_of_shards": 1, "number_of_replicas": l.replicas, "codec": "best_compression",
					"translog.durability": "async", // losing the last moment's logs in a crash of the node is fine
				},
				// What is not listed is kept and not indexed.
				"mappings": map[string]any{"dynamic": false, "properties": properties},
			},
		}
		if err := l.callJSON(ctx, http.MethodPut, "/_index_template/"+l.prefix+"-"+kind, template, nil); err != nil {
			return fmt.Errorf("make the template of %s indices: %w", kind, err)
		}
	}
	l.ready.Store(true)
	return nil
}

// maintain makes the templates again, which may have changed with the settings, and deletes the indices of days that are over.
func (l *openSearchLogs) maintain(ctx context.Context, retention time.Duration) error {
	l.ready.Store(false)
	if err := l.prepare(ctx); err != nil {
		return err
	}
	for _, kind := range []string{operationIndex, messageIndex} {
		var found []struct {
			Index string `json:"index"`
		}
		if err := l.callJSON(ctx, http.MethodGet, "/_cat/indices/"+l.all(kind)+"?format=json&h=index", nil, &found); err != nil {
			return fmt.Errorf("list %s indices: %w", kind, err)
		}
		for _, f := range found {
			day, err := time.Parse("20060102", strings.TrimPrefix(f.Index, l.prefix+"-"+kind+"-"))
			if err != nil || retention == 0 || day.AddDate(0, 0, 1).After(time.Now().Add(-retention)) {
				continue // somebody else's, or still wanted
			}
			err = l.callJSON(ctx, http.MethodDelete, "/"+f.Index, nil, nil)
			if err != nil && !hasStatus(err, http.StatusNotFound) { // another process may have been first
				return fmt.Errorf("delete index %s: %w", f.Index, err)
			}
		}
	}
	return nil
}
