// Walking times from the server, and what is left when it can't tell. Run: node --test src/wall/page-tests/

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, languages } from './load.js';

const { Walks, urlOf } = await load('walks.js');
const { rank } = await load('ranking.js');
const { LIVE, STALE } = await load('freshness.js');
const { Text } = await load('i18n.js');
const { placeLabel } = await load('label.js');

const QUERY = { classId: 'infusion-pump', words: '' };
const FROM = { id: 'D1-station', x: 1, y: 2, floor: 1 };
const asset = (id, zone, walk_s, adds = []) => ({ id, place: { zone }, walk_s, route: [{ da: 'til venstre 20 m', en: 'left 20 m' }], why: [{ adds_s: walk_s ?? 9 }, ...adds] });

/** Walks over a server that answers with `answers` in turn; an error is one that can't. */
function over(...answers) {
  const asked = [];
  const walks = new Walks(async (url) => {
    asked.push(url);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return { assets: answer };
  }, () => {});
  return { walks, asked };
}
const settled = () => new Promise((done) => { setTimeout(done, 0); });

test('what is free is asked for from the wall\'s own room, or from a point', () => {
  const url = new URL(urlOf(FROM, QUERY), 'http://x');
  assert.deepEqual([url.pathname, url.searchParams.get('near'), url.searchParams.get('class'), url.searchParams.get('status')], ['/api/v1/assets', 'D1-station', 'infusion-pump', 'available']);
  const words = new URL(urlOf({ x: 1.5, y: 2, floor: -1 }, { classId: 'bed', words: ' ledig æ&b ' }), 'http://x').searchParams;
  assert.deepEqual([words.get('near'), words.get('q'), words.has('class')], ['1.5,2,-1', 'ledig æ&b', false]);
});

test('a walk counts while the thing is in that room, and is asked for again when it left', async () => {
  const { walks, asked } = over([asset('P1', 'depot', 42, [{ adds_s: 45 }])]);
  walks.about(FROM, QUERY, 0);
  await settled();
  assert.deepEqual([walks.to('P1', 'depot').seconds, walks.to('P1', 'depot').cost], [42, 87]);
  walks.about(FROM, QUERY, 2_000);
  assert.equal(asked.length, 1, 'not at every redraw');
  assert.equal(walks.to('P1', 'elsewhere'), null);
  walks.about(FROM, QUERY, 2_000);
  await settled();
  assert.equal(asked.length, 2);
  walks.about(FROM, QUERY, 13_000);
  assert.equal(asked.length, 3, 'and every ten seconds anyway');
});

test('another place or question forgets the walks of before at once', async () => {
  const { walks } = over([asset('P1', 'depot', 42)]);
  walks.about(FROM, QUERY, 0);
  await settled();
  walks.about({ x: 9, y: 9, floor: 0 }, QUERY, 100);
  assert.equal(walks.to('P1', 'depot'), null);
});

test('a server that cannot answer leaves the old walks for a minute, then straight lines', async () => {
  const { walks } = over([asset('P1', 'depot', 42)], new Error('503'));
  walks.about(FROM, QUERY, 0);
  await settled();
  walks.about(FROM, QUERY, 11_000);
  await settled();
  assert.equal(walks.to('P1', 'depot').seconds, 42);
  walks.about(FROM, QUERY, 61_000);
  await settled();
  assert.equal(walks.to('P1', 'depot'), null);
});

test('a wall that hangs in no room knows no walks, rather than that there is no way', async () => {
  const { walks } = over([asset('P1', 'depot', undefined)]);
  walks.about(FROM, QUERY, 0);
  await settled();
  assert.equal(walks.to('P1', 'depot'), null);
});

test('the quickest to walk to comes first, and straight lines keep their order among themselves', () => {
  const entry = (label, metres, walk, freshness = LIVE) => ({ label, metres, freshness, available: true, walk });
  const walk = (seconds, cost = seconds) => ({ seconds, cost, steps: [] });
  const order = (entries) => rank(entries, (a, b) => a.localeCompare(b)).map((e) => e.label);
  assert.deepEqual(order([entry('above', 31, walk(95)), entry('along', 40, walk(35)), entry('walled', 2, walk(Infinity, 2))]), ['along', 'above', 'walled']);
  assert.deepEqual(order([entry('b', 30, null), entry('old', 5, null, STALE), entry('a', 10, null)]), ['a', 'b', 'old']);
});

