// Equality as test files mean it, the values that match more than themselves, and how values are printed.
(function (global, env) {
  const tagOf = (v) => Object.prototype.toString.call(v);
  const own = Object.prototype.hasOwnProperty;
  const has = (o, k) => own.call(o, k);
  const enumerable = (o, k) => Object.prototype.propertyIsEnumerable.call(o, k);
  const isObject = (v) => typeof v === 'object' && v !== null;
  const isError = (v) => v instanceof Error || tagOf(v) === '[object Error]';
  const isURL = (v) => typeof v.href === 'string' && v.constructor?.name === 'URL';
  const keysOf = (o) => {
    const keys = Object.keys(o);
    for (const s of Object.getOwnPropertySymbols(o)) if (enumerable(o, s)) keys.push(s);
    return keys;
  };
  const isAsymmetric = (v) => isObject(v) && typeof v.asymmetricMatch === 'function';

  // equals compares a value with what is expected of it; options: {strict, later} – later is the newer generation's view of errors.
  function equals(a, b, options = {}) { return compare(a, b, options, [], []); }

  function compare(a, b, options, left, right) {
    const special = isAsymmetric(a), expected = isAsymmetric(b);
    if (special !== expected) return special ? a.asymmetricMatch(b) : b.asymmetricMatch(a);
    if (Object.is(a, b)) return true;
    if (!isObject(a) || !isObject(b)) return false;
    const tag = tagOf(a);
    if (tag !== tagOf(b)) return false;
    if (options.strict && a.constructor !== b.constructor) return false;
    switch (tag) {
      case '[object Number]': case '[object String]': case '[object Boolean]': case '[object Symbol]': case '[object BigInt]':
        return Object.is(a.valueOf(), b.valueOf());
      case '[object Date]': return Object.is(a.getTime(), b.getTime());
      case '[object RegExp]': return a.source === b.source && a.flags === b.flags;
      case '[object ArrayBuffer]': return bytesEqual(new Uint8Array(a), new Uint8Array(b));
    }
    if (ArrayBuffer.isView(a)) {
      return a.constructor === b.constructor && (a instanceof DataView ? bytesEqual(new Uint8Array(a.buffer), new Uint8Array(b.buffer)) : bytesEqual(a, b));
    }
    if (isURL(a) && isURL(b)) return a.href === b.href;
    for (let i = 0; i < left.length; i++) {
      if (left[i] === a) return right[i] === b;
      if (right[i] === b) return false;
    }
    left.push(a); right.push(b);
    const same = isError(a) && isError(b) ? errorsEqual(a, b, options, left, right)
      : tag === '[object Map]' ? mapsEqual(a, b, options, left, right)
        : tag === '[object Set]' ? setsEqual(a, b, options, left, right)
          : membersEqual(a, b, options, left, right);
    left.pop(); right.pop();
    return same;
  }

  function bytesEqual(a, b) {
    if (a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
    return true;
  }

  function errorsEqual(a, b, options, left, right) {
    if (a.message !== b.message) return false;
    if (!options.later) return true;
    if (a.name !== b.name) return false;
    return compare(a.cause, b.cause, options, left, right) && membersEqual(a, b, options, left, right);
  }

  function mapsEqual(a, b, options, left, right) {
    if (a.size !== b.size) return false;
    for (const [k, v] of a) {
      if (b.has(k) && compare(v, b.get(k), options, left, right)) continue;
      let found = false;
      for (const [bk, bv] of b) {
        if (compare(k, bk, options, left, right) && compare(v, bv, options, left, right)) { found = true; break; }
      }
      if (!found) return false;
    }
    return true;
  }

  function setsEqual(a, b, options, left, right) {
    if (a.size !== b.size) return false;
    for (const v of a) {
      if (b.has(v)) continue;
      let found = false;
      for (const other of b) if (compare(v, other, options, left, right)) { found = true; break; }
      if (!found) return false;
    }
    return true;
  }

  function membersEqual(a, b, options, left, right) {
    if (Array.isArray(a)) {
      if (a.length !== b.length) return false;
      for (let i = 0; i < a.length; i++) {
        if (options.strict && (i in a) !== (i in b)) return false;
        if (!compare(a[i], b[i], options, left, right)) return false;
      }
      const plain = (o) => { const k = keysOf(o); return k.length > o.length || k.some((x) => typeof x === 'symbol' || !(+x >= 0)); };
      if (!plain(a) && !plain(b)) return true;
    }
    const keys = keysOf(a), others = keysOf(b);
    if (options.strict && keys.length !== others.length) return false;
    for (const k of keys) {
      if (!has(b, k)) {
        if (options.strict || a[k] !== undefined) return false;
      } else if (!compare(a[k], b[k], options, left, right)) return false;
    }
    for (const k of others) if (!has(a, k) && (options.strict || b[k] !== undefined)) return false;
    return true;
  }

  // matches is what toMatchObject means: members that are not named don't count.
  function matches(actual, subset, options = {}, seen = []) {
    if (isAsymmetric(subset) || isAsymmetric(actual) || !isObject(subset) || !isObject(actual)) return equals(actual, subset, options);
    if (Array.isArray(subset)) {
      return Array.isArray(actual) && actual.length === subset.length && subset.every((v, i) => matches(actual[i], v, options, seen));
    }
    const tag = tagOf(subset);
    if (isError(subset) && isError(actual)) return equals(actual, subset, options);
    if (tag !== '[object Object]' || isURL(subset)) return equals(actual, subset, options);
    if (seen.includes(subset)) return true;
    seen.push(subset);
    for (const k of keysOf(subset)) {
      if (!(k in actual) || !matches(actual[k], subset[k], options, seen)) return false;
    }
    return true;
  }

  // --- values that match more than themselves ----------------------------------------------------------------------------------
  class Asymmetric {
    constructor(name, sample, test, inverse = false) { Object.assign(this, { name, sample, test, inverse }); }
    asymmetricMatch(other) { return this.test(this.sample, other) !== this.inverse; }
    toString() { return (this.inverse ? 'Not' : '') + this.name; }
    toJSON() { return this.print(); }
    print() { return `${this}<${typeof this.sample === 'function' ? this.sample.name : print(this.sample)}>`; }
  }
  const typeNames = [[String, 'string'], [Number, 'number'], [Boolean, 'boolean'], [BigInt, 'bigint'], [Symbol, 'symbol'], [Function, 'function'], [Object, 'object']];
  const isOf = (type, v) => {
    if (type === Array) return Array.isArray(v);
    const known = typeNames.find(([t]) => t === type);
    return known && typeof v === known[1] || v instanceof type;
  };
  const tests = {
    any: ['Any', isOf],
    objectContaining: ['ObjectContaining', (sample, v) => isObject(v) && keysOf(sample).every((k) => k in v && equals(v[k], sample[k], env.equality))],
    arrayContaining: ['ArrayContaining', (sample, v) => Array.isArray(v) && sample.every((s) => v.some((x) => equals(x, s, env.equality)))],
    stringContaining: ['StringContaining', (sample, v) => typeof v === 'string' && v.includes(sample)],
    stringMatching: ['StringMatching', (sample, v) => typeof v === 'string' && new RegExp(sample).test(v)],
    closeTo: ['NumberCloseTo', ([n, digits], v) => typeof v === 'number' && near(v, n, digits)],
  };
  function near(a, b, digits = 2) { return Object.is(a, b) || a === b || Math.abs(a - b) < Math.pow(10, -digits) / 2; }
  const asymmetric = { not: {} };
  for (const name of Object.keys(tests)) {
    const make = (inverse) => (...args) => new Asymmetric(tests[name][0], name === 'closeTo' ? args : args[0], tests[name][1], inverse);
    asymmetric[name] = make(false);
    asymmetric.not[name] = make(true);
  }
  asymmetric.anything = () => new Asymmetric('Anything', undefined, (_, v) => v !== undefined && v !== null);

  // --- printing -----------------------------------------------------------------------------------------------------------------
  // print writes a value over several lines, as snapshots hold it: keys in order, a comma after each member.
  function print(value, indent = '', seen = [], options = {}) {
    switch (typeof value) {
      case 'string': return options.escape === false ? '"' + value + '"' : JSON.stringify(value);
      case 'number': return Object.is(value, -0) ? '-0' : String(value);
      case 'bigint': return value + 'n';
      case 'function': return `[Function ${value.name || 'anonymous'}]`;
      case 'symbol': case 'undefined': case 'boolean': return String(value);
    }
    if (value === null) return 'null';
    if (value instanceof Asymmetric) return value.print();
    if (seen.includes(value)) return '[Circular]';
    const tag = tagOf(value);
    if (tag === '[object Date]') return Number.isNaN(value.getTime()) ? 'Date { NaN }' : value.toISOString();
    if (tag === '[object RegExp]') return String(value);
    if (isError(value)) return `[${value.name || 'Error'}: ${value.message}]`;
    if (isURL(value)) return `URL { ${value.href} }`;
    if (/Number|String|Boolean/.test(tag)) return `[${tag.slice(8, -1)}: ${print(value.valueOf())}]`;
    const deeper = indent + '  ', within = [...seen, value];
    const block = (head, open, lines, close) => (lines.length ? `${head}${open}\n${lines.map((l) => deeper + l + ',\n').join('')}${indent}${close}` : head + open + close);
    const inner = (v) => print(v, deeper, within, options);
    const name = Object.getPrototypeOf(value) === null ? 'Object' : value.constructor?.name || 'Object';
    if (Array.isArray(value) || ArrayBuffer.isView(value)) {
      return block(name === 'Array' ? '' : name + ' ', '[', Array.from(value, (v) => inner(v)), ']');
    }
    if (tag === '[object Map]') return block('Map ', '{', Array.from(value, ([k, v]) => `${inner(k)} => ${inner(v)}`), '}');
    if (tag === '[object Set]') return block('Set ', '{', Array.from(value, (v) => inner(v)), '}');
    if (tag === '[object Promise]') return 'Promise {}';
    const members = keysOf(value).sort((a, b) => (String(a) < String(b) ? -1 : 1))
      .map((k) => `${typeof k === 'symbol' ? `[${String(k)}]` : JSON.stringify(k)}: ${inner(value[k])}`);
    return block(name === 'Object' ? '' : name + ' ', '{', members, '}');
  }

  // short is a value in a line of a message.
  function short(value) {
    const text = print(value).replace(/\n\s*/g, ' ').replace(/, ([\]}])/g, ' $1');
    return text.length > 120 ? text.slice(0, 117) + '…' : text;
  }

  // difference is the path of the first place where two values differ, with what stands there.
  function difference(a, b, options = {}, path = '$', depth = 0) {
    if (equals(a, b, options)) return '';
    const here = `${path}: ${short(a)} ≠ ${short(b)}`;
    if (depth > 50 || !isObject(a) || !isObject(b) || isAsymmetric(b) || tagOf(a) !== tagOf(b) || !/Object|Array\]/.test(tagOf(a))) return here;
    const list = Array.isArray(a);
    if (list && a.length !== b.length) {
      const n = Math.min(a.length, b.length);
      for (let i = 0; i < n; i++) {
        const found = difference(a[i], b[i], options, `${path}[${i}]`, depth + 1);
        if (found) return found;
      }
      return `${path}.length: ${a.length} ≠ ${b.length}`;
    }
    for (const k of new Set([...keysOf(b), ...keysOf(a)])) {
      const next = list ? `${path}[${String(k)}]` : /^[A-Za-z_$][\w$]*$/.test(String(k)) ? `${path}.${String(k)}` : `${path}[${JSON.stringify(String(k))}]`;
      if (options.strict && has(a, k) !== has(b, k)) return `${next}: ${has(a, k) ? short(a[k]) : 'absent'} ≠ ${has(b, k) ? short(b[k]) : 'absent'}`;
      const found = difference(a[k], b[k], options, next, depth + 1);
      if (found) return found;
    }
    return here;
  }

  Object.assign(env, { equals, matches, asymmetric, isAsymmetric, near, print, short, difference, isObject, isError });
})
