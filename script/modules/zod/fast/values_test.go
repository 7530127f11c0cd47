package fast_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// value is a JavaScript value as a tree, so that it can be changed before it is written down.
type value struct {
	text          string // if it is neither object nor array
	object, array bool
	keys          []string
	kids          []*value
	style         int // how an object or array is made, see write
}

func arrayOf(r *rand.Rand, n int, item func(*rand.Rand) *value) *value {
	v := &value{array: true}
	for range n {
		v.kids = append(v.kids, item(r))
	}
	return v
}

var junkTexts = []string{
	"undefined", "null", "NaN", "-0", "0", "1", "-1", "1.5", "Infinity", "2**53", "2**53-1", "-(2**53-1)", "1e21", `""`, `"a"`, `"abc"`, `"x".repeat(100)`, `"\ud800"`, `"😀"`,
	`"a@b.co"`, "true", "false", "10n", "Symbol('s')", "[]", "{}", "[undefined]", "[,]", "[1,,2]", "new Date(0)", "new Date(NaN)", "new Map([[1, 2]])", "new Set([1])", "/r/",
	"function () {}", "new String('x')", "new Number(1)", "new Boolean(true)", "Object.create(null)", "Object.create({a: 1, b: 'b'})", "new (class K { get a() { note('class'); return 1; } })()",
	"new Proxy({a: 1}, {get(t, k) { note('trap ' + String(k)); return t[k]; }})", "new Proxy([1], {})", "new (class L extends Array {})(2)", "new Uint8Array(2)", "new Error('e')",
	"Object.assign([1], {extra: 2})", "Object.freeze({a: 1})", "JSON.parse('{\"__proto__\": {\"a\": 1}}')", "(function () { return arguments; })(1, 2)", "new Array(3)", "Promise.resolve(1)",
	"Object.defineProperty({}, 'a', {value: 1})", "{[Symbol('s')]: 1}", "{constructor: 5}", "{constructor: Map}", "{constructor: undefined, a: 1}", "{toString: 1}",
	"Object.assign(new Date(0), {getTime: () => { note('getTime'); return 5; }})", "{set a(v) {}}",
}

func junk(r *rand.Rand) *value { return &value{text: pick(r, junkTexts...)} }

// changed spoils a value in some places.
func (v *value) changed(r *rand.Rand) *value {
	all := v.flat(nil)
	for range 1 + r.IntN(2) {
		at := all[r.IntN(len(all))]
		switch {
		case (at.object || at.array) && oneIn(r, 2):
			at.style = 1 + r.IntN(9)
		case at.object && len(at.keys) > 0 && oneIn(r, 3):
			i := r.IntN(len(at.keys))
			at.keys, at.kids = append(at.keys[:i:i], at.keys[i+1:]...), append(at.kids[:i:i], at.kids[i+1:]...)
		case at.object && oneIn(r, 2):
			at.keys = append(at.keys, pick(r, "extra", "__proto__", "\ufffd", "", "constructor", "0", "id", "a", "b", "kind"))
			at.kids = append(at.kids, junk(r))
		case at.array && oneIn(r, 2):
			at.kids = append(at.kids, junk(r))
		default:
			*at = *junk(r)
		}
	}
	return v
}

func (v *value) flat(into []*value) []*value {
	into = append(into, v)
	for _, kid := range v.kids {
		into = kid.flat(into)
	}
	return into
}

// write is the value as an expression. note(…) is called by accessors and traps, so that it shows when they are.
func (v *value) write() string {
	switch {
	case v.object:
		return v.writeObject()
	case v.array:
		return v.writeArray()
	default:
		return v.text
	}
}

func (v *value) writeObject() string {
	var parts []string
	for i, key := range v.keys {
		kid := v.kids[i].write()
		if v.style == 1 && i == len(v.keys)/2 {
			parts = append(parts, fmt.Sprintf("get [%q]() { note(%q); return %s; }", key, "get "+key, kid))
			continue
		}
		parts = append(parts, fmt.Sprintf("[%q]: %s", key, kid))
	}
	text := "{" + strings.Join(parts, ", ") + "}"
	switch v.style {
	case 2:
		return "Object.assign(Object.create(null), " + text + ")"
	case 3:
		return "Object.assign(new (class C { m() {} })(), " + text + ")"
	case 4:
		return "new Proxy(" + text + ", {get(t, k) { note('trap ' + String(k)); return t[k]; }, has(t, k) { note('has ' + String(k)); return k in t; }})"
	case 5:
		return "Object.create(" + text + ")"
	case 6:
		return "Object.assign(" + text + ", {[Symbol.for('s')]: 1})"
	case 7:
		return "Object.freeze(" + text + ")"
	case 8:
		return "Object.defineProperty(" + text + ", 'hidden', {value: 1, enumerable: false})"
	case 9:
		return "Object.defineProperty(" + text + ", Symbol.for('h'), {value: 1, enumerable: false})"
	}
	return "(" + text + ")"
}

func (v *value) writeArray() string {
	var parts []string
	for i, kid := range v.kids {
		if v.style == 1 && i == len(v.kids)/2 {
			parts = append(parts, "")
			continue
		}
		parts = append(parts, kid.write())
	}
	text := "[" + strings.Join(parts, ", ") + "]"
	switch v.style {
	case 2:
		return "Object.assign(" + text + ", {extra: 1})"
	case 3:
		return "(class L extends Array {}).from(" + text + ")"
	case 4:
		return "new Proxy(" + text + ", {get(t, k) { note('trap ' + String(k)); return t[k]; }})"
	case 5:
		return "Object.assign(Array(4), " + text + ")"
	case 6:
		return "Object.defineProperty(" + text + ", '0', {get() { note('item'); return 1; }})"
	case 7:
		return "Object.freeze(" + text + ")"
	}
	return text
}
