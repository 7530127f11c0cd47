// The doubles that test files make in the place of the nango object. Tests and scripts reach into them, so the names of their members are part of
// what they promise, and so is the absence of everything else.
(function (global, env) {
  const read = (path) => env.call('read', path);
  const missing = (what) => { throw new Error(`Missing mock data for ${what}`); };

  // UnifiedFixtureProvider answers from a single file.
  class UnifiedFixtureProvider {
    #failure;
    constructor(path) {
      try { this.mockData = JSON.parse(read(path)); } catch (e) { this.#failure = new Error(`Failed to parse ${path} as JSON: ${e.message}`); }
    }
    #data() { if (this.#failure) throw this.#failure; return this.mockData; }
    #member(name) { const d = this.#data(); return d?.nango && name in d.nango ? d.nango[name] : missing(name); }
    isUnifiedMocks() { return true; }
    async getInput() { return this.#data()?.input; }
    async getOutput() { const d = this.#data(); return d && 'output' in d && d.output !== undefined ? d.output : missing('output'); }
    async getBatchSaveData(model) { return this.#data()?.nango?.batchSave?.[model]; }
    async getBatchDeleteData(model) { return this.#data()?.nango?.batchDelete?.[model]; }
    async getConnectionData() { return this.#member('getConnection'); }
    async getMetadataData() { return this.#member('getMetadata'); }
    async getUpdateMetadata() { return this.#data()?.nango?.updateMetadata; }
    async getTrackDeletesStart() { return this.#data()?.nango?.trackDeletesStart; }
    async getTrackDeletesEnd() { return this.#data()?.nango?.trackDeletesEnd; }
    async getDeleteRecordsFromPreviousExecutions() { return this.#data()?.nango?.deleteRecordsFromPreviousExecutions; }
    async getCachedResponse(identity) {
      const entry = env.findRecording(this.#data(), identity);
      return { response: entry.response, status: entry.status, headers: entry.headers };
    }
  }

  // LegacyFixtureProvider answers from the older layout: a file for each answer.
  class LegacyFixtureProvider {
    #dir; #name;
    constructor(dirname, name) { this.#dir = env.call('join', dirname, '../mocks'); this.#name = name; }
    #file(path) {
      const full = `${this.#dir}/${path}`;
      try { return JSON.parse(read(full)); } catch (e) { throw new Error(`Failed to load mock data from ${full}: ${e.message}`); }
    }
    #maybe(path) { try { return JSON.parse(read(`${this.#dir}/${path}`)); } catch { return undefined; } }
    isUnifiedMocks() { return false; }
    async getInput() { return this.#maybe(`${this.#name}/input.json`); }
    async getOutput() { return this.#file(`${this.#name}/output.json`); }
    async getBatchSaveData(model) { return this.#file(`${this.#name}/${model}/batchSave.json`); }
    async getBatchDeleteData(model) { return this.#file(`${this.#name}/${model}/batchDelete.json`); }
    async getConnectionData() { return this.#file('nango/getConnection.json'); }
    async getMetadataData() { return this.#file('nango/getMetadata.json'); }
    async getUpdateMetadata() { return this.#maybe('nango/updateMetadata.json'); }
    async getTrackDeletesStart() { return this.#maybe('nango/trackDeletesStart.json'); }
    async getTrackDeletesEnd() { return this.#maybe('nango/trackDeletesEnd.json'); }
    async getDeleteRecordsFromPreviousExecutions() { return this.#maybe('nango/deleteRecordsFromPreviousExecutions.json'); }
    async getCachedResponse(call) {
      const base = `nango/${call.method}/proxy/${call.endpoint}/${this.#name}`;
      const files = JSON.parse(env.call('listJSON', `${this.#dir}/${base}`));
      if (files === null) return { response: this.#file(`${base}.json`), status: undefined, headers: undefined };
      const own = `${call.requestIdentityHash}.json`;
      const found = files.includes(own) ? this.#file(`${base}/${own}`) : files.map((f) => this.#file(`${base}/${f}`)).find((r) => sameRequest(r.requestIdentity ?? {}, call.requestIdentity));
      if (found) return { response: found.response, status: found.status, headers: found.headers };
      throw Object.defineProperty(new Error(`Failed to load mock data for ${call.method.toUpperCase()} ${call.endpoint}\nHash ${call.requestIdentityHash} not found in ${this.#dir}/${base}`), 'unmatched', { value: true });
    }
  }
  const pairsText = (pairs) => JSON.stringify((pairs ?? []).map(([k, v]) => [String(k), String(v)]).sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)));
  function sameRequest(recorded, asked) {
    if (pairsText(recorded.params) !== pairsText(asked.params)) return false;
    if ((recorded.headers?.length || asked.headers.length) && pairsText(recorded.headers) !== pairsText(asked.headers)) return false;
    return !(recorded.data || asked.data) || String(recorded.data) === String(asked.data);
  }

  const providerFor = (dirname, name) => {
    const path = env.call('fixture', dirname, name);
    return path === '' ? new LegacyFixtureProvider(dirname, name) : new UnifiedFixtureProvider(path);
  };

  // --- pagination ------------------------------------------------------------------------------------------------------------------------
  const at = (object, path) => { let v = object; for (const key of String(path).split('.')) v = v?.[key]; return v; };
  const required = (options, names, kind) => { for (const n of names) if (!options[n]) throw new Error(`Param ${n} is required for ${kind} pagination`); };
  const cursorOf = (v) => (typeof v === 'string' ? v.trim() || undefined : typeof v === 'number' ? v : undefined);
  const expanded = (values) => {
    const out = {};
    for (const [k, v] of Object.entries(values)) {
      const path = k.split('.'), last = path.pop();
      let o = out;
      for (const key of path) o = o[key] = env.isObject(o[key]) ? { ...o[key] } : {};
      o[last] = v;
    }
    return out;
  };
  const put = (config, values, inBody) => { if (inBody) config.data = expanded(values); else config.params = values; };
  const notify = async (options, nextPageParam, r) => {
    await options.on_page?.({ nextPageParam, response: { data: r.data, status: r.status || 200, statusText: 'OK', headers: r.headers || {}, config: {} } });
  };
  const linkIn = (headers, rel) => {
    const text = headers?.link ?? headers?.Link;
    for (const part of String(text ?? '').split(/,\s*(?=<)/)) {
      const m = /^\s*<([^>]*)>(.*)$/.exec(part), r = m && /;\s*rel\s*=\s*"?([^";]*)"?/i.exec(m[2]);
      if (r && r[1].trim().split(/\s+/).includes(rel)) return m[1];
    }
    return undefined;
  };

  // stream makes an async iterator of a generator that yields wait(promise) and page(value): the engine has no async generators.
  const wait = (promise) => ({ wait: promise }), page = (value) => ({ value });
  const stream = (generator) => {
    let last = Promise.resolve();
    const go = async (step) => {
      while (!step.done && 'wait' in step.value) {
        let v;
        try { v = await step.value.wait; } catch (e) { step = generator.throw(e); continue; }
        step = generator.next(v);
      }
      return step.done ? { value: step.value, done: true } : { value: step.value.value, done: false };
    };
    const queued = (begin) => { const out = last.then(() => go(begin())); last = out.then(() => {}, () => {}); return out; };
    return {
      next: () => queued(() => generator.next()), return: (v) => queued(() => generator.return(v)), throw: (e) => queued(() => generator.throw(e)),
      [Symbol.asyncIterator]() { return this; },
    };
  };

  // oldPages is how the older layout pages.
  function* oldPages(self, config, options) {
    if (!['cursor', 'link', 'offset'].includes(options.type)) throw new Error(`Invalid pagination type: ${options.type}`);
    const inBody = ['post', 'put', 'patch'].includes(String(config.method).toLowerCase()), values = (inBody ? config.data : config.params) ?? {};
    if (options.limit) values[options.limit_name_in_request] = options.limit;
    let offset = options.offset_start_value ?? 0;
    if (options.type === 'offset') values[options.offset_name_in_request] = inBody ? offset : String(offset);
    if (inBody) config.data = values; else config.params = values;
    const first = yield wait(self.proxyData(config));
    if (first.headers === undefined) {
      if (Array.isArray(first.data)) yield page(first.data);
      if (options.response_path) { yield page(first.data?.[options.response_path]); return; }
      for (const v of Object.values(first.data ?? {})) if (Array.isArray(v)) yield page(v);
      return;
    }
    for (let r = first, previous; ; r = yield wait(self.proxyData(config))) {
      const items = options.response_path ? (options.type === 'offset' ? at(r.data, options.response_path) : r.data?.[options.response_path]) : r.data;
      if (!items || items.length === 0) return;
      yield page(items);
      if (options.type === 'offset') {
        if (options.limit && items.length < options.limit) return;
        offset += options.offset_calculation_method === 'per-page' ? 1 : items.length;
        values[options.offset_name_in_request] = inBody ? offset : String(offset);
      } else if (options.type === 'cursor') {
        const next = cursorOf(r.data?.[options.cursor_path_in_response]);
        if (next === undefined) return;
        values[options.cursor_name_in_request] = next;
      } else {
        const next = (options.link_rel_in_response_header ? linkIn(r.headers, options.link_rel_in_response_header) : undefined) ?? r.data?.[options.link_path_in_response_body];
        if (!next || next === previous) return;
        previous = next;
        const absolute = /^https?:\/\//.test(next) ? new URL(next) : null;
        config.endpoint = absolute ? absolute.pathname + absolute.search : next;
        config.params = {};
      }
    }
  }

  function* cursorPages(self, config, options, values, inBody) {
    required(options, ['cursor_name_in_request', 'cursor_path_in_response'], 'cursor');
    for (let next; ;) {
      if (next !== undefined) values[options.cursor_name_in_request] = next;
      put(config, values, inBody);
      const response = yield wait(self.proxyData(config));
      const items = itemsOf(response, options);
      if (!items || !items.length) return;
      yield page(items);
      next = cursorOf(at(response.data, options.cursor_path_in_response));
      yield wait(notify(options, next, response));
      if (next === undefined) return;
    }
  }
  function* linkPages(self, config, options, values, inBody) {
    if (!options.link_rel_in_response_header && !options.link_path_in_response_body) {
      throw new Error('Either param link_rel_in_response_header or link_path_in_response_body is required for link pagination');
    }
    put(config, values, inBody);
    for (let previous; ;) {
      const response = yield wait(self.proxyData(config));
      yield page(itemsOf(response, options));
      const next = self.getNextPageLinkFromBodyOrHeaders(options, response);
      yield wait(notify(options, next, response));
      if (!next || next === previous) return;
      previous = next;
      const absolute = /^https?:\/\//i.test(next) ? new URL(next) : null;
      if (absolute) config.baseUrlOverride = absolute.origin;
      config.endpoint = absolute ? absolute.pathname + absolute.search : next;
      delete config.params;
    }
  }
  function* offsetPages(self, config, options, values, inBody) {
    required(options, ['offset_name_in_request'], 'offset');
    for (let offset = options.offset_start_value ?? 0; ;) {
      values[options.offset_name_in_request] = inBody ? offset : String(offset);
      put(config, values, inBody);
      const response = yield wait(self.proxyData(config));
      const items = itemsOf(response, options);
      if (!items || !items.length) return;
      yield page(items);
      if (options.limit && items.length < options.limit) return;
      yield wait(notify(options, offset, response));
      offset += options.offset_calculation_method === 'per-page' ? 1 : items.length;
    }
  }
  const itemsOf = (response, options) => (options.response_path ? at(response.data, options.response_path) : response.data);
  // pages is how the single-file form pages: as the runtime does, on recorded answers.
  function* pages(self, config) {
    const provider = yield wait(self.fixtureProvider);
    config.method ??= 'get';
    if (!provider.isUnifiedMocks()) { yield* oldPages(self, config, config.paginate ?? {}); return; }
    const defaults = env.call('paginate', self.providerConfigKey);
    const options = config.paginate = { ...(defaults === '' ? {} : JSON.parse(defaults)), ...config.paginate };
    if (!options.type) throw new Error('Pagination type is required');
    const kinds = { cursor: cursorPages, link: linkPages, offset: offsetPages };
    if (!Object.keys(kinds).includes(options.type)) {
      throw new Error(`Pagination type ${options.type} is not supported. Only cursor, link and offset pagination types are supported.`);
    }
    const inBody = ['post', 'put', 'patch'].includes(String(config.method).toLowerCase());
    const given = inBody ? config.data : config.params, values = typeof given === 'string' ? Object.fromEntries(new URLSearchParams(given)) : given ?? {};
    if (options.limit) {
      if (options.type === 'cursor') required(options, ['cursor_name_in_request', 'cursor_path_in_response', 'limit_name_in_request'], 'cursor');
      values[options.limit_name_in_request] = options.limit;
    }
    yield* kinds[options.type](self, config, options, values, inBody);
  }

  // --- the doubles -------------------------------------------------------------------------------------------------------------------------
  const spied = {
    log: () => undefined, getWebhookURL: () => 'https://example.com/webhook',
    getConnection: (self) => () => self.getConnectionData(), getMetadata: (self) => () => self.getMetadataData(), updateMetadata: (self) => () => self.getUpdateMetadata(),
    trackDeletesStart: (self) => () => self.getTrackDeletesStart(), trackDeletesEnd: (self) => () => self.getTrackDeletesEnd(),
    deleteRecordsFromPreviousExecutions: (self) => () => self.getDeleteRecordsFromPreviousExecutions(),
    paginate: (self) => (config) => self.getProxyPaginateData(config), get: (self) => (config) => self.proxyGetData(config), post: (self) => (config) => self.proxyPostData(config),
    put: (self) => (config) => self.proxyPutData(config), patch: (self) => (config) => self.proxyPatchData(config), delete: (self) => (config) => self.proxyDeleteData(config),
    proxy: (self) => (config) => self.proxyData(config), zodValidateInput: (self) => (call) => self.mockZodValidateInput(call),
  };
  const sameEveryTime = new Set(['log', 'getWebhookURL']);
  const ActionError = env.ActionError;

  class NangoActionMock {
    constructor({ dirname, name, Model }) {
      this.dirname = dirname;
      this.name = name;
      this.Model = Model;
      this.providerConfigKey = String(dirname).split('/').at(-2);
      this.fixtureProvider = Promise.resolve(providerFor(String(dirname), String(name)));
      this.ActionError = ActionError;
      for (const key of Object.keys(spied)) this[key] = env.spy.fn(sameEveryTime.has(key) ? spied[key] : spied[key](this));
    }
    async getInput() { return (await this.fixtureProvider).getInput(); }
    async getOutput() { return (await this.fixtureProvider).getOutput(); }
    async getBatchSaveData(model) { return (await this.fixtureProvider).getBatchSaveData(model); }
    async getBatchDeleteData(model) { return (await this.fixtureProvider).getBatchDeleteData(model); }
    async getConnectionData() { return (await this.fixtureProvider).getConnectionData(); }
    async getMetadataData() { return (await this.fixtureProvider).getMetadataData(); }
    async getUpdateMetadata() { return (await this.fixtureProvider).getUpdateMetadata(); }
    async getTrackDeletesStart() { return (await this.fixtureProvider).getTrackDeletesStart(); }
    async getTrackDeletesEnd() { return (await this.fixtureProvider).getTrackDeletesEnd(); }
    async getDeleteRecordsFromPreviousExecutions() { return (await this.fixtureProvider).getDeleteRecordsFromPreviousExecutions(); }
    mockZodValidateInput({ input }) { return { data: input }; }
    async proxyGetData(config) { return this.proxyData({ ...config, method: 'get' }); }
    async proxyPostData(config) { return this.proxyData({ ...config, method: 'post' }); }
    async proxyPutData(config) { return this.proxyData({ ...config, method: 'put' }); }
    async proxyPatchData(config) { return this.proxyData({ ...config, method: 'patch' }); }
    async proxyDeleteData(config) { return this.proxyData({ ...config, method: 'delete' }); }
    async proxyData(config) {
      const here = new Error(); // where the script asked: after an await it is no longer on the stack
      try {
        const provider = await this.fixtureProvider;
        const call = (provider.isUnifiedMocks() ? env.identityOf : env.oldIdentityOf)(config ?? {});
        const { response, status, headers } = await provider.getCachedResponse(call);
        return { data: response, headers, status };
      } catch (e) {
        if (e instanceof Error) e.stack = here.stack;
        throw e;
      }
    }
    getProxyPaginateData(config) { return stream(pages(this, config)); }
    cursorPaginate(config, options, values, inBody) { return stream(cursorPages(this, config, options, values, inBody)); }
    linkPaginate(config, options, values, inBody) { return stream(linkPages(this, config, options, values, inBody)); }
    offsetPaginate(config, options, values, inBody) { return stream(offsetPages(this, config, options, values, inBody)); }
    getNextPageLinkFromBodyOrHeaders(options, response) {
      if (options.link_rel_in_response_header) return linkIn(response.headers, options.link_rel_in_response_header);
      return at(response.data, options.link_path_in_response_body);
    }
  }

  class NangoSyncMock extends NangoActionMock {
    constructor(options) {
      super(options);
      this.lastSyncDate = null;
      this.checkpoint = null;
      this.batchSave = env.spy.fn(() => undefined);
      this.batchDelete = env.spy.fn(() => undefined);
      this.getCheckpoint = env.spy.fn(() => this.getCheckpointData());
      this.saveCheckpoint = env.spy.fn((value) => this.saveCheckpointData(value));
      this.clearCheckpoint = env.spy.fn(() => this.clearCheckpointData());
      this.listRecords = env.spy.fn(() => stream([][Symbol.iterator]()));
    }
    async getCheckpointData() { return this.checkpoint; }
    async saveCheckpointData(value) { this.checkpoint = value; }
    async clearCheckpointData() { this.checkpoint = null; }
  }
  env.doubles = { NangoActionMock, NangoSyncMock, UnifiedFixtureProvider, LegacyFixtureProvider };
})
