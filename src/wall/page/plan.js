// The floor plan on its own canvas: rooms by kind, doors, lifts and stairs, and names where they fit.

import { roomAt } from './site.js';

const KINDS = {
  patient: 'room-patient', corridor: 'room-corridor', storage: 'room-storage', clean_utility: 'room-clean',
  soiled_utility: 'room-soiled', operating_theatre: 'room-theatre', emergency: 'room-emergency',
  diagnostics: 'room-diagnostics', nurse_station: 'room-station', workshop: 'room-storage',
  linen: 'room-clean', waste: 'room-soiled', waiting: 'room-corridor', entrance: 'room-corridor',
  lift: 'room-shaft', stairs: 'room-shaft', toilet: 'room-quiet', changing: 'room-quiet',
  rest: 'room-quiet', prayer: 'room-quiet',
};

/** Draws one floor. `unit` is the page's unit in pixels, `ward` the one to bring forward, or null. */
export function drawPlan(ctx, floor, view, colours, unit, ward) {
  ctx.clearRect(0, 0, view.width, view.height);
  if (!floor) return;
  ctx.lineJoin = 'round';
  for (const rings of floor.outlines) {
    ring(ctx, view, rings);
    ctx.fillStyle = colours['room-corridor'];
    ctx.fill('evenodd');
  }
  for (const room of floor.rooms) {
    ring(ctx, view, room.rings);
    ctx.fillStyle = colours[KINDS[room.kind] ?? 'room'];
    ctx.fill('evenodd');
  }
  ctx.strokeStyle = colours.wall;
  ctx.lineWidth = Math.max(1, Math.min(4, view.scale * 0.14));
  for (const room of floor.rooms) {
    ring(ctx, view, room.rings);
    ctx.stroke();
  }
  drawDoors(ctx, floor, view, colours);
  ctx.strokeStyle = colours.outline;
  ctx.lineWidth = Math.max(2, Math.min(7, view.scale * 0.28));
  for (const rings of floor.outlines) {
    ring(ctx, view, rings);
    ctx.stroke();
  }
  for (const room of floor.rooms) {
    if (room.kind === 'lift') liftSign(ctx, view, room, colours);
    if (room.kind === 'stairs') stairSign(ctx, view, room, colours);
  }
  if (ward) dimOthers(ctx, floor, view, colours, ward);
  for (const room of floor.rooms) roomName(ctx, view, room, colours, unit);
}

/** Hatches the rooms that nobody listens in, and says since when where there is space. */
export function drawUncovered(ctx, floor, view, colours, unit, uncovered, words) {
  const gap = Math.max(6, unit * 0.28);
  for (const room of floor.rooms) {
    const since = uncovered.get(room.id);
    if (since === undefined) continue;
    ctx.save();
    ring(ctx, view, room.rings);
    ctx.clip('evenodd');
    const [left, right] = [view.toX(room.box.minX), view.toX(room.box.maxX)];
    const [top, bottom] = [view.toY(room.box.maxY), view.toY(room.box.minY)];
    ctx.strokeStyle = colours.muted;
    ctx.lineWidth = Math.max(1, unit * 0.04);
    ctx.beginPath();
    for (let x = left - (bottom - top); x < right; x += gap) {
      ctx.moveTo(x, bottom);
      ctx.lineTo(x + bottom - top, top);
    }
    ctx.stroke();
    ctx.restore();
    const size = Math.max(11, unit * 0.36);
    ctx.font = `700 ${size}px ${colours.font}`;
    const said = words(since);
    if (ctx.measureText(said).width > right - left - 6) continue;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'bottom';
    ctx.lineWidth = size * 0.3;
    ctx.strokeStyle = colours.ground;
    ctx.strokeText(said, (left + right) / 2, bottom - 3);
    ctx.fillStyle = colours.ink;
    ctx.fillText(said, (left + right) / 2, bottom - 3);
  }
}

