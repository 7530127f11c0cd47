package realm

import (
	"slices"
	"time"

	"github.com/dop251/goja"

	causeway "github.com/causeway-dev/causeway"
)

// nango is the object that a script gets: plain values, and the methods of its flavour, each made when it is first read
// and bound, so that `const { get } = nango` works. A script may put own properties on it; the names that are internal
// members in the original are shut.
type nango struct {
	r      *run
	action *actionMethods
	sync   *syncMethods // nil for actions and on-event scripts
	own    map[string]goja.Value
	gone   map[string]bool
}

// internal are the names that may not be read, written or deleted.
var internal = map[string]bool{
	"constructor": true, "prototype": true, "__proto__": true, "nango": true, "persistClient": true, "abortSignal": true,
	"telemetry": true, "telemetryBag": true, "memoizedConnections": true, "memoizedIntegration": true,
	"memoizedIntegrations": true, "locks": true, "locking": true, "checkpointing": true, "mergingByModel": true,
	"batchSize": true, "getRecordsBatchSize": true, "modelFullName": true, "sendLogToPersist": true, "logAPICall": true,
	"getProxyConfig": true, "throwIfAborted": true, "throwIfInterrupted": true, "httpLogCount": true, "persistHTTPLog": true,
}

func newNango(r *run) *nango {
	n := &nango{r: r, action: &actionMethods{run: r}, own: map[string]goja.Value{}, gone: map[string]bool{}}
	if r.start.Kind == causeway.RunSync || r.start.Kind == causeway.RunWebhook {
		n.sync = &syncMethods{actionMethods: n.action, strategies: map[string]string{}}
	}
	return n
}

func (n *nango) guard(name string) {
	if internal[name] {
		panic(n.r.newError(`Access to "`+name+`" is not allowed.`, n.r.callStack()))
	}
}

// Get reads a property; nil: there is none.
func (n *nango) Get(name string) goja.Value {
	n.guard(name)
	if v, ok := n.own[name]; ok {
		return v
	}
	if n.gone[name] {
		return nil
	}
	v := n.make(name)
	if v != nil {
		n.own[name] = v
	}
	return v
}

// make builds a method or a plain value.
func (n *nango) make(name string) goja.Value {
	if n.sync != nil {
		if m, ok := syncTable[name]; ok {
			return n.r.function(name, func(c goja.FunctionCall) goja.Value { return m(n.sync, c) })
		}
	}
	if m, ok := actionTable[name]; ok {
		return n.r.function(name, func(c goja.FunctionCall) goja.Value { return m(n.action, c) })
	}
	if name == "ActionError" {
		return n.r.hooks.actionError
	}
	if slices.Contains(plainNames, name) {
		return n.plain(name)
	}
	return nil
}

var plainNames = []string{
	"connectionId", "providerConfigKey", "provider", "environmentId", "environmentName", "accountId", "activityLogId",
	"scriptType", "syncId", "syncJobId", "nangoConnectionId", "syncConfig", "runnerFlags", "isCLI", "logger",
	"lastSyncDate", "variant", "track_deletes", "emptyCache",
}

func (n *nango) plain(name string) goja.Value {
	vm, v := n.r.vm, n.r.start.Values
	switch name {
	case "connectionId":
		return vm.ToValue(v.ConnectionID)
	case "providerConfigKey":
		return vm.ToValue(v.ProviderConfigKey)
	case "provider":
		return vm.ToValue(v.Provider)
	case "environmentId":
		return vm.ToValue(v.EnvironmentID)
	case "environmentName":
		return vm.ToValue(v.EnvironmentName)
	case "accountId":
		return vm.ToValue(v.AccountID)
	case "activityLogId":
		return vm.ToValue(v.ActivityLogID)
	case "scriptType":
		return vm.ToValue(v.ScriptType)
	case "nangoConnectionId":
		return vm.ToValue(v.NangoConnectionID)
	case "isCLI":
		return vm.ToValue(false)
	case "runnerFlags":
		return vm.NewObject()
	case "logger":
		o := vm.NewObject()
		_ = o.Set("level", string(n.r.log.level))
		return o
	case "syncConfig":
		return n.r.jsonValue(v.SyncConfig)
	case "syncId":
		if v.SyncID != "" {
			return vm.ToValue(v.SyncID)
		}
	case "syncJobId":
		if v.SyncJobID != 0 {
			return vm.ToValue(v.SyncJobID)
		}
	default:
		return n.syncPlain(name)
	}
	return goja.Undefined()
}

// syncPlain are the values that only syncs and webhook scripts have.
func (n *nango) syncPlain(name string) goja.Value {
	if n.sync == nil {
		return nil
	}
	vm, v := n.r.vm, n.r.start.Values
	switch name {
	case "lastSyncDate":
		if v.LastSyncDate != nil {
			return n.r.date(*v.LastSyncDate)
		}
	case "variant":
		if v.Variant == "" {
			return vm.ToValue(causeway.BaseVariant)
		}
		return vm.ToValue(v.Variant)
	case "track_deletes":
		return vm.ToValue(v.TrackDeletes)
	case "emptyCache":
		return vm.ToValue(v.EmptyCache)
	}
	return goja.Undefined()
}

// Set writes an own property.
func (n *nango) Set(name string, v goja.Value) bool {
	n.guard(name)
	n.own[name] = v
	delete(n.gone, name)
	return true
}

// Has says whether a property exists. Internal ones don't seem to.
func (n *nango) Has(name string) bool { return !internal[name] && n.Get(name) != nil }

// Delete removes a property.
func (n *nango) Delete(name string) bool {
	n.guard(name)
	delete(n.own, name)
	n.gone[name] = true
	return true
}

// Keys lists what the object has.
func (n *nango) Keys() []string {
	var names []string
	add := func(name string) {
		if !n.gone[name] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range plainNames {
		if n.Has(name) {
			add(name)
		}
	}
	for name := range actionTable {
		add(name)
	}
	if n.sync != nil {
		for name := range syncTable {
			add(name)
		}
	}
	add("ActionError")
	for name := range n.own {
		add(name)
	}
	slices.Sort(names) // the same order in each run
	return names
}

// function makes a native function under its JavaScript name.
func (r *run) function(name string, f func(goja.FunctionCall) goja.Value) *goja.Object {
	fn := r.vm.ToValue(f).(*goja.Object)
	_ = fn.DefineDataProperty("name", r.vm.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	return fn
}

func (r *run) date(t time.Time) goja.Value {
	d, err := r.vm.New(r.hooks.dateCtor, r.vm.ToValue(t.UnixMilli()))
	if err != nil {
		panic(err)
	}
	return d
}

// jsonValue parses JSON of ours; nothing gives undefined.
func (r *run) jsonValue(raw []byte) goja.Value {
	if len(raw) == 0 {
		return goja.Undefined()
	}
	v, err := r.parseJSON(string(raw))
	if err != nil {
		panic(r.newError("the platform's answer is no JSON", r.callStack()))
	}
	return v
}
