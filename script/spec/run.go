package spec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/causeway-dev/causeway/script/realm"
)

// fileLimit is how long the tests of one file may take together.
const fileLimit = 60 * time.Second

// Options of a run.
type Options struct {
	Path     string         // a project, an integration, a test file or a fixture
	Filter   *regexp.Regexp // searched in a test's id; nil: all
	Parallel int            // files at once; 0: one per processor
	Update   bool           // write snapshots anew
	// Paginate gives the catalog's pagination defaults of a provider as JSON; empty: none.
	Paginate func(provider string) json.RawMessage
	// Failed is told of each test that failed, as soon as its file has ended; calls don't overlap.
	Failed func(t *Test)
	// Print takes what tests write to console; calls don't overlap.
	Print func(file, level, text string)
}

// UsageError is a mistake in what was asked for.
type UsageError struct{ message string }

func (e *UsageError) Error() string { return e.message }

// runner is one run over a project.
type runner struct {
	options Options
	project *project
	files   *files
	engine  *realm.Engine
	newer   bool

	mu     sync.Mutex
	report Report
}

// Run finds and runs tests. Its error says why none could be run; tests that fail are in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	p, err := discover(o.Path)
	if err != nil {
		return nil, err
	}
	if len(p.units) == 0 {
		return nil, &UsageError{"no tests found under " + o.Path}
	}
	e, err := engine()
	if err != nil {
		return nil, err
	}
	r := &runner{options: o, project: p, files: newFiles(p.root), engine: e, newer: p.newerFramework()}
	r.report = Report{Version: 1, Root: filepath.Base(p.root)}
	if name := p.setUp(); name != "" {
		r.report.Warning = name + " is not run: it does more than the usual set-up"
	}
	began := time.Now()
	r.all(ctx)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	r.report.Seconds = time.Since(began).Seconds()
	r.report.finish()
	if len(r.report.Tests) == 0 {
		return nil, &UsageError{"no tests found under " + o.Path}
	}
	return &r.report, nil
}

// all runs the units, several at once.
func (r *runner) all(ctx context.Context) {
	n := r.options.Parallel
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	queue := make(chan unit)
	var workers sync.WaitGroup
	for range min(n, len(r.project.units)) {
		workers.Go(func() {
			for u := range queue {
				r.one(ctx, u)
			}
		})
	}
	for _, u := range r.project.units {
		if ctx.Err() != nil {
			break
		}
		queue <- u
	}
	close(queue)
	workers.Wait()
}

// one runs a unit and adds what came of it to the report.
func (r *runner) one(ctx context.Context, u unit) {
	h := &host{run: r, unit: u, began: time.Now()}
	h.runAll(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Tests = append(r.report.Tests, h.results...)
	r.report.Errors = append(r.report.Errors, h.errors...)
	if r.options.Failed != nil {
		for i := range h.results {
			if h.results[i].Status == "failed" {
				r.options.Failed(&h.results[i])
			}
		}
	}
}

// runAll runs the file's tests. One that the engine has to be stopped in takes its realm along: the tests after it run in another.
func (h *host) runAll(ctx context.Context) {
	limited, cancel := context.WithTimeoutCause(ctx, fileLimit, errFileLimit)
	defer cancel()
	for from := 0; ; {
		h.active = active{At: -1}
		err := h.session(limited, from)
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case !errors.Is(err, realm.ErrSessionLimit) || h.active.At < 0 || len(h.active.Tests) == 0:
			kind := "load"
			if errors.Is(err, realm.ErrSessionLimit) || errors.Is(err, errFileLimit) {
				kind = "time_limit"
			}
			h.fail("(file)", kind, err.Error())
			return
		}
		for _, t := range h.active.Tests {
			if t.Fails {
				h.results = append(h.results, h.test(result{Name: t.Name, Status: "passed"}))
			} else {
				h.fail(t.Name, "time_limit", "took longer than its time limit")
			}
		}
		from = h.active.At + 1
	}
}

