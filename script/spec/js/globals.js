// The globals of a test file, and vi.
(function (global, env) {
  const define = (name, value) => Object.defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });
  const stubbed = new Map(), stubbedEnv = new Map();

  const vi = {
    fn: env.spy.fn, spyOn: env.spy.spyOn, isMockFunction: env.spy.isMock, mocked: (v) => v,
    clearAllMocks() { env.spy.clearAll(); return vi; },
    resetAllMocks() { env.spy.resetAll(); return vi; },
    restoreAllMocks() { env.spy.restoreAll(); return vi; },
    ...env.clock,
    mock: env.modules.mock, doMock: env.modules.mock, unmock: env.modules.unmock, doUnmock: env.modules.unmock, hoisted: (f) => f(),
    importActual: env.modules.importActual, importMock: env.modules.importMock,
    resetModules() { env.modules.reset(); return vi; },
    async dynamicImportSettled() { await env.replaced(); },
    stubGlobal(name, value) {
      if (!stubbed.has(name)) stubbed.set(name, Object.getOwnPropertyDescriptor(global, name));
      Object.defineProperty(global, name, { value, writable: true, configurable: true, enumerable: true });
      return vi;
    },
    unstubAllGlobals() {
      for (const [name, before] of stubbed) if (before) Object.defineProperty(global, name, before); else delete global[name];
      stubbed.clear();
      return vi;
    },
    stubEnv(name, value) {
      if (!stubbedEnv.has(name)) stubbedEnv.set(name, global.process.env[name]);
      if (value === undefined) delete global.process.env[name]; else global.process.env[name] = String(value);
      return vi;
    },
    unstubAllEnvs() {
      for (const [name, before] of stubbedEnv) if (before === undefined) delete global.process.env[name]; else global.process.env[name] = before;
      stubbedEnv.clear();
      return vi;
    },
    async waitFor(fn, options) {
      const { interval = 50, timeout = 1000 } = typeof options === 'number' ? { timeout: options } : options ?? {};
      for (let waited = 0; ; waited += interval) {
        try { return await fn(); } catch (e) { if (waited >= timeout) throw e; }
        await new Promise((resolve) => { env.real.setTimeout(resolve, interval); });
      }
    },
    waitUntil: (fn, options) => vi.waitFor(async () => { const v = await fn(); if (!v) throw new Error('Timed out in waitUntil!'); return v; }, options),
    setConfig() {}, resetConfig() {},
  };
  env.clock.self = vi;
  env.vi = new Proxy(vi, {
    get(target, key) {
      if (key in target || typeof key === 'symbol' || key === 'then') return target[key];
      throw new Error(`vi.${key} is not supported by causeway test`);
    },
  });

  define('global', global);
  define('vitest', { NangoActionMock: env.doubles.NangoActionMock, NangoSyncMock: env.doubles.NangoSyncMock });
  define('vi', env.vi);
  for (const name of ['describe', 'suite', 'it', 'test', 'expect', 'beforeAll', 'afterAll', 'beforeEach', 'afterEach', 'onTestFinished', 'onTestFailed']) define(name, env.framework[name]);
  define('process', {
    env: { NODE_ENV: 'test', TEST: 'true', VITEST: 'true' }, cwd: () => env.file.root, platform: 'linux', version: 'v20.0.0', versions: { node: '20.0.0' }, argv: ['node', 'vitest'],
    nextTick: (fn, ...args) => { global.queueMicrotask(() => fn(...args)); }, on() {}, exit() { throw new Error('process.exit is not supported by causeway test'); },
    hrtime: Object.assign(() => { const n = env.real.Date.now(); return [Math.floor(n / 1000), (n % 1000) * 1e6]; }, { bigint: () => BigInt(env.real.Date.now()) * 1000000n }),
  });
  define('fetch', async () => { throw new TypeError('network access is not available in tests'); });
  const say = (level) => (...args) => { env.call('print', level, args.map((a) => (typeof a === 'string' ? a : env.print(a))).join(' ')); };
  const quiet = () => {};
  define('console', {
    log: say('log'), info: say('info'), warn: say('warn'), error: say('error'), debug: say('debug'), trace: say('trace'), dir: say('log'), table: say('log'),
    assert: (ok, ...args) => { if (!ok) say('error')('Assertion failed:', ...args); }, group: say('log'), groupCollapsed: say('log'), groupEnd: quiet, time: quiet,
    timeEnd: quiet, timeLog: quiet, count: quiet, countReset: quiet, clear: quiet,
  });
})
