package realm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

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
	before := processCPU(b)
	for b.Loop() {
		host.calls, host.notes = nil, nil
		if result := e.Run(context.Background(), program, start, host); result.Code != "" {
			b.Fatalf("%s: %s", result.Code, result.Message)
		}
	}
	b.ReportMetric(float64((processCPU(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkNoop is the price of a realm: nothing but an empty action.
func BenchmarkNoop(b *testing.B) { run(b, moduleOf(`return 1`), &fakeHost{}) }

// importAll is what the bundler makes of "import * as z", which is how scripts import zod.
const importAll = `var __create = Object.create, __defProp = Object.defineProperty, __getOwnPropDesc = Object.getOwnPropertyDescriptor,
	__getOwnPropNames = Object.getOwnPropertyNames, __getProtoOf = Object.getPrototypeOf, __hasOwnProp = Object.prototype.hasOwnProperty;
	var __copyProps = (to, from, except, desc) => {
		for (let key of __getOwnPropNames(from))
			if (!__hasOwnProp.call(to, key) && key !== except)
				__defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
		return to;
	};
	var __toESM = (mod) => __copyProps(__defProp(__create(__getProtoOf(mod)), "default", { value: mod, enumerable: true }), mod);
`

// BenchmarkFirstLineWithZod is the CPU before the first line of a script whose definition has some ninety zod nodes.
func BenchmarkFirstLineWithZod(b *testing.B) {
	needZod(b)
	var fields strings.Builder
	for i := range 22 {
		fmt.Fprintf(&fields, "f%d: z.string().optional(), g%d: z.number().nullable(),", i, i)
	}
	run(b, `"use strict"; `+importAll+`const z = __toESM(require("zod"));
		const model = z.object({`+fields.String()+` id: z.string()});
		module.exports = {default: {type: "action", input: z.object({id: z.string()}), output: model, exec: async () => 1}};`, &fakeHost{})
}

// processCPU is what the process has used: on a busy machine the time that passes says little.
func processCPU(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// parsing is a script that makes 1,000 records of 20 fields, to be parsed ten times; testdata/zod.cjs is the same for Node.
const parsing = `"use strict"; const z = require("zod");
	const kinds = [() => z.string(), () => z.number(), () => z.boolean(), () => z.string().nullable(), () => z.string().optional()];
	const shape = {};
	for (let i = 0; i < 20; i++) shape["field" + i] = kinds[i % 5]();
	const model = z.object(shape), records = [];
	for (let i = 0; i < 1000; i++) {
		const r = {}, values = ["text " + i, i + 0.5, i % 2 === 0, null, "x" + i];
		for (let j = 0; j < 20; j++) r["field" + j] = values[j % 5];
		records.push(r);
	}
	const exec = async () => BODY;
	module.exports = {default: {type: "action", exec}};`

// BenchmarkZodRecords parses 10,000 records of 20 fields. The making of the records is measured too, and to be taken off.
func BenchmarkZodRecords(b *testing.B) {
	needZod(b)
	for name, body := range map[string]string{"making": "records.length", "parsing": "{ for (let i = 0; i < 10; i++) records.map((r) => model.parse(r)); }"} {
		b.Run(name, func(b *testing.B) {
			run(b, strings.Replace(parsing, "BODY", body, 1), &fakeHost{}, withWallLimit(time.Hour), withTurnLimit(time.Hour))
		})
	}
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
