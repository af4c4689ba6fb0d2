// Tags on things, on the phone: scan a thing, scan a tag, bound; and the list of what wants a hand.

import { byId, button, make, setShown, setText } from './dom.js';
import { Binding } from './binding.js';
import { Camera } from './camera.js';
import { begin, sayAll } from './begin.js';
import { className } from './classes.js';
import { scanner } from './keys.js';

const LISTS = [['battery', 'battery'], ['hearing', 'hearing'], ['binding-list', 'binding']];
const ROWS_MOST = 100;
const LOOK_AGAIN_MS = 30_000;

// Words are written once before there is anything to show.
let page = null;
let binding = null;
// Why the camera doesn't scan: the end of a key of words.
let noCamera = Camera.missing();
const lists = new Map();

page = await begin(dress);
binding = new Binding(page.server, show);
const camera = new Camera(byId('view'), (code) => scanned(code));

function dress({ text }) {
  document.title = text.t('tags.title');
  sayAll(text);
  if (page) show();
}

function show() {
  const { text, account } = page;
  const may = account.may.includes('keep_assets');
  setShown(byId('binding'), may);
  setShown(byId('refused'), !may);
  setText(byId('refused'), text.t(account.name ? 'tags.forbidden' : 'tags.login'));
  const { asset, said } = binding;
  setText(byId('code-label'), text.t(asset ? 'tags.scan.tag' : 'tags.scan.asset'));
  setText(byId('code-go'), text.t(asset ? 'tags.bind' : 'tags.find'));
  byId('code-go').disabled = binding.busy;
  setShown(byId('camera'), Camera.missing() === null);
  setShown(byId('camera-note'), noCamera !== null);
  if (noCamera) setText(byId('camera-note'), text.t(`tags.camera.${noCamera}`));
  setShown(byId('asset'), asset !== null);
  if (asset) showAsset(asset, text);
  setShown(byId('said'), said !== null);
  byId('said').className = said?.good ? 'good' : 'trouble';
  if (said) setText(byId('said'), text.t(said.key, said.values));
  setShown(byId('move'), said?.from !== undefined);
  if (said?.from) setText(byId('move'), text.t('tags.move', { asset: said.from }));
  showLists(text);
}

function showAsset(asset, text) {
  setText(byId('asset-label'), asset.label);
  setText(byId('asset-about'), [className(asset.class, text), asset.id, asset.home_ward ? text.t('ward', { id: asset.home_ward }) : ''].filter(Boolean).join(' · '));
  setText(byId('asset-tag'), asset.tag ? text.t('tags.carries', { tag: asset.tag, place: placeOf(asset, text) }) : text.t('tags.bare'));
  setShown(byId('detach'), asset.tag !== null);
  setText(byId('detach'), text.t(binding.sure ? 'tags.detach.sure' : 'tags.detach'));
}

/** The last place in words: room, floor, how long ago. */
function placeOf(thing, text) {
  const { place } = thing;
  if (!place) return text.t('seen.never');
  const floor = text.t('floor.n', { label: place.floor_label ?? place.floor });
  return [place.zone_name ?? text.t('place.none'), floor, text.t('seen.ago', { age: text.age(place.age_s * 1000) })].join(', ');
}

async function loadLists() {
  const { server, account } = page;
  if (!account.may.includes('trace')) return;
  await Promise.all(LISTS.map(async ([, needs]) => {
    try {
      lists.set(needs, await server.get(`/api/v1/tags?needs=${needs}&limit=${ROWS_MOST}`));
    } catch {
      // What was listed before stands until the server answers again.
    }
  }));
  show();
}

function showLists(text) {
  for (const [id, needs] of LISTS) {
    const answer = lists.get(needs);
    setShown(byId(id), answer !== undefined);
    if (!answer) continue;
    const more = answer.next_cursor === null ? '' : '+';
    setText(byId(id).querySelector('summary'), `${text.t(`tags.needs.${needs}`)} ${answer.tags.length}${more}`);
    byId(id).querySelector('ul').replaceChildren(...answer.tags.map((tag) => jobOf(tag, needs, text)));
  }
}

function jobOf(tag, needs, text) {
  const row = make('li');
  const head = make('strong', '', tag.asset_label ?? tag.tag);
  const facts = [tag.asset ? tag.tag : '', needs === 'battery' ? text.t('tags.charge', { n: tag.battery_pct }) : '', placeOf(tag, text)];
  row.append(head, make('span', 'muted', facts.filter(Boolean).join(' · ')));
  if (page.account.may.includes('keep_assets')) {
    const act = tag.asset ? () => scanned(tag.asset) : () => pickTag(tag.tag);
    row.append(button('quiet', text.t(tag.asset ? 'tags.take' : 'tags.use'), act));
  }
  return row;
}

/** An unbound tag of the list: it waits in the box until its thing was scanned. */
function pickTag(tag) {
  if (binding.asset) scanned(tag);
  else {
    binding.waiting = tag;
    binding.say(true, 'tags.waiting', { tag });
  }
  window.scrollTo(0, 0);
}

async function scanned(code) {
  byId('code').value = '';
  await binding.scanned(code.trim());
  if (binding.asset === null || binding.said?.good) loadLists();
  window.scrollTo(0, 0);
}

byId('scan').addEventListener('submit', (event) => {
  event.preventDefault();
  if (byId('code').value.trim()) scanned(byId('code').value);
});
byId('detach').addEventListener('click', () => binding.detach().then(loadLists));
byId('other').addEventListener('click', () => {
  binding.forget();
  byId('code').focus();
});
byId('move').addEventListener('click', () => binding.move().then(loadLists));
byId('camera').addEventListener('click', async () => {
  noCamera = (await camera.toggle()) ? null : 'refused';
  show();
});

// A scanner that types: the box need not have the focus.
const scan = scanner();
window.addEventListener('keydown', (event) => {
  if (document.activeElement === byId('code') || event.ctrlKey || event.metaKey || event.altKey) return;
  const code = scan(event.key, event.timeStamp);
  if (code) scanned(code);
});

show();
const wanted = page.query.get('asset');
if (wanted) scanned(wanted);
loadLists();
setInterval(() => document.hidden || loadLists(), LOOK_AGAIN_MS);
