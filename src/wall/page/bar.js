// The top bar and the banner: whose display it is, the time there, the floors, and whether to believe it.

import { byId, button, make, pool, setData, setIcon, setName, setShown, setText } from './dom.js';
import { GONE_MS, PALE_MS, SKEW_MS } from './feedstate.js';

const LAMP_ICONS = { starting: 'wait', replay: 'wait', live: 'check', stale: 'warn', down: 'off', refused: 'off' };

/** `scene`: `{site, siteName, ward, floor, freeByFloor, text, nowMs, hidden, empty}`. */
export function showBar(scene, chooseFloor) {
  const { text } = scene;
  setText(byId('place'), scene.ward ? text.t('ward', { id: scene.ward }) : scene.siteName);
  setText(byId('clock'), text.time(scene.nowMs));
  byId('clock').title = text.date(scene.nowMs);
  const holder = byId('floors');
  setName(holder, text.t('floors'));
  setData(holder, 'word', text.t('floor'));
  const chips = pool(holder, scene.site.floors.length, () => {
    const chip = button('floor-chip', '', () => chooseFloor(Number(chip.dataset.floor)));
    chip.label = make('span', 'name');
    chip.count = make('span', 'count');
    chip.append(chip.label, chip.count);
    return chip;
  });
  scene.site.floors.forEach((floor, i) => {
    const chip = chips[i];
    const free = scene.freeByFloor.get(floor.number) ?? 0;
    setData(chip, 'floor', String(floor.number));
    chip.setAttribute('aria-pressed', String(floor.number === scene.floor?.number));
    setName(chip, text.t('floor.free', { label: floor.label, n: free }));
    setText(chip.label, floor.label);
    setText(chip.count, scene.hidden || scene.empty ? '' : String(free));
  });
}

/** The lamp's words are the state: colour only repeats them. */
export function showLamp(state, feed, text) {
  setData(document.body, 'state', state.name);
  const lamp = byId('lamp');
  setData(lamp, 'state', state.name);
  setIcon(lamp, LAMP_ICONS[state.name]);
  setText(byId('lamp-text'), lampWords(state, feed, text));
}

function lampWords(state, feed, text) {
  if (state.name === 'live' && !feed.connected) return text.t('lamp.reconnecting');
  if (state.name === 'stale' && state.ageMs === null) return text.t('lamp.waiting');
  return text.t(`lamp.${state.name}`, { age: state.ageMs === null ? '' : text.age(state.ageMs) });
}

/** What is wrong, since when, and what happens next, in one line; nothing while nothing is. */
export function showBanner(state, feed, everHeard, nowMs, text) {
  const banner = byId('banner');
  const wrong = state.name === 'stale' || state.name === 'down';
  setShown(banner, wrong);
  if (!wrong) return;
  setData(banner, 'state', state.name);
  setIcon(banner, state.name === 'down' ? 'off' : 'warn');
  setText(byId('banner-text'), bannerWords(state, everHeard, nowMs, text));
  setText(byId('banner-why'), state.name === 'down' ? retryWords(feed, text) : text.t(state.ageMs === null ? 'banner.waiting.why' : 'banner.stale.why'));
}

function bannerWords(state, everHeard, nowMs, text) {
  if (state.name === 'stale') return state.ageMs === null ? text.t('banner.waiting') : text.t('banner.stale', { age: text.age(state.ageMs) });
  if (!everHeard) return text.t('banner.never');
  return text.t(state.ageMs > GONE_MS ? 'banner.gone' : 'banner.down', { time: text.moment(state.sinceMs, nowMs) });
}

function retryWords(feed, text) {
  const left = Math.ceil((feed.retryAt - Date.now()) / 1000);
  return feed.retryAt && left > 0 ? text.t('banner.retry', { n: left }) : text.t('banner.trying');
}

/** How much of the positions may still be shown: `{pale, hidden}`. */
export function trust(state) {
  const down = state.name === 'down' || state.name === 'refused';
  return { pale: down && state.ageMs > PALE_MS, hidden: down && state.ageMs > GONE_MS };
}

/** Quiet notes at the foot of the map. */
export function showNotes({ open, account, skewMs, uncovered, rooms, nowMs }, text) {
  const notes = [];
  if (open) notes.push(text.t('note.open'));
  if (account?.wards.length > 0) notes.push(text.t('note.scope', { wards: account.wards.join(', ') }));
  const [first] = uncovered;
  if (first) {
    const since = text.moment(Math.min(...uncovered.values()), nowMs);
    const values = { time: since, room: rooms?.get(first[0])?.name ?? first[0] };
    notes.push(text.n('note.uncovered', uncovered.size, values));
  }
  if (Math.abs(skewMs) > SKEW_MS) notes.push(text.t('note.skew', { age: text.age(Math.abs(skewMs)) }));
  const lines = pool(byId('notes'), notes.length, () => make('p'));
  notes.forEach((note, i) => setText(lines[i], note));
}
