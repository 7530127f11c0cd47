package compile

import (
	"encoding/base64"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/evanw/esbuild/pkg/api"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/pattern"
)

// target is the language that the engine runs, and unsupported what it lacks of it. Regular expressions are ours: esbuild would only hide
// them from us in calls of their constructor.
const target = api.ES2022

var unsupported = map[string]bool{
	"async-generator":      false,
	"for-await":            false,
	"class-static-blocks":  false,
	"top-level-await":      false,
	"dynamic-import":       false,
	"import-meta":          false,
	"regexp-set-notation":  true,
	"regexp-match-indices": true,
}

// Codes with which a bundle is refused.
const (
	CodeRejected    = "deploy_script_security_rejected"
	CodeFailedBuild = "failed_to_build_unknown"
)

// maxBundle is the size of a bundle.
const maxBundle = 10 << 20

// Lower turns an uploaded bundle into what the engine runs, with a map from that to the author's sources, and refuses what it can't run.
// It evaluates nothing, but hostile text can end the process that it is called in: the platform calls it in a runner process only.
func Lower(job script.CompileJob) script.CompileResult {
	lowered, sourceMap, err := lower(job)
	if err != nil {
		return script.CompileResult{Code: err.Code, Message: err.place() + err.Message}
	}
	return script.CompileResult{Lowered: lowered, SourceMap: sourceMap}
}

func lower(job script.CompileJob) (lowered, sourceMap []byte, failed *Error) {
	if len(job.Text) > maxBundle {
		return nil, nil, &Error{Code: CodeFailedBuild, Message: fmt.Sprintf("the bundle has %d bytes, at most %d are allowed", len(job.Text), maxBundle)}
	}
	name := path.Base(job.Name) + ".cjs"
	result := api.Transform(string(job.Text), api.TransformOptions{
		Target: target, Supported: unsupported, Loader: api.LoaderJS, Sourcemap: api.SourceMapExternal, SourcesContent: api.SourcesContentExclude,
		Sourcefile: name, LogLevel: api.LogLevelSilent, LegalComments: api.LegalCommentsNone,
	})
	if m := refusal(result.Errors, result.Warnings); m != nil {
		e := &Error{Code: CodeFailedBuild, File: name, Message: m.Text}
		if m.Location != nil {
			e.File, e.Line = (&origin{file: name, sourceMap: inlineMap(string(job.Text))}).at(m.Location.Line, m.Location.Column)
		}
		return nil, nil, e
	}
	text := string(withoutSourceMap(result.Code))
	from := &origin{file: name, sourceMap: result.Map}
	t, err := parse(text, from)
	if err != nil {
		return nil, nil, err
	}
	if err := t.throughConstructor(); err != nil {
		return nil, nil, err
	}
	changed, err := t.expandPatterns()
	if err != nil {
		return nil, nil, err
	}
	if changed != text {
		if t, err = parse(changed, from); err != nil {
			return nil, nil, err
		}
	}
	if err := t.compile(); err != nil {
		return nil, nil, err
	}
	return []byte(changed), result.Map, nil
}

// refusal is the first message that says that a text can't be run.
func refusal(errs, warnings []api.Message) *api.Message {
	if len(errs) > 0 {
		return &errs[0]
	}
	for i := range warnings {
		if warnings[i].ID == "empty-import-meta" {
			warnings[i].Text = "import.meta is not there in scripts"
			return &warnings[i]
		}
	}
	return nil
}

// expandPatterns writes the regular expressions in the form that the engine knows. Lines stay where they are.
func (t *tree) expandPatterns() (string, *Error) {
	type change struct {
		at, length int
		text       string
	}
	var (
		changes []change
		failed  *Error
	)
	walk(t.program, func(n ast.Node, _ []ast.Node) {
		r, ok := n.(*ast.RegExpLiteral)
		if !ok || failed != nil {
			return
		}
		source, flags, err := pattern.Rewrite(r.Pattern, r.Flags)
		switch {
		case err != nil:
			failed = &Error{Code: CodeFailedBuild, Message: fmt.Sprintf("the regular expression %.60s can't be run: %s", r.Literal, err)}
			failed.File, failed.Line = t.where(r.Idx)
		case source != r.Pattern || flags != r.Flags:
			changes = append(changes, change{int(r.Idx) - 1, len(r.Literal), "/" + source + "/" + flags})
		}
	})
	if failed != nil {
		return "", failed
	}
	slices.SortFunc(changes, func(a, b change) int { return a.at - b.at })
	var out strings.Builder
	done := len(moduleHead)
	for _, c := range changes {
		out.WriteString(t.text[done:c.at] + c.text)
		done = c.at + c.length
	}
	out.WriteString(t.text[done : len(t.text)-len(moduleTail)])
	return out.String(), nil
}

var sourceMapLine = regexp.MustCompile(`(?m)^//# sourceMappingURL=.*$`)

// withoutSourceMap cuts an inline source map off: the engine would parse it on each load.
func withoutSourceMap(code []byte) []byte { return sourceMapLine.ReplaceAll(code, nil) }

const inlineMapStart = "//# sourceMappingURL=data:application/json;base64,"

// inlineMap is the source map at the end of a text; nil if there is none.
func inlineMap(text string) []byte {
	at := strings.LastIndex(text, inlineMapStart)
	if at < 0 {
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text[at+len(inlineMapStart):]))
	if err != nil {
		return nil
	}
	return raw
}
