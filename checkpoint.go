package causeway

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Limits of a checkpoint.
const (
	MaxCheckpointFields = 16
	MaxCheckpointKey    = 255
	MaxCheckpointText   = 4000
)

// Checkpoint is what a script saved of its place. Value nil with a Version above 0: it was cleared.
type Checkpoint struct {
	Version int
	Value   json.RawMessage
}

// CheckpointKey identifies a script's checkpoint on its connection: "<script type>:<name>[:<variant>]".
func CheckpointKey(scriptType, name, variant string) string {
	key := scriptType + ":" + name
	if variant != "" && variant != BaseVariant {
		key += ":" + variant
	}
	return key
}

// ValidateCheckpoint says what is wrong with a checkpoint's value: it has to be a flat object of at most 16 fields whose
// values are texts, numbers or booleans.
func ValidateCheckpoint(value json.RawMessage) error {
	var fields map[string]any
	if err := json.Unmarshal(value, &fields); err != nil || fields == nil {
		return fmt.Errorf("a checkpoint has to be an object")
	}
	if len(fields) > MaxCheckpointFields {
		return fmt.Errorf("a checkpoint has at most %d fields, this one has %d", MaxCheckpointFields, len(fields))
	}
	for key, v := range fields {
		if n := utf8.RuneCountInString(key); n > MaxCheckpointKey {
			return fmt.Errorf("checkpoint key %.20q… has %d characters, at most %d are allowed", key, n, MaxCheckpointKey)
		}
		switch v := v.(type) {
		case bool, float64:
		case string:
			if n := utf8.RuneCountInString(v); n > MaxCheckpointText {
				return fmt.Errorf("checkpoint field %q has %d characters, at most %d are allowed", key, n, MaxCheckpointText)
			}
		default:
			return fmt.Errorf("checkpoint field %q has to be a text, a number or a boolean", key)
		}
	}
	return nil
}
