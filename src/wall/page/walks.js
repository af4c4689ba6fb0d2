// How long it takes to walk to what is free, as the server tells it. Where it can't, there is nothing here,
// and the page falls back to straight lines.

// Ways change when things move; what moved away is told apart at once by its room.
const AGAIN_MS = 10_000;
// Asked at most so often when something moved.
const SOON_MS = 1_500;
// Older walks are forgotten.
const GOOD_FOR_MS = 60_000;
const MOST = 100;

export class Walks {
  /** `get(url)` gives the answer as JSON; `changed()` is called when there are new walks. */
  constructor(get, changed) {
    this.get = get;
    this.changed = changed;
    this.key = null;
    this.found = new Map();
    this.otherwise = null;
    // What is expected to be free first; null: nobody knows; undefined: something is free, or wasn't asked.
    this.awaited = undefined;
    this.askedAt = -Infinity;
    this.answeredAt = -Infinity;
    this.asking = false;
    this.moved = false;
  }

  /**
   * Tells what is asked now: from where, which class or words, and whether something is reserved here;
   * asks the server when it is time to.
   */
  about(from, query, tick, reserved = false) {
    const key = from ? urlOf(from, query, reserved) : null;
    if (key !== this.key) {
      this.key = key;
      this.found = new Map();
      this.otherwise = null;
      this.awaited = undefined;
      this.askedAt = -Infinity;
    }
    if (tick - this.answeredAt > GOOD_FOR_MS) this.found = new Map();
    const due = tick - this.askedAt > (this.moved ? SOON_MS : AGAIN_MS);
    if (key && due && !this.asking) this.ask(key, tick);
  }

  async ask(key, tick) {
    this.asking = true;
    this.askedAt = tick;
    this.moved = false;
    try {
      const answer = await this.get(key);
      if (key === this.key) {
        this.found = walksIn(answer.assets);
        this.otherwise = answer.alternatives ?? null;
        this.awaited = answer.expected_free;
        this.answeredAt = tick;
      }
    } catch {
      // Asked again in a while; what was found before holds as long.
    } finally {
      this.asking = false;
      this.changed();
    }
  }

  /** `{seconds, cost, steps, path}` to an asset that is still in that room; none: not known. */
  to(id, zone) {
    const walk = this.found.get(id);
    if (!walk) return null;
    if (walk.zone === zone) return walk;
    this.moved = true;
    return null;
  }
}

/** What to ask: only what is free, since that is what one walks to, and what one has reserved. */
export function urlOf(from, { classId, words }, reserved = false) {
  const near = from.id ?? `${from.x},${from.y},${from.floor}`;
  const asked = words.trim() ? { q: words.trim() } : { class: classId ?? '' };
  return `/api/v1/assets?${new URLSearchParams({ ...asked, status: reserved ? 'available,reserved' : 'available', state: 'live,stale', near, limit: MOST })}`;
}

/** A place in no room leads nowhere: then nothing is known, rather than that there is no way. */
function walksIn(assets) {
  const known = assets.some((asset) => asset.walk_s !== undefined);
  return new Map(known ? assets.map((asset) => [asset.id, walkOf(asset)]) : []);
}

function walkOf(asset) {
  return {
    zone: asset.place?.zone ?? null,
    // No way is known: it may be told, after all others.
    seconds: asset.walk_s ?? Infinity,
    cost: asset.why.reduce((sum, { adds_s: seconds }) => sum + seconds, 0),
    steps: asset.route ?? [],
    path: asset.path ?? [],
  };
}
