package dispatch

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// startWithin is how long a start may take. After that the row is left to the reconciler.
const startWithin = 2 * time.Second

// lastNet is what a workflow may run longer than its run, as a last net only: limits are the row's.
const lastNet = time.Minute

// Options are the dispatcher's parts.
type Options struct {
	Client client.Client
	Store  *storage.Store
	Redis  *storage.Redis
	Logger *slog.Logger
	// HashConnections hides connection ids in search attributes behind a keyed hash under this key; nil: they are plain.
	HashConnections []byte
	// Logs gets the operation of a run when its workflow is started; nil: nobody does.
	Logs interface{ Operation(op causeway.Operation) }
}

// Dispatcher starts, rings and cancels workflows.
type Dispatcher struct {
	Options
	mu      sync.Mutex
	waiting map[uuid.UUID]map[chan struct{}]struct{}
	ended   recent
	stop    func(runID int64) // stops a script of this process; nil: it runs none
}

// New makes a dispatcher.
func New(o Options) *Dispatcher {
	return &Dispatcher{Options: o, waiting: map[uuid.UUID]map[chan struct{}]struct{}{}, ended: newRecent()}
}

// StopHere says how a script that runs in this process is stopped. A cancel by a caller in the same process then takes no detour.
func (d *Dispatcher) StopHere(stop func(runID int64)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop = stop
}

// StartRun starts the workflow of an admitted run. Starting it again is fine: its id derives from the run's. A run that has ended is left
// alone.
func (d *Dispatcher) StartRun(ctx context.Context, ref causeway.RunRef) error {
	_, err := d.startRun(ctx, ref)
	return err
}

// startRun returns the id of the workflow when it had been started before.
func (d *Dispatcher) startRun(ctx context.Context, ref causeway.RunRef) (before string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startWithin)
	defer cancel()
	run, err := d.Store.Run(ctx, ref.EnvironmentID, ref.RunID)
	if errors.Is(err, causeway.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	environment, err := d.Store.Environment(ctx, ref.EnvironmentID)
	if err != nil {
		return "", err
	}
	pool := environment.Settings.Pool
	if pool == "" {
		pool = causeway.DefaultPool
	}
	ref.Resumable = run.Kind == causeway.RunSync
	how := shapes[run.Lane]
	if d.Logs != nil && run.State == causeway.RunWaiting {
		d.Logs.Operation(waiting(environment, run, how.startWithin))
	}
	id := workflowID(run, ref.Attempt)
	_, err = d.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                how.queue(pool),
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowRunTimeout:                       how.startWithin + run.FinishWithin + lastNet,
		EnableEagerStart:                         true,
		TypedSearchAttributes:                    d.attributes(environment, run),
		Priority:                                 temporal.Priority{PriorityKey: how.priority, FairnessKey: strconv.FormatInt(ref.EnvironmentID, 10)},
	}, how.workflow, ref)
	if _, known := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); known {
		return id, nil
	}
	if err != nil {
		return "", fmt.Errorf("start the workflow of run %d: %w", ref.RunID, err)
	}
	return "", nil
}

// shape is how the runs of a lane are executed.
type shape struct {
	workflow    string
	queue       func(pool string) string
	priority    int // 1 goes first
	startWithin time.Duration
}

var shapes = map[causeway.Lane]shape{
	causeway.LaneAction:      {causeway.WorkflowAction, causeway.QueueInteractive, 1, 30 * time.Second},
	causeway.LaneEvent:       {causeway.WorkflowOnEvent, causeway.QueueInteractive, 2, 30 * time.Second},
	causeway.LaneActionAsync: {causeway.WorkflowAction, causeway.QueueBackground, 3, 24 * time.Hour},
	causeway.LaneWebhook:     {causeway.WorkflowWebhook, causeway.QueueBackground, 3, 5 * time.Minute},
	causeway.LaneSync:        {causeway.WorkflowSync, causeway.QueueBackground, 4, time.Hour},
}

// workflowID derives from the run, so that a start can be repeated. Each attempt of an async action is an execution of its own.
func workflowID(run *causeway.Run, attempt int) string {
	switch {
	case run.Kind == causeway.RunSync:
		return fmt.Sprintf("sync:%s:%d", run.SyncUID, run.RunNo)
	case attempt > 0:
		return fmt.Sprintf("%s:%s:%d", run.Kind, run.RunUID, attempt)
	default:
		return fmt.Sprintf("%s:%s", run.Kind, run.RunUID)
	}
}

// currentAttempt is the attempt whose execution a living run has, or gets next; 0: its kind has no attempts.
func currentAttempt(run *causeway.Run) int {
	switch {
	case !run.Opts.Async:
		return 0
	case run.State == causeway.RunWaiting:
		return run.Attempt + 1
	default:
		return run.Attempt
	}
}

func (d *Dispatcher) attributes(environment *causeway.Environment, run *causeway.Run) temporal.SearchAttributes {
	function := run.FunctionName
	if run.Kind == causeway.RunSync {
		function += "::" + run.Variant
	}
	connection := run.ConnectionKey
	if d.HashConnections != nil {
		mac := hmac.New(sha256.New, d.HashConnections)
		_, _ = mac.Write([]byte(connection))
		connection = hex.EncodeToString(mac.Sum(nil)[:8])
	}
	var updates []temporal.SearchAttributeUpdate
	for name, value := range map[string]string{
		causeway.AttributeEnvironment: environment.AccountName + "/" + environment.Name,
		causeway.AttributeIntegration: run.IntegrationKey,
		causeway.AttributeConnection:  connection,
		causeway.AttributeFunction:    function,
		causeway.AttributeKind:        string(run.Kind),
		causeway.AttributeTrigger:     trigger(run),
		causeway.AttributeRunID:       run.RunUID.String(),
	} {
		updates = append(updates, temporal.NewSearchAttributeKeyKeyword(name).ValueSet(cut(value)))
	}
	return temporal.NewSearchAttributes(updates...)
}

