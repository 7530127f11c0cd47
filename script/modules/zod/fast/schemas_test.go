package fast_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// schema is a random schema: the expression that makes it, and values that it takes.
type schema struct {
	text  string
	valid func(*rand.Rand) *value
}

// dice is what random choices are made with. If it is wild, schemas may have what only zod can do anywhere in them, and mostly will.
type dice struct {
	*rand.Rand
	wild bool
}

type chooser interface{ IntN(n int) int }

func pick[T any](r chooser, from ...T) T { return from[r.IntN(len(from))] }

func oneIn(r chooser, n int) bool { return r.IntN(n) == 0 }

// also gives more to choose from if the dice are wild.
func (r *dice) also(from []string, more ...string) []string {
	if r.wild {
		return append(from[:len(from):len(from)], more...)
	}
	return from
}

var fieldNames = []string{"id", "name", "a", "b", "kind", "2", "10", "toString", "constructor", "a b", "é", "_zod", "length", "valueOf"}

// newSchema makes a schema expression of the given depth. Most of it is what the validator knows; the rest makes sure that it stays away.
func newSchema(r *dice, depth int) schema {
	if depth <= 0 || oneIn(r, 4) {
		return withSuffix(r, scalar(r))
	}
	sub := func() schema { return newSchema(r, depth-1) }
	var s schema
	switch kind := r.IntN(14); kind {
	case 0, 1, 2, 3, 4:
		s = objectSchema(r, depth)
	case 5, 6:
		item := sub()
		s = schema{"z.array(" + item.text + message(r, true) + ")" + pick(r, "", "", "", ".min(1)", ".max(2)", ".length(2, 'no')", ".nonempty()"), func(r *rand.Rand) *value {
			return arrayOf(r, r.IntN(4), item.valid)
		}}
	case 7, 8:
		s = unionSchema(r, sub)
	case 9:
		s = discriminatedSchema(r, depth)
	case 10:
		s = recordSchema(r, sub)
	case 11:
		s = tupleSchema(r, sub)
	case 12:
		s = wrapped(r, sub())
	default:
		if s = sub(); r.wild {
			s = unknownToTheValidator(r, s)
		}
	}
	return withSuffix(r, s)
}

// message is an argument for a message of the script's own, or nothing.
func message(r *dice, more bool) string {
	if !oneIn(r, 12) {
		return ""
	}
	m := pick(r, r.also([]string{`'mine'`, `{message: 'mine'}`, `{error: 'mine'}`, `{error: (i) => 'mine ' + i.code}`, `{}`, `undefined`}, `{abort: true}`, `{description: 'x'}`)...)
	if more {
		return ", " + m
	}
	return m
}

func texts(list ...string) func(*rand.Rand) *value {
	return func(r *rand.Rand) *value { return &value{text: pick(r, list...)} }
}

var someText = texts(`"abc"`, `"a"`, `""`, `"hello world"`, `"éa"`, `" pad "`, `"😀"`, `"12"`)

func scalar(r *dice) schema {
	m := message(r, false)
	most := 21
	if r.wild {
		most++
	}
	switch r.IntN(most) {
	case 0, 1, 2, 3, 4:
		return stringSchema(r)
	case 5, 6, 7:
		return numberSchema(r)
	case 8, 9:
		return schema{"z.boolean(" + m + ")", texts("true", "false")}
	case 10:
		return schema{"z.null(" + m + ")", texts("null")}
	case 11:
		return schema{pick(r, "z.undefined()", "z.void()"), texts("undefined")}
	case 12:
		return schema{pick(r, "z.any()", "z.unknown()"), junk}
	case 13:
		return schema{"z.never(" + m + ")", texts("1")}
	case 14, 15:
		return literalSchema(r)
	case 16, 17:
		return enumSchema(r)
	case 18:
		return schema{"z.date(" + m + ")" + pick(r, r.also([]string{""}, ".min(new Date(5))")...), texts("new Date(0)", "new Date(1e12)", "new Date(NaN)")}
	case 19:
		return schema{"z.coerce.number(" + m + ")" + pick(r, "", ".int()", ".min(0)"), texts(`"12"`, `1.5`, `true`, `null`, `""`, `"x"`, `" 7 "`, "new Date(3)")}
	case 20:
		return schema{pick(r, "z.coerce.string()", "z.coerce.string().min(2)", "z.coerce.boolean()"), texts(`"12"`, `1.5`, `true`, `null`, `undefined`, `1e21`, "-0", "[1]")}
	default:
		return schema{pick(r, "z.nan()", "z.bigint()", "z.symbol()", "z.custom((v) => { note('custom'); return v !== 1; })", "z.coerce.date()", "z.instanceof(Date)", "z.json()"),
			texts("NaN", "1n", "Symbol('s')", "1", "new Date(1)", "{}")}
	}
}

