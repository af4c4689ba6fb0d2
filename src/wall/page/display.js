// The display: what is asked, what is shown, and drawing it when something changed.

import { byId, setName } from './dom.js';
import { Answer, showOrigin } from './answer.js';
import { AssetLayer } from './assets.js';
import { showBanner, showBar, showLamp, showNotes, trust } from './bar.js';
import { tileOrder } from './classes.js';
import { isAnswer, metresTo, rank } from './ranking.js';
import { AVAILABLE } from './store.js';
import { Walks } from './walks.js';
import { Tiles } from './tiles.js';
import { PhoneCode } from './phonecode.js';
import { fitCanvas, wholePixels } from './pixels.js';
import { drawPlan, drawUncovered, drawWardNames } from './plan.js';
import { View, attachHands } from './view.js';
import { roomAt, wardCentre } from './site.js';
import { unitPx } from './params.js';

export class Display {
  /** `parts`: `{store, search, text, params, now, state, feed, server, get, claims, replay}`; `now()` is the server's time. */
  constructor(parts) {
    Object.assign(this, parts);
    this.view = new View();
    this.ratio = 1;
    this.layer = new AssetLayer(this.store);
    this.answer = new Answer(this.store, (slot) => this.pick(slot), (id) => this.askClass(id), (slot) => this.claim(slot));
    this.phoneCode = new PhoneCode(this.server);
    this.tiles = new Tiles((id) => this.askClass(id));
    this.walks = new Walks(this.get, () => this.redraw());
    this.site = null;
    this.query = { classId: null, words: '', exact: null };
    this.selected = null;
    this.unknownCode = '';
    this.uncovered = new Map();
    this.marked = new Uint8Array(0);
    this.ranks = new Map();
    this.entries = [];
    this.ticks = { count: 0, costs: new Float32Array(240) };
    this.frame = 0;
    this.planDirty = true;
    this.reduced = window.matchMedia('(prefers-reduced-motion: reduce)');
    attachHands(byId('assets'), this.view, () => this.redrawPlan(), (x, y) => this.tap(x, y));
    new ResizeObserver(() => this.resize()).observe(byId('map'));
    window.addEventListener('resize', () => this.resize());
  }

  /** Takes the building, and what the address chose of it: `{floor, ward, at}`. */
  setSite(site, chosen) {
    const shown = this.floor?.number;
    this.site = site;
    this.ward = chosen.ward;
    const home = chosen.at ?? (chosen.ward ? wardCentre(site.wards.get(chosen.ward)) : null);
    this.home = home
      ? { id: chosen.at?.id, x: home.x, y: home.y, floor: home.floor, name: chosen.at?.name ?? this.text.t('ward', { id: chosen.ward }), shown: Boolean(chosen.at) }
      : null;
    this.homeFloor = chosen.floor ?? home?.floor ?? (site.floors.find((f) => f.number === 0) ?? site.floors[0])?.number;
    this.origin = this.home;
    this.showFloor(site.floors.some((f) => f.number === shown) ? shown : this.homeFloor);
    this.resize();
  }

  /** Rooms whose readers are all silent: `[[room, since]]`. */
  setUncovered(rooms) {
    const same = rooms.length === this.uncovered.size && rooms.every(([id, since]) => this.uncovered.get(id) === since);
    if (same) return;
    this.uncovered = new Map(rooms);
    this.redrawPlan();
  }

  showFloor(number) {
    const floor = this.site?.floors.find((f) => f.number === number);
    if (!floor) return;
    this.floor = floor;
    this.fit();
  }

  fit() {
    if (!this.floor) return;
    const part = this.ward ? this.site.wards.get(this.ward).floors.get(this.floor.number) : null;
    this.view.fit(part?.box ?? this.floor.box);
    this.redrawPlan();
  }

  resize() {
    this.phone = window.innerWidth < 700;
    this.unit = this.phone ? parseFloat(getComputedStyle(document.documentElement).fontSize) * 1.2 : unitPx(this.params, window.innerWidth, window.innerHeight);
    document.documentElement.style.setProperty('--u', `${this.unit}px`);
    const box = byId('map').getBoundingClientRect();
    if (box.width < 1 || box.height < 1) return this.redraw();
    this.ratio = Math.min(window.devicePixelRatio || 1, 2);
    const across = wholePixels(box.left, box.right);
    const along = wholePixels(box.top, box.bottom);
    for (const id of ['plan', 'dots', 'assets']) fitCanvas(byId(id), across, along, this.ratio);
    this.view.resize(across.length, along.length);
    return this.redrawPlan();
  }

