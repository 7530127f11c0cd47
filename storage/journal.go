package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"gocloud.dev/blob"

	causeway "github.com/causeway-dev/causeway"
)

// journalPrefix is where journals lie in the blob store, in a folder per day.
const journalPrefix = "journal/"

// KeepJournal stores the journal of a run that this process holds, before the run is closed. ErrStale: it is not held any more.
func (s *Store) KeepJournal(ctx context.Context, ref causeway.RunRef, fence int64, journal []byte) error {
	key := fmt.Sprintf("%s%s/%s-%d", journalPrefix, time.Now().UTC().Format(time.DateOnly), ref.RunUID, fence)
	if err := s.blob.Put(ctx, key, journal); err != nil {
		return err
	}
	tag, err := s.pool.Exec(ctx, `update run set journal_ref = $4 where environment_id = $1 and id = $2 and fence = $3`, ref.EnvironmentID, ref.RunID, fence, key)
	if err != nil {
		return fmt.Errorf("keep the journal of run %s: %w", ref.RunUID, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("keep the journal of run %s: %w", ref.RunUID, ErrStale)
	}
	return nil
}

// Journal is where the journal of a run that has ended lies in the blob store, and the lowered text that ran. causeway.ErrNotFound: there
// is no such run, or none was kept.
func (s *Store) Journal(ctx context.Context, environmentID int64, uid uuid.UUID) (journal, program string, err error) {
	var ref, bundle *string
	at := uidTime(uid) // it names the daily partition, as in EndedRun
	err = s.pool.QueryRow(ctx, `select h.journal_ref, v.bundle_key from run_history h
  left join function_version v on v.environment_id = h.environment_id and v.id = h.function_version_id
 where h.environment_id = $1 and h.uid = $2 and h.created_at between $3 and $4`, environmentID, uid, at.Add(-time.Hour), at.Add(time.Hour)).Scan(&ref, &bundle)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && (ref == nil || bundle == nil):
		return "", "", fmt.Errorf("journal of run %s: %w", uid, causeway.ErrNotFound)
	case err != nil:
		return "", "", fmt.Errorf("load the journal of run %s: %w", uid, err)
	}
	program, _ = LoweredKey(*bundle)
	return *ref, program, nil
}

// DropJournals deletes the journals of the days that ended before a time.
func (b *Blob) DropJournals(ctx context.Context, before time.Time) error {
	last := journalPrefix + before.UTC().Format(time.DateOnly)
	for all := b.bucket.List(&blob.ListOptions{Prefix: journalPrefix}); ; {
		o, err := all.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("list journals: %w", err)
		case o.Key >= last: // keys come in order
			return nil
		case !o.IsDir:
			if err := b.Delete(ctx, o.Key); err != nil {
				return err
			}
		}
	}
}

// SetJournalMode says for an environment, or one of its functions (causeway.JournalKey), which runs keep a journal. An empty mode takes
// the setting back.
func (s *Store) SetJournalMode(ctx context.Context, environmentID int64, function, mode string) error {
	return s.changed(ctx, func(tx pgx.Tx) ([]string, error) {
		var settings causeway.EnvironmentSettings
		if err := tx.QueryRow(ctx, `select settings from environment where id = $1 for update`, environmentID).Scan(&settings); err != nil {
			return nil, fmt.Errorf("load settings of environment %d: %w", environmentID, err)
		}
		change := map[string]any{"scripts.journal": mode}
		if function != "" {
			journals := settings.Journals
			if journals == nil {
				journals = map[string]string{}
			}
			if journals[function] = mode; mode == "" {
				delete(journals, function)
			}
			change = map[string]any{"scripts.journals": journals}
		}
		raw, err := json.Marshal(change)
		if err != nil {
			return nil, fmt.Errorf("write settings: %w", err)
		}
		if _, err := tx.Exec(ctx, `update environment set settings = settings || $2, updated_at = now() where id = $1`, environmentID, raw); err != nil {
			return nil, fmt.Errorf("change settings of environment %d: %w", environmentID, err)
		}
		return []string{fmt.Sprintf("env:%d", environmentID)}, nil
	})
}
