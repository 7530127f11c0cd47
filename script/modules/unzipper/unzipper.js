// Zip archives as the package "unzipper" offers them: Open.buffer for an archive that is there, Parse and ParseOne for one that is
// written piece by piece. A piecewise one is read when it is complete.
(function (natives, require, global) {
  const { Buffer } = require('buffer');
  const { Response, queueMicrotask } = global;

  // --- one archive -------------------------------------------------------------------------------------------------------
  const dateOf = (date, time) => new Date(Date.UTC(
    (date >> 9) + 1980, ((date >> 5) & 15) - 1, date & 31, time >> 11, (time >> 5) & 63, (time & 31) * 2));
  const streamOf = (bytes) => new Response(bytes).body;
  const read = (bytes) => {
    const { comment, entries, read: content } = natives.open(bytes);
    const files = entries.map((e, i) => {
      const { dataOffset, pathBuffer, path, comment: note, ...fields } = e;
      return {
        ...fields,
        offsetToLocalFileHeader: dataOffset - 30 - fields.fileNameLength - fields.extraFieldLength,
        lastModifiedDateTime: dateOf(e.lastModifiedDate, e.lastModifiedTime),
        pathBuffer: Buffer.from(pathBuffer), path, isUnicode: (e.flags & 0x800) !== 0, extra: {}, comment: note,
        type: e.uncompressedSize === 0 && /[/\\]$/.test(path) ? 'Directory' : 'File',
        stream: () => streamOf(Buffer.from(content(i))),
        buffer: async () => Buffer.from(content(i)),
      };
    });
    return { comment, files };
  };
  const refused = (what) => { throw new Error(`unzipper: ${what} is not supported here; read the archive with Open.buffer`); };
  const refusedAsync = (what) => async () => refused(what);

  const buffer = async (bytes) => {
    const { comment, files } = read(bytes);
    return {
      signature: 0x06054b50, diskNumber: 0, diskStart: 0, numberOfRecordsOnDisk: files.length, numberOfRecords: files.length,
      commentLength: Buffer.byteLength(comment), comment, extract: refusedAsync('extract'), files,
    };
  };
  const whole = async (stream) => {
    if (Buffer.isBuffer(stream)) return stream;
    const parts = [];
    const pieces = stream[Symbol.asyncIterator]();
    for (let p = await pieces.next(); !p.done; p = await pieces.next()) parts.push(Buffer.from(p.value));
    return Buffer.concat(parts);
  };
  const Open = {
    buffer,
    custom: async (source) => buffer(await whole(await source.stream(0))),
    file: refusedAsync('Open.file'), url: refusedAsync('Open.url'), s3: refusedAsync('Open.s3'), s3_v3: refusedAsync('Open.s3_v3'),
  };

  // --- an archive that comes in pieces -----------------------------------------------------------------------------------
  class Emitter {
    #listeners = {};
    on(name, fn) { (this.#listeners[name] ??= []).push(fn); return this; }
    addListener(name, fn) { return this.on(name, fn); }
    once(name, fn) {
      const first = (...args) => { this.off(name, first); fn(...args); };
      return this.on(name, first);
    }
    off(name, fn) { this.#listeners[name] = (this.#listeners[name] ?? []).filter((l) => l !== fn); return this; }
    removeListener(name, fn) { return this.off(name, fn); }
    emit(name, ...args) {
      const listeners = this.#listeners[name] ?? [];
      for (const fn of [...listeners]) fn(...args);
      return listeners.length > 0;
    }
  }
  // written collects what is written, and calls finish with all of it.
  class Written extends Emitter {
    #parts = [];
    #ended = false;
    writable = true;
    write(part, encoding, done) {
      this.#parts.push(Buffer.from(part, typeof encoding === 'string' ? encoding : undefined));
      if (typeof done === 'function') done();
      return true;
    }
    end(part, encoding) {
      if (this.#ended) return this;
      if (part !== undefined && part !== null && typeof part !== 'function') this.write(part, encoding);
      this.#ended = true;
      this.writable = false;
      queueMicrotask(() => {
        const all = Buffer.concat(this.#parts);
        this.#parts = [];
        try { this.finish(all); } catch (e) { this.fail(e); }
      });
      return this;
    }
    destroy(error) { this.#ended = true; if (error) this.fail(error); return this; }
    fail(error) { this.failure = error; this.emit('error', error); }
  }
  // entry is a stream of one file's content, with what the archive says of it.
  const entry = (file) => {
    const { path, type, extra, stream, buffer: content, comment, pathBuffer, isUnicode, ...vars } = file;
    const out = stream();
    Object.assign(out, { path, type, extra, vars, props: { path, pathBuffer, flags: { isUnicode } }, size: vars.uncompressedSize, buffer: content });
    out.stream = () => out;
    out.autodrain = () => ({ promise: async () => {}, on() { return this; }, catch() { return this; } });
    return out;
  };
  class ParseStream extends Written {
    #entries; #waiting = []; #settled;
    constructor() {
      super();
      this.#settled = new Promise((fulfil, reject) => { this.once('close', fulfil); this.once('error', reject); });
      this.#settled.catch(() => {}); // whoever asks for it sees it
    }
    finish(bytes) {
      const { files } = read(bytes);
      files.sort((a, b) => a.offsetToLocalFileHeader - b.offsetToLocalFileHeader);
      this.#entries = files.map(entry);
      for (const e of this.#entries) { this.emit('entry', e); this.emit('data', e); }
      this.emit('finish'); this.emit('end'); this.emit('close');
      this.#wake();
    }
    fail(error) { super.fail(error); this.#wake(); }
    #wake() { for (const next of this.#waiting.splice(0)) next(); }
    promise() { return this.#settled; }
    pipe(target) { this.on('data', (e) => target.write(e)); this.on('end', () => target.end?.()); return target; }
    [Symbol.asyncIterator]() {
      let at = 0;
      return {
        next: async () => {
          if (!this.#entries && !this.failure) await new Promise((next) => this.#waiting.push(next));
          if (this.failure) throw this.failure;
          return at < this.#entries.length ? { value: this.#entries[at++], done: false } : { value: undefined, done: true };
        },
        return: async (value) => { at = Infinity; return { value, done: true }; },
        [Symbol.asyncIterator]() { return this; },
      };
    }
  }
  class ParseOneStream extends Written {
    #wanted;
    constructor(wanted) { super(); this.#wanted = wanted === undefined ? undefined : new RegExp(wanted); }
    finish(bytes) {
      const found = read(bytes).files.find((f) => f.type === 'File' && (!this.#wanted || this.#wanted.test(f.path)));
      if (!found) throw new Error('PATTERN_NOT_FOUND');
      this.emit('entry', entry(found));
      const out = found.stream();
      for (const name of ['data', 'end', 'close']) out.on(name, (...args) => this.emit(name, ...args));
      out.resume();
    }
    pipe(target) { this.on('data', (c) => target.write(c)); this.on('end', () => target.end?.()); return target; }
    async buffer() {
      const parts = [];
      return new Promise((fulfil, reject) => {
        this.on('data', (c) => parts.push(c)); this.on('error', reject); this.on('end', () => fulfil(Buffer.concat(parts)));
      });
    }
  }
  const exports = {
    Parse: (options) => new ParseStream(options), ParseOne: (wanted) => new ParseOneStream(wanted), Extract: () => refused('Extract'), Open,
  };
  exports.default = exports;
  return exports;
})