  setColours(colours) {
    this.colours = colours;
    this.redrawPlan();
  }

  redrawPlan() {
    this.planDirty = true;
    this.redraw();
  }

  /** Everything is drawn at most once a frame, and only after something asked for it. */
  redraw() {
    this.dirty = true;
    this.frame ||= requestAnimationFrame((tick) => this.draw(tick));
  }

  /** New data came. */
  tick() {
    this.ticks.count += 1;
    this.redraw();
  }

  draw(tick) {
    this.frame = 0;
    if (!this.colours) return;
    const began = performance.now();
    const nowMs = this.now();
    const state = this.state();
    const { pale, hidden } = trust(state);
    const changed = this.dirty;
    if (changed) {
      this.dirty = false;
      this.think(nowMs);
      this.drawWords(nowMs, state, hidden);
    }
    if (this.planDirty) this.drawFloor();
    const scene = this.site && {
      site: this.site, floor: this.floor, view: this.view, colours: this.colours, unit: this.unit, ratio: this.ratio, marked: this.marked,
      ranks: this.ranks, selected: this.selectedSlot(), origin: this.origin, route: this.route(), trail: this.replay.trailTo(this.selected), nowMs, tick, motion: this.moves(), text: this.text, pale, hidden,
    };
    if (scene && changed) this.layer.drawDots(byId('dots').getContext('2d'), scene);
    const gliding = scene && this.layer.draw(byId('assets').getContext('2d'), scene);
    this.ticks.costs[this.ticks.drawn = ((this.ticks.drawn ?? 0) + 1) % 240] = performance.now() - began;
    if (gliding) this.frame ||= requestAnimationFrame((next) => this.draw(next));
  }

  /** The way to what was chosen, else to the first answer: `{path, vague}`. */
  route() {
    const slot = this.selectedSlot() >= 0 ? this.selectedSlot() : this.entries.find(isAnswer)?.slot;
    const path = slot === undefined || !this.origin ? null : this.walks.to(this.store.ids[slot], this.store.zones[slot])?.path;
    return path ? { path, vague: this.store.roomOnly[slot] === 1 } : null;
  }

  drawFloor() {
    this.planDirty = false;
    const ctx = byId('plan').getContext('2d');
    drawPlan(ctx, this.floor, this.view, this.colours, this.unit, this.ward);
    if (this.floor && this.uncovered.size > 0) drawUncovered(ctx, this.floor, this.view, this.colours, this.unit, this.uncovered, (since) => this.text.t('map.uncovered', { time: this.text.moment(since, this.now()) }));
    if (this.floor) drawWardNames(ctx, this.site, this.floor, this.view, this.colours, this.unit);
  }

  moves() {
    if (this.params.motion !== undefined) return this.params.motion === '1';
    return !this.reduced.matches;
  }

  /** Which assets match, in which order, and which are the answers. */
  think(nowMs) {
    const { store } = this;
    this.counts = store.counts(nowMs);
    this.classes = this.wantedClasses();
    if (!this.query.classId && this.classes.length > 0) this.query.classId = this.defaultClass = this.classes[0];
    if (this.marked.length < store.capacity) this.marked = new Uint8Array(store.capacity);
    this.marked.fill(0);
    this.ranks.clear();
    this.freeByFloor = new Map();
    if (!this.site) return;
    const from = this.origin ?? this.middle();
    this.walks.about(this.origin, this.query, performance.now(), this.claims.any(nowMs));
    const only = this.store.slots.get(this.query.exact);
    const slots = only === undefined ? this.search.slots(this.query.classId, this.query.words, this.site.rooms) : [only];
    this.entries = slots.map((slot) => this.entry(slot, from, nowMs));
    rank(this.entries, (a, b) => this.text.compare(a, b));
    for (const entry of this.entries) {
      this.marked[entry.slot] = 1;
      if (isAnswer(entry) && !entry.mine) this.freeByFloor.set(entry.floor, (this.freeByFloor.get(entry.floor) ?? 0) + 1);
    }
    const answers = this.entries.slice(0, 3).filter(isAnswer);
    answers.forEach((entry, i) => this.ranks.set(entry.slot, i));
  }