func stringSchema(r *dice) schema {
	formats := map[string]func(*rand.Rand) *value{
		"email":    texts(`"a@b.co"`, `"a.b+c@d-e.org"`, `".a@b.co"`, `"a..b@c.de"`, `"a@b"`, `"a@b.c"`, `"é@b.co"`, `"a@b.co\n"`),
		"uuid":     texts(`"123e4567-e89b-42d3-a456-426614174000"`, `"123e4567-e89b-02d3-a456-426614174000"`, `"00000000-0000-0000-0000-000000000000"`),
		"guid":     texts(`"123e4567-e89b-02d3-0456-426614174000"`, `"x"`),
		"ipv4":     texts(`"1.2.3.4"`, `"256.1.1.1"`, `"01.2.3.4"`),
		"ulid":     texts(`"01ARZ3NDEKTSV4RRFFQ69G5FAV"`, `"01ARZ3NDEKTSV4RRFFQ69G5FAU"`),
		"nanoid":   texts(`"V1StGXR8_Z5jdHi6B-myT"`, `"short"`),
		"e164":     texts(`"+491701234567"`, `"+0123"`, `"+12345678901234567"`),
		"url":      texts(`"https://a.co/x"`, `"nope"`),
		"base64":   texts(`"YWJj"`, `"YW"`),
		"cuid2":    texts(`"abc"`, `"ABC"`),
		"datetime": texts(`"2024-02-29T12:00:00Z"`, `"2023-02-29T12:00:00Z"`, `"2024-01-01T00:00:00.123Z"`, `"2024-01-01T00:00Z"`, `"2024-01-01T24:00:00Z"`, `"2024-01-01T00:00:00+01:00"`),
		"date":     texts(`"2024-02-29"`, `"1900-02-29"`, `"2000-02-29"`, `"2024-04-31"`, `"2024-1-1"`),
		"time":     texts(`"12:34"`, `"12:34:56.7"`, `"24:00"`, `"12:34:5"`),
		"duration": texts(`"P1D"`, `"x"`),
	}
	names := r.also([]string{"email", "uuid", "guid", "ipv4", "ulid", "nanoid", "e164", "datetime", "date", "time"}, "url", "base64", "cuid2", "duration")
	if oneIn(r, 4) {
		name := pick(r, names...)
		call := "(" + message(r, false) + ")"
		switch {
		case oneIn(r, 2):
			return schema{"z.string()." + name + call, formats[name]}
		case name == "datetime" || name == "date" || name == "time" || name == "duration":
			return schema{"z.iso." + name + call, formats[name]}
		default:
			return schema{"z." + name + call, formats[name]}
		}
	}
	text := "z.string(" + message(r, false) + ")"
	for range r.IntN(3) {
		text += pick(r, r.also([]string{".min(1)", ".min(2, 'short')", ".max(3)", ".length(3)", ".nonempty()", ".trim()", ".toLowerCase()", ".toUpperCase()", ".includes('a')",
			".startsWith('a')", ".endsWith('c', {message: 'end'})", ".min(1.5)", ".min(NaN)", ".max(Infinity)"}, ".regex(/^[a-z]*$/)", ".lowercase()", ".normalize()")...)
	}
	return schema{text, someText}
}

func numberSchema(r *dice) schema {
	text := pick(r, r.also([]string{"z.number(" + message(r, false) + ")", "z.number()", "z.int()", "z.int32()", "z.uint32()", "z.float64()"}, "z.float32()")...)
	for range r.IntN(3) {
		text += pick(r, r.also([]string{".min(0)", ".max(10)", ".gt(0)", ".gte(1, 'small')", ".lt(5)", ".lte(1.5)", ".int()", ".safe()", ".positive()", ".nonnegative()",
			".negative()", ".nonpositive()", ".finite()", ".min(-0)", ".max(NaN)"}, ".multipleOf(2)", ".step(0.1)", ".min(3n)")...)
	}
	return schema{text, texts("0", "1", "2", "5", "1.5", "-1", "-0", "10", "9007199254740991", "9007199254740992", "2147483648", "1e300", "NaN", "Infinity")}
}

func literalSchema(r *dice) schema {
	all := []string{`"a"`, `"b"`, "1", "0", "-0", "NaN", "true", "null", "undefined", `"\ud800"`, `"\ufffd"`, `""`}
	one := pick(r, all...)
	if oneIn(r, 2) {
		two := pick(r, all...)
		return schema{"z.literal([" + one + ", " + two + "]" + message(r, true) + ")", texts(one, two)}
	}
	return schema{"z.literal(" + one + message(r, true) + ")", texts(one)}
}

