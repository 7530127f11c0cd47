package realm_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/modules/zod"
)

func needZod(t testing.TB) {
	t.Helper()
	_, ok := zod.Bundle()
	require.True(t, ok, "this test needs zod, which is fetched by ./task build")
}

// TestATypicalSync is a script as the compiler leaves it: zod models, a lowered `for await` over pages, records saved page by
// page, with a checkpoint after each.
func TestATypicalSync(t *testing.T) {
	needZod(t)
	host := &fakeHost{answer: func(_ context.Context, c script.Call) (script.Answer, error) {
		switch c.Name {
		case script.CallProxy:
			if strings.Contains(string(c.Meta), `["after","p2"]`) {
				return httpAnswer(t, 200, `{"results":[{"id":3,"name":"c","site":"https://x.com/?q=1"}]}`), nil
			}
			return httpAnswer(t, 200, `{"results":[{"id":1,"name":"a"},{"id":2,"name":"b"}],"paging":{"next":{"after":"p2"}}}`), nil
		default:
			return answerJSON(t, map[string]any{"version": 1}), nil
		}
	}}
	result := runModule(t.Context(), t, host, `"use strict";
		var z = require("zod");
		var Contact = z.object({ id: z.string(), name: z.string(), host: z.string().optional(), digest: z.string() });
		var asyncIterator = Symbol.asyncIterator || Symbol.for("Symbol.asyncIterator");
		var sync = {
			type: "sync", description: "contacts", frequency: "every hour", models: { Contact },
			exec: async (nango) => {
				const { createHash } = require("node:crypto");
				let it = nango.paginate({ endpoint: "/contacts", params: { limit: 2 }, retries: 3 })[asyncIterator](), step, done;
				try {
					for (; done = !(step = await it.next()).done; done = false) {
						const page = step.value;
						const rows = page.map((c) => Contact.parse({
							id: String(c.id), name: c.name, host: c.site && new URL(c.site).host, digest: createHash("sha256").update(c.name).digest("hex").slice(0, 8)
						}));
						await nango.batchSave(rows, "Contact");
						await nango.saveCheckpoint({ last: rows.at(-1).id });
					}
				} finally { done && it.return && await it.return(); }
			}
		};
		module.exports = { default: sync, sync };`,
		ofKind(causeway.RunSync), with(func(s *script.Start) {
			s.Values.Models = []string{"Contact"}
			s.Paginate = []byte(`{"type":"cursor","cursor_path_in_response":"paging.next.after","cursor_name_in_request":"after","response_path":"results"}`)
		}))
	require.Empty(t, result.Code, "%s %s", result.Message, result.Error)
	var saved []string
	for _, c := range host.calls {
		if c.Name == script.CallRecordsSave {
			saved = append(saved, string(c.Body))
		}
	}
	require.Equal(t, []string{
		`{"id":"1","name":"a","digest":"ca978112"}` + "\n" + `{"id":"2","name":"b","digest":"3e23e816"}`,
		`{"id":"3","name":"c","host":"x.com","digest":"2e7d2c03"}`,
	}, saved)
}

func TestZod(t *testing.T) {
	needZod(t)
	for expression, want := range map[string]string{
		`z.object({a: z.string(), n: z.number().optional()}).parse({a: "x", more: 1})`:                                                            `{"a":"x"}`,
		`z.object({e: z.email(), u: z.url(), i: z.uuid(), d: z.iso.datetime()}).safeParse({}).error.issues.length`:                                `4`,
		`z.string().email().safeParse("a@b.co").success`:                                                                                          `true`,
		`z.discriminatedUnion("k", [z.object({k: z.literal("a")}), z.object({k: z.literal("b"), n: z.coerce.number()})]).parse({k: "b", n: "5"})`: `{"k":"b","n":5}`,
		`z.string().transform(s => s.length).parse("abc")`:                                                                                        `3`,
		`z.array(z.union([z.string(), z.null()])).min(1).safeParse([]).error.issues[0].code`:                                                      `"too_small"`,
		`z.object({a: z.object({b: z.number()})}).safeParse({a: {b: "x"}}).error.issues[0].path`:                                                  `["a","b"]`,
		`(await z.string().refine(async s => s === "a").safeParseAsync("a")).success`:                                                             `true`,
		`z === require("zod/v4") && typeof z.z.object`:                                                                                            `"function"`,
		`z.record(z.string(), z.number()).parse({a: 1})`:                                                                                          `{"a":1}`,
		`z.enum(["a", "b"]).options`:              `["a","b"]`,
		`z.date().safeParse(new Date(0)).success`: `true`,
	} {
		got := output(t, runBody(t, &fakeHost{}, fmt.Sprintf(`const z = require("zod"); return %s;`, expression)))
		require.JSONEq(t, want, got, expression)
	}
	host := &fakeHost{}
	result := runBody(t, host, `const z = require("zod"); await nango.zodValidateInput({zodSchema: z.object({a: z.object({b: z.string()})}), input: {a: {b: 1}}})`)
	require.Equal(t, causeway.CodeActionRuntimeError, result.Code)
	require.Equal(t, []string{"error: Invalid input provided: Invalid input: expected string, received number at path a.b"}, host.lines(t))
}
