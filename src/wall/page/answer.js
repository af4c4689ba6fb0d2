// The answer panel: what was asked, the nearest three as cards, everything else below as a list.

import { byId, button, icon, make, pool, setData, setName, setShown, setText } from './dom.js';
import { AVAILABLE, RESERVED, STATUSES } from './store.js';
import { LOST, STALE, UNKNOWN } from './freshness.js';
import { classInSentence, className, shapeOf } from './classes.js';
import { paintGlyph } from './glyphs.js';
import { isAnswer } from './ranking.js';

const CARDS = 3;
const ROWS_MOST = 60;
// Where the best answer changes all the time, a pulse for each would be a flicker that tells nothing.
const PULSE_EVERY_MS = 10_000;
// In a panel narrower than this only the first card and a chosen one tell their way.
const TIGHT_UNITS = 12;
const HEADS = ['list.free', 'list.busy', 'list.lost', 'list.never'];

export class Answer {
  /** `pick(slot)` when an asset is chosen, `ask(classId)` when a suggested class is, `claim(slot)` to reserve or give back. */
  constructor(store, pick, ask, claim) {
    this.store = store;
    this.pick = pick;
    this.ask = ask;
    this.claim = claim;
    this.cards = byId('cards');
    this.list = byId('list');
    this.message = byId('message');
    this.best = '';
    this.pulsedAt = -Infinity;
  }

  /** `scene`: `{entries, query, site, text, colours, unit, nowMs, selected, suggestions, unknownCode, floor, hidden, reached}`. */
  show(scene) {
    // Read once, before anything is written: each reading in between would lay the page out anew.
    this.panelUnits = this.list.clientWidth / scene.unit;
    const answers = scene.hidden ? [] : scene.entries.filter(isAnswer).slice(0, CARDS);
    this.showQuery(scene);
    this.showMessage(scene, answers);
    const cards = pool(this.cards, answers.length, () => this.makeEntry('card'));
    answers.forEach((entry, i) => this.fill(cards[i], entry, scene, i));
    const rest = scene.hidden ? [] : scene.entries.filter((entry) => !answers.includes(entry));
    this.showList(rest, scene);
    this.speak(answers[0], scene);
  }

  showQuery({ query, entries, text, colours, unit, hidden }) {
    const asked = query.words.trim() === '' && query.classId;
    setShown(byId('chip'), Boolean(asked));
    setShown(byId('clear'), query.words !== '');
    if (!asked) return;
    paintGlyph(byId('chip-glyph'), shapeOf(query.classId), AVAILABLE, false, Math.round(unit * 0.95), colours);
    setText(byId('chip-name'), className(query.classId, text));
    const free = entries.filter((entry) => isAnswer(entry) && !entry.mine).length;
    setText(byId('chip-count'), hidden ? '' : text.n('ask.free', free));
  }

  showMessage(scene, answers) {
    const { query, entries, text } = scene;
    const lines = [];
    let suggestions = [];
    // The lines up to here are what one came for.
    let ahead = 1;
    if (scene.unknownCode) lines.push(text.t('none.code', { code: scene.unknownCode }));
    if (scene.hidden) lines.push(text.t('none.hidden'));
    else if (this.store.size === 0) lines.push(text.t('none.assets'), text.t('none.assets.why'));
    else if (entries.length === 0 && query.words.trim()) {
      lines.push(text.t('none.words', { words: query.words.trim() }), text.t('none.words.try'));
      suggestions = scene.suggestions();
    } else if (answers.length === 0 && query.classId && !query.words.trim()) {
      lines.push(text.t('none.class', { type: classInSentence(query.classId, text) }));
      ahead = lines.push(...text.expected(scene.awaited, scene.nowMs));
      const busy = entries.filter((entry) => entry.group === 1).length;
      if (busy > 0) lines.push(text.n('none.class.some', busy));
      suggestions = this.alternatives(scene, lines);
    } else if (answers.length > 0 && scene.origin && answers[0].floor !== scene.origin.floor && !answers.some((a) => a.floor === scene.origin.floor)) {
      lines.push(text.t('none.floor', { floor: scene.floorLabel(scene.origin.floor), other: scene.floorLabel(answers[0].floor) }));
    }
    setShown(this.message, lines.length > 0);
    const key = lines.join('\n') + suggestions.map((s) => s.id + s.name).join();
    if (this.message.dataset.key === key) return;
    this.message.dataset.key = key;
    this.message.replaceChildren(...lines.map((line, i) => make('p', i === 0 ? 'strong' : i < ahead ? 'ahead' : '', line)));
    if (suggestions.length > 0) {
      const row = make('div', 'suggestions');
      row.append(...suggestions.map(({ id, name }) => button('suggestion', name, () => this.ask(id))));
      this.message.append(row);
    }
  }

