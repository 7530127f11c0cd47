package storage

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"

	causeway "github.com/causeway-dev/causeway"
)

// variableAAD binds a value to its name, since a variable's row has no number.
func variableAAD(name string) AAD {
	h := sha256.Sum256([]byte(name))
	return AAD{Column: "environment_variable.value_enc", Row: int64(binary.BigEndian.Uint64(h[:8]))} //nolint:gosec // bits, not a number
}

// Variables returns the variables of an environment by name.
func (s *Store) Variables(ctx context.Context, environmentID int64) ([]causeway.Variable, error) {
	rows, err := s.pool.Query(ctx, `select name, value_enc from environment_variable where environment_id = $1 order by name`, environmentID)
	if err != nil {
		return nil, fmt.Errorf("load the variables of environment %d: %w", environmentID, err)
	}
	type sealed struct {
		Name  string
		Value []byte
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sealed])
	if err != nil {
		return nil, fmt.Errorf("load the variables of environment %d: %w", environmentID, err)
	}
	out := make([]causeway.Variable, 0, len(all))
	for _, v := range all {
		value, err := s.keys.Open(ctx, environmentID, variableAAD(v.Name), v.Value)
		if err != nil {
			return nil, fmt.Errorf("open variable %s: %w", v.Name, err)
		}
		out = append(out, causeway.Variable{Name: v.Name, Value: string(value)})
	}
	return out, nil
}

// SetVariables replaces the whole set.
func (s *Store) SetVariables(ctx context.Context, environmentID int64, variables []causeway.Variable) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from environment_variable where environment_id = $1`, environmentID); err != nil {
			return fmt.Errorf("replace the variables of environment %d: %w", environmentID, err)
		}
		for _, v := range variables {
			sealed, err := s.keys.Seal(ctx, PurposeControl, environmentID, variableAAD(v.Name), []byte(v.Value))
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `insert into environment_variable (environment_id, name, value_enc) values ($1, $2, $3)`, environmentID, v.Name, sealed); err != nil {
				return fmt.Errorf("store variable %s: %w", v.Name, err)
			}
		}
		return nil
	})
}
