package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"

	causeway "github.com/causeway-dev/causeway"
)

// Errors of the records store.
var (
	// ErrRunFenced says that the run has a newer owner, or is closed: nothing was written, nothing more can be.
	ErrRunFenced = errors.New("run_fenced: the run has a newer owner or is closed")
	// ErrCheckpointConflict says that the checkpoint isn't the version that the writer has read.
	ErrCheckpointConflict = &causeway.Error{Code: "checkpoint_conflict", Status: http.StatusConflict, Message: "the checkpoint has been written by another run since it was read"}
	// ErrNoGeneration says that delete tracking ends which nobody has begun.
	ErrNoGeneration = errors.New("no track deletes starting point found")
	// ErrRecordsCursor says that a text is no cursor of a record.
	ErrRecordsCursor = errors.New("invalid cursor")

	errModelGone = errors.New("the model has been deleted")
)

// RecordsOptions say where records are.
type RecordsOptions struct {
	URL          string // may be the control plane's database
	MaxConns     int    // 0: 16 + 4 per core
	ExecMode     string // see Options
	Keys         *Keyring
	CompressFrom int  // bytes from which a payload is compressed; 0: 2,000
	History      bool // replaced payloads are kept
	PageBytes    int  // bytes after which a page ends early; 0: 64 MB
}

// Defaults of the options.
const (
	defaultCompressFrom = 2_000 // about where a row would leave its page; 1 kB costs 20 µs and saves a third
	defaultPageBytes    = 64 << 20
)

// recordsApplication is the application_name of the store's connections. A backend that blocks a claim is ended only if it
// carries this name.
const recordsApplication = "causeway-records"

// Records stores records, checkpoints and delete tracking. Each write belongs to a run that was opened (OpenRun), and is
// refused once the run has a newer owner; writes to one model go one after another, under the lock of its row.
type Records struct {
	pool         *pgxpool.Pool
	keys         *Keyring
	compressFrom int
	history      bool
	pageBytes    int
	patience     time.Duration
	zip          *zstd.Encoder
	unzip        *zstd.Decoder
	models       *lru.Cache[modelName, *recordModel]
	hashers      *lru.Cache[int64, *recordHasher]
	// oldHash is the hash of the version before, while records with it may exist; see recordHasher.
	oldHash func(key, canonical []byte) []byte
}

// RecordRun is who writes: a run that has been opened, with the fence of its claim.
type RecordRun struct {
	RunID, ConnectionID, Fence int64
}

type modelName struct {
	environmentID, connectionID int64
	model                       string
}

// recordModel is the cached identity of a model. Its id is stable until the model is deleted.
type recordModel struct {
	id          int64
	hashVersion int16
	// probe says that the last batch was mostly unchanged: the next one asks by hash first.
	probe atomic.Bool
}

// OpenRecords opens the store's own connections. Migrations have to be applied.
func OpenRecords(ctx context.Context, o RecordsOptions) (*Records, error) {
	r := &Records{keys: o.Keys, compressFrom: o.CompressFrom, history: o.History, pageBytes: o.PageBytes, patience: defaultPatience}
	if r.compressFrom == 0 {
		r.compressFrom = defaultCompressFrom
	}
	if r.pageBytes == 0 {
		r.pageBytes = defaultPageBytes
	}
	var err error
	if r.zip, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithWindowSize(64<<10)); err != nil {
		return nil, fmt.Errorf("open the records: %w", err)
	}
	if r.unzip, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(256<<20)); err != nil {
		return nil, fmt.Errorf("open the records: %w", err)
	}
	if r.models, err = lru.New[modelName, *recordModel](50_000); err != nil {
		return nil, err
	}
	if r.hashers, err = lru.New[int64, *recordHasher](environmentKeys); err != nil {
		return nil, err
	}
	if _, err := pgxpool.ParseConfig(o.URL); err != nil {
		return nil, errors.New("records.url can't be read as a postgres:// URL") // the cause would show the password
	}
	r.pool, err = openPool(ctx, Options{URL: o.URL, MaxConns: o.MaxConns, ExecMode: o.ExecMode, ApplicationName: recordsApplication, params: map[string]string{
		// No plan depends on the values of parameters (see record_write.go), and planning each batch anew costs 0.6 ms.
		"plan_cache_mode": "force_generic_plan",
		"lock_timeout":    lockTimeout,
	}})
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	return r, nil
}

