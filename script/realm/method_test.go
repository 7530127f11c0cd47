package realm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// one answers every call with the same.
func one(a script.Answer) *fakeHost {
	return &fakeHost{answer: func(context.Context, script.Call) (script.Answer, error) { return a, nil }}
}

// failing fails every call.
func failing(err *script.CallError) *fakeHost {
	return &fakeHost{answer: func(context.Context, script.Call) (script.Answer, error) { return script.Answer{}, err }}
}

func proxyRequest(t *testing.T, h *fakeHost, i int) script.ProxyRequest {
	t.Helper()
	var q script.ProxyRequest
	require.Greater(t, len(h.calls), i)
	require.NoError(t, json.Unmarshal(h.calls[i].Meta, &q))
	return q
}

func TestProxyRequests(t *testing.T) {
	yes := true
	for name, test := range map[string]struct {
		call string
		want script.ProxyRequest
		body string
	}{
		"get by default": {`nango.proxy({endpoint: "/x"})`, script.ProxyRequest{Method: "GET", Endpoint: "/x"}, ""},
		"method in any case": {`nango.proxy({endpoint: "/x", method: "delete"})`,
			script.ProxyRequest{Method: "DELETE", Endpoint: "/x", BodyKind: "none"}, ""},
		"a verb method wins": {`nango.get({endpoint: "/x", method: "POST", data: {a: 1}})`, script.ProxyRequest{Method: "GET", Endpoint: "/x"}, ""},
		"params key by key": {`nango.get({endpoint: "/x", params: {b: "2", a: [1, 2], n: 3, u: undefined, z: null, f: false}})`,
			script.ProxyRequest{Method: "GET", Endpoint: "/x", Params: []script.Pair{{"b", "2"}, {"a", "1,2"}, {"n", "3"}, {"f", "false"}}}, ""},
		"params as text": {`nango.get({endpoint: "/x", params: "?a=1&a=2"})`, script.ProxyRequest{Method: "GET", Endpoint: "/x", Query: "a=1&a=2"}, ""},
		"params as URLSearchParams": {`nango.get({endpoint: "/x", params: new URLSearchParams([["a","1"],["a","2"]])})`,
			script.ProxyRequest{Method: "GET", Endpoint: "/x", Query: "a=1&a=2"}, ""},
		"headers in lower case": {`nango.get({endpoint: "/x", headers: {"X-A": 1, "x-u": undefined}})`,
			script.ProxyRequest{Method: "GET", Endpoint: "/x", Headers: []script.Pair{{"x-a", "1"}}}, ""},
		"everything else": {`nango.get({endpoint: "/x", baseUrlOverride: "https://b", retries: 3, retryOn: [404, 409], decompress: true,
				retryHeader: {at: "x-reset", after: ["retry-after"]}, forwardHeadersOnRedirect: true, providerConfigKey: "p", connectionId: "c"})`,
			script.ProxyRequest{Method: "GET", Endpoint: "/x", BaseURLOverride: "https://b", Retries: 3, RetryOn: []int{404, 409}, Decompress: true,
				RetryHeader: &script.RetryHeader{At: []string{"x-reset"}, After: []string{"retry-after"}}, ForwardHeadersOnRedirect: &yes,
				IntegrationKey: "p", ConnectionID: "c"}, ""},
		"object as JSON": {`nango.post({endpoint: "/x", data: {a: [1], d: new Date(0)}})`,
			script.ProxyRequest{Method: "POST", Endpoint: "/x", BodyKind: "json", Headers: []script.Pair{{"content-type", "application/json"}}},
			`{"a":[1],"d":"1970-01-01T00:00:00.000Z"}`},
		"text as it is": {`nango.put({endpoint: "/x", data: "<a/>", headers: {"Content-Type": "text/xml"}})`,
			script.ProxyRequest{Method: "PUT", Endpoint: "/x", BodyKind: "text", Headers: []script.Pair{{"content-type", "text/xml"}}}, `<a/>`},
		"buffer as it is": {`nango.patch({endpoint: "/x", data: Buffer.from([65, 255])})`,
			script.ProxyRequest{Method: "PATCH", Endpoint: "/x", BodyKind: "bytes"}, "A\xff"},
		"URLSearchParams as a form": {`nango.post({endpoint: "/x", data: new URLSearchParams({a: "b c"})})`,
			script.ProxyRequest{Method: "POST", Endpoint: "/x", BodyKind: "form",
				Headers: []script.Pair{{"content-type", "application/x-www-form-urlencoded;charset=utf-8"}}}, "a=b+c"},
		"object as a form": {`nango.post({endpoint: "/x", data: {a: "b c", n: {m: [1, 2]}}, headers: {"content-type": "application/x-www-form-urlencoded"}})`,
			script.ProxyRequest{Method: "POST", Endpoint: "/x", BodyKind: "form",
				Headers: []script.Pair{{"content-type", "application/x-www-form-urlencoded"}}}, "a=b+c&n%5Bm%5D%5B%5D=1&n%5Bm%5D%5B%5D=2"},
	} {
		t.Run(name, func(t *testing.T) {
			host := one(httpAnswer(t, 200, `{}`))
			output(t, runBody(t, host, `await `+test.call+`;`))
			require.Equal(t, test.want, proxyRequest(t, host, 0))
			require.Equal(t, test.body, string(host.calls[0].Body))
		})
	}
}

