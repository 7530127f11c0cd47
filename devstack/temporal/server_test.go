package temporal_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/devstack/temporal"
	"github.com/causeway-dev/causeway/dispatch"
)

func start(t *testing.T, dir string, notice func(string)) (*temporal.Server, client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := temporal.Start(ctx, temporal.Options{Dir: dir, Notice: notice})
	require.NoError(t, err)
	c, err := client.Dial(client.Options{HostPort: s.Address(), Namespace: "causeway", Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	_, err = dispatch.SetUp(ctx, c, "causeway", 72*time.Hour)
	require.NoError(t, err)
	return s, c
}

func wait(ctx workflow.Context) (string, error) {
	workflow.GetSignalChannel(ctx, "go").Receive(ctx, nil)
	return "done", nil
}

func serve(t *testing.T, c client.Client) worker.Worker {
	t.Helper()
	w := worker.New(c, "q", worker.Options{})
	w.RegisterWorkflowWithOptions(wait, workflow.RegisterOptions{Name: "Wait"})
	require.NoError(t, w.Start())
	return w
}

func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, c := start(t, dir, nil)
	w := serve(t, c)
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "one", TaskQueue: "q", TypedSearchAttributes: sdk.NewSearchAttributes(sdk.NewSearchAttributeKeyKeyword("CausewayKind").ValueSet("sync")),
	}, "Wait")
	require.NoError(t, err)
	w.Stop()
	c.Close()
	s.Stop()

	s, c = start(t, dir, nil)
	w = serve(t, c)
	require.NoError(t, c.SignalWorkflow(t.Context(), "one", "", "go", nil))
	var out string
	require.NoError(t, c.GetWorkflow(t.Context(), "one", "").Get(t.Context(), &out))
	assert.Equal(t, "done", out)
	w.Stop()
	c.Close()
	s.Stop()
}

func TestWhatTemporalLacksIsNamedAndSetUpMakesIt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := temporal.Start(ctx, temporal.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	defer s.Stop()
	c, err := client.Dial(client.Options{HostPort: s.Address(), Namespace: "mine", Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	defer c.Close()

	err = dispatch.Check(ctx, c, "mine")
	require.ErrorIs(t, err, dispatch.ErrNotSetUp)
	require.ErrorContains(t, err, "no namespace mine; run causeway temporal setup")

	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: "mine", WorkflowExecutionRetentionPeriod: durationpb.New(72 * time.Hour)})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		err = dispatch.Check(ctx, c, "mine")
		assert.ErrorIs(t, err, dispatch.ErrNotSetUp, "also while not all of Temporal knows it, so that a process which waits goes on waiting") //nolint:testifylint // in another goroutine
		return err != nil && strings.Contains(err.Error(), "lacks the search attributes CausewayEnvironment, ")
	}, time.Minute, 5*time.Millisecond, "a new namespace is known soon")

	made, err := dispatch.SetUp(ctx, c, "mine", 72*time.Hour)
	require.NoError(t, err)
	assert.False(t, made.Namespace, "it was there")
	assert.ElementsMatch(t, causeway.Attributes, made.Attributes)
	require.NoError(t, dispatch.Check(ctx, c, "mine"))

	made, err = dispatch.SetUp(ctx, c, "mine", 72*time.Hour)
	require.NoError(t, err)
	assert.Empty(t, made.Attributes, "a second time there is nothing to do")
}

func TestADamagedFileIsMovedAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal.db"), []byte("this is no database, and never was one"), 0o600))
	var said string
	s, c := start(t, dir, func(text string) { said = text })
	assert.Contains(t, said, "moved to")
	c.Close()
	s.Stop()
}

func TestATakenPortOfTheUIIsAnError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	_, err = temporal.Start(t.Context(), temporal.Options{
		Dir: t.TempDir(), Namespace: "causeway", UIPort: l.Addr().(*net.TCPAddr).Port, UIPath: "/temporal",
	})
	require.ErrorContains(t, err, "in use")
}
