// Values to XML, and XML to values, led by the types of a description where it has some.
(function (natives, part) {
  const XSI = 'http://www.w3.org/2001/XMLSchema-instance', XSD = 'http://www.w3.org/2001/XMLSchema';
  const escape = (v) => String(v).replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' })[c]);
  const text = (v) => (v instanceof Date ? v.toISOString() : escape(v));
  const attributesOf = (v) => {
    const out = [];
    for (const key of ['attributes', '$attributes']) {
      for (const [name, value] of Object.entries((typeof v === 'object' && v !== null && v[key]) || {})) out.push(` ${name}="${escape(value)}"`);
    }
    return out.join('');
  };
  const isObject = (v) => typeof v === 'object' && v !== null && !(v instanceof Date) && !ArrayBuffer.isView(v);

  // write makes elements of a value. within is the namespace that names without a prefix have there; prefix is given to plain names.
  const write = (name, value, { type, ns, within, prefix, schema, depth = 0 }) => {
    if (depth > 200) throw new Error('The arguments are nested more than 200 times');
    if (value === undefined) return '';
    if (Array.isArray(value)) return value.map((v) => write(name, v, { type, ns, within, prefix, schema, depth: depth + 1 })).join('');
    let tag = name.startsWith(':') ? name.slice(1) : prefix && !name.includes(':') ? `${prefix}:${name}` : name, declared = '';
    if (!tag.includes(':') && ns !== undefined && ns !== within) { declared = ` xmlns="${escape(ns)}"`; within = ns; }
    if (value === null) return `<${tag}${declared} xsi:nil="true"></${tag}>`;
    const inner = isObject(value) ? content(value, { type, within, prefix, schema, depth: depth + 1 }) : text(value);
    return `<${tag}${declared}${attributesOf(value)}>${inner}</${tag}>`;
  };
  const content = (value, how) => {
    const members = how.type && how.schema ? how.schema.members(how.type) : {};
    let out = '';
    for (const [key, v] of Object.entries(value)) {
      if (key === 'attributes' || key === '$attributes') continue;
      if (key === '$value') out += text(v);
      else if (key === '$xml') out += String(v);
      else out += write(key, v, { ...how, type: members[key]?.type, ns: members[key]?.ns });
    }
    return out;
  };

  const numbers = new Set(['int', 'integer', 'short', 'long', 'byte', 'unsignedInt', 'unsignedShort', 'unsignedLong', 'unsignedByte', 'nonNegativeInteger', 'positiveInteger']);
  const primitive = (type, s) => {
    if (type?.ns !== XSD) return s;
    if (numbers.has(type.local)) return s === '' ? null : parseInt(s, 10);
    if (type.local === 'decimal' || type.local === 'float' || type.local === 'double') return s === '' ? null : Number(s);
    if (type.local === 'boolean') return s === '' ? null : /^(true|1)$/i.test(s);
    if (type.local === 'dateTime' || type.local === 'date') return s === '' ? null : new Date(s);
    return s;
  };
  // read makes a value of an element: attributes beside children, text as $value where there are attributes, null for xsi:nil.
  const read = (e, schema, type) => {
    const own = e.attributes.find((a) => a.ns === XSI && a.local === 'type');
    if (own && schema) type = schema.resolve(own.value, e.scope) ?? type;
    if (e.attributes.some((a) => a.ns === XSI && a.local === 'nil' && /^(true|1)$/.test(a.value))) return null;
    type = type && schema ? schema.simple(type) : type;
    const members = type && schema ? schema.members(type) : {};
    const complex = type !== undefined && type.ns !== XSD;
    const out = {};
    const put = (key, v) => Object.defineProperty(out, key, { value: v, writable: true, enumerable: true, configurable: true });
    if (e.attributes.length > 0) put('attributes', Object.fromEntries(e.attributes.map((a) => [a.name, a.value])));
    if (e.children.length === 0) {
      const s = e.text.trim();
      if (e.attributes.length > 0) { if (s !== '') put('$value', primitive(type, s)); return out; }
      return s === '' && complex ? null : primitive(type, s);
    }
    for (const child of e.children) {
      const member = members[child.local], v = read(child, schema, member?.type), there = Object.hasOwn(out, child.local);
      if (there) { if (Array.isArray(out[child.local])) out[child.local].push(v); else put(child.local, [out[child.local], v]); } else put(child.local, member?.many ? [v] : v);
    }
    return out;
  };
  Object.assign(part, { XSI, XSD, escape, write, content, read });
})
