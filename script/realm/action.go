package realm

import (
	"fmt"
	"strings"
	"time"

	"github.com/dop251/goja"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// actionMethods are the methods that every flavour has: all that actions and on-event scripts see.
type actionMethods struct {
	run        *run
	checkpoint checkpoint
}

// actionTable is every method by its JavaScript name.
var actionTable = map[string]func(*actionMethods, goja.FunctionCall) goja.Value{
	"proxy":                   func(a *actionMethods, c goja.FunctionCall) goja.Value { return a.proxy("", c) },
	"get":                     func(a *actionMethods, c goja.FunctionCall) goja.Value { return a.proxy("GET", c) },
	"post":                    func(a *actionMethods, c goja.FunctionCall) goja.Value { return a.proxy("POST", c) },
	"put":                     func(a *actionMethods, c goja.FunctionCall) goja.Value { return a.proxy("PUT", c) },
	"patch":                   func(a *actionMethods, c goja.FunctionCall) goja.Value { return a.proxy("PATCH", c) },
	"delete":                  func(a *actionMethods, c goja.FunctionCall) goja.Value { return a.proxy("DELETE", c) },
	"paginate":                (*actionMethods).paginate,
	"uncontrolledFetch":       (*actionMethods).uncontrolledFetch,
	"getConnection":           (*actionMethods).getConnection,
	"getToken":                (*actionMethods).getToken,
	"getIntegration":          (*actionMethods).getIntegration,
	"getMetadata":             (*actionMethods).getMetadata,
	"setMetadata":             (*actionMethods).setMetadata,
	"updateMetadata":          (*actionMethods).updateMetadata,
	"getFieldMapping":         (*actionMethods).getFieldMapping,
	"setFieldMapping":         (*actionMethods).setMetadata,
	"getWebhookURL":           (*actionMethods).getWebhookURL,
	"getEnvironmentVariables": (*actionMethods).getEnvironmentVariables,
	"getFlowAttributes":       (*actionMethods).getFlowAttributes,
	"triggerAction":           (*actionMethods).triggerAction,
	"triggerSync":             (*actionMethods).triggerSync,
	"startSync":               (*actionMethods).startSync,
	"log":                     (*actionMethods).log,
	"setLogger":               (*actionMethods).setLogger,
	"zodValidateInput":        (*actionMethods).zodValidateInput,
	"tryAcquireLock":          (*actionMethods).tryAcquireLock,
	"releaseLock":             (*actionMethods).releaseLock,
	"releaseAllLocks":         (*actionMethods).releaseAllLocks,
	"getCheckpoint":           (*actionMethods).getCheckpoint,
	"saveCheckpoint":          (*actionMethods).saveCheckpoint,
	"clearCheckpoint":         (*actionMethods).clearCheckpoint,
}

// How long answers are remembered within a run.
const (
	connectionMemo  = time.Minute
	integrationMemo = 10 * time.Minute
)

// memo remembers what a run was answered. It belongs to the run: no answer given to one is seen by another.
type memo struct {
	connections  map[string]remembered
	integrations map[string]remembered
}

type remembered struct {
	body []byte
	at   time.Time
}

// connection hands on the wire form of a connection, from memory if it is fresh.
func (a *actionMethods) connection(t *task, q script.ConnectionRequest, next func(*goja.Object)) {
	r := a.run
	key := q.IntegrationKey + "\x00" + q.ConnectionID
	forced := q.Force || q.RefreshToken || q.RefreshJWT
	use := func(body []byte) {
		o, ok := r.jsonValue(body).(*goja.Object)
		if !ok {
			t.fail("the platform's answer is no connection")
			return
		}
		next(o)
	}
	if m, ok := r.memo.connections[key]; ok && !forced && r.tape.now().Sub(m.at) < connectionMemo {
		use(m.body)
		return
	}
	t.call(script.CallConnectionGet, q, nil, func(answer script.Answer) {
		if r.memo.connections == nil {
			r.memo.connections = map[string]remembered{}
		}
		if !q.RefreshToken { // the next caller may not have asked for that token
			r.memo.connections[key] = remembered{answer.Body, r.tape.now()}
		}
		use(answer.Body)
	})
}

func (a *actionMethods) getConnection(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		q := script.ConnectionRequest{IntegrationKey: r.textArg(c, 0), ConnectionID: r.textArg(c, 1)}
		if o, ok := c.Argument(2).(*goja.Object); ok {
			q.RefreshToken = o.Get("refreshToken") != nil && o.Get("refreshToken").ToBoolean()
			q.RefreshJWT = r.property(o, "refreshGithubAppJwtToken").ToBoolean()
			q.Force = r.property(o, "forceRefresh").ToBoolean()
		}
		if q.IntegrationKey == r.start.Values.ProviderConfigKey {
			q.IntegrationKey = ""
		}
		if q.ConnectionID == r.start.Values.ConnectionID {
			q.ConnectionID = ""
		}
		a.connection(t, q, func(o *goja.Object) { t.resolve(o) })
	})
}

