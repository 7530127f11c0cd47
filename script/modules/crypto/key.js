// Keys, and what is done with them: signatures, and encryption with RSA. The keys themselves stay native.
(function (natives, part) {
  const { Buffer, coded, received, bytesOf, out } = part;
  const constants = {
    RSA_PKCS1_PADDING: 1, RSA_NO_PADDING: 3, RSA_PKCS1_OAEP_PADDING: 4, RSA_PKCS1_PSS_PADDING: 6,
    RSA_PSS_SALTLEN_DIGEST: -1, RSA_PSS_SALTLEN_AUTO: -2, RSA_PSS_SALTLEN_MAX_SIGN: -2,
  };
  const only = Symbol('made here');

  class KeyObject {
    #secret; #native; #about;
    constructor(mark, secret, native) {
      if (mark !== only) throw new TypeError('Illegal constructor');
      this.#secret = secret; this.#native = native;
      this.#about = native && natives.describeKey(native);
    }
    static secretOf(k) { return k.#secret; }
    static nativeOf(k) { return k.#native; }
    get type() { return this.#secret ? 'secret' : this.#about.private ? 'private' : 'public'; }
    get symmetricKeySize() { return this.#secret?.length; }
    get asymmetricKeyType() { return this.#about?.type; }
    get asymmetricKeyDetails() { return this.#about?.bits ? { modulusLength: this.#about.bits, publicExponent: 65537n } : {}; }
    export(options = {}) {
      if (this.#secret) return options.format === 'jwk' ? { kty: 'oct', k: this.#secret.toString('base64url') } : Buffer.from(this.#secret);
      if (options.cipher || options.format === 'jwk') throw coded(Error, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', 'This form of export is not supported');
      const { der, pem } = natives.exportKey(this.#native, String(options.type ?? (this.#about.private ? 'pkcs8' : 'spki')));
      return options.format === 'der' ? Buffer.from(der) : pem;
    }
    equals(other) {
      if (!(other instanceof KeyObject) || other.type !== this.type) return false;
      const [a, b] = [this, other].map((k) => k.export({ format: 'der' }));
      return a.length === b.length && natives.equalBytes(a, b);
    }
    get [Symbol.toStringTag]() { return 'KeyObject'; }
  }
  const { secretOf, nativeOf } = KeyObject;
  delete KeyObject.secretOf;
  delete KeyObject.nativeOf;

  // native turns what Node takes for a key into one of ours.
  const native = (v, isPrivate) => {
    if (v instanceof KeyObject) {
      if (!nativeOf(v)) throw coded(TypeError, 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', `Invalid key object type ${v.type}, expected private or public.`);
      if (isPrivate && v.type !== 'private') throw coded(TypeError, 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', `Invalid key object type ${v.type}, expected private.`);
      return nativeOf(v);
    }
    if (typeof v === 'object' && v !== null && !ArrayBuffer.isView(v) && !(v instanceof ArrayBuffer)) {
      if (v.key instanceof KeyObject) return native(v.key, isPrivate);
      if (v.format === 'jwk') {
        if (isPrivate) throw coded(Error, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', 'Private keys are not taken as JWK');
        return natives.publicJWK(v.key);
      }
      return natives.parseKey(v.format === 'der' ? bytesOf(v.key, undefined, 'key') : bytesOf(v.key, v.encoding, 'key').toString(), isPrivate, v.passphrase);
    }
    if (v === undefined || v === null || typeof v === 'number' || typeof v === 'boolean') {
      throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "key" argument must be of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, or KeyObject. ${received(v)}`);
    }
    return natives.parseKey(bytesOf(v, undefined, 'key').toString(), isPrivate);
  };
  const createPrivateKey = (key) => new KeyObject(only, undefined, native(key, true));
  const createPublicKey = (key) => new KeyObject(only, undefined, natives.publicHalf(native(key, false)));
  const createSecretKey = (key, encoding) => new KeyObject(only, Buffer.from(bytesOf(key, encoding, 'key')));
  // secret is the key of an HMAC or a cipher.
  const secret = (key, encoding) => {
    if (key instanceof KeyObject) {
      if (!secretOf(key)) throw coded(TypeError, 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE', `Invalid key object type ${key.type}, expected secret.`);
      return secretOf(key);
    }
    if (typeof key !== 'string' && !(key instanceof ArrayBuffer) && !ArrayBuffer.isView(key)) {
      throw coded(TypeError, 'ERR_INVALID_ARG_TYPE',
        `The "key" argument must be of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or CryptoKey. ${received(key)}`);
    }
    return bytesOf(key, encoding, 'key');
  };

  const how = (key) => {
    const o = typeof key === 'object' && key !== null && !(key instanceof KeyObject) && !ArrayBuffer.isView(key) ? key : {};
    return [o.padding ?? constants.RSA_PKCS1_PADDING, o.saltLength ?? constants.RSA_PSS_SALTLEN_AUTO, o.dsaEncoding === 'ieee-p1363'];
  };
  const digest = (algorithm) => (algorithm === null || algorithm === undefined ? 'sha256' : String(algorithm));
  const sign = (algorithm, data, key) => natives.sign(digest(algorithm), native(key, true), bytesOf(data), ...how(key));
  const verify = (algorithm, data, key, signature) =>
    natives.verify(digest(algorithm), native(key, false), bytesOf(data), ...how(key), bytesOf(signature, undefined, 'signature'));
  class Signing {
    #algorithm; #parts = [];
    constructor(algorithm) {
      if (!natives.hasHash(String(algorithm))) throw coded(Error, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${algorithm}`);
      this.#algorithm = String(algorithm);
    }
    update(data, encoding) { this.#parts.push(Buffer.from(bytesOf(data, encoding))); return this; }
    write(data, encoding) { this.update(data, encoding); return true; }
    end(data, encoding) { return data === undefined ? this : this.update(data, encoding); }
    static all(s) { return [s.#algorithm, Buffer.concat(s.#parts)]; }
  }
  const { all } = Signing;
  delete Signing.all;
  class Sign extends Signing {
    sign(key, encoding) { return out(sign(...all(this), key), encoding); }
  }
  class Verify extends Signing {
    verify(key, signature, encoding) { return verify(...all(this), key, bytesOf(signature, encoding, 'signature')); }
  }
  const padding = (key) => (typeof key === 'object' && key !== null && key.padding) || constants.RSA_PKCS1_OAEP_PADDING;
  const publicEncrypt = (key, data) => Buffer.from(natives.encryptRSA(native(key, false), bytesOf(data), padding(key), key?.oaepHash));
  const privateDecrypt = (key, data) => Buffer.from(natives.decryptRSA(native(key, true), bytesOf(data), padding(key), key?.oaepHash));
  Object.assign(part, { constants, KeyObject, createPrivateKey, createPublicKey, createSecretKey, secret, sign, verify, Sign, Verify, publicEncrypt, privateDecrypt });
})
