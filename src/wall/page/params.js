// The parameters of the page's address: read, checked, and the bad ones named with what is valid.

const RULES = {
  ward: { kind: 'site' },
  floor: { kind: 'site' },
  at: { kind: 'site' },
  types: { kind: 'list' },
  lang: { kind: 'one', of: ['da', 'en'] },
  theme: { kind: 'one', of: ['auto', 'dark', 'light'] },
  diag: { kind: 'number', from: 5, to: 200 },
  dist: { kind: 'number', from: 0.3, to: 20 },
  motion: { kind: 'one', of: ['0', '1'] },
  kiosk: { kind: 'one', of: ['0', '1'] },
  test: { kind: 'one', of: ['0', '1'] },
  asset: { kind: 'text' },
  rotate: { kind: 'rotate' },
};

/** `{values, bad}`: what can be known before the site is; `bad` holds `{name, value, valid}`. */
export function readParams(query) {
  const given = new URLSearchParams(query);
  const values = { types: [] };
  const bad = [];
  for (const [name, raw] of given) {
    const value = raw.trim();
    const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
    if (!rule) bad.push({ name, value, valid: Object.keys(RULES) });
    else if (value === '') continue;
    else if (rule.kind === 'one' && !rule.of.includes(value)) bad.push({ name, value, valid: rule.of });
    else if (rule.kind === 'number') {
      const number = Number(value.replace(',', '.'));
      if (number >= rule.from && number <= rule.to) values[name] = number;
      else bad.push({ name, value, valid: [`${rule.from} - ${rule.to}`] });
    } else if (rule.kind === 'rotate') {
      const seconds = Number(/^floors:(\d+)$/.exec(value)?.[1]);
      if (seconds >= 5 && seconds <= 3600) values.rotateMs = seconds * 1000;
      else bad.push({ name, value, valid: ['floors:5', '...', 'floors:3600'] });
    } else if (rule.kind === 'list') values[name] = value.split(',').map((s) => s.trim()).filter(Boolean);
    else values[name] = value;
  }
  return { values, bad };
}

/** Checks what only the site can tell, and resolves it: `{floor, ward, at, bad}`. */
export function resolveSite(values, site) {
  const bad = [];
  const found = { floor: null, ward: null, at: null };
  if (values.floor !== undefined) {
    const floor = site.floors.find((f) => f.label === values.floor) ?? site.floors.find((f) => String(f.number) === values.floor);
    if (floor) found.floor = floor.number;
    else bad.push({ name: 'floor', value: values.floor, valid: site.floors.map((f) => f.label) });
  }
  if (values.ward !== undefined) {
    const ward = [...site.wards.keys()].find((id) => id.toLowerCase() === values.ward.toLowerCase());
    if (ward) found.ward = ward;
    else bad.push({ name: 'ward', value: values.ward, valid: [...site.wards.keys()] });
  }
  if (values.at !== undefined) {
    const room = site.rooms.get(values.at);
    if (room) found.at = room;
    else bad.push({ name: 'at', value: values.at, valid: [...site.rooms.keys()] });
  }
  return { ...found, bad };
}

/** The classes that `types` means: whole ids or a word of one (`pump`); in the order given. */
export function resolveTypes(wanted, classes) {
  const found = [];
  const bad = [];
  for (const name of wanted) {
    const word = name.toLowerCase();
    const hits = classes.includes(word) ? [word] : classes.filter((id) => id.split(/[-_.]/).includes(word));
    if (hits.length === 0 && classes.length > 0) bad.push({ name: 'types', value: name, valid: classes });
    for (const id of hits) if (!found.includes(id)) found.push(id);
  }
  return { classes: found, bad };
}

/**
 * The unit of all sizes in CSS pixels: a capital letter under 20 minutes of arc, seen from `dist`
 * metres on a screen of `diag` inches; without them a fortieth or so of the screen.
 */
export function unitPx({ diag, dist }, width, height) {
  if (!diag && !dist) return Math.max(13, width < height ? Math.min(width / 28, height / 48) : Math.min(width / 42, height / 23.6));
  const letterMm = 2 * (dist ?? 4) * 1000 * Math.tan((20 / 60 / 2) * (Math.PI / 180));
  const pitchMm = ((diag ?? 55) * 25.4) / Math.hypot(width, height);
  const wanted = letterMm / (0.7 * pitchMm);
  // Past this the layout itself no longer fits.
  return Math.max(13, Math.min(wanted, Math.max(width, height) / 30, Math.min(width, height) / 17));
}