// Close ends all connections.
func (r *Records) Close() {
	r.pool.Close()
	_ = r.zip.Close()
	r.unzip.Close()
}

// Ping says whether the database answers.
func (r *Records) Ping(ctx context.Context) error { return r.pool.Ping(ctx) }

const openModelSQL = `
with n as (insert into record_model (environment_id, connection_id, model) values ($1, $2, $3)
  on conflict do nothing returning id, live_count, hash_version)
select id, live_count, hash_version from n
union all
select id, live_count, hash_version from record_model where environment_id = $1 and connection_id = $2 and model = $3`

// model returns the identity of a model, which is made if it isn't there.
func (r *Records) model(ctx context.Context, env, connectionID int64, model string) (*recordModel, error) {
	name := modelName{env, connectionID, model}
	if m, ok := r.models.Get(name); ok {
		return m, nil
	}
	m := &recordModel{}
	var live int64
	for {
		err := r.pool.QueryRow(ctx, openModelSQL, env, connectionID, model).Scan(&m.id, &live, &m.hashVersion)
		if errors.Is(err, pgx.ErrNoRows) {
			continue // another writer has just made it; the statement's snapshot was too old to see it
		}
		if err != nil {
			return nil, fmt.Errorf("open model %s of connection %d: %w", model, connectionID, err)
		}
		break
	}
	m.probe.Store(live > 0)
	r.models.Add(name, m)
	return m, nil
}

// withModel runs f on a model, and once more if the model was deleted since its id was cached.
func (r *Records) withModel(ctx context.Context, env, connectionID int64, model string, f func(m *recordModel) error) error {
	for try := 0; ; try++ {
		m, err := r.model(ctx, env, connectionID, model)
		if err != nil {
			return err
		}
		if err = f(m); !errors.Is(err, errModelGone) || try == 3 {
			return err
		}
		r.models.Remove(modelName{env, connectionID, model})
	}
}

// findModel returns the id of a model, 0 if there is none.
func (r *Records) findModel(ctx context.Context, env, connectionID int64, model string) (int64, error) {
	var id int64
	err := r.pool.QueryRow(ctx, `select id from record_model where environment_id = $1 and connection_id = $2 and model = $3`, env, connectionID, model).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("find model %s of connection %d: %w", model, connectionID, err)
	}
	return id, nil
}

// Models lists the models of connections with their totals; no connections: of all in the environment.
func (r *Records) Models(ctx context.Context, env int64, connectionIDs ...int64) ([]causeway.RecordModel, error) {
	rows, err := r.pool.Query(ctx, `select connection_id, model, live_count, payload_bytes, changed_at from record_model
 where environment_id = $1 and (cardinality($2::bigint[]) = 0 or connection_id = any($2)) order by connection_id, model`, env, nonNil(connectionIDs))
	if err != nil {
		return nil, fmt.Errorf("list models of environment %d: %w", env, err)
	}
	models, err := pgx.CollectRows(rows, pgx.RowToStructByPos[causeway.RecordModel])
	if err != nil {
		return nil, fmt.Errorf("list models of environment %d: %w", env, err)
	}
	return models, nil
}

// Counts are the live records of a connection by stored model name.
func (r *Records) Counts(ctx context.Context, env, connectionID int64) (map[string]int64, error) {
	models, err := r.Models(ctx, env, connectionID)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(models))
	for _, m := range models {
		out[m.Model] = m.Count
	}
	return out, nil
}

// StaleModel is a model that nothing has written for long.
type StaleModel struct {
	EnvironmentID, ConnectionID int64
	Model                       string
	ChangedAt                   time.Time
}

// StaleModels lists models of all environments that haven't changed for a while, the oldest first.
func (r *Records) StaleModels(ctx context.Context, unchangedFor time.Duration, limit int) ([]StaleModel, error) {
	rows, err := r.pool.Query(ctx, `select environment_id, connection_id, model, changed_at from record_model
 where changed_at < clock_timestamp() - make_interval(secs => $1) order by changed_at limit $2`, unchangedFor.Seconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("list stale models: %w", err)
	}
	models, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StaleModel])
	if err != nil {
		return nil, fmt.Errorf("list stale models: %w", err)
	}
	return models, nil
}

// baseModel is a stored model name without its variant.
func baseModel(stored string) string {
	base, _, _ := strings.Cut(stored, "::")
	return base
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
