package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/causeway-dev/causeway/config"
)

// needSettings refuses settings of which a command needs more than there are. It names all that is missing at once.
func needSettings(conf *config.Loaded, keys ...string) error {
	values := map[string]string{}
	for _, s := range conf.Settings() {
		values[s.Key] = s.Value
	}
	var missing []string
	for _, key := range keys {
		if values[key] == "" {
			missing = append(missing, fmt.Sprintf("%s (%s)", key, config.EnvName(key)))
		}
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return errors.New("this setting is needed: " + missing[0])
	default:
		return errors.New("these settings are needed: " + strings.Join(missing, ", "))
	}
}
