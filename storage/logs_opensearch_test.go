package storage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// link stands between the store and a node, and can be cut in several ways.
type link struct {
	*httptest.Server
	mu   sync.Mutex
	how  linkState
	held chan struct{} // closed: held requests go on
}

type linkState int

const (
	linkUp      linkState = iota
	linkBusy              // each request is answered 503
	linkHolds             // requests are taken and not answered
	linkForgets           // requests reach the node, answers get lost
)

func newLink(t *testing.T, node string) *link {
	t.Helper()
	target, err := neturl.Parse(node)
	require.NoError(t, err)
	pass := httputil.NewSingleHostReverseProxy(target)
	l := &link{held: make(chan struct{})}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		how, held := l.how, l.held
		l.mu.Unlock()
		switch how {
		case linkBusy:
			w.WriteHeader(http.StatusServiceUnavailable)
		case linkHolds:
			<-held
			w.WriteHeader(http.StatusServiceUnavailable)
		case linkForgets:
			pass.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case linkUp:
			pass.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(l.Close)
	t.Cleanup(func() { l.set(linkBusy) })
	return l
}

func (l *link) set(how linkState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.how == linkHolds {
		close(l.held)
		l.held = make(chan struct{})
	}
	l.how = how
}

// onNode runs a test where there is a node.
func onNode(t *testing.T, test func(t *testing.T, n *node)) {
	t.Helper()
	if url := os.Getenv(openSearchEnv); url != "" {
		t.Run("OpenSearch", func(t *testing.T) {
			t.Parallel()
			test(t, newNode(t, url))
		})
	}
}

func said(t *testing.T, l *storage.Logs, op causeway.Operation) (texts []string) {
	t.Helper()
	p, err := l.OperationMessages(context.Background(), op.EnvironmentID, op.ID, storage.MessageFilter{Limit: 500})
	require.NoError(t, err)
	for _, m := range p.Messages {
		texts = append(texts, m.Text)
	}
	return texts
}

// An index that is made without its template guesses its fields: searches work, and words and times are the wrong ones.
func TestLogsInOpenSearchAreInDailyIndicesOfOurFields(t *testing.T) {
	t.Parallel()
	onNode(t, func(t *testing.T, n *node) {
		l := openLogs(t, storage.LogsOptions{OpenSearch: n.options()})
		at := time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC)
		op := operation(1, at, causeway.OperationRunning)
		l.Operation(op)
		l.Message(line(op, 1, "today"))
		l.Message(line(op, 2000, "tomorrow"))
		l.Flush(t.Context())
		assert.ElementsMatch(t, []string{n.prefix + "-operation-20260301", n.prefix + "-message-20260301", n.prefix + "-message-20260302"}, n.indices())
		for _, index := range n.indices() {
			var made map[string]struct {
				Mappings struct {
					Dynamic    string
					Properties map[string]struct{ Type, Analyzer string }
				}
				Settings struct {
					Index struct {
						Replicas string `json:"number_of_replicas"`
						Codec    string
					}
				}
			}
			n.do(http.MethodGet, "/"+index, nil, &made)
			got := made[index]
			assert.Equal(t, "false", got.Mappings.Dynamic, index)
			assert.Equal(t, "long", got.Mappings.Properties["environment_id"].Type)
			assert.Equal(t, "long", got.Mappings.Properties["at"].Type)
			if strings.Contains(index, "-message-") {
				assert.Equal(t, "whitespace", got.Mappings.Properties["search"].Analyzer)
			}
			assert.NotContains(t, got.Mappings.Properties, "text", "what isn't searched is not indexed")
			assert.Equal(t, "0", got.Settings.Index.Replicas)
			assert.Equal(t, "best_compression", got.Settings.Index.Codec)
		}
	})
}