func TestMultipartForms(t *testing.T) {
	for name, data := range map[string]string{
		"FormData":                `(() => { const f = new FormData(); f.append("a", "1"); f.append("f", new File(["content"], "n.txt", {type: "text/plain"})); return {data: f}; })()`,
		"object with the header":  `{data: {a: 1, f: new File(["content"], "n.txt", {type: "text/plain"})}, headers: {"Content-Type": "multipart/form-data"}}`,
		"a list makes more parts": `{data: {a: [1], f: [new File(["content"], "n.txt", {type: "text/plain"})]}, headers: {"content-type": "multipart/form-data"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			host := one(httpAnswer(t, 200, `{}`))
			output(t, runBody(t, host, `await nango.post({endpoint: "/x", ...`+data+`});`))
			q := proxyRequest(t, host, 0)
			require.Equal(t, "multipart", q.BodyKind)
			require.Len(t, q.Headers, 1)
			_, boundary, ok := strings.Cut(q.Headers[0][1], "multipart/form-data; boundary=")
			require.True(t, ok, q.Headers[0][1])
			body := string(host.calls[0].Body)
			require.Equal(t, 3, strings.Count(body, boundary))
			require.Contains(t, body, "name=\"a\"\r\n\r\n1\r\n")
			require.Contains(t, body, "name=\"f\"; filename=\"n.txt\"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n")
		})
	}
}

func TestProxyResponses(t *testing.T) {
	for name, test := range map[string]struct{ config, body, expression, want string }{
		"JSON":               {``, `{"a":1}`, `r.data`, `{"a":1}`},
		"no JSON":            {``, `plain`, `r.data`, `"plain"`},
		"empty":              {``, ``, `r.data`, `""`},
		"byte order mark":    {``, "\xef\xbb\xbf{\"a\":1}", `r.data`, `{"a":1}`},
		"Latin-1":            {``, "{\"n\":\"\xe9\"}", `r.data`, `{"n":"�"}`},
		"UTF-16":             {``, "\xff\xfe{\x00}\x00", `typeof r.data`, `"string"`},
		"text isn't parsed":  {`responseType: "text"`, `{"a":1}`, `r.data`, `"{\"a\":1}"`},
		"arraybuffer":        {`responseType: "arraybuffer"`, "a\xff", `[Buffer.isBuffer(r.data), r.data.toString("hex")]`, `[true,"61ff"]`},
		"stream, iterated":   {`responseType: "stream"`, "abc", `await (async () => { const it = r.data[Symbol.asyncIterator](); return (await it.next()).value.toString() })()`, `"abc"`},
		"stream, by events":  {`responseType: "stream"`, "abc", `await new Promise(ok => { let s = ""; r.data.on("data", c => s += c).on("end", () => ok(s)) })`, `"abc"`},
		"status and headers": {``, `{}`, `[r.status, r.statusText, r.headers["x-a"], r.headers["set-cookie"], r.headers.link]`, `[201,"Created","1",["a","b"],"l1, l2"]`},
		"config and request": {`params: {p: 1}`, `{}`, `[r.config.method, r.config.url, r.config.params, r.request.path]`, `["get","https://api.example.com/x",{"p":1},"/x"]`},
	} {
		t.Run(name, func(t *testing.T) {
			host := one(httpAnswer(t, 201, test.body, script.Pair{"x-a", "1"}, script.Pair{"set-cookie", "a"}, script.Pair{"Link", "l1"},
				script.Pair{"set-cookie", "b"}, script.Pair{"link", "l2"}))
			require.JSONEq(t, test.want, output(t, runBody(t, host, `const r = await nango.get({endpoint: "/x", `+test.config+`}); return `+test.expression+`;`)))
		})
	}
}

func TestHTTPErrors(t *testing.T) {
	const probe = `try { await nango.get({endpoint: "/x"}) } catch (e) {
		return [e instanceof Error, e.isAxiosError, e.name, e.message, e.code, e.status ?? null, e.response?.data ?? null, e.response?.headers["x-a"] ?? null,
			e.config.method, JSON.parse(JSON.stringify(e)).message, e.stack.split("\n")[0], e.stack.includes("script-acme.cjs:1:")] }`
	for name, test := range map[string]struct {
		host *fakeHost
		want string
	}{
		"the host rejects": {
			failing(&script.CallError{Response: &script.HTTPAnswer{Status: 404, Headers: []script.Pair{{"x-a", "1"}}}, Body: []byte(`{"e":1}`)}),
			`[true,true,"AxiosError","Request failed with status code 404","ERR_BAD_REQUEST",404,{"e":1},"1","get","Request failed with status code 404",
				"AxiosError: Request failed with status code 404",true]`,
		},
		"the host answers": {
			one(httpAnswer(t, 503, `down`)),
			`[true,true,"AxiosError","Request failed with status code 503","ERR_BAD_RESPONSE",503,"down",null,"get","Request failed with status code 503",
				"AxiosError: Request failed with status code 503",true]`,
		},
		"no answer": {
			failing(&script.CallError{Network: true, Code: "ECONNRESET", Message: "socket hang up"}),
			`[true,true,"AxiosError","socket hang up","ECONNRESET",null,null,null,"get","socket hang up","AxiosError: socket hang up",true]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.JSONEq(t, test.want, output(t, runBody(t, test.host, probe)))
		})
	}
}

