// Searching, parameters and the building. Run: node --test src/wall/page-tests/

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, languages } from './load.js';

const { readParams, resolveSite, resolveTypes, unitPx } = await load('params.js');
const { Search } = await load('search.js');
const { Store } = await load('store.js');
const { Text } = await load('i18n.js');
const { buildSite, roomAt, wardCentre } = await load('site.js');
const { shapeOf, className, tileOrder } = await load('classes.js');

const square = (x, y, size) => [[[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]];
const room = (id, x, kind, name, ward) => ({ id, geometry: { type: 'Polygon', coordinates: square(x, 0, 5) }, properties: { feature: 'room', floor: 1, kind, name, ward } });
const site = buildSite([{ number: 1, label: 'P1' }], [{ features: [
  room('r1', 0, 'storage', 'Rent depot', 'C1'),
  room('r2', 5, 'patient', 'Stue Ærø', 'C1'),
  { id: 'd', geometry: { type: 'Point', coordinates: [5, 2] }, properties: { feature: 'door', floor: 1, rooms: ['r1', 'r2'] } },
] }]);

const COLUMNS = ['id', 'label', 'class', 'home_ward', 'status', 'state', 'floor', 'x_m', 'y_m', 'zone', 'seen_ms', 'interval_ms', 'room_only'];
function filled() {
  const store = new Store();
  store.snapshot({ columns: COLUMNS, assets: [
    ['IP-0042', 'Infusionspumpe 42', 'infusion-pump', 'C1', 'available', 'live', 1, 1, 1, 'r1', 1, 1, false],
    ['IP-0043', 'Infusionspumpe 43', 'infusion-pump', 'C1', 'in_use', 'live', 1, 6, 1, 'r2', 1, 1, false],
    ['WC-0007', 'Kørestol 7', 'wheelchair', null, 'available', 'live', 1, 6, 1, 'r2', 1, 1, false],
    ['VE-0001', 'Respirator 1', 'ventilator', null, 'available', 'live', 1, 6, 1, 'r2', 1, 1, false],
  ] }, 0);
  return store;
}

test('words find by label, id, class in either language, room and ward', () => {
  const store = filled();
  const search = new Search(store, languages);
  const find = (words) => search.slots(null, words, site.rooms).map((slot) => store.ids[slot]);
  assert.deepEqual(find('pump'), ['IP-0042', 'IP-0043']);
  assert.deepEqual(find('pumpe 43'), ['IP-0043']);
  assert.deepEqual(find('ip0042'), ['IP-0042']);
  assert.deepEqual(find('wheelch'), ['WC-0007']);
  assert.deepEqual(find('koerestol'), ['WC-0007']);
  assert.deepEqual(find('ÆRØ kørestol'), ['WC-0007']);
  assert.deepEqual(find('ledig pumpe'), ['IP-0042']);
  assert.deepEqual(find('c1 rent'), ['IP-0042']);
  assert.deepEqual(find('zeppelin'), []);
});

test('a slip of the fingers leads to the closest types', () => {
  const search = new Search(filled(), languages);
  const text = new Text(languages, 'en', 'UTC');
  assert.equal(search.suggestions('whelchir', text)[0].id, 'wheelchair');
  assert.equal(search.suggestions('infusoin', text)[0].id, 'infusion-pump');
});

test('a code is found however it is written', () => {
  const store = filled();
  const search = new Search(store, languages);
  assert.equal(search.exact('ip 0042'), store.slots.get('IP-0042'));
  assert.equal(search.exact('IP-00'), -1);
});

test('bad parameters are named with what is valid', () => {
  assert.deepEqual(readParams('?lang=da&diag=55&types=pump,bed').bad, []);
  assert.equal(readParams('?rotate=floors:20').values.rotateMs, 20_000);
  assert.equal(readParams('?rotate=floors:2').bad[0].name, 'rotate');
  const { bad } = readParams('?lang=sv&dist=900&teme=dark&__proto__=1');
  assert.deepEqual(bad.map((b) => b.name), ['lang', 'dist', 'teme', '__proto__']);
  assert.deepEqual(bad[0].valid, ['da', 'en']);
});

test('ward, floor and place must be of this site', () => {
  const good = resolveSite({ ward: 'c1', floor: '1', at: 'r2' }, site);
  assert.deepEqual([good.ward, good.floor, good.at.id, good.bad], ['C1', 1, 'r2', []]);
  assert.equal(resolveSite({ floor: 'P1' }, site).floor, 1);
  assert.deepEqual(resolveSite({ ward: 'Z9', floor: '7' }, site).bad.map((b) => [b.name, b.valid]), [['floor', ['P1']], ['ward', ['C1']]]);
});

test('types are classes or words of them', () => {
  const classes = ['infusion-pump', 'syringe-pump', 'bed'];
  assert.deepEqual(resolveTypes(['bed', 'pump'], classes), { classes: ['bed', 'infusion-pump', 'syringe-pump'], bad: [] });
  assert.equal(resolveTypes(['boat'], classes).bad[0].value, 'boat');
  assert.deepEqual(resolveTypes(['boat'], []).bad, []);
});

test('a 55 inch screen at 4 metres needs 52 pixel letters', () => {
  assert.equal(Math.round(unitPx({ diag: 55, dist: 4 }, 1920, 1080)), 52);
  assert.equal(Math.round(unitPx({ diag: 75, dist: 3 }, 1920, 1080)), 29);
  assert.ok(unitPx({}, 3840, 2160) > unitPx({}, 1920, 1080));
});

test('a point has its room, a ward its middle, a door its piece of wall', () => {
  const [floor] = site.floors;
  assert.equal(roomAt(floor, 6, 1).id, 'r2');
  assert.equal(roomAt(floor, 60, 1), null);
  assert.deepEqual(wardCentre(site.wards.get('C1')), { x: 5, y: 2.5, floor: 1, area: 50 });
  assert.equal(floor.doors.length, 1);
});

test('every class has a shape and a name, known or not', () => {
  const text = new Text(languages, 'da', 'UTC');
  assert.equal(shapeOf('infusion-pump'), 'circle');
  assert.equal(shapeOf('espresso-machine'), 'octagon');
  assert.equal(className('wheelchair', text), 'Kørestol');
  assert.equal(className('espresso-machine', text), 'Espresso machine');
  assert.deepEqual(tileOrder(['zebra', 'bed', 'infusion-pump'], text), ['infusion-pump', 'bed', 'zebra']);
});
