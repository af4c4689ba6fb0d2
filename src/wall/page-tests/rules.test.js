// Rules of the page that need no browser. Run: node --test src/wall/page-tests/
// Node takes the page's files for modules because of the loader in `load.js`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, languages } from './load.js';

const { freshnessAt, LIVE, STALE, LOST, UNKNOWN } = await load('freshness.js');
const { rank, metresTo } = await load('ranking.js');
const { feedState, retryDelayMs } = await load('feedstate.js');
const { eventParser } = await load('sse.js');
const { scanner } = await load('keys.js');
const { Store } = await load('store.js');
const { Text, pickLanguage } = await load('i18n.js');

test('a silent tag goes from live to stale to lost, as on the server', () => {
  const at = (age) => freshnessAt(10_000_000 + age, 10_000_000, 2_000, false);
  assert.deepEqual([0, 6_000, 6_001, 3_600_000, 3_600_001].map(at), [LIVE, LIVE, STALE, STALE, LOST]);
  assert.equal(freshnessAt(60_000 + 1_000, 1_000, 600_000, true), LIVE);
  assert.equal(freshnessAt(60_001 + 1_000, 1_000, 600_000, true), STALE);
  assert.equal(freshnessAt(1, NaN, NaN, false), UNKNOWN);
});

test('free comes before busy, fresh before old at the same distance, lost and unknown last', () => {
  const entry = (label, metres, freshness, available) => ({ slot: 0, label, metres, freshness, available });
  const order = rank(
    [entry('never', Infinity, UNKNOWN, true), entry('lost', 1, LOST, true), entry('busy', 2, LIVE, false), entry('old', 20, STALE, true), entry('free', 30, LIVE, true), entry('near-old', 5, STALE, true)],
    (a, b) => a.localeCompare(b),
  ).map((e) => e.label);
  assert.deepEqual(order, ['free', 'near-old', 'old', 'busy', 'lost', 'never']);
});

test('another floor counts for thirty metres', () => {
  assert.equal(metresTo({ x: 0, y: 0, floor: 1 }, 3, 4, 3), 65);
  assert.equal(metresTo({ x: 0, y: 0, floor: 1 }, NaN, NaN, 3), Infinity);
});

test('what was heard when tells the state', () => {
  const base = { now: 100_000, started: 50_000, refused: false, snapshot: true, lastHeard: 99_000, newest: 99_500 };
  const name = (change) => feedState({ ...base, ...change }).name;
  assert.equal(name({}), 'live');
  assert.equal(name({ snapshot: false }), 'starting');
  assert.equal(name({ newest: 80_000 }), 'stale');
  assert.equal(name({ newest: null }), 'stale');
  assert.equal(name({ lastHeard: 84_000 }), 'down');
  assert.equal(name({ lastHeard: 0, snapshot: false }), 'down');
  assert.equal(name({ refused: true }), 'refused');
  assert.equal(feedState({ ...base, lastHeard: 40_000 }).ageMs, 60_000);
});

test('retries wait 1, 2, 4 .. 30 seconds, each a quarter off at most', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 9].map((n) => retryDelayMs(n, 0.5)), [1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  assert.equal(retryDelayMs(0, 0), 750);
  assert.equal(retryDelayMs(9, 1), 37500);
});

test('events are whole however the stream is cut', () => {
  const stream = 'event: hello\r\ndata: {"a":1}\r\n\r\n: comment\n\nevent: delta\ndata: x\ndata: y\n\n';
  for (let cut = 1; cut < stream.length; cut += 1) {
    const seen = [];
    const parse = eventParser((event, data) => seen.push([event, data]));
    parse(stream.slice(0, cut));
    parse(stream.slice(cut));
    assert.deepEqual(seen, [['hello', '{"a":1}'], ['delta', 'x\ny']]);
  }
});

test('a scanner is told from fingers by its speed', () => {
  const type = (code, gap) => {
    const scan = scanner();
    let at = 0;
    return [...code].map((c) => scan(c, (at += gap))).concat(scan('Enter', at + gap)).at(-1);
  };
  assert.equal(type('IP-0042', 10), 'IP-0042');
  assert.equal(type('IP-0042', 90), null);
  assert.equal(type('IP-4', 10), null);
});

const COLUMNS = ['id', 'label', 'class', 'home_ward', 'status', 'status_since_ms', 'state', 'floor', 'x_m', 'y_m', 'zone', 'entered_ms', 'seen_ms', 'interval_ms', 'accuracy_m', 'battery_pct', 'room_only'];
const row = (id, status = 'available') => [id, id, 'bed', null, status, 1, 'live', 1, 1, 2, 'z', 1, 1000, 2000, 1, 90, false];

test('slots are used again, and a snapshot replaces everything', () => {
  const store = new Store(2);
  store.snapshot({ columns: COLUMNS, assets: ['a', 'b', 'c'].map((id) => row(id)) }, 0);
  for (let i = 0; i < 1000; i += 1) {
    store.delta({ assets: [row(`new-${i}`)], gone: [i === 0 ? 'a' : `new-${i - 1}`] }, i);
  }
  assert.equal(store.size, 3);
  assert.equal(store.high, 3);
  store.snapshot({ columns: COLUMNS, assets: [row('b', 'in_use')] }, 0);
  assert.deepEqual(store.counts(1000).get('bed'), { free: 0, total: 1 });
});

test('columns are found by name, so that the server may add some', () => {
  const store = new Store();
  store.snapshot({ columns: ['new', ...COLUMNS], assets: [['?', ...row('a')]] }, 0);
  assert.equal(store.freshness(store.slots.get('a'), 2000), LIVE);
  store.delta({ assets: [['?', 'b', 'b', 'bed', null, 'unknown', null, 'unknown', null, null, null, null, null, null, null, null, null, false]], gone: [] }, 0);
  assert.equal(store.freshness(store.slots.get('b'), 2000), UNKNOWN);
});

test('times and ages are written as each language does', () => {
  const text = new Text(languages, 'da', 'Europe/Copenhagen');
  const noon = Date.UTC(2026, 0, 5, 11, 2);
  assert.equal(text.time(noon), '12.02');
  assert.equal(text.age(7_300_000), '2 t');
  assert.equal(text.n('ask.free', 1), '1 ledig');
  text.set('en', 'Europe/Copenhagen');
  assert.equal(text.time(noon), '12:02');
  assert.equal(text.age(61_000), '1 min');
  assert.equal(text.metres(47), '45 m');
  text.zone('Nowhere/Land');
  assert.match(text.time(noon), /^\d\d:\d\d$/);
});

test('the address chooses the language, then the person, then the browser', () => {
  assert.equal(pickLanguage('en', 'da', ['da-DK']), 'en');
  assert.equal(pickLanguage(undefined, 'da', ['en-GB']), 'da');
  assert.equal(pickLanguage(undefined, undefined, ['de-DE', 'da-DK']), 'da');
  assert.equal(pickLanguage(undefined, 'xx', ['de-DE']), 'en');
});
