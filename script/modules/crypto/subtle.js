// crypto.subtle: digests, HMAC, and AES in the modes CBC and GCM.
(function (natives, part) {
  const { Buffer, bytesOf, createCipheriv, createDecipheriv } = part;
  const fail = (name, message) => { throw new part.global.DOMException(message, name); };
  const nameOf = (a) => String(typeof a === 'string' ? a : a?.name).toUpperCase();
  const only = Symbol('made here');
  const digests = { 'SHA-1': 64, 'SHA-256': 64, 'SHA-384': 128, 'SHA-512': 128 }; // block sizes in bytes
  const digestOf = (a) => {
    const name = nameOf(a);
    if (!digests[name]) fail('NotSupportedError', 'Unrecognized algorithm name');
    return name;
  };
  const arrayBuffer = (b) => b.buffer.slice(b.byteOffset, b.byteOffset + b.length);

  class CryptoKey {
    #bytes;
    constructor(mark, bytes, algorithm, extractable, usages) {
      if (mark !== only) throw new TypeError('Illegal constructor');
      this.#bytes = bytes;
      this.type = 'secret'; this.extractable = extractable; this.algorithm = algorithm; this.usages = usages;
      Object.freeze(this);
    }
    static bytes(k) { return k.#bytes; }
    get [Symbol.toStringTag]() { return 'CryptoKey'; }
  }
  const { bytes: secretOf } = CryptoKey;
  delete CryptoKey.bytes;

  const usagesOf = { HMAC: ['sign', 'verify'], 'AES-GCM': ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'], 'AES-CBC': ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'] };
  const make = (bytes, algorithm, extractable, usages) => {
    const name = nameOf(algorithm);
    if (!usagesOf[name]) fail('NotSupportedError', 'Unrecognized algorithm name');
    if (usages.some((u) => !usagesOf[name].includes(u))) fail('SyntaxError', `Unsupported key usage for an ${name} key`);
    if (usages.length === 0) fail('SyntaxError', 'Usages cannot be empty when importing a secret key.');
    if (name === 'HMAC') {
      if (bytes.length === 0) fail('DataError', 'Zero-length key is not supported');
      return new CryptoKey(only, bytes, { name, hash: { name: digestOf(algorithm.hash) }, length: bytes.length * 8 }, !!extractable, [...usages]);
    }
    if (![16, 24, 32].includes(bytes.length)) fail('DataError', 'Invalid key length');
    return new CryptoKey(only, bytes, { name, length: bytes.length * 8 }, !!extractable, [...usages]);
  };
  const allowed = (key, name, usage) => {
    if (!(key instanceof CryptoKey)) throw new TypeError('The key must be an instance of CryptoKey');
    if (key.algorithm.name !== name) fail('InvalidAccessError', 'Key algorithm mismatch');
    if (!key.usages.includes(usage)) fail('InvalidAccessError', `Unable to use this key to ${usage}`);
    return secretOf(key);
  };
  const mac = (algorithm, key, data, usage) => {
    const secret = allowed(key, nameOf(algorithm), usage);
    if (nameOf(algorithm) !== 'HMAC') fail('NotSupportedError', 'Unrecognized algorithm name');
    return natives.hmac(key.algorithm.hash.name, secret, bytesOf(data));
  };
  const cipher = (create, algorithm, key, usage) => {
    const name = nameOf(algorithm), secret = allowed(key, name, usage);
    if (name === 'AES-CBC') return { work: create(`aes-${secret.length * 8}-cbc`, secret, bytesOf(algorithm.iv)), tag: 0 };
    const tag = (algorithm.tagLength ?? 128) / 8;
    if (![4, 8, 12, 13, 14, 15, 16].includes(tag)) fail('OperationError', `${algorithm.tagLength} is not a valid AES-GCM tag length`);
    const work = create(`aes-${secret.length * 8}-gcm`, secret, bytesOf(algorithm.iv), { authTagLength: tag });
    if (algorithm.additionalData) work.setAAD(bytesOf(algorithm.additionalData));
    return { work, tag };
  };
  const guarded = (f) => {
    try { return f(); } catch (e) {
      if (e instanceof part.global.DOMException || e instanceof TypeError) throw e;
      return fail('OperationError', 'The operation failed for an operation-specific reason');
    }
  };
  part.CryptoKey = CryptoKey;
  part.subtle = {
    async digest(algorithm, data) { return natives.hash(digestOf(algorithm), bytesOf(data)); },
    async importKey(format, key, algorithm, extractable, usages) {
      if (format === 'raw') return make(Buffer.from(bytesOf(key)), algorithm, extractable, usages);
      if (format !== 'jwk') fail('NotSupportedError', `Unable to import a key of the format ${format}`);
      if (key?.kty !== 'oct' || typeof key.k !== 'string') fail('DataError', 'Invalid keyData');
      return make(Buffer.from(key.k, 'base64url'), algorithm, extractable, usages);
    },
    async exportKey(format, key) {
      if (!(key instanceof CryptoKey)) throw new TypeError('The key must be an instance of CryptoKey');
      if (!key.extractable) fail('InvalidAccessException', 'key is not extractable');
      const bytes = Buffer.from(secretOf(key)), { name, hash } = key.algorithm;
      if (format === 'raw') return arrayBuffer(bytes);
      if (format !== 'jwk') fail('NotSupportedError', `Unable to export a key in the format ${format}`);
      const alg = hash ? hash.name.replace('SHA-', 'HS') : `A${bytes.length * 8}${name.slice(4)}`;
      return { key_ops: [...key.usages], ext: true, kty: 'oct', k: bytes.toString('base64url'), alg };
    },
    async generateKey(algorithm, extractable, usages) {
      const size = nameOf(algorithm) === 'HMAC' ? (algorithm.length ?? digests[digestOf(algorithm.hash)] * 8) : algorithm.length;
      return make(part.random(Math.ceil(size / 8)), algorithm, extractable, usages);
    },
    async sign(algorithm, key, data) { return mac(algorithm, key, data, 'sign'); },
    async verify(algorithm, key, signature, data) {
      const made = mac(algorithm, key, data, 'verify'), given = bytesOf(signature);
      return made.byteLength === given.length && natives.equalBytes(made, given);
    },
    async encrypt(algorithm, key, data) {
      return guarded(() => {
        const { work, tag } = cipher(createCipheriv, algorithm, key, 'encrypt');
        return arrayBuffer(Buffer.concat([work.update(bytesOf(data)), work.final(), ...(tag ? [work.getAuthTag()] : [])]));
      });
    },
    async decrypt(algorithm, key, data) {
      return guarded(() => {
        const { work, tag } = cipher(createDecipheriv, algorithm, key, 'decrypt'), all = bytesOf(data);
        if (tag) work.setAuthTag(all.subarray(all.length - tag));
        return arrayBuffer(Buffer.concat([work.update(all.subarray(0, all.length - tag)), work.final()]));
      });
    },
  };
})
