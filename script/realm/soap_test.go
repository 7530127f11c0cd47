package realm_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script"
)

// soapService answers calls of a SOAP service by its action, and GETs with documents by their address.
func soapService(t *testing.T, documents map[string]string) *fakeHost {
	t.Helper()
	raw, err := os.ReadFile("testdata/soap-answers.json")
	require.NoError(t, err)
	answers := map[string]string{}
	require.NoError(t, json.Unmarshal(raw, &answers))
	return &fakeHost{answer: func(_ context.Context, c script.Call) (script.Answer, error) {
		var q script.FetchRequest
		if err := json.Unmarshal(c.Meta, &q); err != nil {
			return script.Answer{}, err
		}
		if q.Method == "GET" {
			if text, ok := documents[q.URL]; ok {
				return httpAnswer(t, 200, text), nil
			}
			return httpAnswer(t, 404, ""), nil
		}
		switch strings.TrimPrefix(q.URL, "https://svc.test") {
		case "/fault":
			return httpAnswer(t, 500, answers["fault"]), nil
		case "/broken":
			return httpAnswer(t, 502, "<html>bad</html"), nil
		case "/gone":
			return httpAnswer(t, 404, ""), nil
		}
		for _, h := range q.Headers {
			if h[0] == "soapaction" {
				return httpAnswer(t, 200, answers[strings.TrimPrefix(strings.Trim(h[1], `"`), "urn:")]), nil
			}
		}
		return httpAnswer(t, 400, ""), nil
	}}
}

func calcWSDL(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/calc.wsdl")
	require.NoError(t, err)
	return string(raw)
}

// The results are those of the package "soap" 1.13.0 on Node 20.
func TestSOAPClient(t *testing.T) {
	const item = `{"id":1,"name":"a & b","price":1.5,"on":true,"at":"2024-05-06T07:08:09.000Z"`
	for name, test := range map[string]struct{ body, want, request string }{
		"document style": {
			`const r = await c.FindAsync({query: "a<b", ids: [1, 2], item: {attributes: {kind: "z"}, id: 5, name: null, note: undefined}});
			 return [r.length, r[0], r[2], r[3] === c.lastRequest, r[0].items[0].at instanceof Date, typeof r[1]]`,
			`[5,{"count":2,"items":[{"attributes":{"kind":"k"},` + item[1:] + `}],"special":` + item + `,"note":null,"tag":["t"]},"empty":"","nothing":null},{"Session":{"id":"9"}},true,true,"string"]`,
			`<soap:Body><Find xmlns="http://example.com/calc"><query>a&lt;b</query><ids>1</ids><ids>2</ids><item kind="z"><id>5</id><name xsi:nil="true"></name></item></Find></soap:Body>`},
		"no arguments": {`return (await c.PingAsync({}))[0]`, `null`, `<soap:Body><Ping xmlns="http://example.com/calc"></Ping></soap:Body>`},
		"rpc style": {`return (await c.Calc.SumPort.AddAsync({a: 2, b: 3}))[0]`, `{"sum":5}`,
			`<soap:Body><tns:Add xmlns:tns="http://example.com/sum"><a>2</a><b>3</b></tns:Add></soap:Body>`},
		"dates":       {`return (await c.FindAsync({item: {at: new Date(0)}}))[0].count`, `2`, `<at>1970-01-01T00:00:00.000Z</at>`},
		"by callback": {`return await new Promise((ok) => c.Ping({}, (e, result, raw) => ok([e, result, typeof raw])))`, `[null,null,"string"]`, `<Ping`},
		"own XML":     {`return (await c.PingAsync({_xml: "<x>1</x>"}))[0]`, `null`, `<soap:Body><x>1</x></soap:Body>`},
		"headers": {`c.addSoapHeader({"ns1:Auth": {attributes: {"xmlns:ns1": "urn:auth"}, "ns1:token": "t"}}); c.addSoapHeader("<raw>1</raw>"); c.addSoapHeader({Plain: {a: 1}}, "", "q", "urn:q");
			 await c.PingAsync({}); return c.getSoapHeaders().length`, `3`,
			`<soap:Header><ns1:Auth xmlns:ns1="urn:auth"><ns1:token>t</ns1:token></ns1:Auth><raw>1</raw><q:Plain xmlns:q="urn:q"><q:a>1</q:a></q:Plain></soap:Header>`},
		"user name token": {`c.setSecurity(new soap.WSSecurity("user", "p<", {hasTimeStamp: false, hasTokenCreated: false})); await c.PingAsync({}); return 1`, `1`,
			`<wsse:Username>user</wsse:Username><wsse:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText">p&lt;</wsse:Password></wsse:UsernameToken></wsse:Security></soap:Header>`},
		"password digest": {`c.setSecurity(new soap.WSSecurity("user", "pass", {passwordType: "PasswordDigest"})); await c.PingAsync({});
			 const m = c.lastRequest.match(/#PasswordDigest">([^<]+)<.*Base64Binary">([^<]+)<\/wsse:Nonce><wsu:Created>([^<]+)</); return soap.passwordDigest(m[2], m[3], "pass") === m[1]`, `true`, `<wsu:Timestamp`},
		"a fault": {`c.setEndpoint("https://svc.test/fault"); try { await c.PingAsync({}) } catch (e) { return [e.message, e.root, e.response.status, e.body === c.lastResponse, e instanceof Error] }`,
			`["s:Client: no such thing: {\"code\":\"7\"}",{"Envelope":{"Header":{"Session":{"id":"9"}},"Body":{"Fault":{"faultcode":"s:Client","faultstring":"no such thing","detail":{"code":"7"}}}}},500,true,true]`, `<Ping`},
		"no XML":        {`c.setEndpoint("https://svc.test/broken"); try { await c.PingAsync({}) } catch (e) { return [e.message, e.response.status] }`, `["Cannot parse response",502]`, `<Ping`},
		"nothing there": {`c.setEndpoint("https://svc.test/gone"); try { await c.PingAsync({}) } catch (e) { return [e.message, e.response.status] }`, `["Error http status codes 404",404]`, `<Ping`},
	} {
		t.Run(name, func(t *testing.T) {
			host := soapService(t, nil)
			got := output(t, runBody(t, host, `const soap = require("soap"), c = await soap.createClientAsync(input, {endpoint: "https://svc.test/x"}); `+test.body, withInput(quote(t, calcWSDL(t)))))
			require.JSONEq(t, test.want, got)
			require.Contains(t, string(host.calls[len(host.calls)-1].Body), test.request)
		})
	}
}

