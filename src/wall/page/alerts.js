// What a ward must act on: few rows, one for each cause, the gravest first.

/** More rows are one line that counts them; more names in a row are a number. */
const ROWS_MOST = 3;
const NAMES_MOST = 3;
const ASK_EVERY_MS = 5000;

/**
 * `[{kind, severity, acknowledged, names, sinceMs}]` of what `/api/v1/alerts` tells, each cause once: what
 * nobody sees to comes first, of that the critical, of that what is oldest. `nameOf`: what one is about.
 */
export function grouped(alerts, nameOf) {
  const groups = new Map();
  for (const alert of alerts) {
    const acknowledged = alert.state === 'acknowledged';
    const key = `${alert.kind} ${alert.severity} ${acknowledged}`;
    const sinceMs = Date.parse(alert.opened_at);
    const group = groups.get(key) ?? { kind: alert.kind, severity: alert.severity, acknowledged, names: [], sinceMs };
    groups.set(key, group);
    group.names.push(nameOf(alert));
    group.sinceMs = Math.min(group.sinceMs, sinceMs);
  }
  const order = (group) => (group.acknowledged ? 2 : 0) + (group.severity === 'critical' ? 0 : 1);
  return [...groups.values()].sort((a, b) => order(a) - order(b) || a.sinceMs - b.sinceMs);
}

/** The words of a row: what is wrong, with what, and since when, or that somebody sees to it. */
export function wordsOf(group, text, nowMs) {
  const key = `alert.${group.kind}.${group.severity}`;
  const rest = group.names.length - NAMES_MOST;
  const names = group.names.slice(0, NAMES_MOST).join(', ');
  const age = text.t('alert.since', { age: text.age(nowMs - group.sinceMs) });
  return {
    what: text.t(text.has(key) ? key : `alert.${group.kind}`),
    names: rest > 0 ? text.t('alert.names', { names, n: rest }) : names,
    more: group.acknowledged ? [text.t('alert.acknowledged'), age].join(' · ') : age,
  };
}

/** The groups that are shown, and how many are not. */
export function shownOf(groups) {
  const shown = groups.slice(0, ROWS_MOST);
  return { shown, rest: groups.length - shown.length };
}

/** Asks every few seconds what a ward must act on; without an answer the last one stays. */
export class Alerts {
  constructor(server, changed) {
    this.server = server;
    this.changed = changed;
    this.list = [];
    this.ward = null;
  }

  /** Another ward: what was known is of no use. */
  of(ward) {
    if (ward === this.ward) return;
    this.ward = ward;
    this.list = [];
    this.ask();
  }

  start() {
    setInterval(() => this.ask(), ASK_EVERY_MS);
  }

  async ask() {
    const ward = this.ward;
    if (!ward) return;
    try {
      const query = `state=open,acknowledged&ward=${encodeURIComponent(ward)}&limit=100`;
      const { alerts } = await this.server.get(`/api/v1/alerts?${query}`);
      if (ward !== this.ward) return;
      this.list = alerts;
      this.changed();
    } catch (refusal) {
      // Who may no longer see them shows none; else the lamp says that there is no connection.
      if (refusal.status === 401 || refusal.status === 403) this.list = [];
    }
  }
}
