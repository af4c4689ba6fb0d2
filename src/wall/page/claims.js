// What this browser has reserved: who fetches a thing sees it as theirs, others as reserved.

import { remember, remembered } from './memory.js';
import { RESERVED } from './store.js';

// Until the news of a claim has come back by the stream.
const NEWS_MS = 5_000;
const TOLD_MS = 6_000;

export class Claims {
  /** `changed()` after each answer. */
  constructor(server, changed) {
    this.server = server;
    this.changed = changed;
    this.allowed = false;
    this.named = false;
    this.busy = null;
    this.trouble = null;
    this.held = readHeld();
  }

  /** What the server says of who asks. */
  allow(account) {
    this.allowed = account.may.includes('handle');
    this.named = account.name !== null;
  }

  /** Until when it is reserved here, server time in milliseconds; 0: it isn't. */
  until(id, status, nowMs) {
    const claim = this.held[id];
    if (!claim || claim.until <= nowMs) return 0;
    return status === RESERVED || nowMs - claim.at < NEWS_MS ? claim.until : 0;
  }

  /** Where that takes it; null: nobody said. */
  to(id) {
    return this.held[id]?.to ?? null;
  }

  any(nowMs) {
    return Object.values(this.held).some((claim) => claim.until > nowMs);
  }

  /** Reserves it, to be taken to the ward `to` where that isn't null, or gives it back. */
  async toggle(id, mine, nowMs, to) {
    if (this.busy) return;
    this.busy = id;
    this.trouble = null;
    this.changed();
    try {
      if (mine) await this.release(id);
      else await this.claim(id, nowMs, to);
    } catch (refusal) {
      this.tell({ id, kind: refusal.kind ?? 'lost' });
    }
    this.busy = null;
    this.changed();
  }

  /** What went wrong stands for a while where the button was. */
  tell(trouble) {
    this.trouble = trouble;
    setTimeout(() => {
      if (this.trouble === trouble) this.trouble = null;
      this.changed();
    }, TOLD_MS);
  }

  async claim(id, nowMs, to) {
    const body = this.named ? {} : { by: this.device() };
    if (to) body.to = to;
    const asset = await this.server.send('POST', `/api/v1/assets/${encodeURIComponent(id)}/claim`, body);
    this.held[id] = { at: nowMs, until: Date.parse(asset.status_until), to: asset.status_to ?? null };
    this.save(nowMs);
  }

  async release(id) {
    const by = this.named ? '' : `?by=${encodeURIComponent(this.device())}`;
    await this.server.send('DELETE', `/api/v1/assets/${encodeURIComponent(id)}/claim${by}`);
    delete this.held[id];
    this.save(0);
  }

  save(nowMs) {
    for (const [id, claim] of Object.entries(this.held)) if (claim.until <= nowMs) delete this.held[id];
    remember('claims', JSON.stringify(this.held));
  }

  /** While Spor is open nobody has a name: then this browser has one, so that it can give back. */
  device() {
    let name = remembered('device');
    if (!name) {
      name = `screen-${Math.random().toString(36).slice(2, 8)}`;
      remember('device', name);
    }
    return name;
  }
}

function readHeld() {
  try {
    return JSON.parse(remembered('claims') ?? '{}');
  } catch {
    return {};
  }
}