func trigger(run *causeway.Run) string {
	switch {
	case run.Attempt > 0 && run.Kind != causeway.RunSync:
		return "retry"
	case run.Kind == causeway.RunSync && run.StartedBy["type"] == nil:
		return "schedule"
	default:
		return "api"
	}
}

// cut shortens a value to what a keyword can hold.
func cut(s string) string {
	if r := []rune(s); len(r) > 255 {
		return string(r[:255])
	}
	return s
}

// CancelRun tells the workflow of a run to stop. It is a bell: the row says so too, and its owner hears of it with its next renewal.
func (d *Dispatcher) CancelRun(ctx context.Context, ref causeway.RunRef) {
	d.mu.Lock()
	stop := d.stop
	d.mu.Unlock()
	if stop != nil {
		stop(ref.RunID)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startWithin)
	defer cancel()
	run, err := d.Store.Run(ctx, ref.EnvironmentID, ref.RunID)
	if err != nil {
		return // it has ended, or the reconciler will see to it
	}
	if err := d.Client.CancelWorkflow(ctx, workflowID(run, currentAttempt(run)), ""); err != nil {
		d.Logger.Debug("a cancel bell was not heard", "run", ref.RunID, "error", err)
	}
}

// Ask makes sure that the scheduler of an environment looks at due at the latest (the zero time: now). It is called after the commit of
// what changed. In steady state it writes nothing and rings nobody.
func (d *Dispatcher) Ask(ctx context.Context, environmentID int64, due time.Time) error {
	group, ring, err := d.Store.AskScheduler(ctx, environmentID, due)
	if err != nil || !ring {
		return err
	}
	return d.Ring(ctx, group)
}

// Ring wakes the scheduler of a group, or starts it.
func (d *Dispatcher) Ring(ctx context.Context, group int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startWithin)
	defer cancel()
	id := causeway.ScheduleWorkflowID(group)
	_, err := d.Client.SignalWithStartWorkflow(ctx, id, causeway.SignalBell, nil, client.StartWorkflowOptions{
		TaskQueue:                causeway.QueueControl,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		TypedSearchAttributes:    temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(causeway.AttributeKind).ValueSet("schedule")),
		Priority:                 temporal.Priority{PriorityKey: 2},
	}, causeway.WorkflowSchedule, ScheduleInput{Group: group})
	if err != nil {
		return fmt.Errorf("ring scheduler %d: %w", group, err)
	}
	return nil
}

// ScheduleInput names the group of environments of a scheduler.
type ScheduleInput struct {
	Group int `json:"group"`
}

// DeployInput names a deploy.
type DeployInput struct {
	EnvironmentID int64     `json:"environment_id"`
	UID           uuid.UUID `json:"uid"`
}

// StartDeploy starts the workflow of a deploy.
func (d *Dispatcher) StartDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startWithin)
	defer cancel()
	_, err := d.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "deploy:" + uid.String(), TaskQueue: causeway.QueueControl, EnableEagerStart: true,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		TypedSearchAttributes: temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(causeway.AttributeKind).ValueSet("deploy")),
		WorkflowRunTimeout:    24 * time.Hour,
	}, causeway.WorkflowDeploy, DeployInput{environmentID, uid})
	if err != nil {
		return fmt.Errorf("start deploy %s: %w", uid, err)
	}
	return nil
}

// Closed does what follows the close of a run: whoever waits for it hears of it, the next run of its lane is admitted and started, and a
// sync's scheduler is asked. It never fails: what it can't do is made good by the reconciler.
func (d *Dispatcher) Closed(ctx context.Context, ref causeway.RunRef, c storage.Closed) {
	ctx = context.WithoutCancel(ctx)
	if !c.Retry {
		d.Ended(ctx, ref.RunUID)
	}
	if c.Next {
		d.admit(ctx, ref.EnvironmentID, c.Lane)
	}
	if c.Again {
		next, err := d.Store.OpenRequested(ctx, ref.EnvironmentID, c.SyncID)
		d.startOr(ctx, next, err)
	}
	if c.Repeated && ref.Kind == causeway.RunSync {
		c.NextDueAt = &time.Time{} // when it is due was told to the first closer, who may not have passed it on
	}
	if c.NextDueAt != nil {
		if err := d.Ask(ctx, ref.EnvironmentID, *c.NextDueAt); err != nil {
			d.Logger.Warn("a scheduler could not be asked; the reconciler will", "environment", ref.EnvironmentID, "error", err)
		}
	}
}

// Admit gives a free slot of a lane to its oldest waiting run and starts that.
func (d *Dispatcher) admit(ctx context.Context, environmentID int64, lane causeway.Lane) {
	next, err := d.Store.AdmitNext(ctx, environmentID, lane)
	d.startOr(ctx, next, err)
}

// AdmitWaiting admits waiting runs of a lane as long as there is room, for the reconciler.
func (d *Dispatcher) AdmitWaiting(ctx context.Context, environmentID int64, lane causeway.Lane) error {
	for {
		next, err := d.Store.AdmitNext(ctx, environmentID, lane)
		if err != nil || next == nil {
			return err
		}
		if err := d.StartRun(ctx, *next); err != nil {
			return err
		}
	}
}

func (d *Dispatcher) startOr(ctx context.Context, ref *causeway.RunRef, err error) {
	if err == nil && ref != nil {
		err = d.StartRun(ctx, *ref)
	}
	if err != nil {
		d.Logger.Warn("the next run could not be started; the reconciler will", "error", err)
	}
}
