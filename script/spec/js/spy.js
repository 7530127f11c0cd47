// Functions that record how they are called, and what puts them into the place of others. env.later selects the rules of the third
// generation of the framework; without it those of the second hold.
(function (global, env) {
  const spies = [];
  let calls = 0; // one counter for all spies of the file: the order among them

  const descriptorOf = (object, key) => {
    for (let o = object; o; o = Object.getPrototypeOf(o)) {
      const d = Object.getOwnPropertyDescriptor(o, key);
      if (d) return d;
    }
    return undefined;
  };
  const isMock = (f) => typeof f === 'function' && f._isMockFunction === true;

  // make makes a spy: original is the implementation it goes back to, restore undoes what spyOn did.
  function make(original, restore) {
    const s = { impl: original, once: [], name: 'spy', calls: [], results: [], settled: [], instances: [], contexts: [], order: [] };
    const spy = function (...args) {
      const result = { type: 'incomplete', value: undefined };
      s.calls.push(args); s.results.push(result); s.order.push(++calls);
      s.contexts.push(this);
      const at = s.instances.push(this) - 1;
      const settled = { type: 'incomplete', value: undefined };
      s.settled.push(settled);
      const impl = s.once.length ? s.once.shift() : s.impl;
      try {
        const value = new.target ? construct(impl, args, new.target, this) : impl ? impl.apply(this, args) : undefined;
        if (new.target) s.instances[at] = value;
        result.type = 'return'; result.value = value;
        if (value && typeof value.then === 'function' && value instanceof Promise) {
          value.then((v) => { settled.type = 'fulfilled'; settled.value = v; }, (e) => { settled.type = 'rejected'; settled.value = e; });
        } else { settled.type = 'fulfilled'; settled.value = value; }
        return value;
      } catch (e) {
        result.type = 'throw'; result.value = e;
        throw e;
      }
    };
    const construct = (impl, args, target, self) => {
      if (!impl) return self;
      if (!('prototype' in impl)) {
        if (env.later) throw new TypeError('the implementation is not a constructor');
        const made = impl.apply(self, args);
        return env.isObject(made) ? made : self;
      }
      return Reflect.construct(impl, args, target === spy ? impl : target);
    };
    if (original && 'prototype' in original) spy.prototype = original.prototype;
    const clear = () => { for (const list of ['calls', 'results', 'settled', 'instances', 'contexts', 'order']) s[list] = []; };
    const mock = {
      get calls() { return s.calls; }, get results() { return s.results; }, get settledResults() { return s.settled; }, get instances() { return s.instances; },
      get contexts() { return s.contexts; }, get invocationCallOrder() { return s.order; }, get lastCall() { return s.calls[s.calls.length - 1]; },
    };
    const methods = {
      mock, _isMockFunction: true,
      getMockName: () => s.name,
      mockName(name) { s.name = name; return spy; },
      getMockImplementation: () => s.impl,
      mockImplementation(f) { s.impl = f; return spy; },
      mockImplementationOnce(f) { s.once.push(f); return spy; },
      mockReturnValue(v) { s.impl = () => v; return spy; },
      mockReturnValueOnce(v) { s.once.push(() => v); return spy; },
      mockReturnThis() { s.impl = function () { return this; }; return spy; },
      mockResolvedValue(v) { s.impl = () => Promise.resolve(v); return spy; },
      mockResolvedValueOnce(v) { s.once.push(() => Promise.resolve(v)); return spy; },
      mockRejectedValue(v) { s.impl = () => Promise.reject(v); return spy; },
      mockRejectedValueOnce(v) { s.once.push(() => Promise.reject(v)); return spy; },
      mockClear() { clear(); return spy; },
      mockReset() { clear(); s.once = []; s.impl = env.later ? original : undefined; return spy; },
      mockRestore() { clear(); s.once = []; s.impl = original; restore?.(); return spy; },
      withImplementation(f, during) {
        const before = s.impl;
        s.impl = f;
        const back = () => { s.impl = before; return spy; };
        const out = during();
        return out && typeof out.then === 'function' ? out.then(back) : back();
      },
    };
    for (const key in methods) Object.defineProperty(spy, key, { value: methods[key], writable: true, configurable: true, enumerable: false });
    spies.push({ spy, restore });
    return spy;
  }

  const fn = (impl) => make(impl);

  // spyOn puts a spy that calls the original into a member, or into its getter or setter.
  function spyOn(object, key, access) {
    if (object === null || object === undefined) throw new Error('spyOn needs an object');
    const found = descriptorOf(object, key), before = Object.getOwnPropertyDescriptor(object, key);
    if (!found) throw new Error(`${String(key)} does not exist`);
    const part = access === 'get' ? 'get' : access === 'set' ? 'set' : 'value' in found ? 'value' : 'get';
    const original = part === 'value' ? found.value : access ? found[part] : found.get.call(object);
    if (typeof original !== 'function') throw new Error(`${String(key)} is not a function`);
    if (env.later && isMock(original)) return original;
    const current = () => Object.getOwnPropertyDescriptor(object, key)?.[access ? part : 'value'];
    const restore = () => {
      if (env.later && current() !== spy) return;
      if (before) Object.defineProperty(object, key, before); else delete object[key];
    };
    const spy = make(original, restore);
    spy.mockName(String(key));
    const put = access ? { get: found.get, set: found.set, [part]: spy } : { value: spy, writable: true };
    Object.defineProperty(object, key, { enumerable: found.enumerable, configurable: true, ...put });
    return spy;
  }

  Object.assign(env, {
    spy: {
      fn, spyOn, isMock,
      clearAll() { for (const { spy } of spies) spy.mockClear(); },
      resetAll() { for (const { spy } of spies) spy.mockReset(); },
      // Spies over spies are undone in the reverse order, so that the first original comes back.
      restoreAll() { for (const { spy, restore } of [...spies].reverse()) { if (!env.later) spy.mockRestore(); else restore?.(); } },
    },
  });
})
