package compile

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/dop251/goja/ast"
	"github.com/evanw/esbuild/pkg/api"
)

// Module is one file of a project as tests run it: lowered by itself, not bundled, so that what it imports can be replaced. It is a CommonJS
// text that may name exports, require, module, __filename, __dirname, __url (import.meta.url) and __env besides the globals.
type Module struct {
	Text  []byte
	Async bool // it awaits __env.replaced() before its imports

	mu     sync.Mutex // of origin, which reads its map late
	origin *origin
	lines  []int // line of the lowered text before statements were moved, by line of Text from 0; nil: none were moved
}

// Line is the line of the author's text, from 1, that a place in Text came from; columns are from 0.
func (m *Module) Line(line, column int) int {
	if m.lines != nil && line >= 1 && line <= len(m.lines) {
		line = m.lines[line-1]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, line = m.origin.at(line, column)
	return line
}

var loaders = map[string]api.Loader{
	".ts": api.LoaderTS, ".mts": api.LoaderTS, ".cts": api.LoaderTS, ".tsx": api.LoaderTSX, ".js": api.LoaderJS, ".mjs": api.LoaderJS, ".cjs": api.LoaderJS,
	".jsx": api.LoaderJSX,
}

// importMeta is what tests know of import.meta.
var importMeta = map[string]string{
	"import.meta.url": "__url", "import.meta.dirname": "__dirname", "import.meta.filename": "__filename", "import.meta.vitest": "undefined",
}

// LowerModule lowers a file; name, relative to the project, stands in messages. Calls of vi.mock, vi.unmock and vi.hoisted at its top level are
// moved above its imports.
func LowerModule(name string, text []byte) (*Module, error) {
	result := api.Transform(string(text), api.TransformOptions{
		Format: api.FormatCommonJS, Platform: api.PlatformNode, Target: target, Supported: unsupported, Loader: loaders[path.Ext(name)], Sourcemap: api.SourceMapExternal,
		SourcesContent: api.SourcesContentExclude, Sourcefile: name, LogLevel: api.LogLevelSilent, LegalComments: api.LegalCommentsNone, TsconfigRaw: tsconfig,
		Define: importMeta,
	})
	if m := refusal(result.Errors, result.Warnings); m != nil {
		return nil, buildError(*m, name)
	}
	made := strings.ReplaceAll(string(result.Code), dynamicImport, "__env.replaced().then(() => __toESM(require(")
	m := &Module{origin: &origin{file: name, sourceMap: result.Map}}
	hoists := hoisting.MatchString(made)
	if !hoists && !suspectPattern.MatchString(made) {
		m.Text = []byte(made)
		return m, nil
	}
	t, failed := parse(made, m.origin)
	if failed != nil {
		return nil, failed
	}
	changed, failed := t.expandPatterns()
	if failed != nil {
		return nil, failed
	}
	if hoists && changed != made {
		if t, failed = parse(changed, m.origin); failed != nil {
			return nil, failed
		}
	}
	if hoists {
		changed, m.lines = t.hoist()
		m.Async = m.lines != nil
	}
	m.Text = []byte(changed)
	return m, nil
}

// dynamicImport is how esbuild writes import() in CommonJS.
const dynamicImport = "Promise.resolve().then(() => __toESM(require("

var (
	hoisting = regexp.MustCompile(`\.(?:mock|unmock|hoisted)\(`)
	// suspectPattern finds what may be a regular expression that has to be rewritten; it may find more.
	suspectPattern = regexp.MustCompile(`/[gimsy]*[duv]|\(\?[ims-]+:`)
	required       = regexp.MustCompile(`require\(("[^"]+")\)`)
)

// span is a piece of the text.
type span struct{ from, to int }

// hoist moves the calls that replace modules above the imports. lines is nil if there are none.
func (t *tree) hoist() (text string, lines []int) {
	body, _ := t.body()
	text = t.text[len(moduleHead) : len(t.text)-len(moduleTail)]
	var moved []string
	var cut []span
	insert := -1
	for _, s := range body {
		at := span{int(s.Idx0()) - 1 - len(moduleHead), int(s.Idx1()) - 1 - len(moduleHead)}
		source := text[at.from:at.to]
		switch {
		case isImport(s) && strings.Contains(source, `require("vitest")`):
			moved, cut = slices.Insert(moved, 0, source), append(cut, at)
		case isImport(s):
			if insert < 0 {
				insert = at.from
			}
		case t.replaces(s):
			moved, cut = append(moved, literalName(source)), append(cut, at)
		}
	}
	if !slices.ContainsFunc(moved, func(s string) bool { return hoisting.MatchString(s) }) {
		return text, nil
	}
	if insert < 0 {
		insert = cut[0].from
	}
	return rearrange(text, insert, strings.Join(moved, ";")+"; await __env.replaced();", cut)
}

// literalName turns vi.mock(import("x"), …), as esbuild writes it, into vi.mock("x", …).
func literalName(call string) string {
	at := strings.Index(call, "__env.replaced().then(")
	open := strings.Index(call, ".mock(")
	if open < 0 || at != open+len(".mock(") {
		return call
	}
	m := required.FindStringSubmatch(call[at:])
	end := strings.Index(call[at:], ")))")
	if m == nil || end < 0 {
		return call
	}
	return call[:at] + m[1] + call[at+end+len(")))"):]
}

// isImport tells the statements that esbuild makes of imports: var import_name = require("name").
func isImport(s ast.Statement) bool {
	v, ok := s.(*ast.VariableStatement)
	return ok && len(v.List) == 1 && strings.HasPrefix(named(v.List[0].Target), "import_")
}

// replaces says whether a statement is, or is initialised with, a call of vi.mock, vi.unmock or vi.hoisted.
func (t *tree) replaces(s ast.Statement) bool {
	var value ast.Expression
	switch s := s.(type) {
	case *ast.ExpressionStatement:
		value = s.Expression
	case *ast.LexicalDeclaration:
		value = s.List[0].Initializer
	case *ast.VariableStatement:
		value = s.List[0].Initializer
	}
	if a, ok := value.(*ast.AwaitExpression); ok {
		value = a.Argument
	}
	call, ok := value.(*ast.CallExpression)
	if !ok {
		return false
	}
	object, name := member(call.Callee)
	if name != "mock" && name != "unmock" && name != "hoisted" {
		return false
	}
	if _, inner := member(object); inner != "" {
		return inner == "vi" || inner == "vitest"
	}
	return named(object) == "vi" || named(object) == "vitest"
}

// rearrange cuts pieces out, leaving their line ends, and inserts a text. lines tells for each line of the result which line it was.
func rearrange(text string, insert int, inserted string, cut []span) (string, []int) {
	var out strings.Builder
	var lines []int
	line := 1
	begin := func() { lines = append(lines, line) }
	write := func(piece string, counted bool) {
		for _, r := range piece {
			out.WriteRune(r)
			if r == '\n' {
				if counted {
					line++
				}
				begin()
			}
		}
	}
	begin()
	slices.SortFunc(cut, func(a, b span) int { return a.from - b.from })
	done := 0
	upTo := func(end int) {
		if insert >= done && insert < end {
			write(text[done:insert], true)
			write(inserted, false)
			done = insert
		}
		write(text[done:end], true)
		done = end
	}
	for _, c := range cut {
		upTo(c.from)
		if insert == c.from {
			write(inserted, false)
		}
		for range strings.Count(text[c.from:c.to], "\n") {
			write("\n", true)
		}
		done = c.to
	}
	upTo(len(text))
	return out.String(), lines
}
