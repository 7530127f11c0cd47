//go:build e2e

package crash

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// syncs bring the items of a connection through their generations. After each successful run everything that the outside API has in one
// generation is there, once, and what it has no longer is gone.
type syncs struct {
	st         *stack
	provider   *provider
	caller     *caller
	connection string
	generation int
	done       atomic.Int32 // generations that arrived
}

// run advances the generations one after the other, spread over the time of the faults, and waits until each has arrived.
func (s *syncs) run(ctx context.Context) {
	began := time.Now()
	for n := range s.st.s.generations {
		if !pause(ctx, time.Until(began.Add(s.st.s.during*time.Duration(n)/time.Duration(s.st.s.generations)))) {
			return
		}
		if n > 0 {
			s.generation = s.provider.advance(s.connection)
		}
		if !s.arrives(ctx) {
			return
		}
		s.done.Add(1)
	}
}

// state is what the database says of a connection's syncs.
type state struct {
	living    int
	last      int64 // run that ended last
	succeeded int64 // the last successful one that began after a time
}

func (s *syncs) state(ctx context.Context, after time.Time) (state, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var out state
	err := s.st.db.QueryRow(ctx, `
select (select count(*) from run r where r.kind = 'sync' and r.connection_id = c.id),
       coalesce((select max(h.id) from run_history h where h.kind = 'sync' and h.connection_id = c.id), 0),
       coalesce((select max(h.id) from run_history h where h.kind = 'sync' and h.connection_id = c.id and h.state = 'succeeded' and h.started_at > $2), 0)
  from connection c where c.connection_id = $1`, s.connection, after).Scan(&out.living, &out.last, &out.succeeded)
	return out, err
}

func (s *syncs) trigger(ctx context.Context) {
	_, _ = s.caller.call(ctx, "POST", "/sync/trigger", map[string]any{ // it may run already; whether it ran is asked below
		"provider_config_key": "crash", "connection_id": s.connection, "syncs": []string{"items"},
	})
}

// arrives waits until a run that began after now has brought the generation. A run that failed is followed by another one; one that
// went on from the checkpoint of an older generation brings that one first.
func (s *syncs) arrives(ctx context.Context) bool {
	after, asked := time.Now(), time.Time{}
	for pause(ctx, 300*time.Millisecond) {
		before, err := s.state(ctx, after)
		if err != nil || before.living > 0 {
			continue
		}
		if before.succeeded == 0 {
			if time.Since(asked) > 2*time.Second {
				asked = time.Now()
				s.trigger(ctx)
			}
			continue
		}
		all, err := readAll(ctx, s.st, s.caller, s.connection)
		if err != nil {
			continue
		}
		now, err := s.state(ctx, after)
		if err != nil || now != before {
			continue // another run began meanwhile: look again
		}
		got := living(all)
		if difference(got, expected(s.st.s, s.generation)) == "" {
			return true
		}
		if s.older(got) {
			after, asked = time.Now(), time.Time{}
			continue
		}
		s.st.found("%s: run %d succeeded, and its records are those of no generation; of %d: %s", s.connection, now.succeeded, s.generation,
			difference(got, expected(s.st.s, s.generation)))
		return true
	}
	return false
}

func (s *syncs) older(got map[string]int) bool {
	for g := s.generation - 1; g > 0; g-- {
		if difference(got, expected(s.st.s, g)) == "" {
			return true
		}
	}
	return false
}

// check compares, when nothing runs any more, the records, the reader's copy of them, and the outside API.
func (s *syncs) check(ctx context.Context, r *reader) {
	if n := int(s.done.Load()); n < s.st.s.generations {
		s.st.found("%s: only %d of %d syncs arrived; its state: %s", s.connection, n, s.st.s.generations, s.describe(ctx))
	}
	want := expected(s.st.s, s.generation)
	all, err := readAll(ctx, s.st, s.caller, s.connection)
	if err != nil {
		s.st.found("%s: the records can't be read: %v", s.connection, err)
		return
	}
	if d := difference(living(all), want); d != "" {
		s.st.found("%s: the records are not those of generation %d: %s", s.connection, s.generation, d)
	}
	copied, err := r.catchUp(ctx)
	if err != nil {
		s.st.found("%v", err)
		return
	}
	if d := difference(copied, living(all)); d != "" {
		s.st.found("%s: the reader's copy differs: %s", s.connection, d)
	}
	var rows int
	if err := s.st.db.QueryRow(ctx, `select coalesce(sum(m.live_count), 0) from record_model m join connection c on c.id = m.connection_id and c.environment_id = m.environment_id where c.connection_id = $1`, s.connection).Scan(&rows); err != nil {
		s.st.found("%s: the counters can't be read: %v", s.connection, err)
	} else if rows != len(want) {
		s.st.found("%s: the counter says %d live records, there are %d", s.connection, rows, len(want))
	}
}

func (s *syncs) describe(ctx context.Context) string {
	var text string
	err := s.st.db.QueryRow(ctx, `
select 'runs: ' || coalesce((select string_agg(r.id || ' ' || r.state || ' attempt ' || r.attempt || ' fence ' || r.fence || ' since ' || r.created_at, ', ') from run r where r.kind = 'sync' and r.connection_id = c.id), 'none')
  || '; ended: ' || coalesce((select string_agg(h.id || ' ' || h.state || coalesce(' ' || h.error_code, ''), ', ' order by h.id) from run_history h where h.kind = 'sync' and h.connection_id = c.id), 'none')
  from connection c where c.connection_id = $1`, s.connection).Scan(&text)
	if err != nil {
		return fmt.Sprint(err)
	}
	return text
}
