package compile_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/compile"
)

// The schemas are what zod's converter gives in Node, except that a recursive type refers to its own place among the definitions.
func TestSchemasAreThoseOfZodInNode(t *testing.T) {
	p, err := compile.Build("testdata/schemas")
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/schemas.json")
	require.NoError(t, err)
	assert.JSONEq(t, string(want), string(p.Scripts[0].Definition.Schema))
	assert.Equal(t, []string{"Tree", "Lazy", "Wide"}, p.Scripts[0].Definition.Models, "in the order of the definition")
}

func TestNamesAndDefaultsOfDefinitions(t *testing.T) {
	dir := project(t, map[string]string{
		"index.ts":                   "import './my-api/actions/call-api.js';\nimport './my-api/on-events/set_up.js';\nimport './my-api/syncs/all.js';",
		"my-api/actions/call-api.ts": "import { createAction } from 'nango';\nimport * as z from 'zod';\nconst action = createAction({ description: 'x', input: z.object({ a: z.string() }), output: z.array(z.string()), exec: async () => [] });\nexport default action;",
		"my-api/on-events/set_up.ts": "import { createOnEvent } from 'nango';\nimport { createHash } from 'node:crypto';\nconst key = createHash('sha256').update('x').digest('hex').slice(0, 4);\nexport default createOnEvent({ description: 'x' + key, event: 'post-connection-creation', exec: async () => {} });",
		"my-api/syncs/all.ts":        "import { createSync } from 'nango';\nimport * as z from 'zod';\nexport default createSync({ description: 'x', frequency: 'every half hour', models: { Item: z.object({ id: z.string() }) }, webhookSubscriptions: ['*'], onWebhook: async () => {}, exec: async () => {} });",
	})
	p, err := compile.Build(dir)
	require.NoError(t, err)
	action, event, sync := p.Scripts[0].Definition, p.Scripts[1].Definition, p.Scripts[2].Definition
	assert.Equal(t, "ActionInput_my_api_callapi", action.Input)
	assert.Equal(t, []string{"ActionOutput_my_api_callapi"}, action.Models)
	assert.Empty(t, action.SyncType)
	assert.Equal(t, "post-connection-creation", event.Event)
	assert.Equal(t, "full", sync.SyncType)
	assert.False(t, sync.AutoStart, "only an explicit true starts a sync by itself")
	assert.Equal(t, []string{"*"}, sync.Webhooks)
	assert.JSONEq(t, `[]`, string(sync.Endpoints))
}
