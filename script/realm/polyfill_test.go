package realm_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGlobalsAndModules is a table of expressions and the JSON of their values, as Node 20 gives them.
func TestGlobalsAndModules(t *testing.T) {
	for expression, want := range map[string]string{
		// URL
		`new URL('/a?b=1#c','https://u:p@ex.com:8080/x').href`:                                                                         `"https://u:p@ex.com:8080/a?b=1#c"`,
		`(() => {const u = new URL('https://x.com/p'); u.searchParams.set('q','a b'); return u.toString()})()`:                         `"https://x.com/p?q=a+b"`,
		`(() => {const u = new URL('https://x.com/p?a=1'); const p = u.searchParams; u.search='?z=2'; return p.get('z')})()`:           `"2"`,
		`(() => {const u = new URL('https://x.com/p?a=1'); const p = u.searchParams; p.append('b','2'); return [u.search, u.href]})()`: `["?a=1\u0026b=2","https://x.com/p?a=1\u0026b=2"]`,
		`(() => { try { new URL('nope') } catch (e) { return [e.message, e.code, e instanceof TypeError] } })()`:                       `["Invalid URL","ERR_INVALID_URL",true]`,
		`String(new URLSearchParams({a:'1 2',b:'é&'}))`:                                                                                `"a=1+2\u0026b=%C3%A9%26"`,
		`new URLSearchParams('?a=1&a=2&b=%20').getAll('a')`:                                                                            `["1","2"]`,
		`[...new URLSearchParams([['a','1'],['b','2']])]`:                                                                              `[["a","1"],["b","2"]]`,
		`Object.keys(new URLSearchParams())`:                                                                                           `[]`,
		`[URL.canParse('x'), URL.canParse('https://x')]`:                                                                               `[false,true]`,
		`JSON.stringify({u: new URL('https://x.com')})`:                                                                                `"{\"u\":\"https://x.com/\"}"`,
		`require('url').URL === URL && require('node:url').URLSearchParams === URLSearchParams`:                                        `true`,
		`require('url').parse('https://u@x.com:1/p?q=1#h', true).query`:                                                                `{"q":"1"}`,
		`require('url').format({protocol: 'https', hostname: 'x.com', pathname: '/p', query: {a: 1}})`:                                 `"https://x.com/p?a=1"`,
		// Buffer
		`Buffer.from('héllo').toString('base64')`:                                            `"aMOpbGxv"`,
		`Buffer.from('aMOpbGxv','base64').toString()`:                                        `"héllo"`,
		`Buffer.concat([Buffer.from('a'),Buffer.from('b')]).toString('hex')`:                 `"6162"`,
		`Buffer.from('abc').subarray(1).toString()`:                                          `"bc"`,
		`[Buffer.isBuffer(Buffer.from('abc').slice(1)), Buffer.isBuffer(new Uint8Array(1))]`: `[true,false]`,
		`Buffer.from([1,2]).readUInt16BE(0)`:                                                 `258`,
		`Buffer.from([1,2]).readUint16LE()`:                                                  `513`,
		`Buffer.byteLength('€')`:                                                             `3`,
		`Buffer.alloc(3, 'ab').toString()`:                                                   `"aba"`,
		`Buffer.from('ff0g', 'hex').length`:                                                  `1`,
		`Buffer.from('a').equals(new Uint8Array([97]))`:                                      `true`,
		`Buffer.from('abcabc').indexOf('ca')`:                                                `2`,
		`Buffer.from('é', 'latin1').toString('latin1')`:                                      `"é"`,
		`Buffer.from(Buffer.from([0xff, 0xe9, 0x41])).toString()`:                            `"��A"`,
		`require('buffer').Buffer === Buffer`:                                                `true`,
		`new Uint8Array(Buffer.from('ab')).length`:                                           `2`,
		// text
		`new TextDecoder().decode(new TextEncoder().encode('€'))`: `"€"`,
		`[btoa('abc'), atob('YWJj')]`:                             `["YWJj","abc"]`,
		`(() => { const d = new TextDecoder(), b = new TextEncoder().encode('€'); return d.decode(b.subarray(0, 1), {stream: true}) + d.decode(b.subarray(1)) })()`: `"€"`,
		// crypto
		`require('crypto').createHash('sha256').update('a').digest('hex')`:                                                                   `"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"`,
		`require('node:crypto').createHmac('sha1','k').update('a').digest('base64')`:                                                         `"QOfUQcrbF7B/BQNBqiOmgg7YHIs="`,
		`require('crypto').createHash('md5').update('a').update('b').digest().length`:                                                        `16`,
		`/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())`:                                  `true`,
		`require('crypto').randomBytes(8).length`:                                                                                            `8`,
		`require('crypto').timingSafeEqual(Buffer.from('a'), Buffer.from('a'))`:                                                              `true`,
		`(() => { try { require('crypto').timingSafeEqual(Buffer.from('a'), Buffer.from('ab')) } catch (e) { return [e.name, e.code] } })()`: `["RangeError","ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH"]`,
		`(() => { try { require('crypto').createHash('nope') } catch (e) { return e.message } })()`:                                          `"Invalid digest: nope"`,
		`require('crypto').pbkdf2Sync('p', 's', 1, 4, 'sha256').toString('hex')`:                                                             `"372cc981"`,
		`await crypto.subtle.digest('SHA-256', new TextEncoder().encode('a')).then(b => Buffer.from(b).toString('hex').slice(0, 8))`:         `"ca978112"`,
		// other globals
		`structuredClone({a:[1,new Date(0),new Map([[1,{x:1}]])]}).a[2].get(1).x`: `1`,
		`new AbortController().signal.aborted`:                                    `false`,
		`(() => { const c = new AbortController(); let n = 0; c.signal.addEventListener('abort', () => n++); c.abort(); c.abort(); return [n, c.signal.reason.name] })()`: `[1,"AbortError"]`,
		`new Headers({A:'1'}).get('a')`:                                                        `"1"`,
		`[...new FormData().entries()]`:                                                        `[]`,
		`await new Blob(['a', new Uint8Array([98])]).text()`:                                   `"ab"`,
		`await new Promise(r => queueMicrotask(() => r(1)))`:                                   `1`,
		`(() => { const t = setTimeout(() => {}, 1e6); clearTimeout(t); return typeof +t })()`: `"number"`,
		`await (async () => { let n = 0; await new Promise(r => { const i = setInterval(() => { if (++n === 3) { clearInterval(i); r() } }, 1) }); return n })()`: `3`,
		`console.log('x')`: ``,
		`typeof fetch + typeof process + typeof WebAssembly + typeof SharedArrayBuffer`: `"undefinedundefinedundefinedundefined"`,
		`typeof require + typeof module + typeof exports`:                               `"functionobjectobject"`,
		// language
		`Object.groupBy([1,2,3],x=>x%2?'o':'e').o`:              `[1,3]`,
		`[1,2,3].values().map(x=>x*2).filter(x=>x>2).toArray()`: `[4,6]`,
		`'a\ud800'.toWellFormed()`:                              `"a�"`,
		`await Array.fromAsync([Promise.resolve(1), 2])`:        `[1,2]`,
		`[Promise.withResolvers, Array.prototype.toSorted, Array.prototype.findLast, Object.hasOwn].map(f => typeof f)`: `["function","function","function","function"]`,
		`10n ** 3n === 1000n`: `true`,
		`(() => { class A { #x = 1; static has(o) { return #x in o } static { this.y = 2 } } return [A.has(new A()), A.y] })()`: `[true,2]`,
		// dates: UTC, whatever form
		`new Date('2024-05-01T10:00:00+0200').toISOString()`:                 `"2024-05-01T08:00:00.000Z"`,
		`new Date('2024-05-01T10:00:00.123456Z').toISOString()`:              `"2024-05-01T10:00:00.123Z"`,
		`new Date('2024-05-01 10:00:00').toISOString()`:                      `"2024-05-01T10:00:00.000Z"`,
		`new Date('5/1/2024 3:04 PM').toISOString()`:                         `"2024-05-01T15:04:00.000Z"`,
		`new Date('May 1, 2024').toISOString()`:                              `"2024-05-01T00:00:00.000Z"`,
		`new Date('2024-05').toISOString()`:                                  `"2024-05-01T00:00:00.000Z"`,
		`new Date('Wed May 01 2024 10:00:00 GMT+0200 (CEST)').toISOString()`: `"2024-05-01T08:00:00.000Z"`,
		`String(new Date('not a date'))`:                                     `"Invalid Date"`,
		`new Date(0).getTimezoneOffset()`:                                    `0`,
		// formatting
		`(1234567.891).toLocaleString()`:                                                                     `"1,234,567.891"`,
		`(1234.5).toLocaleString('en-US',{style:'currency',currency:'USD'})`:                                 `"$1,234.50"`,
		`(0.256).toLocaleString('en-US',{style:'percent'})`:                                                  `"26%"`,
		`(1.005).toLocaleString('en-US',{maximumFractionDigits:2})`:                                          `"1.01"`,
		`new Date(0).toLocaleDateString('en-US')`:                                                            `"1/1/1970"`,
		`new Date(0).toLocaleDateString('en-CA')`:                                                            `"1970-01-01"`,
		`new Date(0).toLocaleString('en-US',{timeZone:'America/New_York'})`:                                  `"12/31/1969, 7:00:00 PM"`,
		`new Intl.DateTimeFormat('en-US',{dateStyle:'medium',timeZone:'UTC'}).format(0)`:                     `"Jan 1, 1970"`,
		`new Date(0).toLocaleDateString('en-US',{weekday:'long',year:'numeric',month:'long',day:'numeric'})`: `"Thursday, January 1, 1970"`,
		`'a10'.localeCompare('a9',undefined,{numeric:true})`:                                                 `1`,
		`Intl.DateTimeFormat().resolvedOptions().timeZone`:                                                   `"UTC"`,
	} {
		t.Run(expression, func(t *testing.T) {
			got := evaluate(t, expression)
			if want == "" {
				require.Empty(t, got)
				return
			}
			require.JSONEq(t, want, got)
		})
	}
}

