package realm

import (
	"bytes"
	"fmt"
	"math"
	"net/url"
	"strings"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/modules/buffer"
)

// exchange is what of a call is needed to show its answer: the configuration as the script gave it, and the type of the
// answer that it asked for.
type exchange struct {
	method       string
	config       *goja.Object
	responseType string
}

// proxyCall is a proxy configuration as a request.
type proxyCall struct {
	exchange
	request script.ProxyRequest
	body    []byte
}

// proxy is nango.proxy and, with a method, nango.get and its siblings.
func (a *actionMethods) proxy(method string, c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		call, err := r.proxyCall(c.Argument(0), method)
		if err != nil {
			t.reject(r.callError(err, t.stack))
			return
		}
		t.http(script.CallProxy, call.request, call.body, call.exchange, func(answer script.HTTPAnswer, body []byte) {
			t.resolve(r.response(answer, body, call.exchange))
		})
	})
}

// http makes an HTTP call: a status outside of 2xx and a network failure reject with an HTTP error.
func (t *task) http(name string, request any, body []byte, x exchange, next func(script.HTTPAnswer, []byte)) {
	t.ask(name, request, body, func(a script.Answer, err *script.CallError) {
		switch {
		case err != nil && t.r.stopped() != nil: // the abort cancelled it
			t.abort()
		case err != nil && (err.Response != nil || err.Network):
			t.reject(t.r.httpError(err, x, t.stack))
		case err != nil:
			t.reject(t.r.callError(err, t.stack))
		default:
			answer := decode[script.HTTPAnswer](t, a)
			if name == script.CallProxy && (answer.Status < 200 || answer.Status > 299) {
				t.reject(t.r.httpError(&script.CallError{Response: &answer, Body: a.Body}, x, t.stack))
				return
			}
			next(answer, a.Body)
		}
	})
}

// proxyCall reads a configuration.
func (r *run) proxyCall(config goja.Value, method string) (proxyCall, *script.CallError) {
	o, ok := config.(*goja.Object)
	if !ok {
		return proxyCall{}, &script.CallError{Code: "invalid_config", Message: "a proxy call needs a configuration object"}
	}
	if method == "" {
		if method = strings.ToUpper(r.text(o, "method")); method == "" {
			method = "GET"
		}
	}
	p := proxyCall{exchange: exchange{method: method, config: o, responseType: r.text(o, "responseType")}}
	q := &p.request
	q.Method = method
	q.Endpoint = r.text(o, "endpoint")
	q.BaseURLOverride = r.text(o, "baseUrlOverride")
	q.IntegrationKey = r.text(o, "providerConfigKey")
	q.ConnectionID = r.text(o, "connectionId")
	q.Retries = r.retries(o)
	q.RetryOn = r.statusList(r.property(o, "retryOn"))
	q.RetryHeader = r.retryHeader(r.property(o, "retryHeader"))
	q.Decompress = r.property(o, "decompress").ToBoolean()
	if v := r.property(o, "forwardHeadersOnRedirect"); !goja.IsUndefined(v) && !goja.IsNull(v) {
		forward := v.ToBoolean()
		q.ForwardHeadersOnRedirect = &forward
	}
	q.Headers = r.headerPairs(r.property(o, "headers"))
	q.Params, q.Query = r.params(r.property(o, "params"))
	if method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE" {
		if err := r.addBody(&p, r.property(o, "data")); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (r *run) addBody(p *proxyCall, data goja.Value) *script.CallError {
	var err error
	p.request.BodyKind, p.body, p.request.Headers, err = r.requestBody(data, p.request.Headers)
	if err != nil {
		return &script.CallError{Code: "invalid_request_body", Message: "The request's data can't be sent: " + err.Error()}
	}
	return nil
}

// retries is how many further attempts are asked for; what is no number counts as none.
func (r *run) retries(o *goja.Object) int {
	const most = 100
	f := r.property(o, "retries").ToFloat()
	if math.IsNaN(f) || f < 0 {
		return 0
	}
	return int(math.Min(f, most))
}

func (r *run) statusList(v goja.Value) []int {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil
	}
	var out []int
	for _, k := range r.keys(o) {
		out = append(out, int(r.property(o, k).ToInteger()))
	}
	return out
}

func (r *run) retryHeader(v goja.Value) *script.RetryHeader {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil
	}
	return &script.RetryHeader{At: r.textList(r.property(o, "at")), After: r.textList(r.property(o, "after"))}
}

// headerPairs reads a record of headers, or a Headers object.
func (r *run) headerPairs(v goja.Value) []script.Pair {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil
	}
	var out []script.Pair
	if r.tag(o) == "Headers" {
		r.eachPair(o, func(name string, v goja.Value) { out = append(out, script.Pair{strings.ToLower(name), r.toText(v)}) })
		return out
	}
	for _, name := range r.keys(o) {
		if v := r.property(o, name); !goja.IsUndefined(v) && !goja.IsNull(v) {
			out = append(out, script.Pair{strings.ToLower(name), r.toText(v)})
		}
	}
	return out
}

