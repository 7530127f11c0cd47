// A WSDL 1.1 description and its schemas: which operations a service has, how they are called, and of what types values are.
(function (natives, part) {
  const { XSD } = part;
  const WSDL = 'http://schemas.xmlsoap.org/wsdl/', SOAP11 = 'http://schemas.xmlsoap.org/wsdl/soap/', SOAP12 = 'http://schemas.xmlsoap.org/wsdl/soap12/';
  const MOST = 100; // documents that a description may be made of
  const attribute = (e, name) => e?.attributes.find((a) => a.local === name && a.ns === '')?.value;
  const all = (e, ns, local) => (e ? e.children.filter((c) => c.ns === ns && c.local === local) : []);
  const first = (e, ns, local) => all(e, ns, local)[0];
  const resolve = (qname, scope) => {
    if (!qname) return undefined;
    const [a, b] = qname.split(':');
    return b === undefined ? { ns: scope[''] ?? '', local: a } : { ns: scope[a] ?? '', local: b };
  };
  const key = (q) => `{${q.ns}}${q.local}`;

  class Schema {
    types = new Map(); elements = new Map(); groups = new Map(); cache = new Map();
    add(e) {
      const target = attribute(e, 'targetNamespace') ?? '', qualified = attribute(e, 'elementFormDefault') === 'qualified';
      for (const c of e.children) {
        if (c.ns !== XSD) continue;
        const name = attribute(c, 'name'), entry = { e: c, ns: target, qualified };
        if (c.local === 'complexType' || c.local === 'simpleType') this.types.set(`{${target}}${name}`, entry);
        if (c.local === 'element') this.elements.set(`{${target}}${name}`, entry);
        if (c.local === 'group') this.groups.set(`{${target}}${name}`, entry);
      }
    }
    resolve(qname, scope) { return resolve(qname, scope); }
    // typeOf is the type of an element's declaration: a name, or an inline one.
    typeOf({ e, ns, qualified }) {
      const named = resolve(attribute(e, 'type'), e.scope);
      if (named) return named;
      const inline = first(e, XSD, 'complexType') ?? first(e, XSD, 'simpleType');
      return inline ? { inline: { e: inline, ns, qualified } } : undefined;
    }
    element(q) {
      const found = this.elements.get(key(q));
      return found && { ...q, type: this.typeOf(found), qualified: found.qualified };
    }
    entry(type) { return type.inline ?? this.types.get(key(type)); }
    // simple leads a simple type back to the built-in one that it restricts.
    simple(type, depth = 0) {
      const found = type.ns === XSD ? undefined : this.entry(type);
      if (!found?.e || depth > 20) return type; // an rpc message has members, and no declaration
      const content = found.e.local === 'simpleType' ? found.e : first(found.e, XSD, 'simpleContent');
      const base = content && (first(content, XSD, 'restriction') ?? first(content, XSD, 'extension'));
      const named = base && resolve(attribute(base, 'base'), base.scope);
      return named ? this.simple(named, depth + 1) : found.e.local === 'simpleType' ? { ns: XSD, local: 'string' } : type;
    }
    // members are the child elements of a type by name: {type, ns, many}.
    members(type) {
      const id = type.inline ?? key(type);
      if (!this.cache.has(id)) {
        const out = {};
        this.cache.set(id, out);
        const found = this.entry(type);
        if (found) this.collect(found.e, found, out, false, 0);
      }
      return this.cache.get(id);
    }
    collect(e, at, out, many, depth) {
      if (depth > 50) return;
      for (const c of e.children) {
        if (c.ns !== XSD) continue;
        const max = attribute(c, 'maxOccurs'), more = many || (max !== undefined && max !== '1' && max !== '0');
        switch (c.local) {
          case 'element': {
            const ref = resolve(attribute(c, 'ref'), c.scope);
            if (ref) { out[ref.local] = { type: this.element(ref)?.type, ns: ref.ns, many: more }; break; }
            const form = attribute(c, 'form'), qualified = form ? form === 'qualified' : at.qualified;
            out[attribute(c, 'name')] = { type: this.typeOf({ e: c, ns: at.ns, qualified: at.qualified }), ns: qualified ? at.ns : '', many: more };
            break;
          }
          case 'sequence': case 'all': case 'choice': this.collect(c, at, out, more, depth + 1); break;
          case 'complexContent': case 'restriction': this.collect(c, at, out, many, depth + 1); break;
          case 'extension': {
            const base = resolve(attribute(c, 'base'), c.scope), found = base && this.entry(base);
            if (found) this.collect(found.e, found, out, many, depth + 1);
            this.collect(c, at, out, many, depth + 1);
            break;
          }
          case 'group': {
            const ref = resolve(attribute(c, 'ref'), c.scope), found = ref && this.groups.get(key(ref));
            if (found) this.collect(found.e, found, out, more, depth + 1);
            break;
          }
          default:
        }
      }
    }
    describe(type, depth = 0) {
      if (!type) return {};
      const simple = this.simple(type);
      if (simple.ns === XSD) return `xs:${simple.local}`;
      const out = {};
      if (depth < 8) for (const [name, m] of Object.entries(this.members(type))) out[m.many ? `${name}[]` : name] = this.describe(m.type, depth + 1);
      return out;
    }
  }

  class Description {
    schema = new Schema(); messages = new Map(); portTypes = new Map(); bindings = new Map(); services = {}; #seen = new Set();
    constructor(load) { this.load = load; }
    async add(text, url) {
      const e = natives.parse(text);
      if (e.ns === XSD && e.local === 'schema') return this.addSchema(e, url);
      if (e.ns !== WSDL || e.local !== 'definitions') throw new Error('Unexpected root element of WSDL or include');
      const target = attribute(e, 'targetNamespace') ?? '';
      this.namespace ??= target;
      for (const types of all(e, WSDL, 'types')) for (const s of all(types, XSD, 'schema')) await this.addSchema(s, url);
      for (const i of all(e, WSDL, 'import')) await this.follow(attribute(i, 'location'), url);
      for (const m of all(e, WSDL, 'message')) this.messages.set(`{${target}}${attribute(m, 'name')}`, all(m, WSDL, 'part'));
      for (const p of all(e, WSDL, 'portType')) this.portTypes.set(`{${target}}${attribute(p, 'name')}`, all(p, WSDL, 'operation'));
      for (const b of all(e, WSDL, 'binding')) this.bindings.set(`{${target}}${attribute(b, 'name')}`, b);
      for (const s of all(e, WSDL, 'service')) {
        for (const p of all(s, WSDL, 'port')) {
          const address = first(p, SOAP11, 'address') ?? first(p, SOAP12, 'address');
          if (address) (this.services[attribute(s, 'name')] ??= {})[attribute(p, 'name')] = { binding: resolve(attribute(p, 'binding'), p.scope), address: attribute(address, 'location') };
        }
      }
    }
    async addSchema(e, url) {
      this.schema.add(e);
      for (const c of e.children) if (c.ns === XSD && ['import', 'include', 'redefine'].includes(c.local)) await this.follow(attribute(c, 'schemaLocation'), url);
    }
    async follow(location, url) {
      if (!location) return;
      let target;
      try { target = new part.global.URL(location, url).href; } catch { throw new Error(`The WSDL refers to ${location}, but it has no address itself: give its URL`); }
      if (this.#seen.has(target)) return;
      if (this.#seen.size >= MOST) throw new Error(`The WSDL is made of more than ${MOST} documents`);
      this.#seen.add(target);
      await this.add(await this.load(target), target);
    }
    // operations of a port: {name: {action, style, soap12, root, qualified, parts, output}}.
    operations({ binding }) {
      const b = binding && this.bindings.get(key(binding)), out = {};
      if (!b) return out;
      const soap12 = !first(b, SOAP11, 'binding'), ns = soap12 ? SOAP12 : SOAP11;
      const portType = this.portTypes.get(key(resolve(attribute(b, 'type'), b.scope))) ?? [];
      for (const o of all(b, WSDL, 'operation')) {
        const name = attribute(o, 'name'), soap = first(o, ns, 'operation');
        const abstract = portType.find((p) => attribute(p, 'name') === name);
        const style = attribute(soap, 'style') ?? attribute(first(b, ns, 'binding'), 'style') ?? 'document';
        const body = first(first(o, WSDL, 'input'), ns, 'body');
        out[name] = {
          name, soap12, style, action: attribute(soap, 'soapAction') ?? '',
          input: this.message(first(abstract, WSDL, 'input'), name, style, attribute(body, 'namespace')),
          output: this.message(first(abstract, WSDL, 'output'), `${name}Response`, style),
        };
      }
      return out;
    }
    message(e, name, style, namespace) {
      const parts = (e && this.messages.get(key(resolve(attribute(e, 'message'), e.scope)))) ?? [];
      const named = parts.map((p) => resolve(attribute(p, 'element'), p.scope)).find(Boolean);
      if (style === 'document' && named) return this.schema.element(named) ?? { ...named, qualified: true };
      const members = {};
      for (const p of parts) members[attribute(p, 'name')] = { type: resolve(attribute(p, 'type'), p.scope) ?? this.schema.element(resolve(attribute(p, 'element'), p.scope) ?? {})?.type, ns: '' };
      const type = { inline: {} };
      this.schema.cache.set(type.inline, members);
      return { local: name, ns: namespace ?? this.namespace, type, qualified: false };
    }
  }
  part.Description = Description;
})
