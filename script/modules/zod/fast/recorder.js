// The stand-in for zod: z.string().min(1) builds nothing, it notes the call. A schema is an object with a record behind it; from the
// record the validator in Go is made when the schema is first asked to parse. As soon as anything else is wanted of it, the object turns
// itself into zod's own schema, in place: so whoever holds it never sees two schemas where zod has one.
//
// Only calls that zod would accept now, and whose arguments it would read later anyway, are noted; all others go to zod at once.
(function ({ compile, miss, real }) {
  const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf, prototype: objectPrototype } = Object;
  const { ownKeys, construct } = Reflect;
  const { isArray } = Array;
  const hasOwn = (o, name) => getOwnPropertyDescriptor(o, name) !== undefined;

  // --- records -------------------------------------------------------------------------------------------------------------
  // kind is the path of a function of zod ("string", "coerce.number") or a dot and the name of a method of parent; type chooses the
  // names that a schema has; checked marks an object schema with refinements, which zod treats differently. Later a record also gets shape
// (the fields of an object schema), check (the validator; null if there is none), real (once it is zod's own), and its parsers.
  let recordOf;
  class Recorded {
    #record;
    constructor(record) { this.#record = record; }
    static give(x) { return typeof x === 'object' && x !== null && #record in x ? x.#record : undefined; }
  }
  recordOf = Recorded.give;
  const make = (type, kind, args, parent, checked) =>
    construct(Recorded, [{ type, kind, args, parent, checked }], typeOf(type));
  const isSchema = (x) => recordOf(x) !== undefined || (typeof x === 'object' && x !== null && hasOwn(x, '_zod'));

  const described = []; // schemas whose entry in zod's registry is still to be made
  const describedMost = 1000;

  const find = (path) => {
    let at = real();
    for (const name of path.split('.')) at = at[name];
    return at;
  };
  const build = ({ kind, args, parent }) => {
    if (parent === undefined) return find(kind)(...args);
    const on = become(parent);
    return kind === '.describe' || kind === '.meta' ? on.clone() : on[kind.slice(1)](...args);
  };

  // become turns a recorded schema into zod's: zod makes one from the record, and its class initialises our object with that one's
  // definition.
  const become = (s) => {
    const r = recordOf(s);
    if (r === undefined || r.real) return s;
    const made = build(r);
    if (r.real) return s; // building it came back here
    r.real = true;
    delete s.parse;
    delete s.safeParse;
    setPrototypeOf(s, getPrototypeOf(made));
    made._zod.constr.init(s, made._zod.def);
    for (const later of (s._zod.deferred ??= [])) later();
    if (made._zod.parent !== undefined) s._zod.parent = made._zod.parent;
    if (r.shape) defineProperty(s._zod.def, 'shape', { value: r.shape });
    if (r.kind === '.describe') real().globalRegistry.add(s, { description: r.args[0] });
    if (r.kind === '.meta') real().globalRegistry.add(s, r.args[0]);
    r.ownParse = s.parse;
    r.ownSafeParse = s.safeParse;
    if (r.check !== null) {
      s.parse = parserOf(s, r);
      s.safeParse = safeParserOf(s, r);
    }
    return s;
  };

  // --- parsing -----------------------------------------------------------------------------------------------------------
  // quick asks the validator, which answers nothing but success. Parameters matter for errors only; a number is an index of map().
  const quick = (s, r, value, params) => {
    if (params !== undefined && typeof params !== 'number') return miss;
    if (r.check === undefined) r.check = compile(s);
    return r.check === null ? miss : r.check(value);
  };
  const parserOf = (s, r) => r.parse ??= (value, params) => {
    const out = quick(s, r, value, params);
    if (out !== miss) return out;
    become(s);
    return r.ownParse(value, params);
  };
  const safeParserOf = (s, r) => r.safeParse ??= (value, params) => {
    const data = quick(s, r, value, params);
    if (data !== miss) return { success: true, data };
    become(s);
    return r.ownSafeParse(value, params);
  };

  // --- arguments -----------------------------------------------------------------------------------------------------------
  // message says whether args end at the given place, with nothing or with a message of the script's own. An object that carries it is
  // treated as zod treats it at this moment, and copied.
  const message = (args, at) => {
    if (args.length <= at) return true;
    const p = args[at];
    if (args.length > at + 1) return false;
    if (p === undefined || typeof p === 'string') return true;
    if (typeof p !== 'object' || p === null || getPrototypeOf(p) !== objectPrototype) return false;
    const names = ownKeys(p);
    if (names.length > 1) return false;
    if (names.length === 1) {
      const [name] = names, { value, writable, configurable } = getOwnPropertyDescriptor(p, name);
      if (!writable || !configurable) return false;
      if (!(typeof value === 'string' && (name === 'message' || name === 'error') || typeof value === 'function' && name === 'error')) return false;
      if (name === 'message') {
        p.error = value;
        delete p.message;
      }
    }
    args[at] = { ...p };
    return true;
  };
  const isPlain = (x) => typeof x === 'object' && x !== null && getPrototypeOf(x) === objectPrototype;
  const isPlainData = (x) => isPlain(x) && ownKeys(x).every((name) => {
    const d = getOwnPropertyDescriptor(x, name);
    return typeof name === 'string' && name !== '__proto__' && name !== 'constructor' && d.enumerable && 'value' in d;
  });
  const isList = (x, good) => {
    if (!isArray(x) || getPrototypeOf(x) !== Array.prototype) return false;
    for (let i = 0; i < x.length; i++) if (!hasOwn(x, i) || !('value' in getOwnPropertyDescriptor(x, i)) || !good(x[i])) return false;
    return true;
  };
  const isText = (x) => typeof x === 'string';
  const isName = (x) => typeof x === 'string' && x !== '__proto__' && x !== 'constructor';
  const isPrimitive = (x) => x === undefined || x === null || typeof x === 'string' || typeof x === 'number' || typeof x === 'boolean';

  const none = (args) => message(args, 0);
  const schemaThen = (args) => isSchema(args[0]) && message(args, 1);
  const oneSchema = (args) => args.length === 1 && isSchema(args[0]);
  const twoSchemas = (args) => args.length === 2 && isSchema(args[0]) && isSchema(args[1]);
  const numberThen = (args) => typeof args[0] === 'number' && message(args, 1);
  const textThen = (args) => typeof args[0] === 'string' && message(args, 1);
  const functionThen = (args) => typeof args[0] === 'function' && message(args, 1);
  const oneFunction = (args) => args.length === 1 && typeof args[0] === 'function';
  const noArguments = (args) => args.length === 0;
  const shape = (args) => isPlain(args[0]) && message(args, 1);
  const entries = (args) => {
    if (isList(args[0], isName)) args[0] = [...args[0]];
    else if (!isPlainData(args[0]) || !Object.values(args[0]).every(isText)) return false;
    return message(args, 1);
  };
  const literals = (args) => {
    if (isArray(args[0])) {
      if (args[0].length === 0 || !isList(args[0], isPrimitive)) return false;
      args[0] = [...args[0]];
    } else if (!isPrimitive(args[0]) || args.length === 0) return false;
    return message(args, 1);
  };
  const tuple = (args) => isList(args[0], isSchema) && (isSchema(args[1]) ? message(args, 2) : message(args, 1));

  // --- the functions of zod --------------------------------------------------------------------------------------------------
  const makers = {}, coerce = {}, iso = {};
  const makersOf = (into, prefix, type, names, good) => {
    for (const name of names.split(' ')) {
      const kind = prefix + name;
      into[name] = (...args) => (good(args) ? make(type, kind, args) : find(kind)(...args));
    }
  };
  makersOf(makers, '', 'string', 'string', none);
  makersOf(makers, '', 'format', 'email guid uuid url nanoid cuid cuid2 ulid xid ksuid ipv4 ipv6 cidrv4 cidrv6 base64 base64url e164 jwt', none);
  makersOf(makers, '', 'number', 'number int int32 uint32 float32 float64', none);
  makersOf(makers, '', 'plain', 'boolean null undefined any unknown void never nan', none);
  makersOf(makers, '', 'date', 'date', none);
  makersOf(makers, '', 'object', 'object strictObject looseObject', shape);
  makersOf(makers, '', 'object', 'object', (args) => args.length === 0 || shape(args));
  makersOf(makers, '', 'array', 'array', schemaThen);
  makersOf(makers, '', 'union', 'union', (args) => isList(args[0], isSchema) && args[0].length > 0 && message(args, 1));
  makersOf(makers, '', 'union', 'discriminatedUnion', (args) => isText(args[0]) && isList(args[1], isSchema) && args[1].length > 0 && message(args, 2));
  makersOf(makers, '', 'plain', 'intersection', twoSchemas);
  makersOf(makers, '', 'tuple', 'tuple', tuple);
  makersOf(makers, '', 'record', 'record', (args) => isSchema(args[0]) && isSchema(args[1]) && message(args, 2));
  makersOf(makers, '', 'enum', 'enum', entries);
  makersOf(makers, '', 'enum', 'nativeEnum', (args) => !isArray(args[0]) && entries(args));
  makersOf(makers, '', 'literal', 'literal', literals);
  makersOf(makers, '', 'inner', 'optional nullable nullish exactOptional readonly', oneSchema);
  makersOf(makers, '', 'inner', 'nonoptional', schemaThen);
  makersOf(makers, '', 'inner', 'prefault', (args) => args.length === 2 && isSchema(args[0]));
  makersOf(makers, '', 'inner', 'lazy', oneFunction);
  makersOf(makers, '', 'default', '_default', (args) => args.length === 2 && isSchema(args[0]));
  makersOf(makers, '', 'catch', 'catch', (args) => args.length === 2 && isSchema(args[0]));
  makersOf(makers, '', 'pipe', 'pipe', twoSchemas);
  makersOf(makers, '', 'pipe', 'preprocess', (args) => args.length === 2 && typeof args[0] === 'function' && isSchema(args[1]));
  makersOf(makers, '', 'plain', 'custom', (args) => typeof args[0] === 'function' && args.length === 1);
  makersOf(coerce, 'coerce.', 'string', 'string', none);
  makersOf(coerce, 'coerce.', 'number', 'number', none);
  makersOf(coerce, 'coerce.', 'plain', 'boolean', none);
  makersOf(coerce, 'coerce.', 'date', 'date', none);
  makersOf(iso, 'iso.', 'format', 'datetime date time duration', none);

  // --- the members of schemas ----------------------------------------------------------------------------------------------
  // What a schema can do is behind getters: zod's methods are functions of their own in each schema, which scripts may take out of it.
  const member = (proto, name, get) => defineProperty(proto, name, {
    configurable: true, get,
    set(value) { become(this)[name] = value; },
  });
  const forward = (proto, names) => {
    for (const name of names.split(' ')) member(proto, name, function () { return become(this)[name]; });
  };
  // methods of the same type as their schema if no type is given
  const methods = (proto, type, names, good) => {
    for (const name of names.split(' ')) {
      const kind = '.' + name;
      member(proto, name, function () {
        const s = this, r = recordOf(s);
        return (...args) => (good(args) ? make(type ?? r.type, kind, args, s, r.checked) : become(s)[name](...args));
      });
    }
  };
  const own = (proto, name, f) => member(proto, name, function () {
    return f(this, recordOf(this)) ?? become(this)[name];
  });

  const base = () => {
    const proto = {};
    forward(proto, '_zod ~standard toJSONSchema def type _def check with clone register parseAsync safeParseAsync spa encode decode encodeAsync'
      + ' decodeAsync safeEncode safeDecode safeEncodeAsync safeDecodeAsync overwrite description isOptional isNullable constructor toJSON');
    for (const [name, parser] of [['parse', parserOf], ['safeParse', safeParserOf]]) {
      member(proto, name, function () {
        const value = parser(this, recordOf(this));
        defineProperty(this, name, { value, configurable: true, writable: true, enumerable: false });
        return value;
      });
    }
    methods(proto, 'inner', 'optional nullable nullish exactOptional readonly', noArguments);
    methods(proto, 'inner', 'nonoptional', none);
    methods(proto, 'inner', 'prefault', (args) => args.length === 1);
    methods(proto, 'default', 'default', (args) => args.length === 1);
    methods(proto, 'catch', 'catch', (args) => args.length === 1);
    methods(proto, 'array', 'array', noArguments);
    methods(proto, 'union', 'or', oneSchema);
    methods(proto, 'plain', 'and', oneSchema);
    methods(proto, 'pipe', 'transform', oneFunction);
    methods(proto, 'pipe', 'pipe', oneSchema);
    own(proto, 'brand', (s) => () => s);
    own(proto, 'apply', (s) => (f) => f(s));
    for (const [name, good] of [['describe', (args) => args.length === 1 && typeof args[0] === 'string'],
      ['meta', (args) => args.length === 1 && isPlainData(args[0]) && !hasOwn(args[0], 'id')]]) {
      member(proto, name, function () {
        const s = this, r = recordOf(s);
        return (...args) => {
          if (!good(args) || described.length >= describedMost) return become(s)[name](...args);
          const out = make(r.type, '.' + name, args, s, r.checked);
          described.push(out);
          return out;
        };
      });
    }
    for (const [name, good] of [['refine', functionThen], ['superRefine', oneFunction]]) {
      member(proto, name, function () {
        const s = this, r = recordOf(s);
        return (...args) => (good(args) ? make(r.type, '.' + name, args, s, true) : become(s)[name](...args));
      });
    }
    return proto;
  };
  const texts = (proto) => {
    forward(proto, 'format minLength maxLength normalize slugify');
    methods(proto, undefined, 'min max length', numberThen);
    methods(proto, undefined, 'nonempty lowercase uppercase', none);
    methods(proto, undefined, 'trim toLowerCase toUpperCase', noArguments);
    methods(proto, undefined, 'includes startsWith endsWith', textThen);
    methods(proto, undefined, 'regex', (args) => args[0] instanceof RegExp && message(args, 1));
  };

  // fieldsOf gives the fields of an object schema, as zod would see them when it first looks; null if that takes a script's code, or zod
  // would refuse them.
  const fieldsOf = (r) => r.shape === undefined ? r.shape = listFields(r) : r.shape;
  const copyShape = (x) => {
    for (const name of ownKeys(x)) {
      const d = getOwnPropertyDescriptor(x, name);
      if (typeof name !== 'string' || name === '__proto__' || !d.enumerable || !('value' in d) || !isSchema(d.value)) return null;
    }
    return { ...x };
  };
  const listFields = (r) => {
    const { kind, args, parent } = r;
    if (parent === undefined) return args.length === 0 ? {} : copyShape(args[0]);
    const old = fieldsOf(recordOf(parent));
    if (old === null) return null;
    const wrap = kind === '.partial' ? (s) => make('inner', 'optional', [s]) : (s) => make('inner', 'nonoptional', [s]);
    const out = {};
    switch (kind) {
      case '.extend': case '.safeExtend': case '.merge': {
        const more = kind === '.merge' ? fieldsOf(recordOf(args[0])) : copyShape(args[0]);
        return more === null ? null : { ...old, ...more };
      }
      case '.pick': case '.omit':
        for (const name in args[0]) if (!hasOwn(old, name)) return null;
        for (const name of ownKeys(kind === '.pick' ? args[0] : old)) if ((kind === '.pick') === !!(hasOwn(args[0], name) && args[0][name])) out[name] = old[name];
        return out;
      case '.partial': case '.required':
        for (const name in args[0]) if (!hasOwn(old, name)) return null;
        for (const name of ownKeys(old)) out[name] = args[0] === undefined || hasOwn(args[0], name) && args[0][name] ? wrap(old[name]) : old[name];
        return out;
      case '.describe': case '.meta': case '.refine': case '.superRefine':
        return old;
      default:
        return { ...old };
    }
  };
  const catchallOf = ({ kind, args, parent }) => {
    switch (kind) {
      case 'object': case '.strip': return undefined;
      case 'strictObject': case '.strict': return make('plain', 'never', []);
      case 'looseObject': case '.loose': case '.passthrough': return make('plain', 'unknown', []);
      case '.catchall': return args[0];
      case '.merge': return catchallOf(recordOf(args[0]));
      default: return catchallOf(recordOf(parent));
    }
  };
  // Refinements make zod refuse, or check, what follows; and some methods read the fields at once.
  const fieldMethods = (proto, names, good, now) => {
    for (const name of names.split(' ')) {
      member(proto, name, function () {
        const s = this, r = recordOf(s);
        return (...args) => (!r.checked && good(args) && (!now || fieldsOf(r) !== null) ? make('object', '.' + name, args, s) : become(s)[name](...args));
      });
    }
  };
  const mask = (args) => args.length === 1 && isPlainData(args[0]);
  const valuesOf = (entries) => isArray(entries) ? Object.values(Object.fromEntries(entries.map((v) => [v, v]))) : Object.values(entries);
  const innerOf = ({ kind, args, parent }) => kind === '.nullish' || kind === 'nullish' || kind === 'lazy' ? undefined : parent ?? args[0];

  const members = {
    plain() {},
    format: texts,
    string(proto) {
      texts(proto);
      methods(proto, undefined, 'email url jwt guid uuid uuidv4 uuidv6 uuidv7 nanoid cuid cuid2 ulid base64 base64url xid ksuid ipv4 ipv6'
        + ' cidrv4 cidrv6 e164 datetime date time duration', none);
      forward(proto, 'emoji');
    },
    number(proto) {
      forward(proto, 'minValue maxValue isInt isFinite format');
      methods(proto, undefined, 'gt gte min lt lte max multipleOf step', numberThen);
      methods(proto, undefined, 'int safe positive nonnegative negative nonpositive', none);
      own(proto, 'finite', (s) => () => s);
    },
    date(proto) { forward(proto, 'min max minDate maxDate'); },
    literal(proto) { forward(proto, 'values value'); },
    enum(proto) {
      forward(proto, 'enum extract exclude options');
    },
    object(proto) {
      forward(proto, 'keyof');
      own(proto, 'shape', (s, r) => fieldsOf(r) ?? undefined);
      fieldMethods(proto, 'extend safeExtend', (args) => args.length === 1 && isPlain(args[0]) && !hasOwn(args[0], 'constructor'));
      fieldMethods(proto, 'merge', (args) => args.length === 1 && recordOf(args[0])?.type === 'object');
      fieldMethods(proto, 'pick omit', mask);
      fieldMethods(proto, 'partial required', (args) => args.length === 0 || mask(args));
      fieldMethods(proto, 'passthrough loose strict strip', noArguments, true);
      fieldMethods(proto, 'catchall', oneSchema, true);
    },
    array(proto) {
      methods(proto, undefined, 'min max length', numberThen);
      methods(proto, undefined, 'nonempty', none);
      const element = (s, { kind, args, parent }) => kind === 'array' ? args[0] : kind === '.array' ? parent : element(parent, recordOf(parent));
      own(proto, 'element', element);
      own(proto, 'unwrap', (s, r) => () => element(s, r));
    },
    union(proto) { forward(proto, 'options'); },
    tuple(proto) { forward(proto, 'rest'); },
    record(proto) { forward(proto, 'keyType valueType'); },
    inner(proto) { unwrap(proto); },
    default(proto) { unwrap(proto); forward(proto, 'removeDefault'); },
    catch(proto) { unwrap(proto); forward(proto, 'removeCatch'); },
    pipe(proto) { forward(proto, 'in out'); },
  };
  const unwrap = (proto) => own(proto, 'unwrap', (s, r) => {
    while (r.kind === '.describe' || r.kind === '.meta' || r.kind === '.refine' || r.kind === '.superRefine') r = recordOf(r.parent);
    const inner = innerOf(r);
    return inner && (() => inner);
  });

  // typeOf gives a constructor whose prototype has a type's members; most scripts use few of them.
  const types = {};
  let baseType;
  const typeOf = (type) => {
    if (types[type] !== undefined) return types[type];
    baseType ??= base();
    const made = function () {};
    const proto = setPrototypeOf({}, baseType);
    members[type](proto);
    defineProperty(made, 'prototype', { value: proto });
    return types[type] = made;
  };

  // --- for Go ----------------------------------------------------------------------------------------------------------------
  // read gives a schema's record as [kind, parent, arguments], undefined for what the validator need not look at.
  const read = (s) => {
    const r = recordOf(s);
    if (r === undefined) return undefined;
    if (r.type === 'object') {
      const fields = r.checked ? null : fieldsOf(r);
      return fields === null ? undefined : ['object', undefined, [fields, catchallOf(r)]];
    }
    if (r.kind === 'enum' || r.kind === 'nativeEnum') return ['enum', undefined, valuesOf(r.args[0])];
    if (r.kind === 'tuple') return ['tuple', undefined, [r.args[0], isSchema(r.args[1]) ? r.args[1] : undefined]];
    return [r.kind, r.parent, r.args];
  };
  // settle makes zod's registry complete, before a script can look into it.
  const settle = () => {
    for (const s of described.splice(0)) become(s);
  };
  return { makers, coerce, iso, read, settle };
})