func (a *actionMethods) getToken(goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		a.connection(t, script.ConnectionRequest{}, func(o *goja.Object) {
			credentials, ok := r.property(o, "credentials").(*goja.Object)
			if !ok {
				t.resolve(goja.Undefined())
				return
			}
			mode := causeway.AuthMode(r.text(credentials, "type"))
			if mode != causeway.AuthNone && len(r.keys(credentials)) <= 1 { // the host left out all but the type
				t.fail("This environment doesn't let scripts read credentials (setting scripts.credentials)")
				return
			}
			switch mode { //nolint:exhaustive // the others give their credentials
			case causeway.AuthOAuth2:
				t.resolve(r.property(credentials, "access_token"))
			case causeway.AuthOAuth1:
				token := r.vm.NewObject()
				_ = token.Set("oAuthToken", r.property(credentials, "oauth_token"))
				_ = token.Set("oAuthTokenSecret", r.property(credentials, "oauth_token_secret"))
				t.resolve(token)
			default:
				t.resolve(credentials)
			}
		})
	})
}

func (a *actionMethods) integration(t *task, include []string, next func(*goja.Object)) {
	r := a.run
	key := strings.Join(include, ",")
	use := func(body []byte) {
		o, ok := r.jsonValue(body).(*goja.Object)
		if !ok {
			t.fail("the platform's answer is no integration")
			return
		}
		next(o)
	}
	if m, ok := r.memo.integrations[key]; ok && r.tape.now().Sub(m.at) < integrationMemo {
		use(m.body)
		return
	}
	t.call(script.CallIntegrationGet, script.IntegrationRequest{Include: include}, nil, func(answer script.Answer) {
		if r.memo.integrations == nil {
			r.memo.integrations = map[string]remembered{}
		}
		r.memo.integrations[key] = remembered{answer.Body, r.tape.now()}
		use(answer.Body)
	})
}

func (a *actionMethods) getIntegration(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		var include []string
		if o, ok := c.Argument(0).(*goja.Object); ok {
			include = r.textList(r.property(o, "include"))
		}
		a.integration(t, include, func(o *goja.Object) { t.resolve(o) })
	})
}

func (a *actionMethods) getWebhookURL(goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		a.integration(t, []string{"webhook"}, func(o *goja.Object) {
			url := r.property(o, "webhook_url")
			if goja.IsUndefined(url) {
				url = goja.Null()
			}
			t.resolve(url)
		})
	})
}

func (a *actionMethods) getMetadata(goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		a.connection(t, script.ConnectionRequest{}, func(o *goja.Object) { t.resolve(r.property(o, "metadata")) })
	})
}

func (a *actionMethods) getFieldMapping(goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		a.connection(t, script.ConnectionRequest{}, func(o *goja.Object) {
			if metadata, ok := r.property(o, "metadata").(*goja.Object); ok {
				if mapping := r.property(metadata, "fieldMapping"); mapping.ToBoolean() {
					t.resolve(mapping)
					return
				}
			}
			t.resolve(r.vm.NewObject())
		})
	})
}

func (a *actionMethods) setMetadata(c goja.FunctionCall) goja.Value {
	return a.writeMetadata(script.CallMetadataSet, c)
}

func (a *actionMethods) updateMetadata(c goja.FunctionCall) goja.Value {
	return a.writeMetadata(script.CallMetadataUpdate, c)
}

