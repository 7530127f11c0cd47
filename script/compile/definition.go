package compile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/modules/zod"
)

// Definition is what a script says of itself, with the JSON Schemas of its models.
type Definition struct {
	Type         string          `json:"type"` // sync, action or onEvent
	Description  string          `json:"description"`
	Version      string          `json:"version"`
	Scopes       []string        `json:"scopes"`
	Frequency    string          `json:"frequency"`
	AutoStart    bool            `json:"auto_start"`
	SyncType     string          `json:"sync_type"`
	TrackDeletes bool            `json:"track_deletes"`
	Event        string          `json:"event"`
	Endpoints    json.RawMessage `json:"endpoints"` // a list
	Webhooks     []string        `json:"webhooks"`
	Models       []string        `json:"models"` // a sync's models; an action's output
	Input        string          `json:"input"`  // name of the input model, or of a sync's metadata
	Schema       json.RawMessage `json:"schema"` // {"definitions": {…}}
	Features     []string        `json:"-"`
}

// Define loads a bundle and reads its default export. The bundle is evaluated in this process: call it on one's own text only.
func Define(e Entry, bundle []byte) (*Definition, error) {
	lowered := Lower(script.CompileJob{Name: e.Integration + "/" + e.Name, Text: bundle})
	if lowered.Code != "" {
		return nil, &Error{Code: lowered.Code, File: e.File, Message: lowered.Message}
	}
	raw, err := evaluate(e, lowered.Lowered)
	if err != nil {
		return nil, err
	}
	var d Definition
	if err := json.Unmarshal([]byte(raw), &d); err != nil {
		return nil, fmt.Errorf("read the definition of %s: %w", e.File, err)
	}
	if checkpointCall.Match(bundle) {
		d.Features = []string{"checkpoints"}
	}
	return &d, d.check(e)
}

var checkpointCall = regexp.MustCompile(`\.(?:getCheckpoint|saveCheckpoint|clearCheckpoint)\s*\(`)

// folders say which kind of script lies where; deployment looks a script up by its folder.
var folders = map[string]string{"sync": "syncs", "action": "actions", "onEvent": "on-events"}

func (d *Definition) check(e Entry) error {
	bad := func(code, format string, args ...any) error {
		return &Error{Code: code, File: e.File, Message: fmt.Sprintf(format, args...)}
	}
	want, ok := folders[d.Type]
	switch {
	case !ok:
		return bad("nango_invalid_default_export", "the default export has to be createSync({…}), createAction({…}) or createOnEvent({…})")
	case e.Folder != want:
		return bad("invalid_folder", "a definition made with %s belongs into %s/%s", map[string]string{"sync": "createSync", "action": "createAction", "onEvent": "createOnEvent"}[d.Type], e.Integration, want)
	case d.Description == "":
		return bad("invalid_definition", "description: required")
	case d.Type == "sync" && len(d.Models) == 0:
		return bad("invalid_definition", "models: a sync has at least one")
	case d.Type == "sync" && d.Frequency == "":
		return bad("invalid_definition", "frequency: required, as in \"every hour\"")
	case d.TrackDeletes && d.SyncType == "incremental":
		return bad("invalid_definition", "trackDeletes is not allowed together with syncType 'incremental'")
	}
	return nil
}

var (
	parseZod = sync.OnceValues(func() (*goja.Program, error) {
		text, ok := zod.Bundle()
		if !ok {
			return nil, errors.New("this build has no zod: run ./task build")
		}
		return program("zod.cjs", text)
	})
	notInNames = regexp.MustCompile(`[^a-zA-Z0-9]`)
)

func program(name string, text []byte) (*goja.Program, error) {
	tree, err := goja.Parse(name, "(function (exports, require, module) {"+string(text)+"\n})", parser.WithDisableSourceMaps)
	if err != nil {
		return nil, err
	}
	return goja.CompileAST(tree, false)
}

