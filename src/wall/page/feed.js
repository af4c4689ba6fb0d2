// The server's stream of changes: opened, watched, and opened anew when it falls silent.

import { eventParser } from './sse.js';
import { PORTION, Portions } from './portions.js';
import { retryDelayMs } from './feedstate.js';

const SILENCE_MS = 15_000;

export class Feed {
  /** `on` has `hello`, `snapshot`, `delta`, `ping`, `change` (connection came, went, was refused). */
  constructor(url, token, on) {
    this.url = url;
    this.token = token;
    this.on = on;
    this.connected = false;
    this.refused = 0;
    this.retryAt = 0;
    this.attempt = 0;
    this.abort = null;
    this.timer = 0;
    this.heardAt = 0;
    // What can't be read ends the connection, whenever that is noticed.
    this.portions = new Portions((delta) => this.on.delta(delta), () => this.abort?.abort(), () => document.hidden);
  }

  start() {
    this.connect();
    // A connection that died without a word is noticed by its silence.
    setInterval(() => {
      if (this.abort && performance.now() - this.heardAt > SILENCE_MS) this.abort.abort();
    }, 1000);
    window.addEventListener('online', () => this.hurry());
    document.addEventListener('visibilitychange', () => document.hidden || this.hurry());
  }

  /** Tries at once when it would otherwise wait. */
  hurry() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.connect();
  }

  async connect() {
    this.timer = 0;
    this.retryAt = 0;
    this.abort = new AbortController();
    this.heardAt = performance.now();
    try {
      const headers = { accept: 'text/event-stream' };
      if (this.token) headers.authorization = `Bearer ${this.token}`;
      const answer = await fetch(this.url, { headers, signal: this.abort.signal, cache: 'no-store' });
      this.refused = answer.status === 401 || answer.status === 403 ? answer.status : 0;
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      await this.read(answer.body.getReader());
    } catch {
      // Whatever the reason, the cure is the same; the state line tells the person.
    }
    this.connected = false;
    this.abort = null;
    const delay = retryDelayMs(this.attempt, Math.random());
    this.attempt += 1;
    this.retryAt = Date.now() + delay;
    this.timer = setTimeout(() => this.connect(), delay);
    this.on.change();
  }

  async read(reader) {
    const text = new TextDecoder();
    const parse = eventParser((event, data) => this.handle(event, data));
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.heardAt = performance.now();
      parse(text.decode(value, { stream: true }));
    }
  }

  handle(event, data) {
    if (!Object.hasOwn(this.on, event) || event === 'change') return;
    this.portions.finish();
    if (event === 'delta' && data.length > PORTION) {
      this.portions.begin(data);
      return;
    }
    const value = JSON.parse(data);
    if (event === 'hello') {
      this.connected = true;
      this.attempt = 0;
      this.on.change();
    }
    this.on[event](value);
  }
}
