// The core of every realm: what the engine lacks of the language, what it must not offer (code from strings, memory
// without bounds), and the few globals that nearly every script uses. Everything rarer is behind a getter that builds it
// on first use. Our own code keeps its built-ins in local names, since a script may replace any global.
(function (global, host) {
  const { defineProperty, getPrototypeOf, setPrototypeOf, getOwnPropertyDescriptor } = Object;
  const { construct, apply } = Reflect;
  const { isView } = ArrayBuffer;

  const hidden = (target, name, value) =>
    defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true });
  const fill = (target, name, value) => { if (!(name in target)) hidden(target, name, value); };
  host.hidden = hidden;
  // lazy defines globals that are built when they are first read.
  const lazy = host.lazy = (names, build) => {
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      defineProperty(global, name, {
        configurable: true, enumerable: false,
        get: () => { const v = build(name); hidden(global, name, v); return v; },
        set: (v) => hidden(global, name, v),
      });
    }
  };

  for (const name of ['asyncIterator', 'dispose', 'asyncDispose']) {
    if (!Symbol[name]) defineProperty(Symbol, name, { value: Symbol('Symbol.' + name) });
  }

  // --- code from strings -----------------------------------------------------------------------------------------------
  const refuse = () => { throw new EvalError('Code generation from strings disallowed for this context'); };
  const sealed = (target, name, value) => defineProperty(target, name, { value, writable: false, enumerable: false, configurable: false });
  for (const sample of [function () {}, async function () {}, function* () {}]) {
    const proto = getPrototypeOf(sample);
    const native = proto.constructor;
    const off = { [native.name]: function () { refuse(); } }[native.name];
    defineProperty(off, 'prototype', { value: proto, writable: false });
    if (native === Function) sealed(global, 'Function', off);
    sealed(proto, 'constructor', off);
  }
  sealed(global, 'eval', { eval() { refuse(); } }.eval);

  // --- bounds of single values -------------------------------------------------------------------------------------------
  const { maxText, maxBytes, maxItems } = host;
  const bounded = (proto, name, size, message) => {
    const native = proto[name];
    hidden(proto, name, { [name](...args) {
      if (size(this, args) > (message === 'Invalid string length' ? maxText : maxItems)) throw new RangeError(message);
      return apply(native, this, args);
    } }[name]);
  };
  bounded(String.prototype, 'repeat', (s, [n]) => String(s).length * n, 'Invalid string length');
  bounded(String.prototype, 'padStart', (s, [n]) => n, 'Invalid string length');
  bounded(String.prototype, 'padEnd', (s, [n]) => n, 'Invalid string length');
  bounded(Array.prototype, 'fill', (a) => (isView(a) ? 0 : a.length), 'Invalid array length');
  bounded(Array.prototype, 'join', (a) => a.length, 'Invalid array length');
  // The engine's constructors of buffers are reachable only by their names, and that of an array's buffer from the array: so it
  // is enough to wrap them when one is named.
  const bufferNames = ['ArrayBuffer', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array',
    'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'].filter((name) => name in global);
  const natives = bufferNames.map((name) => global[name]);
  const NativeBuffer = global.ArrayBuffer;
  const boundedBuffers = {};
  const boundedBuffer = (name) => {
    if (boundedBuffers[name]) return boundedBuffers[name];
    if (name !== 'ArrayBuffer') boundedBuffer('ArrayBuffer');
    const Native = natives[bufferNames.indexOf(name)], unit = Native.BYTES_PER_ELEMENT ?? 1;
    const Bounded = { [name]: function (first, ...rest) {
      if (!new.target) throw new TypeError(`Constructor ${name} requires 'new'`);
      const size = typeof first === 'object' && first !== null ? (first instanceof NativeBuffer ? 0 : first.length) : first;
      if (size * unit > maxBytes) throw new RangeError('Array buffer allocation failed');
      return construct(Native, arguments.length ? [first, ...rest] : [], new.target);
    } }[name];
    setPrototypeOf(Bounded, getPrototypeOf(Native));
    for (const key of Reflect.ownKeys(Native)) {
      if (key !== 'name' && key !== 'length') defineProperty(Bounded, key, getOwnPropertyDescriptor(Native, key));
    }
    hidden(Native.prototype, 'constructor', Bounded);
    return boundedBuffers[name] = Bounded;
  };
  lazy(bufferNames, boundedBuffer);

  // --- regular expressions made from text ---------------------------------------------------------------------------------
  // Literals were brought into the engine's form when the script was deployed. What is made of a text goes the same way: by the
  // constructor that a script gets when it first names it. Existing expressions keep their prototype, so instanceof holds.
  const NativeRegExp = global.RegExp;
  lazy(['RegExp'], () => {
    const Made = { RegExp: function (source, flags) {
      const copied = source instanceof NativeRegExp;
      if (copied && flags === undefined && !new.target) return source;
      if (!copied && flags !== undefined && /[duv]/.test(flags)) [source, flags] = host.pattern(source === undefined ? '' : String(source), String(flags));
      return construct(NativeRegExp, [source, flags], new.target ?? Made);
    } }.RegExp;
    for (const key of Reflect.ownKeys(NativeRegExp)) {
      if (key !== 'name' && key !== 'length') defineProperty(Made, key, getOwnPropertyDescriptor(NativeRegExp, key));
    }
    hidden(NativeRegExp.prototype, 'constructor', Made);
    return Made;
  });

  // --- what the engine lacks ---------------------------------------------------------------------------------------------
  fill(Object, 'groupBy', function groupBy(items, key) {
    const out = Object.create(null);
    let i = 0;
    for (const item of items) {
      let k = key(item, i++);
      if (typeof k !== 'symbol') k = String(k);
      (out[k] ??= []).push(item);
    }
    return out;
  });
  fill(Map, 'groupBy', function groupBy(items, key) {
    const out = new Map();
    let i = 0;
    for (const item of items) {
      const k = key(item, i++), group = out.get(k);
      if (group) group.push(item); else out.set(k, [item]);
    }
    return out;
  });
  fill(Promise, 'withResolvers', function withResolvers() {
    const r = {};
    r.promise = new this((resolve, reject) => { r.resolve = resolve; r.reject = reject; });
    return r;
  });
  fill(Promise, 'try', { try(fn, ...args) { return new this((resolve) => resolve(fn(...args))); } }.try);
  fill(Array, 'fromAsync', async function fromAsync(source, map, self) {
    const out = typeof this === 'function' && this !== Array ? new this() : [];
    const iterator = (source[Symbol.asyncIterator] ?? source[Symbol.iterator])?.call(source);
    let i = 0;
    const add = async (v) => { v = await v; out[i] = map ? await map.call(self, v, i) : v; i++; };
    if (iterator) {
      for (let step; !(step = await iterator.next()).done;) await add(step.value);
    } else {
      for (const n = source.length; i < n;) await add(source[i]);
    }
    out.length = i;
    return out;
  });
  fill(String.prototype, 'isWellFormed', function isWellFormed() { return host.wellFormed(String(this)) === String(this); });
  fill(String.prototype, 'toWellFormed', function toWellFormed() { return host.wellFormed(String(this)); });
  fill(Error, 'captureStackTrace', function captureStackTrace(target) { hidden(target, 'stack', new Error().stack); });
  fill(Error, 'isError', function isError(v) { return v instanceof Error; });

  const iteratorProto = getPrototypeOf(getPrototypeOf([][Symbol.iterator]()));
  const helpers = {
    * map(f) { let i = 0; for (const v of this) yield f(v, i++); },
    * filter(f) { let i = 0; for (const v of this) if (f(v, i++)) yield v; },
    * take(n) { if (n > 0) for (const v of this) { yield v; if (--n <= 0) return; } else this.return?.(); },
    * drop(n) { for (const v of this) if (n > 0) n--; else yield v; },
    * flatMap(f) { let i = 0; for (const v of this) yield* f(v, i++); },
    reduce(f, ...init) {
      let i = 0, has = init.length > 0, acc = init[0];
      for (const v of this) { if (has) acc = f(acc, v, i); else { acc = v; has = true; } i++; }
      if (!has) throw new TypeError('Reduce of a done iterator with no initial value');
      return acc;
    },
    toArray() { return Array.from(this); },
    forEach(f) { let i = 0; for (const v of this) f(v, i++); },
    some(f) { let i = 0; for (const v of this) if (f(v, i++)) return true; return false; },
    every(f) { let i = 0; for (const v of this) if (!f(v, i++)) return false; return true; },
    find(f) { let i = 0; for (const v of this) if (f(v, i++)) return v; return undefined; },
  };
  for (const name of Object.keys(helpers)) fill(iteratorProto, name, helpers[name]);

  // References are held strongly, and callbacks never fire: both are legal, and the same on each run.
  fill(global, 'WeakRef', class WeakRef {
    #target;
    constructor(target) { this.#target = target; }
    deref() { return this.#target; }
  });
  fill(global, 'FinalizationRegistry', class FinalizationRegistry {
    register() {}
    unregister() { return false; }
  });

  // --- small globals -----------------------------------------------------------------------------------------------------
  hidden(global, 'globalThis', global);
  const callable = (fn) => {
    if (typeof fn === 'function') return;
    const e = new TypeError(`The "callback" argument must be of type function. Received ${fn === null ? 'null' : typeof fn}`);
    e.code = 'ERR_INVALID_ARG_TYPE';
    throw e;
  };
  class Timeout {
    #id; #again;
    constructor(fn, ms, every, args) {
      callable(fn);
      ms = +ms >= 1 && +ms <= 2147483647 ? +ms : 1;
      this.#again = () => { this.#id = host.setTimer(ms, every, () => { apply(fn, this, args); }); };
      this.#again();
    }
    ref() { return this; }
    unref() { return this; }
    hasRef() { return true; }
    refresh() { host.clearTimer(this.#id); this.#again(); return this; }
    close() { host.clearTimer(this.#id); return this; }
    [Symbol.toPrimitive]() { return this.#id; }
  }
  const clear = (t) => { if (t !== undefined && t !== null) host.clearTimer(+t); };
  const globals = {
    setTimeout(fn, ms, ...args) { return new Timeout(fn, ms, false, args); },
    setInterval(fn, ms, ...args) { return new Timeout(fn, ms, true, args); },
    setImmediate(fn, ...args) { return new Timeout(fn, 1, false, args); },
    clearTimeout(t) { clear(t); },
    clearInterval(t) { clear(t); },
    clearImmediate(t) { clear(t); },
    queueMicrotask(fn) { callable(fn); (async () => { await undefined; fn(); })(); },
  };
  for (const name of Object.keys(globals)) hidden(global, name, globals[name]);

  lazy(['console'], () => {
    const quiet = {};
    for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'dirxml', 'table', 'time', 'timeEnd', 'timeLog',
      'timeStamp', 'group', 'groupCollapsed', 'groupEnd', 'assert', 'count', 'countReset', 'clear', 'profile', 'profileEnd']) {
      quiet[name] = { [name]() {} }[name];
    }
    return quiet;
  });

  // --- formatting for people: as en-US, in UTC -----------------------------------------------------------------------------
  hidden(Number.prototype, 'toLocaleString', function toLocaleString(locale, options) { return host.intl().number(+this, locale, options); });
  hidden(BigInt.prototype, 'toLocaleString', function toLocaleString(locale, options) { return host.intl().number(BigInt(this), locale, options); });
  // Node names the zone in full.
  for (const name of ['toString', 'toTimeString']) {
    const native = Date.prototype[name];
    hidden(Date.prototype, name, { [name]() {
      const text = apply(native, this, []);
      return text.endsWith('(UTC)') ? text.slice(0, -5) + '(Coordinated Universal Time)' : text;
    } }[name]);
  }
  for (const [name, kind] of [['toLocaleString', 'any'], ['toLocaleDateString', 'date'], ['toLocaleTimeString', 'time']]) {
    hidden(Date.prototype, name, { [name](locale, options) { return host.intl().date(this, kind, locale, options); } }[name]);
  }
  host.localeCompare = String.prototype.localeCompare;
  hidden(String.prototype, 'localeCompare', function localeCompare(other, locale, options) {
    return options ? host.intl().compare(String(this), String(other), locale, options) : apply(host.localeCompare, this, [other]);
  });

  // --- for the host ------------------------------------------------------------------------------------------------------
  host.ActionError = class ActionError extends Error {
    constructor(payload) {
      super();
      this.type = 'action_script_runtime_error';
      this.payload = payload;
    }
  };
  // settle runs a script's function and reports how it ended, whatever it returns or throws.
  host.settle = (fn, done, failed) => {
    (async () => {
      let value;
      try { value = await fn(); } catch (e) { failed(e); return; }
      done(value);
    })();
  };
})
