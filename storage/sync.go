package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// createSyncs makes the base syncs of connections and functions, or revives them: a revived sync keeps its id, its records' place and
// a user's pause. A sync of a function that doesn't start by itself begins paused.
const createSyncsSQL = `
insert into sync as s (environment_id, connection_id, function_id, paused_at, starts_at, next_due_at)
select c.environment_id, c.id, f.id, case when not f.auto_start then clock_timestamp() end, clock_timestamp(), clock_timestamp()
  from connection c join function f on f.environment_id = c.environment_id and f.integration_id = c.integration_id
 where c.environment_id = $1 and c.deleted_at is null and f.kind = 'sync' and f.enabled and f.deleted_at is null
   and f.active_version_id is not null and f.frequency_s is not null %s
on conflict (connection_id, function_id, variant, environment_id) do update
   set deleted_at = null, next_due_at = case when s.deleted_at is not null then clock_timestamp() else coalesce(s.next_due_at, ` + gridSQL + `) end
 where s.deleted_at is not null or s.next_due_at is null
returning s.id`

// rescheduleSQL moves due times that lie ahead to the grid of the frequency in force, or away from syncs whose function doesn't run. A
// due time that is past stays: that run is owed, whatever the frequency. On a sync that is in step it changes nothing.
const rescheduleSQL = `
update sync s set next_due_at = ` + gridSQL + `
 where s.environment_id = $1 and s.deleted_at is null and s.next_due_at > clock_timestamp() and s.next_due_at is distinct from ` + gridSQL + ` %s
returning case when s.paused_at is null then s.next_due_at end`

// EnsureSyncs makes or revives the syncs of one connection. any: the scheduler has to look.
func (s *Store) EnsureSyncs(ctx context.Context, environmentID, connectionID int64) (anyNew bool, err error) {
	tag, err := s.pool.Exec(ctx, fmt.Sprintf(createSyncsSQL, "and c.id = $2"), environmentID, connectionID)
	if err != nil {
		return false, fmt.Errorf("make the syncs of connection %d: %w", connectionID, err)
	}
	return tag.RowsAffected() > 0, nil
}

// EnsureSyncsAfter makes or revives the syncs of up to limit connections that come after an id, for a deploy, and moves the others to the
// grid of a changed frequency. last is the id to go on from; 0: all are done.
func (s *Store) EnsureSyncsAfter(ctx context.Context, environmentID, after int64, limit int) (last int64, err error) {
	var upTo *int64
	var n int
	if err := s.pool.QueryRow(ctx, `select max(id), count(*) from (select id from connection where environment_id = $1 and id > $2 and deleted_at is null order by id limit $3) c`, environmentID, after, limit).Scan(&upTo, &n); err != nil {
		return 0, fmt.Errorf("list connections of environment %d: %w", environmentID, err)
	}
	if upTo == nil {
		return 0, nil
	}
	if _, err := s.pool.Exec(ctx, fmt.Sprintf(createSyncsSQL, "and c.id > $2 and c.id <= $3"), environmentID, after, *upTo); err != nil {
		return 0, fmt.Errorf("make the syncs of environment %d: %w", environmentID, err)
	}
	if _, err := s.pool.Exec(ctx, fmt.Sprintf(rescheduleSQL, "and s.connection_id > $2 and s.connection_id <= $3"), environmentID, after, *upTo); err != nil {
		return 0, fmt.Errorf("reschedule the syncs of environment %d: %w", environmentID, err)
	}
	if n < limit {
		return 0, nil
	}
	return *upTo, nil
}

// DeleteSyncsOfConnections ends the syncs of connections that are gone, and asks for their living runs, of every kind, to be stopped.
func (s *Store) DeleteSyncsOfConnections(ctx context.Context, environmentID int64, connectionIDs []int64) ([]Cancelling, error) {
	return s.endSyncs(ctx, environmentID, `connection_id = any($2)`, connectionIDs)
}

