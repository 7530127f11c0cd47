package compile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// allowed are the packages that a script may import. Everything else has to be relative, and is bundled.
var allowed = []string{
	"nango", "causeway", "zod", "zod/v4", "url", "node:url", "crypto", "node:crypto", "buffer", "node:buffer", "unzipper", "soap", "botbuilder",
}

// wrappers is the module "nango", and "causeway", as it is bundled in: what a definition needs at run time is its type.
const wrappers = `
const tagged = (type) => (definition) => ({ type, ...definition });
export const createSync = /* @__PURE__ */ tagged("sync");
export const createAction = /* @__PURE__ */ tagged("action");
export const createOnEvent = /* @__PURE__ */ tagged("onEvent");
`

// tsconfig is what scripts are compiled with, whatever the project's own says: that is for its editor.
const tsconfig = `{"compilerOptions":{"target":"esnext","module":"esnext","verbatimModuleSyntax":false}}`

// bundled is an entry with its relative imports inlined.
type bundled struct {
	js       []byte
	source   []byte   // the entry's own text
	files    []string // of the project, relative, that went into it
	warnings []string
}

// Bundle makes one CommonJS text of an entry, with its relative imports inlined and a source map at its end. source is the entry's own
// text.
func Bundle(dir string, e Entry) (js, source []byte, err error) {
	b, err := bundle(dir, e)
	if err != nil {
		return nil, nil, err
	}
	return b.js, b.source, nil
}

func bundle(dir string, e Entry) (*bundled, error) {
	source, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(e.File)))
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: root, EntryPoints: []string{filepath.FromSlash(e.File)}, Outfile: "out.cjs", Write: false, Metafile: true, PreserveSymlinks: true,
		Bundle: true, Format: api.FormatCommonJS, Platform: api.PlatformNode, Target: api.ESNext, TreeShaking: api.TreeShakingTrue, Sourcemap: api.SourceMapInline,
		SourcesContent: api.SourcesContentExclude, LogLevel: api.LogLevelSilent, Plugins: []api.Plugin{imports(root)}, TsconfigRaw: tsconfig,
	})
	if m := refusal(result.Errors, result.Warnings); m != nil {
		return nil, buildError(*m, e.File)
	}
	b := &bundled{source: source}
	for _, f := range result.OutputFiles {
		if strings.HasSuffix(f.Path, ".cjs") {
			b.js = f.Contents
		}
	}
	for _, m := range result.Warnings {
		b.warnings = append(b.warnings, buildError(m, e.File).place()+m.Text)
	}
	if bytes.Contains(b.js, []byte("console.")) {
		b.warnings = append(b.warnings, e.File+": what goes to console is seen nowhere: use nango.log")
	}
	var meta struct {
		Inputs map[string]json.RawMessage `json:"inputs"`
	}
	if err := json.Unmarshal([]byte(result.Metafile), &meta); err != nil {
		return nil, fmt.Errorf("read what %s is made of: %w", e.File, err)
	}
	for name := range meta.Inputs {
		if strings.HasSuffix(name, ".ts") || strings.HasSuffix(name, ".tsx") || strings.HasSuffix(name, ".mts") {
			b.files = append(b.files, name)
		}
	}
	slices.Sort(b.files)
	return b, nil
}

const disallowed = "disallowed_import"

// imports resolves what scripts import: relative files within the project, our own module, and the packages that the runtime offers, which
// stay as calls of require.
func imports(root string) api.Plugin {
	return api.Plugin{Name: "causeway", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^(nango|causeway)$`}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: "nango", Namespace: "causeway"}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "causeway"}, func(api.OnLoadArgs) (api.OnLoadResult, error) {
			contents := wrappers
			return api.OnLoadResult{Contents: &contents, Loader: api.LoaderJS}, nil
		})
		b.OnResolve(api.OnResolveOptions{Filter: `^[^./]`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if a.Kind == api.ResolveEntryPoint || filepath.IsAbs(a.Path) {
				return api.OnResolveResult{}, nil
			}
			if slices.Contains(allowed, a.Path) {
				return api.OnResolveResult{Path: a.Path, External: true}, nil
			}
			return api.OnResolveResult{Errors: []api.Message{{ID: disallowed, Text: fmt.Sprintf("the package %q can't be imported; scripts have %s", a.Path, strings.Join(allowed, ", "))}}}, nil
		})
		b.OnResolve(api.OnResolveOptions{Filter: `^\.`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if !filepath.IsLocal(relative(root, filepath.Join(a.ResolveDir, a.Path))) {
				return api.OnResolveResult{Errors: []api.Message{{ID: disallowed, Text: fmt.Sprintf("%q lies outside of the project", a.Path)}}}, nil
			}
			return api.OnResolveResult{}, nil
		})
	}}
}

// relative is the way from a folder to a path; "" if there is none, as between two drives.
func relative(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return ""
	}
	return rel
}

func buildError(m api.Message, file string) *Error {
	e := &Error{Code: "failed_to_build_unknown", File: file, Message: m.Text}
	if strings.Contains(m.Text, "can't be imported") || strings.Contains(m.Text, "outside of the project") {
		e.Code = disallowed
	}
	if m.Location != nil {
		e.File, e.Line = filepath.ToSlash(m.Location.File), m.Location.Line
	}
	return e
}

// LibraryVersion goes up when Library makes another text of the same files.
const LibraryVersion = "1"

// Library makes one CommonJS text, lowered to what the engine runs, of a library's entry.
func Library(file string) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{file}, Bundle: true, Write: false, Outfile: "out.cjs", Format: api.FormatCommonJS, Platform: api.PlatformNode,
		Target: target, Supported: unsupported, TreeShaking: api.TreeShakingTrue, MinifyWhitespace: true, LegalComments: api.LegalCommentsNone, LogLevel: api.LogLevelSilent,
	})
	if len(result.Errors) > 0 {
		return nil, buildError(result.Errors[0], file)
	}
	return result.OutputFiles[0].Contents, nil
}
