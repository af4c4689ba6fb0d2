// Where on the floor the map looks: metres to pixels and back, moved by hand, wheel, pinch and keys.

const MAX_SCALE = 140;

export class View {
  constructor() {
    this.x = 0;
    this.y = 0;
    this.scale = 10;
    this.width = 1;
    this.height = 1;
    this.box = null;
    this.fitted = true;
  }

  toX(x) {
    return this.width / 2 + (x - this.x) * this.scale;
  }

  toY(y) {
    return this.height / 2 - (y - this.y) * this.scale;
  }

  atX(px) {
    return this.x + (px - this.width / 2) / this.scale;
  }

  atY(py) {
    return this.y - (py - this.height / 2) / this.scale;
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    if (this.fitted && this.box) this.fit(this.box);
  }

  /** Shows the whole of `box` and remembers it as home. */
  fit(box) {
    this.box = box;
    if (!(box.maxX > box.minX)) return;
    // Room for the names of wards outside their ends.
    const margin = Math.min(this.width, this.height) * 0.055;
    this.scale = this.fitScale(box, margin);
    this.x = (box.minX + box.maxX) / 2;
    this.y = (box.minY + box.maxY) / 2;
    this.fitted = true;
  }

  fitScale(box, margin) {
    return Math.min((this.width - 2 * margin) / (box.maxX - box.minX), (this.height - 2 * margin) / (box.maxY - box.minY), MAX_SCALE);
  }

  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const x = this.atX(px);
    const y = this.atY(py);
    const least = this.box ? this.fitScale(this.box, 0) * 0.5 : 1;
    this.scale = Math.max(least, Math.min(MAX_SCALE, this.scale * factor));
    this.x = x - (px - this.width / 2) / this.scale;
    this.y = y + (py - this.height / 2) / this.scale;
    this.fitted = false;
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
    this.fitted = false;
  }

  /** Moves only as far as needed to have the point well inside. */
  reveal(x, y) {
    const margin = Math.min(this.width, this.height) * 0.18;
    const px = this.toX(x);
    const py = this.toY(y);
    const dx = px < margin ? margin - px : px > this.width - margin ? this.width - margin - px : 0;
    const dy = py < margin ? margin - py : py > this.height - margin ? this.height - margin - py : 0;
    if (dx || dy) this.pan(dx, dy);
  }
}

/** Lets fingers, mouse and wheel move `view`; `changed()` after each step, `tapped(px, py)` for a tap. */
export function attachHands(element, view, changed, tapped) {
  const down = new Map();
  let travelled = 0;
  const local = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    if (down.size === 0) travelled = 0;
    down.set(event.pointerId, local(event));
  });
  element.addEventListener('pointermove', (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const now = local(event);
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (down.size === 1 && travelled > 6) view.pan(now.x - before.x, now.y - before.y);
    if (down.size === 2) pinch(view, down, event.pointerId, now);
    down.set(event.pointerId, now);
    if (travelled > 6) changed();
  });
  const up = (event) => {
    const at = down.get(event.pointerId);
    down.delete(event.pointerId);
    if (at && event.type === 'pointerup' && travelled <= 6 && down.size === 0) tapped(at.x, at.y);
  };
  element.addEventListener('pointerup', up);
  element.addEventListener('pointercancel', up);
  element.addEventListener('wheel', (event) => {
    event.preventDefault();
    const at = local(event);
    view.zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)), at.x, at.y);
    changed();
  }, { passive: false });
}

function pinch(view, down, movedId, now) {
  const [otherId] = [...down.keys()].filter((id) => id !== movedId);
  const other = down.get(otherId);
  const before = down.get(movedId);
  const was = Math.hypot(before.x - other.x, before.y - other.y);
  const is = Math.hypot(now.x - other.x, now.y - other.y);
  view.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  if (was > 10) view.zoom(is / was, (now.x + other.x) / 2, (now.y + other.y) / 2);
}