  entry(slot, from, nowMs) {
    const { store } = this;
    const mine = this.claims.until(store.ids[slot], store.status[slot], nowMs) > 0;
    const available = mine || store.status[slot] === AVAILABLE;
    return {
      slot,
      mine,
      label: store.labels[slot],
      floor: store.floor[slot],
      metres: store.placed[slot] ? metresTo(from, store.x[slot], store.y[slot], store.floor[slot]) : Infinity,
      freshness: store.freshness(slot, nowMs),
      available,
      walk: available ? this.walks.to(store.ids[slot], store.zones[slot]) : null,
    };
  }

  wantedClasses() {
    const known = [...this.counts.keys()];
    if (this.types?.length) return this.types;
    return tileOrder(known, this.text);
  }

  middle() {
    const { box, number } = this.floor;
    return { x: (box.minX + box.maxX) / 2, y: (box.minY + box.maxY) / 2, floor: number };
  }

  drawWords(nowMs, state, hidden) {
    const { text, colours, unit, query } = this;
    showLamp(state, this.feed, text);
    showBanner(state, this.feed, this.everHeard(), nowMs, text);
    showNotes({ open: this.open, account: this.account, skewMs: this.skewMs(), uncovered: this.uncovered, rooms: this.site?.rooms, nowMs }, text);
    this.replay.show(text);
    if (!this.site) return;
    const from = this.origin ?? this.middle();
    showBar({ site: this.site, siteName: this.siteName, ward: this.ward, floor: this.floor, freeByFloor: this.freeByFloor, text, nowMs, hidden, empty: !this.store.columns }, (n) => this.chooseFloor(n));
    if (!this.store.columns) return;
    document.body.classList.remove('waiting');
    showOrigin(this.origin, this.home, this.walks.found.size > 0, text);
    this.answer.show({
      entries: this.entries, query, site: this.site, text, colours, unit, nowMs, selected: this.selectedSlot(), origin: from,
      unknownCode: this.unknownCode, hidden, reached: state.name !== 'down', motion: this.moves(), claims: this.claims, ward: this.ward, otherwise: this.walks.otherwise, awaited: this.walks.awaited,
      suggestions: () => this.search.suggestions(query.words, text),
      floorLabel: (number) => this.site.floors.find((f) => f.number === number)?.label ?? String(number),
    });
    this.phoneCode.show(this.codeFor(hidden), text);
    this.tiles.show({ classes: this.classes, counts: this.counts, query, text, colours, unit, hidden, perPage: this.phone ? Infinity : window.innerWidth < window.innerHeight ? 4 : 6 });
    const here = this.entries.filter((entry) => entry.floor === this.floor.number && this.store.placed[entry.slot]).length;
    setName(byId('assets'), text.t('map.summary', { floor: this.floor.label, n: here }));
  }

  /** What a phone may take along from this wall: the way to the first answer or the chosen one. */
  codeFor(hidden) {
    if (this.phone || hidden || !this.phonesReach) return null;
    const slot = this.selectedSlot() >= 0 ? this.selectedSlot() : this.entries.find(isAnswer)?.slot;
    return slot === undefined ? null : { id: this.store.ids[slot], at: this.origin?.id ?? null, ward: this.ward };
  }

  claim(slot) {
    const mine = this.claims.until(this.store.ids[slot], this.store.status[slot], this.now()) > 0;
    this.claims.toggle(this.store.ids[slot], mine, this.now(), this.ward);
  }

  selectedSlot() {
    return this.selected === null ? -1 : (this.store.slots.get(this.selected) ?? -1);
  }

  askClass(id) {
    this.query = { classId: id, words: '', exact: null };
    byId('words').value = '';
    this.forget();
    this.redraw();
  }