/** The names of the wards, at the outer end of each where nothing lies, else over its middle. */
export function drawWardNames(ctx, site, floor, view, colours, unit) {
  const size = unit * 0.6;
  const middle = (floor.box.minY + floor.box.maxY) / 2;
  ctx.font = `700 ${size}px ${colours.font}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  for (const ward of site.wards.values()) {
    const part = ward.floors.get(floor.number);
    if (!part) continue;
    const x = (part.box.minX + part.box.maxX) / 2;
    const north = (part.box.minY + part.box.maxY) / 2 > middle;
    const end = north ? part.box.maxY : part.box.minY;
    const clear = !roomAt(floor, x, end + (north ? 3 : -3));
    let py = clear ? view.toY(end) + (north ? -0.8 : 0.85) * size : view.toY(part.y);
    // The end may lie off the screen while the ward is on it.
    if (view.toY(part.box.minY) > size * 2 && view.toY(part.box.maxY) < view.height - size * 2) {
      py = Math.max(size * 0.75, Math.min(view.height - size * 0.75, py));
    }
    ctx.lineWidth = size * 0.28;
    ctx.strokeStyle = colours.ground;
    ctx.strokeText(ward.id, view.toX(x), py);
    ctx.fillStyle = colours.ink;
    ctx.fillText(ward.id, view.toX(x), py);
  }
}

/** Lays the outline of a polygon. */
export function ring(ctx, view, rings) {
  ctx.beginPath();
  for (const points of rings) {
    points.forEach(([x, y], i) => (i ? ctx.lineTo(view.toX(x), view.toY(y)) : ctx.moveTo(view.toX(x), view.toY(y))));
    ctx.closePath();
  }
}

function drawDoors(ctx, floor, view, colours) {
  if (view.scale < 5) return;
  ctx.strokeStyle = colours['room-corridor'];
  ctx.lineWidth = Math.max(2, Math.min(6, view.scale * 0.24));
  ctx.beginPath();
  for (const door of floor.doors) {
    ctx.moveTo(view.toX(door.x1), view.toY(door.y1));
    ctx.lineTo(view.toX(door.x2), view.toY(door.y2));
  }
  ctx.stroke();
}

function dimOthers(ctx, floor, view, colours, ward) {
  ctx.globalAlpha = 0.55;
  ctx.fillStyle = colours.ground;
  for (const room of floor.rooms) {
    if (room.ward === ward || room.kind === 'corridor') continue;
    ring(ctx, view, room.rings);
    ctx.fill('evenodd');
  }
  ctx.globalAlpha = 1;
}

function signSize(view, room) {
  return Math.min((room.box.maxX - room.box.minX) * 0.3, (room.box.maxY - room.box.minY) * 0.3, 1.3) * view.scale;
}

function liftSign(ctx, view, room, colours) {
  const r = signSize(view, room);
  if (r < 4) return;
  const x = view.toX(room.x);
  const y = view.toY(room.y) - (r > 12 ? r * 0.4 : 0);
  ctx.fillStyle = colours.muted;
  for (const up of [-1, 1]) {
    ctx.beginPath();
    ctx.moveTo(x - r * 0.6, y + up * r * 0.22);
    ctx.lineTo(x + r * 0.6, y + up * r * 0.22);
    ctx.lineTo(x, y + up * r);
    ctx.fill();
  }
}

function stairSign(ctx, view, room, colours) {
  const r = signSize(view, room);
  if (r < 4) return;
  const x = view.toX(room.x);
  const y = view.toY(room.y) - (r > 12 ? r * 0.4 : 0);
  ctx.strokeStyle = colours.muted;
  ctx.lineWidth = Math.max(1.5, r * 0.18);
  ctx.beginPath();
  ctx.moveTo(x - r, y + r * 0.8);
  for (let step = 0; step < 4; step += 1) {
    ctx.lineTo(x - r + step * r * 0.5, y + r * 0.8 - (step + 1) * r * 0.4);
    ctx.lineTo(x - r + (step + 1) * r * 0.5, y + r * 0.8 - (step + 1) * r * 0.4);
  }
  ctx.stroke();
}

/** One or two lines in the room's middle, or none: a name is whole or not there. */
function roomName(ctx, view, room, colours, unit) {
  const width = (room.box.maxX - room.box.minX) * view.scale - 8;
  const height = (room.box.maxY - room.box.minY) * view.scale - 6;
  const upright = room.kind === 'corridor' && height > width;
  const [along, across] = upright ? [height, width] : [width, height];
  if (!room.square && room.kind !== 'corridor') return;
  const shaft = room.kind === 'lift' || room.kind === 'stairs';
  const largest = unit * (room.kind === 'corridor' ? 0.5 : 0.6);
  const least = Math.max(11, unit * 0.3);
  const fit = fitLines(ctx, splitName(room.name), along, shaft ? across * 0.45 : across, largest, least, colours.font);
  if (!fit) return;
  ctx.save();
  ctx.translate(view.toX(room.x), view.toY(room.y) + (shaft ? height * 0.26 : 0));
  if (upright) ctx.rotate(-Math.PI / 2);
  ctx.font = `500 ${fit.size}px ${colours.font}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.fillStyle = colours.muted;
  fit.lines.forEach((line, i) => ctx.fillText(line, 0, (i - (fit.lines.length - 1) / 2) * fit.size * 1.15));
  ctx.restore();
}

/** The name on one line, and on two where it has a space to break at. */
function splitName(name) {
  const words = name.split(' ');
  const ways = [[name]];
  for (let i = 1; i < words.length; i += 1) ways.push([words.slice(0, i).join(' '), words.slice(i).join(' ')]);
  return ways;
}

function fitLines(ctx, ways, width, height, largest, least, font) {
  let best = null;
  for (const lines of ways) {
    ctx.font = `500 100px ${font}`;
    const widest = Math.max(...lines.map((line) => ctx.measureText(line).width));
    const size = Math.min(largest, (width / widest) * 100, height / (lines.length * 1.2));
    if (size >= least && (!best || size > best.size * 1.05)) best = { lines, size };
  }
  return best;
}
