// Package buffer is the module "buffer" and the global Buffer: a subclass of Uint8Array in JavaScript, its encodings here.
//
// Start reading with buffer.js; encodings are in encoding.go.
package buffer

import (
	_ "embed"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script/modules"
)

//go:embed buffer.js
var source string

// Module is the module "buffer".
func Module() modules.Module {
	return modules.Module{Name: "buffer", Source: source, Natives: natives}
}

func natives(env *modules.Env) map[string]modules.Native {
	return map[string]modules.Native{
		"encode": func(c goja.FunctionCall) goja.Value {
			return env.ArrayBuffer(Encode(c.Argument(0), c.Argument(1).String()))
		},
		"decode": func(c goja.FunctionCall) goja.Value {
			return Decode(env.VM, env.MustBytes(c.Argument(0)), c.Argument(1).String())
		},
		"byteLength": func(c goja.FunctionCall) goja.Value {
			return env.VM.ToValue(len(Encode(c.Argument(0), c.Argument(1).String())))
		},
	}
}
