// The marks of assets: shape is the family of the class, fill its availability, a badge its trouble.

import { STATUSES } from './store.js';

const PIECES = {
  circle: null,
  square: [[-0.92, -0.74], [0.92, -0.74], [0.92, 0.74], [-0.92, 0.74]],
  triangle: [[0, -1.02], [1.04, 0.8], [-1.04, 0.8]],
  diamond: [[0, -1.1], [1.1, 0], [0, 1.1], [-1.1, 0]],
  hexagon: polygon(6, 1.06, 0),
  pentagon: polygon(5, 1.08, -Math.PI / 2),
  octagon: polygon(8, 1.04, Math.PI / 8),
  wedge: [[-1.04, -0.8], [1.04, -0.8], [0.55, 0.86], [-0.55, 0.86]],
  cross: [[-0.42, -1], [0.42, -1], [0.42, -0.42], [1, -0.42], [1, 0.42], [0.42, 0.42], [0.42, 1], [-0.42, 1], [-0.42, 0.42], [-1, 0.42], [-1, -0.42], [-0.42, -0.42]],
};
export const SHAPES = Object.keys(PIECES);

function polygon(corners, radius, turn) {
  return Array.from({ length: corners }, (_, i) => {
    const angle = turn + (i * 2 * Math.PI) / corners;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}

/** Lays the outline of a shape of radius `r` around (x, y). */
export function trace(ctx, shape, x, y, r) {
  ctx.beginPath();
  const corners = PIECES[shape];
  if (!corners) ctx.arc(x, y, r, 0, 2 * Math.PI);
  else corners.forEach(([cx, cy], i) => (i ? ctx.lineTo(x + cx * r, y + cy * r) : ctx.moveTo(x + cx * r, y + cy * r)));
  ctx.closePath();
}

// What stands inside the shape for each status: fill, pattern, sign.
const MARKS = {
  available: { fill: 'free', sign: 'check' },
  in_use: { line: 'free' },
  dirty: { line: 'work', pattern: 'lower' },
  cleaning: { line: 'work', pattern: 'hatch' },
  maintenance: { line: 'work', pattern: 'crossed' },
  reserved: { fill: 'held', sign: 'bar' },
  missing: { fill: 'alarm', sign: 'alarm' },
  unknown: { line: 'muted', sign: 'question' },
};

/** Draws one glyph; `stale` fades its fill and breaks its outline. */
export function drawGlyph(ctx, shape, statusCode, stale, x, y, r, colours) {
  const mark = MARKS[STATUSES[statusCode]] ?? MARKS.unknown;
  const main = colours[mark.fill ?? mark.line];
  ctx.save();
  ctx.lineJoin = 'round';
  trace(ctx, shape, x, y, r);
  ctx.fillStyle = colours.ground;
  ctx.fill();
  if (mark.fill) {
    ctx.globalAlpha = stale ? 0.5 : 1;
    ctx.fillStyle = main;
    ctx.fill();
    ctx.globalAlpha = 1;
  }
  if (mark.pattern) pattern(ctx, mark.pattern, x, y, r, main);
  if (stale) ctx.setLineDash([r * 0.42, r * 0.3]);
  ctx.strokeStyle = mark.fill && !stale ? colours.edge : main;
  ctx.lineWidth = Math.max(1.5, r * (mark.fill ? 0.1 : 0.2));
  trace(ctx, shape, x, y, r);
  ctx.stroke();
  ctx.setLineDash([]);
  if (mark.sign) sign(ctx, mark.sign, x, shape === 'triangle' ? y + r * 0.2 : y, shape === 'circle' ? r : r * 0.84, stale ? colours.ink : mark.fill ? colours.onfree : main, colours.font);
  ctx.restore();
}

// Glyphs of the map as small pictures: stamping one costs a tenth of tracing it anew.
const STAMPS = new Map();
const STAMPS_MOST = 100;

/** The same as `drawGlyph` on a canvas of `ratio` pixels a unit, from a picture that is kept. */
export function stampGlyph(ctx, shape, statusCode, stale, x, y, r, colours, ratio) {
  const key = `${shape} ${statusCode} ${stale} ${r} ${ratio} ${colours.key}`;
  // The tips of a shape and half of its outline.
  const half = Math.ceil(r * 1.3 * ratio);
  let stamp = STAMPS.get(key);
  if (!stamp) {
    if (STAMPS.size >= STAMPS_MOST) STAMPS.clear();
    const canvas = new OffscreenCanvas(2 * half, 2 * half);
    const own = canvas.getContext('2d');
    own.scale(ratio, ratio);
    drawGlyph(own, shape, statusCode, stale, half / ratio, half / ratio, r, colours);
    // A canvas would be copied for each stamp.
    stamp = canvas.transferToImageBitmap();
    STAMPS.set(key, stamp);
  }
  // On whole pixels it stays sharp, and nothing is to be smoothed.
  ctx.imageSmoothingEnabled = false;
  const at = (place) => (Math.round(place * ratio) - half) / ratio;
  ctx.drawImage(stamp, at(x), at(y), (2 * half) / ratio, (2 * half) / ratio);
}

function pattern(ctx, kind, x, y, r, colour) {
  ctx.save();
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = Math.max(1, r * 0.15);
  if (kind === 'lower') ctx.fillRect(x - 1.2 * r, y, 2.4 * r, 1.2 * r);
  ctx.beginPath();
  if (kind !== 'lower') {
    for (let d = -2.2; d <= 2.2; d += 0.52) {
      ctx.moveTo(x + (d - 1.2) * r, y + 1.2 * r);
      ctx.lineTo(x + (d + 1.2) * r, y - 1.2 * r);
      if (kind === 'crossed') {
        ctx.moveTo(x + (d - 1.2) * r, y - 1.2 * r);
        ctx.lineTo(x + (d + 1.2) * r, y + 1.2 * r);
      }
    }
  }
  ctx.stroke();
  ctx.restore();
}

function sign(ctx, kind, x, y, r, colour, font) {
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineCap = 'round';
  ctx.lineWidth = r * 0.24;
  ctx.beginPath();
  if (kind === 'check') {
    ctx.moveTo(x - r * 0.42, y + r * 0.04);
    ctx.lineTo(x - r * 0.1, y + r * 0.36);
    ctx.lineTo(x + r * 0.46, y - r * 0.34);
    ctx.stroke();
  } else if (kind === 'bar') {
    ctx.moveTo(x - r * 0.46, y);
    ctx.lineTo(x + r * 0.46, y);
    ctx.stroke();
  } else {
    ctx.font = `700 ${r * 1.3}px ${font}`;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText(kind === 'alarm' ? '!' : '?', x, y + r * 0.08);
  }
}

/** Draws a glyph onto a small canvas of its own, sharp at the screen's resolution. */
export function paintGlyph(canvas, shape, statusCode, stale, sizePx, colours) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const key = `${shape} ${statusCode} ${stale} ${sizePx} ${ratio} ${colours.key}`;
  if (canvas.dataset.glyph === key) return;
  canvas.dataset.glyph = key;
  canvas.width = canvas.height = Math.round(sizePx * ratio);
  canvas.style.width = canvas.style.height = `${sizePx}px`;
  const ctx = canvas.getContext('2d');
  ctx.scale(ratio, ratio);
  drawGlyph(ctx, shape, statusCode, stale, sizePx / 2, sizePx / 2, sizePx * 0.41, colours);
}
