package storage_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// TestHotStatementsKeepTheirIndexOnAnEmptyDatabase holds plans that were made before there were any rows: table run is empty at the start
// and again at night, and a cached plan stays. One that takes the environment as its whole condition and filters by id would be read
// by every claim.
func TestHotStatementsKeepTheirIndexOnAnEmptyDatabase(t *testing.T) {
	url := storagetest.URL(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	_, err = conn.Exec(t.Context(), `set plan_cache_mode = force_generic_plan; set jit = off`)
	require.NoError(t, err)

	const (
		byID   = "((environment_id = $N) AND (id = $N))"
		byLane = "((environment_id = $N) AND (lane = $N))"
		byDue  = "(next_due_at <= $N)"
	)
	for _, c := range []struct {
		name, sql string
		args      int
		want      map[string]string // index: its condition
	}{
		{"create", storage.CreateRunSQL, 18, map[string]string{"run_lane_pkey": byLane}},
		{"claim", storage.ClaimRunSQL, 4, map[string]string{"run_pkey": byID}},
		{"close", storage.CloseRunSQL, 13, map[string]string{"run_pkey": byID, "sync_pkey": byID, "function_pkey": byID}},
		{"retry", storage.RetryRunSQL, 3, map[string]string{"run_pkey": byID}},
		{"fenced write", storage.FencedSQL, 3, map[string]string{"run_pkey": byID}},
		{"lock of a lane", storage.LaneLockSQL, 2, map[string]string{"run_lane_pkey": byLane}},
		{"admit next", storage.AdmitNextSQL, 2, map[string]string{"run_queued": byLane, "run_pkey": byID}},
		{"open one", storage.OpenOneSQL, 4, map[string]string{"sync_pkey": byID}},
		{"open due", storage.OpenDueSQL, 4, map[string]string{"sync_due": byDue}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := conn.Exec(t.Context(), "prepare hot as "+c.sql, pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
			rows, err := conn.Query(t.Context(), "explain execute hot("+strings.TrimSuffix(strings.Repeat("null, ", c.args), ", ")+")", pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			_, err = conn.Exec(t.Context(), "deallocate hot")
			require.NoError(t, err)
			plan := strings.Join(lines, "\n")
			for index, condition := range c.want {
				conditions := conditionsOf(lines, index)
				assert.NotEmpty(t, conditions, "%s isn't used:\n%s", index, plan)
				for _, have := range conditions {
					assert.True(t, strings.Contains(have, condition) || condition == byID && boundByBoth(have), "%s is used with %s:\n%s", index, have, plan)
				}
			}
			if c.name == "open due" {
				return // a turn's statements are planned anew each time: only the due index has to hold
			}
			for _, table := range []string{"run", "sync"} {
				assert.NotRegexp(t, `Seq Scan on `+table+`\b[^_]`, plan+" ", "a hot statement reads all of %s", table)
			}
		})
	}
}

var parameter = regexp.MustCompile(`\$\d+`)

// conditionsOf are the index conditions of a plan's scans of an index, with parameters as $N.
func conditionsOf(plan []string, index string) (found []string) {
	scan := regexp.MustCompile(fmt.Sprintf(`Scan using %s on|Bitmap Index Scan on %s\b`, index, index))
	for i, line := range plan {
		if scan.MatchString(line) && i+1 < len(plan) {
			found = append(found, parameter.ReplaceAllString(strings.TrimSpace(plan[i+1]), "$$N"))
		}
	}
	return found
}

// boundByBoth says that a scan's condition holds environment and id, whatever the other side of id is.
func boundByBoth(condition string) bool {
	return strings.HasPrefix(condition, "Index Cond: ") && strings.Contains(condition, "(environment_id = ") && strings.Contains(condition, "(id = ")
}
