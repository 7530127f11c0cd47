// A small Intl: numbers, dates, plurals and comparison as en-US shows them, in UTC or a named zone. Other locales fall back to
// en-US. Loaded when a script first formats something.
(function (global, host) {
  const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
  const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
  const SYMBOLS = { USD: '$', EUR: '€', GBP: '£', JPY: '¥', INR: '₹', CNY: 'CN¥', KRW: '₩', BRL: 'R$', CAD: 'CA$', AUD: 'A$', MXN: 'MX$', ILS: '₪', VND: '₫' };
  const WHOLE = new Set(['JPY', 'KRW', 'VND', 'CLP', 'ISK']);
  const two = (n) => String(n).padStart(2, '0');

  class NumberFormat {
    #o;
    constructor(locale, options = {}) {
      const style = options.style ?? 'decimal', currency = options.currency?.toUpperCase();
      if (style === 'currency' && !currency) throw new TypeError('Currency code is required with currency style.');
      const digits = style === 'currency' ? (WHOLE.has(currency) ? 0 : 2) : 0;
      const min = options.minimumFractionDigits ?? Math.min(digits, options.maximumFractionDigits ?? digits);
      const max = options.maximumFractionDigits ?? Math.max(min, style === 'decimal' ? 3 : digits);
      if (!(min >= 0 && max <= 100 && min <= max)) throw new RangeError('maximumFractionDigits value is out of range.');
      this.#o = { ...options, style, currency, min, max };
      this.format = (n) => this.#format(n);
    }
    #format(n) {
      const o = this.#o;
      if (typeof n !== 'bigint') n = Number(n);
      if (typeof n === 'number' && Number.isNaN(n)) return 'NaN';
      const negative = n < 0 || Object.is(n, -0);
      let size = negative ? -n : n, unit = '';
      if (o.style === 'percent') size = typeof size === 'bigint' ? size * 100n : Number((size * 100).toPrecision(15));
      if (o.notation === 'compact') [size, unit] = compact(Number(size));
      let body = size === Infinity ? '∞' : this.#digits(size, o.notation === 'compact' && o.maximumFractionDigits === undefined);
      if (o.useGrouping !== false) body = body.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ','));
      body += unit;
      if (o.style === 'percent') body += '%';
      if (o.style === 'unit') body += ' ' + o.unit;
      if (o.style === 'currency') {
        body = o.currencyDisplay === 'code' ? `${o.currency}\u00a0${body}` : o.currencyDisplay === 'name' ? `${body} ${o.currency}`
          : (SYMBOLS[o.currency] ?? o.currency + '\u00a0') + body;
      }
      return (negative ? '-' : o.signDisplay === 'always' ? '+' : '') + body;
    }
    #digits(size, short) {
      const o = this.#o;
      if (typeof size === 'bigint') return String(size) + (o.min ? '.' + '0'.repeat(o.min) : '');
      if (o.maximumSignificantDigits) return trim(Number(size.toPrecision(o.maximumSignificantDigits)).toFixed(20), 0);
      if (short) return trim(size.toFixed(size < 100 && size >= 1 ? 1 : 0), 0);
      const fixed = trim(rounded(size, o.max), o.min);
      return o.minimumIntegerDigits ? fixed.replace(/^\d+/, (w) => w.padStart(o.minimumIntegerDigits, '0')) : fixed;
    }
    formatToParts(n) { return [{ type: 'literal', value: this.format(n) }]; }
    resolvedOptions() {
      const { min, max, ...rest } = this.#o;
      return { locale: 'en-US', numberingSystem: 'latn', ...rest, minimumFractionDigits: min, maximumFractionDigits: max };
    }
    static supportedLocalesOf(l) { return [].concat(l ?? []); }
  }
  const compact = (n) => {
    for (const [at, unit] of [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']]) if (n >= at) return [n / at, unit];
    return [n, ''];
  };
  // rounded rounds halves away from zero on the decimal digits that the number shows, as ICU does.
  const rounded = (n, digits) => {
    if (n >= 1e21) return n.toLocaleString === undefined ? String(n) : BigInt(n).toString();
    const shifted = Math.round(Number(n + 'e' + digits));
    return Number.isFinite(shifted) && shifted < 1e21 ? Number(shifted + 'e-' + digits).toFixed(digits) : n.toFixed(Math.min(digits, 20));
  };
  const trim = (text, min) => {
    if (!text.includes('.')) return min ? text + '.' + '0'.repeat(min) : text;
    let end = text.length;
    const least = text.indexOf('.') + 1 + min;
    while (end > least && text[end - 1] === '0') end--;
    return text.slice(0, end).replace(/\.$/, '');
  };

  const STYLES = {
    date: {
      full: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }, long: { year: 'numeric', month: 'long', day: 'numeric' },
      medium: { year: 'numeric', month: 'short', day: 'numeric' }, short: { year: '2-digit', month: 'numeric', day: 'numeric' },
    },
    time: {
      full: { hour: 'numeric', minute: '2-digit', second: '2-digit', timeZoneName: 'long' }, long: { hour: 'numeric', minute: '2-digit', second: '2-digit', timeZoneName: 'short' },
      medium: { hour: 'numeric', minute: '2-digit', second: '2-digit' }, short: { hour: 'numeric', minute: '2-digit' },
    },
  };
  class DateTimeFormat {
    #o; #locale;
    constructor(locale, options = {}, fallback = 'date') {
      let o = { ...options };
      if (o.dateStyle) o = { ...STYLES.date[o.dateStyle], ...o };
      if (o.timeStyle) o = { ...STYLES.time[o.timeStyle], ...o };
      const date = ['weekday', 'year', 'month', 'day'].some((k) => o[k]), time = ['hour', 'minute', 'second', 'fractionalSecondDigits'].some((k) => o[k]);
      if (!date && !time) {
        if (fallback !== 'time') o = { ...o, year: 'numeric', month: 'numeric', day: 'numeric' };
        if (fallback !== 'date') o = { ...o, hour: 'numeric', minute: '2-digit', second: '2-digit' };
      }
      o.timeZone ??= 'UTC';
      if (!host.zoneParts(0, o.timeZone)) throw new RangeError(`Invalid time zone specified: ${o.timeZone}`);
      this.#o = o;
      this.#locale = [].concat(locale ?? 'en-US')[0];
      this.format = (d) => this.formatToParts(d).map((p) => p.value).join('');
    }
    formatToParts(d) {
      const ms = d === undefined ? Date.now() : Number(d);
      if (!Number.isFinite(ms)) throw new RangeError('Invalid time value');
      const o = this.#o, [year, month, day, hour, minute, second, weekday, milli, offset, zone] = host.zoneParts(ms, o.timeZone);
      const literal = (value) => ({ type: 'literal', value });
      const parts = this.#date({ year, month, day, weekday });
      if (o.hour || o.minute || o.second) {
        const half = o.hour12 ?? (o.hourCycle ? !/^h2/.test(o.hourCycle) : true);
        if (parts.length) parts.push(literal(o.dateStyle === 'full' || o.dateStyle === 'long' ? ' at ' : ', '));
        const time = [];
        if (o.hour) {
          const h = half ? hour % 12 || 12 : hour;
          time.push({ type: 'hour', value: o.hour === '2-digit' || !half ? two(h) : String(h) });
        }
        if (o.minute) time.push({ type: 'minute', value: o.hour || o.minute === '2-digit' ? two(minute) : String(minute) });
        if (o.second) time.push({ type: 'second', value: o.minute || o.second === '2-digit' ? two(second) : String(second) });
        time.forEach((p, i) => { if (i) parts.push(literal(':')); parts.push(p); });
        if (o.fractionalSecondDigits) parts.push(literal('.'), { type: 'fractionalSecond', value: String(milli).padStart(3, '0').slice(0, o.fractionalSecondDigits) });
        if (half && o.hour) parts.push(literal(' '), { type: 'dayPeriod', value: hour < 12 ? 'AM' : 'PM' });
      }
      if (o.timeZoneName) {
        const named = o.timeZone === 'UTC' && o.timeZoneName === 'long' ? 'Coordinated Universal Time' : /^[A-Z]/.test(zone) ? zone : 'GMT' + (offset < 0 ? '-' : '+') + Math.abs(offset) / 60;
        parts.push(literal(' '), { type: 'timeZoneName', value: named });
      }
      return parts;
    }
    #date({ year, month, day, weekday }) {
      const o = this.#o, parts = [], literal = (value) => parts.push({ type: 'literal', value });
      const y = () => parts.push({ type: 'year', value: o.year === '2-digit' ? two(year % 100) : String(year) });
      const number = (type, n) => parts.push({ type, value: o[type] === '2-digit' ? two(n) : String(n) });
      const word = (list, i, form) => (form === 'long' ? list[i] : form === 'narrow' ? list[i][0] : list[i].slice(0, 3));
      const named = o.month === 'long' || o.month === 'short' || o.month === 'narrow';
      if (o.weekday) {
        parts.push({ type: 'weekday', value: word(DAYS, weekday, o.weekday) });
        if (o.year || o.month || o.day) literal(', ');
      }
      const order = !named && /^(en-CA|sv)/.test(this.#locale) ? ['year', 'month', 'day'] : !named && /^(en-GB|fr|es|it|pt)/.test(this.#locale) ? ['day', 'month', 'year'] : ['month', 'day', 'year'];
      const between = /^(en-CA|sv)/.test(this.#locale) ? '-' : '/';
      let before = null;
      for (const k of order.filter((k) => o[k])) {
        if (before) literal(!named ? between : k === 'year' && o.day ? ', ' : ' ');
        if (k === 'year') y();
        else if (k === 'month' && named) parts.push({ type: 'month', value: word(MONTHS, month - 1, o.month) });
        else if (between === '-' || order[0] === 'day') parts.push({ type: k, value: two(k === 'month' ? month : day) });
        else number(k, k === 'month' ? month : day);
        before = k;
      }
      return parts;
    }
    formatRange(a, b) { return `${this.format(a)} – ${this.format(b)}`; }
    resolvedOptions() { return { locale: 'en-US', calendar: 'gregory', numberingSystem: 'latn', ...this.#o }; }
    static supportedLocalesOf(l) { return [].concat(l ?? []); }
  }

  class Collator {
    #o;
    constructor(locale, options = {}) { this.#o = options; this.compare = (a, b) => this.#compare(String(a), String(b)); }
    #compare(a, b) {
      const fold = (s) => (this.#o.sensitivity === 'base' ? s.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase() : this.#o.sensitivity === 'accent' ? s.toLowerCase() : s);
      a = fold(a); b = fold(b);
      if (!this.#o.numeric) return native.call(a, b);
      const split = /(\d+)/, x = a.split(split), y = b.split(split);
      for (let i = 0; i < Math.min(x.length, y.length); i++) {
        const c = i % 2 ? Number(x[i]) - Number(y[i]) : native.call(x[i], y[i]);
        if (c) return Math.sign(c);
      }
      return Math.sign(x.length - y.length);
    }
    resolvedOptions() { return { locale: 'en-US', usage: 'sort', ...this.#o }; }
  }
  const native = host.localeCompare;
  class PluralRules {
    #ordinal;
    constructor(locale, options = {}) { this.#ordinal = options.type === 'ordinal'; }
    select(n) {
      if (!this.#ordinal) return n === 1 ? 'one' : 'other';
      const tens = n % 100;
      return tens > 10 && tens < 14 ? 'other' : { 1: 'one', 2: 'two', 3: 'few' }[n % 10] ?? 'other';
    }
  }
  class ListFormat {
    #word;
    constructor(locale, options = {}) { this.#word = options.type === 'disjunction' ? 'or' : 'and'; }
    format(list) {
      const a = [...list];
      return a.length < 3 ? a.join(` ${this.#word} `) : `${a.slice(0, -1).join(', ')}, ${this.#word} ${a.at(-1)}`;
    }
  }
  const near = { year: ['last year', 'this year', 'next year'], quarter: ['last quarter', 'this quarter', 'next quarter'], month: ['last month', 'this month', 'next month'],
    week: ['last week', 'this week', 'next week'], day: ['yesterday', 'today', 'tomorrow'], hour: [, 'this hour'], minute: [, 'this minute'], second: [, 'now'] };
  class RelativeTimeFormat {
    constructor(locale, options) { this.numeric = options?.numeric ?? 'always'; }
    format(n, unit) {
      const word = this.numeric === 'auto' && near[String(unit).replace(/s$/, '')]?.[n + 1];
      if (word) return word;
      const size = Math.abs(n), name = String(unit).replace(/s$/, '') + (size === 1 ? '' : 's');
      return n < 0 || Object.is(n, -0) ? `${size} ${name} ago` : `in ${size} ${name}`;
    }
  }
  const Intl = { NumberFormat, DateTimeFormat, Collator, PluralRules, ListFormat, RelativeTimeFormat, getCanonicalLocales: (l) => [].concat(l ?? []), supportedValuesOf: () => [] };
  for (const name of ['NumberFormat', 'DateTimeFormat', 'Collator']) { // these may be called without new
    const Class = Intl[name];
    Intl[name] = { [name]: function (...args) { return new Class(...args); } }[name];
    Intl[name].prototype = Class.prototype;
    Intl[name].supportedLocalesOf = (l) => [].concat(l ?? []);
  }
  Object.defineProperty(Intl, Symbol.toStringTag, { value: 'Intl', configurable: true });
  return {
    Intl,
    number: (n, locale, options) => new NumberFormat(locale, options).format(n),
    date: (d, kind, locale, options) => (Number.isNaN(d.getTime()) ? 'Invalid Date' : new DateTimeFormat(locale, options, kind).format(d)),
    compare: (a, b, locale, options) => new Collator(locale, options).compare(a, b),
  };
})
