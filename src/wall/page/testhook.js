// `window.__spor`, behind `?test=1`: what a browser test asks that no pixel tells.

import { FRESHNESS } from './freshness.js';
import { STATUSES } from './store.js';

export function installTestHook(display, feed) {
  const lamp = document.getElementById('lamp-text');
  const said = [lamp.textContent];
  new MutationObserver(() => said.push(lamp.textContent)).observe(lamp, { childList: true, characterData: true, subtree: true });
  window.__spor = {
    // Every word that the lamp has said.
    said,
    // As if the server had said it.
    hear: (event, value) => feed.handle(event, JSON.stringify(value)),
    // The same as it comes over the wire: to measure it without the making of it.
    take: (event, data) => feed.handle(event, data),
    columns: () => Object.keys(display.store.columns),
    // Once plan and assets are there and were drawn.
    get ready() {
      return Boolean(display.site && display.store.columns) && !document.body.classList.contains('waiting');
    },
    stats: () => stats(display, feed),
    assetAt: (id) => assetAt(display, id),
  };
}

function stats(display, feed) {
  const costs = [...display.ticks.costs].filter((ms) => ms > 0).sort((a, b) => a - b);
  return {
    state: display.state().name,
    connected: feed.connected,
    assets: display.store.size,
    slots: display.store.high,
    matches: display.entries.length,
    ticks: display.ticks.count,
    floor: display.floor?.number ?? null,
    drawn: { ...display.layer.drawn },
    drawMsP95: costs[Math.floor(costs.length * 0.95)] ?? 0,
  };
}

/** Where the asset is, in the building and on the page; null: not known here. */
function assetAt(display, id) {
  const { store } = display;
  const slot = store.slots.get(id);
  if (slot === undefined) return null;
  const box = document.getElementById('assets').getBoundingClientRect();
  const x = display.view.toX(store.x[slot]);
  const y = display.view.toY(store.y[slot]);
  return {
    x: box.left + x,
    y: box.top + y,
    floor: store.placed[slot] ? store.floor[slot] : null,
    zone: store.zones[slot],
    room: display.site?.rooms.get(store.zones[slot])?.name ?? null,
    state: FRESHNESS[store.freshness(slot, display.now())],
    status: STATUSES[store.status[slot]],
    onMap: Boolean(store.placed[slot]) && store.floor[slot] === display.floor?.number && x >= 0 && y >= 0 && x <= box.width && y <= box.height,
  };
}
