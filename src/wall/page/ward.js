// The ward board: what is here and what is short, what leaves, what is on its way here or expected to be free, what of ours is elsewhere, what doesn't belong here.

import { Alerts, grouped, shownOf, wordsOf } from './alerts.js';
import { byId, make, pool, setData, setShown, setText } from './dom.js';
import { Feed } from './feed.js';
import { RESERVED, Store, STATUSES } from './store.js';
import { begin, sayAll } from './begin.js';
import { boardOf } from './wardboard.js';
import { className, shapeOf, tileOrder } from './classes.js';
import { feedState } from './feedstate.js';
import { loadSite } from './site.js';
import { loginUrl } from './server.js';
import { paintGlyph } from './glyphs.js';

const BUILD = new URL('.', import.meta.url).pathname.split('/').at(-2);
// A ward's list on a wall is read from its top.
const ROWS_MOST = 12;
const EXPECTED_MOST = 8;
// What is expected and what should stand ready changes slowly, and only the server knows it.
const ASK_AGAIN_MS = 60_000;

const store = new Store();
const heard = { connected: false, snapshot: false, lastHeard: 0, newest: null };
const started = Date.now();
let offsetMs = 0;
let site = null;
let siteVersion = null;
let ward = null;
let levels = [];
let awaited = new Map();
let reloading = false;
// Words are written once before there is anything to draw.
let page = null;

page = await begin(dress);
const { query, server, text } = page;
const alerts = new Alerts(server, draw);
const feed = new Feed('/api/v1/stream', server.token, {
  change: draw,
  hello: (hello) => {
    listen(hello.server_time_ms);
    if (hello.build !== BUILD && !reloading) {
      reloading = true;
      setTimeout(() => window.location.reload(), Math.random() * 60_000);
    }
    text.zone(hello.site.time_zone);
    takeSite(hello);
  },
  snapshot: (message) => take(message, (at) => store.snapshot(message, at)),
  delta: (message) => take(message, (at) => store.delta(message, at)),
  ping: (ping) => {
    listen(ping.server_time_ms);
    heard.newest = ping.newest_ms;
  },
});

function dress({ text: words }) {
  document.title = words.t('ward.title');
  sayAll(words);
  draw();
}

function listen(serverMs) {
  offsetMs = serverMs - Date.now();
  heard.lastHeard = serverMs;
}

function take(message, apply) {
  listen(message.time_ms);
  apply(performance.now());
  heard.snapshot = true;
  if (message.assets.length > 0) heard.newest = Math.max(heard.newest ?? 0, message.time_ms);
  draw();
}

async function takeSite(hello) {
  if (hello.site.version === siteVersion) return;
  try {
    site = await loadSite(hello.floors, (url) => server.get(url));
    siteVersion = hello.site.version;
    const wanted = (query.get('ward') ?? '').toLowerCase();
    ward = [...site.wards.keys()].find((id) => id.toLowerCase() === wanted) ?? null;
    await Promise.all([takeLevels(), takeExpected()]);
    alerts.of(ward);
  } catch {
    // The feed's state says what is wrong; the plan comes with the next hello.
    setTimeout(() => takeSite(hello), 3000);
  }
  draw();
}

/** How many of each class the ward shall have; a server that knows no levels shows counts only. */
async function takeLevels() {
  try {
    levels = ward ? (await server.get(`/api/v1/par?ward=${encodeURIComponent(ward)}`)).levels : [];
  } catch {
    levels = [];
  }
}

/** When what is here or ours and isn't free is expected to be; while the server can't tell, nothing is. */
async function takeExpected() {
  if (!ward) return;
  const asked = (filter) => server.get(`/api/v1/assets?${new URLSearchParams({ [filter]: ward, status: 'in_use,dirty,cleaning', limit: 1000 })}`);
  try {
    const answers = await Promise.all([asked('ward'), asked('home')]);
    const known = answers.flatMap((answer) => answer.assets).filter((asset) => asset.expected_free);
    awaited = new Map(known.map((asset) => [asset.id, { ...asset.expected_free, status: asset.status }]));
  } catch {
    awaited = new Map();
  }
  draw();
}

