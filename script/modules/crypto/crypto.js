// The part of Node's crypto that integration scripts use, and the web's crypto object.
(function (natives, part) {
  const { Buffer, coded, bytesOf, out, later, random, getRandomValues, randomUUID, secret } = part;

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
    write(data, encoding) { this.update(data, encoding); return true; }
    end(data, encoding) { return data === undefined ? this : this.update(data, encoding); }
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

  const pbkdf2Sync = (password, salt, iterations, length, digest) =>
    Buffer.from(natives.pbkdf2(String(digest), bytesOf(password, undefined, 'password'), bytesOf(salt, undefined, 'salt'), iterations, length));
  const scryptSync = (password, salt, length, o = {}) => Buffer.from(natives.scrypt(
    bytesOf(password, undefined, 'password'), bytesOf(salt, undefined, 'salt'), length,
    o.N ?? o.cost ?? 16384, o.r ?? o.blockSize ?? 8, o.p ?? o.parallelization ?? 1, o.maxmem ?? 32 * 1024 * 1024));
  const hkdfSync = (digest, key, salt, info, length) =>
    natives.hkdf(String(digest), secret(key), bytesOf(salt, undefined, 'salt'), bytesOf(info, undefined, 'info'), length);
  const randomInt = (a, b, callback) => {
    if (typeof b === 'function') { callback = b; b = undefined; }
    const [low, high] = b === undefined ? [0, a] : [a, b];
    if (!(high > low) || high - low > 2 ** 48 - 1) throw coded(RangeError, 'ERR_OUT_OF_RANGE', 'The value of "max" is out of range.');
    const draw = () => low + Number(random(8).readBigUInt64BE(0) % BigInt(high - low));
    return callback ? later(callback, draw) : draw();
  };
  const signature = (make) => (...args) => {
    const callback = typeof args.at(-1) === 'function' ? args.pop() : undefined;
    return callback ? later(callback, () => make(...args)) : make(...args);
  };

  const { subtle, CryptoKey } = part;
  const webcrypto = { getRandomValues, randomUUID, subtle, CryptoKey };
  const exports = {
    createHash: (algorithm) => new Hash(algorithm),
    createHmac: (algorithm, key, options) => new Hash(algorithm, Buffer.from(secret(key, options?.encoding))),
    createSign: (algorithm) => new part.Sign(algorithm),
    createVerify: (algorithm) => new part.Verify(algorithm),
    sign: signature((algorithm, data, key) => Buffer.from(part.sign(algorithm, data, key))),
    verify: signature(part.verify),
    hash: (algorithm, data, encoding = 'hex') => out(natives.hash(algorithm, bytesOf(data)), encoding),
    getHashes: () => ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha512-256', 'sha3-256', 'sha3-512'],
    getCiphers: () => ['aes-128-cbc', 'aes-128-ctr', 'aes-128-ecb', 'aes-128-gcm', 'aes-192-cbc', 'aes-192-ctr', 'aes-192-ecb', 'aes-192-gcm', 'aes-256-cbc',
      'aes-256-ctr', 'aes-256-ecb', 'aes-256-gcm', 'des-ede3-cbc'],
    randomBytes: (n, callback) => (callback ? later(callback, () => random(n)) : random(n)),
    randomFillSync: (view) => getRandomValues(view),
    randomInt, randomUUID, getRandomValues, pbkdf2Sync, scryptSync, hkdfSync,
    pbkdf2: (password, salt, iterations, length, digest, callback) => later(callback, () => pbkdf2Sync(password, salt, iterations, length, digest)),
    scrypt: (password, salt, length, options, callback) =>
      (typeof options === 'function' ? later(options, () => scryptSync(password, salt, length)) : later(callback, () => scryptSync(password, salt, length, options))),
    hkdf: (digest, key, salt, info, length, callback) => later(callback, () => hkdfSync(digest, key, salt, info, length)),
    timingSafeEqual: (a, b) => natives.equalBytes(bytesOf(a), bytesOf(b)),
    webcrypto, subtle,
  };
  for (const name of ['constants', 'KeyObject', 'createPrivateKey', 'createPublicKey', 'createSecretKey', 'createCipheriv', 'createDecipheriv',
    'publicEncrypt', 'privateDecrypt']) exports[name] = part[name];
  exports.default = exports;
  return exports;
})
