// Starts the display: address, language, theme, feed; then everything runs by the feed and the clock.

import { byId, setName, setText } from './dom.js';
import { Claims } from './claims.js';
import { Display } from './display.js';
import { Feed } from './feed.js';
import { Replay } from './replay.js';
import { Search } from './search.js';
import { Store } from './store.js';
import { Text, pickLanguage } from './i18n.js';
import { applyTheme, watchSystemTheme } from './theme.js';
import { attachKeys } from './keys.js';
import { feedState } from './feedstate.js';
import { hideStopPage, openHelp, showConfigPage, showRefusedPage } from './pages.js';
import { installTestHook } from './testhook.js';
import { loadSite } from './site.js';
import { readParams, resolveSite, resolveTypes } from './params.js';
import { Server, loginUrl, whoAsks } from './server.js';
import { remember, remembered } from './memory.js';

const BASE = new URL('.', import.meta.url);
const BUILD = BASE.pathname.split('/').at(-2);
const IDLE_MS = 45_000;
const RELOAD_WITHIN_MS = 60_000;

const token = new URLSearchParams(window.location.hash.slice(1)).get('token');
const { values: params, bad: badParams } = readParams(window.location.search);
const heard = { started: Date.now(), connected: false, refused: false, snapshot: false, lastHeard: 0, newest: undefined };
let offsetMs = 0;
let siteVersion = null;
// What the server said last; a plan that was on its way when the building changed is not shown.
let newestVersion = null;
let lastTouch = performance.now();
let theme = params.theme ?? remembered('theme') ?? 'dark';

const server = new Server(token);
const getJson = (url) => server.get(url);
const askReplay = (body) => (body ? server.send('POST', '/api/v1/replay', body) : server.get('/api/v1/replay'));
const replay = new Replay(askReplay, getJson, () => onReplay());
let onReplay = () => {};
const now = () => (replay.on ? replay.now() : Date.now() + offsetMs);

/** A replay's time goes at another pace than the one in which a connection falls silent. */
function replayState(feed) {
  const state = feedState({ ...heard, newest: 0, started: heard.started, lastHeard: heard.lastHeardHere, now: Date.now(), refused: feed.refused !== 0 });
  return state.name === 'stale' ? { name: 'replay', sinceMs: null, ageMs: 0 } : state;
}

async function start() {
  const [da, en] = await Promise.all(['da', 'en'].map((language) => getJson(new URL(`languages/${language}.json`, BASE))));
  const text = new Text({ da, en }, pickLanguage(params.lang, remembered('language'), navigator.languages ?? []));
  const store = new Store();
  const feed = new Feed('/api/v1/stream', token, handlers());
  const display = new Display({
    store, text, params, now, feed, server, replay, get: getJson,
    claims: new Claims(server, () => display.redraw()),
    search: new Search(store, { da, en }),
    state: () => (replay.on ? replayState(feed) : feedState({ ...heard, newest: heard.newest ?? null, started: heard.started + offsetMs, now: now(), refused: feed.refused !== 0 })),
    skewMs: () => (replay.on ? 0 : offsetMs),
    everHeard: () => heard.lastHeard > 0,
  });

  async function takeAccount() {
    display.account = await whoAsks(server);
    display.claims.allow(display.account);
    showAccount(display.account, text, params.kiosk === '1');
    display.redraw();
  }

  function handlers() {
    const listen = (serverMs) => {
      offsetMs = serverMs - Date.now();
      heard.lastHeard = serverMs;
      heard.lastHeardHere = Date.now();
      if (replay.on) replay.hear(serverMs);
    };
    return {
      change: () => (feed.refused ? showRefusedPage(text) : display.redraw()),
      hello: (hello) => {
        listen(hello.server_time_ms);
        takeAccount();
        if (hello.build !== BUILD) reloadSoon();
        if (hello.replay) replay.begin(text);
        display.open = hello.open === true && !replay.on;
        display.siteName = hello.site.name;
        // A phone can't reach the name that this machine calls itself by.
        display.phonesReach = Boolean(hello.public_url) || !/^(localhost|127\.|\[::1\])/.test(window.location.hostname);
        text.zone(hello.site.time_zone);
        if (badParams.length > 0) return;
        hideStopPage();
        newestVersion = hello.site.version;
        if (newestVersion !== siteVersion) takeSite(hello);
      },
      snapshot: (message) => {
        listen(message.time_ms);
        store.snapshot(message, performance.now());
        const first = !heard.snapshot;
        heard.snapshot = true;
        if (heard.newest === undefined) heard.newest = newestSeen(store);
        if (badParams.length === 0) takeTypes();
        if (first && params.asset) display.showCode(params.asset);
        display.tick();
      },
      delta: (message) => {
        listen(message.time_ms);
        store.delta(message, performance.now());
        if (message.assets.length > 0) heard.newest = Math.max(heard.newest ?? 0, message.time_ms);
        display.tick();
      },
      ping: (ping) => {
        listen(ping.server_time_ms);
        heard.newest = ping.newest_ms;
        display.setUncovered(ping.uncovered ?? []);
        display.redraw();
      },
    };
  }

  async function takeSite(hello) {
    try {
      const site = await loadSite(hello.floors, getJson);
      if (hello.site.version !== newestVersion) return undefined;
      const chosen = resolveSite(params, site);
      if (chosen.bad.length > 0) return showConfigPage(chosen.bad, text);
      siteVersion = hello.site.version;
      display.setSite(site, chosen);
      if (params.asset && heard.snapshot) display.showCode(params.asset);
      return undefined;
    } catch {
      // The stream is open but the plan didn't come: asked for again a little later.
      if (hello.site.version === newestVersion) setTimeout(() => takeSite(hello), 3000);
      return undefined;
    }
  }

  function takeTypes() {
    const { classes, bad } = resolveTypes(params.types, store.classes);
    if (bad.length > 0) showConfigPage(bad, text);
    else display.types = classes;
  }

  function dress() {
    display.setColours(applyTheme(theme));
    label(text, document.documentElement.dataset.theme);
    if (display.account) showAccount(display.account, text, params.kiosk === '1');
    display.redrawPlan();
  }

  function setLanguage(language) {
    remember('language', language);
    text.set(language, text.timeZone);
    if (display.home && display.ward && !params.at) display.home.name = text.t('ward', { id: display.ward });
    dress();
  }

  onReplay = () => display.redraw();
  document.body.classList.add('waiting');
  dress();
  if (badParams.length > 0) showConfigPage(badParams, text);
  watchSystemTheme(dress);
  wire(display, text, {
    language: () => setLanguage(text.language === 'da' ? 'en' : 'da'),
    theme: () => {
      theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
      remember('theme', theme);
      dress();
    },
  });
  setInterval(() => {
    if (params.kiosk === '1') tendKiosk(display);
    if (params.rotateMs) rotateFloors(display);
    display.redraw();
  }, 1000);
  if (params.test === '1') installTestHook(display, feed);
  feed.start();
}

