package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/durationpb"
)

// poll is the pause between two looks at a server that is starting.
const poll = 20 * time.Millisecond

// prepareNamespace makes the namespace and its search attributes, and waits until a start that uses them is taken: a start with an
// attribute that the server doesn't know yet fails.
func (s *Server) prepareNamespace(ctx context.Context, o Options) error {
	c, err := client.NewLazyClient(client.Options{HostPort: s.address, Namespace: o.Namespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return err
	}
	defer c.Close()
	err = until(ctx, func() error {
		_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: o.Namespace, WorkflowExecutionRetentionPeriod: durationpb.New(o.Retention),
		})
		if _, there := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); there {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("make namespace %s: %w", o.Namespace, err)
	}
	err = until(ctx, func() error {
		_, err := c.WorkflowService().ListOpenWorkflowExecutions(ctx, &workflowservice.ListOpenWorkflowExecutionsRequest{Namespace: o.Namespace, MaximumPageSize: 1})
		return err
	})
	if err != nil {
		return fmt.Errorf("namespace %s is not ready: %w", o.Namespace, err)
	}
	if len(o.Attributes) == 0 {
		return nil
	}
	if err := AddAttributes(ctx, c, o.Namespace, o.Attributes); err != nil {
		return err
	}
	return until(ctx, func() error { return probe(ctx, c, o.Attributes) })
}

// AddAttributes adds the keyword attributes that a namespace lacks.
func AddAttributes(ctx context.Context, c client.Client, namespace string, names []string) error {
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("list search attributes: %w", err)
	}
	missing := map[string]enums.IndexedValueType{}
	for _, name := range names {
		if _, ok := known.GetCustomAttributes()[name]; !ok {
			missing[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing}); err != nil {
		return fmt.Errorf("add search attributes: %w", err)
	}
	return nil
}

// probe starts a workflow with all attributes on a queue that nobody serves, and ends it.
func probe(ctx context.Context, c client.Client, names []string) error {
	updates := make([]temporal.SearchAttributeUpdate, len(names))
	for i, name := range names {
		updates[i] = temporal.NewSearchAttributeKeyKeyword(name).ValueSet("probe")
	}
	id := "probe:" + uuid.NewString()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: id, WorkflowRunTimeout: time.Minute, TypedSearchAttributes: temporal.NewSearchAttributes(updates...),
	}, "Probe")
	if err != nil {
		return err
	}
	return c.TerminateWorkflow(ctx, id, run.GetRunID(), "probe")
}

// until repeats f until it succeeds.
func until(ctx context.Context, f func() error) error {
	t := time.NewTicker(poll)
	defer t.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-t.C:
		}
	}
}
