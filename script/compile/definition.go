package compile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	causeway "github.com/causeway-dev/causeway"
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
	Endpoints    json.RawMessage `json:"endpoints"` // a list of Endpoint
	Webhooks     []string        `json:"webhooks"`
	Models       []string        `json:"models"` // a sync's models; an action's output
	Input        string          `json:"input"`  // name of the input model, or of a sync's metadata
	Schema       json.RawMessage `json:"schema"` // {"definitions": {…}}
	Features     []string        `json:"-"`
}

// Define loads a bundle and reads its default export. The bundle is evaluated in this process: call it on one's own text only.
func Define(e Entry, bundle []byte) (*Definition, error) {
	lowered, _, failed := lower(script.CompileJob{Name: e.Integration + "/" + e.Name, Text: bundle})
	if failed != nil {
		return nil, failed
	}
	raw, err := evaluate(e, lowered)
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
	case utf8.RuneCountInString(d.Description) > 2000:
		return bad("invalid_definition", "description: at most 2000 characters")
	case d.Type == "onEvent" && !slices.Contains(events, d.Event):
		return bad("invalid_definition", "event: one of %s", strings.Join(events, ", "))
	case d.Type == "sync":
		return d.checkSync(bad)
	}
	return nil
}

var events = []string{"post-connection-creation", "pre-connection-deletion", "validate-connection"}

