package dryrun

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // recordings are named by it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/causeway-dev/causeway/script"
)

// Fixture is what a run asked for and produced, in the form that causeway test replays.
type Fixture struct {
	Input  json.RawMessage                  `json:"input,omitempty"`
	Output json.RawMessage                  `json:"output,omitempty"`
	Nango  map[string]any                   `json:"nango"`
	API    map[string]map[string]*endpoints `json:"api"`
}

// endpoints are the answers of one endpoint: written as one while it has one.
type endpoints []recording

// MarshalJSON writes an object for the only answer, else a list.
func (e *endpoints) MarshalJSON() ([]byte, error) {
	if len(*e) == 1 {
		return json.Marshal((*e)[0])
	}
	return json.Marshal([]recording(*e))
}

type recording struct {
	Response json.RawMessage   `json:"response,omitempty"`
	Status   int               `json:"status"`
	Headers  map[string]string `json:"headers"`
	Hash     string            `json:"hash"`
	Request  requestParts      `json:"request"`
}

type requestParts struct {
	Params  map[string]string `json:"params,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Data    json.RawMessage   `json:"data,omitempty"`
}

func newFixture(o Options) *Fixture {
	f := &Fixture{Input: o.Input, Nango: map[string]any{}, API: map[string]map[string]*endpoints{}}
	if o.Definition.Type == "sync" {
		saved, deleted := map[string][]json.RawMessage{}, map[string][]json.RawMessage{}
		for _, m := range o.Definition.Models {
			saved[m], deleted[m] = []json.RawMessage{}, []json.RawMessage{}
		}
		f.Nango["batchSave"], f.Nango["batchDelete"] = saved, deleted
	}
	return f
}

// row adds a record as the script gave it: a test compares all batches, joined.
func (f *Fixture) row(deleted bool, model string, row json.RawMessage) {
	name := map[bool]string{true: "batchDelete", false: "batchSave"}[deleted]
	if rows, ok := f.Nango[name].(map[string][]json.RawMessage); ok {
		rows[model] = append(rows[model], row)
	}
}

// connection keeps what is no secret of it.
func (f *Fixture) connection(c map[string]json.RawMessage) {
	kept := map[string]json.RawMessage{}
	if v, ok := c["connection_config"]; ok {
		kept["connection_config"] = v
	}
	f.Nango["getConnection"] = kept
	if v, ok := c["metadata"]; ok {
		f.Nango["getMetadata"] = v
	}
}

// redacted stands in a fixture for the nth credential that the script was given, everywhere the same.
func redacted(n int, _ string) string { return fmt.Sprintf("redacted-%d", n) }

// record keeps a call and its answer, without what the script must not have put there.
func (h *host) record(q script.ProxyRequest, body []byte, a *Answer) {
	clean := func(list []script.Pair) []script.Pair {
		out := make([]script.Pair, 0, len(list))
		for _, p := range list {
			out = append(out, script.Pair{p[0], h.secrets.Hide(p[1])})
		}
		return out
	}
	q.Endpoint, q.Query, q.Params, q.Headers = h.secrets.Hide(q.Endpoint), h.secrets.Hide(q.Query), clean(q.Params), clean(q.Headers)
	header := http.Header{}
	for name, values := range a.Header {
		for _, v := range values {
			header.Add(name, h.secrets.Hide(v))
		}
	}
	h.fixture.record(q, []byte(h.secrets.Hide(string(body))), &Answer{Status: a.Status, Header: header, Body: []byte(h.secrets.Hide(string(a.Body))), URL: a.URL})
}

// Headers of answers that say nothing to a script, or more than a file should hold.
var leftOut = []string{"set-cookie", "authorization", "www-authenticate", "x-request-id", "transfer-encoding", "connection", "date", "content-length"}

func (f *Fixture) record(q script.ProxyRequest, body []byte, a *Answer) {
	id := identify(q, body)
	method := strings.ToLower(id.Method)
	if f.API[method] == nil {
		f.API[method] = map[string]*endpoints{}
	}
	at := f.API[method]["/"+id.Endpoint]
	if at == nil {
		at = &endpoints{}
		f.API[method]["/"+id.Endpoint] = at
	}
	hash := id.hash()
	if slices.ContainsFunc(*at, func(r recording) bool { return r.Hash == hash }) {
		return
	}
	r := recording{Response: asJSON(a.Body), Status: a.Status, Headers: map[string]string{}, Hash: hash, Request: id.parts()}
	for name, values := range a.Header {
		if name = strings.ToLower(name); !slices.Contains(leftOut, name) {
			r.Headers[name] = strings.Join(values, ", ")
		}
	}
	*at = append(*at, r)
}

// asJSON is a body as a member of a JSON file: itself if it is JSON, else its text; nil for an empty one.
func asJSON(body []byte) json.RawMessage {
	switch {
	case len(body) == 0:
		return nil
	case json.Valid(body):
		return slices.Clone(body)
	}
	raw, err := json.Marshal(string(body))
	if err != nil {
		return nil
	}
	return raw
}

// identity is what names a call in a fixture; the order of its members is part of the hash.
type identity struct {
	Method   string      `json:"method"`
	Endpoint string      `json:"endpoint"`
	Params   [][2]string `json:"params"`
	Headers  [][2]string `json:"headers"`
	Data     string      `json:"data,omitempty"`
}

var ignoredHeaders = []string{
	"authorization", "user-agent", "nango-proxy-user-agent", "accept-encoding", "retries", "host", "connection-id", "provider-config-key", "nango-is-sync",
	"nango-is-script", "nango-is-dry-run", "nango-activity-log-id", "content-length", "accept", "base-url-override", "retry-on", "forward-headers-on-redirect",
}

func identify(q script.ProxyRequest, body []byte) identity {
	id := identity{Method: strings.ToLower(first(q.Method, http.MethodGet)), Params: [][2]string{}, Headers: [][2]string{}}
	path, query, _ := strings.Cut(withQuery(q.Endpoint, q), "?")
	if u, err := url.Parse(path); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		path = u.EscapedPath()
	} else if u, err := url.Parse("http://endpoint.invalid/" + strings.TrimPrefix(path, "/")); err == nil {
		path = u.JoinPath().EscapedPath()
	}
	id.Endpoint = strings.TrimPrefix(strings.TrimPrefix(path, "/proxy/"), "/")
	for _, part := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if part != "" && err1 == nil && err2 == nil {
			id.Params = append(id.Params, [2]string{n, v})
		}
	}
	for _, p := range q.Headers {
		name, lower := p[0], strings.ToLower(p[0])
		if rest, ok := strings.CutPrefix(lower, "nango-proxy-"); ok {
			name, lower = name[len("nango-proxy-"):], rest
		}
		value := strings.ToLower(p[1])
		usual := lower == "content-type" && (value == "application/json" || strings.HasPrefix(value, "application/x-www-form-urlencoded"))
		if !usual && !slices.Contains(ignoredHeaders, lower) {
			id.Headers = append(id.Headers, [2]string{name, p[1]})
		}
	}
	byName := func(a, b [2]string) int { return strings.Compare(a[0], b[0]) }
	slices.SortStableFunc(id.Params, byName)
	slices.SortStableFunc(id.Headers, byName)
	id.Data = string(body)
	if len(utf16.Encode([]rune(id.Data))) > 1000 {
		sum := sha1.Sum(body) //nolint:gosec // as above
		id.Data = "sha1:" + hex.EncodeToString(sum[:])
	}
	return id
}

func (id identity) hash() string {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if e.Encode(id) != nil {
		return ""
	}
	sum := sha1.Sum(bytes.TrimSuffix(text.Bytes(), []byte("\n"))) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

func (id identity) parts() requestParts {
	var p requestParts
	for to, from := range map[*map[string]string][][2]string{&p.Params: id.Params, &p.Headers: id.Headers} {
		for _, pair := range from {
			if *to == nil {
				*to = map[string]string{}
			}
			(*to)[pair[0]] = pair[1]
		}
	}
	if id.Data != "" {
		p.Data = asJSON([]byte(id.Data))
	}
	return p
}
