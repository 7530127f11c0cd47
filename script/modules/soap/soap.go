// Package soap is the module "soap": a client for SOAP services that is made from their WSDL. What it sends and fetches goes through the
// run's host calls, under the same rules as nango.uncontrolledFetch.
//
// Start reading with client.js; wsdl.js reads descriptions, xml.js turns values into XML and back, the parser is xml.go.
package soap

import (
	_ "embed"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script/modules"
)

// The module's parts. Each is a function (natives, part) that adds to part what the others need of it; client.js is the exports.
var (
	//go:embed xml.js
	values string
	//go:embed wsdl.js
	descriptions string
	//go:embed security.js
	securities string
	//go:embed client.js
	client string
)

// Module is the module "soap".
func Module() modules.Module {
	source := "(function (natives, require, global) {\nconst part = { require, global };\n"
	for _, text := range []string{values, descriptions, securities} {
		source += text + "(natives, part);\n"
	}
	return modules.Module{Name: "soap", Source: source + "const made =\n" + client + "(natives, part);\nreturn made;\n})", Natives: natives}
}

func natives(env *modules.Env) map[string]modules.Native {
	return map[string]modules.Native{
		"parse": func(c goja.FunctionCall) goja.Value { return parse(env, c.Argument(0).String()) },
		"fetch": env.Fetch,
	}
}
