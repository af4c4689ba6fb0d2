// Fastening tags: first the thing, then its tag. What is asked of the server, and what came of it; no page.

export class Binding {
  /** `changed()` after each step. */
  constructor(server, changed) {
    this.server = server;
    this.changed = changed;
    this.asset = null;
    // A tag that was chosen before its thing.
    this.waiting = null;
    this.said = null;
    this.busy = false;
    this.sure = false;
  }

  /** A code: of a thing while none is chosen, else of its tag. Another thing's code chooses that. */
  scanned(code) {
    return this.step(async () => {
      const asset = await this.find(code);
      if (asset) {
        this.choose(asset);
        if (this.waiting) await this.bind(this.waiting);
      } else if (this.asset) await this.bind(code);
      else this.say(false, 'tags.unknown', { code });
    });
  }

  /** The one thing that the code means: by its id, its label or a GS1 number. */
  async find(code) {
    const { assets, guessed } = await this.server.get(`/api/v1/assets?${new URLSearchParams({ q: code, limit: 2 })}`);
    return assets.length === 1 && !guessed ? assets[0] : null;
  }

  choose(asset) {
    this.asset = asset;
    this.said = null;
    this.sure = false;
  }

  forget() {
    this.asset = null;
    this.waiting = null;
    this.said = null;
    this.sure = false;
    this.changed();
  }

  async bind(tag) {
    const before = this.asset.tag;
    try {
      this.asset = await this.server.send('PUT', this.tagOf(this.asset.id), { tag });
      this.waiting = null;
      const heard = this.asset.state === 'live' ? 'heard' : 'silent';
      const key = before && before !== tag ? `tags.replaced.${heard}` : `tags.bound.${heard}`;
      this.say(true, key, { tag, asset: this.asset.label, before });
    } catch (refusal) {
      if (refusal.kind !== 'conflict') throw refusal;
      this.say(false, 'tags.taken', { tag });
      const holder = await this.server.get(`/api/v1/tags/${encodeURIComponent(tag)}`).catch(() => null);
      // A badge is on nobody here, and can't be moved.
      if (holder?.asset) Object.assign(this.said, { tag, from: holder.asset_label ?? holder.asset, fromId: holder.asset });
    }
  }

  /** Takes the tag off the other thing and fastens it here. */
  move() {
    const { tag, fromId } = this.said;
    return this.step(async () => {
      await this.server.send('DELETE', this.tagOf(fromId));
      await this.bind(tag);
    });
  }

  /** Takes the tag off, when it was asked twice. */
  detach() {
    if (!this.sure) {
      this.sure = true;
      this.changed();
      return Promise.resolve();
    }
    return this.step(async () => {
      const { tag, label } = this.asset;
      await this.server.send('DELETE', this.tagOf(this.asset.id));
      this.choose(await this.server.get(`/api/v1/assets/${encodeURIComponent(this.asset.id)}`));
      this.say(true, 'tags.detached', { tag, asset: label });
    });
  }

  async step(work) {
    if (this.busy) return;
    this.busy = true;
    this.said = null;
    this.changed();
    try {
      await work();
    } catch (refusal) {
      this.say(false, refusal.kind === 'invalid' ? 'tags.invalid' : refusal.status === 401 || refusal.status === 403 ? 'tags.login' : 'tags.failed');
    }
    this.busy = false;
    this.changed();
  }

  say(good, key, values = {}) {
    this.said = { good, key, values };
    this.changed();
  }

  tagOf(id) {
    return `/api/v1/assets/${encodeURIComponent(id)}/tag`;
  }
}
