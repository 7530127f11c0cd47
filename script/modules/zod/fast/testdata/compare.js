// Runs the same steps with zod alone and with the fast one, and tells where a script would see a difference.
(function (plain, fast) {
  const isSchema = (x) => typeof x === 'object' && x !== null && !(x instanceof Error) && '_zod' in x;

  // show writes a value down so that everything a script can see of it is in the text: own keys in order, prototypes, descriptors, holes,
  // lone surrogates, -0, and which of the known objects it is.
  const show = (value, known = new Map(), open = []) => {
    switch (typeof value) {
      case 'string': return JSON.stringify(value);
      case 'number': return Object.is(value, -0) ? '-0' : String(value);
      case 'bigint': return value + 'n';
      case 'symbol': return String(value);
      case 'function': return 'function';
      case 'object': break;
      default: return String(value);
    }
    if (value === null) return 'null';
    if (known.has(value)) return known.get(value);
    if (open.includes(value)) return 'circle';
    if (open.length > 12) return 'deep';
    if (isSchema(value)) return 'schema ' + value.constructor.name + ' ' + value._zod.def.type;
    if (value instanceof Date) return 'Date ' + value.getTime();
    const within = [...open, value];
    const proto = Object.getPrototypeOf(value);
    let out = proto === null ? 'null' : proto === Object.prototype ? '' : (proto.constructor?.name ?? 'odd') + ' ';
    if (value instanceof Error) out += value.name + ': ' + value.message + ' ';
    if (value instanceof Map || value instanceof Set) out += show([...value], known, within);
    out += Array.isArray(value) ? '[' + value.length + ' ' : '{';
    for (const key of Reflect.ownKeys(value)) {
      if (key === 'length' && Array.isArray(value) || key === 'stack') continue;
      const d = Object.getOwnPropertyDescriptor(value, key);
      out += show(key) + (d.enumerable ? '' : '!') + (d.writable === false ? '=' : '') + (d.configurable ? '' : '#') + ':' +
        ('value' in d ? show(d.value, known, within) : 'accessor') + ',';
    }
    return out + (Array.isArray(value) ? ']' : '}');
  };
  // brief is show for most values: what is ordinary is only listed, and of zod's errors the message says it all but what show shows beside.
  const brief = (value) => {
    if (typeof value !== 'object' || value === null) return show(value);
    if (value instanceof Error) return value.constructor.name + value.name + value.message + (value.issues?.length ?? '');
    const proto = Object.getPrototypeOf(value);
    if (proto === Array.prototype) return '[' + value.length + value.map(brief).join() + ']';
    if (proto !== Object.prototype || '_zod' in value) return show(value);
    let out = '{';
    for (const key of Reflect.ownKeys(value)) out += (typeof key === 'string' ? key : 'symbol') + ':' + brief(value[key]) + ',';
    return out + '}';
  };
  const knownOf = (value, known = new Map(), name = '@') => {
    if (typeof value !== 'object' || value === null || known.has(value) || known.size > 200) return known;
    known.set(value, name);
    if (value instanceof Map || value instanceof Set) return known;
    for (const key of Reflect.ownKeys(value)) {
      const d = Object.getOwnPropertyDescriptor(value, key);
      if (d !== undefined && 'value' in d) knownOf(d.value, known, name + '.' + String(key));
    }
    return known;
  };
  // The engine writes addresses of its objects into one of its messages.
  const attempt = (f, write = show) => {
    try { return write(f()); } catch (e) { return 'throws ' + write(e).replace(/0x[0-9a-f]+/g, 'address'); }
  };

  // side is what one of the two shows of: making a schema, touching it, parsing values in the ways a script can.
  const side = (z, make, touches, values) => {
    let lines = [], log = [], schema;
    const note = (what) => log.push(what);
    lines.push(attempt(() => { schema = make(z, note); return isSchema(schema) ? 'made' : schema; }));
    if (schema === undefined) return lines;
    for (const touch of touches) lines.push(attempt(() => touch(z, schema, note)));
    const { parse } = schema;
    values.forEach(([how, build], i) => {
      log = [];
      const value = build(note);
      let write = brief;
      if (i % 16 === 0) {
        const known = knownOf(value);
        write = (x) => show(x, known);
      }
      log = [];
      lines.push(attempt(() => {
        switch (how) {
          case 0: return schema.parse(value);
          case 1: return [value].map(parse)[0];
          case 2: return z.safeParse(schema, value);
          default: return schema.safeParse(value);
        }
      }, write) + ' log ' + log.join());
    });
    return lines;
  };
  return (make, touches, values) => {
    const a = side(plain, make, touches, values), b = side(fast, make, touches, values);
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      if (a[i] !== b[i]) return { step: i, plain: a[i], fast: b[i] };
    }
    return undefined;
  };
})
