//go:build e2e

package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/e2e/rest"
)

// TestRoles takes an installation of separate processes from nothing to its end: a server, two workers, and the servers that they need.
func TestRoles(t *testing.T) {
	i := newInstallation(t)

	out, err := i.causeway(20*time.Second, nil, "server")
	require.Error(t, err)
	assert.Contains(t, lastLines(out, "causeway:"), "run causeway migrate up", "a database that nobody has migrated is refused")

	server := i.start("server", binary(t), "server", "--wait")
	i.waitsFor(server, "run causeway migrate up")
	assert.Equal(t, http.StatusOK, server.status("/livez"), "it lives while it waits")
	assert.Equal(t, http.StatusServiceUnavailable, server.status("/readyz"))

	out, err = i.causeway(20*time.Second, nil, "migrate", "up")
	require.NoError(t, err, out)
	out, err = i.causeway(20*time.Second, nil, "migrate", "status")
	require.NoError(t, err, out)
	assert.NotContains(t, out, "missing")
	i.waitsFor(server, "redis at "+rest.Loopback(i.redis)+" does not answer")

	i.start("redis", "redis-server", "--port", strconv.Itoa(i.redis), "--bind", "127.0.0.1", "--save", "")
	i.waitsFor(server, "Temporal at "+rest.Loopback(i.temporal)+" does not answer")

	i.start("temporal", binary(t), "internal", "temporal", "--dir", "temporal", "--listen", rest.Loopback(i.temporal))
	i.waitsFor(server, "run causeway temporal setup")
	out, err = i.causeway(time.Minute, nil, "temporal", "setup")
	require.NoError(t, err, out)
	i.ready(server)

	out, err = i.causeway(20*time.Second, nil, "account", "create", "acme", "--environments", "prod")
	require.NoError(t, err, out)
	name, key, _ := strings.Cut(strings.TrimSpace(out), "  ")
	require.Equal(t, "prod", name, out)
	i.info.APIKey = key

	out, err = i.causeway(20*time.Second, []string{"CAUSEWAY_ENCRYPTION_KEY=" + strings.Repeat("B", 43) + "="}, "worker", "--wait")
	require.Error(t, err, "another key is refused, and not waited for")
	assert.Contains(t, lastLines(out, "causeway:"), "this database was sealed with key")
	assert.NotContains(t, out, strings.Repeat("B", 43))

	t.Run("a worker that stops hands its sync over", func(t *testing.T) { i.handsOver(t, server) })
}

func (i *installation) waitsFor(p *process, text string) {
	i.t.Helper()
	i.eventually(20*time.Second, p.name+" waits: "+text, func() bool { return strings.Contains(p.output(), text) })
}

func (i *installation) handsOver(t *testing.T, server *process) {
	first := i.start("worker-1", binary(t), "worker")
	i.ready(first)
	api := newPages(t, 1000, 100)
	i.must(200, "POST", "/integrations", map[string]any{"provider": "private-api-bearer", "unique_key": "pages"})
	i.cli(pagesProject(t), "deploy", "--auto-confirm")

	there, goOn := api.holdBack(5)
	defer goOn()
	i.connectPages(api, "c1")
	wait(t, there, "the sync asks for page 5")
	second := i.start("worker-2", binary(t), "worker", "--queues", "interactive,background,control", "--pools", "default")
	i.ready(second)

	first.terminate()
	first.ends(30 * time.Second)
	goOn()
	i.synced("pages", "c1", "items", "")
	i.everyItemOnce("c1", 1000)
	assert.Equal(t, 1, api.requests(1), "page 1 was fetched once: the other worker went on from the checkpoint")
	assert.Equal(t, 1, api.requests(4))
	assert.Equal(t, 2, api.requests(5), "the page that was on its way is fetched again")
	assert.Equal(t, "SUCCESS", i.syncStatus("pages", "c1", "items").Status)

	there, goOn = api.holdBack(9)
	defer goOn()
	answers := make(chan answer, 1)
	go func() { answers <- i.action("pages", "c1", "slow", map[string]any{"id": "once"}) }()
	wait(t, there, "the action waits for page 9")
	second.terminate()
	i.eventually(10*time.Second, "a worker that drains says so first", func() bool { return second.status("/readyz") == http.StatusServiceUnavailable })
	assert.Equal(t, http.StatusOK, second.status("/livez"))
	goOn()
	a := <-answers
	assert.Equal(t, http.StatusOK, a.Status, "what runs goes on to its end: %s", a.Body)
	second.ends(30 * time.Second)
	assert.Equal(t, 1, api.effects("once"))

	server.terminate()
	server.ends(20 * time.Second)
}
