package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// WorkerRow is one process that runs scripts. Its lease is the lease of all its runs.
type WorkerRow struct {
	ID      string // new at each process start: a restarted worker doesn't own its predecessor's runs
	Host    string
	Version string
	Pools   []string
	Slots   map[string]int // scripts at once by kind: sync, action, webhook, event
}

// RegisterWorker writes a worker's row with a lease.
func (s *Store) RegisterWorker(ctx context.Context, w WorkerRow, lease time.Duration) error {
	_, err := s.pool.Exec(ctx, `insert into worker (id, host, version, pools, slots, lease_until)
 values ($1, $2, $3, $4, coalesce($5::jsonb, '{}'), clock_timestamp() + make_interval(secs => $6))`, w.ID, w.Host, w.Version, orEmpty(w.Pools), w.Slots, lease.Seconds())
	if err != nil {
		return fmt.Errorf("register worker %s: %w", w.ID, err)
	}
	return nil
}

// ErrDeclaredDead tells a worker that its lease was over and others may have taken its runs.
var ErrDeclaredDead = errors.New("this worker was declared dead")

// RenewWorker renews a worker's lease, and returns its runs that somebody wants stopped. ErrDeclaredDead: abort everything and
// register under a new id.
func (s *Store) RenewWorker(ctx context.Context, id string, lease time.Duration) (cancelled []int64, err error) {
	err = s.pool.QueryRow(ctx, `update worker w set lease_until = clock_timestamp() + make_interval(secs => $2)
 where id = $1 and dead_at is null
returning (select coalesce(array_agg(r.id), '{}') from run r where r.lease_owner = $1 and r.cancel_at is not null)`, id, lease.Seconds()).Scan(&cancelled)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrDeclaredDead
	}
	if err != nil {
		return nil, fmt.Errorf("renew the lease of worker %s: %w", id, err)
	}
	return cancelled, nil
}

// DrainWorker says that a worker takes no more runs: its slots count no more.
func (s *Store) DrainWorker(ctx context.Context, id string) error {
	if _, err := s.pool.Exec(ctx, `update worker set draining = true where id = $1`, id); err != nil {
		return fmt.Errorf("drain worker %s: %w", id, err)
	}
	return nil
}

// RemoveWorker ends a worker that holds no run any more.
func (s *Store) RemoveWorker(ctx context.Context, id string) error {
	if _, err := s.pool.Exec(ctx, `update worker set dead_at = clock_timestamp(), draining = true where id = $1 and dead_at is null`, id); err != nil {
		return fmt.Errorf("remove worker %s: %w", id, err)
	}
	return nil
}

// DeclareDead declares workers dead whose lease is over. Nothing follows from a lapsed lease but this statement: the row's lock
// excludes a renewal.
func (s *Store) DeclareDead(ctx context.Context) (int64, error) {
	tag, err := s.pool.Exec(ctx, `update worker set dead_at = clock_timestamp() where dead_at is null and lease_until < clock_timestamp()`)
	if err != nil {
		return 0, fmt.Errorf("declare workers dead: %w", err)
	}
	return tag.RowsAffected(), nil
}

// LiveWorkers counts the workers that live and take runs.
func (s *Store) LiveWorkers(ctx context.Context) (int, error) {
	var n int
	if err := s.pool.QueryRow(ctx, `select count(*) from worker where dead_at is null and not draining and lease_until > clock_timestamp()`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the workers: %w", err)
	}
	return n, nil
}
