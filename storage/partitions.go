package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// partitionsAhead is how many partitions lie ready before they are needed.
const partitionsAhead = 7

// partitioned is a table that is cut by time. Its rows go by dropping whole partitions, never by DELETE.
type partitioned struct {
	table   string
	monthly bool
	keep    time.Duration // 0: for ever
}

// logPartitions are the tables of the logs.
func logPartitions(retention time.Duration) []partitioned {
	return []partitioned{{table: "operation", keep: retention}, {table: "message", keep: retention}}
}

// controlPartitions are the other tables of the control plane that are cut by time.
func controlPartitions() []partitioned {
	const day = 24 * time.Hour
	return []partitioned{
		{table: "run_history", keep: 31 * day},
		{table: "webhook_event", keep: 31 * day},
		{table: "audit_event", monthly: true, keep: 365 * day},
	}
}

// MaintainPartitions makes the partitions of the coming days and drops those whose time is over. It is safe to repeat and
// to run in two processes. The tables of the logs are among them: where logs go elsewhere, what is in them from before has to go.
func (s *Store) MaintainPartitions(ctx context.Context, logs time.Duration) error {
	return maintainPartitions(ctx, s.pool, append(controlPartitions(), logPartitions(logs)...))
}

func maintainPartitions(ctx context.Context, pool *pgxpool.Pool, tables []partitioned) error {
	for _, t := range tables {
		if err := t.maintain(ctx, pool); err != nil {
			return fmt.Errorf("partitions of %s: %w", t.table, err)
		}
	}
	return nil
}

func (p partitioned) maintain(ctx context.Context, pool *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		// One process at a time; who comes second has nothing to do. Readers and writers of the table are waited for, but not for
		// long: a waiting lock would hold up everybody behind it.
		var mine bool
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock(hashtextextended('partitions:' || $1, 0))`, p.table).Scan(&mine); err != nil || !mine {
			return err
		}
		if _, err := tx.Exec(ctx, `set local lock_timeout = '3s'`); err != nil {
			return err
		}
		var now time.Time
		if err := tx.QueryRow(ctx, `select clock_timestamp()`).Scan(&now); err != nil {
			return err
		}
		from := p.start(now.UTC())
		for range partitionsAhead + 1 {
			to := p.next(from)
			if err := p.create(ctx, tx, from, to); err != nil {
				return err
			}
			from = to
		}
		return p.drop(ctx, tx, now.UTC())
	})
}

// create makes a partition unless it is there. Names and bounds are made from a fixed list and dates.
func (p partitioned) create(ctx context.Context, tx pgx.Tx, from, to time.Time) error {
	bounds := fmt.Sprintf(`for values from ('%s') to ('%s')`, from.Format(time.RFC3339), to.Format(time.RFC3339))
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf(`create table if not exists %s partition of %s %s`, p.name(from), p.table, bounds))
		return err
	})
	if !isCode(err, "23514") { // check_violation: the default partition holds rows of that time
		return err
	}
	return p.rescue(ctx, tx, from, to, bounds)
}

// rescue makes a partition and moves the rows into it that came before it was there.
func (p partitioned) rescue(ctx context.Context, tx pgx.Tx, from, to time.Time, bounds string) error {
	var key, columns string
	if err := tx.QueryRow(ctx, `select
 (select quote_ident(a.attname) from pg_partitioned_table t join pg_attribute a on a.attrelid = t.partrelid and a.attnum = t.partattrs[0] where t.partrelid = $1::regclass),
 (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '')`,
		p.table).Scan(&key, &columns); err != nil {
		return err
	}
	for _, sql := range []string{
		fmt.Sprintf(`lock table %s_default in access exclusive mode`, p.table),
		fmt.Sprintf(`create table %s (like %s including all excluding identity)`, p.name(from), p.table),
		fmt.Sprintf(`with moved as (delete from %s_default where %s >= '%s' and %s < '%s' returning %s) insert into %s (%s) select %s from moved`,
			p.table, key, from.Format(time.RFC3339), key, to.Format(time.RFC3339), columns, p.name(from), columns, columns),
		fmt.Sprintf(`alter table %s attach partition %s %s`, p.table, p.name(from), bounds),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func (p partitioned) drop(ctx context.Context, tx pgx.Tx, now time.Time) error {
	if p.keep == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::regclass`, p.table)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		from, err := time.Parse(p.table+"_"+p.layout(), name)
		if err != nil || p.next(from).After(now.Add(-p.keep)) {
			continue // the default partition, or one that is still wanted
		}
		// Detaching concurrently isn't possible beside a default partition, so this takes the table's lock for a moment.
		if _, err := tx.Exec(ctx, "drop table "+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

func (p partitioned) layout() string {
	if p.monthly {
		return "200601"
	}
	return "20060102"
}

func (p partitioned) name(from time.Time) string { return p.table + "_" + from.Format(p.layout()) }

func (p partitioned) start(t time.Time) time.Time {
	if p.monthly {
		return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func (p partitioned) next(from time.Time) time.Time {
	if p.monthly {
		return from.AddDate(0, 1, 0)
	}
	return from.AddDate(0, 0, 1)
}
