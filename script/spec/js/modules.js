// How files import each other: one instance per path, modules that tests replace, and the few of Node's modules that tests use.
(function (global, env) {
  const loaded = new Map(); // by id: the module object
  const replaced = new Map(); // by id: {factory, value, settled, promise}
  const resolved = new Map();
  const dirOf = (path) => path.slice(0, path.lastIndexOf('/')) || '/';

  // resolve turns what a file imports into an id: file:<path>, json:<path> or the name of a package.
  function resolve(from, name) {
    const key = from + '\0' + name;
    let id = resolved.get(key);
    if (id === undefined) { id = env.call('resolve', from, name); resolved.set(key, id); }
    return id;
  }

  const mark = (o) => Object.defineProperty(o, '__esModule', { value: true, enumerable: false, configurable: true });
  const packages = {
    vitest: () => mark({ vi: env.vi, vitest: env.vi, ...env.framework }),
    'nango/test': () => mark({ ...env.doubles }),
    path: () => pathModule(), fs: () => fsModule(), 'fs/promises': () => fsModule().promises,
    url: () => {
      const url = env.require('url');
      return { ...url, fileURLToPath: (u) => decodeURIComponent(new URL(u).pathname), pathToFileURL: (p) => new URL('file://' + p.split('/').map(encodeURIComponent).join('/')) };
    },
    process: () => global.process,
    buffer: () => env.require('buffer'), crypto: () => env.require('crypto'), zod: () => env.require('zod'), nango: () => env.require('nango'),
  };
  for (const [alias, name] of [['causeway', 'nango'], ['zod/v4', 'zod'], ['causeway/test', 'nango/test']]) packages[alias] = packages[name];

  function original(id) {
    const known = loaded.get(id);
    if (known) return known.exports;
    const module = { exports: {}, id };
    loaded.set(id, module);
    try {
      if (id.startsWith('json:')) module.exports = jsonModule(id.slice(5));
      else if (id.startsWith('file:')) run(module, id.slice(5));
      else module.exports = (packages[id] ?? (() => env.require(id)))();
    } catch (e) { loaded.delete(id); throw e; }
    return module.exports;
  }
  function run(module, path) {
    return env.load(path)(module.exports, (name) => require(path, name), module, path, dirOf(path), 'file://' + path, env);
  }
  function jsonModule(path) {
    const value = JSON.parse(env.call('read', path)), out = mark({ default: value });
    if (env.isObject(value) && !Array.isArray(value)) for (const k of Object.keys(value)) if (/^[A-Za-z_$][\w$]*$/.test(k) && k !== 'default') out[k] = value[k];
    return out;
  }
  function require(from, name) {
    const id = resolve(from, name), r = replaced.get(id);
    if (!r) return original(id);
    start(id, r);
    if (!r.settled) throw new Error(`the factory for ${name} has not ended: await vi.importMock(${JSON.stringify(name)})`);
    if (r.error) throw r.error.thrown;
    return r.value;
  }

  // namespace is what importers of a replaced module see: what the factory returned, and an error for a default that it lacks.
  function namespace(name, made) {
    if (made === null || typeof made !== 'object') throw new TypeError(`[vitest] vi.mock("${name}", factory) is not returning an object. Did you mean to return an object with a "default" key?`);
    const lacks = new Proxy({}, {
      get(_, key) {
        if (key !== 'default') return undefined;
        throw new Error(`[vitest] No "default" export is defined on the "${name}" mock. Did you forget to return it from "vi.mock"?\nIf you need to partially mock a module, use importOriginal in the factory.`);
      },
    });
    const out = mark(Object.create('default' in made ? Object.prototype : lacks));
    for (const key of Object.keys(made)) Object.defineProperty(out, key, { get: () => made[key], set: (v) => { made[key] = v; }, enumerable: true, configurable: true });
    return out;
  }
  // spied is the module as vi.mock without a factory gives it.
  function spied(value, seen = new Map()) {
    if (typeof value === 'function') {
      const spy = env.spy.fn();
      if (value.prototype && Object.getOwnPropertyNames(value.prototype).length > 1) {
        spy.prototype = Object.create(Object.prototype);
        for (const k of Object.getOwnPropertyNames(value.prototype)) if (k !== 'constructor') spy.prototype[k] = env.spy.fn();
      }
      return spy;
    }
    if (Array.isArray(value)) return [];
    if (!env.isObject(value) || Object.getPrototypeOf(value) !== Object.prototype && !value.__esModule) return value;
    if (seen.has(value)) return seen.get(value);
    const out = value.__esModule ? mark({}) : {};
    seen.set(value, out);
    for (const k of Object.keys(value)) out[k] = spied(value[k], seen);
    return out;
  }
  const asNamespace = (exports) => (exports && exports.__esModule ? exports : mark({ default: exports, ...exports }));

  function start(id, r) {
    if (r.started) return;
    r.started = true;
    const keep = (made) => { r.value = namespace(r.name, made); r.settled = true; };
    const failed = (e) => { r.error = { thrown: e }; r.settled = true; };
    try {
      const made = r.factory ? r.factory(async () => asNamespace(original(id))) : spied(original(id));
      if (made && typeof made.then === 'function') r.promise = made.then(keep).catch(failed);
      else keep(made);
    } catch (e) { failed(e); }
  }
  const nameOf = async (module) => module;

  function mock(name, factory) {
    if (typeof name !== 'string') { nameOf(name).catch(() => {}); throw new Error('vi.mock needs the name of a module'); }
    replaced.set(resolve(env.file.path, name), { name, factory: typeof factory === 'function' ? factory : undefined });
  }
  const unmock = (name) => { replaced.delete(resolve(env.file.path, name)); };

  // replacedNow runs the factories of what has been replaced so far, and waits for them.
  env.replaced = async () => {
    for (const [id, r] of replaced) { start(id, r); if (r.promise) await r.promise; }
    for (const r of replaced.values()) {
      if (r.error && r.error.thrown instanceof ReferenceError) {
        throw new Error('[vitest] There was an error when mocking a module. If you are using "vi.mock" factory, make sure there are no top level variables inside, since this call is hoisted to top of the file. Read more: https://vitest.dev/api/vi.html#vi-mock');
      }
    }
  };

  env.modules = {
    mock, unmock,
    async main() {
      const module = { exports: {}, id: 'file:' + env.file.path };
      loaded.set(module.id, module);
      await run(module, env.file.path);
    },
    importActual: async (name) => asNamespace(original(resolve(env.file.path, name))),
    async importMock(name) {
      const id = resolve(env.file.path, name), r = replaced.get(id) ?? { name };
      start(id, r);
      await r.promise;
      if (r.error) throw r.error.thrown;
      return r.value;
    },
    reset() { for (const id of [...loaded.keys()]) if (id !== 'file:' + env.file.path && /^(file|json):/.test(id)) loaded.delete(id); for (const r of replaced.values()) if (r.factory) Object.assign(r, { started: false, settled: false, promise: undefined, error: undefined }); },
  };

  // --- Node's modules ------------------------------------------------------------------------------------------------------------------
  function pathModule() {
    const normalize = (path) => {
      const absolute = path.startsWith('/'), out = [];
      for (const part of path.split('/')) {
        if (part === '' || part === '.') continue;
        if (part === '..' && out.length && out.at(-1) !== '..') out.pop(); else if (part !== '..' || !absolute) out.push(part);
      }
      return (absolute ? '/' : '') + out.join('/') + (path.endsWith('/') && out.length ? '/' : '') || (absolute ? '/' : '.');
    };
    const join = (...parts) => normalize(parts.filter((p) => p !== '').join('/') || '.');
    const resolvePath = (...parts) => {
      let out = '';
      for (const p of parts.reverse()) { if (p === '') continue; out = out ? p + '/' + out : p; if (p.startsWith('/')) break; }
      const path = normalize(out.startsWith('/') ? out : global.process.cwd() + (out ? '/' + out : ''));
      return path.length > 1 ? path.replace(/\/$/, '') : path;
    };
    const dirname = (p) => { const t = p.replace(/\/+$/, ''), i = t.lastIndexOf('/'); return i < 0 ? '.' : t.slice(0, i) || '/'; };
    const basename = (p, suffix) => { const b = p.replace(/\/+$/, '').split('/').pop(); return suffix && b !== suffix && b.endsWith(suffix) ? b.slice(0, -suffix.length) : b; };
    const extname = (p) => { const b = basename(p), i = b.lastIndexOf('.'); return i <= 0 ? '' : b.slice(i); };
    const relative = (a, b) => {
      const from = resolvePath(a).split('/').filter(Boolean), to = resolvePath(b).split('/').filter(Boolean);
      let i = 0;
      while (i < from.length && from[i] === to[i]) i++;
      return [...from.slice(i).map(() => '..'), ...to.slice(i)].join('/');
    };
    const out = { join, resolve: resolvePath, dirname, basename, extname, relative, normalize, sep: '/', delimiter: ':', isAbsolute: (p) => p.startsWith('/'), parse: (p) => ({ root: p[0] === '/' ? '/' : '', dir: dirname(p), base: basename(p), ext: extname(p), name: basename(p, extname(p)) }) };
    out.posix = out;
    return out;
  }
  function fsModule() {
    const place = (p) => { const s = String(p?.href ?? p); return s.startsWith('file://') ? decodeURIComponent(s.slice(7)) : s; };
    const failing = (f) => (...args) => {
      try { return f(...args); } catch (e) {
        const code = /^([A-Z]+):/.exec(e.message);
        if (code) e.code = code[1];
        throw e;
      }
    };
    const Bytes = () => env.require('buffer').Buffer;
    const readFileSync = failing((p, options) => {
      const encoding = typeof options === 'string' ? options : options?.encoding;
      if (encoding && /^utf-?8$/i.test(encoding)) return env.call('read', place(p));
      const bytes = Bytes().from(env.call('readBase64', place(p)), 'base64');
      return encoding ? bytes.toString(encoding) : bytes;
    });
    const stat = (p) => JSON.parse(env.call('stat', place(p)));
    const statSync = failing((p) => { const s = stat(p); return { size: s.size, isFile: () => !s.dir, isDirectory: () => s.dir }; });
    const out = {
      readFileSync, statSync,
      existsSync: (p) => { try { stat(p); return true; } catch { return false; } },
      readdirSync: failing((p, options) => {
        const list = JSON.parse(env.call('list', place(p)));
        return options?.withFileTypes ? list.map((e) => ({ name: e.name, isFile: () => !e.dir, isDirectory: () => e.dir })) : list.map((e) => e.name);
      }),
    };
    out.promises = { readFile: async (...a) => readFileSync(...a), stat: async (p) => statSync(p), readdir: async (...a) => out.readdirSync(...a) };
    return out;
  }
})
