// URL and URLSearchParams of the URL Standard, and the older functions of Node's module "url".
(function (natives) {
  const PARTS = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
  const SEARCH = PARTS.indexOf('search');
  const coded = (message, code) => { const e = new TypeError(message); e.code = code; return e; };
  const decode = natives.formDecode, encode = natives.formEncode;

  const parsePairs = (text) => {
    if (text[0] === '?') text = text.slice(1);
    const pairs = [];
    for (const part of text.split('&')) {
      if (part === '') continue;
      const i = part.indexOf('=');
      pairs.push(i < 0 ? [decode(part), ''] : [decode(part.slice(0, i)), decode(part.slice(i + 1))]);
    }
    return pairs;
  };
  const pairsOf = (init) => {
    if (typeof init !== 'object' && typeof init !== 'function') return parsePairs(String(init));
    if (typeof init[Symbol.iterator] === 'function') {
      return Array.from(init, (p) => {
        const pair = Array.from(p);
        if (pair.length !== 2) throw coded('Each query pair must be an iterable [name, value] tuple', 'ERR_INVALID_TUPLE');
        return [String(pair[0]), String(pair[1])];
      });
    }
    return Object.keys(init).map((k) => [k, String(init[k])]);
  };

  class URLSearchParams {
    #pairs = [];
    #changed = null;
    constructor(init) { if (init !== undefined && init !== null) this.#pairs = pairsOf(init); }
    // attach ties the parameters to a URL: changes on either side reach the other.
    static attach(params, changed) { params.#changed = changed; }
    static replace(params, text) { params.#pairs = parsePairs(text); }
    #touch() { this.#changed?.(this.toString()); }
    append(k, v) { this.#pairs.push([String(k), String(v)]); this.#touch(); }
    delete(k, v) { k = String(k); this.#pairs = this.#pairs.filter((p) => p[0] !== k || (v !== undefined && p[1] !== String(v))); this.#touch(); }
    get(k) { k = String(k); return this.#pairs.find((p) => p[0] === k)?.[1] ?? null; }
    getAll(k) { k = String(k); return this.#pairs.filter((p) => p[0] === k).map((p) => p[1]); }
    has(k, v) { k = String(k); return this.#pairs.some((p) => p[0] === k && (v === undefined || p[1] === String(v))); }
    set(k, v) {
      k = String(k); v = String(v);
      let found = false;
      this.#pairs = this.#pairs.filter((p) => {
        if (p[0] !== k) return true;
        if (found) return false;
        found = true; p[1] = v;
        return true;
      });
      if (!found) this.#pairs.push([k, v]);
      this.#touch();
    }
    sort() { this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); this.#touch(); }
    forEach(fn, self) { for (const [k, v] of this.entries()) fn.call(self, v, k, this); }
    * entries() { for (let i = 0; i < this.#pairs.length; i++) yield [this.#pairs[i][0], this.#pairs[i][1]]; }
    * keys() { for (const [k] of this.entries()) yield k; }
    * values() { for (const [, v] of this.entries()) yield v; }
    [Symbol.iterator]() { return this.entries(); }
    get size() { return this.#pairs.length; }
    toString() { return this.#pairs.map(([k, v]) => encode(k) + '=' + encode(v)).join('&'); }
    get [Symbol.toStringTag]() { return 'URLSearchParams'; }
  }
  const { attach, replace } = URLSearchParams;
  delete URLSearchParams.attach;
  delete URLSearchParams.replace;

  class URL {
    #parts; #params = null;
    constructor(input, base) {
      input = String(input);
      this.#parts = natives.parse(input, base === undefined ? undefined : String(base));
      if (!this.#parts) { const e = coded('Invalid URL', 'ERR_INVALID_URL'); e.input = input; throw e; }
    }
    static canParse(input, base) { return natives.parse(String(input), base === undefined ? undefined : String(base)) !== null; }
    static parse(input, base) { return URL.canParse(input, base) ? new URL(input, base) : null; }
    static part(u, i) { return u.#parts[i]; }
    static change(u, name, value) {
      const parts = natives.set(u.#parts[0], name, String(value));
      if (!parts) { if (name === 'href') { const e = coded('Invalid URL', 'ERR_INVALID_URL'); e.input = value; throw e; } return; }
      u.#parts = parts;
      if (u.#params && (name === 'href' || name === 'search')) replace(u.#params, parts[SEARCH]);
    }
    get searchParams() {
      if (!this.#params) {
        this.#params = new URLSearchParams(this.#parts[SEARCH]);
        attach(this.#params, (text) => { this.#parts = natives.set(this.#parts[0], 'search', text); });
      }
      return this.#params;
    }
    toString() { return this.#parts[0]; }
    toJSON() { return this.#parts[0]; }
    get [Symbol.toStringTag]() { return 'URL'; }
  }
  const { part, change } = URL;
  delete URL.part;
  delete URL.change;
  PARTS.forEach((name, i) => Object.defineProperty(URL.prototype, name, {
    enumerable: true, configurable: true,
    get() { return part(this, i); },
    set: name === 'origin' ? undefined : function (v) { change(this, name, v); },
  }));

  // --- Node's older functions ------------------------------------------------------------------------------------------
  const queryOf = (search, asObject) => (asObject ? Object.fromEntries(new URLSearchParams(search)) : search ? search.slice(1) : null);
  const parse = (text, asObject) => {
    const u = URL.parse(text);
    if (u) {
      return {
        protocol: u.protocol, slashes: true, auth: u.username ? u.username + (u.password ? ':' + u.password : '') : null,
        host: u.host, port: u.port || null, hostname: u.hostname, hash: u.hash || null, search: u.search || null,
        query: queryOf(u.search, asObject), pathname: u.pathname, path: u.pathname + u.search, href: u.href,
      };
    }
    const [, pathname, search = '', hash = ''] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(text) ?? ['', text];
    return {
      protocol: null, slashes: null, auth: null, host: null, port: null, hostname: null, hash: hash || null, search: search || null,
      query: queryOf(search, asObject), pathname: pathname || null, path: pathname + search || null, href: text,
    };
  };
  const format = (u) => {
    if (typeof u === 'string' || u instanceof URL) return String(u);
    const protocol = u.protocol ? u.protocol.replace(/:?$/, ':') : '';
    const host = u.host ?? (u.hostname ? u.hostname + (u.port ? ':' + u.port : '') : '');
    const query = u.query && typeof u.query === 'object' ? String(new URLSearchParams(u.query)) : u.query;
    const search = u.search ?? (query ? '?' + query : '');
    return protocol + (host || u.slashes ? '//' : '') + (u.auth ? u.auth + '@' : '') + host + (u.pathname ?? '') + search + (u.hash ?? '');
  };
  const exports = {
    URL, URLSearchParams, parse, format,
    resolve(from, to) {
      const base = URL.parse(from);
      if (base) return new URL(to, base).href;
      const u = new URL(to, new URL(from, 'http://relative.invalid/'));
      return u.host === 'relative.invalid' ? u.pathname + u.search + u.hash : u.href;
    },
    fileURLToPath(u) { return decodeURIComponent(new URL(u).pathname); },
    pathToFileURL(path) { return new URL('file://' + encodeURI(path)); },
    domainToASCII(domain) { return URL.parse('http://' + domain)?.hostname ?? ''; },
  };
  exports.default = exports;
  return exports;
})
