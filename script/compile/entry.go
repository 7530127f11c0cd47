package compile

import (
	"slices"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// wrapperOf are the functions that make a definition, and its type.
var wrapperOf = map[string]string{"createSync": "sync", "createAction": "action", "createOnEvent": "onEvent"}

// checkEntry holds for the file of a script: what it exports, and the order of what exec calls.
func (f *sourceFile) checkEntry() *Error {
	exports := f.exports()
	var value ast.Expression
	for name, get := range exports {
		if name == "default" {
			value = get
		} else if named(get) != "" { // export … from another file reads a member of its import
			return f.problem(codeNamedExport, get, "no other value may be exported: %s", name)
		}
	}
	if value == nil {
		return &Error{Code: codeUnsupportedExport, File: f.origin.file, Message: "there is no default export: write export default createSync({…}), createAction({…}) or createOnEvent({…})"}
	}
	bindings := f.bindings()
	at := value
	for range 2 { // export default x: the module's own variable, then x
		if name := named(value); name != "" {
			b, ok := bindings[name]
			if !ok {
				return f.problem(codeUnsupportedExport, at, "the default export has to be createSync({…}), createAction({…}), createOnEvent({…}), or a const that holds one")
			}
			value, at = b, b
		}
	}
	call, ok := value.(*ast.CallExpression)
	if !ok {
		return f.problem(codeUnsupportedExport, at, "the default export has to be createSync({…}), createAction({…}), createOnEvent({…}), or a const that holds one")
	}
	_, wrapper := member(call.Callee)
	if wrapper == "" {
		wrapper = named(call.Callee)
	}
	if wrapperOf[wrapper] == "" || !f.fromNango(call.Callee) {
		return f.problem(codeInvalidExport, call, "the default export is made with %q: it has to be createSync, createAction or createOnEvent, imported from 'causeway' or 'nango'", wrapper)
	}
	if len(call.ArgumentList) == 0 {
		return f.problem(codeInvalidParam, call, "%s needs an object literal", wrapper)
	}
	definition, ok := call.ArgumentList[0].(*ast.ObjectLiteral)
	if !ok {
		return f.problem(codeInvalidParam, call, "%s takes an object literal, written in the call itself", wrapper)
	}
	return f.checkOrder(definition)
}

// exports are the names that a module exports, with what their getters return. They stand in one call that the bundler writes.
func (f *sourceFile) exports() map[string]ast.Expression {
	out := map[string]ast.Expression{}
	for _, c := range f.other {
		if named(c.call.Callee) != "__export" || len(c.call.ArgumentList) != 2 {
			continue
		}
		list, ok := c.call.ArgumentList[1].(*ast.ObjectLiteral)
		if !ok {
			continue
		}
		for _, p := range list.Value {
			keyed, ok := p.(*ast.PropertyKeyed)
			if !ok {
				continue
			}
			if getter, ok := keyed.Value.(*ast.ArrowFunctionLiteral); ok {
				if body, ok := getter.Body.(*ast.ExpressionBody); ok {
					out[propertyName(keyed)] = body.Expression
				}
			}
		}
	}
	return out
}

// bindings are the constants of a module, and the variable in which the bundler keeps the default export.
func (f *sourceFile) bindings() map[string]ast.Expression {
	out := map[string]ast.Expression{}
	body, ok := f.body()
	if !ok {
		return out
	}
	for _, s := range body {
		var list []*ast.Binding
		switch s := s.(type) {
		case *ast.VariableStatement:
			list = slices.DeleteFunc(slices.Clone(s.List), func(b *ast.Binding) bool { return !strings.HasSuffix(named(b.Target), "_default") })
		case *ast.LexicalDeclaration:
			if s.Token == token.CONST {
				list = s.List
			}
		}
		for _, b := range list {
			if name := named(b.Target); name != "" && b.Initializer != nil {
				out[name] = b.Initializer
			}
		}
	}
	return out
}

// body are the module's own statements, within the head that parse puts around them.
func (t *tree) body() ([]ast.Statement, bool) {
	s, ok := t.program.Body[0].(*ast.ExpressionStatement)
	if !ok {
		return nil, false
	}
	fn, ok := s.Expression.(*ast.FunctionLiteral)
	if !ok {
		return nil, false
	}
	return fn.Body.List, true
}

// fromNango says whether a callee is a member of what require("nango") or require("causeway") returned.
func (f *sourceFile) fromNango(callee ast.Expression) bool {
	object, _ := member(callee)
	name := named(object)
	return name != "" && (strings.HasPrefix(name, "import_nango") || strings.HasPrefix(name, "import_causeway") || f.requires(name))
}

// requires looks a variable up that holds a whole module: import * as n from 'nango'.
func (f *sourceFile) requires(name string) bool {
	body, _ := f.body()
	for _, s := range body {
		v, ok := s.(*ast.VariableStatement)
		if !ok {
			continue
		}
		for _, b := range v.List {
			if named(b.Target) != name {
				continue
			}
			found := false
			walk(b, func(n ast.Node, _ []ast.Node) {
				if call, ok := n.(*ast.CallExpression); ok && named(call.Callee) == "require" && len(call.ArgumentList) == 1 {
					module := constant(call.ArgumentList[0])
					found = found || module == "nango" || module == "causeway"
				}
			})
			return found
		}
	}
	return false
}