test('minutes are never too few, and a way is one line in either language', () => {
  const text = new Text(languages, 'en', 'UTC');
  assert.deepEqual([5, 60, 62, 119].map((s) => text.minutes(s)), ['1 min', '1 min', '2 min', '2 min']);
  assert.equal(text.far({ metres: 12, walk: null }), '12 m');
  assert.equal(text.far({ metres: 12, walk: { seconds: 80 } }), '2 min');
  const turn = { kind: 'walk', da: 'venstre 20 m', en: 'left 20 m' };
  const lift = { kind: 'lift', floor: 4, da: 'Elevator B til etage 4', en: 'Lift B to floor 4' };
  const side = { kind: 'enter', da: 'på højre hånd', en: 'on the right' };
  assert.equal(text.way([turn, lift, side]), 'Left 20 m, Lift B to floor 4, on the right');
  assert.equal(text.way([turn, lift, side], true), 'Lift B to floor 4');
  assert.equal(text.way([turn, side], true), 'Left 20 m');
  assert.equal(text.way([side], true), 'On the right');
  text.set('da', 'UTC');
  assert.equal(text.way([turn, lift]), 'Venstre 20 m, Elevator B til etage 4');
});

test('when one is expected free is told to five minutes, with its quartiles, or that nobody knows', () => {
  const text = new Text(languages, 'en', 'UTC');
  const now = Date.parse('2026-05-03T12:00:00Z');
  const place = { zone_name: 'Room 12', floor: 2, floor_label: '2' };
  const past = { ...place, status: 'in_use', basis: 'past', at: '2026-05-03T14:31:00Z', from: '2026-05-03T14:13:00Z', to: '2026-05-03T15:16:00Z' };
  assert.deepEqual(text.expected(past, now), ['One is expected free about 14:30 (between 14:10 and 15:20): Room 12, floor 2.']);
  assert.deepEqual(text.expected({ ...place, status: 'reserved', basis: 'hand', at: '2026-05-03T12:07:00Z' }, now), ['One is expected free at 12:07, unless it is fetched before: Room 12, floor 2.']);
  assert.deepEqual(text.expected(null, now), ['When one will be free is not known.']);
  assert.deepEqual(text.expected(undefined, now), []);
  text.set('da', 'UTC');
  assert.deepEqual(text.expected(past, now), ['En ventes ledig omkring kl. 14.30 (mellem 14.10 og 15.20): Room 12, etage 2.']);
});

test('words beside a point cover no glyph, stay on the map, and stay where they are while that is clear', () => {
  const view = { width: 400, height: 400 };
  const plate = { x: 200, y: 200, width: 80, height: 20, gap: 10 };
  const clear = placeLabel(plate, [], view, undefined);
  assert.deepEqual([clear.x, clear.y > 200], [200, true], 'below');
  const below = { x: 200, y: clear.y, rx: 20, ry: 20 };
  const above = placeLabel(plate, [below], view, 0);
  assert.ok(above.y < 200, 'above, since below is taken');
  assert.equal(placeLabel(plate, [], view, above.place).place, above.place, 'and there it stays');
  const crowd = [{ x: 200, y: 200, rx: 90, ry: 40 }];
  const away = placeLabel(plate, crowd, view, 0);
  assert.ok(Math.abs(away.x - 200) >= 130 || Math.abs(away.y - 200) >= 50, JSON.stringify(away));
  const edge = placeLabel({ ...plate, y: 395 }, [], view, 0);
  assert.ok(edge.y + 10 <= 400, 'not beyond the edge');
  assert.ok(placeLabel(plate, [{ x: 200, y: 200, rx: 900, ry: 900 }], view, 0), 'somewhere, where all is full');
});
