// Which answer comes first: free before not free, known before lost, then the nearest.

import { LIVE, STALE, LOST, UNKNOWN } from './freshness.js';

/** What a change of floor adds to the straight line, metres. */
export const FLOOR_M = 30;
// An old position must be this much nearer to come before a fresh one.
const STALE_M = 40;
// What a metre of the straight line takes to walk, seconds: a way is half as long again.
const SECONDS_A_METRE = 1.5 / 1.2;

/** Straight line from `from` to a point, metres; nothing known: infinity. */
export function metresTo(from, x, y, floor) {
  if (!from || Number.isNaN(x) || Number.isNaN(y)) return Infinity;
  return Math.hypot(from.x - x, from.y - y) + FLOOR_M * Math.abs(from.floor - floor);
}

/** 0: free and placed, 1: placed, 2: lost, 3: never seen. */
export function groupOf(available, freshness) {
  if (freshness === UNKNOWN) return 3;
  if (freshness === LOST) return 2;
  return available ? 0 : 1;
}

/**
 * Entries `{slot, label, metres, freshness, available, mine, walk}` in the order of the answer, with
 * their `group`; what is reserved here comes first. `walk` is the server's; without it the straight line is all that is known.
 */
export function rank(entries, compareText) {
  for (const entry of entries) {
    entry.group = groupOf(entry.available, entry.freshness);
    const straight = (entry.metres + (entry.freshness === STALE ? STALE_M : 0)) * SECONDS_A_METRE;
    entry.cost = entry.walk ? entry.walk.cost : straight;
    // No way leads there, as far as anybody knows.
    if (entry.walk?.seconds === Infinity) entry.cost += 1e6;
  }
  const rest = (entry) => (entry.mine ? 0 : 1);
  return entries.sort((a, b) => a.group - b.group || rest(a) - rest(b) || byCost(a, b) || compareText(a.label, b.label));
}

function byCost(a, b) {
  if (a.cost === b.cost) return 0;
  return a.cost < b.cost ? -1 : 1;
}

/** True when the entry may be one of the big answers: free, and seen lately. */
export function isAnswer(entry) {
  return entry.available && (entry.freshness === LIVE || entry.freshness === STALE);
}
