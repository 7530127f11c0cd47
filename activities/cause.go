package activities

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
)

// terminated says that the workflow execution is over: somebody ended it by hand.
func terminated(cause error) bool {
	_, notFound := errors.AsType[*serviceerror.NotFound](cause)
	return notFound
}

// cancelRequested says that somebody asked for the workflow, or the activity, to be cancelled. A deadline, or a server that can't be
// reached, is none of that.
func cancelRequested(cause error) bool {
	if errors.Is(cause, context.DeadlineExceeded) {
		return false
	}
	return temporal.IsCanceledError(cause) || errors.Is(cause, context.Canceled)
}
