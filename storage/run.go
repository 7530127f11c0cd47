package storage

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// maxInline is the size up to which a run's input, output or error lies in its row; beyond it, in the blob store.
const maxInline = 64 << 10

// NewRun is a run that is asked for.
type NewRun struct {
	Kind                                    causeway.RunKind
	Lane                                    causeway.Lane
	IntegrationID, ConnectionID, FunctionID int64
	StartWithin, FinishWithin               time.Duration
	MaxAttempts                             int
	Input                                   json.RawMessage // nil: none
	SyncID                                  int64           // webhook: the sync that the function belongs to
	OperationID                             string
	ParentUID                               uuid.UUID // of the run whose script asked
	Parent                                  Hold      // that run as its worker holds it; zero: nobody's script asked
	StartedBy                               map[string]any
	Opts                                    causeway.RunOpts
	IdempotencyKey                          string // the caller's, at most 255 characters; empty: none
}

// Hold is a run in the hands of a worker. What the run writes in the control plane is written only while that holds it.
type Hold struct{ RunID, Fence int64 }

// Created is what became of a wish for a run. Admitted: it holds a slot, and its workflow is to be started. Ask: it was not the
// lane that had no room, so a scheduler has to look. Repeated: an earlier request with the same idempotency key made it; only its
// uid is known, and nothing follows.
type Created struct {
	Ref                     causeway.RunRef
	Admitted, Ask, Repeated bool
}

// ErrQueueFull refuses a run because too many wait in its lane.
var ErrQueueFull = &causeway.Error{Code: "queue_full", Status: http.StatusTooManyRequests, Message: "too many runs of this kind are waiting in this environment"}

// A run gets a slot in its insert if its lane has one and nobody waits there. Its id is taken under the lane's lock, so in a
// lane the order of ids is the order of creation.
const createRunSQL = `
with k as materialized (
  select used < least(cap, share) and queued = 0 as ok, used < cap as ask
    from run_lane where environment_id = $1 and lane = $4 and queued < queue_cap
     for update
), i as (
  insert into run (environment_id, uid, kind, lane, integration_id, connection_id, function_id, start_by, finish_s, max_attempts,
                   input_enc, input_ref, input_size, operation_id, parent_uid, started_by, opts, sync_id, admitted_at)
  select $1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(secs => $8), $9, $10,
         $11, $12, $13, $14, $15, $16, $17, $18, case when k.ok then clock_timestamp() end
    from k
  returning id
), l as (
  update run_lane set used = used + k.ok::int, queued = queued + (not k.ok)::int
    from k where environment_id = $1 and lane = $4
)
select i.id, k.ok, not k.ok and k.ask from i, k`

// CreateRun writes a run of any kind but sync. After the commit the caller starts it if it was admitted, and asks the
// scheduler if that is wanted (package dispatch). ErrQueueFull: nothing was written. ErrStale: the run whose script asks isn't its
// worker's any more. ErrKeyReused: the idempotency key stands for another request.
func (s *Store) CreateRun(ctx context.Context, environmentID int64, n NewRun) (Created, error) {
	uid, err := uuid.NewV7()
	if err != nil {
		return Created{}, err
	}
	c := Created{Ref: causeway.RunRef{RunUID: uid, EnvironmentID: environmentID, Kind: n.Kind, Lane: n.Lane}}
	if n.Opts.Async {
		c.Ref.Attempt = 1
	}
	input, err := s.sealPayload(ctx, environmentID, uid, "run.input_enc", n.Input)
	if err != nil {
		return Created{}, err
	}
	if n.Parent.RunID == 0 && n.IdempotencyKey == "" {
		err = insertRun(ctx, s.pool, n, input, &c)
	} else {
		err = s.insertRunInOne(ctx, n, input, &c)
	}
	if errors.Is(err, ErrQueueFull) || errors.Is(err, ErrStale) || errors.Is(err, ErrKeyReused) {
		return Created{}, err
	}
	if err != nil {
		return Created{}, fmt.Errorf("create a run in environment %d: %w", environmentID, err)
	}
	return c, nil
}

// insertRunInOne writes a run with what belongs to it in one transaction, the run last: its lane is locked for one commit only.
func (s *Store) insertRunInOne(ctx context.Context, n NewRun, input payload, c *Created) error {
	environmentID := c.Ref.EnvironmentID
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if n.Parent.RunID != 0 {
			if err := holds(ctx, tx, environmentID, n.Parent.RunID, n.Parent.Fence); err != nil {
				return err
			}
		}
		if n.IdempotencyKey != "" {
			earlier, err := s.takeRunKey(ctx, tx, n, c.Ref)
			if err != nil {
				return err
			}
			if earlier != uuid.Nil {
				c.Ref.RunUID, c.Repeated = earlier, true
				return nil
			}
		}
		return insertRun(ctx, tx, n, input, c)
	})
}

