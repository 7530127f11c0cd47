package fast_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// eval runs an expression with z (the fast one) and plain (zod alone).
func (r *realm) eval(t *testing.T, expression string) string {
	t.Helper()
	require.NoError(t, r.vm.Set("z", r.fast))
	require.NoError(t, r.vm.Set("plain", r.plain))
	v, err := r.vm.RunString("JSON.stringify((() => (" + expression + "))())")
	require.NoError(t, err, expression)
	return v.String()
}

func TestZodIsLoadedOnlyWhenItIsNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		expression, want string
		loads            int
	}{
		"defining":              {`z.object({a: z.string().min(1, "no").optional(), b: z.array(z.enum(["x"]))}).strict() && 1`, `1`, 0},
		"a value that fits":     {`z.object({a: z.string(), n: z.number().nullish()}).parse({a: "x", more: 1})`, `{"a":"x"}`, 0},
		"a method taken out":    {`[{a: 1}, {a: 2}].map(z.object({a: z.number()}).parse)`, `[{"a":1},{"a":2}]`, 0},
		"fields of another":     {`z.object({...z.object({a: z.string()}).shape, b: z.any()}).parse({a: "x"})`, `{"a":"x"}`, 0},
		"unused transforms":     {`z.object({a: z.string().transform((s) => s.length)}).strict() && 1`, `1`, 0},
		"a value that fails":    {`z.string().safeParse(1).error.issues[0].code`, `"invalid_type"`, 1},
		"a transform":           {`z.string().transform((s) => s.length).parse("abc")`, `3`, 1},
		"looking at its inside": {`z.string()._zod.def.type`, `"string"`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRealm(t)
			assert.Equal(t, c.want, r.eval(t, c.expression))
			assert.Equal(t, c.loads, r.loads, "how often zod was loaded")
		})
	}
}

func TestASchemaThatFailedOnceStaysFast(t *testing.T) {
	r := newRealm(t)
	require.Equal(t, `[false,true,"a"]`, r.eval(t, `(globalThis.s = z.object({a: z.string()}), [s.safeParse(1).success, s.safeParse({a: "a"}).success, s.parse({a: "a"}).a])`))
	// zod's own inside is spoiled: what still fits was not asked of it.
	require.JSONEq(t, `{"a":"b"}`, r.eval(t, `(s._zod.run = () => { throw new Error("asked"); }, s.parse({a: "b"}))`))
}

func TestTheExportsAreThoseOfZod(t *testing.T) {
	r := newRealm(t)
	for _, of := range []string{"", ".z", ".default", ".coerce", ".iso"} {
		assert.Equal(t, r.eval(t, "Object.keys(plain"+of+")"), r.eval(t, "Object.keys(z"+of+")"), of)
	}
	assert.Equal(t, `[true,true,true,true,true]`, r.eval(t, `[z.__esModule, z.z !== z, z.z === z.default, z.string === z.z.string, z.ZodError === plain.ZodError]`))
	assert.Equal(t, `[]`, r.eval(t, `Object.keys(plain).filter((k) => typeof plain[k] !== typeof z[k])`))
}

// What the bundlers make of "import * as z from 'zod'".
func TestAnImportOfAllOfZod(t *testing.T) {
	const copied = `(() => {
		var make = Object.create, define = Object.defineProperty, descriptor = Object.getOwnPropertyDescriptor, names = Object.getOwnPropertyNames, owns = Object.prototype.hasOwnProperty;
		var %[1]s = (to, from, except, desc) => {
			for (let key of names(from)) if (!owns.call(to, key) && key !== except) define(to, key, { get: () => from[key], enumerable: !(desc = descriptor(from, key)) || desc.enumerable });
			return to;
		};
		var all = %[1]s(make(Object.getPrototypeOf(z)), z);
		return [all.object({a: all.string()}).parse({a: "x"}).a, all.z === z.z, "ZodError" in all, all.nope === undefined, %[2]s];
	})()`
	for name, c := range map[string]struct{ function, more, want string }{
		"as it is":  {"__copyProps", "Object.keys(all).length", `["x",true,true,true,0]`},
		"shortened": {"m", "Object.keys(all).length", `["x",true,true,true,238]`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRealm(t)
			assert.JSONEq(t, c.want, r.eval(t, fmt.Sprintf(copied, c.function, c.more)))
			assert.Zero(t, r.loads, "zod was loaded")
		})
	}
	r := newRealm(t)
	assert.Equal(t, `[]`, r.eval(t, `Object.getOwnPropertyNames(plain).filter((k) => !z.hasOwnProperty(k) || Object.getOwnPropertyDescriptor(z, k).enumerable !== Object.getOwnPropertyDescriptor(plain, k).enumerable)`))
	assert.Equal(t, `[false,null,true]`, r.eval(t, `[z.hasOwnProperty("nope"), z.nope ?? null, Object.getOwnPropertyDescriptor(z, "ZodError").get() === plain.ZodError]`))
}

