// The part of Node's crypto that integration scripts use, and the web's crypto object.
(function (natives, require) {
  const { Buffer } = require('buffer');
  const coded = (Ctor, code, message) => { const e = new Ctor(message); e.code = code; return e; };
  const bytesOf = (v, encoding) => {
    if (typeof v === 'string') return Buffer.from(v, encoding);
    if (v instanceof ArrayBuffer) return Buffer.from(v);
    if (ArrayBuffer.isView(v)) return Buffer.from(v.buffer, v.byteOffset, v.byteLength);
    throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView');
  };
  const out = (bytes, encoding) => {
    const b = Buffer.from(bytes);
    return encoding === undefined || encoding === 'buffer' ? b : b.toString(encoding);
  };
  const keyText = (key) => {
    if (typeof key === 'object' && key !== null && !ArrayBuffer.isView(key)) key = key.key;
    return typeof key === 'string' ? key : Buffer.from(key).toString();
  };

  class Hash {
    #algorithm; #key; #parts = []; #done = false;
    constructor(algorithm, key) {
      if (!natives.hasHash(String(algorithm))) throw coded(Error, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${algorithm}`);
      this.#algorithm = String(algorithm); this.#key = key;
    }
    update(data, encoding) {
      if (this.#done) throw coded(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
      this.#parts.push(Buffer.from(bytesOf(data, encoding)));
      return this;
    }
    digest(encoding) {
      if (this.#done) throw coded(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
      this.#done = true;
      const all = Buffer.concat(this.#parts);
      return out(this.#key === undefined ? natives.hash(this.#algorithm, all) : natives.hmac(this.#algorithm, this.#key, all), encoding);
    }
    copy() {
      const h = new Hash(this.#algorithm, this.#key);
      h.#parts = this.#parts.slice();
      return h;
    }
  }
  class Sign {
    #algorithm; #parts = [];
    constructor(algorithm) { this.#algorithm = String(algorithm); }
    update(data, encoding) { this.#parts.push(Buffer.from(bytesOf(data, encoding))); return this; }
    write(data, encoding) { return this.update(data, encoding); }
    end(data) { return data === undefined ? this : this.update(data); }
    sign(key, encoding) { return out(natives.sign(this.#algorithm, keyText(key), Buffer.concat(this.#parts)), encoding); }
    verify(key, signature, encoding) {
      return natives.verify(this.#algorithm, keyText(key), Buffer.concat(this.#parts), bytesOf(signature, encoding));
    }
  }

  const random = (n) => Buffer.from(natives.random(n));
  const randomUUID = () => {
    const b = random(16);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    const s = b.toString('hex');
    return `${s.slice(0, 8)}-${s.slice(8, 12)}-${s.slice(12, 16)}-${s.slice(16, 20)}-${s.slice(20)}`;
  };
  const getRandomValues = (view) => {
    if (view.byteLength > 65536) throw coded(Error, 'ERR_OUT_OF_RANGE', 'The requested length exceeds 65,536 bytes');
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(random(view.byteLength));
    return view;
  };
  const later = (callback, make) => {
    (async () => { let v; try { v = make(); } catch (e) { callback(e); return; } callback(null, v); })();
  };
  const pbkdf2Sync = (password, salt, iterations, length, digest) => out(natives.pbkdf2(String(digest), bytesOf(password), bytesOf(salt), iterations, length));
  const randomInt = (a, b, callback) => {
    if (typeof b === 'function') { callback = b; b = undefined; }
    const [low, high] = b === undefined ? [0, a] : [a, b];
    if (!(high > low) || high - low > 2 ** 48 - 1) throw coded(RangeError, 'ERR_OUT_OF_RANGE', 'The value of "max" is out of range.');
    const draw = () => low + Number(random(8).readBigUInt64BE(0) % BigInt(high - low));
    return callback ? later(callback, draw) : draw();
  };

  const digestName = (a) => (typeof a === 'string' ? a : a.name);
  const subtle = {
    async digest(algorithm, data) { return natives.hash(digestName(algorithm), bytesOf(data)); },
    async importKey(format, key, algorithm, extractable, usages) {
      if (format !== 'raw' || digestName(algorithm) !== 'HMAC') throw new Error('Only raw HMAC keys are supported');
      return { type: 'secret', algorithm: { name: 'HMAC', hash: { name: digestName(algorithm.hash) } }, extractable, usages, key: Buffer.from(bytesOf(key)) };
    },
    async sign(algorithm, key, data) { return natives.hmac(key.algorithm.hash.name, key.key, bytesOf(data)); },
    async verify(algorithm, key, signature, data) {
      const made = natives.hmac(key.algorithm.hash.name, key.key, bytesOf(data)), given = bytesOf(signature);
      return made.byteLength === given.length && natives.equalBytes(made, given);
    },
  };
  const webcrypto = { getRandomValues, randomUUID, subtle };
  const exports = {
    createHash: (algorithm) => new Hash(algorithm),
    createHmac: (algorithm, key) => new Hash(algorithm, Buffer.from(bytesOf(key))),
    createSign: (algorithm) => new Sign(algorithm),
    createVerify: (algorithm) => new Sign(algorithm),
    sign: (algorithm, data, key) => out(natives.sign(String(algorithm), keyText(key), bytesOf(data))),
    verify: (algorithm, data, key, signature) => natives.verify(String(algorithm), keyText(key), bytesOf(data), bytesOf(signature)),
    hash: (algorithm, data, encoding = 'hex') => out(natives.hash(algorithm, bytesOf(data)), encoding),
    getHashes: () => ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'],
    randomBytes: (n, callback) => (callback ? later(callback, () => random(n)) : random(n)),
    randomFillSync: (view) => getRandomValues(view),
    randomInt, randomUUID, getRandomValues, pbkdf2Sync,
    pbkdf2: (password, salt, iterations, length, digest, callback) => later(callback, () => pbkdf2Sync(password, salt, iterations, length, digest)),
    timingSafeEqual: (a, b) => natives.equalBytes(bytesOf(a), bytesOf(b)),
    webcrypto, subtle,
  };
  exports.default = exports;
  return exports;
})
