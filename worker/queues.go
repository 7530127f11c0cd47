package worker

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	sdk "go.temporal.io/sdk/worker"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/activities"
	"github.com/causeway-dev/causeway/workflows"
)

// queues are the SDK's workers of this process: two for each worker pool, one for control, one of its own.
type queues struct {
	w    *Worker
	runs *activities.Runs

	mu      sync.Mutex
	control sdk.Worker
	others  []sdk.Worker
	self    map[string]sdk.Worker
	stopped bool
}

func newQueues(w *Worker) *queues {
	return &queues{w: w, self: map[string]sdk.Worker{}, runs: &activities.Runs{
		Store: w.Store, Registry: w.registry, Dispatch: w.Dispatch, Shut: Shut(w.Records), Ended: w.endedElsewhere, Logger: w.Logger,
	}}
}

// options of a queue's worker. Workflow task slots are never more than local activity slots, or tasks would wait inside one process while
// another is idle.
func options(workflowTasks, local, activitySlots, pollers int) sdk.Options {
	autoscale := sdk.NewPollerBehaviorAutoscaling(sdk.PollerBehaviorAutoscalingOptions{MinimumNumberOfPollers: 2, MaximumNumberOfPollers: pollers})
	return sdk.Options{
		MaxConcurrentWorkflowTaskExecutionSize:  workflowTasks,
		MaxConcurrentLocalActivityExecutionSize: local,
		MaxConcurrentActivityExecutionSize:      activitySlots,
		WorkflowTaskPollerBehavior:              autoscale,
		ActivityTaskPollerBehavior:              autoscale,
		WorkerStopTimeout:                       5 * time.Second,
		MaxHeartbeatThrottleInterval:            5 * time.Second,
		DisableRegistrationAliasing:             true,
	}
}

// stickyWorkflows is how many workflows a process keeps in memory between their tasks.
const stickyWorkflows = 2000

func (q *queues) start() error {
	sdk.SetStickyWorkflowCacheSize(stickyWorkflows)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.w.serves(QueuesControl) {
		o := options(50, 50, 50, 10)
		o.StickyScheduleToStartTimeout = 2 * time.Second // what a dead worker costs a scheduler
		q.control = sdk.New(q.w.Client, causeway.QueueControl, o)
		workflows.RegisterControl(q.control)
		q.registerControl(q.control)
		if err := q.control.Start(); err != nil {
			return err
		}
	}
	for _, pool := range q.w.Pools {
		if q.w.serves(QueuesInteractive) {
			if err := q.serveRuns(causeway.QueueInteractive(pool), options(200, 200, 50, 20)); err != nil {
				return err
			}
		}
		if q.w.serves(QueuesBackground) {
			if err := q.serveRuns(causeway.QueueBackground(pool), options(100, 100, 200, 10)); err != nil {
				return err
			}
		}
	}
	return q.addSelf(q.w.ID())
}

func (q *queues) registerControl(r sdk.ActivityRegistry) {
	for name, f := range map[string]any{
		activities.DispatchDue: q.w.Schedules.DispatchDue, activities.Reconcile: q.w.Reconcile.Reconcile, activities.Cleanup: q.w.Cleaner.Cleanup,
		activities.ApplyDeploy: q.w.Deploys.ApplyDeploy, activities.ReconcileDeploy: q.w.Deploys.ReconcileDeploy,
	} {
		r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

func (q *queues) serveRuns(queue string, o sdk.Options) error {
	w := sdk.New(q.w.Client, queue, o)
	workflows.RegisterRuns(w)
	for name, f := range map[string]any{activities.Perform: q.runs.Perform, activities.RunScript: q.runs.RunScript, activities.Settle: q.runs.Settle, activities.Attend: q.runs.Attend} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	q.others = append(q.others, w)
	return w.Start()
}

// addSelf serves the queue of this process: what it has begun is attended there.
func (q *queues) addSelf(id string) error {
	w := sdk.New(q.w.Client, causeway.QueueSelf(id), sdk.Options{
		MaxConcurrentActivityExecutionSize: 1000, MaxConcurrentActivityTaskPollers: 1, DisableWorkflowWorker: true,
		WorkerStopTimeout: 5 * time.Second, MaxHeartbeatThrottleInterval: 5 * time.Second, DisableRegistrationAliasing: true,
	})
	w.RegisterActivityWithOptions(q.runs.Attend, activity.RegisterOptions{Name: activities.Attend})
	q.self[id] = w
	return w.Start()
}

// serveSelf serves the queue of a new id. The old one stays: what it attends is told by the row.
func (q *queues) serveSelf(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped || q.self[id] != nil {
		return
	}
	if err := q.addSelf(id); err != nil {
		q.w.Logger.Error("the queue of this process is not served", "error", err)
	}
}

// stopControl stops the control queue's worker: the server drops its sticky queue, and schedulers go on elsewhere.
func (q *queues) stopControl() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.control != nil {
		q.control.Stop()
		q.control = nil
	}
}

func (q *queues) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	var g sync.WaitGroup
	for _, w := range q.others {
		g.Go(w.Stop)
	}
	for _, w := range q.self {
		g.Go(w.Stop)
	}
	g.Wait()
}

// endedElsewhere clears up after a run that this process closes but doesn't execute.
func (w *Worker) endedElsewhere(ctx context.Context, ref causeway.RunRef, out causeway.Outcome) {
	w.remains().Clear(ctx, ref, out)
}

func (w *Worker) remains() *Remains {
	return &Remains{Store: w.Store, Records: w.Records, Redis: w.Redis, Logs: w.Logs, Logger: w.Logger}
}
