// A large message read a little at a time, so that no frame waits for the whole of it.

/** Characters that are read at once: a millisecond or two. */
export const PORTION = 100_000;
// Where rows can be cut is looked for so often, then the rest is read as one.
const TRIES = 5;
const ROWS_BEGIN = '"assets":[';
const ROWS_END = '],"gone":[';

/** Reads a delta's text row by row; yields after each portion, and returns the whole message. */
export function* inPortions(text) {
  const begin = text.indexOf(ROWS_BEGIN) + ROWS_BEGIN.length;
  // Within a string the quotes would be escaped.
  const end = text.lastIndexOf(ROWS_END);
  if (begin < ROWS_BEGIN.length || end < begin) return JSON.parse(text);
  const message = JSON.parse(text.slice(0, begin) + text.slice(end));
  for (let at = begin; at < end;) {
    const { rows, next } = rowsFrom(text, at, end);
    for (const row of rows) message.assets.push(row);
    at = next;
    yield;
  }
  return message;
}

/** The rows from `at` on, some `PORTION` long, and where the next begin. */
function rowsFrom(text, at, end) {
  let cut = at + PORTION;
  for (let tries = 0; tries < TRIES; tries += 1) {
    cut = text.indexOf('],[', cut + 1);
    if (cut < 0 || cut >= end) break;
    try {
      return { rows: JSON.parse(`[${text.slice(at, cut + 1)}]`), next: cut + 2 };
    } catch {
      // It stood in a name, not between two rows: then a string is left open, and the next may do.
    }
  }
  return { rows: JSON.parse(`[${text.slice(at, end)}]`), next: end };
}

/**
 * Takes one large message at a time. Whoever has another calls `finish` before: so all are taken in their order,
 * each as a whole, and none waits longer than until the next.
 */
export class Portions {
  /** `taken(message)` gets what was read, `failed()` is called when it can't be; `hurried()`: nobody looks, so no frame waits. */
  constructor(taken, failed, hurried) {
    this.taken = taken;
    this.failed = failed;
    this.hurried = hurried;
    this.reading = null;
  }

  begin(text) {
    this.reading = inPortions(text);
    this.step();
  }

  /** Reads what is left at once. */
  finish() {
    while (this.reading) this.read();
  }

  step() {
    try {
      if (this.hurried()) this.finish();
      else this.read();
    } catch {
      this.failed();
    }
    const { reading } = this;
    // A timer, since a hidden page has no frames. Until then the next message may have come.
    if (reading) setTimeout(() => this.reading === reading && this.step(), 0);
  }

  read() {
    const { reading } = this;
    this.reading = null;
    const { done, value } = reading.next();
    if (done) this.taken(value);
    else this.reading = reading;
  }
}
