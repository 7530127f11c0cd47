// createCipheriv and createDecipheriv.
(function (natives, part) {
  const { Buffer, coded, bytesOf, secret } = part;
  const { TextDecoder } = part.global;

  // Texts are cut where a piece of them is whole, as a decoder of Node's does.
  class Text {
    #rest = Buffer.alloc(0); #utf8;
    constructor(encoding) { this.encoding = encoding; }
    write(bytes, last) {
      if (/^utf-?8$/i.test(this.encoding)) {
        this.#utf8 ??= new TextDecoder('utf-8', { ignoreBOM: true });
        return this.#utf8.decode(bytes, { stream: !last });
      }
      const unit = /^base64/i.test(this.encoding) ? 3 : /^(ucs-?2|utf-?16le)$/i.test(this.encoding) ? 2 : 1;
      const all = Buffer.concat([this.#rest, bytes]), n = last ? all.length : all.length - all.length % unit;
      this.#rest = all.subarray(n);
      return all.subarray(0, n).toString(this.encoding);
    }
  }
  class Cipher {
    #work; #done = false; #text; #encrypt;
    constructor(encrypt, name, key, iv, options) {
      this.#encrypt = encrypt;
      if (!natives.hasCipher(String(name))) throw coded(Error, 'ERR_CRYPTO_UNKNOWN_CIPHER', 'Unknown cipher');
      if (iv === undefined) throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "iv" argument must be of type string or an instance of ArrayBuffer, Buffer, TypedArray, or DataView. Received undefined');
      this.#work = natives.cipher(String(name), encrypt, secret(key), iv === null ? null : bytesOf(iv, undefined, 'iv'), options?.authTagLength ?? 16);
    }
    #out(bytes, encoding, last) {
      const b = Buffer.from(bytes);
      if (encoding === undefined || encoding === null || encoding === 'buffer') return b;
      this.#text ??= new Text(encoding);
      return this.#text.write(b, last);
    }
    update(data, inputEncoding, outputEncoding) {
      if (this.#done) throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state for operation update');
      return this.#out(this.#work.update(bytesOf(data, inputEncoding ?? undefined)), outputEncoding, false);
    }
    final(outputEncoding) {
      if (this.#done) throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state');
      this.#done = true;
      return this.#out(this.#work.final(), outputEncoding, true);
    }
    setAutoPadding(on = true) { this.#work.padding(on); return this; }
    setAAD(bytes, options) { this.#work.aad(bytesOf(bytes, options?.encoding)); return this; }
    getAuthTag() {
      const tag = this.#encrypt && this.#done ? this.#work.tag() : null;
      if (!tag) throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state for operation getAuthTag');
      return Buffer.from(tag);
    }
    setAuthTag(tag, encoding) {
      if (this.#encrypt || this.#done) throw coded(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state for operation setAuthTag');
      this.#work.setTag(bytesOf(tag, encoding, 'buffer'));
      return this;
    }
  }
  part.createCipheriv = (name, key, iv, options) => new Cipher(true, name, key, iv, options);
  part.createDecipheriv = (name, key, iv, options) => new Cipher(false, name, key, iv, options);
})
