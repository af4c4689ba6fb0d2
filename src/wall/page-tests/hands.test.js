// What a person does by the pages: reserves, fastens tags, comes back from the login. Run with the others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { languages, load } from './load.js';

const { Refusal, nextPlace } = await load('server.js');
const { Claims } = await load('claims.js');
const { Binding } = await load('binding.js');
const { boardOf } = await load('wardboard.js');
const { Alerts, grouped, shownOf, wordsOf } = await load('alerts.js');
const { Text } = await load('i18n.js');
const { Store, AVAILABLE, RESERVED } = await load('store.js');
const { rank } = await load('ranking.js');

test('after the login one goes on within this server only', () => {
  const here = 'https://spor.example';
  assert.equal(nextPlace('/wall?ward=D1', here), '/wall?ward=D1');
  for (const wanted of [null, '', 'https://evil.example/', '//evil.example', '\\\\evil.example', 'javascript:alert(1)', '/login?next=/login']) {
    assert.ok(['/', '/wall'].includes(nextPlace(wanted, here)), String(wanted));
  }
});

/** A server that answers by `${method} ${url}`, and remembers what it was asked. */
function serverOf(answers) {
  const asked = [];
  const send = async (method, url, body) => {
    asked.push([method, url, body]);
    const answer = answers[`${method} ${url}`];
    if (answer instanceof Error) throw answer;
    if (answer === undefined) throw new Refusal(404, { type: 'urn:spor:problem:not-found' }, 0);
    return answer;
  };
  return { asked, send, get: (url) => send('GET', url) };
}

test('what is reserved here is told from what others reserved, until it ends', async () => {
  const until = Date.UTC(2026, 0, 1, 12, 10);
  const server = serverOf({ 'POST /api/v1/assets/P1/claim': { status_until: new Date(until).toISOString() }, 'DELETE /api/v1/assets/P1/claim': null });
  const claims = new Claims(server, () => {});
  claims.allow({ may: ['see_equipment', 'handle'], name: 'anna' });
  const now = until - 600_000;
  await claims.toggle('P1', false, now);
  assert.deepEqual(server.asked[0], ['POST', '/api/v1/assets/P1/claim', {}]);
  assert.equal(claims.until('P1', AVAILABLE, now + 1_000), until, 'before the news of it has come');
  assert.equal(claims.until('P1', RESERVED, now + 60_000), until);
  assert.equal(claims.until('P1', AVAILABLE, now + 60_000), 0, 'it was taken into use');
  assert.equal(claims.until('P1', RESERVED, until), 0);
  assert.equal(claims.until('P2', RESERVED, now), 0, 'another reserved that');
  await claims.toggle('P1', true, now);
  assert.equal(claims.until('P1', RESERVED, now), 0);
});

test('a claim goes to the ward that one asks for', async () => {
  const claimed = { status_until: '2026-01-01T12:00:00Z' };
  const server = serverOf({ 'POST /api/v1/assets/P1/claim': { ...claimed, status_to: 'C1' }, 'POST /api/v1/assets/P2/claim': claimed });
  const claims = new Claims(server, () => {});
  claims.allow({ may: ['handle'], name: 'anna' });
  await claims.toggle('P1', false, 0, 'C1');
  await claims.toggle('P2', false, 0, null);
  assert.deepEqual(server.asked.map(([, , body]) => body), [{ to: 'C1' }, {}]);
  assert.deepEqual([claims.to('P1'), claims.to('P2'), claims.to('P3')], ['C1', null, null]);
});

test('while nobody has a name, the browser has one, and gives back by it', async () => {
  const server = serverOf({ 'POST /api/v1/assets/P1/claim': { status_until: '2026-01-01T12:00:00Z' } });
  const claims = new Claims(server, () => {});
  claims.allow({ may: ['handle'], name: null });
  await claims.toggle('P1', false, 0);
  assert.match(server.asked[0][2].by, /^screen-[a-z0-9]+$/);
});

test('who came second is told so, and holds nothing', async () => {
  const server = serverOf({ 'POST /api/v1/assets/P1/claim': new Refusal(409, { type: 'urn:spor:problem:conflict' }, 0) });
  const claims = new Claims(server, () => {});
  claims.allow({ may: ['handle'], name: 'bo' });
  await claims.toggle('P1', false, 0);
  assert.deepEqual(claims.trouble, { id: 'P1', kind: 'conflict' });
  assert.equal(claims.until('P1', RESERVED, 0), 0);
});

test('what is reserved here comes first', () => {
  const entry = (label, metres, mine) => ({ slot: 0, label, metres, freshness: 0, available: true, mine, walk: null });
  const order = rank([entry('near', 1, false), entry('mine', 50, true)], (a, b) => a.localeCompare(b));
  assert.deepEqual(order.map((e) => e.label), ['mine', 'near']);
});