func TestJSONParse(t *testing.T) {
	for expression, want := range map[string]string{
		`JSON.parse(' {"a":[1,-2.5e3,true,null,"x\\n\\u00e9"],"b":{}} ')`: `{"a":[1,-2500,true,null,"x\né"],"b":{}}`,
		`JSON.parse('"\\ud83d\\ude00"')`:                                  `"😀"`,
		`JSON.parse('"\\ud800"').charCodeAt(0)`:                           `55296`,
		`JSON.parse('[1e400,-0]').map(x => String(1/x))`:                  `["0","-Infinity"]`,
		`Object.getOwnPropertyNames(JSON.parse('{"__proto__":1}'))`:       `["__proto__"]`,
		`Object.keys(JSON.parse('{"b":1,"2":1,"1":1}'))`:                  `["1","2","b"]`,
		`JSON.parse('{"a":1}', (k, v) => v === 1 ? 2 : v).a`:              `2`,
		`JSON.parse(5)`: `5`,
	} {
		require.JSONEq(t, want, evaluate(t, expression), expression)
	}
	for text, want := range map[string]string{
		`<html>`:                          `Unexpected token '<', "<html>" is not valid JSON`,
		``:                                `Unexpected end of JSON input`,
		`[1,]`:                            `Unexpected token ']', "[1,]" is not valid JSON`,
		`{"a":1,}`:                        `Expected double-quoted property name in JSON at position 7`,
		`{a:1}`:                           `Expected property name or '}' in JSON at position 1`,
		`{"a" 1}`:                         `Expected ':' after property name in JSON at position 5`,
		`{"a":1 "b"}`:                     `Expected ',' or '}' after property value in JSON at position 7`,
		`01`:                              `Unexpected non-whitespace character after JSON at position 1`,
		`undefined`:                       `"undefined" is not valid JSON`,
		`"abc`:                            `Unterminated string in JSON at position 4`,
		`<!DOCTYPE html><html lang="en">`: `Unexpected token '<', "<!DOCTYPE "... is not valid JSON`,
	} {
		got := output(t, runBody(t, &fakeHost{}, `try { JSON.parse(input) } catch (e) { return [e instanceof SyntaxError, e.message] }`, withInput(quote(t, text))))
		require.JSONEq(t, `[true,`+quote(t, want)+`]`, got, text)
	}
}

func TestModulesThatAreNotThere(t *testing.T) {
	for name, want := range map[string]string{
		"fs": "Module 'fs' is not allowed", "axios": "Module 'axios' is not allowed", "botbuilder": "Module 'botbuilder' is not supported: call the Bot Framework's REST API with nango.post instead",
		"causeway:web": "Module 'causeway:web' is not allowed",
	} {
		require.JSONEq(t, quote(t, want), evaluate(t, `(() => { try { return require(`+quote(t, name)+`) } catch (e) { return e.message } })()`))
	}
}
