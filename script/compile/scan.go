package compile

import (
	"slices"

	"github.com/dop251/goja/ast"
)

// throughConstructor finds a call that reaches a function's constructor to make code of a text: x.constructor(…), x["constructor"](…),
// and through a variable that was set from either, or that holds the name. The engine refuses such code at run time as well; this
// refuses it at the door, with the place. new x.constructor(…) is how libraries copy their objects, and is let through.
func (t *tree) throughConstructor() *Error {
	s := scan{names: map[string][]ast.Node{}, values: map[string][]ast.Node{}}
	walk(t.program, s.declaration)
	walk(t.program, s.declaration) // once more: what is set from a variable that is declared further down
	var found *Error
	walk(t.program, func(n ast.Node, above []ast.Node) {
		call, ok := n.(*ast.CallExpression)
		if !ok || found != nil || !s.isConstructor(call.Callee, above) {
			return
		}
		found = &Error{Code: CodeRejected, Message: "code is built from text through a constructor"}
		found.File, found.Line = t.where(call.Idx0())
	})
	return found
}

// scan knows the variables that hold the word constructor, and those that hold one. Each counts within the function that sets it.
type scan struct{ names, values map[string][]ast.Node }

func (s *scan) declaration(n ast.Node, above []ast.Node) {
	switch x := n.(type) {
	case *ast.Binding:
		s.set(x.Target, x.Initializer, above)
	case *ast.AssignExpression:
		s.set(x.Left, x.Right, above)
	case *ast.ObjectPattern: // const { constructor: make } = f
		for _, p := range x.Properties {
			switch p := p.(type) {
			case *ast.PropertyKeyed:
				if constant(p.Key) == "constructor" {
					add(s.values, named(assigned(p.Value)), above)
				}
			case *ast.PropertyShort:
				if p.Name.Name == "constructor" {
					add(s.values, "constructor", above)
				}
			}
		}
	}
}

// assigned is what a pattern with a default value sets.
func assigned(e ast.Expression) ast.Expression {
	if a, ok := e.(*ast.AssignExpression); ok {
		return a.Left
	}
	return e
}

func (s *scan) set(to, value ast.Expression, above []ast.Node) {
	name := named(to)
	switch {
	case name == "" || value == nil:
	case constant(value) == "constructor":
		add(s.names, name, above)
	case s.isConstructor(value, above):
		add(s.values, name, above)
	}
}

func (s *scan) isConstructor(e ast.Expression, above []ast.Node) bool {
	if name := named(e); name != "" {
		return holds(s.values, name, above)
	}
	if _, name := member(e); name == "constructor" {
		return true
	}
	b, ok := plain(e).(*ast.BracketExpression)
	return ok && holds(s.names, named(b.Member), above)
}

func add(to map[string][]ast.Node, name string, above []ast.Node) {
	if f := function(above); name != "" && !slices.Contains(to[name], f) {
		to[name] = append(to[name], f)
	}
}

func holds(in map[string][]ast.Node, name string, above []ast.Node) bool {
	for _, f := range in[name] {
		if slices.Contains(above, f) {
			return true
		}
	}
	return false
}

// function is the innermost function around a node, else the outermost node.
func function(above []ast.Node) ast.Node {
	for _, n := range slices.Backward(above) {
		switch n.(type) {
		case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
			return n
		}
	}
	return above[0]
}