func enumSchema(r *dice) schema {
	return schema{pick(r, r.also([]string{`z.enum(["a", "b"]` + message(r, true) + ")", `z.enum({A: "a", B: "b"})`, `z.nativeEnum({A: "a", B: "b", 0: "A"})`,
		`z.enum(["a", "\ud800", "b"])`, `z.enum(["a", "b", "b"])`}, `z.enum({A: 0, 0: "A", B: "b"})`, `z.enum(["a"]).exclude([])`)...), texts(`"a"`, `"b"`, `"\ud801"`, "0", `"A"`)}
}

// withSuffix wraps a schema in what is most frequent.
func withSuffix(r *dice, s schema) schema {
	or := func(other string) func(*rand.Rand) *value {
		return func(r *rand.Rand) *value {
			if oneIn(r, 3) {
				return &value{text: other}
			}
			return s.valid(r)
		}
	}
	switch r.IntN(24) {
	case 0, 1, 2:
		return schema{s.text + ".optional()", or("undefined")}
	case 3, 4:
		return schema{s.text + ".nullable()", or("null")}
	case 5:
		return schema{s.text + ".nullish()", or(pick(r, "null", "undefined"))}
	case 6:
		return schema{s.text + pick(r, r.also([]string{".default('d')", ".default(1)", ".default(null)"}, ".default([])", ".default(() => { note('default'); return 1; })", ".default(undefined)")...), or("undefined")}
	case 7:
		return schema{s.text + pick(r, r.also([]string{".prefault('pre')", ".prefault(2)", ".nonoptional()"}, ".exactOptional()")...), or("undefined")}
	case 8:
		return schema{s.text + pick(r, ".describe('d')", ".meta({title: 't'})", ".meta({id: 'i"+strconv.Itoa(r.IntN(1e9))+"'})", ".brand()", ".describe('x').describe('y')"), s.valid}
	}
	return s
}

func wrapped(r *dice, s schema) schema {
	inner := s.valid
	switch r.IntN(6) {
	case 0:
		return schema{"z.optional(" + s.text + ")", inner}
	case 1:
		return schema{"z.nullable(" + s.text + ")", inner}
	case 2:
		return schema{"z.nullish(" + s.text + ")", inner}
	case 3:
		return schema{"z._default(" + s.text + ", 7)", inner}
	case 4:
		return schema{s.text + ".array()", func(r *rand.Rand) *value { return arrayOf(r, r.IntN(3), inner) }}
	default:
		return schema{"z.nonoptional(" + s.text + message(r, true) + ")", inner}
	}
}

// unknownToTheValidator wraps a schema in something that only zod can do, or that it refuses.
func unknownToTheValidator(r *dice, s schema) schema {
	form := pick(r,
		"%s.refine((v) => { note('refine'); return v !== 'a'; }, 'refused')", "%s.transform((v) => { note('transform'); return [v]; })", "%s.catch('caught')",
		"%s.readonly()", "%s.pipe(z.any())", "z.lazy(() => { note('lazy'); return %s; })", "z.preprocess((v) => { note('pre'); return v; }, %s)",
		"%s.superRefine((v, c) => { if (v === 1) c.addIssue('one'); })", "z.intersection(%s, z.any())", "%s.and(z.unknown())", "z.map(z.string(), %s)", "z.set(%s)",
		"z.xor([%s, z.null()])", "%s.overwrite((v) => v)", "z.exactOptional(%s)", "%s.check((p) => { note('check'); })", "z.array(%s).element",
		"z.object({a: %s}).shape.a", "%s.optional().unwrap()", "%s.clone()", "z.partialRecord(z.enum(['a', 'b']), %s)", "z.union([])", "z.literal([])", "%s.nope()",
		"z.array(5).or(%s)", "z.object({x: 5}).or(%s)", "z.promise(%s)", "z.object({get self() { note('get'); return z.any(); }, a: %s})",
		"(() => { const o = z.object({get me() { return o.optional(); }, a: %s}); return o; })()", "(() => { const sh = {}, o = z.object(sh); sh.a = %s; sh.o = o.optional(); return o; })()")
	valid := s.valid
	if strings.Contains(form, "{a:") || strings.Contains(form, "a: %s") || strings.Contains(form, "sh.a") {
		valid = func(r *rand.Rand) *value {
			return &value{keys: []string{"a"}, kids: []*value{s.valid(r)}, object: true}
		}
	}
	return schema{strings.Replace(form, "%s", s.text, 1), valid}
}

