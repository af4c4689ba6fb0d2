// What stands beside glyphs on the map: counts of a room, numbers of the answers, ages, "you are here".

import { drawGlyph } from './glyphs.js';
import { placeLabel } from './label.js';

/** A glyph and a count in one capsule; answers the box it covers. */
export function drawPill(ctx, scene, { x, y, r, shape, status, stale, count, rank }) {
  const { colours } = scene;
  const label = String(count);
  ctx.font = `700 ${r * 1.45}px ${colours.font}`;
  const width = r * 2.5 + ctx.measureText(label).width + r * 0.75;
  const x1 = x - width / 2;
  capsule(ctx, x1, y - r * 1.28, width, r * 2.56);
  ctx.fillStyle = colours.ground;
  ctx.fill();
  ctx.strokeStyle = colours.free;
  ctx.lineWidth = Math.max(2, r * 0.11);
  if (stale) ctx.setLineDash([r * 0.4, r * 0.3]);
  ctx.stroke();
  ctx.setLineDash([]);
  drawGlyph(ctx, shape, status, stale, x1 + r * 1.35, y, r * 0.92, colours);
  ctx.font = `700 ${r * 1.45}px ${colours.font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.fillStyle = colours.ink;
  ctx.fillText(label, x1 + r * 2.5, y + r * 0.08);
  if (Number.isFinite(rank)) drawTag(ctx, scene, x1 + width, y - r * 1.28, String(rank + 1), r * 0.95, true);
  return { x1, x2: x1 + width };
}

/** A small plate with words; `strong` for the numbers that the cards bear too. */
export function drawTag(ctx, scene, x, y, words, size, strong) {
  const { colours } = scene;
  const width = tagWidth(ctx, colours, words, size);
  capsule(ctx, x - width / 2, y - size * 0.68, width, size * 1.36);
  ctx.fillStyle = strong ? colours.ink : colours.panel;
  ctx.fill();
  ctx.strokeStyle = colours.ground;
  ctx.lineWidth = Math.max(1.5, size * 0.1);
  ctx.stroke();
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.fillStyle = strong ? colours.ground : colours.ink;
  ctx.fillText(words, x, y + size * 0.05);
}

/** Where the one stands who asks. */
export function drawHere(ctx, scene) {
  const { colours, unit, view, origin } = scene;
  const x = view.toX(origin.x);
  const y = view.toY(origin.y);
  const r = unit * 0.24;
  ctx.beginPath();
  ctx.arc(x, y, r * 2, 0, 6.2832);
  ctx.fillStyle = colours.here;
  ctx.globalAlpha = 0.25;
  ctx.fill();
  ctx.globalAlpha = 1;
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 6.2832);
  ctx.fill();
  ctx.strokeStyle = colours.ground;
  ctx.lineWidth = r * 0.3;
  ctx.stroke();
}

/** Says so, after all else is drawn and beside what is; answers the place for the next time. */
export function drawHereName(ctx, scene, boxes, before) {
  const { colours, unit, view, origin, text } = scene;
  const [words, size] = [text.t('map.here'), unit * 0.5];
  const [x, y] = [view.toX(origin.x), view.toY(origin.y)];
  const plate = { x, y, width: tagWidth(ctx, colours, words, size), height: size * 1.36, gap: unit * 0.58 };
  const at = placeLabel(plate, boxes, view, before);
  // Away from its point it is tied to it.
  if (Math.abs(at.y - y) > plate.height * 1.6) {
    ctx.beginPath();
    ctx.moveTo(x, y + Math.sign(at.y - y) * unit * 0.24);
    ctx.lineTo(at.x, at.y);
    ctx.strokeStyle = colours.here;
    ctx.lineWidth = Math.max(2, unit * 0.05);
    ctx.stroke();
  }
  drawTag(ctx, scene, at.x, at.y, words, size, false);
  return at.place;
}

function tagWidth(ctx, colours, words, size) {
  ctx.font = `700 ${size}px ${colours.font}`;
  return Math.max(size * 1.35, ctx.measureText(words).width + size * 0.7);
}

/** The way on the floor that is shown; dashed to where only the room is known. A plate names the floor it goes on to. */
export function drawRoute(ctx, scene) {
  const { colours, unit, view, route, floor, site } = scene;
  const r = unit * 0.5;
  ctx.beginPath();
  const leaves = [];
  route.path.forEach(([x, y, number], i) => {
    if (number !== floor.number) return;
    const before = route.path[i - 1];
    const after = route.path[i + 1];
    const px = view.toX(x);
    const py = view.toY(y);
    if (before?.[2] === number) ctx.lineTo(px, py);
    else ctx.moveTo(px, py);
    const other = [before, after].find((point) => point && point[2] !== number);
    if (other) leaves.push({ px, py, other: other[2] });
  });
  ctx.lineJoin = ctx.lineCap = 'round';
  for (const [colour, width] of [[colours.ground, 0.24], [colours.here, 0.13]]) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = unit * width;
    if (route.vague) ctx.setLineDash([unit * 0.3, unit * 0.35]);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.lineJoin = 'miter';
  ctx.lineCap = 'butt';
  for (const { px, py, other } of leaves) {
    const label = site.floors.find((f) => f.number === other)?.label ?? String(other);
    drawTag(ctx, scene, px, py - r * 1.4, `${other > floor.number ? '\u25b2' : '\u25bc'} ${label}`, r, false);
  }
}

function capsule(ctx, x, y, width, height) {
  ctx.beginPath();
  ctx.roundRect(x, y, width, height, height / 2);
}
