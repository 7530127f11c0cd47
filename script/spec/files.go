package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/causeway-dev/causeway/script/compile"
	"github.com/causeway-dev/causeway/script/realm"
)

// files are the project's own, each lowered and compiled once for all tests that load it.
type files struct {
	root  string
	paths []alias // of tsconfig.json

	mu      sync.Mutex
	modules map[string]*module
	places  map[string]string // resolved imports, by folder and name
}

// module is one file, compiled by the first test that loads it.
type module struct {
	once   sync.Once
	text   *compile.Module
	code   *realm.Module
	failed error
}

// alias is a pattern of the project's compilerOptions.paths with its first target.
type alias struct{ prefix, suffix, target string }

func newFiles(root string) *files {
	return &files{root: root, paths: aliases(root), modules: map[string]*module{}, places: map[string]string{}}
}

// packages are those that a test file can import; true for what the realm's own require gives.
var packages = []string{
	"vitest", "nango/test", "causeway/test", "nango", "causeway", "zod", "zod/v4", "crypto", "url", "buffer", "soap", "unzipper", "botbuilder",
	"path", "fs", "fs/promises", "process",
}

// resolve finds what a file imports: "file:<path>", "json:<path>", or the name of a package.
func (f *files) resolve(from, name string) (string, error) {
	dir := filepath.Dir(from)
	key := dir + "\x00" + name
	f.mu.Lock()
	id, ok := f.places[key]
	f.mu.Unlock()
	if ok {
		return id, nil
	}
	id, err := f.find(dir, name)
	if err != nil {
		return "", fmt.Errorf("%w imported from %s", err, f.shown(from))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.places[key] = id
	return id, nil
}

func (f *files) find(dir, name string) (string, error) {
	if plain := strings.TrimPrefix(name, "node:"); slices.Contains(packages, plain) {
		return plain, nil
	}
	var path string
	switch {
	case strings.HasPrefix(name, "./"), strings.HasPrefix(name, "../"), name == ".", name == "..":
		path = filepath.Join(dir, filepath.FromSlash(name))
	case filepath.IsAbs(name):
		path = filepath.Clean(name)
	default:
		target, ok := f.aliased(name)
		if !ok {
			return "", fmt.Errorf("Cannot find package '%s'", name) //nolint:staticcheck // as the framework words it
		}
		path = target
	}
	if !f.inside(path) {
		return "", fmt.Errorf("Cannot find module '%s' (it lies outside of the project)", name) //nolint:staticcheck // as above
	}
	for _, candidate := range candidates(path) {
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() {
			if strings.HasSuffix(candidate, ".json") {
				return "json:" + filepath.ToSlash(candidate), nil
			}
			return "file:" + filepath.ToSlash(candidate), nil
		}
	}
	return "", fmt.Errorf("Cannot find module '%s'", name) //nolint:staticcheck // as above
}

// candidates are the files that an import may mean: TypeScript in the place of JavaScript first.
func candidates(path string) []string {
	for _, e := range [][2]string{{".js", ".ts"}, {".js", ".tsx"}, {".jsx", ".tsx"}, {".mjs", ".mts"}, {".cjs", ".cts"}} {
		if base, ok := strings.CutSuffix(path, e[0]); ok {
			return []string{base + e[1], base + ".tsx", path}
		}
	}
	for _, e := range []string{".ts", ".tsx", ".json", ".mts", ".cts"} {
		if strings.HasSuffix(path, e) {
			return []string{path}
		}
	}
	return []string{path + ".ts", path + ".tsx", path + ".js", path + ".json", filepath.Join(path, "index.ts"), filepath.Join(path, "index.js")}
}

func (f *files) aliased(name string) (string, bool) {
	for _, a := range f.paths {
		if rest, ok := strings.CutPrefix(name, a.prefix); ok && strings.HasSuffix(rest, a.suffix) {
			rest = strings.TrimSuffix(rest, a.suffix)
			return filepath.Join(f.root, filepath.FromSlash(strings.Replace(a.target, "*", rest, 1))), true
		}
	}
	return "", false
}

// aliases reads compilerOptions.paths of the project's tsconfig.json; one that can't be read has none.
func aliases(root string) []alias {
	raw, err := os.ReadFile(filepath.Join(root, "tsconfig.json"))
	if err != nil {
		return nil
	}
	var config struct {
		CompilerOptions struct {
			BaseURL string              `json:"baseUrl"`
			Paths   map[string][]string `json:"paths"`
		} `json:"compilerOptions"`
	}
	if json.Unmarshal(raw, &config) != nil {
		return nil
	}
	var out []alias
	for pattern, targets := range config.CompilerOptions.Paths {
		if len(targets) == 0 || strings.HasPrefix(strings.TrimPrefix(targets[0], "./"), ".causeway/") { // those are declarations
			continue
		}
		prefix, suffix, _ := strings.Cut(pattern, "*")
		out = append(out, alias{prefix, suffix, filepath.ToSlash(filepath.Join(config.CompilerOptions.BaseURL, targets[0]))})
	}
	slices.SortFunc(out, func(a, b alias) int { return len(b.prefix) - len(a.prefix) }) // the longest first
	return out
}

// inside says whether a path lies in the project, as it is written.
func (f *files) inside(path string) bool {
	rel, err := filepath.Rel(f.root, path)
	return err == nil && filepath.IsLocal(rel)
}

// shown is a path as people read it.
func (f *files) shown(path string) string {
	if rel, err := filepath.Rel(f.root, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}

// read gives a file of the project; the error says it as Node does.
func (f *files) read(path string) ([]byte, error) {
	if !f.inside(path) {
		return nil, fmt.Errorf("EACCES: permission denied, open '%s': it lies outside of the project", path)
	}
	raw, err := os.ReadFile(path) //nolint:gosec // it lies in the project, which is the user's own
	return raw, asNode(err, "open", path)
}

func asNode(err error, call, path string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("ENOENT: no such file or directory, %s '%s'", call, path)
	default:
		return fmt.Errorf("EIO: %s '%s': %w", call, path, err)
	}
}

// load lowers and compiles a file of the project, once.
func (f *files) load(path string) (*module, error) {
	return f.compiled(path, func() ([]byte, error) { return f.read(path) })
}

func (f *files) compiled(path string, text func() ([]byte, error)) (*module, error) {
	f.mu.Lock()
	m := f.modules[path]
	if m == nil {
		m = &module{}
		f.modules[path] = m
	}
	f.mu.Unlock()
	m.once.Do(func() {
		raw, err := text()
		if err != nil {
			m.failed = err
			return
		}
		name := f.shown(path)
		if strings.HasSuffix(path, fixtureSuffix) { // the test that is made of a fixture alone
			name += ".ts"
		}
		if m.text, m.failed = compile.LowerModule(name, bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))); m.failed != nil {
			return
		}
		m.code, m.failed = realm.NewModule(name, m.text.Text, m.text.Async)
	})
	return m, m.failed
}

// byName finds a loaded module by its name in stack traces.
func (f *files) byName(name string) *compile.Module {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.modules[filepath.Join(f.root, filepath.FromSlash(name))]
	if m == nil {
		return nil
	}
	return m.text
}
