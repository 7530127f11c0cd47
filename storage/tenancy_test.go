package storage_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/storage/storagetest"
)

// tenantRows makes one row of each table that refers to other rows of its environment. {e} is the environment, {a} its account,
// {connection} the id of the connection that was made before, and so on. A table that is missing here fails the walk.
var tenantRows = []struct{ table, insert string }{
	{"data_key", `insert into data_key (purpose, environment_id, wrapped, wrap_kind, kek_id) values ('record', {e}, '', 'instance', '') returning id`},
	{"api_key", `insert into api_key (account_id, environment_id, kind, display_name, secret_hash, secret_hint, scopes) values ({a}, {e}, 'environment', 'x', sha256('{e}'), 'abcd', '{}') returning id`},
	{"integration", `insert into integration (environment_id, unique_key, provider) values ({e}, 'walk', 'demo') returning id`},
	{"end_user", `insert into end_user (environment_id, end_user_id) values ({e}, 'u') returning id`},
	{"connection", `insert into connection (environment_id, integration_id, connection_id, end_user_id) values ({e}, {integration}, 'walk', {end_user}) returning id`},
	{"connection_credential", `insert into connection_credential (environment_id, connection_id, type, envelope, data_key_id) values ({e}, {connection}, 'NONE', '', {data_key}) returning connection_id`},
	{"connect_session", `insert into connect_session (environment_id, token_hash, connection_id, integration_id, expires_at) values ({e}, sha256('{e}'), {connection}, {integration}, now()) returning id`},
	{"oauth_state", `insert into oauth_state (state_hash, environment_id, integration_id, connect_session_id, body_enc, expires_at) values (sha256('{e}'), {e}, {integration}, {connect_session}, '', now()) returning environment_id`},
	{"deploy", `insert into deploy (environment_id, uid, mode, source, state, actor) values ({e}, gen_random_uuid(), 'full', 'cli', 'applied', '{}') returning id`},
	{"function", `insert into function (environment_id, integration_id, kind, name) values ({e}, {integration}, 'sync', 'walk') returning id`},
	{"function_version", `insert into function_version (environment_id, function_id, version, bundle_key, source_key, definition, deploy_id) values ({e}, {function}, '1', '', '', '{}', {deploy}) returning id`},
	{"deploy_item", `insert into deploy_item (environment_id, deploy_id, function_id, change) values ({e}, {deploy}, {function}, 'created') returning deploy_id`},
	{"sync", `insert into sync (environment_id, connection_id, function_id) values ({e}, {connection}, {function}) returning id`},
	{"run", `insert into run (environment_id, uid, kind, lane, integration_id, connection_id, function_id, sync_id, start_by, finish_s)
  values ({e}, gen_random_uuid(), 'sync', 'sync', {integration}, {connection}, {function}, {sync}, now(), 1) returning id`},
	{"problem", `insert into problem (environment_id, connection_id, sync_id, type, operation_id) values ({e}, {connection}, {sync}, 'sync', 'o') returning id`},
	{"delivery", `insert into delivery (environment_id, uid, type, url, connection_id, state, body_hash) values ({e}, gen_random_uuid(), 'sync', '', {connection}, 'waiting', '') returning id`},
}