func insertRun(ctx context.Context, q querier, n NewRun, input payload, c *Created) error {
	startedBy := n.StartedBy
	if startedBy == nil {
		startedBy = map[string]any{}
	}
	var syncID *int64
	if n.SyncID != 0 {
		syncID = &n.SyncID
	}
	err := q.QueryRow(ctx, createRunSQL, c.Ref.EnvironmentID, c.Ref.RunUID, n.Kind, n.Lane, n.IntegrationID, n.ConnectionID, n.FunctionID,
		n.StartWithin.Seconds(), int(n.FinishWithin.Seconds()), max(1, n.MaxAttempts), input.inline, input.ref, input.size, n.OperationID,
		uuidOrNull(n.ParentUID), startedBy, n.Opts, syncID).
		Scan(&c.Ref.RunID, &c.Admitted, &c.Ask)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrQueueFull
	}
	return err
}

// payload is a sealed value: in the row, or by reference.
type payload struct {
	inline []byte
	ref    *string
	size   *int
}

// payloadAAD binds a payload to its run. The run's number isn't known before the insert, so the random half of its uid stands
// for it.
func payloadAAD(uid uuid.UUID, column string) AAD {
	return AAD{Column: column, Row: int64(binary.BigEndian.Uint64(uid[8:]))} //nolint:gosec // bits, not a number
}

// UseBlob says where large payloads go. It is called once, before the store is used.
func (s *Store) UseBlob(b *Blob) { s.blob = b }

func (s *Store) sealPayload(ctx context.Context, environmentID int64, uid uuid.UUID, column string, plain []byte) (payload, error) {
	if plain == nil {
		return payload{}, nil
	}
	size := len(plain)
	p := payload{size: &size}
	if size > maxInline {
		// The blob is written before the row; one whose row never comes is swept by its age.
		ref := fmt.Sprintf("runs/%d/%s/%s", environmentID, uid, uuid.NewString())
		if err := s.blob.Put(ctx, ref, plain); err != nil {
			return payload{}, err
		}
		p.ref = &ref
		return p, nil
	}
	var err error
	p.inline, err = s.keys.Seal(ctx, PurposeControl, environmentID, payloadAAD(uid, column), plain)
	return p, err
}

func (s *Store) openPayload(ctx context.Context, environmentID int64, uid uuid.UUID, column string, inline []byte, ref *string) ([]byte, error) {
	switch {
	case ref != nil:
		return s.blob.Get(ctx, *ref)
	case inline != nil:
		return s.keys.Open(ctx, environmentID, payloadAAD(uid, column), inline)
	default:
		return nil, nil
	}
}

const runColumns = `r.id, r.uid, r.environment_id, r.kind, r.lane, r.state, r.fence, r.attempt, r.max_attempts, r.integration_id, r.connection_id, r.function_id,
  coalesce(r.function_version_id, 0), coalesce(r.sync_id, 0), coalesce(r.run_no, 0), coalesce(r.run_type, ''), coalesce(r.operation_id, ''), r.opts, r.finish_s, r.created_at, r.started_at, r.started_by,
  s.uid, coalesce(s.variant, 'base'), s.last_sync_at, i.unique_key, i.provider, c.connection_id, f.name, f.event`

// Run loads a living run with the names of what it belongs to. causeway.ErrNotFound: it has ended.
func (s *Store) Run(ctx context.Context, environmentID, runID int64) (*causeway.Run, error) {
	var (
		r       causeway.Run
		syncUID *uuid.UUID
		finishS int
	)
	err := s.pool.QueryRow(ctx, `select `+runColumns+`
  from run r join connection c on c.environment_id = r.environment_id and c.id = r.connection_id
  join integration i on i.environment_id = r.environment_id and i.id = r.integration_id
  join function f on f.environment_id = r.environment_id and f.id = r.function_id
  left join sync s on s.environment_id = r.environment_id and s.id = r.sync_id
 where r.environment_id = $1 and r.id = $2`, environmentID, runID).
		Scan(&r.RunID, &r.RunUID, &r.EnvironmentID, &r.Kind, &r.Lane, &r.State, &r.Fence, &r.Attempt, &r.MaxAttempts, &r.IntegrationID, &r.ConnectionID, &r.FunctionID,
			&r.VersionID, &r.SyncID, &r.RunNo, &r.RunType, &r.OperationID, &r.Opts, &finishS, &r.CreatedAt, &r.StartedAt, &r.StartedBy,
			&syncUID, &r.Variant, &r.LastSyncAt, &r.IntegrationKey, &r.Provider, &r.ConnectionKey, &r.FunctionName, &r.Event)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("run %d: %w", runID, causeway.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load run %d: %w", runID, err)
	}
	if syncUID != nil {
		r.SyncUID = *syncUID
	}
	r.FinishWithin = time.Duration(finishS) * time.Second
	r.Resumable = r.Kind == causeway.RunSync
	return &r, nil
}

