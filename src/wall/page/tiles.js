// The strip of types: one touch asks for the nearest free one of a type.

import { byId, button, icon, make, pool, setData, setName, setText } from './dom.js';
import { AVAILABLE } from './store.js';
import { className, shapeOf } from './classes.js';
import { paintGlyph } from './glyphs.js';

export class Tiles {
  constructor(ask) {
    this.ask = ask;
    this.holder = byId('tiles');
    this.row = make('div', 'row');
    this.more = button('tile more', '', () => this.turn());
    this.more.append(icon('more'));
    this.more.hidden = true;
    this.holder.append(this.row, this.more);
    this.page = 0;
    this.chosen = null;
  }

  turn() {
    this.page += 1;
    this.show(this.last);
  }

  /** `scene`: `{classes, counts, query, text, colours, unit, hidden, perPage}`; `classes` in the order to show. */
  show(scene) {
    this.last = scene;
    const { classes, counts, query, text, colours, unit } = scene;
    const perPage = Math.max(1, Math.min(scene.perPage, classes.length));
    const pages = Math.max(1, Math.ceil(classes.length / perPage));
    if (query.classId !== this.chosen) {
      this.chosen = query.classId;
      const at = classes.indexOf(query.classId);
      if (at >= 0) this.page = Math.floor(at / perPage);
    }
    this.page %= pages;
    const start = Math.min(this.page * perPage, Math.max(0, classes.length - perPage));
    const shown = classes.slice(start, start + perPage);
    setName(this.holder, text.t('tiles'));
    setName(this.more, text.t('tiles.more'));
    this.more.hidden = pages === 1;
    const tiles = pool(this.row, shown.length, () => this.makeTile());
    shown.forEach((id, i) => {
      const tile = tiles[i];
      const { free, total } = counts.get(id) ?? { free: 0, total: 0 };
      setData(tile, 'class', id);
      setData(tile, 'free', free > 0 && !scene.hidden ? 'some' : 'none');
      tile.setAttribute('aria-pressed', String(id === query.classId && !query.words.trim()));
      setName(tile, text.t('tiles.label', { type: className(id, text), free, total }));
      paintGlyph(tile.glyph, shapeOf(id), AVAILABLE, false, Math.round(unit * 0.95), colours);
      setText(tile.free, scene.hidden ? '–' : String(free));
      setText(tile.total, ` / ${total}`);
      setText(tile.kind, className(id, text, '.short'));
    });
  }

  makeTile() {
    const tile = button('tile', '', () => this.ask(tile.dataset.class));
    tile.glyph = make('canvas', 'glyph');
    tile.free = make('strong');
    tile.total = make('span', 'total');
    tile.kind = make('span', 'type');
    const numbers = make('span', 'numbers');
    numbers.append(tile.free, tile.total);
    const words = make('span', 'words');
    words.append(numbers, tile.kind);
    tile.append(tile.glyph, words);
    return tile;
  }
}
