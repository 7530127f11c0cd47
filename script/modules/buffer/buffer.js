// Buffer as Node has it: a Uint8Array with encodings. The encodings themselves are native.
(function (natives, require, global) {
  const MAX = 256 * 1024 * 1024;
  const { ArrayBuffer, Uint8Array } = global; // the bounded ones
  const define = (target, name, value) =>
    Object.defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true });
  const coded = (Ctor, code, message) => { const e = new Ctor(message); e.code = code; return e; };

  const names = {
    utf8: 'utf8', 'utf-8': 'utf8', hex: 'hex', base64: 'base64', base64url: 'base64url', ascii: 'ascii', latin1: 'latin1',
    binary: 'latin1', ucs2: 'utf16le', 'ucs-2': 'utf16le', utf16le: 'utf16le', 'utf-16le': 'utf16le',
  };
  const encodingOf = (name) => {
    if (name === undefined || name === null || name === '') return 'utf8';
    const known = names[String(name).toLowerCase()];
    if (!known) throw coded(TypeError, 'ERR_UNKNOWN_ENCODING', `Unknown encoding: ${name}`);
    return known;
  };
  const sizeOf = (n) => {
    if (typeof n !== 'number') throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "size" argument must be of type number. Received ${typeof n}`);
    if (!(n >= 0 && n <= MAX)) throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "size" is out of range. It must be >= 0 && <= ${MAX}. Received ${n}`);
    return Math.floor(n);
  };
  const kind = (v) => (v === null || v === undefined ? String(v) : typeof v === 'object' ? `an instance of ${v.constructor?.name ?? 'Object'}` : `type ${typeof v}`);
  const encoded = (text, encoding) => new Buffer(natives.encode(text, encodingOf(encoding)));

  class Buffer extends Uint8Array {
    static from(v, a, b) {
      if (typeof v === 'string') return encoded(v, a);
      if (v instanceof ArrayBuffer) return new Buffer(v, a, b);
      if (typeof v === 'object' && v !== null) {
        if (ArrayBuffer.isView(v) || Array.isArray(v) || typeof v.length === 'number') {
          const out = new Buffer(sizeOf(v.length));
          if (ArrayBuffer.isView(v)) out.set(v); else for (let i = 0; i < out.length; i++) out[i] = v[i];
          return out;
        }
        if (v.type === 'Buffer' && Array.isArray(v.data)) return Buffer.from(v.data);
        const inner = v.valueOf?.();
        if (inner !== v && inner !== undefined && inner !== null) return Buffer.from(inner, a, b);
      }
      throw coded(TypeError, 'ERR_INVALID_ARG_TYPE',
        `The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received ${kind(v)}`);
    }
    static alloc(n, fill, encoding) {
      const out = new Buffer(sizeOf(n));
      return fill === undefined || fill === 0 ? out : out.fill(fill, encoding);
    }
    static allocUnsafe(n) { return new Buffer(sizeOf(n)); }
    static allocUnsafeSlow(n) { return new Buffer(sizeOf(n)); }
    static of(...items) { return Buffer.from(items); }
    static isBuffer(v) { return v instanceof Buffer; }
    static isEncoding(e) { return typeof e === 'string' && names[e.toLowerCase()] !== undefined; }
    static byteLength(v, encoding) { return typeof v === 'string' ? natives.byteLength(v, encodingOf(encoding)) : v.byteLength; }
    static compare(a, b) { return a.compare(b); }
    static concat(list, total) {
      if (!Array.isArray(list)) throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "list" argument must be an instance of Array. Received ${kind(list)}`);
      const size = total === undefined ? list.reduce((n, part) => n + part.length, 0) : total;
      const out = new Buffer(sizeOf(size));
      let at = 0;
      for (let part of list) {
        if (at >= out.length) break;
        if (at + part.length > out.length) part = part.subarray(0, out.length - at);
        out.set(part, at);
        at += part.length;
      }
      return out;
    }
    toString(encoding, start, end) {
      const from = Math.max(0, start | 0), to = end === undefined ? this.length : Math.min(this.length, end | 0);
      return to <= from ? '' : natives.decode(this.subarray(from, to), encodingOf(encoding));
    }
    toLocaleString(encoding, start, end) { return this.toString(encoding, start, end); }
    toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
    equals(other) { return this.compare(other) === 0; }
    compare(other) {
      const n = Math.min(this.length, other.length);
      for (let i = 0; i < n; i++) if (this[i] !== other[i]) return this[i] < other[i] ? -1 : 1;
      return Math.sign(this.length - other.length);
    }
    slice(from, to) { return this.subarray(from, to); }
    write(text, at, length, encoding) {
      if (typeof at === 'string') { encoding = at; at = undefined; length = undefined; }
      if (typeof length === 'string') { encoding = length; length = undefined; }
      at ??= 0;
      const bytes = encoded(text, encoding);
      const n = Math.min(bytes.length, this.length - at, length ?? Infinity);
      this.set(bytes.subarray(0, n), at);
      return n;
    }
    copy(target, at = 0, from = 0, to = this.length) {
      const part = this.subarray(from, Math.min(to, from + target.length - at));
      target.set(part, at);
      return part.length;
    }
    fill(value, from = 0, to = this.length, encoding = undefined) {
      if (typeof from === 'string') { encoding = from; from = 0; to = this.length; }
      if (typeof to === 'string') { encoding = to; to = this.length; }
      if (typeof value === 'string' || ArrayBuffer.isView(value)) {
        const bytes = typeof value === 'string' ? encoded(value, encoding) : value;
        if (bytes.length === 0) return super.fill(0, from, to);
        for (let i = from, k = 0; i < to; i++, k++) this[i] = bytes[k % bytes.length];
        return this;
      }
      return super.fill(value, from, to);
    }
    indexOf(value, from = 0, encoding = undefined) {
      if (typeof value === 'number') return super.indexOf(value & 255, from);
      if (typeof from === 'string') { encoding = from; from = 0; }
      const bytes = typeof value === 'string' ? encoded(value, encoding) : value;
      if (from < 0) from = Math.max(0, this.length + from);
      outer: for (let i = from; i + bytes.length <= this.length; i++) {
        for (let k = 0; k < bytes.length; k++) if (this[i + k] !== bytes[k]) continue outer;
        return i;
      }
      return -1;
    }
    includes(value, from, encoding) { return this.indexOf(value, from, encoding) !== -1; }
    readInt8(at = 0) { return this.view(at, 1).getInt8(at); }
    writeInt8(v, at = 0) { this.view(at, 1).setInt8(at, v); return at + 1; }
    readUInt8(at = 0) { return this.view(at, 1).getUint8(at); }
    writeUInt8(v, at = 0) { this.view(at, 1).setUint8(at, v); return at + 1; }
    view(at, size) {
      if (!(at >= 0 && at + size <= this.length)) throw coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "offset" is out of range. Received ${at}`);
      return new DataView(this.buffer, this.byteOffset, this.byteLength);
    }
    readUIntBE(at, n) { this.view(at, n); let v = 0; for (let i = 0; i < n; i++) v = v * 256 + this[at + i]; return v; }
    readUIntLE(at, n) { this.view(at, n); let v = 0; for (let i = n - 1; i >= 0; i--) v = v * 256 + this[at + i]; return v; }
    swap16() {
      for (let i = 0; i + 1 < this.length; i += 2) [this[i], this[i + 1]] = [this[i + 1], this[i]];
      return this;
    }
  }
  define(Buffer.prototype, 'view', Buffer.prototype.view);
  const numbers = [['UInt16', 'Uint16', 2], ['Int16', 'Int16', 2], ['UInt32', 'Uint32', 4], ['Int32', 'Int32', 4], ['Float', 'Float32', 4],
    ['Double', 'Float64', 8], ['BigInt64', 'BigInt64', 8], ['BigUInt64', 'BigUint64', 8]];
  for (const [name, native, size] of numbers) {
    for (const order of ['LE', 'BE']) {
      const little = order === 'LE';
      const read = { [`read${name}${order}`](at = 0) { return this.view(at, size)[`get${native}`](at, little); } };
      const write = { [`write${name}${order}`](v, at = 0) { this.view(at, size)[`set${native}`](at, v, little); return at + size; } };
      for (const group of [read, write]) for (const key of Object.keys(group)) define(Buffer.prototype, key, group[key]);
    }
  }
  for (const key of Object.getOwnPropertyNames(Buffer.prototype)) { // Node's other spelling
    if (key.includes('UInt')) define(Buffer.prototype, key.replace('UInt', 'Uint'), Buffer.prototype[key]);
  }
  define(Buffer, 'poolSize', 8192);

  const exports = { Buffer, kMaxLength: MAX, constants: { MAX_LENGTH: MAX, MAX_STRING_LENGTH: 128 * 1024 * 1024 } };
  for (const name of ['Blob', 'File', 'atob', 'btoa']) Object.defineProperty(exports, name, { enumerable: true, get() { return global[name]; } });
  exports.default = exports;
  return exports;
})