func objectSchema(r *dice, depth int) schema {
	var parts, names []string
	var subs []schema
	for i := range r.IntN(5) {
		name := pick(r, fieldNames...)
		if r.wild && i == 3 && oneIn(r, 10) {
			name = "__proto__"
		}
		s := newSchema(r, depth-1)
		parts = append(parts, fmt.Sprintf("[%q]: %s", name, s.text))
		names, subs = append(names, name), append(subs, s)
	}
	text := pick(r, "z.object", "z.object", "z.object", "z.strictObject", "z.looseObject") + "({" + strings.Join(parts, ", ") + "}" + message(r, true) + ")"
	some := "id"
	if len(names) > 0 {
		some = pick(r, names...)
	}
	for range r.IntN(3) {
		text += pick(r, r.also([]string{"", "", ".strict()", ".loose()", ".passthrough()", ".strip()", ".catchall(" + pick(r, "z.string()", "z.any()", "z.number().optional()") + ")", ".partial()",
			fmt.Sprintf(".partial({%q: true})", some), fmt.Sprintf(".pick({%q: true})", some), fmt.Sprintf(".omit({%q: true})", some), fmt.Sprintf(".required({%q: true})", some),
			".required()", ".extend({a: z.number(), extra: z.string().optional()})", ".merge(z.object({m: z.boolean().optional()}).strict())", ".safeExtend({b: z.any()})",
			fmt.Sprintf(".pick({%q: false})", some), ".describe('o')"}, ".keyof()", ".pick({nope: true})", ".refine(() => { note('object'); return true; })", ".extend(5)")...)
	}
	return schema{text, func(r *rand.Rand) *value {
		v := &value{object: true}
		for i, name := range names {
			if oneIn(r, 20) {
				continue
			}
			v.keys, v.kids = append(v.keys, name), append(v.kids, subs[i].valid(r))
		}
		if oneIn(r, 8) {
			v.keys, v.kids = append(v.keys, pick(r, fieldNames...)), append(v.kids, junk(r))
		}
		return v
	}}
}

func unionSchema(r *dice, sub func() schema) schema {
	a, b := sub(), sub()
	form := pick(r, "z.union([%s, %s])", "z.union([%s, %s, z.null()], 'none')", "z.union([%[1]s]).or(%[2]s)", "%[1]s.or(%[2]s)")
	return schema{fmt.Sprintf(form, a.text, b.text), func(r *rand.Rand) *value { return pick(r, a, b).valid(r) }}
}

func discriminatedSchema(r *dice, depth int) schema {
	a, b := newSchema(r, depth-2), newSchema(r, depth-2)
	first := pick(r, r.also([]string{`z.literal("a")`, `z.literal(["a", 1])`, `z.enum(["a", "c"])`, `z.literal(null)`}, `z.literal("b")`, `z.null()`, `z.literal("a").optional()`, `z.string()`)...)
	text := fmt.Sprintf(`z.discriminatedUnion("kind", [z.object({kind: %s, a: %s}), z.object({kind: z.literal("b"), b: %s})%s]%s)`, first, a.text, b.text, pick(r, "", ".strict()"), message(r, true))
	return schema{text, func(r *rand.Rand) *value {
		if oneIn(r, 2) {
			return &value{object: true, keys: []string{"kind", "a"}, kids: []*value{texts(`"a"`, `"c"`, "1", "null", "undefined")(r), a.valid(r)}}
		}
		return &value{object: true, keys: []string{"kind", "b"}, kids: []*value{texts(`"b"`)(r), b.valid(r)}}
	}}
}

func recordSchema(r *dice, sub func() schema) schema {
	s := sub()
	key := pick(r, r.also([]string{"z.string()", `z.enum(["a", "b"])`, `z.literal(["a", "2"])`, "z.string().describe('k')"}, "z.string().min(2)", "z.number()", "z.coerce.string()")...)
	return schema{"z.record(" + key + ", " + s.text + message(r, true) + ")", func(r *rand.Rand) *value {
		v := &value{object: true}
		for _, name := range []string{"a", "b", "2", "constructor"} {
			if oneIn(r, 2) {
				v.keys, v.kids = append(v.keys, name), append(v.kids, s.valid(r))
			}
		}
		return v
	}}
}

func tupleSchema(r *dice, sub func() schema) schema {
	a, b := sub(), sub()
	form := pick(r, "z.tuple([%s, %s])", "z.tuple([%[1]s], %[2]s)", "z.tuple([%[1]s, %[2]s.optional()])", "z.tuple([%[1]s, %[2]s], 'mine')", "z.tuple([%[1]s]).rest(%[2]s)")
	return schema{fmt.Sprintf(form, a.text, b.text), func(r *rand.Rand) *value {
		v := &value{array: true, kids: []*value{a.valid(r), b.valid(r)}}
		if oneIn(r, 4) {
			v.kids = v.kids[:1]
		}
		if oneIn(r, 4) {
			v.kids = append(v.kids, b.valid(r))
		}
		return v
	}}
}
