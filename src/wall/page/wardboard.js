// What a ward board says, from what is known of every asset: no page, no clock of its own.

import { AVAILABLE, RESERVED } from './store.js';
import { STALE } from './freshness.js';

/**
 * `{classes: Map id -> {here, free, level, short}, going, coming, expected, away, strays}`; the last five are slots:
 * reserved and about to leave, reserved and on the way here, in use or not ready and expected to be free (the soonest
 * first of both), the ward's own elsewhere, another ward's here; what is there longest first. `levels`: `[{class, target, critical}]`, of what
 * shall stand ready; `awaited`: Map id -> when it is expected. What was not seen lately is nowhere.
 */
export function boardOf(store, site, ward, levels, awaited, nowMs) {
  const board = { classes: new Map(), going: [], coming: [], expected: [], away: [], strays: [] };
  for (const level of levels) board.classes.set(level.class, { here: 0, free: 0, level, short: 0 });
  for (let slot = 0; slot < store.high; slot += 1) {
    if (!store.used[slot] || store.freshness(slot, nowMs) > STALE) continue;
    const here = site.rooms.get(store.zones[slot])?.ward === ward;
    const home = store.homes[slot];
    if (here) count(board, store, slot);
    const reserved = store.status[slot] === RESERVED;
    const coming = reserved && store.tos[slot] === ward;
    if (coming && store.until[slot] > nowMs) board.coming.push(slot);
    if (here && reserved && !coming) board.going.push(slot);
    if ((here || home === ward) && !coming && store.status[slot] !== AVAILABLE && awaited.has(store.ids[slot])) board.expected.push(slot);
    if (here && home !== null && home !== ward) board.strays.push(slot);
    if (!here && home === ward) board.away.push(slot);
  }
  for (const entry of board.classes.values()) entry.short = entry.level ? Math.max(0, entry.level.target - entry.free) : 0;
  board.coming.sort((a, b) => store.until[a] - store.until[b]);
  board.expected.sort((a, b) => Date.parse(awaited.get(store.ids[a]).at) - Date.parse(awaited.get(store.ids[b]).at));
  for (const slots of [board.going, board.away, board.strays]) slots.sort((a, b) => store.entered[a] - store.entered[b]);
  return board;
}

function count(board, store, slot) {
  const id = store.classes[store.classOf[slot]];
  const entry = board.classes.get(id) ?? { here: 0, free: 0, level: null, short: 0 };
  board.classes.set(id, entry);
  entry.here += 1;
  if (store.status[slot] === AVAILABLE) entry.free += 1;
}
