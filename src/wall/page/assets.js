// The assets on canvases of their own: a glyph for each match, a count where a room holds several, a
// shaded room where only the room is known; below them quiet dots for the rest, which never glide and so
// are not drawn anew for each frame of a glide. Drawn on change, not on frames.

import { STALE } from './freshness.js';
import { AVAILABLE } from './store.js';
import { shapeOf } from './classes.js';
import { stampGlyph } from './glyphs.js';
import { ring } from './plan.js';
import { drawPill, drawTag, drawHere, drawHereName, drawRoute } from './marks.js';
import { drawTrail } from './replay.js';

const EASE_MS = 300;
// A glide draws all glyphs anew for each frame: among more than this, everything jumps.
const GLIDE_AMONG = 600;
const GLIDE_FROM_M = 0.5;
const GLIDE_TO_M = 15;

export class AssetLayer {
  constructor(store) {
    this.store = store;
    this.hits = [];
    this.rooms = new Map();
    this.busyRadius = 1;
    this.herePlace = 0;
    this.glides = false;
    this.drawn = { glyphs: 0, dots: 0, easing: 0 };
  }

  /**
   * Draws one floor but for the dots. `scene`: `{site, floor, view, colours, unit, marked, ranks, selected,
   * origin, ratio, route, trail, nowMs, tick, motion, text, pale, hidden}`; `marked[slot]` is 1 for matches, `ranks` maps slots
   * to their place in the answer. True while something still glides.
   */
  draw(ctx, scene) {
    const { view } = scene;
    this.glides = scene.motion && this.drawn.glyphs <= GLIDE_AMONG;
    ctx.clearRect(0, 0, view.width, view.height);
    this.hits.length = 0;
    this.drawn = { glyphs: 0, dots: this.drawn.dots, easing: 0 };
    if (!scene.floor) return false;
    if (scene.route && !scene.hidden) drawRoute(ctx, scene);
    if (scene.trail) drawTrail(ctx, scene);
    const isHere = scene.origin?.shown && scene.origin.floor === scene.floor.number;
    if (isHere) drawHere(ctx, scene);
    if (scene.hidden) {
      if (isHere) this.herePlace = drawHereName(ctx, scene, this.hits, this.herePlace);
      return false;
    }
    ctx.globalAlpha = 1;
    ctx.filter = scene.pale ? 'grayscale(1)' : 'none';
    this.gatherRooms(scene);
    const pills = this.gatherPills(ctx, scene);
    const loose = this.looseInOrder(scene);
    const busy = loose.filter((slot) => this.store.status[slot] !== AVAILABLE);
    // Many that aren't free would hide the few that are.
    this.busyRadius = scene.unit * (busy.length > 60 ? 0.15 : 0.24);
    for (const slot of busy) this.drawOne(ctx, scene, slot);
    for (const pill of pills) this.pill(ctx, scene, pill.room, pill.slots, pill.large);
    for (const slot of loose) if (this.store.status[slot] === AVAILABLE) this.drawOne(ctx, scene, slot);
    this.drawSelected(ctx, scene);
    ctx.filter = 'none';
    if (isHere) this.herePlace = drawHereName(ctx, scene, this.hits, this.herePlace);
    return this.drawn.easing > 0;
  }

  visible(slot, scene) {
    const { store } = this;
    return store.used[slot] && store.placed[slot] && store.floor[slot] === scene.floor.number && store.freshness(slot, scene.nowMs) <= STALE;
  }

  drawDots(ctx, scene) {
    const { store } = this;
    const { view } = scene;
    ctx.clearRect(0, 0, view.width, view.height);
    this.drawn.dots = 0;
    if (!scene.floor || scene.hidden) return;
    ctx.filter = scene.pale ? 'grayscale(1)' : 'none';
    const r = Math.max(2, Math.min(4, scene.unit * 0.065));
    ctx.beginPath();
    for (let slot = 0; slot < store.high; slot += 1) {
      if (scene.marked[slot] || store.roomOnly[slot] || !this.visible(slot, scene)) continue;
      const x = view.toX(store.x[slot]);
      const y = view.toY(store.y[slot]);
      ctx.moveTo(x + r, y);
      ctx.arc(x, y, r, 0, 6.2832);
      this.drawn.dots += 1;
    }
    ctx.fillStyle = scene.colours.dot;
    ctx.fill();
  }

  /** Sorts the matches into rooms; a room whose glyphs would cover each other becomes a count. */
  gatherRooms(scene) {
    const { store, rooms } = this;
    rooms.clear();
    for (let slot = 0; slot < store.high; slot += 1) {
      if (!scene.marked[slot] || !this.visible(slot, scene)) continue;
      const key = store.zones[slot] ?? `slot:${slot}`;
      const group = rooms.get(key);
      if (group) group.push(slot);
      else rooms.set(key, [slot]);
    }
  }

  /** Rooms that get a count instead of glyphs; what is counted leaves `rooms`. */
  gatherPills(ctx, scene) {
    const { store } = this;
    const pills = [];
    for (const [zone, slots] of this.rooms) {
      const room = scene.site.rooms.get(zone);
      if (!room) continue;
      const vague = slots.some((slot) => store.roomOnly[slot]);
      if (vague) shade(ctx, scene, room);
      const free = slots.filter((slot) => store.status[slot] === AVAILABLE);
      const crowded = free.length > 1 && this.crowded(free, scene, glyphRadius(scene));
      if (!crowded && !vague) continue;
      const counted = crowded ? free : free.filter((slot) => store.roomOnly[slot]);
      const hidden = slots.filter((slot) => store.roomOnly[slot] && store.status[slot] !== AVAILABLE);
      this.rooms.set(zone, slots.filter((slot) => !counted.includes(slot) && !hidden.includes(slot)));
      if (counted.length > 0) pills.push({ room, slots: counted, large: true });
      else pills.push({ room, slots: hidden, large: false });
    }
    return pills;
  }

