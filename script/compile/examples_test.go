package compile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/compile"
)

// What users read first has to be accepted by what they run next.
func TestTheProjectsThatWeShipAreBundledAndDefined(t *testing.T) {
	for name, c := range map[string]struct {
		dir     string
		scripts map[string]string // its type, by file
	}{
		"the project of causeway init": {"../../cli/template", map[string]string{
			"demo/syncs/tasks.ts": "sync", "demo/actions/create-task.ts": "action",
		}},
		"the examples": {"../../examples", map[string]string{
			"github/syncs/issues.ts": "sync", "github/actions/create-issue.ts": "action",
			"hubspot/syncs/contacts.ts": "sync", "slack/actions/send-message.ts": "action",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := compile.Entries(c.dir)
			require.NoError(t, err)
			found := map[string]string{}
			for _, e := range entries {
				js, _, err := compile.Bundle(c.dir, e)
				require.NoError(t, err)
				lowered := compile.Lower(script.CompileJob{Name: e.Integration + "/" + e.Name, Text: js})
				require.Empty(t, lowered.Code, "%s: %s", e.File, lowered.Message)
				d, err := compile.Define(e, js)
				require.NoError(t, err)
				found[e.File] = d.Type
				assert.NotEmpty(t, d.Description, e.File)
				assert.NotEmpty(t, d.Models, e.File)
				assert.Equal(t, d.Type == "sync", d.AutoStart, "%s: a sync starts with its first connection", e.File)
			}
			assert.Equal(t, c.scripts, found)
		})
	}
}
