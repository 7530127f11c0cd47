package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/durationpb"

	causeway "github.com/causeway-dev/causeway"
)

// ErrNotSetUp is what a Temporal is answered that lacks what we need: the namespace, or search attributes in it.
var ErrNotSetUp = errors.New("Temporal is not set up") //nolint:staticcheck // a name

// settling is the pause between two looks at a Temporal that takes over what was just made.
const settling = 50 * time.Millisecond

// Check refuses a Temporal that lacks the namespace or search attributes of ours: each start of a workflow would fail there. The error
// says what to do.
func Check(ctx context.Context, c client.Client, namespace string) error {
	there, err := namespaceExists(ctx, c, namespace)
	if err != nil {
		return err
	}
	noNamespace := fmt.Errorf("%w: it has no namespace %s; run causeway temporal setup", ErrNotSetUp, namespace)
	if !there {
		return noNamespace
	}
	missing, err := missingAttributes(ctx, c, namespace)
	if lacksNamespace(err) { // it was made a moment ago, and not all of Temporal knows it
		return noNamespace
	}
	if err != nil || len(missing) == 0 {
		return err
	}
	return fmt.Errorf("%w: namespace %s lacks the search attributes %s; run causeway temporal setup", ErrNotSetUp, namespace, strings.Join(missing, ", "))
}

// Made is what SetUp has added.
type Made struct {
	Namespace  bool
	Attributes []string
}

// SetUp makes the namespace and the search attributes that a Temporal lacks, and returns when it takes a start that uses them. Not every
// installation allows that: the error then holds the command that does it with other rights.
func SetUp(ctx context.Context, c client.Client, namespace string, retention time.Duration) (made Made, err error) {
	err = until(ctx, Away, func() error { return ensureNamespace(ctx, c, namespace, retention, &made) })
	if err != nil {
		return made, err
	}
	err = until(ctx, notRefused, func() error {
		_, err := c.WorkflowService().ListOpenWorkflowExecutions(ctx, &workflowservice.ListOpenWorkflowExecutionsRequest{Namespace: namespace, MaximumPageSize: 1})
		return err
	})
	if err != nil {
		return made, fmt.Errorf("namespace %s is not ready: %w", namespace, err)
	}
	if made.Attributes, err = addAttributes(ctx, c, namespace); err != nil {
		return made, err
	}
	return made, until(ctx, notRefused, func() error { return probe(ctx, c) })
}

func ensureNamespace(ctx context.Context, c client.Client, namespace string, retention time.Duration, made *Made) error {
	there, err := namespaceExists(ctx, c, namespace)
	if err != nil || there {
		return err
	}
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(retention), Description: "Causeway",
	})
	if _, there := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); there {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make namespace %s: %w\n  make it with: temporal operator namespace create --namespace %s --retention %dh", namespace, err, namespace, int(retention.Hours()))
	}
	made.Namespace = true
	return nil
}

func namespaceExists(ctx context.Context, c client.Client, namespace string) (bool, error) {
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if lacksNamespace(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for namespace %s: %w", namespace, err)
	}
	return true, nil
}

// lacksNamespace says whether a call failed because Temporal doesn't know the namespace.
func lacksNamespace(err error) bool {
	_, namespace := errors.AsType[*serviceerror.NamespaceNotFound](err)
	_, other := errors.AsType[*serviceerror.NotFound](err)
	return namespace || other
}

// addAttributes adds the search attributes that a namespace lacks, and returns them.
func addAttributes(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	missing, err := missingAttributes(ctx, c, namespace)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	types := make(map[string]enums.IndexedValueType, len(missing))
	for _, name := range missing {
		types[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: types})
	if err != nil {
		return nil, fmt.Errorf("add search attributes to namespace %s: %w\n  add them with: %s", namespace, err, attributesCommand(namespace, missing))
	}
	return missing, nil
}

// attributesCommand is what an operator types where we may not add attributes ourselves.
func attributesCommand(namespace string, names []string) string {
	var b strings.Builder
	b.WriteString("temporal operator search-attribute create --namespace " + namespace)
	for _, name := range names {
		b.WriteString(" --name " + name + " --type Keyword")
	}
	return b.String()
}

func missingAttributes(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("list the search attributes of namespace %s: %w", namespace, err)
	}
	var missing []string
	for _, name := range causeway.Attributes {
		if _, ok := known.GetCustomAttributes()[name]; !ok {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// probe starts a workflow with all attributes on a queue that nobody serves, and ends it: a start with an attribute that a server doesn't
// know yet fails.
func probe(ctx context.Context, c client.Client) error {
	updates := make([]temporal.SearchAttributeUpdate, len(causeway.Attributes))
	for i, name := range causeway.Attributes {
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

// until repeats f until it succeeds, or fails in a way that another try doesn't mend.
func until(ctx context.Context, again func(error) bool, f func() error) error {
	t := time.NewTicker(settling)
	defer t.Stop()
	for {
		err := f()
		if err == nil || !again(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-t.C:
		}
	}
}

// notRefused is false when Temporal won't ever let us do that.
func notRefused(err error) bool {
	_, denied := errors.AsType[*serviceerror.PermissionDenied](err)
	_, unknown := errors.AsType[*serviceerror.Unimplemented](err)
	return !denied && !unknown
}

// Away says whether err means that Temporal can't be reached now, rather than that it refuses us.
func Away(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	_, unavailable := errors.AsType[*serviceerror.Unavailable](err)
	_, late := errors.AsType[*serviceerror.DeadlineExceeded](err)
	return unavailable || late
}
