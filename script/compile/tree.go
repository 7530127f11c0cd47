package compile

import (
	"errors"
	"reflect"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
	"github.com/go-sourcemap/sourcemap"
)

// The engine runs a bundle as the body of a function; what is parsed here is wrapped alike, on the same line.
const (
	moduleHead = "(function (exports, require, module) {"
	moduleTail = "\n})"
)

// tree is a parsed text that knows where it came from.
type tree struct {
	program *ast.Program
	text    string // as parsed, with the head
	origin  *origin
}

// parse reads a CommonJS text. What is wrong with it is an *Error that names the place in the source.
func parse(text string, from *origin) (*tree, *Error) {
	t := &tree{text: moduleHead + text + moduleTail, origin: from}
	var err error
	if t.program, err = goja.Parse("", t.text, parser.WithDisableSourceMaps); err == nil {
		return t, nil
	}
	e := &Error{Code: CodeFailedBuild, File: from.file, Message: "the engine can't run this: " + err.Error()}
	if list, ok := errors.AsType[parser.ErrorList](err); ok && len(list) > 0 {
		e.Message = "the engine can't run this: " + list[0].Message
		e.File, e.Line = from.at(list[0].Position.Line, column(list[0].Position.Line, list[0].Position.Column-1))
	}
	return nil, e
}

// compile makes sure that the engine takes the text; some mistakes show only here.
func (t *tree) compile() *Error {
	_, err := goja.CompileAST(t.program, false)
	if err == nil {
		return nil
	}
	e := &Error{Code: CodeFailedBuild, File: t.origin.file, Message: "the engine can't run this: " + err.Error()}
	if syntax, ok := errors.AsType[*goja.CompilerSyntaxError](err); ok {
		e.Message = "the engine can't run this: " + syntax.Message
		e.File, e.Line = t.where(file.Idx(syntax.Offset + 1))
	}
	return e
}

// where is the place of a node in the source.
func (t *tree) where(at file.Idx) (name string, line int) {
	before := t.text[:min(max(int(at)-1, 0), len(t.text))]
	line = strings.Count(before, "\n") + 1
	return t.origin.at(line, column(line, len(before)-strings.LastIndexByte(before, '\n')-1))
}

// column takes the head off.
func column(line, col int) int {
	if line == 1 {
		return max(col-len(moduleHead), 0)
	}
	return col
}

// origin says where the lines of a generated text came from.
type origin struct {
	file      string // where there is no map
	sourceMap []byte
	maps      *sourcemap.Consumer
}

// at maps a place, lines from 1 and columns from 0. The map is read only here: it is large, and most texts have no mistake to be placed.
func (o *origin) at(line, col int) (name string, sourceLine int) {
	if o.maps == nil && len(o.sourceMap) > 0 {
		if maps, err := sourcemap.Parse("", o.sourceMap); err == nil { // one that can't be read costs the place only
			o.maps = maps
		}
		o.sourceMap = nil
	}
	if o.maps != nil {
		if source, _, l, _, ok := o.maps.Source(line, col); ok && source != "" {
			return source, l
		}
	}
	return o.file, line
}

// walk visits a node and all below it, in the order of the text. above are the nodes around it, outermost first.
func walk(root ast.Node, visit func(n ast.Node, above []ast.Node)) {
	w := walker{visit: visit}
	w.value(reflect.ValueOf(root))
}

type walker struct {
	above []ast.Node
	visit func(ast.Node, []ast.Node)
}

var astPackage = reflect.TypeFor[ast.Program]().PkgPath()

func (w *walker) value(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // what else there is in the tree holds no nodes
	case reflect.Interface:
		if !v.IsNil() {
			w.value(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.value(v.Index(i))
		}
	case reflect.Pointer:
		if v.IsNil() || v.Type().Elem().PkgPath() != astPackage {
			return
		}
		if n, ok := v.Interface().(ast.Node); ok {
			w.visit(n, w.above)
			w.above = append(w.above, n)
			w.fields(v.Elem())
			w.above = w.above[:len(w.above)-1]
			return
		}
		w.fields(v.Elem())
	case reflect.Struct:
		if v.Type().PkgPath() == astPackage {
			w.fields(v)
		}
	}
}

func (w *walker) fields(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Name != "DeclarationList" { // the same nodes once more
			w.value(v.Field(i))
		}
	}
}

// plain takes off what surrounds an expression without changing which value it names.
func plain(e ast.Expression) ast.Expression {
	for {
		switch x := e.(type) {
		case *ast.OptionalChain:
			e = x.Expression
		case *ast.Optional:
			e = x.Expression
		case *ast.SequenceExpression: // (0, f)
			e = x.Sequence[len(x.Sequence)-1]
		default:
			return e
		}
	}
}

// member is the name of the member that an expression reads, as in x.name or x["name"], and the object; "" if it is none, or not a
// constant.
func member(e ast.Expression) (object ast.Expression, name string) {
	switch x := plain(e).(type) {
	case *ast.DotExpression:
		return x.Left, x.Identifier.Name.String()
	case *ast.BracketExpression:
		return x.Left, constant(x.Member)
	}
	return nil, ""
}

// constant is the text that an expression always has; "" if it has none.
func constant(e ast.Expression) string {
	switch x := e.(type) {
	case *ast.StringLiteral:
		return x.Value.String()
	case *ast.TemplateLiteral:
		if x.Tag == nil && len(x.Expressions) == 0 && len(x.Elements) == 1 {
			return x.Elements[0].Parsed.String()
		}
	case *ast.BinaryExpression:
		if l, r := constant(x.Left), constant(x.Right); x.Operator.String() == "+" && l != "" && r != "" {
			return l + r
		}
	}
	return ""
}

// named is the name of an identifier; "" for anything else.
func named(e ast.Expression) string {
	if id, ok := plain(e).(*ast.Identifier); ok {
		return id.Name.String()
	}
	return ""
}