const asset = (id, tag) => ({ id, label: `Thing ${id}`, class: 'bed', tag, state: 'live', place: null });

test('first the thing, then its tag; another thing in between is chosen instead', async () => {
  const search = (q) => `GET /api/v1/assets?q=${q}&limit=2`;
  const server = serverOf({
    [search('A')]: { assets: [asset('A', 't0')], guessed: false },
    [search('B')]: { assets: [asset('B', null)], guessed: false },
    [search('t1')]: { assets: [], guessed: false },
    [search('nearly')]: { assets: [asset('A', null)], guessed: true },
    'PUT /api/v1/assets/B/tag': asset('B', 't1'),
  });
  const binding = new Binding(server, () => {});
  await binding.scanned('nearly');
  assert.equal(binding.asset, null, 'a guess is no scan');
  assert.equal(binding.said.key, 'tags.unknown');
  await binding.scanned('A');
  await binding.scanned('B');
  assert.equal(binding.asset.id, 'B');
  await binding.scanned('t1');
  assert.equal(binding.said.key, 'tags.bound.heard');
  assert.deepEqual(server.asked.at(-1), ['PUT', '/api/v1/assets/B/tag', { tag: 't1' }]);
});

test('a tag on something else is moved only when asked, and a badge never', async () => {
  const conflict = new Refusal(409, { type: 'urn:spor:problem:conflict' }, 0);
  const answers = {
    'GET /api/v1/assets?q=A&limit=2': { assets: [asset('A', null)], guessed: false },
    'GET /api/v1/assets?q=t1&limit=2': { assets: [], guessed: false },
    'GET /api/v1/tags/t1': { asset: 'B', asset_label: 'Thing B' },
    'PUT /api/v1/assets/A/tag': conflict,
    'DELETE /api/v1/assets/B/tag': null,
  };
  const server = serverOf(answers);
  const binding = new Binding(server, () => {});
  await binding.scanned('A');
  await binding.scanned('t1');
  assert.deepEqual([binding.said.key, binding.said.from], ['tags.taken', 'Thing B']);
  answers['PUT /api/v1/assets/A/tag'] = asset('A', 't1');
  await binding.move();
  assert.equal(binding.asset.tag, 't1');
  answers['PUT /api/v1/assets/A/tag'] = conflict;
  delete answers['GET /api/v1/tags/t1'];
  await binding.scanned('t1');
  assert.deepEqual([binding.said.key, binding.said.from], ['tags.taken', undefined]);
});

test('a tag comes off when it was asked twice', async () => {
  const server = serverOf({
    'GET /api/v1/assets?q=A&limit=2': { assets: [asset('A', 't1')], guessed: false },
    'GET /api/v1/assets/A': asset('A', null),
    'DELETE /api/v1/assets/A/tag': null,
  });
  const binding = new Binding(server, () => {});
  await binding.scanned('A');
  await binding.detach();
  assert.ok(server.asked.every(([method]) => method === 'GET') && binding.sure);
  await binding.detach();
  assert.deepEqual([binding.said.key, binding.asset.tag], ['tags.detached', null]);
});

test('a ward board counts what is here, what is short, and who belongs where', () => {
  const columns = ['id', 'label', 'class', 'home_ward', 'status', 'state', 'floor', 'x_m', 'y_m', 'zone', 'entered_ms', 'seen_ms', 'interval_ms'];
  const row = (id, home, status, zone, seen) => [id, id, 'bed', home, status, 'live', 1, 1, 2, zone, seen - 100, seen, 2000];
  const store = new Store();
  const now = 10_000_000;
  store.snapshot({ columns, assets: [
    row('own', 'D1', 'available', 'd1-a', now), row('pool', null, 'reserved', 'd1-a', now), row('lent', 'E1', 'in_use', 'd1-a', now),
    row('astray', 'D1', 'available', 'e1-a', now), row('other', 'E1', 'available', 'e1-a', now), row('gone', 'D1', 'available', 'd1-a', 1_000),
    row('cleaned', 'D1', 'cleaning', 'e1-a', now),
  ] }, 0);
  const site = { rooms: new Map([['d1-a', { ward: 'D1' }], ['e1-a', { ward: 'E1' }]]) };
  const levels = [{ class: 'bed', target: 5, critical: 2 }, { class: 'scale', target: 1, critical: 0 }];
  const freeAt = (minutes) => ({ at: new Date(now + minutes * 60_000).toISOString() });
  const awaited = new Map([['lent', freeAt(9)], ['cleaned', freeAt(4)], ['own', freeAt(1)], ['other', freeAt(1)]]);
  const board = boardOf(store, site, 'D1', levels, awaited, now);
  const ids = (slots) => slots.map((slot) => store.ids[slot]);
  assert.deepEqual([ids(board.going), ids(board.away), ids(board.strays)], [['pool'], ['astray', 'cleaned'], ['lent']]);
  assert.deepEqual(ids(board.expected), ['cleaned', 'lent'], 'ours or here, not free yet, the soonest first');
  const { here, free, short } = board.classes.get('bed');
  assert.deepEqual([here, free, short], [3, 1, 4]);
  assert.equal(board.classes.get('scale').short, 1, 'none is here at all');
});