  /** What the server proposes where nothing is free: a line on the nearest that isn't, and what does the same work. */
  alternatives({ otherwise, text }, lines) {
    if (!otherwise) return [];
    const far = (asset) => (asset.walk_s === undefined ? '' : text.minutes(asset.walk_s));
    const [next] = otherwise.other_status;
    if (next?.place) {
      const place = next.place.zone_name ?? text.t('place.none');
      lines.push(text.t('none.next', { status: text.t(`status.${next.status}`).toLowerCase(), place, floor: next.place.floor_label ?? next.place.floor, far: far(next) }));
    }
    const nearest = new Map();
    for (const asset of otherwise.other_class) if (!nearest.has(asset.class)) nearest.set(asset.class, asset);
    if (nearest.size > 0) lines.push(text.t('none.instead'));
    return [...nearest].map(([id, asset]) => ({ id, name: [className(id, text), far(asset)].filter(Boolean).join(', ') }));
  }

  makeEntry(kind) {
    const item = make('li', kind);
    const face = button('face', '', () => this.pick(Number(item.dataset.slot)));
    item.face = face;
    item.rank = make('span', 'rank');
    item.glyph = make('canvas', 'glyph');
    item.glyph.setAttribute('aria-hidden', 'true');
    item.room = make('span', 'room');
    item.ward = make('span', 'ward');
    item.floor = make('span', 'floor');
    item.metres = make('span', 'metres');
    item.way = make('span', 'way');
    item.status = make('span', 'status');
    item.age = make('span', 'age');
    item.label = make('span', 'label');
    item.more = make('span', 'since');
    const head = make('span', 'head');
    const where = make('span', 'where');
    where.append(item.room, item.ward);
    head.append(item.rank, where, item.metres);
    const facts = make('span', 'facts');
    facts.append(item.glyph, item.status, item.floor, item.age);
    const about = make('span', 'about');
    about.append(item.label, item.more);
    face.append(head, item.way, facts, about);
    item.append(face);
    if (kind === 'card') {
      item.act = button('act', '', () => this.claim(Number(item.dataset.slot)));
      item.append(item.act);
    }
    return item;
  }

  fill(item, entry, scene, index) {
    const { store } = this;
    const { text, nowMs } = scene;
    const { slot, freshness } = entry;
    const chosen = slot === scene.selected;
    const room = scene.site.rooms.get(store.zones[slot]);
    setData(item, 'slot', String(slot));
    setData(item, 'id', store.ids[slot]);
    setData(item, 'fresh', ['live', 'stale', 'lost', 'unknown'][freshness]);
    setData(item, 'status', STATUSES[store.status[slot]]);
    setData(item, 'chosen', String(chosen));
    item.face.setAttribute('aria-pressed', String(chosen));
    setText(item.rank, index === undefined ? '' : String(index + 1));
    const place = room?.name ?? text.t('place.none');
    const first = index === 0;
    setData(item, 'long', String(index !== undefined && isLong(place, first, this.panelUnits)));
    const size = Math.round(scene.unit * (index === undefined ? 0.8 : first ? 1 : 0.86));
    paintGlyph(item.glyph, shapeOf(store.classes[store.classOf[slot]]), store.status[slot], freshness !== 0, size, scene.colours);
    setText(item.room, wherePlace(freshness, place, store.seen[slot], text, nowMs));
    // Rooms often bear their ward's name already.
    const ward = room?.ward && !place.includes(room.ward) && freshness !== UNKNOWN ? room.ward : '';
    const far = freshness >= LOST ? '' : text.far(entry);
    setText(item.ward, ward);
    setData(item, 'short', String(first && fitsOneLine(place, ward, far, this.panelUnits)));
    const otherFloor = Boolean(scene.origin) && store.floor[slot] !== scene.origin.floor;
    // A card with a way says by it that one stays on this floor.
    const saysFloor = freshness !== UNKNOWN && (otherFloor || index === undefined || !entry.walk);
    setText(item.floor, saysFloor ? text.t('floor.n', { label: scene.floorLabel(store.floor[slot]) }) : '');
    setData(item.floor, 'other', String(otherFloor));
    setText(item.metres, far);
    setText(item.way, index !== undefined && entry.walk && (first || chosen || this.panelUnits > TIGHT_UNITS) ? text.way(entry.walk.steps, !first && !chosen) : '');
    setData(item, 'mine', String(Boolean(entry.mine)));
    setText(item.status, this.statusOf(entry, scene));
    setText(item.age, ageOf(freshness, nowMs - store.seen[slot], text));
    if (item.act) this.fillAct(item, entry, first || chosen, scene);
    setText(item.label, store.labels[slot]);
    setText(item.more, chosen || first ? details(store, slot, freshness, text, nowMs) : '');
  }

  /** What it is doing; of what is reserved whose it is, where it goes and until when, as far as that was said. */
  statusOf({ slot, mine }, { claims, text, nowMs }) {
    const { store } = this;
    if (mine) {
      const time = text.time(claims.until(store.ids[slot], store.status[slot], nowMs));
      // Until the news of it has come back, only this browser knows.
      const ward = store.tos[slot] ?? claims.to(store.ids[slot]);
      return ward ? text.t('claim.mine.to', { ward, time }) : text.t('claim.mine', { time });
    }
    if (store.status[slot] === RESERVED && store.tos[slot]) return text.onItsWay(store.tos[slot], store.until[slot]);
    return text.t(`status.${STATUSES[store.status[slot]]}`);
  }