// DeleteSyncsOfFunctions ends the syncs of functions that are gone, and asks for their living runs to be stopped.
func (s *Store) DeleteSyncsOfFunctions(ctx context.Context, environmentID int64, functionIDs []int64) ([]Cancelling, error) {
	return s.endSyncs(ctx, environmentID, `function_id = any($2)`, functionIDs)
}

func (s *Store) endSyncs(ctx context.Context, environmentID int64, which string, ids []int64) ([]Cancelling, error) {
	var stopped []Cancelling
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update sync set deleted_at = clock_timestamp() where environment_id = $1 and deleted_at is null and `+which, environmentID, ids); err != nil {
			return err
		}
		var err error
		stopped, err = cancelRunsOf(ctx, tx, environmentID, which, ids, "deleted")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("end syncs of environment %d: %w", environmentID, err)
	}
	return stopped, nil
}

// cancelRunsOf asks for living runs, of every kind, to be stopped.
func cancelRunsOf(ctx context.Context, tx pgx.Tx, environmentID int64, which string, ids []int64, by string) ([]Cancelling, error) {
	rows, err := tx.Query(ctx, `update run set cancel_at = coalesce(cancel_at, clock_timestamp()), cancel_by = coalesce(cancel_by, $3)
 where environment_id = $1 and `+which+` returning id, uid, kind, lane, state, fence`, environmentID, ids, by)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Cancelling, error) {
		c := Cancelling{Ref: causeway.RunRef{EnvironmentID: environmentID}}
		err := row.Scan(&c.Ref.RunID, &c.Ref.RunUID, &c.Ref.Kind, &c.Ref.Lane, &c.State, &c.Fence)
		return c, err
	})
}

// SyncFilter says which syncs are meant. Names are the functions' names with a variant; none: all.
type SyncFilter struct {
	IntegrationID int64
	ConnectionID  int64 // 0: of every connection of the integration
	Names         []SyncName
}

// SyncName is the name of a sync's function and its variant.
type SyncName struct{ Name, Variant string }

// SyncRow is a sync with what its status shows.
type SyncRow struct {
	causeway.Sync
	ConnectionKey string
	Frequency     time.Duration // in force
	Runs          string        // the deployed frequency text
	FunctionType  string        // "incremental" or "full", as the active version says
	Models        []string
	Enabled       bool
}

// Syncs lists live syncs.
func (s *Store) Syncs(ctx context.Context, environmentID int64, f SyncFilter) ([]SyncRow, error) {
	var names, variants []string
	for _, n := range f.Names {
		names, variants = append(names, n.Name), append(variants, n.Variant)
	}
	rows, err := s.pool.Query(ctx, `
select s.id, s.uid, s.connection_id, s.function_id, f.name, s.variant, s.paused_at, coalesce(s.frequency_override_s, 0), s.starts_at, s.next_due_at, s.last_sync_at,
       coalesce(s.last_run_id, 0), coalesce(s.last_run_state, ''), coalesce(s.last_run_type, ''), s.last_finished_at, s.last_result, s.failures,
       coalesce(s.error_code, ''), coalesce(s.error_message, ''),
       exists (select from run r where r.environment_id = s.environment_id and r.sync_id = s.id and r.kind = 'sync'),
       c.connection_id, coalesce(s.frequency_override_s, f.frequency_s, 0), coalesce(f.runs, ''), coalesce(v.definition->>'sync_type', 'full'),
       coalesce(array(select jsonb_array_elements_text(v.definition->'models')), '{}'), f.enabled
  from sync s join connection c on c.environment_id = s.environment_id and c.id = s.connection_id
  join function f on f.environment_id = s.environment_id and f.id = s.function_id
  left join function_version v on v.environment_id = f.environment_id and v.id = f.active_version_id
 where s.environment_id = $1 and s.deleted_at is null and c.deleted_at is null and f.deleted_at is null and c.integration_id = $2 and ($3 = 0 or s.connection_id = $3)
   and ($4::text[] is null or (f.name, s.variant) in (select * from unnest($4::text[], $5::text[])))
 order by s.id`, environmentID, f.IntegrationID, f.ConnectionID, names, variants)
	if err != nil {
		return nil, fmt.Errorf("list syncs: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (SyncRow, error) {
		r := SyncRow{Sync: causeway.Sync{EnvironmentID: environmentID}}
		var own, frequency int
		err := row.Scan(&r.ID, &r.UID, &r.ConnectionID, &r.FunctionID, &r.Name, &r.Variant, &r.PausedAt, &own, &r.StartsAt, &r.NextDueAt, &r.LastSyncAt,
			&r.LastRunID, &r.LastRunState, &r.LastRunType, &r.LastFinishedAt, &r.LastResult, &r.Failures, &r.ErrorCode, &r.ErrorMessage, &r.Running,
			&r.ConnectionKey, &frequency, &r.Runs, &r.FunctionType, &r.Models, &r.Enabled)
		r.FrequencyOwn, r.Frequency = time.Duration(own)*time.Second, time.Duration(frequency)*time.Second
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("list syncs: %w", err)
	}
	return all, nil
}

// PauseSync pauses a sync and asks for its living run to be stopped; nil: it has none. The stored due time stays, so that a sync that is
// resumed past it runs at once.
func (s *Store) PauseSync(ctx context.Context, environmentID, syncID int64) (*Cancelling, error) {
	var stopped *Cancelling
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockSync(ctx, tx, environmentID, syncID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update sync set paused_at = coalesce(paused_at, clock_timestamp()) where environment_id = $1 and id = $2`, environmentID, syncID); err != nil {
			return err
		}
		var err error
		stopped, err = cancelLiving(ctx, tx, environmentID, syncID, "pause")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pause sync %d: %w", syncID, err)
	}
	return stopped, nil
}