function draw() {
  if (!page) return;
  const nowMs = Date.now() + offsetMs;
  const state = feedState({ ...heard, now: nowMs, started: started + offsetMs, refused: feed.refused !== 0 });
  showLamp(state);
  setText(byId('clock'), text.time(nowMs));
  if (feed.refused) return stop(text.t('stop.refused'), text.t('stop.refused.why'), [link(loginUrl(window.location), text.t('stop.refused.login'))]);
  if (!site) return undefined;
  if (!ward) return chooseWard();
  setText(byId('place'), text.t('ward', { id: ward }));
  byId('to-wall').href = `/wall?ward=${encodeURIComponent(ward)}`;
  if (!store.columns) return undefined;
  setShown(byId('stop'), false);
  setShown(byId('board'), true);
  setData(document.body, 'state', state.name);
  return showBoard(boardOf(store, site, ward, levels, awaited, nowMs), nowMs);
}

function showLamp(state) {
  setData(byId('lamp'), 'state', state.name);
  const old = state.name === 'stale' && state.ageMs === null ? 'lamp.waiting' : `lamp.${state.name}`;
  setText(byId('lamp'), state.name === 'down' && heard.lastHeard > 0
    ? text.t('banner.down', { time: text.moment(state.sinceMs, Date.now() + offsetMs) })
    : text.t(old, { age: state.ageMs === null ? '' : text.age(state.ageMs) }));
}

function showBoard(board, nowMs) {
  const ids = tileOrder([...board.classes.keys()], text);
  const rows = pool(byId('classes'), ids.length, makeClass);
  ids.forEach((id, i) => {
    const row = rows[i];
    const { here, free, level, short } = board.classes.get(id);
    paintGlyph(row.glyph, shapeOf(id), 0, false, 34, page.colours);
    setText(row.name, className(id, text));
    setText(row.count, text.t('ward.count', { here, free }));
    setData(row, 'short', short > 0 ? (free < level.critical ? 'critical' : 'yes') : 'no');
    setText(row.short, short > 0 ? text.t('ward.short', { n: short, target: level.target }) : level ? text.t('ward.enough', { target: level.target }) : '');
  });
  showAlerts(nowMs);
  showThings('going', board.going, nowMs);
  showThings('expected', [...board.coming, ...board.expected], nowMs);
  showThings('away', board.away, nowMs);
  showThings('strays', board.strays, nowMs);
}

function showAlerts(nowMs) {
  const { shown, rest } = shownOf(grouped(alerts.list, nameOf));
  setShown(byId('alerts'), shown.length > 0);
  const rows = pool(byId('alert-rows'), shown.length + (rest > 0 ? 1 : 0), makeAlert);
  shown.forEach((group, i) => {
    const { what, names, more } = wordsOf(group, text, nowMs);
    setData(rows[i], 'severity', group.severity);
    setData(rows[i], 'state', group.acknowledged ? 'acknowledged' : 'open');
    setText(rows[i].what, what);
    setText(rows[i].names, names);
    setText(rows[i].more, more);
  });
  const last = rows[shown.length];
  if (!last) return;
  setData(last, 'severity', 'low');
  setData(last, 'state', 'rest');
  setText(last.what, text.n('list.rest', rest));
  setText(last.names, '');
  setText(last.more, '');
}

function nameOf(alert) {
  if (alert.kind === 'par') return className(alert.class, text);
  const name = alert.label ?? alert.subject;
  return alert.zone_name ? `${name} (${alert.zone_name})` : name;
}

function makeAlert() {
  const row = make('li');
  row.what = make('strong', 'what');
  row.names = make('span', 'names');
  row.more = make('span', 'more');
  row.append(row.what, row.names, row.more);
  return row;
}

