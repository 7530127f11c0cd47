package realm

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/modules"
	"github.com/causeway-dev/causeway/script/modules/buffer"
	"github.com/causeway-dev/causeway/script/modules/crypto"
	"github.com/causeway-dev/causeway/script/modules/soap"
	"github.com/causeway-dev/causeway/script/modules/unzipper"
	"github.com/causeway-dev/causeway/script/modules/url"
	"github.com/causeway-dev/causeway/script/modules/zod"
)

//go:embed js/core.js
var coreSource string

//go:embed js/web.js
var webSource string

//go:embed js/intl.js
var intlSource string

// Caller takes a run's host calls. Call blocks until the answer is there or ctx ends, and is called from several
// goroutines at once, at most script.InFlight per run; its error is always a *script.CallError. Note must not block.
type Caller interface {
	Call(ctx context.Context, call script.Call) (script.Answer, error)
	Note(call script.Call)
}

// Options of an Engine. The zero value is what production uses.
type Options struct {
	// Zod is the CommonJS text of zod; nil: the bundle that was embedded at build time, if it was.
	Zod []byte
	// PlainZod gives scripts zod alone, without what makes it fast; for tests that compare the two.
	PlainZod bool
	// AbortGrace is how long a cancelled run may go on between two host calls; 0: 5 s.
	AbortGrace time.Duration
}

// Engine holds what all runs of a process share: compiled programs, which are immutable. It is safe for concurrent use.
type Engine struct {
	core    *goja.Program
	web     *goja.Program
	intl    *goja.Program
	modules map[string]module
	zod     func() (*goja.Program, error)
	grace   time.Duration

	hasZod, plainZod bool
}

var errNoZod = errors.New("this build has no zod: run ./task build")

type module struct {
	program *goja.Program
	natives func(*modules.Env) map[string]modules.Native
}

// Program is a compiled script, free of any realm.
type Program struct {
	name string // "<name>-<integration>", as in stack traces
	code *goja.Program
}

// New compiles what every realm is made of. zod is compiled when a script first needs more than its stand-in (25–40 ms).
func New(o Options) (*Engine, error) {
	e := &Engine{modules: map[string]module{}, grace: o.AbortGrace, plainZod: o.PlainZod}
	if e.grace == 0 {
		e.grace = 5 * time.Second
	}
	for _, at := range []time.Time{time.Unix(1735689600, 0), time.Unix(1751328000, 0)} { // a winter and a summer
		if _, offset := at.Local().Zone(); offset != 0 {
			return nil, fmt.Errorf("scripts run in UTC, but this process has the time zone %s: start it with TZ=UTC", time.Local)
		}
	}
	limitProcess()
	var err error
	for _, p := range []struct {
		name, source string
		into         **goja.Program
	}{{"core.js", coreSource, &e.core}, {"web.js", webSource, &e.web}, {"intl.js", intlSource, &e.intl}} {
		if *p.into, err = goja.Compile(internalPrefix+p.name, p.source, true); err != nil {
			return nil, fmt.Errorf("compile %s: %w", p.name, err)
		}
	}
	for _, m := range []modules.Module{buffer.Module(), url.Module(), crypto.Module(), soap.Module(), unzipper.Module()} {
		program, err := goja.Compile(internalPrefix+m.Name+".js", m.Source, true)
		if err != nil {
			return nil, fmt.Errorf("compile module %s: %w", m.Name, err)
		}
		e.modules[m.Name] = module{program, m.Natives}
	}
	_, bundled := zod.Bundle()
	e.hasZod = bundled || o.Zod != nil
	e.zod = sync.OnceValues(func() (*goja.Program, error) { return compileZod(o.Zod) })
	return e, nil
}

// internalPrefix marks our own programs in stack traces, so that they can be left out of what a customer sees.
const internalPrefix = "causeway:"

func compileZod(text []byte) (*goja.Program, error) {
	if text == nil {
		bundled, ok := zod.Bundle()
		if !ok {
			return nil, errNoZod
		}
		text = bundled
	}
	return compileCommonJS(internalPrefix+"zod.cjs", text)
}

// Compile parses a lowered bundle. name is "<name>-<integration>"; stack traces show it as "<name>-<integration>.cjs".
func (e *Engine) Compile(name string, text []byte) (*Program, error) {
	code, err := compileCommonJS(name+".cjs", text)
	if err != nil {
		return nil, err
	}
	return &Program{name: name, code: code}, nil
}

// compileCommonJS makes a program whose value is the module's function. The wrapper stands on the first line, so that
// line numbers stay. Source maps in the text are ignored: the engine would parse them on each load.
func compileCommonJS(name string, text []byte) (*goja.Program, error) {
	wrapped := "(function (exports, require, module) {" + string(text) + "\n})"
	tree, err := goja.Parse(name, wrapped, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	code, err := goja.CompileAST(tree, false)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", name, err)
	}
	return code, nil
}

// Run executes a script in a realm of its own and returns when it has ended; it never fails otherwise. The cause of ctx,
// a *script.AbortError, says how to stop: a timeout or a lost lease interrupts the engine at once, a cancel makes the
// next host call throw and interrupts after a grace, a drain makes the next host call throw.
func (e *Engine) Run(ctx context.Context, p *Program, start script.Start, caller Caller) script.Result {
	ctx, cancel := withWallLimit(ctx, time.Duration(start.FinishMs)*time.Millisecond)
	defer cancel()
	r := newRun(ctx, e, start, caller)
	defer r.close()
	return r.execute(p)
}

func withWallLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, &script.AbortError{Reason: script.ReasonTimeout})
}
