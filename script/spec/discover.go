package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// unit is one file that tests come from. Paths are absolute, as they were found: links are not resolved.
type unit struct {
	path        string
	shown       string // in ids: below the root, or below the only folder of integrations
	relative    string // below the root
	integration string // the folder above tests
	fixture     bool   // a recording that no test file uses
}

// project is a folder with scripts and their tests.
type project struct {
	root  string
	units []unit
}

var (
	testFile = regexp.MustCompile(`\.(?:test|spec)\.(?:ts|js|mjs|cjs|mts|cts|tsx|jsx)$`)
	skipped  = []string{"node_modules", "dist", "build"}
)

const fixtureSuffix = ".test.json"

// discover finds the tests below a path: a project, an integration, a test file or a fixture.
func discover(at string) (*project, error) {
	at, err := filepath.Abs(at)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(at)
	if err != nil {
		return nil, &UsageError{fmt.Sprintf("there is no %s", at)}
	}
	p := &project{root: rootOf(at, info.IsDir())}
	var found []string
	if info.IsDir() {
		found, err = walk(at, nil)
		if err != nil {
			return nil, err
		}
	} else {
		found = []string{at}
	}
	if err := p.add(found, !info.IsDir()); err != nil {
		return nil, err
	}
	p.shorten()
	slices.SortFunc(p.units, func(a, b unit) int { return strings.Compare(a.path, b.path) })
	return p, nil
}

// rootOf is the nearest folder, the path itself or above it, that has a package.json or an index.ts; the path's own folder if none has.
func rootOf(at string, folder bool) string {
	dir := at
	if !folder {
		dir = filepath.Dir(at)
	}
	for d := dir; ; d = filepath.Dir(d) {
		for _, name := range []string{"package.json", "index.ts"} {
			if info, err := os.Stat(filepath.Join(d, name)); err == nil && info.Mode().IsRegular() {
				return d
			}
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}

// walk lists test files and fixtures. It follows links; above are the real paths of the folders it is in, which end a cycle.
func walk(dir string, above []string) ([]string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	if slices.Contains(above, real) {
		return nil, nil
	}
	above = append(slices.Clone(above), real)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		folder := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(name)
			if err != nil {
				continue // a link to nothing
			}
			folder = info.IsDir()
		}
		switch {
		case folder && (strings.HasPrefix(e.Name(), ".") || slices.Contains(skipped, e.Name())):
		case folder:
			inner, err := walk(name, above)
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
		case testFile.MatchString(e.Name()), strings.HasSuffix(e.Name(), fixtureSuffix) && filepath.Base(dir) == "tests":
			out = append(out, name)
		}
	}
	return out, nil
}

// add makes units of files. A fixture that a test file uses is none, unless it was asked for by its own path.
func (p *project) add(files []string, asked bool) error {
	used, err := usedFixtures(files)
	if err != nil {
		return err
	}
	for _, name := range files {
		fixture := strings.HasSuffix(name, fixtureSuffix)
		if fixture && used[name] && !asked {
			continue
		}
		if !fixture && !testFile.MatchString(name) {
			return &UsageError{name + " is neither a test file nor a fixture"}
		}
		relative, err := filepath.Rel(p.root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		p.units = append(p.units, unit{path: name, relative: relative, shown: relative, integration: integrationOf(relative), fixture: fixture})
	}
	return nil
}

// integrationOf is the folder above tests, else the first folder.
func integrationOf(relative string) string {
	parts := strings.Split(relative, "/")
	for i := len(parts) - 2; i > 0; i-- {
		if parts[i] == "tests" {
			return parts[i-1]
		}
	}
	if len(parts) > 1 {
		return parts[0]
	}
	return ""
}

var nameMember = regexp.MustCompile("\\bname\\s*:\\s*[\"'`]([^\"'`]+)[\"'`]")

// usedFixtures are the fixtures that test files beside them read: those of their own name, and those whose name they give to a double.
func usedFixtures(files []string) (map[string]bool, error) {
	used := map[string]bool{}
	for _, name := range files {
		base := testFile.FindString(name)
		if base == "" {
			continue
		}
		used[strings.TrimSuffix(name, base)+fixtureSuffix] = true
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		for _, m := range nameMember.FindAllSubmatch(text, -1) {
			used[filepath.Join(filepath.Dir(name), string(m[1])+fixtureSuffix)] = true
		}
	}
	return used, nil
}

// shorten leaves the folder out of ids that holds all integrations.
func (p *project) shorten() {
	common := ""
	for i, u := range p.units {
		above := ""
		if at := strings.LastIndex(u.relative, "/"+u.integration+"/tests/"); at >= 0 {
			above = u.relative[:at]
		}
		if i > 0 && above != common {
			return
		}
		common = above
	}
	if common == "" {
		return
	}
	for i := range p.units {
		p.units[i].shown = strings.TrimPrefix(p.units[i].relative, common+"/")
	}
}

// setUp names a set-up file of the project that does more than the usual one; "" if there is none. Such files are not run.
func (p *project) setUp() string {
	for _, name := range []string{"vitest.setup.ts", "vitest.setup.js"} {
		text, err := os.ReadFile(filepath.Join(p.root, name))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(text), "\n") {
			line = strings.TrimSpace(line)
			if line != "" && !usualSetUp.MatchString(line) {
				return name
			}
		}
	}
	return ""
}

