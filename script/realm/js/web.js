// The web platform's small types: text encodings, events and abort, headers, blobs, forms, responses. Loaded as a whole when
// a script first names one of them.
(function (global, host, require) {
  const { Buffer } = require('buffer');
  const define = host.hidden;
  const viewOf = (v) => {
    if (v instanceof ArrayBuffer) return new Uint8Array(v);
    if (ArrayBuffer.isView(v)) return new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
    throw new TypeError('The argument must be an instance of ArrayBuffer or ArrayBufferView');
  };
  const bufferOf = (v) => { const u = viewOf(v); return Buffer.from(u.buffer, u.byteOffset, u.byteLength); };

  // --- text ------------------------------------------------------------------------------------------------------------
  const codes = { // Web IDL, 2.8.1
    InvalidCharacterError: 5, NotSupportedError: 9, InvalidStateError: 11, SyntaxError: 12, InvalidAccessError: 15, AbortError: 20, TimeoutError: 23,
    DataCloneError: 25,
  };
  class DOMException extends Error {
    #name;
    constructor(message = '', name = 'Error') { super(message); this.#name = name; }
    get name() { return this.#name; }
    get code() { return codes[this.#name] ?? 0; }
  }
  class TextEncoder {
    get encoding() { return 'utf-8'; }
    encode(s = '') { const b = Buffer.from(String(s)); return new Uint8Array(b.buffer, b.byteOffset, b.length); }
    encodeInto(s, target) {
      let read = 0, written = 0;
      for (const c of String(s)) {
        const b = this.encode(c);
        if (written + b.length > target.length) break;
        target.set(b, written);
        written += b.length; read += c.length;
      }
      return { read, written };
    }
  }
  const labels = {
    'utf-8': 'utf-8', utf8: 'utf-8', 'unicode-1-1-utf-8': 'utf-8', latin1: 'windows-1252', 'iso-8859-1': 'windows-1252', ascii: 'windows-1252',
    'us-ascii': 'windows-1252', 'windows-1252': 'windows-1252', 'utf-16le': 'utf-16le', 'utf-16': 'utf-16le',
  };
  class TextDecoder {
    #encoding; #fatal; #keepBOM; #pending = Buffer.alloc(0);
    constructor(label = 'utf-8', options = {}) {
      this.#encoding = labels[String(label).trim().toLowerCase()];
      if (!this.#encoding) throw new RangeError(`The "${label}" encoding is not supported`);
      this.#fatal = !!options.fatal;
      this.#keepBOM = !!options.ignoreBOM;
    }
    get encoding() { return this.#encoding; }
    get fatal() { return this.#fatal; }
    get ignoreBOM() { return this.#keepBOM; }
    decode(v, { stream = false } = {}) {
      let b = v === undefined ? this.#pending : Buffer.concat([this.#pending, bufferOf(v)]);
      this.#pending = Buffer.alloc(0);
      if (this.#encoding === 'windows-1252') return b.toString('latin1');
      if (stream) {
        const cut = this.#encoding === 'utf-8' ? unfinished(b) : b.length % 2;
        this.#pending = Buffer.from(b.subarray(b.length - cut));
        b = b.subarray(0, b.length - cut);
      }
      if (this.#encoding === 'utf-16le') return b.toString('utf16le').replace(this.#keepBOM ? /(?!)/ : /^\ufeff/, '');
      const text = b.toString();
      if (this.#fatal && text.includes('\ufffd') && !Buffer.from(text).equals(b)) {
        const e = new TypeError('The encoded data was not valid for encoding utf-8');
        e.code = 'ERR_ENCODING_INVALID_ENCODED_DATA';
        throw e;
      }
      return !this.#keepBOM && text[0] === '\ufeff' ? text.slice(1) : text;
    }
  }
  // unfinished is how many bytes at the end belong to a character whose rest is still to come.
  const unfinished = (b) => {
    for (let n = 1; n <= 3 && n <= b.length; n++) {
      const c = b[b.length - n];
      if ((c & 0xc0) === 0x80) continue;
      return c >= 0xc0 && (c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2) > n ? n : 0;
    }
    return 0;
  };
  const btoa = (s) => {
    s = String(s);
    for (let i = 0; i < s.length; i++) if (s.charCodeAt(i) > 255) throw new DOMException('Invalid character', 'InvalidCharacterError');
    return Buffer.from(s, 'latin1').toString('base64');
  };
  const atob = (s) => {
    s = String(s).replace(/[\t\n\f\r ]/g, '');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(s) || s.replace(/=+$/, '').length % 4 === 1) {
      throw new DOMException('The string to be decoded is not correctly encoded.', 'InvalidCharacterError');
    }
    return Buffer.from(s, 'base64').toString('latin1');
  };

  // --- structuredClone ---------------------------------------------------------------------------------------------------
  const uncloneable = (v) => new DOMException(`${typeof v === 'symbol' ? String(v) : v} could not be cloned.`, 'DataCloneError');
  const structuredClone = (value) => {
    const seen = new Map();
    let depth = 0;
    const walk = (v) => {
      if (typeof v === 'function' || typeof v === 'symbol') throw uncloneable(v);
      if (v === null || typeof v !== 'object') return v;
      if (seen.has(v)) return seen.get(v);
      if (++depth > 500) throw new RangeError('The value is nested too deeply to be cloned');
      const out = copy(v);
      depth--;
      return out;
    };
    const note = (from, to) => { seen.set(from, to); return to; };
    const own = (from, to) => { note(from, to); for (const k of Object.keys(from)) to[k] = walk(from[k]); return to; };
    const copy = (v) => {
      if (Array.isArray(v)) return own(v, new Array(v.length));
      if (v instanceof Date) return note(v, new Date(v.getTime()));
      if (v instanceof RegExp) return note(v, new RegExp(v.source, v.flags));
      if (v instanceof Map) { const m = note(v, new Map()); v.forEach((x, k) => m.set(walk(k), walk(x))); return m; }
      if (v instanceof Set) { const s = note(v, new Set()); v.forEach((x) => s.add(walk(x))); return s; }
      if (v instanceof ArrayBuffer) return note(v, v.slice(0));
      if (ArrayBuffer.isView(v)) {
        const bytes = v.buffer.slice(v.byteOffset, v.byteOffset + v.byteLength);
        return note(v, v instanceof DataView ? new DataView(bytes) : new (Buffer.isBuffer(v) ? Uint8Array : v.constructor)(bytes));
      }
      if (v instanceof Error) {
        const e = note(v, Object.create(Object.getPrototypeOf(v)));
        for (const k of ['message', 'stack', 'cause']) if (k in v) define(e, k, walk(v[k]));
        return e;
      }
      if (v instanceof Number || v instanceof String || v instanceof Boolean) return note(v, Object(v.valueOf()));
      if (v instanceof Promise || v instanceof WeakMap || v instanceof WeakSet) throw uncloneable(v);
      return own(v, {});
    };
    return walk(value);
  };

  // --- events and abort --------------------------------------------------------------------------------------------------
  class Event { constructor(type, init) { this.type = type; Object.assign(this, init); } }
  class EventTarget {
    #listeners = new Map();
    addEventListener(type, fn, options) {
      const list = this.#listeners.get(type) ?? [];
      if (!list.some((l) => l.fn === fn)) this.#listeners.set(type, [...list, { fn, once: !!options?.once }]);
    }
    removeEventListener(type, fn) { this.#listeners.set(type, (this.#listeners.get(type) ?? []).filter((l) => l.fn !== fn)); }
    dispatchEvent(event) {
      if (!event.target) event.target = this;
      for (const { fn, once } of this.#listeners.get(event.type) ?? []) {
        if (once) this.removeEventListener(event.type, fn);
        if (typeof fn === 'function') fn.call(this, event); else fn.handleEvent(event);
      }
      this['on' + event.type]?.(event);
      return true;
    }
  }
  class AbortSignal extends EventTarget {
    aborted = false; reason = undefined; onabort = null;
    throwIfAborted() { if (this.aborted) throw this.reason; }
    static fire(signal, reason = new DOMException('This operation was aborted', 'AbortError')) {
      if (signal.aborted) return;
      signal.aborted = true; signal.reason = reason;
      signal.dispatchEvent(new Event('abort'));
    }
    static abort(reason) { const s = new AbortSignal(); fire(s, reason); return s; }
    static timeout(ms) {
      const s = new AbortSignal();
      global.setTimeout(() => fire(s, new DOMException('The operation was aborted due to timeout', 'TimeoutError')), ms);
      return s;
    }
    static any(signals) {
      const s = new AbortSignal();
      for (const one of signals) {
        if (one.aborted) { fire(s, one.reason); break; }
        one.addEventListener('abort', () => fire(s, one.reason), { once: true });
      }
      return s;
    }
  }
  const { fire } = AbortSignal;
  delete AbortSignal.fire;
  class AbortController {
    signal = new AbortSignal();
    abort(reason) { fire(this.signal, reason); }
  }

  // --- HTTP's data types -------------------------------------------------------------------------------------------------
  class Headers {
    #map = new Map();
    constructor(init) {
      if (!init) return;
      for (const [k, v] of typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init)) this.append(k, v);
    }
    append(k, v) { k = String(k).toLowerCase(); this.#map.set(k, [...(this.#map.get(k) ?? []), String(v).trim()]); }
    set(k, v) { this.#map.set(String(k).toLowerCase(), [String(v).trim()]); }
    get(k) { return this.#map.get(String(k).toLowerCase())?.join(', ') ?? null; }
    has(k) { return this.#map.has(String(k).toLowerCase()); }
    delete(k) { this.#map.delete(String(k).toLowerCase()); }
    getSetCookie() { return [...(this.#map.get('set-cookie') ?? [])]; }
    forEach(fn, self) { for (const [k, v] of this.entries()) fn.call(self, v, k, this); }
    * entries() {
      for (const k of [...this.#map.keys()].sort()) {
        if (k === 'set-cookie') for (const v of this.#map.get(k)) yield [k, v]; else yield [k, this.get(k)];
      }
    }
    * keys() { for (const [k] of this.entries()) yield k; }
    * values() { for (const [, v] of this.entries()) yield v; }
    [Symbol.iterator]() { return this.entries(); }
    get [Symbol.toStringTag]() { return 'Headers'; }
  }
  class Blob {
    #bytes; #type;
    constructor(parts = [], options = {}) {
      this.#bytes = Buffer.concat([...parts].map((p) => (p instanceof Blob ? p.#bytes : typeof p === 'object' && p !== null ? bufferOf(p) : Buffer.from(String(p)))));
      this.#type = String(options.type ?? '').toLowerCase();
    }
    _bytes() { return this.#bytes; }
    get size() { return this.#bytes.length; }
    get type() { return this.#type; }
    async arrayBuffer() { const b = this.#bytes; return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); }
    async bytes() { return new Uint8Array(await this.arrayBuffer()); }
    async text() { return this.#bytes.toString(); }
    slice(from, to, type) { return new Blob([this.#bytes.subarray(from, to)], { type }); }
    get [Symbol.toStringTag]() { return 'Blob'; }
  }
  class File extends Blob {
    constructor(parts, name, options = {}) { super(parts, options); this.name = String(name); this.lastModified = options.lastModified ?? Date.now(); }
    get [Symbol.toStringTag]() { return 'File'; }
  }
  class FormData {
    #list = [];
    #entry(k, v, name) {
      if (!(v instanceof Blob)) return [String(k), String(v)];
      return [String(k), name === undefined && v instanceof File ? v : new File([v], name ?? 'blob', { type: v.type })];
    }
    append(k, v, name) { this.#list.push(this.#entry(k, v, name)); }
    set(k, v, name) { this.delete(k); this.append(k, v, name); }
    get(k) { return this.#list.find((e) => e[0] === k)?.[1] ?? null; }
    getAll(k) { return this.#list.filter((e) => e[0] === k).map((e) => e[1]); }
    has(k) { return this.#list.some((e) => e[0] === k); }
    delete(k) { this.#list = this.#list.filter((e) => e[0] !== k); }
    forEach(fn, self) { for (const [k, v] of this.#list) fn.call(self, v, k, this); }
    * entries() { for (const [k, v] of this.#list) yield [k, v]; }
    * keys() { for (const [k] of this.#list) yield k; }
    * values() { for (const [, v] of this.#list) yield v; }
    [Symbol.iterator]() { return this.entries(); }
    get [Symbol.toStringTag]() { return 'FormData'; }
  }
  const bytesOfBody = (b) => {
    if (b === undefined || b === null) return Buffer.alloc(0);
    if (b instanceof Blob) return b._bytes();
    if (b instanceof ArrayBuffer || ArrayBuffer.isView(b)) return bufferOf(b);
    return Buffer.from(String(b));
  };
  class Response {
    #bytes; #empty; #used = false;
    constructor(body, init = {}) {
      this.#empty = body === undefined || body === null;
      this.#bytes = bytesOfBody(body);
      this.status = init.status ?? 200;
      this.statusText = init.statusText ?? '';
      this.headers = new Headers(init.headers);
      this.url = init.url ?? '';
      this.redirected = false;
      this.type = 'default';
      if (typeof body === 'string' && !this.headers.has('content-type')) this.headers.set('content-type', 'text/plain;charset=UTF-8');
    }
    get ok() { return this.status >= 200 && this.status <= 299; }
    get bodyUsed() { return this.#used; }
    get body() { return this.#empty ? null : makeStream(this.#bytes); }
    #take() {
      if (this.#used) throw new TypeError('Body is unusable: Body has already been read');
      this.#used = true;
      return this.#bytes;
    }
    async text() { return new TextDecoder().decode(this.#take()); }
    async json() { return JSON.parse(await this.text()); }
    async arrayBuffer() { const b = this.#take(); return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); }
    async bytes() { return new Uint8Array(await this.arrayBuffer()); }
    async blob() { return new Blob([this.#take()], { type: this.headers.get('content-type') ?? '' }); }
    clone() { return new Response(this.#empty ? null : this.#bytes, this); }
    static json(data, init) { const r = new Response(JSON.stringify(data), init); r.headers.set('content-type', 'application/json'); return r; }
    static error() { const r = new Response(null, { status: 0 }); r.type = 'error'; return r; }
    get [Symbol.toStringTag]() { return 'Response'; }
  }

  // makeStream is a readable stream over bytes that are already here: the events and the iteration that scripts use.
  const makeStream = (bytes) => {
    const listeners = { data: [], end: [], close: [], error: [], readable: [] };
    let encoding, flowing = false, ended = false;
    const chunk = () => (encoding ? bytes.toString(encoding) : bytes);
    const emit = (name, ...args) => { for (const fn of listeners[name] ?? []) fn(...args); };
    const flow = () => {
      if (flowing || ended) return;
      flowing = true;
      global.queueMicrotask(() => {
        if (bytes.length > 0) emit('data', chunk());
        ended = true;
        emit('end');
        emit('close');
      });
    };
    const stream = {
      readable: true,
      on(name, fn) { (listeners[name] ??= []).push(fn); if (name === 'data') flow(); return stream; },
      once(name, fn) { return stream.on(name, fn); },
      off(name, fn) { listeners[name] = (listeners[name] ?? []).filter((l) => l !== fn); return stream; },
      setEncoding(e) { encoding = e; return stream; },
      resume() { flow(); return stream; },
      pause() { return stream; },
      destroy() { ended = true; return stream; },
      pipe(target) { stream.on('data', (c) => target.write(c)); stream.on('end', () => target.end?.()); return target; },
    };
    stream[Symbol.asyncIterator] = () => {
      let done = ended || bytes.length === 0;
      return {
        async next() { ended = true; if (done) return { value: undefined, done: true }; done = true; return { value: chunk(), done: false }; },
        async return() { ended = done = true; return { value: undefined, done: true }; },
        [Symbol.asyncIterator]() { return this; },
      };
    };
    return stream;
  };
  const makeResponse = (status, statusText, headers, body, url) => new Response(body, { status, statusText, headers, url });

  const started = Date.now();
  const performance = { now: () => Date.now() - started, timeOrigin: started, mark() {}, measure() {} };
  return {
    DOMException, TextEncoder, TextDecoder, btoa, atob, structuredClone, Event, EventTarget, AbortSignal, AbortController, Headers, Blob, File,
    FormData, Response, performance, makeStream, makeResponse,
  };
})