test('a ward board says what is on its way here, until that is over, and not that it leaves', () => {
  const columns = ['id', 'label', 'class', 'home_ward', 'status', 'state', 'floor', 'x_m', 'y_m', 'zone', 'entered_ms', 'seen_ms', 'interval_ms', 'status_until_ms', 'status_to'];
  const now = 10_000_000;
  const row = (id, status, zone, until, to) => [id, id, 'bed', null, status, 'live', 1, 1, 2, zone, now, now, 2000, until, to];
  const store = new Store();
  store.snapshot({ columns, assets: [
    row('later', 'reserved', 'e1-a', now + 9_000, 'D1'), row('sooner', 'reserved', 'd1-a', now + 5_000, 'D1'), row('over', 'reserved', 'e1-a', now, 'D1'),
    row('leaves', 'reserved', 'd1-a', now + 9_000, 'E1'), row('said', 'maintenance', 'd1-a', now + 9_000, null), row('nobody', 'reserved', 'e1-a', now + 9_000, null),
  ] }, 0);
  const site = { rooms: new Map([['d1-a', { ward: 'D1' }], ['e1-a', { ward: 'E1' }]]) };
  const awaited = new Map([['sooner', { at: new Date(now).toISOString() }]]);
  const board = boardOf(store, site, 'D1', [{ class: 'bed', target: 2, critical: 1 }], awaited, now);
  const ids = (slots) => slots.map((slot) => store.ids[slot]);
  assert.deepEqual([ids(board.coming), ids(board.going), ids(board.expected)], [['sooner', 'later'], ['leaves'], []]);
  assert.equal(board.classes.get('bed').short, 2, 'none of them is free');
  store.delta({ assets: [row('later', 'in_use', 'd1-a', null, null)] }, 0);
  assert.deepEqual(ids(boardOf(store, site, 'D1', [], awaited, now).coming), ['sooner'], 'fetched');
});

const alert = (kind, severity, state, name, minute) => ({ kind, severity, state, subject: name, opened_at: `2026-01-01T10:0${minute}:00Z` });

test('of alerts each cause is one row: what nobody sees to first, the critical before the rest', () => {
  const text = new Text(languages, 'da', 'Europe/Copenhagen');
  const groups = grouped([
    alert('battery', 'low', 'open', 'P1', 3), alert('battery', 'low', 'open', 'P2', 1), alert('battery', 'low', 'open', 'P3', 4),
    alert('battery', 'low', 'open', 'P4', 4), alert('par', 'critical', 'acknowledged', 'bed', 0), alert('par', 'low', 'open', 'scale', 2),
    alert('leaving', 'critical', 'open', 'P5', 5),
  ], (a) => a.subject);
  assert.deepEqual(groups.map((g) => [g.kind, g.acknowledged, g.names.length]), [['leaving', false, 1], ['battery', false, 4], ['par', false, 1], ['par', true, 1]]);
  const { shown, rest } = shownOf(groups);
  assert.deepEqual([shown.length, rest], [3, 1]);
  const nowMs = Date.parse('2026-01-01T10:11:00Z');
  assert.deepEqual(wordsOf(groups[1], text, nowMs), { what: 'Lavt batteri', names: 'P1, P2, P3 og 1 til', more: 'i 10 min' });
  assert.deepEqual(wordsOf(groups[3], text, nowMs), { what: 'Alt for få klar', names: 'bed', more: 'nogen tager sig af det · i 11 min' });
});

test('without an answer the last alerts stay, but none for who may not see them', async () => {
  const url = 'GET /api/v1/alerts?state=open,acknowledged&ward=D1&limit=100';
  const answers = { [url]: { alerts: [alert('par', 'low', 'open', 'bed', 1)] } };
  let drawn = 0;
  const alerts = new Alerts(serverOf(answers), () => { drawn += 1; });
  alerts.of('D1');
  await alerts.ask();
  assert.ok(drawn > 0 && alerts.list.length === 1);
  answers[url] = new Refusal(503, {}, 5);
  await alerts.ask();
  assert.equal(alerts.list.length, 1);
  answers[url] = new Refusal(403, {}, 0);
  await alerts.ask();
  assert.equal(alerts.list.length, 0);
});
