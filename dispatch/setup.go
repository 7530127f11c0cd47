package dispatch

import (
	"context"
	"fmt"
	"strings"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	causeway "github.com/causeway-dev/causeway"
)

// CheckAttributes refuses a namespace that lacks search attributes of ours: each start of a workflow would fail there. The error says
// what to do.
func CheckAttributes(ctx context.Context, c client.Client, namespace string) error {
	missing, err := missingAttributes(ctx, c, namespace)
	if err != nil || len(missing) == 0 {
		return err
	}
	return fmt.Errorf("the Temporal namespace %s lacks search attributes; run `causeway temporal setup`, or: %s", namespace, SetupCommand(namespace, missing))
}

// AddAttributes adds the search attributes that a namespace lacks, and returns them. Not every installation allows that.
func AddAttributes(ctx context.Context, c client.Client, namespace string) ([]string, error) {
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
		return missing, fmt.Errorf("add search attributes to namespace %s: %w", namespace, err)
	}
	return missing, nil
}

// SetupCommand is what an operator types where we may not add attributes ourselves.
func SetupCommand(namespace string, names []string) string {
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