func TestTheMembersOfASchemaAreThoseOfZod(t *testing.T) {
	r := newRealm(t)
	for _, schema := range []string{
		"z.string()", "z.email()", "z.iso.date()", "z.number()", "z.int()", "z.boolean()", "z.null()", "z.any()", "z.never()", "z.date()", "z.literal(1)", "z.enum(['a'])",
		"z.object({})", "z.array(z.any())", "z.union([z.any()])", "z.tuple([])", "z.record(z.string(), z.any())", "z.any().optional()", "z.any().nullable()", "z.any().default(1)",
		"z.any().prefault(1)", "z.any().nonoptional()", "z.any().catch(1)", "z.any().readonly()", "z.any().pipe(z.any())", "z.any().transform((x) => x)", "z.lazy(() => z.any())",
		"z.custom(() => true)", "z.intersection(z.any(), z.any())", "z.coerce.string()", "z.coerce.date()",
	} {
		members := fmt.Sprintf("Object.getOwnPropertyNames(((z) => %s)(plain))", schema)
		assert.Equal(t, `[]`, r.eval(t, members+".filter((k) => !(k in "+schema+"))"), schema+": missing")
		assert.Equal(t, `[]`, r.eval(t, members+".filter((k) => typeof "+schema+"[k] !== typeof ((z) => "+schema+")(plain)[k])"), schema+": another type")
		assert.Equal(t, `[false,null,false]`, r.eval(t, "['nope' in "+schema+", "+schema+".nope ?? null, 'refined' in "+schema+"]"), schema)
	}
}

func TestAMemberThatZodHasNot(t *testing.T) {
	r := newRealm(t)
	for _, use := range []string{"s.nope()", "s.nope", "s.then", "s.then()", "String(s)", "s.hasOwnProperty('x')", "s[5]", "s[5]()", "s[Symbol.iterator]", "s.a = 1, s.a", "s.min(1)", "s.optional = 5, s.optional"} {
		assert.Empty(t, r.differs(t, round{schema: "(z) => z.boolean()", touches: []string{"(z, s) => { " + use + "; }", "(z, s) => (" + use + ")"}}), use)
	}
}

// The script's own code is called as often as zod alone would call it, also when the validator looks first.
func TestAccessorsAreReadOnce(t *testing.T) {
	r := newRealm(t)
	for value, want := range map[string]string{
		`{get a() { n++; return "x"; }}`:                                     `[1,true]`,
		`{get a() { n++; return 5; }}`:                                       `[1,false]`,
		`new (class { get a() { n++; return "x"; } })()`:                     `[1,true]`,
		`new Proxy({a: "x"}, {get(t, k) { n++; return t[k]; }})`:             `[1,true]`,
		`Object.create({get a() { n++; throw new Error("thrown by it"); }})`: `[1,"thrown by it"]`,
	} {
		assert.Equal(t, want, r.eval(t, `(globalThis.n = 0, globalThis.s = z.object({a: z.string()}), globalThis.f = () => { try { return s.safeParse(`+value+`).success; } catch (e) { return e.message; } }, globalThis.out = f(), [n, out])`), value)
	}
}

// The limit of nested calls is back in force afterwards, and a schema or a value without end ends.
func TestWithoutEnd(t *testing.T) {
	r := newRealm(t)
	assert.Equal(t, `"ok"`, r.eval(t, `(z.string().parse("x"), ((f) => f(f, 500))((f, n) => n === 0 ? "ok" : f(f, n - 1)))`))
	assert.Equal(t, `false`, r.eval(t, `(globalThis.sh = {}, globalThis.o = z.object(sh), sh.o = o, o.safeParse({}).success)`))
	assert.Equal(t, `"deep"`, r.eval(t, `(globalThis.d = z.any(), Array.from({length: 1000}, () => d = d.optional()), d.parse("deep"))`))
}

// What the differential test can't do is to find a difference where there is none by design: before a schema is zod's own, it has no own
// properties. So this is the proof that it finds one.
func TestADifferenceIsFound(t *testing.T) {
	r := newRealm(t)
	found := r.differs(t, round{schema: "(z) => z.string()", touches: []string{"(z, s) => Object.keys(s).length > 0"}, values: []string{"[3, () => 1]"}})
	assert.Contains(t, found, "zod:  true\nfast: false")
}

// What the differential test has found.
func TestDifferencesOfThePast(t *testing.T) {
	r := newRealm(t)
	for name, of := range map[string]round{
		"null and booleans as texts":          {schema: "(z) => z.union([z.coerce.string(), z.null(), z.boolean()])", values: []string{"[3, () => null]", "[3, () => false]", "[3, () => undefined]"}},
		"a length that is no number":          {schema: "(z) => z.union([z.string().min(1), z.array(z.any()).max(1), z.object({})])", values: []string{"[3, () => ({length: {toString: 1}})]"}},
		"a length behind an accessor":         {schema: "(z) => z.union([z.string().min(1), z.object({})])", values: []string{"[3, (note) => ({get length() { note('length'); return 1; }})]"}},
		"a method that a schema has not":      {schema: "(z) => z.string().date().nope()"},
		"a rest that only zod can check":      {schema: "(z) => z.tuple([z.string()], z.string().regex(/a/))", values: []string{"[3, () => ['x', 1]]", "[3, () => ['x', 'a']]"}},
		"a constructor of an optional schema": {schema: "(z) => z.never().nullish()", touches: []string{"(z, s) => s.constructor.name"}},
	} {
		t.Run(name, func(t *testing.T) { assert.Empty(t, r.differs(t, of)) })
	}
}
