// The two pages over the display: what stops it from starting, and how to read it.

import { byId, button, make } from './dom.js';
import { shapeOf, className } from './classes.js';
import { paintGlyph } from './glyphs.js';
import { loginUrl } from './server.js';
import { AVAILABLE, STATUSES } from './store.js';

/** Every wrong parameter with what would be right. */
export function showConfigPage(bad, text) {
  const parts = bad.map(({ name, value, valid }) => {
    const part = make('div', 'wrong');
    const known = name !== undefined && !valid.includes('ward');
    part.append(make('h2', '', known ? text.t('stop.config.bad', { name, value }) : text.t('stop.config.unknown', { name })));
    const line = make('p', 'valid', `${text.t('stop.config.valid')} `);
    line.append(...valid.map((word) => make('code', '', word)));
    part.append(line);
    return part;
  });
  const without = button('plain', text.t('stop.config.without'), () => {
    const url = new URL(window.location.href);
    for (const { name } of bad) url.searchParams.delete(name);
    window.location.assign(url);
  });
  stop(text.t('stop.config'), text.t('stop.config.why'), [...parts, without]);
}

export function showRefusedPage(text) {
  const link = make('a', 'plain', text.t('stop.refused.login'));
  link.href = loginUrl(window.location);
  stop(text.t('stop.refused'), text.t('stop.refused.why'), [link]);
}

export function hideStopPage() {
  const page = byId('stop');
  if (page.hidden) return;
  page.hidden = true;
  page.replaceChildren();
}

function stop(title, why, parts) {
  const page = byId('stop');
  if (!page.hidden && page.dataset.title === title) return;
  page.dataset.title = title;
  const inner = make('div', 'inner');
  inner.append(make('h1', '', title), make('p', '', why), ...parts);
  page.replaceChildren(inner);
  page.hidden = false;
}

/** The legend: the marks as they are drawn, and what can be done. */
export function openHelp(text, colours, unit, classes) {
  const dialog = byId('help');
  const size = Math.round(Math.max(22, unit * 0.8));
  const row = (paint, words) => {
    const line = make('li');
    const canvas = make('canvas');
    paint(canvas);
    line.append(canvas, make('span', '', words));
    return line;
  };
  const shapes = make('ul', 'legend');
  shapes.append(...classes.map((id) => row((canvas) => paintGlyph(canvas, shapeOf(id), AVAILABLE, false, size, colours), className(id, text))));
  const fills = make('ul', 'legend');
  fills.append(...STATUSES.map((status, code) => row((canvas) => paintGlyph(canvas, 'circle', code, false, size, colours), text.t(`status.${status}`))));
  const notes = make('ul', 'rules');
  for (const key of ['count', 'room', 'dots', 'stale', 'lost', 'metres', 'tap', 'reserve', 'keys']) notes.append(make('li', '', text.t(`help.${key}`)));
  dialog.replaceChildren(
    make('h1', '', text.t('help.title')),
    make('p', '', text.t('help.shape')),
    shapes,
    fills,
    notes,
    make('p', 'strong', text.t('help.alarm')),
    button('plain', text.t('button.close'), () => dialog.close()),
  );
  if (!dialog.open) dialog.showModal();
}