func (a *actionMethods) writeMetadata(call string, c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		body, err := r.encode(c.Argument(0), script.SpecOf(call).MaxBody)
		if err != nil || body == nil {
			t.fail(reason("The metadata can't be written as JSON", err))
			return
		}
		t.call(call, script.None{}, body, func(answer script.Answer) {
			r.memo.connections = nil
			status := decode[script.APIAnswer](t, answer)
			t.resolve(r.response(script.HTTPAnswer{
				Status: status.Status, StatusText: statusText(status.Status),
				Headers: []script.Pair{{"content-type", "application/json; charset=utf-8"}},
			}, answer.Body, exchange{}))
		})
	})
}

func (a *actionMethods) getEnvironmentVariables(goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		t.call(script.CallVariables, script.None{}, nil, func(answer script.Answer) {
			if len(answer.Body) == 0 {
				t.resolve(r.vm.NewArray())
				return
			}
			t.resolve(r.jsonValue(answer.Body))
		})
	})
}

func (a *actionMethods) getFlowAttributes(goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		if r.start.Values.SyncJobID == 0 {
			t.fail("There is no current sync to get attributes from")
			return
		}
		if len(r.start.Values.Attributes) == 0 {
			t.resolve(r.vm.NewObject())
			return
		}
		t.resolve(r.jsonValue(r.start.Values.Attributes))
	})
}

func (a *actionMethods) log(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		r.logLine(c.Arguments)
		t.resolve(goja.Undefined())
	})
}

// setLogger sets the script's level; "off", which the environment chose, stays.
func (a *actionMethods) setLogger(c goja.FunctionCall) goja.Value {
	r := a.run
	if o, ok := c.Argument(0).(*goja.Object); ok && r.log.level != causeway.LevelOff {
		level := causeway.Level(r.text(o, "level"))
		if known, ok := levels[string(level)]; ok {
			level = known
		}
		switch level {
		case causeway.LevelDebug, causeway.LevelInfo, causeway.LevelWarn, causeway.LevelError, causeway.LevelOff:
			r.log.level = level
			delete(r.nango.own, "logger")
		}
	}
	return goja.Undefined()
}

// zodValidateInput resolves to the parse result, or logs each issue and throws.
func (a *actionMethods) zodValidateInput(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		options, ok := c.Argument(0).(*goja.Object)
		if !ok {
			t.fail("zodValidateInput needs {zodSchema, input}")
			return
		}
		schema, ok := r.property(options, "zodSchema").(*goja.Object)
		if !ok {
			t.fail("zodValidateInput needs a zodSchema")
			return
		}
		parse, ok := goja.AssertFunction(schema.Get("safeParse"))
		if !ok {
			t.fail("zodSchema has no safeParse: it is no zod schema")
			return
		}
		v, err := parse(schema, r.property(options, "input"))
		if err != nil {
			panic(err)
		}
		if result, ok := v.(*goja.Object); !ok || r.property(result, "success").ToBoolean() {
			t.resolve(v)
			return
		} else if failure, ok := r.property(result, "error").(*goja.Object); ok {
			r.logIssues(failure)
		}
		payload := r.vm.NewObject()
		_ = payload.Set("message", "Invalid input provided")
		t.reject(r.newActionError(payload))
	})
}

func (r *run) logIssues(failure *goja.Object) {
	issues, ok := r.property(failure, "issues").(*goja.Object)
	if !ok {
		return
	}
	for _, i := range r.keys(issues) {
		issue, ok := r.property(issues, i).(*goja.Object)
		if !ok {
			continue
		}
		var path []string
		if p, ok := r.property(issue, "path").(*goja.Object); ok {
			for _, k := range r.keys(p) {
				path = append(path, r.toText(r.property(p, k)))
			}
		}
		r.log.write(causeway.LevelError, fmt.Sprintf("Invalid input provided: %s at path %s", r.text(issue, "message"), strings.Join(path, ".")), nil)
	}
}

// textArg is an optional text argument.
func (r *run) textArg(c goja.FunctionCall, i int) string {
	v := c.Argument(i)
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return ""
	}
	return v.String()
}

// textList reads a text or a list of texts.
func (r *run) textList(v goja.Value) []string {
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		return []string{v.String()}
	}
	var out []string
	for _, k := range r.keys(o) {
		out = append(out, r.toText(r.property(o, k)))
	}
	return out
}

func reason(what string, err error) string {
	if err == nil {
		return what
	}
	return what + ": " + err.Error()
}
