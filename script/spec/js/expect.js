// expect: matchers, their negation, promises, and snapshots.
(function (global, env) {
  const { equals, matches, isAsymmetric, short, print, difference, isObject, near } = env;

  class AssertionError extends Error {
    constructor(message, details = {}) {
      super(message);
      Object.defineProperty(this, 'name', { value: 'AssertionError', enumerable: false, configurable: true });
      Object.assign(this, details);
    }
  }
  env.AssertionError = AssertionError;
  const fail = (message, details) => { throw new AssertionError(message, details); };
  const misuse = (message) => { throw new TypeError(message); };

  const spyOf = (f) => { if (!env.spy.isMock(f)) misuse(`${short(f)} is not a spy or a call to a spy!`); return f.mock; };
  const numeric = (v, what) => { if (typeof v !== 'number' && typeof v !== 'bigint') misuse(`${what} value must be a number or bigint, not ${short(v)}`); };
  const sameArgs = (call, args) => call.length === args.length && equals(call, args, env.equality);
  const calledWith = (m, args) => m.calls.some((c) => sameArgs(c, args));
  const listCalls = (m) => (m.calls.length ? `; it was called with ${m.calls.slice(0, 5).map((c) => short(c)).join(', ')}` : '; it was not called');
  const messageOf = (e) => (isObject(e) && 'message' in e ? String(e.message) : String(e));

  const equality = (options, word) => (actual, expected) => ({
    pass: equals(actual, expected, { ...env.equality, ...options }), text: `${word} ${short(expected)}`, expected, options: { ...env.equality, ...options },
  });
  const compares = (word, test) => (actual, expected) => {
    numeric(actual, 'actual'); numeric(expected, 'expected');
    return { pass: test(actual, expected), text: `be ${word} ${short(expected)}` };
  };
  const truth = (text, test) => (actual) => ({ pass: test(actual), text });
  const contains = (list, item) => {
    if (typeof list === 'string') return list.includes(item);
    if (list instanceof Set) return list.has(item);
    if (Array.isArray(list)) return list.indexOf(item) >= 0;
    if (isObject(list) && Symbol.iterator in list) return [...list].indexOf(item) >= 0;
    return misuse(`${short(list)} holds nothing`);
  };
  // lookUp finds a member by its whole name, else by a path as in a.b[0].
  const lookUp = (object, path) => {
    if (!Array.isArray(path)) {
      if (object !== null && object !== undefined && Object.prototype.hasOwnProperty.call(object, path)) return { found: true, value: object[path] };
      path = String(path).replace(/\[(\w+)\]/g, '.$1').split('.').filter((p) => p !== '');
    }
    let at = object;
    for (const key of path) {
      if (at === null || at === undefined || !(key in Object(at))) return { found: false };
      at = at[key];
    }
    return { found: true, value: at };
  };
  const throwing = (actual, expected, settled) => {
    let thrown = actual, did = true;
    if (!settled) {
      if (typeof actual !== 'function') misuse(`toThrow needs a function, not ${short(actual)}`);
      did = false;
      try { actual(); } catch (e) { thrown = e; did = true; }
    }
    const got = did ? `; it threw ${short(thrown)}` : '; it threw nothing';
    if (expected === undefined) return { pass: did, text: 'throw' + got };
    const text = `throw ${short(expected)}${got}`;
    if (!did) return { pass: false, text };
    if (typeof expected === 'string') return { pass: expected === '' ? messageOf(thrown) === '' : messageOf(thrown).includes(expected), text };
    if (expected instanceof RegExp) return { pass: expected.test(messageOf(thrown)), text };
    if (isAsymmetric(expected)) return { pass: expected.asymmetricMatch(thrown), text };
    if (typeof expected === 'function') return { pass: thrown instanceof expected, text };
    if (env.isError(expected)) return { pass: isObject(thrown) && thrown.message === expected.message, text };
    return misuse(`toThrow can't use ${short(expected)}`);
  };
  const returned = (m) => m.results.filter((r) => r.type === 'return');
  const resolved = (m) => m.settledResults.filter((r) => r.type === 'fulfilled');
  const orderOf = (f, last) => { const o = spyOf(f).invocationCallOrder; return last ? o[o.length - 1] : o[0]; };

  // Each matcher says whether it passes, and what was expected, as the rest of a sentence: expected <actual> to <text>.
  const matchers = {
    toBe: (actual, expected) => ({ pass: Object.is(actual, expected), text: `be ${short(expected)}`, expected }),
    toEqual: equality({}, 'equal'),
    toStrictEqual: equality({ strict: true }, 'strictly equal'),
    toMatchObject: (actual, expected) => ({ pass: matches(actual, expected, env.equality), text: `match ${short(expected)}`, expected }),
    toBeDefined: truth('be defined', (v) => v !== undefined),
    toBeUndefined: truth('be undefined', (v) => v === undefined),
    toBeNull: truth('be null', (v) => v === null),
    toBeTruthy: truth('be truthy', (v) => !!v),
    toBeFalsy: truth('be falsy', (v) => !v),
    toBeNaN: truth('be NaN', (v) => Number.isNaN(v)),
    toBeGreaterThan: compares('greater than', (a, b) => a > b),
    toBeGreaterThanOrEqual: compares('at least', (a, b) => a >= b),
    toBeLessThan: compares('less than', (a, b) => a < b),
    toBeLessThanOrEqual: compares('at most', (a, b) => a <= b),
    toBeCloseTo: (actual, expected, digits = 2) => ({ pass: near(actual, expected, digits), text: `be close to ${expected}` }),
    toBeInstanceOf: (actual, type) => {
      if (typeof type !== 'function') misuse('toBeInstanceOf needs a class');
      return { pass: actual instanceof type, text: `be an instance of ${type.name}` };
    },
    toBeTypeOf: (actual, type) => ({ pass: typeof actual === type, text: `be of type ${type}` }),
    toSatisfy: (actual, test) => ({ pass: !!test(actual), text: `satisfy ${test.name || 'the function'}` }),
    toBeOneOf: (actual, list) => ({ pass: [...list].some((v) => equals(actual, v, env.equality)), text: `be one of ${short([...list])}` }),
    toContain: (actual, item) => ({ pass: contains(actual, item), text: `contain ${short(item)}` }),
    toContainEqual: (actual, item) => ({ pass: [...actual].some((v) => equals(v, item, env.equality)), text: `contain ${short(item)}` }),
    toMatch: (actual, pattern) => {
      if (typeof actual !== 'string') misuse(`toMatch needs a text, not ${short(actual)}`);
      return { pass: typeof pattern === 'string' ? actual.includes(pattern) : pattern.test(actual), text: `match ${short(pattern)}` };
    },
    toHaveLength: (actual, length) => {
      if (actual === null || actual === undefined || typeof actual.length !== 'number') misuse(`${short(actual)} has no length`);
      return { pass: actual.length === length, text: `have the length ${length}, not ${actual.length}` };
    },
    toHaveProperty: (actual, path, ...value) => {
      const at = lookUp(actual, path), text = `have the property ${short(path)}`;
      if (!at.found || value.length === 0) return { pass: at.found, text };
      return { pass: equals(at.value, value[0], env.equality), text: `${text} with ${short(value[0])}, not ${short(at.value)}` };
    },
    toHaveBeenCalled: (f) => ({ pass: spyOf(f).calls.length > 0, text: 'have been called' + listCalls(f.mock), spy: true }),
    toHaveBeenCalledOnce: (f) => ({ pass: spyOf(f).calls.length === 1, text: `have been called once, not ${f.mock.calls.length} times`, spy: true }),
    toHaveBeenCalledTimes: (f, n) => ({ pass: spyOf(f).calls.length === n, text: `have been called ${n} times, not ${f.mock.calls.length}`, spy: true }),
    toHaveBeenCalledWith: (f, ...args) => ({ pass: calledWith(spyOf(f), args), text: `have been called with ${short(args)}${listCalls(f.mock)}`, spy: true }),
    toHaveBeenCalledExactlyOnceWith: (f, ...args) => ({
      pass: spyOf(f).calls.length === 1 && calledWith(f.mock, args), text: `have been called once, with ${short(args)}${listCalls(f.mock)}`, spy: true,
    }),
    toHaveBeenNthCalledWith: (f, n, ...args) => ({
      pass: n >= 1 && n <= spyOf(f).calls.length && sameArgs(f.mock.calls[n - 1], args), text: `have call ${n} with ${short(args)}${listCalls(f.mock)}`, spy: true,
    }),
    toHaveBeenLastCalledWith: (f, ...args) => {
      const m = spyOf(f);
      return { pass: m.calls.length > 0 && sameArgs(m.lastCall, args), text: `have been called last with ${short(args)}${listCalls(m)}`, spy: true };
    },
    toHaveBeenCalledBefore: (f, other) => ({ pass: orderOf(f) < orderOf(other, true), text: 'have been called before the other', spy: true }),
    toHaveBeenCalledAfter: (f, other) => ({ pass: orderOf(f, true) > orderOf(other), text: 'have been called after the other', spy: true }),
    toHaveReturned: (f) => ({ pass: returned(spyOf(f)).length > 0, text: 'have returned', spy: true }),
    toHaveReturnedTimes: (f, n) => ({ pass: returned(spyOf(f)).length === n, text: `have returned ${n} times`, spy: true }),
    toHaveReturnedWith: (f, v) => ({ pass: returned(spyOf(f)).some((r) => equals(r.value, v, env.equality)), text: `have returned ${short(v)}`, spy: true }),
    toHaveLastReturnedWith: (f, v) => ({ pass: equals(spyOf(f).results.at(-1)?.value, v, env.equality), text: `have returned ${short(v)} last`, spy: true }),
    toHaveNthReturnedWith: (f, n, v) => ({ pass: equals(spyOf(f).results[n - 1]?.value, v, env.equality), text: `have returned ${short(v)} as number ${n}`, spy: true }),
    toHaveResolved: (f) => ({ pass: resolved(spyOf(f)).length > 0, text: 'have resolved', spy: true }),
    toHaveResolvedTimes: (f, n) => ({ pass: resolved(spyOf(f)).length === n, text: `have resolved ${n} times`, spy: true }),
    toHaveResolvedWith: (f, v) => ({ pass: resolved(spyOf(f)).some((r) => equals(r.value, v, env.equality)), text: `have resolved to ${short(v)}`, spy: true }),
    toMatchSnapshot: (actual, ...hint) => env.snapshot(actual, hint.find((h) => typeof h === 'string')),
    toMatchInlineSnapshot: (actual, ...expected) => env.inlineSnapshot(actual, expected.find((h) => typeof h === 'string')),
    toThrow: (actual, expected, settled) => throwing(actual, expected, settled),
    toThrowErrorMatchingSnapshot: (actual, hint, settled) => env.snapshot(caught(actual, settled), hint),
    toThrowErrorMatchingInlineSnapshot: (actual, expected, settled) => env.inlineSnapshot(caught(actual, settled), expected),
  };
  const caught = (actual, settled) => {
    if (settled) return actual;
    try { actual(); } catch (e) { return e; }
    return fail('the function threw nothing');
  };
  const takesSettled = new Set(['toThrow', 'toThrowErrorMatchingSnapshot', 'toThrowErrorMatchingInlineSnapshot', 'toThrowError']);
  for (const [alias, name] of Object.entries({
    toThrowError: 'toThrow', toBeCalled: 'toHaveBeenCalled', toBeCalledWith: 'toHaveBeenCalledWith', toBeCalledTimes: 'toHaveBeenCalledTimes',
    lastCalledWith: 'toHaveBeenLastCalledWith', nthCalledWith: 'toHaveBeenNthCalledWith', toReturn: 'toHaveReturned', toReturnWith: 'toHaveReturnedWith',
    toReturnTimes: 'toHaveReturnedTimes', lastReturnedWith: 'toHaveLastReturnedWith', nthReturnedWith: 'toHaveNthReturnedWith',
  })) matchers[alias] = matchers[name];

  // judge turns a matcher's verdict into an exception, or nothing.
  function judge(state, verdict, actual) {
    if (verdict.pass !== state.not) return;
    const what = verdict.spy ? actual.getMockName() : short(actual);
    let message = verdict.message ?? `expected ${what} ${state.not ? 'not to' : 'to'} ${verdict.text}`;
    if (state.message) message = `${state.message}: ${message}`;
    const details = {};
    if ('expected' in verdict && !state.not) {
      Object.assign(details, { actual: actual, expected: verdict.expected });
      const at = difference(actual, verdict.expected, verdict.options ?? env.equality);
      if (at && at[1] !== ':') message += `\n${at}`;
    }
    const error = new AssertionError(message, {});
    for (const k of Object.keys(details)) Object.defineProperty(error, k, { value: details[k], enumerable: false });
    if (state.soft && env.test) { env.softFailure(error); return; }
    throw error;
  }
  function check(state, name, args) {
    env.counted();
    const matcher = matchers[name];
    const run = (actual, settled) => judge(state, takesSettled.has(name) ? matcher(actual, args[0], settled) : matcher(actual, ...args), actual);
    if (!state.promise) return run(state.actual, false);
    const here = new Error();
    return state.promise.then((v) => run(v, state.rejects)).catch((e) => {
      if (e instanceof AssertionError) e.stack = here.stack; // where the test asked, which is no longer on the stack
      throw e;
    });
  }

  const unknown = new Proxy({}, {
    get(_, key) {
      if (typeof key === 'symbol' || key === 'then' || key === 'toJSON' || key === 'asymmetricMatch' || key === 'constructor' || key === 'nodeType') return undefined;
      throw new Error(`expect(...).${key} is not supported by causeway test`);
    },
  });
  const prototype = Object.create(unknown);
  for (const name of Object.keys(matchers)) {
    Object.defineProperty(prototype, name, { value: function (...args) { return check(this.state, name, args); }, configurable: true, writable: true });
  }
  const derive = (state) => Object.create(prototype, { state: { value: state } });
  Object.defineProperty(prototype, 'not', { get() { return derive({ ...this.state, not: !this.state.not }); } });
  Object.defineProperty(prototype, 'resolves', {
    get() {
      const { actual } = this.state;
      if (typeof actual?.then !== 'function') misuse(`You must provide a Promise to expect() when using .resolves, not '${typeof actual}'.`);
      const promise = actual.then((v) => v, (e) => fail(`expected the promise to be resolved, but it was rejected with ${short(e)}`));
      promise.then(undefined, () => {});
      return derive({ ...this.state, promise, rejects: false });
    },
  });
  Object.defineProperty(prototype, 'rejects', {
    get() {
      let { actual } = this.state;
      if (typeof actual === 'function') actual = actual();
      if (typeof actual?.then !== 'function') misuse(`You must provide a Promise to expect() when using .rejects, not '${typeof actual}'.`);
      const promise = actual.then((v) => fail(`expected the promise to be rejected, but it was resolved with ${short(v)}`), (e) => e);
      promise.then(undefined, () => {});
      return derive({ ...this.state, promise, rejects: true });
    },
  });

  const expect = (actual, message) => derive({ actual, message, not: false });
  Object.assign(expect, {
    ...env.asymmetric,
    soft: (actual, message) => derive({ actual, message, not: false, soft: true }),
    fail: (message = 'expect.fail()') => fail(String(message)),
    unreachable: (message) => fail(message ? `expected "${message}" not to be reached` : 'expected not to be reached'),
    assertions(n) { env.expectCount(n); },
    hasAssertions() { env.expectCount(undefined); },
    addEqualityTesters() { throw new Error('expect.addEqualityTesters is not supported by causeway test'); },
    addSnapshotSerializer() { throw new Error('expect.addSnapshotSerializer is not supported by causeway test'); },
    getState: () => ({ currentTestName: env.test?.fullName, testPath: env.file.path, assertionCalls: env.test?.assertions ?? 0 }),
    setState() {},
    // poll asks again until the matcher passes, as long as the timeout lasts.
    poll(fn, { interval = 50, timeout = 1000 } = {}) {
      return new Proxy({}, {
        get: (_, name) => async (...args) => {
          for (let waited = 0; ; waited += interval) {
            try { return expect(await fn())[name](...args); } catch (e) { if (waited >= timeout) throw e; }
            await new Promise((resolve) => { env.real.setTimeout(resolve, interval); });
          }
        },
      });
    },
    // extend adds matchers in the framework's own form: (received, …expected) => ({pass, message}).
    extend(added) {
      for (const name of Object.keys(added)) {
        const call = function (...args) {
          env.counted();
          const { state } = this;
          const context = { isNot: state.not, equals: (a, b) => equals(a, b, env.equality), promise: '', utils: { printReceived: short, printExpected: short, stringify: short, diff: (a, b) => difference(a, b) } };
          const finish = (v) => {
            if (!!v.pass === state.not) throw new AssertionError(typeof v.message === 'function' ? v.message() : String(v.message ?? name));
          };
          const run = (actual) => { const v = added[name].call(context, actual, ...args); return typeof v?.then === 'function' ? v.then(finish) : finish(v); };
          return state.promise ? state.promise.then(run) : run(state.actual);
        };
        Object.defineProperty(prototype, name, { value: call, configurable: true, writable: true });
        const make = (inverse) => (...args) => ({
          asymmetricMatch: (other) => !!added[name].call({ equals: (a, b) => equals(a, b, env.equality) }, other, ...args).pass !== inverse, toString: () => name,
        });
        expect[name] = make(false);
        expect.not[name] = make(true);
      }
    },
  });
  env.expect = expect;

  // --- snapshots -------------------------------------------------------------------------------------------------------------------
  let stored = null, changed = false;
  const counts = {};
  const escape = (s) => s.replace(/[\\`]|\$\{/g, '\\$&');
  const unescape = (s) => s.replace(/\\([\\`]|\$\{)/g, '$1');
  const load = () => {
    if (stored) return stored;
    stored = {};
    const entry = /exports\[`((?:\\[^]|[^`\\])*)`\] = `((?:\\[^]|[^`\\])*)`;/g;
    const text = env.call('snapshots');
    for (let m; (m = entry.exec(text));) stored[unescape(m[1])] = unescape(m[2]);
    return stored;
  };
  const printed = (v) => { const text = print(v, '', [], { escape: false }); return text.includes('\n') ? `\n${text}\n` : text; };
  env.snapshot = (actual, hint) => {
    const base = env.test.fullName + (hint ? ` > ${hint}` : '');
    const key = `${base} ${counts[base] = (counts[base] ?? 0) + 1}`, text = printed(actual), known = load()[key];
    if (known === text) return { pass: true, text: 'match its snapshot' };
    if (env.call('mayWriteSnapshot', known === undefined ? 'new' : 'changed') === 'yes') {
      stored[key] = text;
      changed = true;
      return { pass: true, text: 'match its snapshot' };
    }
    return { pass: false, text: known === undefined ? 'have a snapshot, and none is stored' : `match its snapshot ${key}`, expected: known, options: {} };
  };
  env.inlineSnapshot = (actual, expected) => {
    if (expected === undefined) throw new Error('causeway test does not write inline snapshots: give the expected text');
    const lines = expected.split('\n');
    const indent = lines.length > 1 ? /^\s*/.exec(lines.find((l) => l.trim() !== '') ?? '')[0] : '';
    const text = lines.map((l) => (l.startsWith(indent) ? l.slice(indent.length) : l.trim() === '' ? '' : l)).join('\n').trim();
    return { pass: printed(actual).trim() === text, text: `match the inline snapshot ${short(text)}` };
  };
  env.saveSnapshots = () => {
    if (!changed) return;
    const entries = Object.keys(stored).sort().map((k) => `exports[\`${escape(k)}\`] = \`${escape(stored[k])}\`;\n`);
    env.call('saveSnapshots', ['// Vitest Snapshot v1, https://vitest.dev/guide/snapshot.html\n', ...entries].join('\n'));
  };
})