func TestConfigurationErrorsHaveACode(t *testing.T) {
	host := failing(&script.CallError{Code: "invalid_query_params", Message: "twice"})
	require.JSONEq(t, `["invalid_query_params","twice",true,null]`, output(t, runBody(t, host,
		`try { await nango.get({endpoint: "/x"}) } catch (e) { return [e.code, e.message, e instanceof Error, e.isAxiosError ?? null] }`)))
}

func TestUncontrolledFetch(t *testing.T) {
	host := one(httpAnswer(t, 404, `{"a":1}`, script.Pair{"x-a", "1"}))
	got := output(t, runBody(t, host, `
		const r = await nango.uncontrolledFetch({url: new URL("https://x.com/p"), method: "post", headers: {A: "1"}, body: "b"});
		const again = r.clone();
		return [r.ok, r.status, r.statusText, r.headers.get("X-A"), await r.json(), await again.text(), r.url];`))
	require.JSONEq(t, `[false,404,"Not Found","1",{"a":1},"{\"a\":1}","https://api.example.com/x"]`, got)
	var q script.FetchRequest
	require.NoError(t, json.Unmarshal(host.calls[0].Meta, &q))
	require.Equal(t, script.FetchRequest{Method: "POST", URL: "https://x.com/p", Headers: []script.Pair{{"a", "1"}}}, q)
	require.Equal(t, "b", string(host.calls[0].Body))

	require.Contains(t, output(t, runBody(t, &fakeHost{}, `try { await nango.uncontrolledFetch({url: "https://x.com"}) } catch (e) { return e.message }`)), "URL object")

	refused := failing(&script.CallError{Action: true, Code: "url_not_allowed", Body: []byte(`{"code":"url_not_allowed"}`)})
	result := runBody(t, refused, `await nango.uncontrolledFetch({url: new URL("http://10.0.0.1")});`)
	require.Equal(t, causeway.CodeActionRuntimeError, result.Code)
	require.JSONEq(t, `{"code":"url_not_allowed"}`, payload(t, result))
}

const connectionJSON = `{"id":1,"connection_id":"c1","metadata":{"m":1,"fieldMapping":{"a":"b"}},"credentials":{"type":"OAUTH2","access_token":"tok"}}`

