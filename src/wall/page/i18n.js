// Words in the chosen language, and numbers, times and ages written its way.

const LOCALES = { da: 'da-DK', en: 'en-GB' };

export class Text {
  constructor(dictionaries, language, timeZone) {
    this.dictionaries = dictionaries;
    this.set(language, timeZone);
  }

  set(language, timeZone) {
    const locale = LOCALES[language];
    this.language = language;
    this.words = this.dictionaries[language];
    this.plural = new Intl.PluralRules(locale);
    this.collator = new Intl.Collator(locale, { numeric: true });
    this.zone(timeZone);
  }

  /** A zone that the browser doesn't know falls back to its own. */
  zone(timeZone) {
    const locale = LOCALES[this.language];
    const make = (options) => {
      try {
        return new Intl.DateTimeFormat(locale, { ...options, timeZone });
      } catch {
        return new Intl.DateTimeFormat(locale, options);
      }
    };
    this.timeZone = timeZone;
    this.timeFormat = make({ hour: '2-digit', minute: '2-digit' });
    this.dateFormat = make({ weekday: 'long', day: 'numeric', month: 'long' });
    this.dayTimeFormat = make({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
    this.dayFormat = make({ year: 'numeric', month: '2-digit', day: '2-digit' });
    this.dayMonthFormat = make({ day: 'numeric', month: 'long' });
    this.hourFormat = make({ hour: 'numeric', hourCycle: 'h23' });
  }

  has(key) {
    return Object.hasOwn(this.words, key);
  }

  t(key, values) {
    const pattern = this.words[key] ?? key;
    return values ? pattern.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) : pattern;
  }

  /** `key.one` or `key.other` by `n`. */
  n(key, n, values) {
    const form = this.plural.select(n) === 'one' ? 'one' : 'other';
    return this.t(`${key}.${form}`, { n: String(n), ...values });
  }

  compare(a, b) {
    return this.collator.compare(a, b);
  }

  time(ms) {
    return this.timeFormat.format(ms);
  }

  date(ms) {
    return this.dateFormat.format(ms);
  }

  /** "3 May" */
  dayMonth(ms) {
    return this.dayMonthFormat.format(ms);
  }

  /** The time, with the day where that isn't today. */
  moment(ms, nowMs) {
    const sameDay = this.dayFormat.format(ms) === this.dayFormat.format(nowMs);
    return sameDay ? this.time(ms) : this.dayTimeFormat.format(ms);
  }

  /** "14:30", to five minutes, `side` deciding which: what is expected is no timetable. */
  roughly(ms, nowMs, side = Math.round) {
    return this.ahead(side(ms / 300_000) * 300_000, nowMs);
  }

  /** A time to come, with the day where that could be doubted. */
  ahead(ms, nowMs) {
    return ms - nowMs < 43_200_000 ? this.time(ms) : this.moment(ms, nowMs);
  }

  /** When one is expected to be free, as lines: null is that nobody knows, undefined that nobody asked. */
  expected(awaited, nowMs) {
    if (awaited === undefined) return [];
    if (awaited === null) return [this.t('expected.unknown')];
    const place = this.t('expected.place', { place: awaited.zone_name ?? this.t('place.none'), floor: awaited.floor_label ?? awaited.floor });
    return [this.t('expected.one', { when: this.when(awaited, nowMs), place })];
  }

  /** "about 14:30 (between 14:10 and 15:20)", `brief` "about 14:30 (14:10-15:20)", or by hand the moment when that ends. */
  when({ at, from, to, basis, status }, nowMs, brief) {
    const ms = Date.parse(at);
    if (basis !== 'past') return this.t(status === 'reserved' ? 'expected.reserved' : 'expected.hand', { at: this.ahead(ms, nowMs) });
    const [early, late] = [this.roughly(Date.parse(from), nowMs, Math.floor), this.roughly(Date.parse(to), nowMs, Math.ceil)];
    return this.t(brief ? 'expected.past.brief' : 'expected.past', { at: this.roughly(ms, nowMs), from: early, to: late });
  }

  /** Where somebody takes it, and until when they hold it. */
  onItsWay(ward, untilMs) {
    return this.t('claim.to', { ward, time: this.time(untilMs) });
  }

  /** "3 s", "12 min", "5 h", "2 d". */
  age(ms) {
    const seconds = Math.max(0, Math.round(ms / 1000));
    if (seconds < 60) return this.t('age.s', { n: seconds });
    if (seconds < 5400) return this.t('age.min', { n: Math.floor(seconds / 60) });
    if (seconds < 172_800) return this.t('age.h', { n: Math.floor(seconds / 3600) });
    return this.t('age.d', { n: Math.floor(seconds / 86_400) });
  }

  /** Whole metres near by, tens further away: a straight line isn't exact. */
  metres(m) {
    if (!Number.isFinite(m)) return '';
    return this.t('metres', { n: m < 30 ? Math.round(m) : Math.round(m / 5) * 5 });
  }

  /** Minutes that are surely enough. */
  minutes(seconds) {
    return this.t('age.min', { n: Math.max(1, Math.ceil((seconds - 1) / 60)) });
  }

  /** How far something is: the walk where it is known, else the straight line. */
  far({ walk, metres }) {
    if (!walk) return this.metres(metres);
    return Number.isFinite(walk.seconds) ? this.minutes(walk.seconds) : this.t('walk.none');
  }

  /** A way on one line; `brief`: which lift, else which turns, without the side of the door. */
  way(steps, brief) {
    const rides = steps.filter((step) => step.floor !== undefined);
    const turns = steps.filter((step) => step.kind !== 'enter');
    const told = [rides, turns].find((some) => brief && some.length > 0) ?? steps;
    const line = told.map((step) => step[this.language]).join(', ');
    return line.charAt(0).toUpperCase() + line.slice(1);
  }
}

/** The language of the address, else the one chosen before, else the browser's, else English. */
export function pickLanguage(wanted, remembered, preferred) {
  if (wanted) return wanted;
  if (remembered && Object.hasOwn(LOCALES, remembered)) return remembered;
  const first = preferred.map((tag) => tag.slice(0, 2)).find((tag) => Object.hasOwn(LOCALES, tag));
  return first ?? 'en';
}
