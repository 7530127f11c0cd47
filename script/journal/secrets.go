package journal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/causeway-dev/causeway/script"
)

// minSecret is the length from which a value is taken for a secret; shorter ones would be found everywhere.
const minSecret = 6

// secrets are the values that a run was given and that no journal may hold.
type secrets struct {
	placeholders map[string]string // by value
	replacer     *strings.Replacer
}

func (s *secrets) any() bool { return len(s.placeholders) > 0 }

// learn takes the secrets out of an answer: the credentials of a connection or an integration, and variables.
func (s *secrets) learn(name string, body []byte) {
	before := len(s.placeholders)
	switch name {
	case script.CallConnectionGet, script.CallIntegrationGet:
		var holder struct {
			Credentials   any    `json:"credentials"`
			WebhookSecret string `json:"webhook_secret"`
		}
		if json.Unmarshal(body, &holder) == nil {
			s.collect("credentials", holder.Credentials)
			s.collect("webhook_secret", holder.WebhookSecret)
		}
	case script.CallVariables:
		var variables []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		}
		if json.Unmarshal(body, &variables) == nil {
			for _, v := range variables {
				s.collect("variable."+v.Name, v.Value)
			}
		}
	default:
		return
	}
	if len(s.placeholders) == before {
		return
	}
	// The longest first: a secret may begin with another one.
	values := slices.SortedFunc(maps.Keys(s.placeholders), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(values))
	for _, v := range values {
		pairs = append(pairs, v, s.placeholders[v])
	}
	s.replacer = strings.NewReplacer(pairs...)
}

// plainly are members of credentials that are no secrets.
var plainly = []string{"type", "expires_at", "expiresAt", "token_type", "scope"}

func (s *secrets) collect(path string, v any) {
	switch v := v.(type) {
	case string:
		s.add(path, v)
	case map[string]any:
		for key, member := range v {
			if !slices.Contains(plainly, key) {
				s.collect(path+"."+key, member)
			}
		}
	case []any:
		for i, member := range v {
			s.collect(fmt.Sprintf("%s.%d", path, i), member)
		}
	}
}

func (s *secrets) add(path, value string) {
	if len(value) < minSecret || s.placeholders[value] != "" {
		return
	}
	if s.placeholders == nil {
		s.placeholders = map[string]string{}
	}
	placeholder := "{" + path + "}"
	s.placeholders[value] = placeholder
	if quoted, err := json.Marshal(value); err == nil { // as it stands in JSON, where it is not what it was
		s.placeholders[string(quoted[1:len(quoted)-1])] = placeholder
	}
}

// hide replaces every secret.
func (s *secrets) hide(b []byte) []byte {
	if s.replacer == nil || len(b) == 0 {
		return b
	}
	return []byte(s.replacer.Replace(string(b)))
}