function wire(display, text, acts) {
  const press = (id, act) => byId(id).addEventListener('click', act);
  press('language', acts.language);
  press('theme', acts.theme);
  press('help-open', () => openHelp(text, display.colours, display.unit, display.classes ?? []));
  press('closer', () => { display.view.zoom(1.5); display.redrawPlan(); });
  press('farther', () => { display.view.zoom(1 / 1.5); display.redrawPlan(); });
  press('fit', () => display.fit());
  press('origin-back', () => display.originHome());
  press('sheet', () => display.openSheet(!document.body.classList.contains('sheet')));
  const words = byId('words');
  words.addEventListener('input', () => display.askWords(words.value));
  const clear = () => { words.value = ''; display.askWords(''); };
  press('clear', clear);
  press('chip', () => words.focus());
  for (const event of ['pointerdown', 'keydown', 'wheel']) {
    window.addEventListener(event, () => { lastTouch = performance.now(); }, { capture: true, passive: true });
  }
  attachKeys(words, {
    code: (code) => display.showCode(code),
    escape: () => { clear(); display.forget(); words.blur(); display.redraw(); },
    enter: () => (display.search.exact(words.value) < 0 ? display.moveFocus(1) : display.showCode(words.value)),
    move: (step) => display.moveFocus(step),
    zoom: (factor) => { display.view.zoom(factor); display.redrawPlan(); },
    fit: () => display.fit(),
    floorStep: (step) => display.stepFloor(step),
    floorDigit: (digit) => display.floorByDigit(digit),
  });
}

function label(text, theme) {
  document.documentElement.lang = text.language;
  document.title = text.t('title');
  setText(byId('language'), text.t('button.language'));
  setName(byId('language'), text.t('button.language.label'));
  setName(byId('theme'), text.t(theme === 'dark' ? 'button.theme.light' : 'button.theme.dark'));
  byId('theme').querySelector('use').setAttribute('href', theme === 'dark' ? '#i-light' : '#i-dark');
  setName(byId('help-open'), text.t('button.help'));
  setName(byId('closer'), text.t('map.closer'));
  setName(byId('farther'), text.t('map.farther'));
  setName(byId('fit'), text.t('map.fit'));
  setName(byId('map'), text.t('map.label'));
  setName(byId('clear'), text.t('ask.clear'));
  setName(byId('cards'), text.t('answers'));
  setName(byId('list'), text.t('list'));
  const words = byId('words');
  words.placeholder = text.t('ask.placeholder');
  setName(words, text.t('ask.label'));
  setText(byId('sheet'), text.t(document.body.classList.contains('sheet') ? 'map.close' : 'map.open'));
}

/** Who is logged in, or the way to do so; a wall on a wall is whom its server says. */
function showAccount(account, text, kiosk) {
  const link = byId('account');
  link.hidden = kiosk || (account.open && !account.name);
  link.href = loginUrl(window.location);
  setText(link, account.name ?? text.t('login.go'));
  setName(link, account.name ? text.t('login.as', { name: account.name }) : text.t('login.go'));
}

/** A wall goes back to its own view when nobody touched it, and starts afresh in the quiet of the night. */
function tendKiosk(display) {
  const idle = performance.now() - lastTouch;
  if (idle > IDLE_MS && idle < IDLE_MS + 1500) display.reset();
  const longRun = performance.now() > 20 * 3_600_000;
  if (longRun && idle > 600_000 && Number(display.text.hourFormat.format(now())) === 4) reloadSoon();
}

let turnedAt = performance.now();
/** A wall that nobody stands at shows one floor after the other. */
function rotateFloors(display) {
  const now = performance.now();
  if (now - Math.max(turnedAt, lastTouch + IDLE_MS) < params.rotateMs) return;
  turnedAt = now;
  display.nextFloor();
}

let reloading = false;
function reloadSoon() {
  if (reloading) return;
  reloading = true;
  setTimeout(() => window.location.reload(), Math.random() * RELOAD_WITHIN_MS);
}

function newestSeen(store) {
  let newest = 0;
  for (let slot = 0; slot < store.high; slot += 1) if (store.seen[slot] > newest) newest = store.seen[slot];
  return newest || null;
}

start().catch((reason) => {
  const page = byId('stop');
  page.hidden = false;
  page.textContent = `Spor: ${reason.message ?? reason}`;
  setTimeout(() => window.location.reload(), 10_000);
});
