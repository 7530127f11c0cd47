//go:build e2e

package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func onEvent(event, body string) string {
	return `import { createOnEvent } from 'nango';

export default createOnEvent({
    description: 'An event of the tests',
    version: '1.0.0',
    event: '` + event + `',
    exec: async (nango) => {
        ` + body + `
    }
});
`
}

// TestEventsOfConnections deploys functions for the events in the life of a connection, and nothing else.
func TestEventsOfConnections(t *testing.T) {
	p := started(t)
	p.must(200, "POST", "/integrations", map[string]any{"provider": "demo", "unique_key": "demo"})
	dir := project(t, map[string]string{
		"index.ts":                "import './demo/on-events/check.js';\nimport './demo/on-events/greet.js';\nimport './demo/on-events/leave.js';\n",
		"package.json":            `{"name":"events","type":"module"}`,
		"demo/on-events/check.ts": onEvent("validate-connection", "const c = await nango.getConnection(); if ((c.credentials as any).apiKey === 'bad') throw new nango.ActionError({ message: 'this key is bad' });"),
		"demo/on-events/greet.ts": onEvent("post-connection-creation", "await nango.updateMetadata({ greeted: nango.connectionId, type: nango.scriptType });"),
		"demo/on-events/leave.ts": onEvent("pre-connection-deletion", "await nango.getToken(); await nango.log('good bye', { level: 'error' });"),
	})
	p.cli(dir, "deploy", "--auto-confirm")

	connect := func(id, key string) answer {
		return p.call("POST", "/connections", map[string]any{"provider_config_key": "demo", "connection_id": id, "credentials": map[string]any{"type": "API_KEY", "apiKey": key}})
	}
	rejected := connect("c1", "bad")
	assert.Equal(t, 400, rejected.Status)
	assert.Contains(t, string(rejected.Body), "this key is bad")
	assert.Equal(t, 404, p.call("GET", "/connections/c1?provider_config_key=demo", nil).Status)

	assert.Equal(t, 201, connect("c1", "good").Status)
	p.eventually(30*time.Second, "the new connection is greeted", func() bool {
		return strings.Contains(string(p.call("GET", "/connections/c1?provider_config_key=demo", nil).Body), `"metadata":{"type":"on-event","greeted":"c1"}`)
	})
	p.must(200, "DELETE", "/connections/c1?provider_config_key=demo", nil)
	p.eventually(30*time.Second, "the operations of all events are in the logs", func() bool {
		out := p.cli(dir, "logs", "--limit", "50")
		return strings.Contains(out, "events:validate_connection") && strings.Contains(out, "events:post_connection_creation") && strings.Contains(out, "events:pre_connection_deletion")
	})
}

// TestScriptsOfTheOlderStyle deploys what an older command line sends: functions instead of definitions, described by the request alone.
func TestScriptsOfTheOlderStyle(t *testing.T) {
	p := started(t)
	p.connect("demo", "demo", "c1", nil)
	flow := func(kind, name, js string, more map[string]any) map[string]any {
		f := map[string]any{
			"type": kind, "syncName": name, "providerConfigKey": "demo", "models": []string{}, "runs": nil, "endpoints": []any{}, "version": "", "attributes": map[string]any{},
			"metadata": map[string]any{"description": "", "scopes": []string{}}, "track_deletes": false, "auto_start": false, "fileBody": map[string]any{"js": js, "ts": "export default async function"},
		}
		for k, v := range more {
			f[k] = v
		}
		return f
	}
	const head = "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\n"
	p.must(200, "POST", "/sync/deploy", map[string]any{
		"flowConfigs": []any{
			flow("sync", "older-sync", head+"exports.default = fetchData;\nasync function fetchData(nango) { await nango.batchSend([{ id: 'a', n: 1 }], 'Old'); }\n", map[string]any{
				"models": []string{"Old"}, "runs": "every hour", "auto_start": true, "sync_type": "full", "endpoints": []any{map[string]any{"GET": "/old"}},
			}),
			flow("action", "older-action", head+"exports.default = runAction;\nasync function runAction(nango, input) { return { got: input ?? null, undef: input === undefined, kind: nango.scriptType }; }\n", nil),
		},
		"postConnectionScriptsByProvider": []any{map[string]any{"providerConfigKey": "demo", "scripts": []any{map[string]any{
			"name": "setup", "fileBody": map[string]any{"js": head + "exports.default = async function (nango) { await nango.setFieldMapping({ fieldMapping: { a: 'b' } }); };\n", "ts": "x"},
		}}}},
		"reconcile": true, "debug": false, "singleDeployMode": false, "nangoYamlBody": "integrations: {}", "sdkVersion": "0.58.0-yaml",
	})
	assert.JSONEq(t, `{"got":{"a":1},"undef":false,"kind":"action"}`, string(p.action("demo", "c1", "older-action", map[string]any{"a": 1}).Body))
	assert.JSONEq(t, `{"got":null,"undef":true,"kind":"action"}`, string(p.action("demo", "c1", "older-action", map[string]any{}).Body), "an empty input is none")
	p.synced("demo", "c1", "older-sync", "")
	all, _ := p.records("demo", "c1", "Old", "")
	assert.Len(t, all, 1)
	p.connect("demo", "demo", "c2", nil)
	p.eventually(30*time.Second, "the older kind of event script runs", func() bool {
		return strings.Contains(string(p.call("GET", "/connections/"+url.PathEscape("c2")+"?provider_config_key=demo", nil).Body), `"fieldMapping":{"a":"b"}`)
	})
}
