package storage

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// DealGroups deals the environments to the scheduler groups anew if their number has changed, and says whether it did. The reconciler rings
// the groups. A scheduler whose group is no more ends with its next turn; until then any turn may take any due row.
func (s *Store) DealGroups(ctx context.Context) (dealt bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('causeway account', 0))`); err != nil {
			return err
		}
		var as int
		if err := tx.QueryRow(ctx, `select count(*) from schedule`).Scan(&as); err != nil || as == s.groups {
			return err
		}
		dealt = true
		for _, sql := range []string{
			`delete from schedule where schedule_group >= $1`,
			`insert into schedule (schedule_group) select g from generate_series(0, $1 - 1) g on conflict do nothing`,
			`update environment set schedule_group = id % $1 where schedule_group <> id % $1`,
		} {
			if _, err := tx.Exec(ctx, sql, s.groups); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `update schedule set wakes_at = clock_timestamp()`)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("deal the environments to %d scheduler groups: %w", s.groups, err)
	}
	return dealt, nil
}
