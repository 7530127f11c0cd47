package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// SetFunctionEnabled switches a function on or off. Off: its syncs are due no more, and its living runs are asked to stop. On: due is
// when the first of its syncs is due; a pause survives.
func (s *Store) SetFunctionEnabled(ctx context.Context, environmentID, functionID int64, enabled bool) (stopped []Cancelling, due *time.Time, err error) {
	err = s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		if err := updateFunction(ctx, tx, `enabled = $3`, environmentID, functionID, enabled); err != nil {
			return nil, err
		}
		if enabled {
			due, err = leastDue(ctx, tx, `update sync s set next_due_at = `+gridSQL+`
 where s.environment_id = $1 and s.function_id = $2 and s.deleted_at is null and s.next_due_at is null
returning case when s.paused_at is null then s.next_due_at end`, environmentID, functionID)
			return []string{functionsEvent(environmentID)}, err
		}
		if _, err := tx.Exec(ctx, `update sync set next_due_at = null where environment_id = $1 and function_id = $2 and deleted_at is null`, environmentID, functionID); err != nil {
			return nil, err
		}
		stopped, err = cancelRunsOf(ctx, tx, environmentID, `function_id = any($2)`, []int64{functionID}, "disabled")
		return []string{functionsEvent(environmentID)}, err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("switch function %d: %w", functionID, err)
	}
	return stopped, due, nil
}

// SetFunctionFrequency changes how often the syncs of a function run, on the grid that each has; those with a frequency of their own
// keep it. normal is the text that is shown. due is the earliest new due time.
func (s *Store) SetFunctionFrequency(ctx context.Context, environmentID, functionID int64, frequency time.Duration, normal string) (due *time.Time, err error) {
	err = s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		if err := updateFunction(ctx, tx, `frequency_s = $3, runs = $4`, environmentID, functionID, int(frequency.Seconds()), normal); err != nil {
			return nil, err
		}
		due, err = leastDue(ctx, tx, fmt.Sprintf(rescheduleSQL, "and s.function_id = $2"), environmentID, functionID)
		return []string{functionsEvent(environmentID)}, err
	})
	if err != nil {
		return nil, fmt.Errorf("set the frequency of function %d: %w", functionID, err)
	}
	return due, nil
}

func updateFunction(ctx context.Context, tx pgx.Tx, set string, environmentID, functionID int64, args ...any) error {
	tag, err := tx.Exec(ctx, `update function set `+set+` where environment_id = $1 and id = $2 and deleted_at is null`, append([]any{environmentID, functionID}, args...)...)
	if err == nil && tag.RowsAffected() == 0 {
		return causeway.ErrNotFound
	}
	return err
}

// leastDue runs a statement that returns due times, some of them null, and finds the earliest; nil: there is none.
func leastDue(ctx context.Context, tx pgx.Tx, sql string, args ...any) (least *time.Time, err error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	var due *time.Time
	_, err = pgx.ForEachRow(rows, []any{&due}, func() error {
		if due != nil && (least == nil || due.Before(*least)) {
			at := *due
			least = &at
		}
		return nil
	})
	return least, err
}
