package fast_test

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dop251/goja"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/modules/zod"
	"github.com/causeway-dev/causeway/script/modules/zod/fast"
)

//go:embed testdata/compare.js
var compareSource string

const callDepth = 4096

var zodProgram = sync.OnceValues(func() (*goja.Program, error) {
	text, ok := zod.Bundle()
	if !ok {
		return nil, fmt.Errorf("this test needs zod, which is fetched by ./task build")
	}
	return goja.Compile("zod.cjs", "(function (exports, module) {"+string(text)+"\n})", false)
})

// realm has zod alone and the fast one, the second with the first behind it.
type realm struct {
	vm          *goja.Runtime
	plain, fast goja.Value
	compare     goja.Callable
	loads       int // how often the fast one asked for zod
}

func newRealm(t testing.TB) *realm {
	t.Helper()
	program, err := zodProgram()
	require.NoError(t, err)
	vm := goja.New()
	vm.SetMaxCallStackSize(callDepth)
	_, err = vm.RunString(`globalThis.Function = function () { throw new EvalError("no code from strings"); };`) // as in the realms of scripts
	require.NoError(t, err)
	module, exports := vm.NewObject(), vm.NewObject()
	require.NoError(t, module.Set("exports", exports))
	wrapper, err := vm.RunProgram(program)
	require.NoError(t, err)
	call, _ := goja.AssertFunction(wrapper)
	_, err = call(goja.Undefined(), exports, module)
	require.NoError(t, err)
	r := &realm{vm: vm, plain: module.Get("exports")}
	r.fast, err = fast.Load(fast.Realm{VM: vm, CallDepth: callDepth, Date: vm.Get("Date").ToObject(vm), Real: func() *goja.Object {
		r.loads++
		return r.plain.ToObject(vm)
	}})
	require.NoError(t, err)
	maker, err := vm.RunScript("compare.js", compareSource)
	require.NoError(t, err)
	make, _ := goja.AssertFunction(maker)
	compare, err := make(goja.Undefined(), r.plain, r.fast)
	require.NoError(t, err)
	r.compare, _ = goja.AssertFunction(compare)
	return r
}

// touches are things that a script may do with a schema, before it parses with it or instead.
var touches = []string{
	"s.shape", "s._zod.def.type", "s.isOptional()", "s.isNullable()", "s instanceof z.ZodType", "s instanceof z.ZodObject", "JSON.stringify(s)?.length", "s.description", "s.meta()",
	"z.toJSONSchema(s, {unrepresentable: 'any'})", "s['~standard'].validate(1)", "s.safeParse(undefined)", "s.element", "s.options", "s.unwrap?.()", "z.globalRegistry.has(s)",
	"s.parse === s.parse", "s.def.type", "s.type", "s.constructor.name", "s.foo", "s.optional().parse(undefined)", "s.brand() === s", "s.apply((x) => x === s)", "s.keyType",
	"s.array().element === s", "s.shape === s.shape", "s.enum", "s.nullable().unwrap() === s", "Object.keys(s._zod && s)", "(s._zod, s.parse === s.parse)", "z.object({s}).shape.s === s",
	"s.describe('z').description", "s.optional()._zod.def.innerType === s", "'shape' in s", "'unwrap' in s", "'_zod' in s", "'nope' in s", "'min' in s", "String(s)", "Promise.resolve(s) instanceof Promise", "Object.entries({...s.shape}).map(([k, v]) => k + v.type)", "s.minLength", "s.isInt", "s.safeParse(1, {error: () => 'x'})",
	"z.clone(s).type", "s.parse.length", "z.z.string === z.string", "Object.keys(z).length", "s.format", "s._def === s.def", "z.globalRegistry.get(s)", "s.unwrap", "s.keyof?.().options",
	"z.safeParse(s, 5)", "s.values", "s.refine((v) => { note('late'); return true; }).safeParse('a')", "s.transform((v) => [v]).safeParse('a')", "s.register(z.registry(), {}) === s",
}

// round is a schema with its touches and values, all as functions of JavaScript.
type round struct {
	schema          string
	touches, values []string
}

func newRound(r *rand.Rand, values int) round {
	s := newSchema(&dice{r, oneIn(r, 4)}, 1+r.IntN(4))
	out := round{schema: "(z, note) => " + s.text}
	if oneIn(r, 3) {
		for range 1 + r.IntN(3) {
			out.touches = append(out.touches, "(z, s, note) => "+pick(r, touches...))
		}
	}
	for range values {
		var v *value
		switch r.IntN(16) {
		case 0:
			v = junk(r)
		case 1, 2, 3, 4:
			v = s.valid(r).changed(r)
		default:
			v = s.valid(r)
		}
		out.values = append(out.values, fmt.Sprintf("[%d, (note) => (%s)]", r.IntN(9), v.write()))
	}
	return out
}

// differs runs a round; its answer says where the two differ, and is empty if they don't.
func (r *realm) differs(t testing.TB, of round) string {
	t.Helper()
	text := "[" + of.schema + ", [" + strings.Join(of.touches, ", ") + "], [" + strings.Join(of.values, ", ") + "]]"
	v, err := r.vm.RunString(text)
	require.NoError(t, err, text)
	args := v.ToObject(r.vm)
	out, err := r.compare(goja.Undefined(), args.Get("0"), args.Get("1"), args.Get("2"))
	require.NoError(t, err, text)
	if goja.IsUndefined(out) {
		return ""
	}
	found := out.ToObject(r.vm)
	step := int(found.Get("step").ToInteger())
	steps := append(append([]string{"made"}, of.touches...), of.values...)
	return fmt.Sprintf("schema: %s\ntouches: %s\nstep %d: %s\nzod:  %s\nfast: %s", of.schema, strings.Join(of.touches, ", "), step, steps[step], found.Get("plain"), found.Get("fast"))
}

// seed is a fresh one each time; the tests print it. ZOD_SEED repeats a run.
func seed(t testing.TB) uint64 {
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("ZOD_SEED"); text != "" {
		var err error
		n, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("ZOD_SEED=%d", n)
	return n
}

// roundsPerRealm is how long a realm is used: schemas of a realm must not disturb each other.
const roundsPerRealm = 200

// TestTheSameAsZod makes random schemas, does random things with them and parses random values, with zod alone and with the fast one.
// ZOD_CASES is how many values; a million take some minutes.
func TestTheSameAsZod(t *testing.T) {
	cases, values := 1000, 10
	if text := os.Getenv("ZOD_CASES"); text != "" {
		var err error
		cases, err = strconv.Atoi(text)
		require.NoError(t, err)
		values = 250
	}
	random := rand.New(rand.NewPCG(seed(t), 0))
	var in *realm
	for i := range cases / values {
		if i%roundsPerRealm == 0 {
			t.Logf("%d values so far", i*values)
			in = newRealm(t)
		}
		if found := in.differs(t, newRound(random, values)); found != "" {
			t.Fatal(found)
		}
	}
	t.Logf("%d schemas, %d values: no difference", cases/values, cases)
}

// FuzzTheSameAsZod is the same for go test -fuzz.
func FuzzTheSameAsZod(f *testing.F) {
	for n := range uint64(4) {
		f.Add(n, n)
	}
	in := newRealm(f)
	f.Fuzz(func(t *testing.T, a, b uint64) {
		if found := in.differs(t, newRound(rand.New(rand.NewPCG(a, b)), 10)); found != "" {
			t.Fatal(found)
		}
	})
}