// A reference to a row of another environment is refused by the database, for every foreign key that there is: isolation doesn't
// hang on anybody's care.
func TestNoRowRefersToAnotherEnvironment(t *testing.T) {
	t.Parallel()
	pool := storagetest.Pool(t, storagetest.URL(t))
	mine, theirs := storagetest.Seed(t, pool, "one"), storagetest.Seed(t, pool, "two")
	own, foreign := seedTenant(t, pool, mine), seedTenant(t, pool, theirs)
	// An active version of its own, so that the function's reference to it doesn't speak up for the version's to the function.
	_, err := pool.Exec(t.Context(), `with v as (insert into function_version (environment_id, function_id, version, bundle_key, source_key, definition) values ($1, $2, '2', '', '', '{}') returning id)
update function set active_version_id = v.id from v where environment_id = $1 and function.id = $2`, mine.ID, own["function"])
	require.NoError(t, err)

	walked := 0
	for _, k := range foreignKeys(t, pool) {
		if !strings.Contains(","+k.columns+",", ",environment_id,") {
			assert.False(t, k.tenantParent, "%s.%s refers to rows of tenants without naming the environment", k.child, k.name)
			continue
		}
		reference := strings.Split(k.columns, ",")
		last := reference[len(reference)-1]
		if len(reference) == 1 || k.parent == "environment" {
			continue // the environment itself
		}
		t.Run(k.child+"."+last, func(t *testing.T) {
			require.Contains(t, own, k.child, "tenantRows has to make a row of this table")
			require.Contains(t, foreign, k.parent, "tenantRows has to make a row of this table")
			err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
				if _, err := tx.Exec(t.Context(), `set constraints all immediate`); err != nil {
					return err
				}
				tag, err := tx.Exec(t.Context(), fmt.Sprintf(`update %s as x set %s = $1 where environment_id = $2 and %s is not null and coalesce(to_jsonb(x)->>'id', $3) = $3`, k.child, last, last), foreign[k.parent], mine.ID, fmt.Sprint(own[k.child]))
				if err == nil {
					require.Positive(t, tag.RowsAffected(), "nothing was tried")
				}
				return err
			})
			var refused *pgconn.PgError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, "23503", refused.Code, refused.Message)
			assert.Equal(t, k.name, refused.ConstraintName)
		})
		walked++
	}
	assert.GreaterOrEqual(t, walked, 20, "the walk has lost its way")
}

// seedTenant makes the rows of an environment and returns an id for each table.
func seedTenant(t *testing.T, pool *pgxpool.Pool, e storagetest.Environment) map[string]int64 {
	t.Helper()
	ids := map[string]int64{}
	for _, row := range tenantRows {
		sql := strings.NewReplacer("{e}", fmt.Sprint(e.ID), "{a}", fmt.Sprint(e.AccountID)).Replace(row.insert)
		for table, id := range ids {
			sql = strings.ReplaceAll(sql, "{"+table+"}", fmt.Sprint(id))
		}
		var id int64
		require.NoError(t, pool.QueryRow(t.Context(), sql).Scan(&id), row.table)
		ids[row.table] = id
	}
	return ids
}

type foreignKey struct {
	name, child, parent, columns string
	tenantParent                 bool // the parent has an environment_id
}

// foreignKeys are those of all tables with an environment_id, from the catalog.
func foreignKeys(t *testing.T, pool *pgxpool.Pool) []foreignKey {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
select k.conname, c.relname, p.relname,
       (select string_agg(a.attname, ',' order by n.i) from unnest(k.conkey) with ordinality n (num, i) join pg_attribute a on a.attrelid = k.conrelid and a.attnum = n.num),
       exists (select from pg_attribute a where a.attrelid = k.confrelid and a.attname = 'environment_id' and not a.attisdropped) and p.relname <> 'data_key'
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class p on p.oid = k.confrelid
 where k.contype = 'f' and k.conparentid = 0 and exists (select from pg_attribute a where a.attrelid = k.conrelid and a.attname = 'environment_id' and not a.attisdropped)
 order by 2, 1`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k foreignKey, err error) {
		return k, row.Scan(&k.name, &k.child, &k.parent, &k.columns, &k.tenantParent)
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// Every table of tenants is keyed by its environment first; those that aren't are found by a secret or number of their own.
func TestTablesAreKeyedByTheirEnvironment(t *testing.T) {
	t.Parallel()
	otherwise := map[string]string{
		"api_key": "found by its secret", "oauth_state": "found by its secret", "data_key": "named in every envelope", "audit_event": "the account's",
		"message": "no key: rows are only appended",
	}
	pool := storagetest.Pool(t, storagetest.URL(t))
	rows, err := pool.Query(t.Context(), `
select c.relname, coalesce((select a.attname = 'environment_id' from pg_constraint k join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
         where k.conrelid = c.oid and k.contype = 'p'), false)
  from pg_class c join pg_attribute e on e.attrelid = c.oid and e.attname = 'environment_id'
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`)
	require.NoError(t, err)
	var (
		table string
		keyed bool
		n     int
	)
	_, err = pgx.ForEachRow(rows, []any{&table, &keyed}, func() error {
		n++
		assert.Equal(t, otherwise[table] == "", keyed, table)
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, n, 20)
}