function makeClass() {
  const row = make('li');
  row.glyph = make('canvas');
  row.name = make('strong');
  row.count = make('span', 'count');
  row.short = make('span', 'short');
  row.append(row.glyph, row.name, row.count, row.short);
  return row;
}

function showThings(name, slots, nowMs) {
  setText(byId(`${name}-count`), String(slots.length));
  const shown = slots.slice(0, name === 'expected' ? EXPECTED_MOST : ROWS_MOST);
  const rows = pool(byId(`${name}-rows`), shown.length + (slots.length === 0 || slots.length > shown.length ? 1 : 0), makeThing);
  shown.forEach((slot, i) => {
    const room = site.rooms.get(store.zones[slot]);
    const floor = site.floors.find((f) => f.number === store.floor[slot]);
    setText(rows[i].label, store.labels[slot]);
    setText(rows[i].where, [room?.name ?? text.t('place.none'), floor ? text.t('floor.n', { label: floor.label }) : ''].filter(Boolean).join(', '));
    setText(rows[i].more, moreOf(name, slot, nowMs));
  });
  const last = rows[shown.length];
  if (!last) return;
  setText(last.label, slots.length === 0 ? text.t('ward.none') : text.n('list.rest', slots.length - shown.length));
  setText(last.where, '');
  setText(last.more, '');
}

function makeThing() {
  const row = make('li');
  row.label = make('span', 'label');
  row.where = make('span', 'where');
  row.more = make('span', 'more');
  row.append(row.label, row.where, row.more);
  return row;
}

function moreOf(name, slot, nowMs) {
  if (name === 'strays') return [text.t('ward.belongs', { ward: store.homes[slot] }), text.t('seen.here', { age: text.age(nowMs - store.entered[slot]) })].join(' · ');
  if (store.status[slot] === RESERVED && store.tos[slot] === ward) return comingOf(slot);
  if (store.status[slot] === RESERVED && store.tos[slot]) return text.onItsWay(store.tos[slot], store.until[slot]);
  if (name === 'expected') return [text.t(`status.${STATUSES[store.status[slot]]}`), text.t('ward.free', { when: text.when(awaited.get(store.ids[slot]), nowMs, true) })].join(' · ');
  if (name === 'going') return text.t(`status.${STATUSES[store.status[slot]]}`);
  return [text.t(`status.${STATUSES[store.status[slot]]}`), text.t('seen.ago', { age: text.age(nowMs - store.seen[slot]) })].join(' · ');
}

/** Rooms of other wards bear the same names as one's own: so the ward is told. */
function comingOf(slot) {
  const from = site.rooms.get(store.zones[slot])?.ward;
  const coming = text.t('ward.coming', { since: text.time(store.since[slot]), time: text.time(store.until[slot]) });
  return [coming, from && from !== ward ? text.t('ward.from', { ward: from }) : ''].filter(Boolean).join(' · ');
}

/** An unknown ward, or none: the valid ones, each a touch away. */
function chooseWard() {
  const wanted = query.get('ward');
  const wards = [...site.wards.keys()].sort((a, b) => text.compare(a, b));
  const links = wards.map((id) => {
    const url = new URL(window.location.href);
    url.searchParams.set('ward', id);
    return link(url.pathname + url.search, text.t('ward', { id }));
  });
  const title = wanted ? text.t('stop.config.bad', { name: 'ward', value: wanted }) : text.t('ward.choose');
  return stop(title, text.t('stop.config.valid'), links);
}

function link(href, words) {
  const element = make('a', 'plain', words);
  element.href = href;
  return element;
}

function stop(title, why, parts) {
  const holder = byId('stop');
  setShown(byId('board'), false);
  if (!holder.hidden && holder.dataset.title === title + text.language) return;
  holder.dataset.title = title + text.language;
  holder.replaceChildren(make('h1', '', title), make('p', 'muted', why), ...parts);
  holder.hidden = false;
}

setInterval(draw, 1000);
alerts.start();
setInterval(() => Promise.all([takeLevels(), takeExpected()]), ASK_AGAIN_MS);
feed.start();
