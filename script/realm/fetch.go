package realm

import (
	"strings"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script"
)

// uncontrolledFetch is a plain HTTP call without credentials; any status resolves, to a fetch-style response.
func (a *actionMethods) uncontrolledFetch(c goja.FunctionCall) goja.Value {
	r := a.run
	return r.task(func(t *task) {
		o, ok := c.Argument(0).(*goja.Object)
		if !ok {
			t.fail("uncontrolledFetch needs {url, method?, headers?, body?}")
			return
		}
		target, ok := r.property(o, "url").(*goja.Object)
		if !ok || r.tag(target) != "URL" {
			t.fail("uncontrolledFetch needs a URL object as url")
			return
		}
		q := script.FetchRequest{
			Method: strings.ToUpper(r.text(o, "method")), URL: r.toText(target), Headers: r.headerPairs(r.property(o, "headers")),
		}
		if q.Method == "" {
			q.Method = "GET"
		}
		body := r.property(o, "body")
		if plain, ok := body.(*goja.Object); ok && r.tag(plain) == "" { // fetch sends String(body) for anything it doesn't know
			if _, isBytes := r.env.Bytes(plain); !isBytes {
				body = r.vm.ToValue(r.toText(plain))
			}
		}
		_, raw, headers, err := r.requestBody(body, q.Headers)
		if err != nil {
			t.fail("The request's body can't be sent: " + err.Error())
			return
		}
		q.Headers = headers
		t.http(script.CallFetch, q, raw, exchange{method: q.Method}, func(answer script.HTTPAnswer, body []byte) {
			pairs := make([]any, len(answer.Headers))
			for i, h := range answer.Headers {
				pairs[i] = r.vm.NewArray(h[0], h[1])
			}
			text := answer.StatusText
			if text == "" {
				text = statusText(answer.Status)
			}
			t.resolve(r.webCall("makeResponse", r.vm.ToValue(answer.Status), r.vm.ToValue(text), r.vm.NewArray(pairs...),
				r.buffer(body), r.vm.ToValue(answer.URL)))
		})
	})
}

// statusTexts are the reason phrases of RFC 9110 and RFC 6585 that answers have, for transports that don't carry them.
var statusTexts = map[int]string{
	200: "OK", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content", 206: "Partial Content",
	301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
	400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 412: "Precondition Failed", 413: "Payload Too Large",
	415: "Unsupported Media Type", 422: "Unprocessable Entity", 423: "Locked", 424: "Failed Dependency", 425: "Too Early",
	428: "Precondition Required", 429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
	503: "Service Unavailable", 504: "Gateway Timeout",
}

func statusText(status int) string { return statusTexts[status] }
