package activities

import (
	"context"
	"errors"
	"fmt"
)

// Cleanup is the activity of the hourly job.
const Cleanup = "Cleanup"

// Cleaner does the hourly work: partitions, operations that have expired, retention. Each part has a name for its error.
type Cleaner struct {
	Parts []CleanPart
}

// CleanPart is one part of the hourly work.
type CleanPart struct {
	Name string
	Do   func(ctx context.Context) error
}

// Cleanup does every part. One that fails doesn't keep the others from being done.
func (c *Cleaner) Cleanup(ctx context.Context) error {
	var failed []error
	for _, p := range c.Parts {
		if err := p.Do(ctx); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", p.Name, err))
		}
	}
	return errors.Join(failed...)
}