func TestConnection(t *testing.T) {
	for name, test := range map[string]struct{ connection, body, want string }{
		"connection":           {connectionJSON, `return (await nango.getConnection()).connection_id`, `"c1"`},
		"metadata":             {connectionJSON, `return await nango.getMetadata()`, `{"m":1,"fieldMapping":{"a":"b"}}`},
		"no metadata":          {`{"metadata":null}`, `return await nango.getMetadata()`, `null`},
		"field mapping":        {connectionJSON, `return await nango.getFieldMapping()`, `{"a":"b"}`},
		"no field mapping":     {`{"metadata":{}}`, `return await nango.getFieldMapping()`, `{}`},
		"OAuth 2 token":        {connectionJSON, `return await nango.getToken()`, `"tok"`},
		"OAuth 1 token":        {`{"credentials":{"type":"OAUTH1","oauth_token":"t","oauth_token_secret":"s"}}`, `return await nango.getToken()`, `{"oAuthToken":"t","oAuthTokenSecret":"s"}`},
		"other credentials":    {`{"credentials":{"type":"API_KEY","apiKey":"k"}}`, `return await nango.getToken()`, `{"type":"API_KEY","apiKey":"k"}`},
		"no credentials":       {`{"credentials":{"type":"NONE"}}`, `return await nango.getToken()`, `{"type":"NONE"}`},
		"credentials are shut": {`{"credentials":{"type":"OAUTH2"}}`, `try { await nango.getToken() } catch (e) { return e.message }`, `"This environment doesn't let scripts read credentials (setting scripts.credentials)"`},
		"read once a minute":   {connectionJSON, `await nango.getConnection(); await nango.getMetadata(); await nango.getToken(); return 1`, `1`},
		"own names are no key": {connectionJSON, `await nango.getConnection(); await nango.getConnection("acme", "c1"); return 1`, `1`},
		"copies":               {connectionJSON, `(await nango.getMetadata()).m = 2; return (await nango.getMetadata()).m`, `1`},
	} {
		t.Run(name, func(t *testing.T) {
			host := one(script.Answer{Body: []byte(test.connection)})
			require.JSONEq(t, test.want, output(t, runBody(t, host, test.body)))
			require.Len(t, host.calls, 1)
		})
	}
	for name, body := range map[string]string{
		"another connection":   `await nango.getConnection(); await nango.getConnection("other", "c2");`,
		"forced":               `await nango.getConnection(); await nango.getConnection(undefined, undefined, {forceRefresh: true});`,
		"refresh token":        `await nango.getConnection(); await nango.getConnection(undefined, undefined, {refreshToken: true});`,
		"after setting it":     `await nango.getMetadata(); await nango.setMetadata({x: 1}); await nango.getMetadata();`,
		"after a partial edit": `await nango.getMetadata(); await nango.updateMetadata({x: 1}); await nango.getMetadata();`,
	} {
		t.Run(name, func(t *testing.T) {
			host := &fakeHost{answer: func(_ context.Context, c script.Call) (script.Answer, error) {
				if c.Name == script.CallConnectionGet {
					return script.Answer{Body: []byte(connectionJSON)}, nil
				}
				return answerJSON(t, script.APIAnswer{Status: 200}), nil
			}}
			output(t, runBody(t, host, body))
			got := slices.DeleteFunc(host.names(), func(n string) bool { return n != script.CallConnectionGet })
			require.Len(t, got, 2)
		})
	}
}