  /** The button that reserves the first and the chosen answer, and gives back what is reserved here. */
  fillAct(item, { slot, mine }, wanted, { claims, reached, text, ward }) {
    const id = this.store.ids[slot];
    setShown(item.act, claims.allowed && reached && (mine || wanted));
    item.act.disabled = claims.busy === id;
    const trouble = claims.trouble?.id === id ? `claim.${claims.trouble.kind}` : null;
    const label = mine ? 'claim.release' : ward ? 'claim.take.to' : 'claim.take';
    setData(item.act, 'trouble', String(trouble !== null));
    setText(item.act, text.t(trouble === null ? label : text.has(trouble) ? trouble : 'claim.lost', { ward }));
  }

  showList(rest, scene) {
    const groups = [[], [], [], []];
    rest.slice(0, ROWS_MOST).forEach((entry) => groups[entry.group].push(entry));
    const sections = pool(this.list, HEADS.length, () => {
      const section = make('section');
      section.head = make('h2');
      section.rows = make('ol');
      section.append(section.head, section.rows);
      return section;
    });
    groups.forEach((entries, i) => {
      const section = sections[i];
      setShown(section, entries.length > 0);
      const total = rest.filter((entry) => entry.group === i).length;
      setText(section.head, `${scene.text.t(HEADS[i])} ${total}`);
      const rows = pool(section.rows, entries.length, () => this.makeEntry('row'));
      entries.forEach((entry, j) => this.fill(rows[j], entry, scene));
    });
  }

  /** Tells a screen reader, and with one pulse the eye, that the best answer is another one. */
  speak(best, scene) {
    const { text } = scene;
    const place = best && (scene.site.rooms.get(this.store.zones[best.slot])?.name ?? text.t('place.none'));
    const key = best ? `${this.store.ids[best.slot]} ${place} ${text.language}` : text.language;
    if (key === this.best) return;
    const first = this.best === '';
    this.best = key;
    setText(byId('spoken'), best
      ? text.t('spoken.best', { asset: this.store.labels[best.slot], place, floor: scene.floorLabel(best.floor), far: text.far(best) })
      : text.t('spoken.none'));
    const card = this.cards.firstElementChild;
    if (!card || first || !scene.motion || performance.now() - this.pulsedAt < PULSE_EVERY_MS) return;
    this.pulsedAt = performance.now();
    card.classList.remove('pulse');
    void card.offsetWidth;
    card.classList.add('pulse');
  }

  /** Every entry that can be chosen, in the order of the page. */
  faces() {
    return [...document.querySelectorAll('#cards .face, #list .face')].filter((face) => face.offsetParent);
  }
}

/** Where the way is counted from, whether that is `walked` or straight, and the way back to the usual place. */
export function showOrigin(origin, home, walked, text) {
  const from = walked ? 'origin.walk' : 'origin.from';
  setText(byId('origin-text'), origin ? text.t(from, { place: origin.name }) : text.t('origin.middle'));
  const back = byId('origin-back');
  setShown(back, origin !== home);
  if (!back.firstChild) back.append(icon('close'));
  setName(back, text.t('origin.back', { place: home?.name ?? text.t('origin.middle') }));
}

/** Measures words without laying the page out; the font is the page's own, whichever that is here. */
let ruler;

/** How wide the words are in bold, in units of their size. */
function boldWidth(words) {
  if (!ruler) {
    ruler = document.createElement('canvas').getContext('2d');
    ruler.font = `700 100px ${getComputedStyle(document.body).fontFamily}`;
  }
  return ruler.measureText(words).width / 100;
}

/** True when a room's name needs two lines beside its rank, and beside its distance in the smaller cards. */
function isLong(place, first, panelUnits) {
  return first ? boldWidth(place) * 1.5 > panelUnits - 2.4 : boldWidth(place) * 1.1 > panelUnits - 4.8;
}

/** True when the first card's room, its ward and how far it is fit on one line. */
function fitsOneLine(place, ward, far, panelUnits) {
  return boldWidth(place) * 1.5 + boldWidth(ward) * 0.8 + boldWidth(far) * 1.15 < panelUnits - 3.8;
}

function wherePlace(freshness, place, seenMs, text, nowMs) {
  if (freshness === UNKNOWN) return text.t('seen.never');
  return freshness === LOST ? text.t('seen.last', { place, time: text.moment(seenMs, nowMs) }) : place;
}

function ageOf(freshness, ageMs, text) {
  if (freshness === UNKNOWN || freshness === LOST) return '';
  return text.t(freshness === STALE ? 'stale' : 'seen.ago', { age: text.age(ageMs) });
}

function details(store, slot, freshness, text, nowMs) {
  if (freshness > STALE) return store.ids[slot];
  const parts = [];
  if (store.entered[slot] > 0) parts.push(text.t('seen.here', { age: text.age(nowMs - store.entered[slot]) }));
  if (store.roomOnly[slot]) parts.push(text.t('seen.room'));
  return parts.join(' · ');
}
