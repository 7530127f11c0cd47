package script

import (
	"encoding/json"

	causeway "github.com/causeway-dev/causeway"
)

// LearnSecrets adds what the answer of a host call gave away to the script: credentials of a connection or an integration, variables.
// Nothing of them may get into what is kept of a run.
func LearnSecrets(s *causeway.Secrets, call string, answer []byte) {
	switch call {
	case CallConnectionGet, CallIntegrationGet:
		var holder struct {
			Credentials any `json:"credentials"`
		}
		if json.Unmarshal(answer, &holder) == nil {
			s.Add("credentials", holder.Credentials)
		}
	case CallVariables:
		var variables []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		}
		if json.Unmarshal(answer, &variables) == nil {
			for _, v := range variables {
				s.Add("variable."+v.Name, v.Value)
			}
		}
	}
}
