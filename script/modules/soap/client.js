// createClientAsync and the client that it makes, with the shapes of the package "soap".
(function (natives, part) {
  const { XSI, escape, write, content, read, Description, BasicAuthSecurity, BearerSecurity, WSSecurity } = part;
  const ENVELOPE = ['http://schemas.xmlsoap.org/soap/envelope/', 'http://www.w3.org/2003/05/soap-envelope'];
  const child = (e, local) => e?.children.find((c) => c.local === local && ENVELOPE.includes(c.ns));
  const own = (target, name, value) => Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
  const send = async (method, url, headers, body) => {
    const r = await natives.fetch({ url: new part.global.URL(url), method, headers, body });
    const data = await r.text();
    return { status: r.status, statusText: r.statusText, headers: Object.fromEntries(r.headers.entries()), data };
  };

  class Client {
    #description; #options; #headers = []; #httpHeaders = {}; #security; #endpoint; #action;
    constructor(description, options, endpoint) {
      this.#description = description; this.#options = options; this.#endpoint = endpoint ?? options.endpoint;
      this.wsdl = { definitions: { services: description.services } };
      for (const [service, ports] of Object.entries(description.services)) {
        own(this, service, {});
        for (const [port, p] of Object.entries(ports)) {
          const methods = own(this[service], port, {})[port];
          for (const op of Object.values(description.operations(p))) {
            const call = (...args) => this.#call(op, p, args);
            own(methods, op.name, call);
            own(methods, `${op.name}Async`, (args, options, extra) => this.#invoke(op, p, args, options, extra));
            for (const name of [op.name, `${op.name}Async`]) {
              const plain = options.normalizeNames ? name.replace(/[^a-z$_0-9]/gi, '_') : name;
              if (!(plain in this)) own(this, plain, methods[name]);
            }
          }
        }
      }
    }
    describe() {
      const out = {}, d = this.#description;
      for (const [service, ports] of Object.entries(d.services)) {
        out[service] = {};
        for (const [port, p] of Object.entries(ports)) {
          out[service][port] = {};
          for (const op of Object.values(d.operations(p))) out[service][port][op.name] = { input: d.schema.describe(op.input.type), output: d.schema.describe(op.output.type) };
        }
      }
      return out;
    }
    setEndpoint(endpoint) { this.#endpoint = endpoint; }
    setSOAPAction(action) { this.#action = action; }
    setSecurity(security) { this.#security = security; }
    addSoapHeader(header, name, namespace, xmlns) { return this.#headers.push({ header, name, namespace, xmlns }) - 1; }
    changeSoapHeader(index, header, name, namespace, xmlns) { this.#headers[index] = { header, name, namespace, xmlns }; }
    getSoapHeaders() { return this.#headers.map((h) => h.header); }
    clearSoapHeaders() { this.#headers = []; }
    addHttpHeader(name, value) { this.#httpHeaders[name] = value; }
    getHttpHeaders() { return this.#httpHeaders; }
    clearHttpHeaders() { this.#httpHeaders = {}; }

    #call(op, port, args) {
      const callback = args.find((a) => typeof a === 'function'), [input, options, extra] = args.filter((a) => typeof a !== 'function');
      this.#invoke(op, port, input, options, extra).then((r) => callback?.(null, ...r), (e) => callback?.(e, undefined, e.response?.data));
    }
    #headerXML(h, args) {
      let { header } = h;
      if (typeof header === 'function') header = header(args);
      if (typeof header !== 'object' || header === null) return String(header ?? '');
      const wrap = h.name ? { [h.name]: header } : header;
      return Object.entries(wrap).map(([name, v]) => {
        if (!h.namespace && !h.xmlns) return write(name, v, {});
        const prefix = h.namespace || 'tns', declared = h.xmlns ? { [`xmlns:${prefix}`]: h.xmlns } : {};
        const value = typeof v === 'object' && v !== null && !Array.isArray(v) ? { ...v, attributes: { ...declared, ...v.attributes } } : { attributes: declared, $value: v };
        return write(name, value, { prefix });
      }).join('');
    }
    #body({ input }, args) {
      if (typeof args === 'object' && args !== null && '_xml' in args) return String(args._xml);
      if (typeof args === 'string') return args; // XML of the caller's own
      const how = { type: input.type, schema: this.#description.schema, within: input.qualified ? input.ns : '' };
      const inner = content(args ?? {}, how);
      return input.qualified ? `<${input.local} xmlns="${escape(input.ns)}">${inner}</${input.local}>` : `<tns:${input.local} xmlns:tns="${escape(input.ns)}">${inner}</tns:${input.local}>`;
    }
    async #invoke(op, port, args, options = {}, extraHeaders = {}) {
      const soap12 = this.#options.forceSoap12Headers || op.soap12, action = this.#action ?? op.action;
      const headers = soap12 ? { 'Content-Type': `application/soap+xml; charset=utf-8; action="${action}"` } : { 'Content-Type': 'text/xml; charset=utf-8', SOAPAction: `"${action}"` };
      this.#security?.addHeaders?.(headers);
      Object.assign(headers, this.#httpHeaders, options?.headers, extraHeaders);
      const head = this.#headers.map((h) => this.#headerXML(h, args)).join('') + (this.#security?.toXML?.() ?? '');
      const request = `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="${ENVELOPE[soap12 ? 1 : 0]}" xmlns:xsi="${XSI}">` +
        `${head ? `<soap:Header>${head}</soap:Header>` : ''}<soap:Body>${this.#body(op, args)}</soap:Body></soap:Envelope>`;
      this.lastRequest = request;
      this.lastEndpoint = this.#endpoint ?? port.address;
      const response = await send('POST', this.lastEndpoint, headers, request);
      this.lastResponse = response.data;
      this.lastResponseHeaders = response.headers;
      return this.#answer(op, response, request);
    }
    #answer(op, response, request) {
      const failed = (message, more) => { throw Object.assign(new Error(message), more, { response, body: response.data }); };
      if (response.data === '') return response.status >= 400 ? failed(`Error http status codes ${response.status}`) : [null, '', undefined, request, undefined];
      let root;
      try { root = natives.parse(response.data); } catch { failed('Cannot parse response'); }
      const body = child(root, 'Body');
      if (root.local !== 'Envelope' || !body) failed('Cannot parse response');
      const fault = child(body, 'Fault');
      if (fault) {
        const f = read(fault), detail = f.detail ?? f.Detail;
        const code = f.faultcode ?? f.Code?.Value, reason = f.faultstring ?? f.Reason?.Text?.$value ?? f.Reason?.Text;
        failed(`${plain(code)}: ${plain(reason)}${detail ? `: ${JSON.stringify(detail)}` : ''}`, { root: { Envelope: read(root) } });
      }
      if (response.status >= 400) failed(`Error http status codes ${response.status}`, { root: { Envelope: read(root) } });
      const first = body.children[0], header = child(root, 'Header');
      return [first ? read(first, this.#description.schema, op.output.type) : null, response.data, header ? read(header) : undefined, request, undefined];
    }
  }
  const plain = (v) => (typeof v === 'object' && v !== null ? v.$value ?? JSON.stringify(v) : v);

  const createClientAsync = async (source, options = {}, endpoint = undefined) => {
    const load = async (url) => {
      const r = await send('GET', url, { ...options.wsdl_headers });
      if (r.status < 200 || r.status > 299) throw Object.assign(new Error(`Unexpected status ${r.status} from ${new part.global.URL(url).host}`), { response: r });
      return r.data;
    };
    const description = new Description(load), text = String(source).trim();
    if (text.startsWith('<')) await description.add(text, options.wsdlUrl);
    else if (/^https?:/i.test(text)) await description.add(await load(text), text);
    else throw new Error('A WSDL is given as its text or its URL: there are no files here');
    return new Client(description, options, endpoint);
  };
  const unsupported = (name) => class { constructor() { throw new Error(`soap: ${name} is not supported here`); } };
  const exports = {
    createClientAsync, Client, BasicAuthSecurity, BearerSecurity, WSSecurity,
    createClient(source, options, callback, endpoint) {
      if (typeof options === 'function') [options, callback, endpoint] = [{}, options, callback];
      createClientAsync(source, options, endpoint).then((c) => callback(null, c), (e) => callback(e));
    },
    listen() { throw new Error('soap: listen is not supported here'); },
    passwordDigest: (nonce, created, password) => {
      const crypto = part.require('crypto'), { Buffer } = part.require('buffer');
      return crypto.createHash('sha1').update(Buffer.from(nonce ?? '', 'base64')).update(created).update(password).digest('base64');
    },
  };
  for (const name of ['ClientSSLSecurity', 'ClientSSLSecurityPFX', 'NTLMSecurity', 'WSSecurityCert', 'WSSecurityPlusCert', 'WSSecurityCertWithToken']) exports[name] = unsupported(name);
  exports.default = exports;
  return exports;
})
