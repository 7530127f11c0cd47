// What identifies an HTTP call, and how recorded answers are found by it.
(function (global, env) {
  const sha1 = (text) => env.call('sha1', text);
  const dropped = new Set([
    'authorization', 'user-agent', 'nango-proxy-user-agent', 'accept-encoding', 'retries', 'host', 'connection-id', 'provider-config-key', 'nango-is-sync',
    'nango-is-script', 'nango-is-dry-run', 'nango-activity-log-id', 'content-length', 'accept', 'base-url-override', 'retry-on', 'forward-headers-on-redirect',
  ]);
  const droppedOld = new Set([...dropped].slice(0, 8));
  const byKey = (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);
  const isBuffer = (v) => env.isObject(v) && ArrayBuffer.isView(v) && v.constructor?.name === 'Buffer';

  // dataOf is a body as text; undefined when there is none.
  function dataOf(data) {
    if (!data) return undefined;
    let text;
    if (typeof data === 'string') text = data;
    else if (isBuffer(data)) text = data.toString('base64');
    else {
      try { text = JSON.stringify(data); } catch (e) {
        throw new Error(`Unable to compute request identity: ${/circular|cyclic/i.test(String(e?.message)) ? 'Converting circular structure to JSON' : e?.message}`);
      }
    }
    return text !== undefined && text.length > 1000 ? 'sha1:' + sha1(text) : text;
  }

  // A path without anything that the URL Standard would change needs no parser.
  const plainCharacters = /^[\w\-~!$&'()*+,;=@:./]+$/;
  const isPlain = (path) => plainCharacters.test(path) && path[0] !== '.' && !path.includes('//') && !path.includes('/.');
  function addressOf(endpoint, params) {
    const text = String(endpoint ?? '');
    const scheme = /^[a-z][a-z0-9+.-]*:/i.test(text);
    if (!scheme && typeof params !== 'string' && isPlain(text)) {
      const pairs = [];
      for (const [k, v] of Object.entries(params ?? {})) if (v !== undefined) pairs.push([String(k), Array.isArray(v) ? v.join(',') : String(v)]);
      return { path: text.startsWith('/') ? text : '/' + text, pairs };
    }
    let url;
    if (scheme) { try { url = new URL(text); } catch { /* then it is a path */ } }
    if (!url || !/^https?:$/.test(url.protocol)) url = new URL(text.startsWith('/') ? text : '/' + text, 'http://endpoint.invalid');
    if (typeof params === 'string') for (const [k, v] of new URLSearchParams(params)) url.searchParams.append(k, v);
    else for (const [k, v] of Object.entries(params ?? {})) if (v !== undefined) url.searchParams.set(k, Array.isArray(v) ? v.join(',') : String(v));
    return { path: url.pathname, pairs: [...url.searchParams] };
  }

  function headersOf(headers, drop) {
    const seen = new Set(), out = [];
    for (const [key, value] of Object.entries(headers ?? {})) {
      const name = /^nango-proxy-/i.test(key) && drop === dropped && key.toLowerCase() !== 'nango-proxy-user-agent' ? key.slice(12) : key;
      const lower = name.toLowerCase();
      if (drop === droppedOld) { if (!drop.has(lower)) out.push([name, value]); continue; }
      if (seen.has(lower)) continue;
      seen.add(lower);
      const text = String(value), plainText = text.toLowerCase();
      if (drop.has(lower)) continue;
      if (lower === 'content-type' && (plainText === 'application/json' || plainText === 'undefined' || plainText.startsWith('application/x-www-form-urlencoded'))) continue;
      out.push([name, text]);
    }
    return out.sort(byKey);
  }

  const finish = (method, endpoint, params, headers, data) => {
    const identity = { method, endpoint, params, headers };
    if (data !== undefined) identity.data = data;
    return { method, endpoint, requestIdentityHash: sha1(JSON.stringify(identity)), requestIdentity: identity };
  };
  env.identityOf = (config) => {
    const method = String(config.method ?? 'get').toLowerCase(), at = addressOf(config.endpoint, config.params);
    const endpoint = at.path.replace(/^\/proxy\//, '/').replace(/^\//, '');
    return finish(method, endpoint, at.pairs.sort(byKey), headersOf(config.headers, dropped), dataOf(config.data));
  };
  // oldIdentityOf is that of the older layout.
  env.oldIdentityOf = (config) => {
    const params = Object.entries(config.params ?? {}).sort(byKey);
    return finish(String(config.method ?? 'get').toLowerCase(), String(config.endpoint ?? '').replace(/^\//, ''), params, headersOf(config.headers, droppedOld), dataOf(config.data));
  };

  // --- finding the recording -------------------------------------------------------------------------------------------------------------
  const headerMap = (pairs) => {
    const out = new Map();
    for (const [k, v] of pairs) {
      const name = String(k).toLowerCase(), value = String(v);
      if (out.has(name) || name === 'content-type' && value.toLowerCase().startsWith('application/x-www-form-urlencoded')) continue;
      out.set(name, value);
    }
    return out;
  };
  // differences names the parts in which a recorded request is not the call's.
  function differences(request, identity) {
    const out = [], params = Object.entries(request.params ?? {});
    if (params.length !== identity.params.length) out.push(`params: recorded ${env.short(request.params ?? {})}, asked for ${env.short(Object.fromEntries(identity.params))}`);
    else {
      for (const [k, v] of params) {
        const pair = identity.params.find((p) => p[0] === k);
        if (!pair || pair[1] !== String(v)) { out.push(`params.${k}: recorded ${env.short(v)}, asked for ${pair ? env.short(pair[1]) : 'nothing'}`); }
      }
    }
    const recorded = headerMap(Object.entries(request.headers ?? {})), asked = headerMap(identity.headers);
    for (const k of new Set([...recorded.keys(), ...asked.keys()])) {
      if (recorded.get(k) !== asked.get(k)) out.push(`headers.${k}: recorded ${env.short(recorded.get(k))}, asked for ${env.short(asked.get(k))}`);
    }
    if (request.data !== undefined && dataOf(request.data) !== identity.data) out.push(`data: recorded ${env.short(request.data)}, asked for ${env.short(identity.data)}`);
    return out;
  }
  function matches(entry, alone, call) {
    if (entry?.hash && entry.hash === call.requestIdentityHash) return true;
    if (entry?.request) return differences(entry.request, call.requestIdentity).length === 0;
    return alone && call.requestIdentity.params.length === 0;
  }
  env.findRecording = (mock, call) => {
    const { method, endpoint } = call, byEndpoint = mock?.api?.[method];
    const own = (k) => byEndpoint && Object.prototype.hasOwnProperty.call(byEndpoint, k);
    const found = own(endpoint) ? byEndpoint[endpoint] : own('/' + endpoint) ? byEndpoint['/' + endpoint] : undefined;
    const entries = found === undefined ? [] : Array.isArray(found) ? found : [found];
    for (const entry of entries) if (matches(entry, entries.length === 1, call)) return entry;
    const error = new Error(`No mock found for ${method.toUpperCase()} ${endpoint} (normalized: ${endpoint}) with hash ${call.requestIdentityHash}\n\n${help(mock, call, entries)}`);
    Object.defineProperty(error, 'unmatched', { value: true });
    throw error;
  };
  function help(mock, call, entries) {
    if (entries.length === 0) {
      const known = Object.keys(mock?.api?.[call.method] ?? {});
      if (!known.length) return `The fixture has no recording of any ${call.method.toUpperCase()} request.`;
      return `Recorded for ${call.method.toUpperCase()}: ${known.slice(0, 8).join(', ')}${known.length > 8 ? ` and ${known.length - 8} more` : ''}.`;
    }
    const nearest = entries.filter((e) => e?.request).map((e) => differences(e.request, call.requestIdentity)).sort((a, b) => a.length - b.length)[0];
    const count = entries.length === 1 ? 'One answer is recorded' : `${entries.length} answers are recorded`;
    if (!nearest) return `${count} for this endpoint, by hash only, and none has this call's.`;
    return `${count} for this endpoint. The nearest differs in:\n  ${nearest.join('\n  ')}`;
  }
})
