// The stand-in for zod: z.string().min(1) builds nothing, it notes the call. A schema is an object with a record behind it; from the
// record the validator in Go is made when the schema is first asked to parse. As soon as anything else is wanted of it, the object turns
// itself into zod's own schema, in place: so whoever holds it never sees two schemas where zod has one.
//
// Only calls that zod would accept now, and whose arguments it would read later anyway, are noted; all others go to zod at once.
(function ({ compile, members, miss, real }) {
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
  const schemaAndAny = (args) => args.length === 2 && isSchema(args[0]);
  const one = (args) => args.length === 1;
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

  // --- the functions of zod --------------------------------------------------------------------------------------------------
  // A rule says which calls of a function are noted, and what type of schema they give.
  const rule = (type, good) => ({ type, good });
  const format = rule('format', none), number = rule('number', none), plain = rule('plain', none), date = rule('date', none);
  const inner = rule('inner', oneSchema), object = rule('object', shape);
  const functions = {
    __proto__: null,
    string: rule('string', none), 'coerce.string': rule('string', none),
    email: format, guid: format, uuid: format, url: format, nanoid: format, cuid: format, cuid2: format, ulid: format, xid: format, ksuid: format,
    ipv4: format, ipv6: format, cidrv4: format, cidrv6: format, base64: format, base64url: format, e164: format, jwt: format,
    'iso.datetime': format, 'iso.date': format, 'iso.time': format, 'iso.duration': format,
    number, int: number, int32: number, uint32: number, float32: number, float64: number, 'coerce.number': number,
    boolean: plain, null: plain, undefined: plain, any: plain, unknown: plain, void: plain, never: plain, nan: plain, 'coerce.boolean': plain,
    date, 'coerce.date': date,
    literal: rule('literal', literals),
    enum: rule('enum', entries),
    nativeEnum: rule('enum', (args) => !isArray(args[0]) && entries(args)),
    object: rule('object', (args) => args.length === 0 || shape(args)), strictObject: object, looseObject: object,
    array: rule('array', schemaThen),
    tuple: rule('tuple', (args) => isList(args[0], isSchema) && (isSchema(args[1]) ? message(args, 2) : message(args, 1))),
    record: rule('record', (args) => isSchema(args[0]) && isSchema(args[1]) && message(args, 2)),
    union: rule('union', (args) => isList(args[0], isSchema) && args[0].length > 0 && message(args, 1)),
    discriminatedUnion: rule('union', (args) => isText(args[0]) && isList(args[1], isSchema) && args[1].length > 0 && message(args, 2)),
    intersection: rule('plain', twoSchemas),
    optional: inner, nullable: inner, nullish: inner, exactOptional: inner, readonly: inner,
    nonoptional: rule('inner', schemaThen),
    prefault: rule('inner', schemaAndAny),
    _default: rule('default', schemaAndAny),
    catch: rule('catch', schemaAndAny),
    lazy: rule('inner', oneFunction),
    pipe: rule('pipe', twoSchemas),
    preprocess: rule('pipe', (args) => args.length === 2 && typeof args[0] === 'function' && isSchema(args[1])),
    custom: rule('plain', oneFunction),
  };
  // maker gives one of these functions, undefined for those that are zod's own.
  const maker = (kind) => {
    const of = functions[kind];
    return of && ((...args) => (of.good(args) ? make(of.type, kind, args) : find(kind)(...args)));
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
    const around = kind === '.partial' ? (s) => make('inner', 'optional', [s]) : (s) => make('inner', 'nonoptional', [s]);
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
        for (const name of ownKeys(old)) out[name] = args[0] === undefined || hasOwn(args[0], name) && args[0][name] ? around(old[name]) : old[name];
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
  // --- the members of schemas ----------------------------------------------------------------------------------------------
  // Methods that are noted. Without a type their schema is of the same type as the one they belong to. Refinements make zod refuse, or check,
  // what follows on an object schema; and some of its methods (now) read the fields at once.
  const wrap = rule('inner', noArguments), sized = rule(undefined, numberThen), bare = rule(undefined, none), changed = rule(undefined, noArguments);
  const matched = rule(undefined, textThen);
  const mask = (args) => args.length === 1 && isPlainData(args[0]);
  const common = {
    __proto__: null,
    optional: wrap, nullable: wrap, nullish: wrap, exactOptional: wrap, readonly: wrap,
    nonoptional: rule('inner', none),
    prefault: rule('inner', one), default: rule('default', one), catch: rule('catch', one),
    array: rule('array', noArguments), or: rule('union', oneSchema), and: rule('plain', oneSchema),
    transform: rule('pipe', oneFunction), pipe: rule('pipe', oneSchema),
    refine: { good: functionThen, checks: true }, superRefine: { good: oneFunction, checks: true },
    describe: { good: (args) => args.length === 1 && isText(args[0]), describes: true },
    meta: { good: (args) => mask(args) && !hasOwn(args[0], 'id'), describes: true },
  };
  const texts = {
    __proto__: null,
    min: sized, max: sized, length: sized, nonempty: bare, lowercase: bare, uppercase: bare, trim: changed, toLowerCase: changed, toUpperCase: changed,
    includes: matched, startsWith: matched, endsWith: matched,
    regex: rule(undefined, (args) => args[0] instanceof RegExp && message(args, 1)),
  };
  const extension = { type: 'object', good: (args) => args.length === 1 && isPlain(args[0]) && !hasOwn(args[0], 'constructor'), fields: true };
  const masked = { type: 'object', good: mask, fields: true };
  const maskable = { type: 'object', good: (args) => args.length === 0 || mask(args), fields: true };
  const reshaped = { type: 'object', good: noArguments, fields: true, now: true };
  const methods = {
    __proto__: null,
    format: texts,
    string: {
      __proto__: texts,
      email: bare, url: bare, jwt: bare, guid: bare, uuid: bare, uuidv4: bare, uuidv6: bare, uuidv7: bare, nanoid: bare, cuid: bare, cuid2: bare, ulid: bare,
      base64: bare, base64url: bare, xid: bare, ksuid: bare, ipv4: bare, ipv6: bare, cidrv4: bare, cidrv6: bare, e164: bare,
      datetime: bare, date: bare, time: bare, duration: bare,
    },
    number: {
      __proto__: null,
      gt: sized, gte: sized, min: sized, lt: sized, lte: sized, max: sized, multipleOf: sized, step: sized,
      int: bare, safe: bare, positive: bare, nonnegative: bare, negative: bare, nonpositive: bare,
    },
    array: { __proto__: null, min: sized, max: sized, length: sized, nonempty: bare },
    object: {
      __proto__: null,
      extend: extension, safeExtend: extension,
      merge: { type: 'object', good: (args) => args.length === 1 && recordOf(args[0])?.type === 'object', fields: true },
      pick: masked, omit: masked, partial: maskable, required: maskable,
      passthrough: reshaped, loose: reshaped, strict: reshaped, strip: reshaped,
      catchall: { type: 'object', good: oneSchema, fields: true, now: true },
    },
  };
  const note = (s, r, name, { type = r.type, good, checks, describes, fields, now }, args) => {
    const noted = good(args) && !(fields && r.checked) && !(now && fieldsOf(r) === null) && !(describes && described.length >= describedMost);
    if (!noted) return become(s)[name](...args);
    const out = make(type, '.' + name, args, s, checks || !fields && r.checked);
    if (describes) described.push(out);
    return out;
  };

  // Members that can be had without zod, though they are no methods that are noted; undefined if zod has to say.
  const element = (s, { kind, args, parent }) => (kind === 'array' ? args[0] : kind === '.array' ? parent : element(parent, recordOf(parent)));
  const innerOf = (r) => {
    while (r.kind === '.describe' || r.kind === '.meta' || r.kind === '.refine' || r.kind === '.superRefine') r = recordOf(r.parent);
    return r.kind === '.nullish' || r.kind === 'nullish' || r.kind === 'lazy' ? undefined : r.parent ?? r.args[0];
  };
  const known = (s, r, name) => {
    switch (name) {
      case 'parse': return hidden(s, name, parserOf(s, r));
      case 'safeParse': return hidden(s, name, safeParserOf(s, r));
      case 'brand': return () => s;
      case 'apply': return (f) => f(s);
      case 'finite': return r.type === 'number' ? () => s : undefined;
      case 'shape': return r.type === 'object' ? fieldsOf(r) ?? undefined : undefined;
      case 'element': return r.type === 'array' ? element(s, r) : undefined;
      case 'unwrap': {
        const of = r.type === 'array' ? element(s, r) : r.type === 'inner' || r.type === 'default' || r.type === 'catch' ? innerOf(r) : undefined;
        return of && (() => of);
      }
    }
    return undefined;
  };
  const hidden = (o, name, value) => {
    defineProperty(o, name, { value, configurable: true, writable: true, enumerable: false });
    return value;
  };

  // What a schema of zod's own has by its type, for the operator in.
  const names = {
    all: '_zod ~standard toJSONSchema def type _def check with clone brand register parse safeParse parseAsync safeParseAsync spa encode decode encodeAsync'
      + ' decodeAsync safeEncode safeDecode safeEncodeAsync safeDecodeAsync refine superRefine overwrite optional exactOptional nullable nullish nonoptional'
      + ' array or and transform default prefault catch pipe readonly describe description meta isOptional isNullable apply constructor',
    format: 'format minLength maxLength regex includes startsWith endsWith min max length nonempty lowercase uppercase trim normalize toLowerCase toUpperCase'
      + ' slugify',
    number: 'gt gte min lt lte max int safe positive nonnegative negative nonpositive multipleOf step finite minValue maxValue isInt isFinite format',
    date: 'min max minDate maxDate', literal: 'values value', enum: 'enum options extract exclude', array: 'element min nonempty max length unwrap',
    object: 'shape keyof catchall passthrough loose strict strip extend safeExtend merge pick omit partial required', union: 'options', tuple: 'rest',
    record: 'keyType valueType', inner: 'unwrap', default: 'unwrap removeDefault', catch: 'unwrap removeCatch', pipe: 'in out', plain: '',
  };
  names.string = names.format + ' email url jwt emoji guid uuid uuidv4 uuidv6 uuidv7 nanoid cuid cuid2 ulid base64 base64url xid ksuid ipv4 ipv6 cidrv4'
    + ' cidrv6 e164 datetime date time duration';

  // typeOf gives a constructor whose prototype answers for all members of a type, so that none of them has to be made for each run. A method is
  // a function of its own in each schema, as with zod, where scripts may take it out.
  const types = {};
  const typeOf = (type) => {
    if (types[type] !== undefined) return types[type];
    const own = methods[type] ?? { __proto__: null };
    const made = function () {};
    made.prototype = members(
      (name, s) => {
        const r = recordOf(s);
        const of = own[name] ?? common[name];
        if (r !== undefined && of !== undefined) return (...args) => note(s, r, name, of, args);
        if (r === undefined || name === 'then' || name in objectPrototype && name !== 'constructor' && name !== '__proto__') {
          return name in objectPrototype ? objectPrototype[name] : miss;
        }
        const value = known(s, r, name);
        if (value !== undefined) return value;
        become(s);
        return name in s ? s[name] : miss;
      },
      (name, s, value) => {
        if (recordOf(s) === undefined) return false;
        become(s)[name] = value;
        return true;
      },
      (name) => name in objectPrototype || (names.all + ' ' + names[type]).split(' ').includes(name),
    );
    return types[type] = made;
  };

  // --- for Go ----------------------------------------------------------------------------------------------------------------
  const valuesOf = (entries) => isArray(entries) ? Object.values(Object.fromEntries(entries.map((v) => [v, v]))) : Object.values(entries);
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
  return { maker, read, settle };
})