var usualSetUp = regexp.MustCompile(`^(?:import .*|//.*|/?\*.*|globalThis\.vitest\s*=.*|\(?globalThis as .*\)\.vitest\s*=.*|Nango\w+,?|\}\s*;?|export \{\};?)$`)

// newerFramework says whether the project asks for version 3 or later of the framework, whose spies and errors behave differently.
func (p *project) newerFramework() bool {
	raw, err := os.ReadFile(filepath.Join(p.root, "package.json"))
	if err != nil {
		return false
	}
	m := frameworkVersion.FindSubmatch(raw)
	if m == nil {
		return false
	}
	major := firstNumber.FindString(string(m[1]))
	return string(m[1]) == "latest" || len(major) > 1 || major > "2"
}

var (
	frameworkVersion = regexp.MustCompile(`"vitest"\s*:\s*"([^"]*)"`)
	firstNumber      = regexp.MustCompile(`\d+`)
)

// scriptOf finds the script that a fixture records: the one of its name, or the longest that its name begins with.
func (p *project) scriptOf(u unit, f *recorded) (kind, name string, err error) {
	integration := filepath.Dir(filepath.Dir(u.path))
	base := strings.TrimSuffix(filepath.Base(u.path), fixtureSuffix)
	short := strings.TrimPrefix(base, u.integration+"-")
	type candidate struct{ kind, name string }
	var best []candidate
	for _, kind := range []string{"actions", "syncs", "on-events"} {
		entries, err := os.ReadDir(filepath.Join(integration, kind))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", "", err
		}
		for _, e := range entries {
			name, ok := strings.CutSuffix(e.Name(), ".ts")
			if !ok || name != base && name != short && !strings.HasPrefix(base, name+"-") && !strings.HasPrefix(short, name+"-") {
				continue
			}
			switch {
			case len(best) == 0 || rank(name, base, short) > rank(best[0].name, base, short):
				best = []candidate{{kind, name}}
			case rank(name, base, short) == rank(best[0].name, base, short):
				best = append(best, candidate{kind, name})
			}
		}
	}
	if len(best) == 0 {
		return "", "", fmt.Errorf("no script for this fixture: there is neither %s nor %s in actions, syncs or on-events", path.Join(base+".ts"), short+".ts")
	}
	for _, c := range best {
		if c.kind == "syncs" && f.records() || c.kind == "actions" && f.hasOutput() {
			return c.kind, c.name, nil
		}
	}
	return best[0].kind, best[0].name, nil
}

// rank orders the names that fit: the fixture's own, the one without the integration, then the longest.
func rank(name, base, short string) int {
	switch name {
	case base:
		return 1 << 20
	case short:
		return 1 << 19
	}
	return len(name)
}