// params reads query parameters: a record is set key by key (a list becomes comma joined, undefined and null are left
// out), a text or URLSearchParams is the query itself.
func (r *run) params(v goja.Value) ([]script.Pair, string) {
	switch v := v.(type) {
	case goja.String:
		return nil, strings.TrimPrefix(v.String(), "?")
	case *goja.Object:
		if r.tag(v) == "URLSearchParams" {
			return nil, r.toText(v)
		}
		var out []script.Pair
		for _, name := range r.keys(v) {
			if value := r.property(v, name); !goja.IsUndefined(value) && !goja.IsNull(value) {
				out = append(out, script.Pair{name, r.toText(value)})
			}
		}
		return out, ""
	}
	return nil, ""
}

// tag is what kind of web object a value is, by its toStringTag, or "".
func (r *run) tag(o *goja.Object) (tag string) {
	_ = r.vm.Try(func() {
		if s, ok := o.GetSymbol(goja.SymToStringTag).(goja.String); ok {
			tag = s.String()
		}
	})
	return tag
}

// eachPair walks the entries of a web collection.
func (r *run) eachPair(o *goja.Object, f func(name string, v goja.Value)) {
	entries, ok := goja.AssertFunction(o.Get("entries"))
	if !ok {
		return
	}
	list, err := entries(o)
	if err != nil {
		panic(err)
	}
	r.vm.ForOf(list, func(pair goja.Value) bool {
		p := pair.ToObject(r.vm)
		f(p.Get("0").String(), p.Get("1"))
		return true
	})
}

// response is the object that a proxy call resolves to.
func (r *run) response(a script.HTTPAnswer, body []byte, x exchange) *goja.Object {
	o := r.vm.NewObject()
	_ = o.Set("data", r.responseData(body, x.responseType))
	_ = o.Set("status", a.Status)
	text := a.StatusText
	if text == "" {
		text = statusText(a.Status)
	}
	_ = o.Set("statusText", text)
	_ = o.Set("headers", r.headersObject(a.Headers))
	_ = o.Set("config", r.requestConfig(x, a.URL))
	_ = o.Set("request", r.requestObject(x, a.URL))
	return o
}

func (r *run) responseData(body []byte, responseType string) goja.Value {
	switch responseType {
	case "arraybuffer":
		return r.buffer(body)
	case "stream":
		return r.webCall("makeStream", r.buffer(body))
	}
	text := buffer.DecodeUTF8(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if responseType == "" || responseType == "json" {
		if text == "" {
			return r.vm.ToValue("")
		}
		if v, err := r.parseJSON(text); err == nil {
			return v
		}
	}
	return r.vm.ToValue(text)
}

// headersObject has names in lower case; repeated lines are joined, but for cookies, which are a list.
func (r *run) headersObject(pairs []script.Pair) *goja.Object {
	o := r.vm.NewObject()
	values := map[string]string{}
	var cookies []any
	for _, p := range pairs {
		name := strings.ToLower(p[0])
		if name == "set-cookie" {
			cookies = append(cookies, p[1])
			continue
		}
		if before, ok := values[name]; ok {
			values[name] = before + ", " + p[1]
		} else {
			values[name] = p[1]
		}
		_ = o.Set(name, values[name])
	}
	if cookies != nil {
		_ = o.Set("set-cookie", r.vm.NewArray(cookies...))
	}
	return o
}

func (r *run) requestConfig(x exchange, target string) *goja.Object {
	o := r.vm.NewObject()
	if x.config != nil {
		for _, name := range []string{"headers", "params", "data", "responseType"} {
			if v := r.property(x.config, name); !goja.IsUndefined(v) {
				_ = o.Set(name, v)
			}
		}
	}
	_ = o.Set("method", strings.ToLower(x.method))
	_ = o.Set("url", target)
	return o
}

func (r *run) requestObject(x exchange, target string) *goja.Object {
	o := r.vm.NewObject()
	_ = o.Set("method", x.method)
	if u, err := url.Parse(target); err == nil {
		_ = o.Set("host", u.Host)
		_ = o.Set("path", u.RequestURI())
	}
	res := r.vm.NewObject()
	_ = res.Set("responseUrl", target)
	_ = o.Set("res", res)
	return o
}

// httpError is the error of a call that was answered with a failure, or not at all.
func (r *run) httpError(err *script.CallError, x exchange, stack string) *goja.Object {
	message, code := err.Message, err.Code
	if err.Response != nil {
		message = fmt.Sprintf("Request failed with status code %d", err.Response.Status)
		code = "ERR_BAD_REQUEST"
		if err.Response.Status >= 500 {
			code = "ERR_BAD_RESPONSE"
		}
	}
	e := r.newError(message, "")
	r.setStack(e, "AxiosError: "+message, stack)
	hide := func(name string, v any) {
		_ = e.DefineDataProperty(name, r.vm.ToValue(v), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	}
	hide("name", "AxiosError")
	hide("isAxiosError", true)
	hide("toJSON", r.function("toJSON", func(goja.FunctionCall) goja.Value {
		o := r.vm.NewObject()
		for _, name := range []string{"message", "name", "stack", "config", "code", "status"} {
			_ = o.Set(name, e.Get(name))
		}
		return o
	}))
	_ = e.Set("code", code)
	if err.Response == nil {
		_ = e.Set("config", r.requestConfig(x, ""))
		_ = e.Set("request", r.requestObject(x, ""))
		return e
	}
	response := r.response(*err.Response, err.Body, x)
	_ = e.Set("status", err.Response.Status)
	_ = e.Set("config", response.Get("config"))
	_ = e.Set("request", response.Get("request"))
	_ = e.Set("response", response)
	if err.Platform {
		r.platform[e] = true
	}
	return e
}
