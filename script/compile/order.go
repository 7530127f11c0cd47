package compile

import (
	"slices"

	"github.com/dop251/goja/ast"
)

var (
	batchMethods = []string{"batchSave", "batchUpdate", "batchDelete"}
	proxyMethods = []string{"proxy", "get", "post", "put", "patch", "delete"}
)

// checkOrder looks at the lines on which exec calls what has to come first, last or once.
func (f *sourceFile) checkOrder(definition *ast.ObjectLiteral) *Error {
	var exec ast.Node
	for _, p := range definition.Value {
		if k, ok := p.(*ast.PropertyKeyed); ok && propertyName(k) == "exec" {
			exec = k
		}
	}
	if exec == nil {
		return nil
	}
	o := order{file: f}
	for _, c := range f.calls {
		if slices.Contains(c.above, exec) {
			o.calls = append(o.calls, c)
		}
	}
	for _, check := range []func() *Error{o.merging, o.deletingOlder, o.trackingDeletes} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

type order struct {
	file  *sourceFile
	calls []nangoCall
}

func (o *order) of(methods ...string) []nangoCall {
	var out []nangoCall
	for _, c := range o.calls {
		if slices.Contains(methods, c.method) {
			out = append(out, c)
		}
	}
	return out
}

func (o *order) problem(c nangoCall, format string, args ...any) *Error {
	return o.file.problem(codeMethodOrder, c.call, format, args...)
}

func (o *order) merging() *Error {
	for _, c := range o.of("setMergingStrategy") {
		for _, other := range o.of(append(slices.Clone(batchMethods), proxyMethods...)...) {
			if other.line < c.line {
				return o.problem(c, "setMergingStrategy has to come before nango.%s(…) in line %d", other.method, other.line)
			}
		}
	}
	return nil
}

func (o *order) deletingOlder() *Error {
	calls := o.of("deleteRecordsFromPreviousExecutions")
	if len(calls) > 1 {
		return o.problem(calls[1], "deleteRecordsFromPreviousExecutions may be called once")
	}
	for _, c := range calls {
		for _, other := range o.of(batchMethods...) {
			if other.line > c.line {
				return o.problem(c, "deleteRecordsFromPreviousExecutions has to come after nango.%s(…) in line %d", other.method, other.line)
			}
		}
	}
	return nil
}

// trackingDeletes checks the pairs of each model that is given as a literal.
func (o *order) trackingDeletes() *Error {
	starts, ends := map[string][]nangoCall{}, map[string][]nangoCall{}
	var models []string
	for _, c := range o.of("trackDeletesStart", "trackDeletesEnd") {
		if len(c.call.ArgumentList) == 0 {
			continue
		}
		model := constant(c.call.ArgumentList[0])
		if model == "" {
			continue
		}
		if !slices.Contains(models, model) {
			models = append(models, model)
		}
		if c.method == "trackDeletesStart" {
			starts[model] = append(starts[model], c)
		} else {
			ends[model] = append(ends[model], c)
		}
	}
	for _, m := range models {
		if err := o.pair(m, starts[m], ends[m]); err != nil {
			return err
		}
	}
	return nil
}

func (o *order) pair(model string, starts, ends []nangoCall) *Error {
	switch {
	case len(starts) > 1:
		return o.problem(starts[1], "trackDeletesStart('%s') may be called once", model)
	case len(ends) > 1:
		return o.problem(ends[1], "trackDeletesEnd('%s') may be called once", model)
	case len(ends) == 0:
		return o.problem(starts[0], "trackDeletesStart('%s') needs a trackDeletesEnd('%s')", model, model)
	case len(starts) == 0:
		return o.problem(ends[0], "trackDeletesEnd('%s') needs a trackDeletesStart('%s')", model, model)
	case ends[0].line < starts[0].line:
		return o.problem(ends[0], "trackDeletesEnd('%s') has to come after trackDeletesStart('%s') in line %d", model, model, starts[0].line)
	}
	for _, c := range o.of(batchMethods...) {
		if len(c.call.ArgumentList) > 1 {
			if other := constant(c.call.ArgumentList[1]); other != "" && other != model {
				continue // the records of another model
			}
		}
		if c.line < starts[0].line {
			return o.problem(starts[0], "trackDeletesStart('%s') has to come before nango.%s(…) in line %d", model, c.method, c.line)
		}
		if c.line > ends[0].line {
			return o.problem(ends[0], "trackDeletesEnd('%s') has to come after nango.%s(…) in line %d", model, c.method, c.line)
		}
	}
	return nil
}
