// How far a last known place can be believed; the same rule as the server's, so that the page can
// go on from live to stale to lost by itself while nothing is heard.

export const FRESHNESS = ['live', 'stale', 'lost', 'unknown'];
export const LIVE = 0;
export const STALE = 1;
export const LOST = 2;
export const UNKNOWN = 3;

export const DEFAULT_INTERVAL_MS = 60_000;
const MAX_INTERVAL_MS = 600_000;
const PORTAL_LIVE_MS = 60_000;
const LOST_AT_LEAST_MS = 3_600_000;

/** The state of a tag last there at `seenMs` that reports every `intervalMs`; NaN: never seen. */
export function freshnessAt(nowMs, seenMs, intervalMs, portal) {
  if (!(seenMs > 0)) return UNKNOWN;
  const interval = Math.min(intervalMs > 0 ? intervalMs : DEFAULT_INTERVAL_MS, MAX_INTERVAL_MS);
  const age = nowMs - seenMs;
  // A sighting at a passage is believed for a minute: the tag may be anywhere behind it by then.
  const liveFor = portal ? PORTAL_LIVE_MS : 3 * interval;
  if (age <= liveFor) return LIVE;
  if (age <= Math.max(20 * interval, LOST_AT_LEAST_MS)) return STALE;
  return LOST;
}

/** The server may know that something is stale before the page can; the worse of both counts. */
export function worse(derived, told) {
  return Math.max(derived, told);
}