// lockSync locks the row of a live sync. Open, claim and close lock the same row, so each operation on a sync meets a run before or
// after such a step, never in the middle.
func lockSync(ctx context.Context, tx pgx.Tx, environmentID, syncID int64) error {
	var one int
	err := tx.QueryRow(ctx, `select 1 from sync where environment_id = $1 and id = $2 and deleted_at is null for no key update`, environmentID, syncID).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return causeway.ErrNotFound
	}
	return err
}

func cancelLiving(ctx context.Context, tx pgx.Tx, environmentID, syncID int64, by string) (*Cancelling, error) {
	var runID int64
	err := tx.QueryRow(ctx, `select id from run where environment_id = $1 and sync_id = $2 and kind = 'sync'`, environmentID, syncID).Scan(&runID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := cancelRun(ctx, tx, environmentID, runID, by)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil // it ended just now
	}
	return &c, err
}

// ResumeSync lets a paused sync run by its schedule again. due is when it is due: the stored time, which may be past.
func (s *Store) ResumeSync(ctx context.Context, environmentID, syncID int64) (due *time.Time, err error) {
	err = s.pool.QueryRow(ctx, `update sync s set paused_at = null, next_due_at = coalesce(s.next_due_at, `+gridSQL+`)
 where environment_id = $1 and id = $2 and deleted_at is null returning next_due_at`, environmentID, syncID).Scan(&due)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("sync %d: %w", syncID, causeway.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("resume sync %d: %w", syncID, err)
	}
	return due, nil
}

// SyncRequest is a wish for a run of a sync, from the weakest to the strongest.
type SyncRequest string

// The wishes.
const (
	RequestRun       SyncRequest = "run"
	RequestFull      SyncRequest = "full"       // forget checkpoints and the last sync date
	RequestFullEmpty SyncRequest = "full_empty" // and empty the models first
)

// ErrAlreadyRunning refuses a plain run of a sync that runs.
var ErrAlreadyRunning = &causeway.Error{Code: "already_running", Status: 409, Message: "the sync is running already"}

