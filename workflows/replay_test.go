package workflows_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/workflows"
)

// The histories were recorded from a real server: go test ./devstack/temporal -run TestEngine -record <folder>. An execution that began
// under the release before must go on under this one, so a change that any of them refuses needs workflow.GetVersion.
func histories(t *testing.T) []string {
	t.Helper()
	var all []string
	require.NoError(t, filepath.WalkDir("testdata/histories", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".json") {
			all = append(all, path)
		}
		return err
	}))
	require.NotEmpty(t, all)
	return all
}

func TestRecordedExecutionsReplay(t *testing.T) {
	for _, path := range histories(t) {
		t.Run(strings.TrimPrefix(path, "testdata/histories/"), func(t *testing.T) {
			r := worker.NewWorkflowReplayer()
			workflows.RegisterRuns(r)
			workflows.RegisterControl(r)
			require.NoError(t, r.ReplayWorkflowHistoryFromJSONFile(nil, path))
		})
	}
}

func TestAChangedWorkflowIsRefused(t *testing.T) {
	r := worker.NewWorkflowReplayer()
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, ref causeway.RunRef) error {
		if err := workflow.Sleep(ctx, time.Second); err != nil {
			return err
		}
		return workflows.Run(ctx, ref)
	}, workflow.RegisterOptions{Name: causeway.WorkflowAction})
	require.ErrorContains(t, r.ReplayWorkflowHistoryFromJSONFile(nil, "testdata/histories/Action/local-completed.json"), "TMPRL1100")
}