func TestLogsInOpenSearchGoByWholeDays(t *testing.T) {
	t.Parallel()
	onNode(t, func(t *testing.T, n *node) {
		l := openLogs(t, storage.LogsOptions{OpenSearch: n.options()})
		var ops []causeway.Operation
		for _, age := range []int{0, 14, 17, 20} {
			op := operation(1, time.Now().AddDate(0, 0, -age), causeway.OperationSuccess)
			l.Operation(op)
			l.Message(line(op, 1, "hello"))
			ops = append(ops, op)
		}
		l.Flush(t.Context())
		foreign := n.prefix + "-operation-archive"
		require.Equal(t, http.StatusOK, n.do(http.MethodPut, "/"+foreign, nil, nil))
		require.NoError(t, l.MaintainPartitions(t.Context(), 15*24*time.Hour))
		require.NoError(t, l.MaintainPartitions(t.Context(), 15*24*time.Hour), "it can be repeated")
		assert.Equal(t, []string{ops[0].ID, ops[1].ID}, found(t, l, 1, storage.LogFilter{Query: "hello"}))
		assert.Len(t, n.indices(), 5)
		assert.Contains(t, n.indices(), foreign, "what isn't a day's index is not touched")
		_, err := l.FindOperation(t.Context(), 1, ops[2].ID)
		require.ErrorIs(t, err, causeway.ErrNotFound, "its whole index is gone")
	})
}

func TestLogsInOpenSearchGiveUpOnlyTheRowThatCannotBeStored(t *testing.T) {
	t.Parallel()
	onNode(t, func(t *testing.T, n *node) {
		l := openLogs(t, storage.LogsOptions{OpenSearch: n.options()})
		good, bad := operation(1, time.Now(), causeway.OperationRunning), operation(1, time.Now(), causeway.OperationRunning)
		bad.Names.Connection = strings.Repeat("x", 40_000) // longer than a term can be
		l.Operation(bad)
		l.Operation(good)
		for i := range 3 {
			m := line(good, i, fmt.Sprint(i))
			if i == 1 {
				m.Context = strings.Repeat("x", 40_000)
			}
			l.Message(m)
		}
		l.Flush(t.Context())
		_, err := l.FindOperation(t.Context(), 1, good.ID)
		require.NoError(t, err)
		_, err = l.FindOperation(t.Context(), 1, bad.ID)
		require.ErrorIs(t, err, causeway.ErrNotFound)
		assert.Equal(t, []string{"2", "0"}, said(t, l, good))
		assert.Equal(t, int64(2), l.Dropped())
	})
}

func TestLogsAreStoredOnceWhenTheAnswerGotLost(t *testing.T) {
	t.Parallel()
	onNode(t, func(t *testing.T, n *node) {
		between := newLink(t, n.url)
		o := n.options()
		o.URL = between.URL
		l := openLogs(t, storage.LogsOptions{OpenSearch: o})
		op := operation(1, time.Now(), causeway.OperationRunning)
		l.Operation(op)
		l.Flush(t.Context()) // the templates are there
		between.set(linkForgets)
		for i := range 10 {
			l.Message(line(op, i, fmt.Sprint(i)))
		}
		l.Flush(t.Context())
		between.set(linkUp)
		l.Flush(t.Context())
		assert.Equal(t, []string{"9", "8", "7", "6", "5", "4", "3", "2", "1", "0"}, said(t, l, op))
		assert.Zero(t, l.Dropped())
	})
}

func TestLogsOutliveAStoreThatIsAwayOrSlow(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]linkState{"away": linkBusy, "slow": linkHolds} {
		onNode(t, func(t *testing.T, n *node) {
			t.Run(name, func(t *testing.T) {
				between := newLink(t, n.url)
				between.set(how)
				o := n.options()
				o.URL = between.URL
				l := openLogs(t, storage.LogsOptions{OpenSearch: o}) // starting needs no store
				l.SetRing(6_000)                                     // and as many may be on their way
				op := operation(1, time.Now(), causeway.OperationRunning)
				began := time.Now()
				for i := range 20_000 {
					m := line(op, i, "x")
					if i%4 != 0 {
						m.Level = causeway.LevelDebug
					}
					l.Message(m)
				}
				ended := op
				ended.State, ended.UpdatedAt = causeway.OperationSuccess, time.Now()
				l.Operation(ended)
				assert.Less(t, time.Since(began), 5*time.Second, "no caller waits for the store")
				assert.Positive(t, l.Dropped())
				between.set(linkUp)
				require.Eventually(t, func() bool { // without being told, within the longest wait
					_, err := l.FindOperation(t.Context(), 1, op.ID)
					return err == nil
				}, 30*time.Second, 20*time.Millisecond)
				l.Flush(t.Context())
				var all, debug struct{ Count int64 }
				n.do(http.MethodGet, "/"+n.prefix+"-message-*/_count", nil, &all)
				n.do(http.MethodGet, "/"+n.prefix+"-message-*/_count?q=level:debug", nil, &debug)
				assert.Equal(t, int64(5_000), all.Count-debug.Count, "nothing above debug was dropped")
				assert.Equal(t, 20_000-l.Dropped(), all.Count, "what is not stored is counted")
			})
		})
	}
}

