// Every asset in a slot of its own: numbers in typed arrays, slots used again, nothing made per tick.

import { FRESHNESS, LIVE, STALE, UNKNOWN, freshnessAt, worse } from './freshness.js';

export const STATUSES = ['available', 'in_use', 'dirty', 'cleaning', 'maintenance', 'reserved', 'missing', 'unknown'];
export const AVAILABLE = 0;
export const RESERVED = 5;

const NUMBERS = {
  status: Uint8Array, told: Uint8Array, used: Uint8Array, placed: Uint8Array, roomOnly: Uint8Array, portal: Uint8Array,
  classOf: Uint16Array, floor: Int16Array,
  x: Float32Array, y: Float32Array, fromX: Float32Array, fromY: Float32Array, accuracy: Float32Array,
  movedAt: Float64Array, seen: Float64Array, entered: Float64Array, interval: Float64Array, since: Float64Array, until: Float64Array,
};

export class Store {
  constructor(capacity = 1024) {
    this.slots = new Map();
    this.free = [];
    this.high = 0;
    this.ids = [];
    this.labels = [];
    this.zones = [];
    this.homes = [];
    this.tos = [];
    this.texts = [];
    this.classes = [];
    this.columns = null;
    this.capacity = capacity;
    for (const [name, Kind] of Object.entries(NUMBERS)) this[name] = new Kind(capacity);
  }

  get size() {
    return this.slots.size;
  }

  /** Replaces everything by a snapshot. `tick` is the page's own time, for easing. */
  snapshot(message, tick) {
    this.columns = Object.fromEntries(message.columns.map((name, i) => [name, i]));
    const kept = new Set();
    for (const row of message.assets) kept.add(row[this.columns.id]);
    for (const id of [...this.slots.keys()]) if (!kept.has(id)) this.remove(id);
    for (const row of message.assets) this.put(row, tick);
  }

  delta(message, tick) {
    if (!this.columns) return;
    for (const id of message.gone ?? []) this.remove(id);
    for (const row of message.assets) this.put(row, tick);
  }

  put(row, tick) {
    const c = this.columns;
    const id = row[c.id];
    let slot = this.slots.get(id);
    const known = slot !== undefined;
    if (!known) slot = this.take(id);
    this.labels[slot] = row[c.label] ?? id;
    this.homes[slot] = row[c.home_ward] ?? null;
    this.classOf[slot] = this.classIndex(row[c.class]);
    this.texts[slot] = null;
    this.status[slot] = codeOf(STATUSES, row[c.status], STATUSES.length - 1);
    this.since[slot] = row[c.status_since_ms] ?? NaN;
    this.until[slot] = row[c.status_until_ms] ?? NaN;
    this.tos[slot] = row[c.status_to] ?? null;
    this.told[slot] = codeOf(FRESHNESS, row[c.state], LIVE);
    this.zones[slot] = row[c.zone] ?? null;
    this.seen[slot] = row[c.seen_ms] ?? NaN;
    this.entered[slot] = row[c.entered_ms] ?? NaN;
    this.interval[slot] = row[c.interval_ms] ?? NaN;
    this.accuracy[slot] = row[c.accuracy_m] ?? NaN;
    this.roomOnly[slot] = row[c.room_only] ? 1 : 0;
    this.portal[slot] = row[c.portal] ? 1 : 0;
    this.place(slot, row[c.x_m], row[c.y_m], row[c.floor], known, tick);
  }

  place(slot, x, y, floor, known, tick) {
    const placed = typeof x === 'number' && typeof y === 'number' && typeof floor === 'number';
    if (!placed) {
      this.placed[slot] = 0;
      this.x[slot] = this.y[slot] = NaN;
      return;
    }
    const glides = known && this.placed[slot] && this.floor[slot] === floor;
    this.fromX[slot] = glides ? this.x[slot] : x;
    this.fromY[slot] = glides ? this.y[slot] : y;
    this.x[slot] = x;
    this.y[slot] = y;
    this.floor[slot] = floor;
    this.placed[slot] = 1;
    this.movedAt[slot] = glides ? tick : 0;
  }

  take(id) {
    const slot = this.free.pop() ?? this.high++;
    if (slot >= this.capacity) this.grow();
    this.slots.set(id, slot);
    this.ids[slot] = id;
    this.used[slot] = 1;
    this.placed[slot] = 0;
    return slot;
  }

  remove(id) {
    const slot = this.slots.get(id);
    if (slot === undefined) return;
    this.slots.delete(id);
    this.used[slot] = 0;
    this.placed[slot] = 0;
    this.free.push(slot);
  }

  grow() {
    this.capacity *= 2;
    for (const [name, Kind] of Object.entries(NUMBERS)) {
      const larger = new Kind(this.capacity);
      larger.set(this[name]);
      this[name] = larger;
    }
  }

  classIndex(id) {
    const index = this.classes.indexOf(id);
    return index >= 0 ? index : this.classes.push(id) - 1;
  }

  freshness(slot, nowMs) {
    if (!this.placed[slot]) return UNKNOWN;
    const derived = freshnessAt(nowMs, this.seen[slot], this.interval[slot], this.portal[slot] === 1);
    return worse(derived, this.told[slot]);
  }

  /** `{free, total}` of each class, by class id; what is lost or never seen is not free. */
  counts(nowMs) {
    const counts = new Map(this.classes.map((id) => [id, { free: 0, total: 0 }]));
    for (let slot = 0; slot < this.high; slot += 1) {
      if (!this.used[slot]) continue;
      const count = counts.get(this.classes[this.classOf[slot]]);
      count.total += 1;
      if (this.status[slot] === AVAILABLE && this.freshness(slot, nowMs) <= STALE) count.free += 1;
    }
    for (const [id, count] of counts) if (count.total === 0) counts.delete(id);
    return counts;
  }
}

function codeOf(names, name, otherwise) {
  const code = names.indexOf(name);
  return code >= 0 ? code : otherwise;
}