func (d *Definition) checkSync(bad func(code, format string, args ...any) error) error {
	if _, _, err := causeway.ParseFrequency(d.Frequency); err != nil {
		if d.Frequency == "" {
			return bad("invalid_definition", "frequency: required, as in \"every hour\"")
		}
		return bad("invalid_definition", "%q: %v", d.Frequency, err)
	}
	switch {
	case len(d.Models) == 0:
		return bad("invalid_definition", "models: a sync has at least one")
	case d.TrackDeletes && d.SyncType == "incremental":
		return bad("invalid_definition", "trackDeletes is not allowed together with syncType 'incremental'")
	case d.SyncType != "full" && d.SyncType != "incremental":
		return bad("invalid_definition", "syncType: 'full' or 'incremental'")
	}
	endpoints, err := d.endpoints()
	if err != nil {
		return bad("invalid_definition", "endpoints: %v", err)
	}
	if len(endpoints) > 0 && len(endpoints) != len(d.Models) {
		return bad("invalid_definition", "endpoints: there have to be as many as models, or none")
	}
	var schema struct {
		Definitions map[string]struct {
			Type       any                        `json:"type"`
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"definitions"`
	}
	if err := json.Unmarshal(d.Schema, &schema); err != nil {
		return bad("invalid_definition", "models: %v", err)
	}
	for _, m := range d.Models {
		if s := schema.Definitions[m]; s.Type == "object" && s.Properties["id"] == nil {
			return bad("invalid_definition", "models.%s: a model has a field id", m)
		}
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

// loading is how long a bundle may take to be loaded.
const loading = 10 * time.Second

// evaluate loads a lowered bundle and turns its definition into JSON.
func evaluate(e Entry, lowered []byte) (string, error) {
	zodProgram, err := parseZod()
	if err != nil {
		return "", err
	}
	code, err := program(e.Name+"-"+e.Integration+".cjs", lowered)
	if err != nil {
		return "", &Error{Code: CodeFailedBuild, File: e.File, Message: err.Error()}
	}
	vm := goja.New()
	stop := time.AfterFunc(loading, func() { vm.Interrupt(fmt.Sprintf("it did not end within %s", loading)) })
	defer stop.Stop()
	anything, err := vm.RunString(surroundings)
	if err != nil {
		return "", err
	}
	zodExports, err := loadModule(vm, zodProgram, func(goja.FunctionCall) goja.Value { return vm.NewObject() })
	if err != nil {
		return "", fmt.Errorf("load zod: %w", err)
	}
	exports, err := loadModule(vm, code, func(call goja.FunctionCall) goja.Value {
		if name := call.Argument(0).String(); name == "zod" || name == "zod/v4" {
			return zodExports
		}
		return anything // what a module does isn't needed to read the definition
	})
	if err != nil {
		return "", &Error{Code: CodeFailedBuild, File: e.File, Message: "the script can't be loaded: " + thrown(err)}
	}
	read, err := vm.RunString(readDefinition)
	if err != nil {
		return "", err
	}
	call, _ := goja.AssertFunction(read)
	suffix := notInNames.ReplaceAllString(e.Integration, "_") + "_" + notInNames.ReplaceAllString(e.Name, "")
	out, err := call(goja.Undefined(), exports, zodExports, vm.ToValue(suffix))
	if err != nil {
		return "", &Error{Code: "invalid_definition", File: e.File, Message: thrown(err)}
	}
	return out.String(), nil
}

// loadModule runs a CommonJS program and returns what it exports.
func loadModule(vm *goja.Runtime, p *goja.Program, require func(goja.FunctionCall) goja.Value) (goja.Value, error) {
	f, err := vm.RunProgram(p)
	if err != nil {
		return nil, err
	}
	call, _ := goja.AssertFunction(f)
	module, exports := vm.NewObject(), vm.NewObject()
	if err := module.Set("exports", exports); err != nil {
		return nil, err
	}
	if _, err := call(goja.Undefined(), exports, vm.ToValue(require), module); err != nil {
		return nil, err
	}
	return module.Get("exports"), nil
}

// thrown is the message of what a script threw, without the engine's stack.
func thrown(err error) string {
	exception, ok := errors.AsType[*goja.Exception](err)
	if !ok {
		return err.Error()
	}
	return strings.TrimPrefix(exception.Value().String(), "Error: ")
}

// surroundings are the globals that the top level of a script may touch. Its value stands for every module but zod: whatever is read from it
// or called on it is the same again.
const surroundings = `(() => {
  const anything = new Proxy(function () {}, {
    get: (_, key) => key === Symbol.toPrimitive ? () => "" : key === Symbol.iterator ? function* () {} : key === "__esModule" || key === "then" ? undefined : anything,
    apply: () => anything, construct: () => anything, set: () => true, has: () => true,
  });
  for (const name of ["asyncIterator", "dispose", "asyncDispose"]) Symbol[name] ?? Object.defineProperty(Symbol, name, { value: Symbol.for("Symbol." + name) });
  for (const name of ["console", "Buffer", "URL", "URLSearchParams", "TextEncoder", "TextDecoder", "Intl", "crypto", "structuredClone", "setTimeout", "setInterval", "atob", "btoa"]) globalThis[name] ??= anything;
  return anything;
})()`

// readDefinition turns the default export into JSON. Schemas are zod's own: what JSON Schema can't express becomes an unrestricted one, dates
// become date-time texts, void becomes null.
const readDefinition = `(function (exports, zod, suffix) {
  const d = exports && exports.default;
  if (!d || typeof d !== "object" || typeof d.exec !== "function") throw new Error("the default export has to be createSync({…}), createAction({…}) or createOnEvent({…})");
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
  // A recursive type refers to parts of its own schema, which is one of several here.
  const place = (name, s) => {
    const root = "#/definitions/" + name;
    const walk = (x) => {
      if (Array.isArray(x)) return x.forEach(walk);
      if (!x || typeof x !== "object") return;
      if (typeof x.$ref === "string" && x.$ref[0] === "#") x.$ref = root + x.$ref.slice(1);
      for (const [key, value] of Object.entries(x)) if (key !== "const" && key !== "enum" && key !== "default" && key !== "examples") walk(value);
    };
    walk(s);
    definitions[name] = s;
  };
  const definitions = {};
  const out = { type: d.type, description: d.description ?? "", version: d.version ?? "", scopes: d.scopes ?? [], event: d.event ?? "", frequency: d.frequency ?? "",
    auto_start: d.autoStart === true, sync_type: d.syncType ?? (d.type === "sync" ? "full" : ""), track_deletes: d.trackDeletes === true, webhooks: d.webhookSubscriptions ?? [],
    endpoints: d.endpoints ?? (d.endpoint ? [d.endpoint] : []), models: [], input: "" };
  if (d.type === "sync") {
    for (const [name, type] of Object.entries(d.models ?? {})) {
      if (!/^[A-Z][a-zA-Z0-9_]+$/.test(name)) throw new Error("models." + name + ": a model's name begins with a capital letter and has letters, digits and _");
      out.models.push(name);
      place(name, schema(type));
    }
    if (d.metadata) { out.input = "SyncMetadata_" + suffix; place(out.input, schema(d.metadata)); }
  }
  if (d.type === "action") {
    if (!d.input) throw new Error("input: required; z.void() when there is none");
    if (!d.output) throw new Error("output: required; z.void() when nothing is returned");
    out.input = "ActionInput_" + suffix;
    place(out.input, schema(d.input));
    out.models.push("ActionOutput_" + suffix);
    place("ActionOutput_" + suffix, schema(d.output));
  }
  out.schema = { definitions };
  return JSON.stringify(out);
})`
