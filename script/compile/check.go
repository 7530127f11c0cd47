package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/evanw/esbuild/pkg/api"
)

// Codes of the static checks.
const (
	codeUnsupportedExport = "nango_unsupported_export"
	codeInvalidExport     = "nango_invalid_default_export"
	codeInvalidParam      = "nango_invalid_function_param"
	codeNamedExport       = "nango_named_export_not_allowed"
	codeNeedAwait         = "method_need_await"
	codeNeedRetries       = "retryon_need_retries"
	codeMethodOrder       = "invalid_method_order"
)

// awaited are the methods whose promise must not be dropped.
var awaited = []string{
	"batchDelete", "batchSave", "batchSend", "delete", "deleteRecordsFromPreviousExecutions", "get", "getConnection", "getEnvironmentVariables", "getFieldMapping", "getMetadata", "log",
	"patch", "post", "proxy", "put", "setFieldMapping", "setMergingStrategy", "setMetadata", "trackDeletesEnd", "trackDeletesStart", "triggerAction",
}

// sourceFile is one TypeScript file of a project, as the checks see it: types are gone, imports are calls of require.
type sourceFile struct {
	*tree
	calls []nangoCall
	other []callNode // every call, for the wrappers
}

type callNode struct {
	call  *ast.CallExpression
	above []ast.Node
}

// nangoCall is a call of a method on an identifier named nango.
type nangoCall struct {
	callNode
	method string
	line   int
}

// readSource parses a file of the project.
func readSource(root, name string) (*sourceFile, error) {
	raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	loader := api.LoaderTS
	if strings.HasSuffix(name, ".tsx") {
		loader = api.LoaderTSX
	}
	result := api.Transform(string(raw), api.TransformOptions{
		Target: target, Supported: unsupported, Loader: loader, Format: api.FormatCommonJS, Platform: api.PlatformNode,
		Sourcemap: api.SourceMapExternal, SourcesContent: api.SourcesContentExclude, Sourcefile: name, LogLevel: api.LogLevelSilent, TsconfigRaw: tsconfig,
	})
	if m := refusal(result.Errors, result.Warnings); m != nil {
		return nil, buildError(*m, name)
	}
	t, failed := parse(string(result.Code), &origin{file: name, sourceMap: result.Map})
	if failed != nil {
		return nil, failed
	}
	f := &sourceFile{tree: t}
	walk(t.program, func(n ast.Node, above []ast.Node) {
		call, ok := n.(*ast.CallExpression)
		if !ok {
			return
		}
		node := callNode{call, slices.Clone(above)}
		f.other = append(f.other, node)
		if object, method := member(call.Callee); method != "" && named(object) == "nango" {
			_, line := t.where(call.Idx0())
			f.calls = append(f.calls, nangoCall{node, method, line})
		}
	})
	return f, nil
}

func (f *sourceFile) problem(code string, at ast.Node, format string, args ...any) *Error {
	e := &Error{Code: code, Message: fmt.Sprintf(format, args...)}
	e.File, e.Line = f.where(at.Idx0())
	return e
}

// checkCalls holds for every file of a project.
func (f *sourceFile) checkCalls() *Error {
	for _, c := range f.calls {
		if slices.Contains(awaited, c.method) && !c.handled() {
			return f.problem(codeNeedAwait, c.call, "nango.%s(…) is not waited for: write await before it", c.method)
		}
		if len(c.call.ArgumentList) == 0 {
			continue
		}
		if config, ok := c.call.ArgumentList[0].(*ast.ObjectLiteral); ok && hasKey(config, "retryOn") && !hasKey(config, "retries") {
			return f.problem(codeNeedRetries, c.call, "nango.%s(…): retryOn has no effect without retries", c.method)
		}
	}
	return nil
}

// handled says whether somebody looks at the promise of a call: within the same function it is awaited, returned, or has then or catch.
func (c nangoCall) handled() bool {
	for _, n := range slices.Backward(c.above) {
		switch n := n.(type) {
		case *ast.AwaitExpression, *ast.ReturnStatement, *ast.YieldExpression, *ast.ExpressionBody: // an arrow's body is what it returns
			return true
		case *ast.NewExpression:
			if strings.HasPrefix(named(n.Callee), "__await") { // what await becomes in an async generator
				return true
			}
		case *ast.DotExpression:
			if name := n.Identifier.Name.String(); name == "then" || name == "catch" {
				return true
			}
		case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
			return false
		}
	}
	return false
}

func hasKey(o *ast.ObjectLiteral, name string) bool {
	for _, p := range o.Value {
		if propertyName(p) == name {
			return true
		}
	}
	return false
}

// propertyName is the name of a property of a literal; "" for a computed or a spread one.
func propertyName(p ast.Property) string {
	switch p := p.(type) {
	case *ast.PropertyKeyed:
		if id, ok := p.Key.(*ast.Identifier); ok && !p.Computed {
			return id.Name.String()
		}
		return constant(p.Key)
	case *ast.PropertyShort:
		return p.Name.Name.String()
	}
	return ""
}

// usesCheckpoints says whether a file calls a method of checkpoints.
func (f *sourceFile) usesCheckpoints() bool {
	return slices.ContainsFunc(f.calls, func(c nangoCall) bool {
		return c.method == "getCheckpoint" || c.method == "saveCheckpoint" || c.method == "clearCheckpoint"
	})
}
