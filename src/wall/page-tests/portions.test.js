// Large messages are read in portions: whole, in their order, and never more than one at a time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.js';

globalThis.document = { hidden: false };
const { inPortions, PORTION, Portions } = await load('portions.js');
const { Feed } = await load('feed.js');
const { Store } = await load('store.js');

const COLUMNS = ['id', 'label', 'class', 'floor', 'x_m', 'y_m', 'zone'];
const rows = (count, x, label = 'Pump') => Array.from({ length: count }, (_, n) => [`A${n}`, `${label} ${n}`, 'bed', 1, x, 2, `room-${x}`]);
const delta = (count, x, gone = []) => JSON.stringify({ time_ms: x, assets: rows(count, x), gone });
const MANY = 5_000;
const settled = () => new Promise((done) => setTimeout(done, 200));

/** A feed with a store behind it; `heard` is what was taken, in its order. */
function page() {
  const store = new Store();
  const heard = [];
  const take = (event) => (message) => {
    heard.push([event, message.time_ms]);
    store[event]?.(message, 0);
  };
  const feed = new Feed('', null, { snapshot: take('snapshot'), delta: take('delta'), ping: take('ping') });
  feed.handle('snapshot', JSON.stringify({ time_ms: 0, columns: COLUMNS, assets: rows(MANY, 0) }));
  const rooms = () => new Set([...store.slots.values()].map((slot) => store.zones[slot]));
  return { feed, store, heard, rooms };
}

function readAll(text) {
  const reading = inPortions(text);
  for (let portions = 1; ; portions += 1) {
    const { done, value } = reading.next();
    if (done) return { message: value, portions };
  }
}

test('what is read in portions is what the text says', () => {
  for (const label of ['Pump', 'a],[b', '],["', '],"gone":[', '"assets":[ \\', 'æ],[ø']) {
    const message = { time_ms: 7, assets: rows(MANY, 1, label), gone: ['x],[', '],"gone":['] };
    const { message: read, portions } = readAll(JSON.stringify(message));
    assert.deepEqual(read, message);
    assert.ok(portions > 2, `${portions} portions`);
  }
  for (const message of [{ time_ms: 1, assets: [], gone: ['a'] }, { assets: rows(3, 1) }, { gone: [], assets: rows(3, 1) }]) {
    assert.deepEqual(readAll(JSON.stringify(message)).message, message);
  }
});

test('a large delta is taken as a whole, a small one at once', async () => {
  const { feed, heard, rooms } = page();
  feed.handle('delta', delta(3, 1));
  assert.deepEqual(heard.at(-1), ['delta', 1]);
  feed.handle('delta', delta(MANY, 2));
  assert.deepEqual([...rooms()].sort(), ['room-0', 'room-1']);
  await settled();
  assert.deepEqual([...rooms()], ['room-2']);
});

test('what comes while a delta is read is taken after it, and nothing piles up', async () => {
  const { feed, store, heard, rooms } = page();
  for (let x = 1; x <= 20; x += 1) {
    feed.handle('delta', delta(MANY, x));
    assert.equal(heard.length, x, 'the one before was finished, and only this one waits');
  }
  feed.handle('delta', delta(1, 21));
  assert.equal(store.zones[store.slots.get('A0')], 'room-21');
  assert.equal(store.zones[store.slots.get('A1')], 'room-20');
  feed.handle('delta', delta(MANY, 22, ['A7']));
  feed.handle('snapshot', JSON.stringify({ time_ms: 23, columns: COLUMNS, assets: rows(4, 23) }));
  assert.deepEqual(heard.slice(-2), [['delta', 22], ['snapshot', 23]]);
  await settled();
  assert.deepEqual([...rooms()], ['room-23']);
  assert.deepEqual(heard.map(([, time]) => time), Array.from({ length: 24 }, (_, time) => time));
});

test('a hidden page, which nobody waits for, reads at once', () => {
  const { feed, rooms } = page();
  document.hidden = true;
  feed.handle('delta', delta(MANY, 1));
  document.hidden = false;
  assert.deepEqual([...rooms()], ['room-1']);
});

test('a delta that is no JSON ends the connection, whenever that is noticed', async () => {
  const broken = delta(MANY, 1).replace('"A4000"', 'A4000');
  const { feed, heard } = page();
  feed.abort = new AbortController();
  feed.handle('delta', broken);
  await settled();
  assert.ok(feed.abort.signal.aborted);
  feed.handle('delta', broken);
  assert.throws(() => feed.handle('ping', '{}'), SyntaxError);
  feed.handle('ping', '{"time_ms":2}');
  assert.deepEqual(heard.map(([event]) => event), ['snapshot', 'ping']);
});

test('the next one may begin while the timer of one that was finished is still to come', async () => {
  const taken = [];
  const portions = new Portions((message) => taken.push(message.time_ms), () => {}, () => false);
  portions.begin(delta(MANY, 1));
  portions.finish();
  portions.begin(delta(MANY, 2));
  assert.deepEqual(taken, [1]);
  await settled();
  assert.deepEqual(taken, [1, 2]);
  assert.equal(portions.reading, null);
  assert.ok(delta(MANY, 1).length > 2 * PORTION);
});
