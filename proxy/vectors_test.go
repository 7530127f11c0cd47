package proxy

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/egress"
	"github.com/causeway-dev/causeway/providers"
)

// catalogWith is a catalog with one more entry, "acme", whose proxy block is given.
func catalogWith(t testing.TB, block map[string]any) *providers.Catalog {
	t.Helper()
	raw, err := yaml.Marshal(map[string]any{"acme": map[string]any{"display_name": "Acme", "docs": "x", "auth_mode": "OAUTH2", "proxy": block}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "acme.yaml")
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	c, err := providers.Load(path)
	require.NoError(t, err)
	require.NoError(t, c.Problems())
	return c
}

func clientFor(t testing.TB, o egress.Options, c egress.ClientOptions) *egress.Client {
	t.Helper()
	policy, err := egress.NewPolicy(o)
	require.NoError(t, err)
	client, err := egress.NewClient(policy, c)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

type urlVector struct {
	ID       string
	Mode     string
	BaseURL  string `json:"base_url"`
	Override string `json:"base_url_override"`
	Endpoint string
	Method   string
	URL      string
	Params   json.RawMessage
	Query    map[string]any    `json:"proxy_query"`
	Headers  map[string]any    `json:"proxy_headers"`
	Body     map[string]any    `json:"proxy_body"`
	Caller   map[string]string `json:"caller_headers"`

	Connection struct {
		Config      map[string]any       `json:"connection_config"`
		Credentials causeway.Credentials `json:"credentials"`
	}
	Integration *struct {
		ID     string `json:"oauth_client_id"`
		Secret string `json:"oauth_client_secret"`
	}
	Expected    json.RawMessage
	ExpectError string `json:"expect_error"`
	Note        string
}

// The cases of the other modes are package providers'.
func TestInterpolationVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/interpolation-vectors.json")
	require.NoError(t, err)
	var file struct{ Cases []json.RawMessage }
	require.NoError(t, json.Unmarshal(raw, &file))
	ran := 0
	for _, raw := range file.Cases {
		var v urlVector
		require.NoError(t, json.Unmarshal(raw, &v))
		if !strings.HasPrefix(v.Mode, "proxy_") {
			continue
		}
		ran++
		t.Run(v.ID, func(t *testing.T) { v.run(t) })
	}
	require.Equal(t, 38, ran)
}

func (v urlVector) run(t *testing.T) {
	block := map[string]any{"base_url": v.BaseURL, "query": v.Query, "headers": v.Headers, "body": v.Body}
	if v.BaseURL == "" {
		block["base_url"] = "https://api.example.com"
	}
	p := New(Options{Client: clientFor(t, egress.Options{}, egress.ClientOptions{}), Catalog: catalogWith(t, block)})
	provider, _ := p.Catalog.Provider("acme")
	call := Call{
		Connection: &causeway.Connection{Provider: "acme", Config: v.Connection.Config, Credentials: v.Connection.Credentials},
		Method:     v.Method, Endpoint: v.Endpoint, BaseURLOverride: v.Override, Header: http.Header{},
	}
	if call.Method == "" {
		call.Method = "POST"
	}
	if v.Integration != nil {
		call.Integration = &causeway.Integration{Secrets: causeway.IntegrationSecrets{ClientID: v.Integration.ID, ClientSecret: v.Integration.Secret}}
	}
	for name, value := range v.Caller {
		call.Header.Set(name, value)
	}
	call.Params = paramsOf(t, v.Params)
	target, err := p.target(provider, &call)
	if v.ExpectError != "" {
		require.Equal(t, map[string]string{"unresolved": "missing_api_url"}[v.ExpectError]+strings.TrimPrefix(v.ExpectError, "unresolved"), causeway.ErrorCode(err), v.Note)
		return
	}
	require.NoError(t, err)
	switch v.Mode {
	case "proxy_url":
		var want string
		require.NoError(t, json.Unmarshal(v.Expected, &want))
		got := target.url.Scheme + "://" + target.url.Host + target.url.Opaque
		if target.url.RawQuery != "" {
			got += "?" + target.url.RawQuery
		}
		require.Equal(t, want, got, v.Note)
	case "proxy_headers":
		var want map[string]string
		require.NoError(t, json.Unmarshal(v.Expected, &want))
		got := map[string]string{}
		for name := range target.header {
			if name != "User-Agent" && name != "Accept-Encoding" {
				got[strings.ToLower(name)] = target.header.Get(name)
			}
		}
		require.Equal(t, want, got, v.Note)
	case "proxy_body":
		if string(v.Expected) == "null" {
			require.Empty(t, target.body, v.Note)
		} else {
			require.JSONEq(t, string(v.Expected), string(target.body), v.Note)
		}
	}
}

func paramsOf(t *testing.T, raw json.RawMessage) [][2]string {
	if len(raw) == 0 {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return [][2]string{{"", text}}
	}
	var set map[string]string
	require.NoError(t, json.Unmarshal(raw, &set))
	var out [][2]string
	for name, value := range set {
		out = append(out, [2]string{name, value})
	}
	return out
}

func TestRetryVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/token-and-retry-vectors.json")
	require.NoError(t, err)
	var file struct {
		Clock time.Time
		Retry []struct {
			Note    string
			Catalog map[string]any `json:"catalog_retry"`
			Call    struct {
				RetryOn []int `json:"retryOn"`
				Header  struct{ At, After any }
				Retry   struct{ At, After string } `json:"retryHeader"`
			}
			Response struct {
				Status  int
				Code    string
				Headers map[string]string
				Body    any
			}
			Expected struct {
				Retry  bool
				Reason string
				Wait   *int64 `json:"wait_ms"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.Len(t, file.Retry, 20)
	for _, v := range file.Retry {
		t.Run(v.Note, func(t *testing.T) {
			block := map[string]any{"base_url": "https://api.example.com"}
			if v.Catalog != nil {
				block["retry"] = v.Catalog
			}
			p := New(Options{Catalog: catalogWith(t, block), Now: func() time.Time { return file.Clock }})
			provider, _ := p.Catalog.Provider("acme")
			call := Call{Retries: 1, RetryOn: v.Call.RetryOn, Script: true}
			if v.Call.Retry.At != "" {
				call.RetryAt = []string{v.Call.Retry.At}
			}
			if v.Call.Retry.After != "" {
				call.RetryAfter = []string{v.Call.Retry.After}
			}
			var resp *Response
			var failed error
			if v.Response.Code != "" {
				failed = &NetworkError{Code: v.Response.Code}
			} else {
				body, err := json.Marshal(v.Response.Body)
				require.NoError(t, err)
				resp = &Response{Status: v.Response.Status, Header: http.Header{}, Body: http.NoBody}
				resp.Body = &peeked{strings.NewReader(string(body)), http.NoBody}
				for name, value := range v.Response.Headers {
					resp.Header.Set(name, value)
				}
			}
			d := p.decide(t.Context(), provider, &call, resp, failed, 0, 0)
			require.Equal(t, v.Expected.Retry, d.again)
			require.Equal(t, v.Expected.Reason, d.reason)
			if v.Expected.Wait != nil {
				require.Equal(t, *v.Expected.Wait, d.wait.Milliseconds())
			} else if d.again {
				require.Equal(t, firstBackOff, d.wait)
			}
		})
	}
}
