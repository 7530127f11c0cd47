package activities_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

// deploys stands for the control plane, the blob store and the compiler.
type deploys struct {
	pending  storage.PendingDeploy
	objects  map[string][]byte
	results  map[string]script.CompileResult // by name; missing: it compiles
	applyErr error

	compiled []string
	did      []string
	failure  string
	asked    int
}

func (d *deploys) PendingDeploy(context.Context, int64, uuid.UUID) (*storage.PendingDeploy, error) {
	return &d.pending, nil
}

func (d *deploys) ApplyDeploy(context.Context, int64, uuid.UUID) ([]int64, error) {
	d.did = append(d.did, "apply")
	return []int64{4}, d.applyErr
}

func (d *deploys) FailDeploy(_ context.Context, _ int64, _ uuid.UUID, code, message string) error {
	d.did, d.failure = append(d.did, "fail"), code+": "+message
	return nil
}

func (d *deploys) FinishDeploy(context.Context, int64, uuid.UUID) error {
	d.did = append(d.did, "finish")
	return nil
}

func (d *deploys) EnsureSyncsAfter(_ context.Context, _, after int64, _ int) (int64, error) {
	return map[int64]int64{0: 500, 500: 1000, 1000: 0}[after], nil
}

func (d *deploys) DeleteSyncsOfFunctions(_ context.Context, _ int64, ids []int64) ([]storage.Cancelling, error) {
	d.did = append(d.did, "end syncs")
	return make([]storage.Cancelling, len(ids)), nil
}

func (d *deploys) Get(_ context.Context, key string) ([]byte, error) {
	if text, ok := d.objects[key]; ok {
		return text, nil
	}
	return nil, causeway.ErrNotFound
}

func (d *deploys) Put(_ context.Context, key string, plain []byte) error {
	d.objects[key] = plain
	return nil
}

func (d *deploys) Has(_ context.Context, key string) (bool, error) {
	_, ok := d.objects[key]
	return ok, nil
}

func (d *deploys) Compile(_ context.Context, jobs []script.CompileJob) ([]script.CompileResult, error) {
	out := make([]script.CompileResult, len(jobs))
	for i, j := range jobs {
		d.compiled = append(d.compiled, j.Name)
		out[i] = script.CompileResult{Lowered: append([]byte("lowered "), j.Text...), SourceMap: []byte("{}")}
		if r, ok := d.results[j.Name]; ok {
			out[i] = r
		}
	}
	return out, nil
}

func (d *deploys) Ask(context.Context, int64, time.Time) error {
	d.asked++
	return nil
}

func newDeploys() (*activities.Deploys, *deploys) {
	bundle := func(name, key string) storage.Bundle {
		return storage.Bundle{Name: name, Key: key, LoweredKey: key + ".1.js", MapKey: key + ".1.map"}
	}
	d := &deploys{
		pending: storage.PendingDeploy{State: storage.DeployCompiling, Bundles: []storage.Bundle{bundle("demo/a", "k1"), bundle("demo/b", "k2"), bundle("demo/c", "k1")}},
		objects: map[string][]byte{"k1": []byte("one"), "k2": []byte("two"), "k2.1.js": []byte("there")},
	}
	return &activities.Deploys{
		Store: d, Bundles: d, Compiler: d, Dispatch: d, Logger: slog.New(slog.DiscardHandler),
		Stop:   func(context.Context, storage.Cancelling) { d.did = append(d.did, "stop a run") },
		Notify: func(context.Context, uuid.UUID) { d.did = append(d.did, "notify") },
	}, d
}

func TestADeployCompilesWhatIsNotThereAndApplies(t *testing.T) {
	a, d := newDeploys()
	applied, err := a.ApplyDeploy(t.Context(), activities.DeployRef{EnvironmentID: 1})
	require.NoError(t, err)
	assert.True(t, applied)
	assert.Equal(t, []string{"demo/a"}, d.compiled, "k2 is there, and the third bundle is the first")
	assert.Equal(t, "lowered one", string(d.objects["k1.1.js"]))
	assert.Equal(t, "there", string(d.objects["k2.1.js"]))
	assert.Equal(t, []string{"apply", "end syncs", "stop a run", "notify"}, d.did)
}

func TestADeployThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(d *deploys)
		failure string
		err     bool
	}{
		"a bundle that doesn't compile": {func(d *deploys) {
			d.results = map[string]script.CompileResult{"demo/a": {Code: "failed_to_build_unknown", Message: "line 3"}}
		}, "failed_to_build_unknown: demo/a: line 3", false},
		"a plan that can't be applied": {func(d *deploys) {
			d.applyErr = causeway.Errorf(400, "unknown_integration", "no integration demo")
		}, "unknown_integration: no integration demo", false},
		"a database that is away: it is tried again": {func(d *deploys) { d.applyErr = errors.New("no database") }, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			a, d := newDeploys()
			c.prepare(d)
			applied, err := a.ApplyDeploy(t.Context(), activities.DeployRef{EnvironmentID: 1})
			assert.Equal(t, c.err, err != nil)
			assert.False(t, applied)
			assert.Equal(t, c.failure, d.failure)
		})
	}
}

func TestARepeatedDeployDoesNothing(t *testing.T) {
	for state, want := range map[storage.DeployState]bool{storage.DeployApplied: true, storage.DeployFailed: false} {
		a, d := newDeploys()
		d.pending.State = state
		applied, err := a.ApplyDeploy(t.Context(), activities.DeployRef{EnvironmentID: 1})
		require.NoError(t, err)
		assert.Equal(t, want, applied)
		assert.Empty(t, d.did)
	}
}

func TestADeployBringsSyncsIntoStepInBatches(t *testing.T) {
	a, d := newDeploys()
	var steps []int64
	for after := int64(0); ; {
		next, err := a.ReconcileDeploy(t.Context(), activities.DeployRef{EnvironmentID: 1}, after)
		require.NoError(t, err)
		if steps = append(steps, next); next == 0 {
			break
		}
		after = next
	}
	assert.Equal(t, []int64{500, 1000, 0}, steps)
	assert.Equal(t, 1, d.asked, "one bell for all")
	assert.Equal(t, []string{"finish"}, d.did)
}
