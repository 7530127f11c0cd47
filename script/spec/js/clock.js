// The clock that tests can take over: Date, timers, and how time goes on.
(function (global, env) {
  const real = {};
  for (const name of ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'queueMicrotask']) real[name] = global[name];
  const timerNames = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'];
  let now = 0, timers = [], lastID = 0, faked = null, performance;

  const timeOf = (t) => (t === undefined ? real.Date.now() : typeof t === 'number' ? t : new real.Date(t).getTime());

  const FakeDate = function Date(...args) {
    if (!new.target) return new real.Date(now).toString();
    return Reflect.construct(real.Date, args.length ? args : [now], new.target === FakeDate ? real.Date : new.target);
  };
  FakeDate.prototype = real.Date.prototype;
  FakeDate.now = () => now;
  FakeDate.parse = real.Date.parse;
  FakeDate.UTC = real.Date.UTC;

  class Timer {
    constructor(fn, ms, every, args) { Object.assign(this, { id: ++lastID, fn, ms: Math.max(+ms || 0, every ? 1 : 0), every, args }); this.at = now + this.ms; timers.push(this); }
    ref() { return this; }
    unref() { return this; }
    hasRef() { return true; }
    refresh() { this.at = now + this.ms; if (!timers.includes(this)) timers.push(this); return this; }
    [Symbol.toPrimitive]() { return this.id; }
  }
  const clear = (t) => { if (t !== undefined && t !== null) timers = timers.filter((x) => x !== t && x.id !== +t); };
  const fakes = {
    Date: FakeDate,
    setTimeout: (fn, ms, ...args) => new Timer(fn, ms, false, args),
    setInterval: (fn, ms, ...args) => new Timer(fn, ms, true, args),
    setImmediate: (fn, ...args) => new Timer(fn, 0, false, args),
    clearTimeout: clear, clearInterval: clear, clearImmediate: clear,
  };
  const put = (name, value) => Object.defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });

  function use(options = {}) {
    stop();
    now = timeOf(options.now);
    faked = options.toFake ?? [...timerNames, 'Date', ...(env.later ? ['performance'] : [])];
    for (const name of faked) if (fakes[name]) put(name, fakes[name]);
    if (faked.includes('performance')) {
      performance = global.performance.now;
      const from = now;
      global.performance.now = () => now - from;
    }
  }
  function stop() {
    for (const name of Object.keys(real)) if (global[name] !== real[name] && (fakes[name] === global[name])) put(name, real[name]);
    if (performance) { global.performance.now = performance; performance = undefined; }
    faked = null; timers = [];
  }
  const needed = () => { if (!faked) throw new Error('Timers are not mocked. Try calling "vi.useFakeTimers()" first.'); };
  const next = () => timers.reduce((a, b) => (!a || b.at < a.at || b.at === a.at && b.id < a.id ? b : a), undefined);
  const fire = (t) => {
    now = Math.max(now, t.at);
    if (t.every) t.at = now + t.ms; else clear(t);
    t.fn(...t.args);
  };
  // settle lets every promise job that can run do so: the loop fires a real timer only when none is left.
  const settle = () => new Promise((resolve) => { real.setTimeout(resolve, 0); });
  const limit = 10000;

  // advance fires what is due up to a moment; pause, if given, is awaited between timers.
  function* due(until) {
    for (let t = next(), n = 0; t && t.at <= until; t = next()) {
      if (++n > limit) throw new Error(`Aborting after running ${limit} timers, assuming an infinite loop!`);
      yield t;
    }
  }
  const sync = (list) => { for (const t of list) fire(t); };
  const async = async (list) => { await settle(); for (const t of list) { fire(t); await settle(); } };
  function* all() { yield* due(Infinity); }
  function* pending() { for (const t of [...timers].sort((a, b) => a.at - b.at || a.id - b.id)) if (timers.includes(t)) yield t; }
  function* one() { const t = next(); if (t) yield t; }

  const vi = {
    useFakeTimers(options) { use(options); return vi.self; },
    useRealTimers() { stop(); return vi.self; },
    isFakeTimers: () => faked !== null && faked.length > 1,
    setSystemTime(t) {
      if (!faked) { faked = ['Date']; put('Date', FakeDate); }
      const to = timeOf(t), by = to - now;
      for (const timer of timers) timer.at += by;
      now = to;
      return vi.self;
    },
    getMockedSystemTime: () => (faked ? new real.Date(now) : null),
    getRealSystemTime: () => real.Date.now(),
    getTimerCount() { needed(); return timers.length; },
    clearAllTimers() { timers = []; return vi.self; },
    runAllTicks() { return vi.self; },
    advanceTimersByTime(ms) { needed(); const until = now + ms; sync(due(until)); now = until; return vi.self; },
    async advanceTimersByTimeAsync(ms) { needed(); const until = now + ms; await async(due(until)); now = until; return vi.self; },
    advanceTimersToNextTimer() { needed(); sync(one()); return vi.self; },
    async advanceTimersToNextTimerAsync() { needed(); await async(one()); return vi.self; },
    runAllTimers() { needed(); sync(all()); return vi.self; },
    async runAllTimersAsync() { needed(); await async(all()); return vi.self; },
    runOnlyPendingTimers() { needed(); sync(pending()); return vi.self; },
    async runOnlyPendingTimersAsync() { needed(); await async(pending()); return vi.self; },
  };
  Object.assign(env, { clock: vi, real, later: env.later });
})