func TestPlatformMethods(t *testing.T) {
	for name, test := range map[string]struct {
		answer     script.Answer
		body, want string
		meta, sent string // of the call
	}{
		"integration":        {script.Answer{Body: []byte(`{"unique_key":"acme"}`)}, `return [await nango.getIntegration(), await nango.getIntegration()]`, `[{"unique_key":"acme"},{"unique_key":"acme"}]`, `{}`, ``},
		"integration, more":  {script.Answer{Body: []byte(`{}`)}, `return await nango.getIntegration({include: ["webhook", "credentials"]})`, `{}`, `{"include":["webhook","credentials"]}`, ``},
		"webhook url":        {script.Answer{Body: []byte(`{"webhook_url":"https://w"}`)}, `return await nango.getWebhookURL()`, `"https://w"`, `{"include":["webhook"]}`, ``},
		"no webhook url":     {script.Answer{Body: []byte(`{}`)}, `return await nango.getWebhookURL()`, `null`, `{"include":["webhook"]}`, ``},
		"variables":          {script.Answer{Body: []byte(`[{"name":"A","value":"1"}]`)}, `return await nango.getEnvironmentVariables()`, `[{"name":"A","value":"1"}]`, `{}`, ``},
		"no variables":       {script.Answer{}, `return await nango.getEnvironmentVariables()`, `[]`, `{}`, ``},
		"set metadata":       {withBody(answerJSON(t, script.APIAnswer{Status: 201}), `{"ok":true}`), `const r = await nango.setMetadata({a: 1}); return [r.status, r.data]`, `[201,{"ok":true}]`, `{}`, `{"a":1}`},
		"set field mapping":  {answerJSON(t, script.APIAnswer{Status: 200}), `return (await nango.setFieldMapping({a: 1})).status`, `200`, `{}`, `{"a":1}`},
		"trigger an action":  {script.Answer{Body: []byte(`{"out":1}`)}, `return await nango.triggerAction("acme", "c2", "act", {i: 1})`, `{"out":1}`, `{"integration_key":"acme","connection_id":"c2","name":"act"}`, `{"i":1}`},
		"trigger a sync":     {script.Answer{}, `return [await nango.triggerSync("acme", "c2", {name: "s", variant: "v"}, {reset: true, emptyCache: true})]`, `[null]`, `{"integration_key":"acme","connection_id":"c2","syncs":[{"name":"s","variant":"v"}],"reset":true,"empty_cache":true}`, ``},
		"trigger, by mode":   {script.Answer{}, `await nango.triggerSync("acme", "c2", "s", "full_refresh"); return 1`, `1`, `{"integration_key":"acme","connection_id":"c2","syncs":[{"name":"s"}],"reset":true}`, ``},
		"trigger, by true":   {script.Answer{}, `await nango.triggerSync("acme", "c2", "s", true); return 1`, `1`, `{"integration_key":"acme","connection_id":"c2","syncs":[{"name":"s"}],"reset":true}`, ``},
		"start schedules":    {script.Answer{}, `await nango.startSync("acme", ["s", {name: "t", variant: "v"}], "c2"); return 1`, `1`, `{"integration_key":"acme","connection_id":"c2","syncs":[{"name":"s"},{"name":"t","variant":"v"}]}`, ``},
		"acquire a lock":     {answerJSON(t, script.LockAnswer{Done: true}), `return await nango.tryAcquireLock({key: "k", ttlMs: 1000})`, `true`, `{"key":"k","ttl_ms":1000}`, ``},
		"lock is taken":      {answerJSON(t, script.LockAnswer{}), `return await nango.tryAcquireLock({key: "k", ttlMs: 1000})`, `false`, `{"key":"k","ttl_ms":1000}`, ``},
		"release a lock":     {answerJSON(t, script.LockAnswer{Done: true}), `return await nango.releaseLock({key: "k"})`, `true`, `{"key":"k"}`, ``},
		"release all":        {answerJSON(t, script.LockAnswer{Done: true}), `return await nango.releaseAllLocks()`, `true`, `{}`, ``},
		"methods are bound":  {script.Answer{Body: []byte(`{}`)}, `const {getIntegration} = nango; return await getIntegration()`, `{}`, `{}`, ``},
		"methods stay equal": {script.Answer{Body: []byte(`{}`)}, `await nango.getIntegration(); return nango.get === nango.get`, `true`, `{}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			host := one(test.answer)
			require.JSONEq(t, test.want, output(t, runBody(t, host, test.body)))
			require.Len(t, host.calls, 1)
			require.JSONEq(t, test.meta, string(host.calls[0].Meta))
			require.Equal(t, test.sent, string(host.calls[0].Body))
		})
	}
}

func withBody(a script.Answer, body string) script.Answer {
	a.Body = []byte(body)
	return a
}

func TestArgumentsThatAreRefusedWithoutACall(t *testing.T) {
	for call, want := range map[string]string{
		`nango.tryAcquireLock({key: "", ttlMs: 5})`:                                              "Invalid lock key: it must be between 1 and 255 characters",
		`nango.tryAcquireLock({key: "x".repeat(256), ttlMs: 5})`:                                 "Invalid lock key: it must be between 1 and 255 characters",
		`nango.tryAcquireLock({key: "k", ttlMs: 0})`:                                             "Invalid lock TTL: ttlMs must be a number greater than 0",
		`nango.releaseLock()`:                                                                    "Invalid lock key: it must be between 1 and 255 characters",
		`nango.getFlowAttributes()`:                                                              "There is no current sync to get attributes from",
		`nango.triggerSync("a", "b", "s", "sideways")`:                                           "Unknown sync mode: sideways",
		`nango.saveCheckpoint({a: {b: 1}})`:                                                      `Error saving checkpoint: checkpoint field "a" has to be a text, a number or a boolean`,
		`nango.saveCheckpoint("x")`:                                                              `Error saving checkpoint: a checkpoint has to be an object`,
		`nango.saveCheckpoint(Object.fromEntries([...Array(17).keys()].map(i => ["k" + i, 1])))`: `Error saving checkpoint: a checkpoint has at most 16 fields, this one has 17`,
		`nango.proxy()`: "a proxy call needs a configuration object",
		`nango.post({endpoint: "/x", data: (() => { const a = {}; a.self = a; return a })()})`: "The request's data can't be sent: property self closes a circle",
	} {
		require.JSONEq(t, quote(t, want), output(t, runBody(t, &fakeHost{}, `try { await `+call+` } catch (e) { return e.message }`)), call)
	}
}

func TestFlowAttributes(t *testing.T) {
	job := with(func(s *script.Start) { s.Values.SyncJobID = 5; s.Values.Attributes = json.RawMessage(`{"a":1}`) })
	require.Equal(t, `{"a":1}`, output(t, runBody(t, &fakeHost{}, `return await nango.getFlowAttributes()`, job)))
}

func TestPlainValues(t *testing.T) {
	values := `[nango.connectionId, nango.providerConfigKey, nango.provider, nango.environmentId, nango.environmentName, nango.accountId, nango.activityLogId,
		nango.scriptType, nango.syncId ?? null, nango.syncJobId ?? null, nango.nangoConnectionId, nango.isCLI, nango.runnerFlags, nango.logger.level,
		nango.lastSyncDate ?? null, nango.variant ?? null, nango.track_deletes ?? null, typeof nango.batchSave, typeof nango.ActionError]`
	require.JSONEq(t, `["c1","acme","acme-provider",7,"dev",3,"op1","action",null,null,11,false,{},"debug",null,null,null,"undefined","function"]`,
		output(t, runBody(t, &fakeHost{}, `return `+values)))

	last := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	saved := runBody(t, &fakeHost{answer: func(context.Context, script.Call) (script.Answer, error) {
		return answerJSON(t, script.RecordsAnswer{}), nil
	}},
		`const v = [nango.lastSyncDate, nango.lastSyncDate instanceof Date, nango.variant, nango.track_deletes, nango.emptyCache, typeof nango.batchSave];
		await nango.batchSave([{id: "1", v}], "Widget");`,
		ofKind(causeway.RunSync), with(func(s *script.Start) { s.Values.LastSyncDate = &last; s.Values.TrackDeletes = true }))
	require.Empty(t, saved.Code, saved.Message)
}

func TestInternalMembersAreShut(t *testing.T) {
	for _, use := range []string{`nango.%s`, `nango["%s"] = 1`, `delete nango.%s`} {
		for _, name := range []string{"constructor", "prototype", "persistClient", "abortSignal", "telemetry", "nango", "modelFullName"} {
			got := output(t, runBody(t, &fakeHost{}, fmt.Sprintf(`try { `+use+`; return "open" } catch (e) { return [e.message, e instanceof Error] }`, name)))
			require.JSONEq(t, `["Access to \"`+name+`\" is not allowed.",true]`, got, use)
		}
	}
	require.Contains(t, output(t, runBody(t, &fakeHost{}, `try { return nango.__proto__ } catch (e) { return e.message }`)), "not allowed")
	require.JSONEq(t, `[1,"undefined",true,true]`, output(t, runBody(t, &fakeHost{},
		`nango.mine = 1; const a = [nango.mine, typeof nango.nothing, "get" in nango]; delete nango.mine; return [...a, !("mine" in nango)]`)))
}

func TestZodValidateInput(t *testing.T) {
	schema := `const zodSchema = {safeParse: (v) => v.ok ? {success: true, data: v} : {success: false, error: {issues: [{message: "bad", path: ["a", 0]}, {message: "worse", path: []}]}}};`
	require.JSONEq(t, `{"success":true,"data":{"ok":1}}`, output(t, runBody(t, &fakeHost{}, schema+`return await nango.zodValidateInput({zodSchema, input: {ok: 1}})`)))

	host := &fakeHost{}
	result := runBody(t, host, schema+`await nango.zodValidateInput({zodSchema, input: {}})`)
	require.Equal(t, causeway.CodeActionRuntimeError, result.Code)
	require.JSONEq(t, `{"message":"Invalid input provided"}`, payload(t, result))
	require.Equal(t, []string{"error: Invalid input provided: bad at path a.0", "error: Invalid input provided: worse at path "}, host.lines(t))
}