  pill(ctx, scene, room, slots, large) {
    const { store } = this;
    const r = large ? glyphRadius(scene) : this.busyRadius;
    const shape = shapeOf(store.classes[store.classOf[slots[0]]]);
    const stale = slots.every((slot) => store.freshness(slot, scene.nowMs) === STALE);
    const best = Math.min(...slots.map((slot) => scene.ranks.get(slot) ?? Infinity));
    const x = scene.view.toX(room.x);
    const y = scene.view.toY(room.y);
    const box = drawPill(ctx, scene, { x, y, r, shape, status: store.status[slots[0]], stale, count: slots.length, rank: best });
    this.hits.push({ slot: slots[0], x: (box.x1 + box.x2) / 2, y, rx: (box.x2 - box.x1) / 2, ry: r * 1.3, room });
    this.drawn.glyphs += 1;
  }

  crowded(slots, scene, r) {
    const { store } = this;
    const { view } = scene;
    for (let i = 0; i < slots.length; i += 1) {
      for (let j = i + 1; j < slots.length; j += 1) {
        const dx = (store.x[slots[i]] - store.x[slots[j]]) * view.scale;
        const dy = (store.y[slots[i]] - store.y[slots[j]]) * view.scale;
        if (dx * dx + dy * dy < 3.2 * r * r) return true;
      }
    }
    return false;
  }

  /** Glyphs that stand for themselves; the answers last, so that they lie on top. */
  looseInOrder(scene) {
    const loose = [...this.rooms.values()].flat();
    return loose.sort((a, b) => (scene.ranks.has(a) ? 1 : 0) - (scene.ranks.has(b) ? 1 : 0));
  }

  drawOne(ctx, scene, slot) {
    const { store } = this;
    const free = store.status[slot] === AVAILABLE;
    const r = free || slot === scene.selected ? glyphRadius(scene) : this.busyRadius;
    const x = scene.view.toX(this.easedX(slot, scene));
    const y = scene.view.toY(this.easedY(slot, scene));
    const stale = store.freshness(slot, scene.nowMs) === STALE;
    const shape = shapeOf(store.classes[store.classOf[slot]]);
    if (free && store.accuracy[slot] > 5) this.halo(ctx, scene, slot, x, y);
    stampGlyph(ctx, shape, store.status[slot], stale, x, y, r, scene.colours, scene.ratio);
    if (stale && free) drawTag(ctx, scene, x, y + r * 1.55, scene.text.age(scene.nowMs - store.seen[slot]), r * 0.62, false);
    const rank = scene.ranks.get(slot);
    if (rank !== undefined) drawTag(ctx, scene, x + r * 1.05, y - r * 1.05, String(rank + 1), r * 0.95, true);
    this.hits.push({ slot, x, y, rx: r * 1.3, ry: r * 1.3 });
    this.drawn.glyphs += 1;
  }

  halo(ctx, scene, slot, x, y) {
    ctx.beginPath();
    ctx.arc(x, y, this.store.accuracy[slot] * scene.view.scale, 0, 6.2832);
    ctx.globalAlpha = 0.12;
    ctx.fillStyle = scene.colours.free;
    ctx.fill();
    ctx.globalAlpha = 1;
  }

  drawSelected(ctx, scene) {
    const slot = scene.selected;
    if (slot < 0 || !this.visible(slot, scene)) return;
    const { store } = this;
    const room = scene.site.rooms.get(store.zones[slot]);
    ctx.strokeStyle = scene.colours.here;
    ctx.lineWidth = Math.max(3, scene.unit * 0.08);
    if (store.roomOnly[slot] && room) {
      ring(ctx, scene.view, room.rings);
      ctx.stroke();
      return;
    }
    const x = scene.view.toX(this.easedX(slot, scene));
    const y = scene.view.toY(this.easedY(slot, scene));
    if (store.accuracy[slot] > 0) this.halo(ctx, scene, slot, x, y);
    ctx.beginPath();
    ctx.arc(x, y, glyphRadius(scene) * 1.5, 0, 6.2832);
    ctx.stroke();
  }

  easedX(slot, scene) {
    return this.eased(slot, scene, this.store.fromX[slot], this.store.x[slot]);
  }

  easedY(slot, scene) {
    return this.eased(slot, scene, this.store.fromY[slot], this.store.y[slot]);
  }

  eased(slot, scene, from, to) {
    const { store } = this;
    // A frame's time may lie before the news that it shows.
    const since = Math.max(0, scene.tick - store.movedAt[slot]);
    if (!this.glides || !scene.marked[slot] || since >= EASE_MS) return to;
    const metres = Math.hypot(store.x[slot] - store.fromX[slot], store.y[slot] - store.fromY[slot]);
    if (metres < GLIDE_FROM_M || metres > GLIDE_TO_M) return to;
    this.drawn.easing += 1;
    const left = 1 - since / EASE_MS;
    return to + (from - to) * left * left * left;
  }

  /** The match under a point, newest drawn first. */
  hit(px, py) {
    for (let i = this.hits.length - 1; i >= 0; i -= 1) {
      const hit = this.hits[i];
      if (Math.abs(px - hit.x) <= hit.rx && Math.abs(py - hit.y) <= hit.ry) return hit;
    }
    return null;
  }
}

/** 24 minutes of arc across. */
function glyphRadius(scene) {
  return scene.unit * 0.42;
}

function shade(ctx, scene, room) {
  ring(ctx, scene.view, room.rings);
  ctx.globalAlpha = 0.16;
  ctx.fillStyle = scene.colours.free;
  ctx.fill('evenodd');
  ctx.globalAlpha = 1;
}