// RunInput opens the input of a living run; nil: it has none.
func (s *Store) RunInput(ctx context.Context, environmentID, runID int64) (json.RawMessage, error) {
	var (
		uid    uuid.UUID
		inline []byte
		ref    *string
	)
	if err := s.pool.QueryRow(ctx, `select uid, input_enc, input_ref from run where environment_id = $1 and id = $2`, environmentID, runID).Scan(&uid, &inline, &ref); err != nil {
		return nil, fmt.Errorf("load the input of run %d: %w", runID, err)
	}
	return s.openPayload(ctx, environmentID, uid, "run.input_enc", inline, ref)
}

// EndedRun is a run that has ended, with its output and error opened.
type EndedRun struct {
	RunID       int64
	UID         uuid.UUID
	Kind        causeway.RunKind
	FunctionID  int64
	OperationID string
	Opts        causeway.RunOpts
	Outcome     causeway.Outcome
	EndedAt     time.Time
}

// EndedRun finds a run that has ended by its uid. causeway.ErrNotFound: it lives, its time of keeping is over, or there is none.
func (s *Store) EndedRun(ctx context.Context, environmentID int64, uid uuid.UUID) (*EndedRun, error) {
	var (
		e                    EndedRun
		output, failure      []byte
		outputRef            *string
		code, message, opid  *string
		resultJSON           *causeway.RunResult
		created, windowStart = time.Time{}, uidTime(uid)
	)
	// The uid's time names the daily partition; clocks differ, so an hour before and after is looked at.
	err := s.pool.QueryRow(ctx, `select id, uid, kind, function_id, operation_id, opts, state, output_enc, output_ref, result, error_code, error_message, error_enc, ended_at, created_at
  from run_history where environment_id = $1 and uid = $2 and created_at between $3 and $4`, environmentID, uid, windowStart.Add(-time.Hour), windowStart.Add(time.Hour)).
		Scan(&e.RunID, &e.UID, &e.Kind, &e.FunctionID, &opid, &e.Opts, &e.Outcome.State, &output, &outputRef, &resultJSON, &code, &message, &failure, &e.EndedAt, &created)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("ended run %s: %w", uid, causeway.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load ended run %s: %w", uid, err)
	}
	e.Outcome.Result, e.Outcome.Code, e.Outcome.Message, e.OperationID = resultJSON, deref(code), deref(message), deref(opid)
	if e.Outcome.Output, err = s.openPayload(ctx, environmentID, uid, "run_history.output_enc", output, outputRef); err != nil {
		return nil, err
	}
	e.Outcome.Error, err = s.openPayload(ctx, environmentID, uid, "run_history.error_enc", failure, nil)
	return &e, err
}

// RunLives says whether a run waits or runs.
func (s *Store) RunLives(ctx context.Context, environmentID int64, uid uuid.UUID) (bool, error) {
	var lives bool
	if err := s.pool.QueryRow(ctx, `select exists (select from run where environment_id = $1 and uid = $2)`, environmentID, uid).Scan(&lives); err != nil {
		return false, fmt.Errorf("look for run %s: %w", uid, err)
	}
	return lives, nil
}

// uidTime is the time in a UUID of version 7.
func uidTime(uid uuid.UUID) time.Time {
	ms := binary.BigEndian.Uint64(append([]byte{0, 0}, uid[:6]...))
	return time.UnixMilli(int64(ms)) //nolint:gosec // 48 bits
}

func uuidOrNull(u uuid.UUID) *uuid.UUID {
	if u == uuid.Nil {
		return nil
	}
	return &u
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// EndedState says how a run ended. causeway.ErrNotFound: it hasn't, or it isn't kept any more.
func (s *Store) EndedState(ctx context.Context, ref causeway.RunRef) (state causeway.RunState, code string, err error) {
	at := uidTime(ref.RunUID)
	err = s.pool.QueryRow(ctx, `select state, coalesce(error_code, '') from run_history where environment_id = $1 and uid = $2 and created_at between $3 and $4`,
		ref.EnvironmentID, ref.RunUID, at.Add(-time.Hour), at.Add(time.Hour)).Scan(&state, &code)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", fmt.Errorf("ended run %d: %w", ref.RunID, causeway.ErrNotFound)
	}
	if err != nil {
		return "", "", fmt.Errorf("load the end of run %d: %w", ref.RunID, err)
	}
	return state, code, nil
}