func TestSOAPDescriptionsAndHTTP(t *testing.T) {
	whole := calcWSDL(t)
	schema := whole[strings.Index(whole, "<xs:schema"):strings.Index(whole, "</wsdl:types>")]
	split := strings.Replace(whole, schema, `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:import namespace="http://example.com/calc" schemaLocation="types.xsd"/></xs:schema>`, 1)
	types := strings.Replace(schema, "<xs:schema ", `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:tns="http://example.com/calc" `, 1)
	host := soapService(t, map[string]string{"https://svc.test/calc?wsdl": split, "https://svc.test/types.xsd": types})
	got := output(t, runBody(t, host, `const soap = require("soap"), c = await soap.createClientAsync("https://svc.test/calc?wsdl", {wsdl_headers: {Authorization: "x"}});
		c.setSecurity(new soap.BasicAuthSecurity("u", "p")); c.addHttpHeader("x-mine", "1"); c.setEndpoint("https://svc.test/x");
		await c.PingAsync({}); return [c.describe(), Object.keys(c.Calc)]`))
	require.JSONEq(t, `[{"Calc":{"CalcPort":{"Find":{"input":{"query":"xs:string","ids[]":"xs:int","item":{"id":"xs:int","name":"xs:string","price":"xs:decimal","on":"xs:boolean","at":"xs:dateTime","note":"xs:string"}},
		"output":{"count":"xs:int","items[]":{"id":"xs:int","name":"xs:string","price":"xs:decimal","on":"xs:boolean","at":"xs:dateTime","note":"xs:string"},
		"special":{"id":"xs:int","name":"xs:string","price":"xs:decimal","on":"xs:boolean","at":"xs:dateTime","note":"xs:string","tag[]":"xs:string"},"empty":"xs:string",
		"nothing":{"id":"xs:int","name":"xs:string","price":"xs:decimal","on":"xs:boolean","at":"xs:dateTime","note":"xs:string"}}},"Ping":{"input":{},"output":{}}},
		"SumPort":{"Add":{"input":{"a":"xs:int","b":"xs:int"},"output":{"sum":"xs:int"}}}}},["CalcPort","SumPort"]]`, got)
	var last script.FetchRequest
	require.NoError(t, json.Unmarshal(host.calls[len(host.calls)-1].Meta, &last))
	require.ElementsMatch(t, []script.Pair{{"content-type", "text/xml; charset=utf-8"}, {"soapaction", `"urn:ping"`}, {"authorization", "Basic dTpw"}, {"x-mine", "1"}}, last.Headers)
}

func TestWhatSOAPRefuses(t *testing.T) {
	deep := strings.Repeat("<a>", 600) + strings.Repeat("</a>", 600)
	for call, want := range map[string]string{
		`soap.createClientAsync("calc.wsdl")`:                  "A WSDL is given as its text or its URL: there are no files here",
		`soap.createClientAsync("<a")`:                         "The document is no XML: XML syntax error on line 1: unexpected EOF",
		`soap.createClientAsync("<a/>")`:                       "Unexpected root element of WSDL or include",
		`soap.createClientAsync("https://svc.test/none?wsdl")`: "Unexpected status 404 from svc.test",
		`soap.createClientAsync(` + quote(t, deep) + `)`:       "The document is nested more than 500 times",
		`(async () => new soap.WSSecurityCert())()`:            "soap: WSSecurityCert is not supported here",
		`(async () => soap.listen())()`:                        "soap: listen is not supported here",
	} {
		require.JSONEq(t, quote(t, want), output(t, runBody(t, soapService(t, nil), `const soap = require("soap"); try { await `+call+` } catch (e) { return e.message }`)), call)
	}
}
