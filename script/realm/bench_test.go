package realm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

func run(b *testing.B, module string, host *fakeHost, options ...option) {
	b.Helper()
	e, err := engine()
	require.NoError(b, err)
	program, err := e.Compile("script-acme", []byte(module))
	require.NoError(b, err)
	start := startOf(options...)
	b.ReportAllocs()
	for b.Loop() {
		host.calls, host.notes = nil, nil
		if result := e.Run(context.Background(), program, start, host); result.Code != "" {
			b.Fatalf("%s: %s", result.Code, result.Message)
		}
	}
}

// BenchmarkNoop is the price of a realm: nothing but an empty action.
func BenchmarkNoop(b *testing.B) { run(b, moduleOf(`return 1`), &fakeHost{}) }

// BenchmarkFirstLineWithZod is the CPU before the first line of a script whose definition has some ninety zod nodes.
func BenchmarkFirstLineWithZod(b *testing.B) {
	needZod(b)
	var fields strings.Builder
	for i := range 22 {
		fmt.Fprintf(&fields, "f%d: z.string().optional(), g%d: z.number().nullable(),", i, i)
	}
	run(b, `"use strict"; const z = require("zod");
		const model = z.object({`+fields.String()+` id: z.string()});
		module.exports = {default: {type: "action", input: z.object({id: z.string()}), output: model, exec: async () => 1}};`, &fakeHost{})
}

// BenchmarkLog is a thousand lines.
func BenchmarkLog(b *testing.B) {
	run(b, moduleOf(`for (let i = 0; i < 1000; i++) await nango.log("x", {i});`), &fakeHost{})
}

// BenchmarkSync fetches ten pages of a thousand records and saves them.
func BenchmarkSync(b *testing.B) {
	items := make([]map[string]any, 1000)
	for i := range items {
		items[i] = map[string]any{
			"id": fmt.Sprint(i), "name": "Some Name", "email": "someone@example.com", "updated_at": "2026-01-01T00:00:00Z", "rev": 1,
			"amount": 12.5, "body": strings.Repeat("text ", 40),
		}
	}
	page, err := json.Marshal(map[string]any{"items": items})
	require.NoError(b, err)
	meta, err := json.Marshal(script.HTTPAnswer{Status: 200})
	require.NoError(b, err)
	host := &fakeHost{answer: func(_ context.Context, c script.Call) (script.Answer, error) {
		if c.Name == script.CallProxy {
			return script.Answer{Meta: meta, Body: page}, nil
		}
		return script.Answer{Meta: []byte("{}")}, nil
	}}
	b.SetBytes(int64(10 * len(page)))
	run(b, moduleOf(`for (let i = 0; i < 10; i++) {
		const res = await nango.get({endpoint: "/items", params: {offset: i}});
		await nango.batchSave(res.data.items.map(({id, ...rest}) => ({id, ...rest})), "Widget");
	}`, ofKind(causeway.RunSync)), host, ofKind(causeway.RunSync))
}
