// Suites, tests and hooks: how a file is collected, and how its tests run one after the other. A test whose time is up while it waits is
// given up, and the run goes on with the next one (env.interrupted); when the engine itself has to be stopped, the host begins another
// session of the same file after that test (env.file.from).
(function (global, env) {
  const testLimit = 5000, hookLimit = 10000, loadLimit = 30000, virtualLimit = 3600000; // milliseconds

  const suiteOf = (name, parent, mode) => ({ kind: 'suite', name, parent, mode, items: [], suites: [], hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] } });
  const root = suiteOf('', null, 'run');
  let current = root, only = false, groups = 0;

  const fullName = (item) => { const names = []; for (let i = item; i && i.parent; i = i.parent) names.unshift(i.name); return names.join(' ').trim(); };

  // --- collecting ------------------------------------------------------------------------------------------------------------------
  // argumentsOf reads (name, fn, options) in the orders that the framework takes.
  const argumentsOf = (second, third) => {
    let fn, options = {};
    for (const v of [second, third]) {
      if (typeof v === 'function') fn = v;
      else if (typeof v === 'number') options = { timeout: v };
      else if (v && typeof v === 'object') options = v;
    }
    return { fn, options };
  };
  const modeOf = (flags, options) => (flags.skip || options.skip ? 'skip' : flags.todo || options.todo ? 'todo' : flags.only || options.only ? 'only' : 'run');
  const nameOf = (name) => (typeof name === 'function' ? name.name : String(name));

  function addTest(flags, name, second, third, wrap) {
    const { fn, options } = argumentsOf(second, third);
    const mode = fn ? modeOf(flags, options) : 'todo';
    if (mode === 'only') only = true;
    current.items.push({
      kind: 'test', name: nameOf(name), parent: current, mode, fn: wrap && fn ? wrap(fn) : fn, timeout: options.timeout, retry: options.retry ?? 0,
      fails: !!(flags.fails || options.fails), concurrent: !!(flags.concurrent || options.concurrent || current.concurrent && !flags.sequential),
    });
  }
  function addSuite(flags, name, second, third, wrap) {
    const { fn, options } = argumentsOf(second, third);
    const suite = suiteOf(nameOf(name), current, modeOf(flags, options));
    if (suite.mode === 'only') only = true;
    suite.concurrent = !!(flags.concurrent || options.concurrent || current.concurrent && !flags.sequential);
    suite.fn = wrap && fn ? wrap(fn) : fn;
    current.items.push(suite);
    current.suites.push(suite);
  }

  // title fills a title of .each in.
  const title = (template, values, index) => {
    let next = 0;
    const first = values[0];
    let out = String(template).replace(/%[%sdifjoO#]/g, (m) => {
      if (m === '%%') return '%';
      if (m === '%#') return String(index);
      if (next >= values.length) return m;
      const v = values[next++];
      switch (m[1]) {
        case 'd': return String(Number(v));
        case 'i': return String(Math.trunc(Number(v)));
        case 'f': return String(parseFloat(v));
        case 'j': return JSON.stringify(v);
        case 's': return typeof v === 'object' && v !== null ? env.short(v) : String(v);
        default: return env.short(v);
      }
    });
    if (env.isObject(first)) {
      out = out.replace(/\$([\w$]+(?:\.[\w$]+)*)/g, (m, path) => {
        let v = first;
        for (const key of path.split('.')) v = v?.[key];
        if (v === undefined && !(path.split('.')[0] in first)) return m;
        return typeof v === 'string' ? (env.later ? v : `'${v}'`) : env.short(v);
      });
    }
    return out;
  };
  // tableOf turns a tagged template, as in each`a | b`, into rows.
  const tableOf = (strings, values) => {
    const names = strings[0].split('|').map((s) => s.trim()).filter(Boolean), rows = [];
    for (let i = 0; i < values.length; i += names.length) rows.push(Object.fromEntries(names.map((n, j) => [n, values[i + j]])));
    return rows;
  };
  function eachOf(add, flags, spreads) {
    return (cases, ...values) => {
      const rows = Array.isArray(cases) && 'raw' in cases ? tableOf(cases, values) : cases;
      return (name, second, third) => {
        [...rows].forEach((row, i) => {
          const args = Array.isArray(row) && spreads ? row : [row];
          add(flags, title(nameOf(name), args, i), second, third, (fn) => (context) => fn(...args, context));
        });
      };
    };
  }
  function chain(add, flags = {}) {
    const f = (name, second, third) => add(flags, name, second, third);
    for (const flag of ['skip', 'only', 'todo', 'concurrent', 'sequential', 'fails', 'shuffle']) {
      Object.defineProperty(f, flag, { get: () => chain(add, { ...flags, [flag]: true }), enumerable: true });
    }
    f.skipIf = (condition) => chain(add, condition ? { ...flags, skip: true } : flags);
    f.runIf = (condition) => chain(add, condition ? flags : { ...flags, skip: true });
    f.each = eachOf(add, flags, true);
    f.for = eachOf(add, flags, false);
    return f;
  }
  const test = chain(addTest), describe = chain(addSuite);
  const hook = (kind) => (fn, timeout) => { current.hooks[kind].push({ fn, timeout: timeout ?? hookLimit }); };
  const running = () => { if (!env.test) throw new Error('this can only be called within a test'); return env.test; };

  Object.assign(env, {
    framework: {
      describe, suite: describe, it: test, test, expect: env.expect,
      beforeAll: hook('beforeAll'), afterAll: hook('afterAll'), beforeEach: hook('beforeEach'), afterEach: hook('afterEach'),
      onTestFinished: (fn) => { running().finished.push(fn); }, onTestFailed: (fn) => { running().failed.push(fn); },
    },
    counted() { if (env.test) env.test.assertions++; },
    expectCount(n) { if (env.test) { env.test.expected = n; env.test.counts = true; } },
    softFailure(e) { env.test.soft.push(e); },
  });

  async function collect(suite) {
    for (const child of suite.suites) {
      current = child;
      if (child.fn) await child.fn();
      await collect(child);
    }
    current = root;
  }

  // --- what is to run ---------------------------------------------------------------------------------------------------------------
  // A plan is a flat list of steps, so that a run can be taken up again at any of them.
  function planOf(suite, inherited) {
    const plan = [];
    const within = { skip: inherited.skip || suite.mode === 'skip' || suite.mode === 'todo', only: inherited.only || suite.mode === 'only' };
    const narrow = within.only && hasOnly(suite);
    let group = null;
    for (const item of suite.items) {
      if (item.kind === 'suite') {
        group = null;
        plan.push(...planOf(item, { skip: within.skip, only: narrow ? false : within.only }));
        continue;
      }
      const wanted = !only || item.mode === 'only' || within.only && !narrow;
      item.state = item.mode === 'todo' ? 'todo' : within.skip || item.mode === 'skip' || !wanted ? 'skipped' : '';
      item.concurrent = item.concurrent && item.state === '';
      if (item.concurrent && group) { group.tests.push(item); continue; }
      group = item.concurrent ? { kind: 'group', tests: [item], number: ++groups } : null;
      plan.push(group ?? { kind: 'test', test: item });
    }
    return [{ kind: 'enter', suite }, ...plan, { kind: 'leave', suite }];
  }
  const hasOnly = (suite) => suite.items.some((i) => i.mode === 'only' || i.kind === 'suite' && hasOnly(i));
  const testsOf = (plan) => plan.flatMap((s) => (s.kind === 'test' ? [s.test] : s.kind === 'group' ? s.tests : []));
  const alive = (suite, plan) => testsOf(plan).some((t) => { for (let p = t.parent; p; p = p.parent) if (p === suite) return t.state === '' && !t.excluded; return false; });

  // --- running ------------------------------------------------------------------------------------------------------------------------
  let plan = [], at = 0, phase = 'load', active = [], turn = 0, finish; // turn numbers the goes: one that was given up must not go on

  const describeError = (e, kind) => {
    const out = { kind: kind ?? (e instanceof env.AssertionError || e?.name === 'AssertionError' ? 'assertion' : e?.unmatched ? 'unmatched' : e?.limit ? 'time_limit' : 'exception') };
    if (env.isError(e)) {
      out.message = out.kind === 'exception' && e.name && e.name !== 'Error' ? `${e.name}: ${e.message}` : String(e.message);
      if (out.message === '' && 'payload' in e) out.message = `${e.constructor?.name || 'Error'} with payload ${env.short(e.payload)}`;
      out.stack = String(e.stack ?? '');
    } else out.message = `a thrown value that is no error: ${env.short(e)}`;
    if (out.kind === 'assertion' && e && 'expected' in e) { out.expected = env.print(e.expected); out.actual = env.print(e.actual); }
    return out;
  };
  const report = (test, status, extra = {}) => {
    if (test.reported || test.excluded) return;
    test.reported = true;
    env.call('result', JSON.stringify({ name: fullName(test), status, ms: test.started ? env.elapsed(test.started) : 0, retries: test.retries ?? 0, clock: test.clock ?? false, ...extra }));
  };
  env.elapsed = (from) => Number(env.call('elapsed', String(from)));

  class Skip extends Error {}
  const contextOf = (t) => ({
    task: { name: t.name, fullName: fullName(t), suite: { name: t.parent.name }, file: { name: env.file.path }, type: 'test', meta: {} },
    expect: env.expect, skip() { throw new Skip('skipped'); }, onTestFinished: env.framework.onTestFinished, onTestFailed: env.framework.onTestFailed,
  });
  const bounded = async (ms, fn) => {
    const mine = turn;
    env.limit(ms, virtualLimit);
    try { return await fn(); } finally { if (mine === turn) env.limit(0, 0); }
  };
  const lineage = (suite) => { const list = []; for (let s = suite; s; s = s.parent) list.unshift(s); return list; };

  async function attempt(t) {
    const context = contextOf(t), cleanups = [], chainOf = lineage(t.parent);
    let failure;
    const keep = (e) => { failure ??= { error: e }; };
    const timeout = t.timeout ?? testLimit;
    Object.assign(t, { assertions: 0, counts: false, expected: undefined, soft: [], finished: [], failed: [] });
    env.test = t;
    t.fullName = fullName(t);
    try {
      for (const s of chainOf) {
        for (const h of s.hooks.beforeEach) {
          const undo = await bounded(h.timeout, () => h.fn(context));
          if (typeof undo === 'function') cleanups.unshift(undo);
        }
      }
      await bounded(timeout, () => t.fn(context));
      if (t.soft.length) throw t.soft[0];
      if (t.counts && (t.expected === undefined ? t.assertions === 0 : t.assertions !== t.expected)) {
        throw new env.AssertionError(`expected ${t.expected ?? 'any'} assertions, and ${t.assertions} were made`);
      }
    } catch (e) { keep(e); }
    if (t.reported) return failure; // it was given up while it waited
    for (const s of chainOf.reverse()) {
      for (const h of [...s.hooks.afterEach].reverse()) {
        try { await bounded(h.timeout, () => h.fn(context)); } catch (e) { keep(e); }
      }
    }
    for (const undo of cleanups) { try { await undo(); } catch (e) { keep(e); } }
    if (failure && !(failure.error instanceof Skip)) for (const f of t.failed) { try { await f(context); } catch (e) { keep(e); } }
    for (const f of [...t.finished].reverse()) { try { await f(context); } catch (e) { keep(e); } }
    return failure;
  }

  async function runTest(t) {
    if (t.excluded) return;
    if (t.state) { report(t, t.state); return; }
    for (let s = t.parent; s; s = s.parent) if (s.broken) { report(t, 'failed', { error: describeError(s.broken.error) }); return; }
    t.started = env.call('now');
    const reads = env.clockReads();
    let failure;
    for (t.retries = 0; ; t.retries++) {
      failure = await attempt(t);
      if (!failure || failure.error instanceof Skip || t.retries >= t.retry || t.reported) break;
    }
    t.clock = env.clockReads() > reads;
    if (failure?.error instanceof Skip) { report(t, 'skipped'); return; }
    if (t.fails) failure = failure ? undefined : { error: new env.AssertionError('expected the test to fail, and it passed') };
    report(t, failure ? 'failed' : 'passed', failure ? { error: describeError(failure.error) } : {});
  }

  async function hooksOf(suite, kind) {
    const list = kind === 'afterAll' ? [...suite.hooks.afterAll].reverse() : suite.hooks.beforeAll;
    for (const h of list) {
      const undo = await bounded(h.timeout, () => h.fn());
      if (kind === 'beforeAll' && typeof undo === 'function') suite.hooks.afterAll.unshift({ fn: undo, timeout: hookLimit });
    }
  }

  // go runs the steps that are left. Another go takes over when this one was interrupted.
  async function go() {
    const mine = ++turn;
    for (; at < plan.length; at++) {
      const step = plan[at];
      active = step.kind === 'group' ? step.tests : step.kind === 'test' ? [step.test] : [];
      if (at < env.file.from && active.length) continue; // an earlier session of this file has done them
      env.call('active', JSON.stringify({ at, kind: step.kind, tests: active.filter((t) => t.state === '' && !t.excluded).map((t) => ({ name: fullName(t), fails: t.fails })) }));
      if (step.kind === 'enter' && alive(step.suite, plan)) {
        try { await hooksOf(step.suite, 'beforeAll'); } catch (e) { step.suite.broken = { error: e }; }
      } else if (step.kind === 'leave' && alive(step.suite, plan)) {
        try { await hooksOf(step.suite, 'afterAll'); } catch (e) { env.call('fileError', JSON.stringify(describeError(e))); }
      } else if (step.kind === 'group') await Promise.all(step.tests.map(runTest));
      else if (step.kind === 'test') await runTest(step.test);
      if (mine !== turn) return;
    }
    env.test = null;
    env.saveSnapshots();
    finish();
  }

  const brokenFile = (e) => {
    plan = []; at = 0;
    if (env.file.from > 0) return; // it has been said
    env.call('result', JSON.stringify({ name: '(file)', status: 'failed', ms: 0, retries: 0, error: describeError(e, e?.limit ? 'time_limit' : 'load') }));
  };
  env.main = () => {
    const done = new Promise((resolve) => { finish = resolve; });
    (async () => {
      try {
        env.limit(loadLimit, virtualLimit);
        await env.modules.main();
        await collect(root);
        env.limit(0, 0);
      } catch (e) { brokenFile(e); finish(); return; }
      plan = planOf(root, { skip: false, only: false });
      const tests = testsOf(plan);
      const chosen = env.call('select', JSON.stringify(tests.map(fullName)));
      if (chosen !== '') tests.forEach((t, i) => { t.excluded = chosen[i] !== '1'; });
      phase = 'run';
      await go();
    })();
    return done;
  };
  const limitError = (reason) => Object.assign(new Error(reason === 'idle' ? 'waits for a promise that nothing can settle any more' : 'took longer than its time limit'), { limit: true, stack: '' });
  env.interrupted = (reason) => {
    if (phase === 'load') { brokenFile(limitError(reason)); finish(); return true; }
    if (at >= plan.length) return false;
    const step = plan[at];
    if (step.kind === 'enter') step.suite.broken = { error: limitError(reason) };
    if (step.kind === 'leave') env.call('fileError', JSON.stringify(describeError(limitError(reason))));
    for (const t of active) if (!t.fails) report(t, 'failed', { error: describeError(limitError(reason)) }); else report(t, 'passed');
    at++;
    go();
    return true;
  };
})