  askWords(words) {
    const slot = words.trim() ? this.search.exact(words) : -1;
    this.query.words = words;
    // A whole number or label means that one asset, not the longer ones that begin with it.
    this.query.exact = slot < 0 ? null : this.store.ids[slot];
    this.forget();
    this.redraw();
  }

  forget() {
    this.selected = null;
    this.unknownCode = '';
    byId('list').scrollTop = 0;
    if (this.phone) window.scrollTo(0, 0);
  }

  /** An asset was chosen: shows where it is. */
  pick(slot) {
    const id = this.store.ids[slot];
    this.selected = this.selected === id ? null : id;
    if (this.selected !== null && this.store.placed[slot] && this.store.freshness(slot, this.now()) <= 1) {
      if (this.store.floor[slot] !== this.floor.number) this.showFloor(this.store.floor[slot]);
      this.view.reveal(this.store.x[slot], this.store.y[slot]);
      if (this.phone) this.openSheet(true);
    }
    this.redrawPlan();
  }

  /** A code from a scanner or the address: that asset, or a line that says there is none. */
  showCode(code) {
    // A slow first letter can be missing from the burst, but stands in the box.
    const typed = byId('words').value.trim();
    let slot = this.search.exact(code);
    if (slot < 0 && typed.endsWith(code)) slot = this.search.exact(typed);
    byId('words').value = slot < 0 ? '' : this.store.labels[slot];
    this.query.words = byId('words').value;
    this.query.exact = slot < 0 ? null : this.store.ids[slot];
    this.selected = null;
    this.unknownCode = slot < 0 ? (typed.endsWith(code) ? typed : code) : '';
    if (slot >= 0) this.pick(slot);
    else this.askWhatCode(this.unknownCode);
    this.redraw();
  }

  /** The server reads codes that the page doesn't: GS1 numbers of the asset. */
  async askWhatCode(code) {
    try {
      const { assets } = await this.get(`/api/v1/assets?${new URLSearchParams({ q: code, limit: 2 })}`);
      const known = assets.length === 1 && this.store.slots.has(assets[0].id);
      if (known && this.unknownCode === code) this.showCode(assets[0].id);
    } catch {
      // It stays unknown, as it is shown already.
    }
  }

  tap(px, py) {
    const hit = this.layer.hit(px, py);
    if (hit && !hit.room) return this.pick(hit.slot);
    const x = this.view.atX(px);
    const y = this.view.atY(py);
    const room = this.floor && (hit?.room ?? roomAt(this.floor, x, y));
    if (!room) return undefined;
    this.origin = { id: room.id, x: room.x, y: room.y, floor: room.floor, name: room.name, shown: true };
    return this.redraw();
  }

  originHome() {
    this.origin = this.home;
    this.redraw();
  }

  chooseFloor(number) {
    this.showFloor(number);
    this.redraw();
  }

  stepFloor(step) {
    const floors = this.site?.floors ?? [];
    const next = floors[floors.indexOf(this.floor) + step];
    if (next) this.chooseFloor(next.number);
  }

  nextFloor() {
    const floors = this.site?.floors ?? [];
    if (floors.length > 1) this.chooseFloor(floors[(floors.indexOf(this.floor) + 1) % floors.length].number);
  }

  /** The floor that the lift's button of that digit means, else the digit's place in the row. */
  floorByDigit(digit) {
    const floors = this.site?.floors ?? [];
    const floor = floors.find((f) => f.label === digit) ?? floors[Number(digit) - 1];
    if (floor) this.chooseFloor(floor.number);
  }

  moveFocus(step) {
    const faces = this.answer.faces();
    const at = faces.indexOf(document.activeElement);
    if (at + step < 0) byId('words').focus();
    else faces[Math.min(at + step, faces.length - 1)]?.focus();
  }

  openSheet(open) {
    document.body.classList.toggle('sheet', open);
    byId('sheet').setAttribute('aria-expanded', String(open));
    byId('sheet').textContent = this.text.t(open ? 'map.close' : 'map.open');
    this.resize();
  }

  /** As it was when the page opened. */
  reset() {
    this.origin = this.home;
    this.askClass(this.defaultClass ?? null);
    if (this.site) this.showFloor(this.homeFloor);
    document.activeElement?.blur();
  }
}
