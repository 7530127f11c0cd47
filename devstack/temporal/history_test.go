package temporal_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/workflows"
)

var record = flag.String("record", "", "folder in which the histories of these tests are kept, for the replay test of package workflows")

// identity names a process and its machine.
var identity = regexp.MustCompile(`"identity":\s*"[^"]*"`)

// replayed replays every execution of the tests before, and keeps one of each shape if that is wanted.
func replayed(t *testing.T, e *engine) {
	found, err := e.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 200, Query: `CausewayKind IN ('action', 'sync', 'schedule')`})
	require.NoError(t, err)
	require.Greater(t, len(found.GetExecutions()), 10)
	replayer := worker.NewWorkflowReplayer()
	workflows.RegisterRuns(replayer)
	workflows.RegisterControl(replayer)
	shapes := map[string]bool{}
	for _, x := range found.GetExecutions() {
		history := e.history(t, x.GetExecution().GetWorkflowId(), x.GetExecution().GetRunId())
		name := x.GetType().GetName() + "/" + shape(history)
		require.NoError(t, replayer.ReplayWorkflowHistory(nil, history), name)
		if *record == "" || shapes[name] {
			continue
		}
		shapes[name] = true
		raw, err := protojson.MarshalOptions{Multiline: true, Indent: " "}.Marshal(history)
		require.NoError(t, err)
		path := filepath.Join(*record, name+".json")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		raw = identity.ReplaceAll(raw, []byte(`"identity": "test"`))
		if host, err := os.Hostname(); err == nil {
			raw = bytes.ReplaceAll(raw, []byte(host), []byte("host")) // in names of sticky queues
		}
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
	if *record != "" {
		assert.GreaterOrEqual(t, len(shapes), 8)
	}
}

// history is what happened in an execution, with its payloads opened: a recorded one has to be readable without the keys of today.
func (e *engine) history(t *testing.T, id, runID string) *historypb.History {
	t.Helper()
	history := &historypb.History{}
	for it := e.client.GetWorkflowHistory(t.Context(), id, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		require.NoError(t, err)
		history.Events = append(history.Events, event)
	}
	codec := dispatch.Codec(e.Store.Keys())
	require.NoError(t, proxy.VisitPayloads(t.Context(), history, proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, p []*commonpb.Payload) ([]*commonpb.Payload, error) {
			return codec.Decode(p)
		},
	}))
	return history
}

// shape names what an execution did, step by step.
func shape(h *historypb.History) string {
	var steps []string
	for _, e := range h.GetEvents() {
		switch e.GetEventType() {
		case enums.EVENT_TYPE_MARKER_RECORDED:
			steps = append(steps, "local")
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			steps = append(steps, strings.ToLower(e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()))
		case enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
			steps = append(steps, "timeout")
		case enums.EVENT_TYPE_TIMER_STARTED:
			steps = append(steps, "timer")
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
			steps = append(steps, "cancel")
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			steps = append(steps, "bell")
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
			steps = append(steps, "completed")
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
			steps = append(steps, "failed")
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
			steps = append(steps, "canceled")
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
			steps = append(steps, "terminated")
		default:
		}
	}
	return strings.Join(steps[:min(len(steps), 12)], "-")
}