var errFileLimit = fmt.Errorf("the tests of a file have %s together", fileLimit)

func (h *host) fail(name, kind, message string) {
	h.results = append(h.results, h.test(result{Name: name, Status: "failed", Error: &rawFailure{Failure: Failure{Kind: kind, Message: message}}}))
}

// session runs the tests of the file, from a step of its plan on, in a realm of its own.
func (h *host) session(ctx context.Context, from int) error {
	libraries, err := framework()
	if err != nil {
		return err
	}
	first, err := setting(h.run.files.root, h.unit.path, from, h.run.newer)
	if err != nil {
		return err
	}
	return h.run.engine.RunSession(ctx, realm.Session{Libraries: append([]*realm.Library{first}, libraries...), Host: h})
}

func (r *runner) print(u unit, level, text string) {
	if r.options.Print == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options.Print(u.shown, level, text)
}

func (r *runner) updated(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Updated = append(r.report.Updated, name)
}

// result is a test's outcome as the framework reports it.
type result struct {
	Name    string      `json:"name"`
	Status  string      `json:"status"`
	Ms      float64     `json:"ms"`
	Retries int         `json:"retries"`
	Clock   bool        `json:"clock"` // the test read it
	Error   *rawFailure `json:"error"`
}

type rawFailure struct {
	Failure
	Expected *string `json:"expected"`
	Actual   *string `json:"actual"`
}

// test turns a result into what the report holds.
func (h *host) test(r result) Test {
	t := Test{
		ID: h.unit.shown + " :: " + r.Name, File: h.unit.shown, Name: r.Name, Integration: h.unit.integration, Script: h.script(), Source: "file", Status: r.Status,
		Ms: r.Ms, Retries: r.Retries,
	}
	if h.unit.fixture {
		t.Source = "fixture"
	}
	if r.Error == nil {
		return t
	}
	f := r.Error.Failure
	if r.Error.Expected != nil && r.Error.Actual != nil {
		f.Diff = diff(*r.Error.Expected, *r.Error.Actual)
	}
	h.place(&f)
	if h.unit.fixture {
		if f.Kind == "load" && strings.HasPrefix(f.Message, "no script for this fixture") {
			f.Kind = "fixture"
		}
		h.hint(&f, r.Clock)
	}
	t.Error = &f
	return t
}

// script is the one under test, as far as the file says.
func (h *host) script() string {
	if h.unit.fixture {
		return h.run.fixtureScript(h.unit)
	}
	raw, err := h.run.files.read(h.unit.path)
	if err != nil {
		return ""
	}
	if m := scriptImport.FindSubmatch(raw); m != nil {
		return string(m[1]) + "/" + string(m[2])
	}
	return ""
}

var (
	scriptImport = regexp.MustCompile(`['"]\.\./(syncs|actions|on-events)/([\w.-]+?)(?:\.js|\.ts)?['"]`)
	stackPlace   = regexp.MustCompile(`([^\s()]+):(\d+):(\d+)(?:\(\d+\))?`)
)

// place maps the lines of a stack to the author's, leaves our own out, and names the first of the author's.
func (h *host) place(f *Failure) {
	var kept []string
	for line := range strings.Lines(f.Stack) {
		m := stackPlace.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		name := line[m[2]:m[3]]
		text := h.run.files.byName(strings.TrimSuffix(name, ".ts"))
		if text == nil {
			text = h.run.files.byName(name)
		}
		if text == nil {
			continue
		}
		at, err1 := strconv.Atoi(line[m[4]:m[5]])
		column, err2 := strconv.Atoi(line[m[6]:m[7]])
		if err1 != nil || err2 != nil {
			continue
		}
		at = text.Line(at, column-1)
		kept = append(kept, strings.TrimSpace(line[:m[2]])+name+":"+strconv.Itoa(at)+strings.TrimRight(line[m[1]:], "\n"))
		if f.File == "" {
			f.File, f.Line = name, at
		}
	}
	f.Stack = strings.Join(kept, "\n")
}
