// What proves who is calling: HTTP's own ways, and the user name token of WS-Security.
(function (natives, part) {
  const { Buffer } = part.require('buffer');
  const crypto = part.require('crypto');
  const { escape } = part;
  const base = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-';
  const moment = (at) => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');

  class BasicAuthSecurity {
    #value;
    constructor(user, password) { this.#value = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`; }
    addHeaders(headers) { headers.Authorization = this.#value; }
    toXML() { return ''; }
  }
  class BearerSecurity {
    #value;
    constructor(token) { this.#value = `Bearer ${token}`; }
    addHeaders(headers) { headers.Authorization = this.#value; }
    toXML() { return ''; }
  }
  class WSSecurity {
    #user; #password; #options;
    constructor(user, password, options = {}) {
      this.#user = user; this.#password = password;
      this.#options = { hasTimeStamp: true, hasTokenCreated: true, ...(typeof options === 'string' ? { passwordType: options } : options) };
      this.#options.passwordType ??= 'PasswordText';
      if (!['PasswordText', 'PasswordDigest'].includes(this.#options.passwordType)) this.#options.passwordType = 'PasswordText';
    }
    addHeaders() {}
    toXML() {
      const o = this.#options, now = Date.now(), created = moment(now), digest = o.passwordType === 'PasswordDigest';
      const nonce = digest || o.hasNonce ? crypto.randomBytes(16) : undefined;
      const secret = digest ? crypto.createHash('sha1').update(nonce).update(created).update(this.#password).digest('base64') : escape(this.#password);
      const stamp = o.hasTimeStamp ? `<wsu:Timestamp wsu:Id="Timestamp-${created}"><wsu:Created>${created}</wsu:Created><wsu:Expires>${moment(now + 600_000)}</wsu:Expires></wsu:Timestamp>` : '';
      const nonceXML = nonce ? `<wsse:Nonce EncodingType="${base}soap-message-security-1.0#Base64Binary">${nonce.toString('base64')}</wsse:Nonce>` : '';
      const createdXML = digest || o.hasTokenCreated ? `<wsu:Created>${created}</wsu:Created>` : '';
      const actor = o.actor ? ` soap:actor="${escape(o.actor)}"` : '', must = o.mustUnderstand ? ' soap:mustUnderstand="1"' : '';
      return `<wsse:Security${actor}${must} xmlns:wsse="${base}wssecurity-secext-1.0.xsd" xmlns:wsu="${base}wssecurity-utility-1.0.xsd">${stamp}` +
        `<wsse:UsernameToken wsu:Id="SecurityToken-${created}"><wsse:Username>${escape(this.#user)}</wsse:Username>` +
        `<wsse:Password Type="${base}username-token-profile-1.0#${o.passwordType}">${secret}</wsse:Password>${nonceXML}${createdXML}</wsse:UsernameToken></wsse:Security>`;
    }
  }
  Object.assign(part, { BasicAuthSecurity, BearerSecurity, WSSecurity });
})