// A disk over its mark makes indices read-only, until somebody makes room.
func TestLogsWaitForAStoreThatIsFull(t *testing.T) {
	t.Parallel()
	onNode(t, func(t *testing.T, n *node) {
		l := openLogs(t, storage.LogsOptions{OpenSearch: n.options()})
		op := operation(1, time.Now(), causeway.OperationRunning)
		l.Operation(op)
		l.Message(line(op, 0, "before"))
		l.Flush(t.Context())
		block := func(on any) {
			t.Helper()
			require.Equal(t, http.StatusOK, n.do(http.MethodPut, "/"+n.prefix+"-*/_settings", map[string]any{"index.blocks.read_only_allow_delete": on}, nil))
		}
		block(true)
		l.Message(line(op, 1, "meanwhile"))
		l.Flush(t.Context())
		assert.Equal(t, []string{"before"}, said(t, l, op), "it can be read")
		block(nil)
		l.Flush(t.Context())
		assert.Equal(t, []string{"meanwhile", "before"}, said(t, l, op))
		assert.Zero(t, l.Dropped())
	})
}

// A message of thousands of operations: they come in full pages, in order, though they are looked up in parts.
func TestLogsSearchOfManyOperationsIsComplete(t *testing.T) {
	eachLogStore(t, func(t *testing.T, l *storage.Logs) {
		const n = 1_500 // more than are looked up together
		now := time.Now()
		var want []string
		for i := range n {
			op := operation(1, now.Add(-time.Duration(i)*time.Second), causeway.OperationSuccess)
			if i%100 == 0 {
				op.State = causeway.OperationFailed
				want = append(want, op.ID)
			}
			l.Operation(op)
			l.Message(line(op, 1, fmt.Sprintf("attempt%d failed", i)))
		}
		l.Flush(t.Context())
		assert.Equal(t, want, found(t, l, 1, storage.LogFilter{Query: "att", States: []string{"failed"}, Limit: 10}))
		assert.Len(t, found(t, l, 1, storage.LogFilter{Query: "att", Limit: 500}), n)
		assert.Empty(t, found(t, l, 2, storage.LogFilter{Query: "att"}), "of another environment")
	})
}

func TestLogsURLThatIsWrongDoesNotShowItsPassword(t *testing.T) {
	for _, url := range []string{"ftp://u:hunter2@x", "http://u:hunter2@%zz", "u:hunter2@x:9200"} {
		_, err := storage.OpenLogs(t.Context(), storage.LogsOptions{Enabled: true, OpenSearch: storage.OpenSearchOptions{URL: url}})
		require.Error(t, err, url)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	l := openLogs(t, storage.LogsOptions{OpenSearch: storage.OpenSearchOptions{URL: "http://u:hunter2@127.0.0.1:1"}})
	_, err := l.SearchOperations(t.Context(), 1, storage.LogFilter{})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestLogsAskOpenSearchWithTheCredentialsOfItsURL(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		select {
		case asked <- user + " " + password:
		default:
		}
	}))
	t.Cleanup(server.Close)
	l := openLogs(t, storage.LogsOptions{OpenSearch: storage.OpenSearchOptions{URL: strings.Replace(server.URL, "//", "//logs:p%40ss@", 1)}})
	_, err := l.SearchOperations(t.Context(), 1, storage.LogFilter{})
	require.Error(t, err)
	assert.Equal(t, "logs p@ss", <-asked)
}
