package storage_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	neturl "net/url"
	"os"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/devstack/redis"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// Where these name a server, what is tested on a stand-in is tested on it too. The servers are the tests' own: they are emptied.
// "./task test:stores" starts and names all three.
const (
	openSearchEnv = "CAUSEWAY_TEST_OPENSEARCH" // http://host:port
	redisEnv      = "CAUSEWAY_TEST_REDIS"      // redis://host:port
	s3Env         = "CAUSEWAY_TEST_S3"         // s3://bucket?…, with credentials in AWS_…
)

func openLogs(t *testing.T, o storage.LogsOptions) *storage.Logs {
	t.Helper()
	o.Enabled = true
	l, err := storage.OpenLogs(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

// eachLogStore runs a test on an empty log store of each kind. Tests of log stores wait for the stores more than for each other.
func eachLogStore(t *testing.T, test func(t *testing.T, l *storage.Logs)) {
	t.Helper()
	t.Parallel()
	t.Run("Postgres", func(t *testing.T) { test(t, openLogs(t, storage.LogsOptions{URL: storagetest.URL(t)})) })
	if url := os.Getenv(openSearchEnv); url != "" {
		t.Run("OpenSearch", func(t *testing.T) {
			test(t, openLogs(t, storage.LogsOptions{OpenSearch: newNode(t, url).options()}))
		})
	}
}

// node is a part of an OpenSearch node that belongs to one test.
type node struct {
	t           *testing.T
	url, prefix string
}

func newNode(t *testing.T, url string) *node {
	t.Helper()
	n := &node{t: t, url: url, prefix: "test-" + strings.ToLower(rand.Text()[:10])}
	t.Cleanup(func() {
		for _, index := range n.indices() {
			n.do(http.MethodDelete, "/"+index, nil, nil)
		}
		for _, kind := range []string{"operation", "message"} {
			n.do(http.MethodDelete, "/_index_template/"+n.prefix+"-"+kind, nil, nil)
		}
	})
	return n
}

func (n *node) options() storage.OpenSearchOptions {
	return storage.OpenSearchOptions{URL: n.url, Prefix: n.prefix}
}

// do asks the node itself, past the code under test. It returns the status.
func (n *node) do(method, path string, body, out any) int {
	n.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(n.t, err)
	if body == nil {
		raw = nil
	}
	req, err := http.NewRequest(method, n.url+path, bytes.NewReader(raw))
	require.NoError(n.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(n.t, err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(n.t, err)
	if out != nil {
		require.NoError(n.t, json.Unmarshal(answer, out), string(answer))
	}
	return resp.StatusCode
}

func (n *node) indices() (names []string) {
	var found []struct{ Index string }
	n.do(http.MethodGet, "/_cat/indices/"+n.prefix+"-*?format=json&h=index", nil, &found)
	for _, f := range found {
		names = append(names, f.Index)
	}
	return names
}

// eachRedis runs a test on an empty server of each kind.
func eachRedis(t *testing.T, test func(t *testing.T, r *storage.Redis)) {
	t.Helper()
	open := func(t *testing.T, url string) *storage.Redis {
		t.Helper()
		r, err := storage.OpenRedis(t.Context(), url, "")
		require.NoError(t, err)
		t.Cleanup(func() { _ = r.Close() })
		return r
	}
	t.Run("in process", func(t *testing.T) {
		server, err := redis.Start(t.Context())
		require.NoError(t, err)
		t.Cleanup(server.Stop)
		test(t, open(t, server.URL()))
	})
	if url := os.Getenv(redisEnv); url != "" {
		t.Run("redis-server", func(t *testing.T) {
			opts, err := goredis.ParseURL(url)
			require.NoError(t, err)
			client := goredis.NewClient(opts)
			require.NoError(t, client.FlushDB(t.Context()).Err())
			require.NoError(t, client.Close())
			test(t, open(t, url))
		})
	}
}

// eachBlobStore runs a test on a store of each kind, by its URL.
func eachBlobStore(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("folder", func(t *testing.T) {
		url, err := storage.FileURL(t.TempDir())
		require.NoError(t, err)
		test(t, url)
	})
	if url := os.Getenv(s3Env); url != "" {
		t.Run("S3", func(t *testing.T) { test(t, url) })
	}
}

// elsewhere is the URL of a folder or bucket that isn't there, on the same store.
func elsewhere(t *testing.T, url string) string {
	t.Helper()
	u, err := neturl.Parse(url)
	require.NoError(t, err)
	if u.Scheme == "file" {
		u.Path, u.RawQuery = u.Path+"/missing", ""
	} else {
		u.Host = "missing-bucket"
	}
	return u.String()
}