// evaluate loads a lowered bundle and turns its definition into JSON.
func evaluate(e Entry, lowered []byte) (string, error) {
	zodProgram, err := parseZod()
	if err != nil {
		return "", err
	}
	vm := goja.New()
	vm.SetFieldNameMapper(goja.UncapFieldNameMapper())
	load := func(p *goja.Program, require any) (goja.Value, error) {
		f, err := vm.RunProgram(p)
		if err != nil {
			return nil, err
		}
		call, _ := goja.AssertFunction(f)
		module := vm.NewObject()
		exports := vm.NewObject()
		if err := module.Set("exports", exports); err != nil {
			return nil, err
		}
		if _, err := call(goja.Undefined(), exports, vm.ToValue(require), module); err != nil {
			return nil, err
		}
		return module.Get("exports"), nil
	}
	if _, err := vm.RunString(surroundings); err != nil {
		return "", err
	}
	zodExports, err := load(zodProgram, func(goja.FunctionCall) goja.Value { return vm.NewObject() })
	if err != nil {
		return "", fmt.Errorf("load zod: %w", err)
	}
	code, err := program(e.Name+"-"+e.Integration+".cjs", lowered)
	if err != nil {
		return "", &Error{Code: CodeFailedBuild, File: e.File, Message: err.Error()}
	}
	exports, err := load(code, func(call goja.FunctionCall) goja.Value {
		switch name := call.Argument(0).String(); name {
		case "zod", "zod/v4":
			return zodExports
		default:
			return vm.NewDynamicObject(nothing{vm}) // what a module does isn't needed to read the definition
		}
	})
	if err != nil {
		return "", &Error{Code: CodeFailedBuild, File: e.File, Message: "the script can't be loaded: " + err.Error()}
	}
	read, err := vm.RunString(readDefinition)
	if err != nil {
		return "", err
	}
	call, _ := goja.AssertFunction(read)
	suffix := notInNames.ReplaceAllString(e.Integration, "_") + "_" + notInNames.ReplaceAllString(e.Name, "")
	out, err := call(goja.Undefined(), exports, zodExports, vm.ToValue(suffix))
	if err != nil {
		return "", &Error{Code: "invalid_definition", File: e.File, Message: strings.TrimPrefix(err.Error(), "Error: ")}
	}
	return out.String(), nil
}

// nothing is a module of which only names are needed.
type nothing struct{ vm *goja.Runtime }

func (n nothing) Get(string) goja.Value {
	return n.vm.ToValue(func(goja.FunctionCall) goja.Value { return n.vm.NewObject() })
}
func (n nothing) Set(string, goja.Value) bool { return true }
func (n nothing) Has(string) bool             { return true }
func (n nothing) Delete(string) bool          { return true }
func (n nothing) Keys() []string              { return nil }

// surroundings are the globals that the top level of a script may touch.
const surroundings = `
globalThis.console = new Proxy({}, { get: () => () => {} });
globalThis.setTimeout = () => 0;
globalThis.Buffer = globalThis.Buffer ?? class Buffer {};
globalThis.URL = class URL { constructor(u) { this.href = String(u); } };
globalThis.URLSearchParams = class URLSearchParams {};
Symbol.asyncIterator ?? Object.defineProperty(Symbol, "asyncIterator", { value: Symbol.for("Symbol.asyncIterator") });
`

// readDefinition turns the default export into JSON. Schemas are zod's own: what JSON Schema can't express becomes an unrestricted one, dates
// become date-time texts, void becomes null.
const readDefinition = `(function (exports, zod, suffix) {
  const d = exports && exports.default;
  if (!d || typeof d !== "object" || typeof d.exec !== "function") throw new Error("the default export has to be createSync({…}), createAction({…}) or createOnEvent({…})");
  const extra = Object.keys(exports).filter((k) => k !== "default" && k !== "sync" && k !== "action" && k !== "onEvent" && k !== "__esModule");
  if (extra.length) throw new Error("no other value may be exported: " + extra.join(", "));
  const z = zod.z ?? zod;
  const schema = (type) => {
    const s = z.toJSONSchema(type, { target: "draft-7", io: "output", unrepresentable: "any", override: (c) => {
      const kind = c.zodSchema._zod.def.type;
      if (kind === "date") { c.jsonSchema.type = "string"; c.jsonSchema.format = "date-time"; }
      if (kind === "void") { c.jsonSchema.type = "null"; }
    } });
    delete s.$schema;
    return s;
  };
  const definitions = {};
  const out = { type: d.type, description: d.description ?? "", version: d.version ?? "", scopes: d.scopes ?? [], event: d.event ?? "", frequency: d.frequency ?? "",
    auto_start: d.autoStart === true, sync_type: d.syncType ?? (d.type === "sync" ? "full" : ""), track_deletes: d.trackDeletes === true, webhooks: d.webhookSubscriptions ?? [],
    endpoints: d.endpoints ?? (d.endpoint ? [d.endpoint] : []), models: [], input: "" };
  if (d.type === "sync") {
    for (const [name, type] of Object.entries(d.models ?? {})) {
      if (!/^[A-Z][a-zA-Z0-9_]+$/.test(name)) throw new Error("models." + name + ": a model's name begins with a capital letter and has letters, digits and _");
      out.models.push(name);
      definitions[name] = schema(type);
    }
    if (d.metadata) { out.input = "SyncMetadata_" + suffix; definitions[out.input] = schema(d.metadata); }
  }
  if (d.type === "action") {
    if (!d.input) throw new Error("input: required; z.void() when there is none");
    if (!d.output) throw new Error("output: required; z.void() when nothing is returned");
    out.input = "ActionInput_" + suffix;
    definitions[out.input] = schema(d.input);
    out.models.push("ActionOutput_" + suffix);
    definitions["ActionOutput_" + suffix] = schema(d.output);
  }
  out.schema = { definitions };
  return JSON.stringify(out);
})`
