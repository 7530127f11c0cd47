package realm_test

// difference is a place where scripts get something else than in Node 20.
type difference struct{ here, why string }

var differences = map[string]difference{
	`/(?<n>b)/d.exec('abc').indices.groups.n`:                                         {`refused script.cjs:1: the regular expression /(?<n>b)/d can't be run: the flag d (indices of groups) is not supported`, `no engine of ours can run it: the deploy refuses it, with its place`},
	`/(b)/d.exec('abc').indices[1]`:                                                   {`refused script.cjs:1: the regular expression /(b)/d can't be run: the flag d (indices of groups) is not supported`, `no engine of ours can run it: the deploy refuses it, with its place`},
	`new RegExp(/a/gi).flags + /a/dgimsuy.flags + RegExp('/').source`:                 {`refused script.cjs:1: the regular expression /a/dgimsuy can't be run: the flag d (indices of groups) is not supported`, `no engine of ours can run it: the deploy refuses it, with its place`},
	`/[[a-z]&&[aeiou]]/v.test('e') && !/[[a-z]&&[aeiou]]/v.test('b')`:                 {`refused script.cjs:1: the regular expression /[[a-z]&&[aeiou]]/v can't be run: sets within a class (flag v) are not supported`, `no engine of ours can run it: the deploy refuses it, with its place`},
	`/[\p{L}--[a-z]]/v.test('A') && !/[\p{L}--[a-z]]/v.test('a')`:                     {`refused script.cjs:1: the regular expression /[\p{L}--[a-z]]/v can't be run: sets within a class (flag v) are not supported`, `no engine of ours can run it: the deploy refuses it, with its place`},
	`new RegExp('[', '')`:                                                             {`throws SyntaxError: Unterminated character class`, `other words`},
	`await Promise.try(() => { throw new Error('t') }).catch(e => e.message)`:         {`"t"`, `newer than Node 20`},
	`(() => { const p = Promise.withResolvers(); p.resolve(3); return p.promise })()`: {`3`, `newer than Node 20`},
	`[...(function* () { yield* [1, 2] })().flatMap(x => [x, x])]`:                    {`[1,1,2,2]`, `newer than Node 20`},
	`[1, 2, 3].values().map(x => x * 2).filter(x => x > 2).take(1).toArray()`:         {`[4]`, `newer than Node 20`},
	`[1, 2, 3].values().reduce((a, b) => a + b)`:                                      {`6`, `newer than Node 20`},
	`[...new Set([1, 2]).symmetricDifference(new Set([2, 3]))]`:                       {`[1,3]`, `newer than Node 20`},
	`new Set([1]).isSubsetOf(new Set([1, 2])) && new Set([1, 2]).isSupersetOf(new Set([1])) && new Set([1]).isDisjointFrom(new Set([2]))`: {`true`, `newer than Node 20`},
	`[...new Set([1, 2]).difference(new Set([2]))]`:                                                {`[1]`, `newer than Node 20`},
	`[...new Set([1, 2]).union(new Set([3]))]`:                                                     {`[1,2,3]`, `newer than Node 20`},
	`[...new Set([1, 2]).intersection(new Set([2]))]`:                                              {`[2]`, `newer than Node 20`},
	`[...Map.groupBy([1, 2, 3], x => x % 2)]`:                                                      {`[[1,[1,3]],[0,[2]]]`, `newer than Node 20`},
	`Object.groupBy([1, 2, 3], x => x % 2 ? 'odd' : 'even')`:                                       {`{"odd":[1,3],"even":[2]}`, `newer than Node 20`},
	`await Array.fromAsync([1, Promise.resolve(2)])`:                                               {`[1,2]`, `newer than Node 20`},
	`[...new Intl.Segmenter('en', {granularity: 'grapheme'}).segment('a👍🏽b')].map(s => s.segment)`: {`throws TypeError: Intl.Segmenter is not a constructor`, `not offered`},
	`new Intl.NumberFormat('de-DE').format(1234567.891)`:                                           {`"1,234,567.891"`, `not offered`},
	`Reflect.construct(1)`:                                                                         {`throws TypeError: Value is not an object: 1`, `other words`},
	`({}) instanceof (() => {})`:                                                                   {`throws TypeError: prototype is not an object`, `other words`},
	`(() => { 'use strict'; Object.freeze({a: 1}).a = 2 })()`:                                      {`throws TypeError: Cannot assign to read only property 'a'`, `other words`},
	`(class { constructor() { this.x } })()`:                                                       {`throws TypeError: Class constructor  cannot be invoked without 'new'`, `other words`},
	`'x'.repeat(-1)`:                                                                               {`throws RangeError: Invalid count value`, `other words`},
	`(() => { const {a} = undefined })()`:                                                          {`throws TypeError: Cannot convert undefined or null to object`, `other words`},
	`(() => { const [a] = null })()`:                                                               {`throws TypeError: null is not iterable (cannot read property Symbol(Symbol.iterator))`, `other words`},
	`(() => { x; let x = 1 })()`:                                                                   {`throws ReferenceError: Cannot access a variable before initialization`, `other words`},
	`[...undefined]`:                                                                               {`throws TypeError: undefined is not iterable (cannot read property Symbol(Symbol.iterator))`, `other words`},
	`(() => { const a = {x: {}}; a.x.y = a; return JSON.stringify(a) })()`:                         {`throws TypeError: Converting circular structure to JSON`, `other words`},
	`JSON.parse('01')`:                                                                             {`throws SyntaxError: Unexpected non-whitespace character after JSON at position 1`, `other words`},
	`BigInt(1.5)`:                                                                                  {`throws RangeError: Cannot convert 1.5 to a BigInt`, `other words`},
}

// ofThePatches are expressions that the plain engine gets wrong.
var ofThePatches = map[string]bool{
	`Number(2n ** 64n) + Number(12345678901234567890123n)`:               true,
	`(({a, ...r}, [b, , c = 3] = [1, 2]) => [a, r, b, c])({a: 1, z: 2})`: true,
	`(({a: [x = 1] = [], b: {c = 2} = {}} = {}) => [x, c])()`:            true,
	`((q, [[b = 5] = []] = [], ...r) => [q, b, r])(1)`:                   true,
	`(function f() { return f() })()`:                                    true,
}
