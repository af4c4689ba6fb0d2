// A replay: the moment that is shown, across the whole page, the time bar, and the trail of what was chosen.

import { byId, make, setIcon, setName, setShown, setText } from './dom.js';

const ASK_EVERY_MS = 500;
const SPEEDS = ['0.1', '0.5', '1', '2', '5', '10', '60', '300', '1000', 'max'];
const STEPS = 1000;
/** How much of the way of a chosen asset is drawn, and how often it is asked for. */
const TRAIL_MS = 3_600_000;
const TRAIL_EVERY_MS = 2_000;

export class Replay {
  /** `ask(body)` asks the server, with a body to change something; `changed()` after every answer. */
  constructor(ask, get, changed) {
    this.ask = ask;
    this.get = get;
    this.changed = changed;
    this.on = false;
    this.status = null;
    this.heardMs = 0;
    this.heardAt = 0;
    this.held = false;
    this.trail = null;
    this.trailOf = { id: null, at: 0 };
  }

  /** The server says that what it shows is a replay. */
  begin(text) {
    if (this.on) return;
    this.on = true;
    this.build(text);
    this.poll();
  }

  /** The replay's time, as the server told it last and as it went on since. */
  now() {
    return this.heardMs + (performance.now() - this.heardAt) * this.rate();
  }

  hear(serverMs) {
    this.heardMs = serverMs;
    this.heardAt = performance.now();
  }

  rate() {
    const { state, speed } = this.status ?? {};
    return state === 'playing' && speed !== 'max' ? parseFloat(speed) : 0;
  }

  async poll() {
    try {
      this.take(await this.ask());
    } catch {
      // The stream's own state tells that the server is away.
    }
    setTimeout(() => this.poll(), ASK_EVERY_MS);
  }

  take(status) {
    this.status = status;
    this.hear(status.position_ms);
    this.changed();
  }

  async want(body) {
    try {
      this.take(await this.ask(body));
    } catch {
      // It stays as it is, which the bar shows.
    }
  }

  build(text) {
    const speed = byId('replay-speed');
    for (const value of SPEEDS) {
      const option = make('option', '', value === 'max' ? text.t('replay.max') : `${value}×`);
      option.value = value;
      speed.append(option);
    }
    speed.addEventListener('change', () => this.want({ speed: speed.value }));
    byId('replay-play').addEventListener('click', () => this.want({ paused: this.status?.state !== 'paused' }));
    byId('replay-step').addEventListener('click', () => this.want({ step: true }));
    const seek = byId('replay-seek');
    seek.max = String(STEPS);
    seek.addEventListener('input', () => { this.held = true; });
    seek.addEventListener('change', () => {
      const { start_ms: start, end_ms: end } = this.status;
      this.held = false;
      this.want({ seek: new Date(start + ((end - start) * Number(seek.value)) / STEPS).toISOString() });
    });
  }

  /** Writes the bar, as far as it changed. */
  show(text) {
    setShown(byId('replay'), this.on);
    if (!this.on || !this.status) return;
    const { state, speed, start_ms: start, end_ms: end, name } = this.status;
    const nowMs = this.now();
    setText(byId('replay-title'), text.t('replay.title', { time: text.time(nowMs), day: text.dayMonth(nowMs) }));
    byId('replay-title').title = `${name}, ${text.date(nowMs)}`;
    setText(byId('replay-state'), state === 'playing' ? '' : text.t(`replay.${state}`));
    setIcon(byId('replay-play'), state === 'playing' ? 'pause' : 'play');
    setName(byId('replay-play'), text.t(state === 'playing' ? 'replay.pause' : 'replay.play'));
    setName(byId('replay-step'), text.t('replay.step'));
    setName(byId('replay-seek'), text.t('replay.seek'));
    setName(byId('replay-speed'), text.t('replay.speed'));
    const chosen = speed.replace(/x$/, '');
    const select = byId('replay-speed');
    if (document.activeElement !== select && select.value !== chosen) {
      if (![...select.options].some((option) => option.value === chosen)) {
        const option = make('option', '', `${chosen}×`);
        option.value = chosen;
        select.append(option);
      }
      select.value = chosen;
    }
    const at = String(Math.round((STEPS * (nowMs - start)) / Math.max(1, end - start)));
    const seek = byId('replay-seek');
    if (!this.held && seek.value !== at) seek.value = at;
    seek.setAttribute('aria-valuetext', text.moment(nowMs, 0));
  }

  /** The way of an asset up to the moment that is shown: `[[x, y, floor], ...]`; null: none is known. */
  trailTo(id) {
    if (!this.on || id === null) return null;
    const due = this.trailOf.id !== id || performance.now() - this.trailOf.at > TRAIL_EVERY_MS;
    if (this.trailOf.id !== id) this.trail = null;
    if (due) {
      this.trailOf = { id, at: performance.now() };
      this.askTrail(id);
    }
    return this.trail;
  }

  async askTrail(id) {
    const nowMs = this.now();
    const span = new URLSearchParams({ from: new Date(nowMs - TRAIL_MS).toISOString(), to: new Date(nowMs).toISOString(), limit: 1000 });
    try {
      const { rows } = await this.get(`/api/v1/assets/${encodeURIComponent(id)}/history?${span}`);
      if (this.trailOf.id !== id) return;
      this.trail = rows.map((row) => [row.x_m, row.y_m, row.floor]);
      this.changed();
    } catch {
      // Without a database there is no trail, and the rest goes on.
    }
  }
}

/** Draws where it went on the floor that is shown, the older the paler. */
export function drawTrail(ctx, scene) {
  const { colours, unit, view, trail, floor } = scene;
  ctx.strokeStyle = colours.here;
  ctx.fillStyle = colours.here;
  ctx.lineWidth = Math.max(2, unit * 0.07);
  ctx.lineCap = 'round';
  trail.forEach(([x, y, number], i) => {
    if (number !== floor.number) return;
    ctx.globalAlpha = 0.25 + (0.75 * (i + 1)) / trail.length;
    const before = trail[i - 1];
    ctx.beginPath();
    if (before?.[2] === number) {
      ctx.moveTo(view.toX(before[0]), view.toY(before[1]));
      ctx.lineTo(view.toX(x), view.toY(y));
      ctx.stroke();
      ctx.beginPath();
    }
    ctx.arc(view.toX(x), view.toY(y), Math.max(2, unit * 0.09), 0, 6.2832);
    ctx.fill();
  });
  ctx.globalAlpha = 1;
  ctx.lineCap = 'butt';
}
