// Where words go that belong to a point: beside it, where they cover nothing that is drawn already.

// Places around the point, the first that is clear being taken: below and above before the sides, near before far.
const PLACES = [1, 2.2, 3.4, 4.6].flatMap((far) => [[0, far], [0, -far], [1, far * 0.5], [-1, far * 0.5], [1, -far * 0.5], [-1, -far * 0.5]]);

/**
 * The middle of a plate of `width` x `height` at a distance of `gap` from `x`, `y`, as `{x, y, place}`. `boxes` is what
 * it must not cover: `{x, y, rx, ry}`, their middles and half sides; `before` is the place of last time, which stays
 * while it is clear, so that nothing jumps about. Where no place is clear, the one that covers least.
 */
export function placeLabel({ x, y, width, height, gap }, boxes, view, before) {
  const order = PLACES[before] ? [before, ...PLACES.keys()] : [...PLACES.keys()];
  let best = null;
  for (const place of order) {
    const [side, far] = PLACES[place];
    const at = { x: x + side * (gap + width / 2), y: y + far * (side === 0 ? gap + height / 2 : height), place };
    const covered = coveredBy(at, width, height, boxes) + outside(at, width, height, view) * 4;
    if (covered === 0) return at;
    if (!best || covered < best.covered) best = { ...at, covered };
  }
  return { x: best.x, y: best.y, place: best.place };
}

/** How much of the plate the boxes cover, square pixels. */
function coveredBy(at, width, height, boxes) {
  let sum = 0;
  for (const box of boxes) {
    const across = width / 2 + box.rx - Math.abs(at.x - box.x);
    const along = height / 2 + box.ry - Math.abs(at.y - box.y);
    if (across > 0 && along > 0) sum += Math.min(across, width) * Math.min(along, height);
  }
  return sum;
}

/** How much of it lies beyond the map's edge, square pixels. */
function outside(at, width, height, view) {
  const across = Math.max(0, width / 2 - at.x, at.x + width / 2 - view.width);
  const along = Math.max(0, height / 2 - at.y, at.y + height / 2 - view.height);
  return across * height + along * width;
}
