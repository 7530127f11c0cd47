// Package workertest runs a worker in a test: real stores, a real Redis protocol, and Go functions where runner processes would run
// scripts. The tests decide what Temporal is.
package workertest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/devstack/redis"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
	"github.com/causeway-dev/causeway/worker"
)

// Script stands for the script of a function. ctx ends with a *script.AbortError as cause.
type Script func(ctx context.Context, start script.Start, run *script.Run) script.Result

// Runners run scripts by the name of their function.
type Runners struct {
	mu      sync.Mutex
	scripts map[string]Script
	starts  map[string]int
	full    bool
}

// NewRunners makes runners that know no script yet.
func NewRunners() *Runners { return &Runners{scripts: map[string]Script{}, starts: map[string]int{}} }

// Set gives a function its script.
func (r *Runners) Set(function string, s Script) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scripts[function] = s
}

// Starts says how often scripts of a function were started.
func (r *Runners) Starts(function string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.starts[function]
}

// Fill says whether there is no slot left.
func (r *Runners) Fill(full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = full
}

// TryAcquire takes a slot.
func (r *Runners) TryAcquire(int64, bool) (worker.RunnerSlot, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slot{r}, !r.full
}

type slot struct{ runners *Runners }

func (s slot) Run(ctx context.Context, start script.Start, _ func() ([]byte, error), run *script.Run, _ script.Host) script.Result {
	s.runners.mu.Lock()
	f := s.runners.scripts[run.FunctionName]
	s.runners.starts[run.FunctionName]++
	s.runners.mu.Unlock()
	if f == nil {
		return script.Result{Code: causeway.CodeActionRuntimeError, Message: "there is no script for " + run.FunctionName}
	}
	return f(ctx, start, run)
}

func (slot) Release() {}

// Returning is a script that returns a value at once.
func Returning(v any) Script {
	raw, err := json.Marshal(v)
	return func(context.Context, script.Start, *script.Run) script.Result {
		if err != nil {
			return script.Result{Code: causeway.CodeActionRuntimeError, Message: err.Error()}
		}
		return script.Result{Output: raw}
	}
}

// Lasting is a script that goes on for d, or until it is aborted.
func Lasting(d time.Duration) Script {
	return func(ctx context.Context, _ script.Start, _ *script.Run) script.Result {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return script.Result{Output: json.RawMessage(`"done"`)}
		case <-ctx.Done():
			return script.Result{Code: causeway.CodeScriptAborted, Message: "aborted"}
		}
	}
}

// Stack is the stores that workers of a test share.
type Stack struct {
	Env   storagetest.Environment
	Store *storage.Store
	Log   *slog.Logger

	// Exec and Scan are for what a test has to look at or to break.
	Exec func(sql string, args ...any) error
	Scan func(dest any, sql string, args ...any) error

	records *storage.Records
	redis   *storage.Redis
	logs    *storage.Logs
	blob    *storage.Blob
}

// NewStack opens stores on a database of its own, with an environment in them.
func NewStack(t testing.TB) *Stack {
	t.Helper()
	ctx, url := context.Background(), storagetest.URL(t)
	pool := storagetest.Pool(t, url)
	s := &Stack{Store: storagetest.Open(t, url), Log: slog.New(slog.NewTextHandler(writer{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	s.Exec = func(sql string, args ...any) error {
		_, err := pool.Exec(ctx, sql, args...)
		return err
	}
	s.Scan = func(dest any, sql string, args ...any) error { return pool.QueryRow(ctx, sql, args...).Scan(dest) }
	s.Env = storagetest.Seed(t, pool, "acme")
	s.records = storagetest.OpenRecords(t, url, s.Store.Keys())
	server, err := redis.Start(ctx)
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	s.redis, err = storage.OpenRedis(ctx, server.URL(), "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.redis.Close() })
	s.logs, err = storage.OpenLogs(ctx, storage.LogsOptions{URL: url, Enabled: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(s.logs.Close)
	folder, err := storage.FileURL(t.TempDir())
	require.NoError(t, err)
	s.blob, err = storage.OpenBlob(ctx, folder, s.Store.Keys())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.blob.Close() })
	s.Store.UseBlob(s.blob)
	return s
}

type writer struct{ t testing.TB }

func (w writer) Write(p []byte) (int, error) {
	if w.t.Context().Err() != nil {
		return io.Discard.Write(p) // the test has ended
	}
	w.t.Logf("%s", p)
	return len(p), nil
}

// Dispatcher makes a dispatcher of a process.
func (s *Stack) Dispatcher(c client.Client) *dispatch.Dispatcher {
	return dispatch.New(dispatch.Options{Client: c, Store: s.Store, Redis: s.redis, Logger: s.Log, Logs: s.logs})
}

// Records are the records that the workers write.
func (s *Stack) Records() *storage.Records { return s.records }

// Blob is where bundles and large payloads lie.
func (s *Stack) Blob() *storage.Blob { return s.blob }

// Logs are the logs that the workers write.
func (s *Stack) Logs() *storage.Logs { return s.logs }

// Remains are what runs of the workers leave beside their rows.
func (s *Stack) Remains() *worker.Remains {
	return &worker.Remains{Store: s.Store, Records: s.records, Redis: s.redis, Logs: s.logs, Logger: s.Log}
}

// Redis is where the scripts' locks are.
func (s *Stack) Redis() *storage.Redis { return s.redis }

// Options are the parts of a worker on these stores.
func (s *Stack) Options(c client.Client, d *dispatch.Dispatcher, runners *Runners) worker.Options {
	return worker.Options{
		Client: c, Store: s.Store, Records: s.records, Redis: s.redis, Logs: s.logs, Blob: s.blob, Dispatch: d, Runners: runners,
		Paginate:  func(string) json.RawMessage { return nil },
		Schedules: &activities.Schedules{Store: s.Store, Dispatch: d, Tick: time.Second, Logger: s.Log},
		Reconcile: &activities.Reconciler{Store: s.Store, Dispatch: d, Shut: worker.Shut(s.records), Ended: s.Remains().Clear, Remains: s.Remains().Find, Logger: s.Log},
		Cleaner:   &activities.Cleaner{}, Deploys: &activities.Deploys{},
		Pools: []string{causeway.DefaultPool}, Slots: map[string]int{"sync": 10, "action": 10, "webhook": 10, "event": 10},
		Lease: 15 * time.Second, Drain: 3 * time.Second, TurnLimit: time.Minute, Version: "test", Logger: s.Log,
	}
}

// Action writes a run of the action "act".
func (s *Stack) Action(t testing.TB, change func(n *storage.NewRun)) storage.Created {
	t.Helper()
	n := storage.NewRun{
		Kind: causeway.RunAction, Lane: causeway.LaneAction, IntegrationID: s.Env.IntegrationID, ConnectionID: s.Env.ConnectionID, FunctionID: s.Env.ActionFunctionID,
		StartWithin: 30 * time.Second, FinishWithin: 2 * time.Minute, OperationID: causeway.NewOperationID(time.Now()),
	}
	if change != nil {
		change(&n)
	}
	created, err := s.Store.CreateRun(context.Background(), s.Env.ID, n)
	require.NoError(t, err)
	return created
}

// Sync makes the sync of the connection, due now, and returns its id.
func (s *Stack) Sync(t testing.TB) (id int64) {
	t.Helper()
	_, err := s.Store.EnsureSyncs(context.Background(), s.Env.ID, s.Env.ConnectionID)
	require.NoError(t, err)
	require.NoError(t, s.Scan(&id, `update sync set next_due_at = clock_timestamp() where environment_id = $1 returning id`, s.Env.ID))
	return id
}
