// What the parts of crypto have in common: bytes in, bytes or texts out.
(function (natives, part) {
  const { Buffer } = part.require('buffer');
  const coded = (Ctor, code, message) => { const e = new Ctor(message); e.code = code; return e; };
  const received = (v) => {
    if (v === undefined || v === null) return `Received ${v}`;
    if (typeof v === 'object') return `Received an instance of ${v.constructor?.name ?? 'Object'}`;
    return `Received type ${typeof v} (${typeof v === 'string' ? `'${v}'` : String(v)})`;
  };
  const bytesOf = (v, encoding, name = 'data') => {
    if (typeof v === 'string') return Buffer.from(v, encoding === 'buffer' ? undefined : encoding);
    if (v instanceof ArrayBuffer) return Buffer.from(v);
    if (ArrayBuffer.isView(v)) return Buffer.from(v.buffer, v.byteOffset, v.byteLength);
    throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "${name}" argument must be of type string or an instance of Buffer, TypedArray, or DataView. ${received(v)}`);
  };
  const out = (bytes, encoding) => {
    const b = Buffer.from(bytes);
    return encoding === undefined || encoding === null || encoding === 'buffer' ? b : b.toString(encoding);
  };
  // later answers a callback as Node does: after the call that it was given in.
  const later = (callback, make) => {
    (async () => { let v; try { v = make(); } catch (e) { callback(e); return; } callback(null, v); })();
  };
  const random = (n) => Buffer.from(natives.random(n));
  const getRandomValues = (view) => {
    if (view.byteLength > 65536) throw coded(Error, 'ERR_OUT_OF_RANGE', 'The requested length exceeds 65,536 bytes');
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(random(view.byteLength));
    return view;
  };
  const randomUUID = () => {
    const b = random(16);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    const s = b.toString('hex');
    return `${s.slice(0, 8)}-${s.slice(8, 12)}-${s.slice(12, 16)}-${s.slice(16, 20)}-${s.slice(20)}`;
  };
  Object.assign(part, { Buffer, coded, received, bytesOf, out, later, random, getRandomValues, randomUUID });
})
