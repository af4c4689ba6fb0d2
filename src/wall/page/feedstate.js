// What the page may claim about its data: starting, live, stale, down or refused, from what was heard when.

const QUIET_MS = 15_000;
/** Without a connection for so long: glyphs lose their colour. */
export const PALE_MS = 60_000;
/** Without a connection for so long: glyphs go. */
export const GONE_MS = 600_000;
/** A screen whose clock is off by more than this says so. */
export const SKEW_MS = 5_000;

/**
 * `heard`: `{now, started, connected, refused, snapshot, lastHeard, newest}`, server time where known;
 * `newest` is when the server last received any position, null: never since it started.
 * Answers `{name, sinceMs, ageMs}`.
 */
export function feedState(heard) {
  const { now, started, refused, snapshot, lastHeard, newest } = heard;
  const silentFor = now - (lastHeard || started);
  if (refused) return { name: 'refused', sinceMs: lastHeard || started, ageMs: silentFor };
  if (silentFor > QUIET_MS) return { name: 'down', sinceMs: lastHeard || started, ageMs: silentFor };
  if (!snapshot) return { name: 'starting', sinceMs: started, ageMs: now - started };
  if (newest === null) return { name: 'stale', sinceMs: null, ageMs: null };
  const ageMs = Math.max(0, now - newest);
  return { name: ageMs > QUIET_MS ? 'stale' : 'live', sinceMs: newest, ageMs };
}

/** Seconds until the next attempt: 1, 2, 4 .. 30, each a little off, so that screens don't return together. */
export function retryDelayMs(attempt, random) {
  const base = Math.min(30_000, 1000 * 2 ** Math.min(attempt, 5));
  return Math.round(base * (0.75 + 0.5 * random));
}
