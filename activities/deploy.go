package activities

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
)

// Names of the activities of a deploy.
const (
	ApplyDeploy     = "ApplyDeploy"
	ReconcileDeploy = "ReconcileDeploy"
)

// syncBatch is how many connections get their syncs at a time.
const syncBatch = 500

// DeployRef names a deploy.
type DeployRef struct {
	EnvironmentID int64     `json:"environment_id"`
	UID           uuid.UUID `json:"uid"`
}

// DeployStore is what deploys need of the control plane.
type DeployStore interface {
	PendingDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) (*storage.PendingDeploy, error)
	ApplyDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) (removed []int64, err error)
	FailDeploy(ctx context.Context, environmentID int64, uid uuid.UUID, code, message string) error
	FinishDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) error
	EnsureSyncsAfter(ctx context.Context, environmentID, after int64, limit int) (last int64, err error)
	DeleteSyncsOfFunctions(ctx context.Context, environmentID int64, functionIDs []int64) ([]storage.Cancelling, error)
}

// BundleStore keeps bundles.
type BundleStore interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, plain []byte) error
	Has(ctx context.Context, key string) (bool, error)
}

// Compiler lowers bundles in a process that has no credentials.
type Compiler interface {
	Compile(ctx context.Context, jobs []script.CompileJob) ([]script.CompileResult, error)
}

// Deploys are the activities of deploys.
type Deploys struct {
	Store    DeployStore
	Bundles  BundleStore
	Compiler Compiler
	Dispatch interface {
		Ask(ctx context.Context, environmentID int64, due time.Time) error
	}
	Stop   func(ctx context.Context, c storage.Cancelling)
	Notify func(ctx context.Context, uid uuid.UUID) // whoever waits for the deploy's row
	Logger *slog.Logger
}

// ApplyDeploy compiles what isn't compiled yet and makes the versions active. false: the deploy has failed, and its row says why.
func (d *Deploys) ApplyDeploy(ctx context.Context, ref DeployRef) (bool, error) {
	pending, err := d.Store.PendingDeploy(ctx, ref.EnvironmentID, ref.UID)
	if err != nil {
		return false, err
	}
	if pending.State != storage.DeployCompiling {
		return pending.State == storage.DeployApplied, nil // repeated
	}
	defer d.Notify(ctx, ref.UID)
	defer beat(ctx)()
	failure, err := d.compile(ctx, pending.Bundles)
	if err != nil {
		return false, err
	}
	if failure != nil {
		return false, d.Store.FailDeploy(ctx, ref.EnvironmentID, ref.UID, failure.Code, failure.Message)
	}
	removed, err := d.Store.ApplyDeploy(ctx, ref.EnvironmentID, ref.UID)
	if e := storage.DeployFailure(err); e != nil {
		return false, d.Store.FailDeploy(ctx, ref.EnvironmentID, ref.UID, e.Code, e.Message)
	}
	if err != nil {
		return false, err
	}
	stopped, err := d.Store.DeleteSyncsOfFunctions(ctx, ref.EnvironmentID, removed)
	for _, c := range stopped {
		d.Stop(ctx, c)
	}
	return true, err
}

// beat sends heartbeats until it is stopped: a compilation may take longer than the time after which an activity counts as lost.
func beat(ctx context.Context) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(heartbeatEvery)
		defer t.Stop()
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// compile lowers the bundles that aren't there yet, all in one process. The first that fails ends the deploy.
func (d *Deploys) compile(ctx context.Context, bundles []storage.Bundle) (*script.CompileResult, error) {
	var (
		jobs []script.CompileJob
		keys []storage.Bundle
		seen = map[string]bool{}
	)
	for _, b := range bundles {
		there, err := d.Bundles.Has(ctx, b.LoweredKey)
		if err != nil {
			return nil, err
		}
		if there || seen[b.LoweredKey] {
			continue
		}
		seen[b.LoweredKey] = true
		text, err := d.Bundles.Get(ctx, b.Key)
		if err != nil {
			return nil, err
		}
		jobs, keys = append(jobs, script.CompileJob{Name: b.Name, Text: text}), append(keys, b)
	}
	if len(jobs) == 0 {
		return nil, nil
	}
	results, err := d.Compiler.Compile(ctx, jobs)
	if err != nil {
		return nil, err
	}
	for i, r := range results {
		if r.Code != "" {
			r.Message = keys[i].Name + ": " + r.Message
			return &r, nil
		}
		if err := d.Bundles.Put(ctx, keys[i].MapKey, r.SourceMap); err != nil {
			return nil, err
		}
		if err := d.Bundles.Put(ctx, keys[i].LoweredKey, r.Lowered); err != nil { // last: its being there says that all is
			return nil, err
		}
	}
	return nil, nil
}

// ReconcileDeploy brings the syncs of the connections after an id into step. It returns the id to go on from; 0: all are done.
func (d *Deploys) ReconcileDeploy(ctx context.Context, ref DeployRef, after int64) (int64, error) {
	next, err := d.Store.EnsureSyncsAfter(ctx, ref.EnvironmentID, after, syncBatch)
	if err != nil || next != 0 {
		return next, err
	}
	if err := d.Dispatch.Ask(ctx, ref.EnvironmentID, time.Time{}); err != nil {
		d.Logger.Warn("a scheduler could not be asked; the reconciler will", "environment", ref.EnvironmentID, "error", err)
	}
	return 0, d.Store.FinishDeploy(ctx, ref.EnvironmentID, ref.UID)
}
