package compile

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
	"github.com/evanw/esbuild/pkg/api"

	"github.com/causeway-dev/causeway/script"
)

// target is the language that the engine runs, and unsupported what it lacks of it.
const target = api.ES2022

var unsupported = map[string]bool{
	"async-generator":     false,
	"for-await":           false,
	"class-static-blocks": false,
	"top-level-await":     false,
}

// Codes with which a bundle is refused.
const (
	CodeRejected    = "deploy_script_security_rejected"
	CodeFailedBuild = "failed_to_build_unknown"
)

// maxBundle is the size of a bundle.
const maxBundle = 10 << 20

// Lower turns an uploaded bundle into what the engine runs, with a source map of its own, and refuses what it can't run. It evaluates
// nothing, but hostile text can end the process that it is called in: the platform calls it in a runner process only.
func Lower(job script.CompileJob) script.CompileResult {
	if len(job.Text) > maxBundle {
		return script.CompileResult{Code: CodeFailedBuild, Message: fmt.Sprintf("the bundle has %d bytes, at most %d are allowed", len(job.Text), maxBundle)}
	}
	result := api.Transform(string(job.Text), api.TransformOptions{
		Target: target, Supported: unsupported, Loader: api.LoaderJS, Sourcemap: api.SourceMapExternal, SourcesContent: api.SourcesContentExclude,
		Sourcefile: path.Base(job.Name) + ".cjs", LogLevel: api.LogLevelSilent, LegalComments: api.LegalCommentsNone,
	})
	if len(result.Errors) > 0 {
		return script.CompileResult{Code: CodeFailedBuild, Message: located(result.Errors[0])}
	}
	lowered := withoutSourceMap(result.Code)
	if _, err := goja.Parse(job.Name, "(function (exports, require, module) {"+string(lowered)+"\n})", parser.WithDisableSourceMaps); err != nil {
		return script.CompileResult{Code: CodeFailedBuild, Message: "the engine can't run this: " + syntaxError(err)}
	}
	if where := throughConstructor(string(lowered)); where != "" {
		return script.CompileResult{Code: CodeRejected, Message: "code is built from text through a constructor: " + where}
	}
	return script.CompileResult{Lowered: lowered, SourceMap: result.Map}
}

func located(m api.Message) string {
	if m.Location == nil {
		return m.Text
	}
	return fmt.Sprintf("%s:%d: %s", m.Location.File, m.Location.Line, m.Text)
}

func syntaxError(err error) string {
	if list, ok := errors.AsType[parser.ErrorList](err); ok && len(list) > 0 {
		return "line " + strconv.Itoa(list[0].Position.Line) + ": " + list[0].Message
	}
	return err.Error()
}

var sourceMapLine = regexp.MustCompile(`(?m)^//# sourceMappingURL=.*$`)

// withoutSourceMap cuts an inline source map off: the engine would parse it on each load.
func withoutSourceMap(code []byte) []byte { return sourceMapLine.ReplaceAll(code, nil) }

// constructorCall is a call through a member named constructor: x.constructor(…), x["constructor"](…), and twice in a row.
var constructorCall = regexp.MustCompile(`(?:\.\s*constructor|\[\s*["'\x60]constructor["'\x60]\s*\])\s*(?:\)\s*)?\(`)

// constructorName is a variable that holds the name, as in const c = "constructor"; x[c](…).
var constructorName = regexp.MustCompile(`(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*=\s*["'\x60]constructor["'\x60]`)

// throughConstructor finds a call that reaches a function's constructor to make code of a text. The engine refuses such code at run time as
// well; this refuses it at the door, with the place.
func throughConstructor(code string) string {
	if at := constructorCall.FindStringIndex(code); at != nil {
		return excerpt(code, at[0])
	}
	for _, m := range constructorName.FindAllStringSubmatch(code, -1) {
		call := regexp.MustCompile(`\[\s*` + regexp.QuoteMeta(m[1]) + `\s*\]\s*(?:\)\s*)?\(`)
		if at := call.FindStringIndex(code); at != nil {
			return excerpt(code, at[0])
		}
	}
	return ""
}

func excerpt(code string, at int) string {
	line := strings.Count(code[:at], "\n") + 1
	return fmt.Sprintf("line %d of the bundle", line)
}