// ErrDisabled refuses a run of a sync whose function is switched off.
var ErrDisabled = &causeway.Error{Code: causeway.CodeDisabledResource, Status: 400, Message: "the sync's function is disabled"}

// RequestSync asks for a run now, also of a paused sync. start is to be started. A full run stops a living one first (stopped) and is
// opened when that has ended; a plain one is refused with ErrAlreadyRunning while one lives. ErrDisabled: its function is switched off.
func (s *Store) RequestSync(ctx context.Context, environmentID, syncID int64, want SyncRequest) (start *causeway.RunRef, stopped *Cancelling, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockSync(ctx, tx, environmentID, syncID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update sync set request = case when array_position('{run,full,full_empty}', request) > array_position('{run,full,full_empty}', $3::text) then request else $3 end
 where environment_id = $1 and id = $2`, environmentID, syncID, want); err != nil {
			return err
		}
		if want != RequestRun {
			if stopped, err = cancelLiving(ctx, tx, environmentID, syncID, "full run"); err != nil {
				return err
			}
		}
		if stopped != nil {
			return nil // its closer opens the new one
		}
		if start, err = openOne(ctx, tx, environmentID, syncID); err != nil || start != nil {
			return err
		}
		return whyNotOpened(ctx, tx, environmentID, syncID)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("request a run of sync %d: %w", syncID, err)
	}
	return start, stopped, nil
}

// whyNotOpened tells a sync that runs from one whose function is switched off.
func whyNotOpened(ctx context.Context, tx pgx.Tx, environmentID, syncID int64) error {
	var runs bool
	if err := tx.QueryRow(ctx, `select exists (select from run where environment_id = $1 and sync_id = $2 and kind = 'sync')`, environmentID, syncID).Scan(&runs); err != nil {
		return err
	}
	if runs {
		return ErrAlreadyRunning
	}
	return ErrDisabled
}

// OpenRequested opens the run of a sync that was asked for. nil: one lives, or nobody asks any more.
func (s *Store) OpenRequested(ctx context.Context, environmentID, syncID int64) (start *causeway.RunRef, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		start, err = openOne(ctx, tx, environmentID, syncID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open sync %d: %w", syncID, err)
	}
	return start, nil
}

func openOne(ctx context.Context, tx pgx.Tx, environmentID, syncID int64) (*causeway.RunRef, error) {
	uids, operations, err := newUIDs(1)
	if err != nil {
		return nil, err
	}
	var (
		id  int64
		uid uuid.UUID
	)
	err = tx.QueryRow(ctx, openOneSQL, environmentID, syncID, uids, operations).Scan(&environmentID, &id, &uid)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return newRef(environmentID, id, uid, causeway.RunSync, causeway.LaneSync, 0, false), nil
}

// SetSyncFrequency overrides a sync's frequency on its own grid; 0 goes back to the function's. due is the new due time.
func (s *Store) SetSyncFrequency(ctx context.Context, environmentID, syncID int64, frequency time.Duration) (due *time.Time, err error) {
	var override *int
	if frequency > 0 {
		seconds := int(frequency.Seconds())
		override = &seconds
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockSync(ctx, tx, environmentID, syncID); err != nil {
			return err
		}
		var same bool
		if err := tx.QueryRow(ctx, `select frequency_override_s is not distinct from $3 from sync where environment_id = $1 and id = $2`, environmentID, syncID, override).Scan(&same); err != nil || same {
			return err // the same value starts nothing and moves nothing
		}
		if _, err := tx.Exec(ctx, `update sync set frequency_override_s = $3 where environment_id = $1 and id = $2`, environmentID, syncID, override); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, fmt.Sprintf(rescheduleSQL, "and s.id = $2"), environmentID, syncID).Scan(&due)
		if errors.Is(err, pgx.ErrNoRows) { // it is due already, or not at all
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("set the frequency of sync %d: %w", syncID, err)
	}
	return due, nil
}
