package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// LaneCaps say how many runs of an environment may hold a slot of each lane.
type LaneCaps map[causeway.Lane]int

// DefaultLaneCaps are the caps of a new environment. Async actions run one at a time, in the order of their creation.
func DefaultLaneCaps() LaneCaps {
	return LaneCaps{causeway.LaneSync: 500, causeway.LaneAction: 500, causeway.LaneActionAsync: 1, causeway.LaneWebhook: 500, causeway.LaneEvent: 100}
}

// EnsureAccount makes the account with its environments and their keys, unless it is there. It makes the rows of the scheduler
// groups too. It is safe in several processes at once.
func (s *Store) EnsureAccount(ctx context.Context, account string, environments []string, caps LaneCaps) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('causeway account', 0))`); err != nil {
			return fmt.Errorf("make account %s: %w", account, err)
		}
		if _, err := tx.Exec(ctx, `insert into schedule (schedule_group) select g from generate_series(0, $1 - 1) g on conflict do nothing`, s.groups); err != nil {
			return fmt.Errorf("make the scheduler groups: %w", err)
		}
		var accountID int64
		err := tx.QueryRow(ctx, `select id from account where name = $1 and deleted_at is null order by id limit 1`, account).Scan(&accountID)
		if errors.Is(err, pgx.ErrNoRows) {
			err = tx.QueryRow(ctx, `insert into account (name) values ($1) returning id`, account).Scan(&accountID)
		}
		if err != nil {
			return fmt.Errorf("make account %s: %w", account, err)
		}
		for _, name := range environments {
			if err := s.ensureEnvironment(ctx, tx, accountID, name, caps); err != nil {
				return fmt.Errorf("make environment %s: %w", name, err)
			}
		}
		return nil
	})
}

func (s *Store) ensureEnvironment(ctx context.Context, tx pgx.Tx, accountID int64, name string, caps LaneCaps) error {
	var id int64
	err := tx.QueryRow(ctx, `insert into environment (account_id, name, is_production) values ($1, $2, $2 = 'prod')
 on conflict (account_id, name) where deleted_at is null do nothing returning id`, accountID, name).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // it is there
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update environment set schedule_group = id % $2 where id = $1`, id, s.groups); err != nil {
		return err
	}
	for _, lane := range causeway.Lanes {
		if _, err := tx.Exec(ctx, `insert into run_lane (environment_id, lane, cap) values ($1, $2, $3)`, id, lane, caps[lane]); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `insert into webhook_setting (environment_id) values ($1)`, id); err != nil {
		return err
	}
	for _, k := range []newKey{
		{kind: "environment", name: "Default - Full access", scopes: []string{"environment:*"}},
		{kind: "webhook_signing", name: "Webhook signing key", scopes: []string{}},
	} {
		if _, err := s.insertKey(ctx, tx, accountID, id, k); err != nil {
			return err
		}
	}
	return nil
}

const environmentColumns = `e.id, e.account_id, a.name, e.uid, e.name, e.is_production, e.log_level, e.schedule_group, e.settings, e.created_at`

func scanEnvironment(row pgx.Row) (*causeway.Environment, error) {
	var e causeway.Environment
	err := row.Scan(&e.ID, &e.AccountID, &e.AccountName, &e.UID, &e.Name, &e.IsProduction, &e.LogLevel, &e.ScheduleGroup, &e.Settings, &e.CreatedAt)
	return &e, err
}

// Environment returns a live environment, from the cache.
func (s *Store) Environment(ctx context.Context, id int64) (*causeway.Environment, error) {
	return s.caches.environments.get(ctx, id, func(ctx context.Context) (*causeway.Environment, error) {
		e, err := scanEnvironment(s.pool.QueryRow(ctx, `select `+environmentColumns+` from environment e join account a on a.id = e.account_id
 where e.id = $1 and e.deleted_at is null`, id))
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, fmt.Errorf("environment %d: %w", id, causeway.ErrNotFound)
		}
		if err != nil {
			return nil, fmt.Errorf("load environment %d: %w", id, err)
		}
		return e, nil
	})
}

// EnvironmentByName finds an environment of an account, for the command line.
func (s *Store) EnvironmentByName(ctx context.Context, account, name string) (*causeway.Environment, error) {
	e, err := scanEnvironment(s.pool.QueryRow(ctx, `select `+environmentColumns+` from environment e join account a on a.id = e.account_id
 where a.name = $1 and a.deleted_at is null and e.name = $2 and e.deleted_at is null`, account, name))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("environment %s of %s: %w", name, account, causeway.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("load environment %s: %w", name, err)
	}
	return e, nil
}
