// The building as the page needs it: floors, rooms, doors and wards, read from the server's GeoJSON.

import { fold } from './words.js';

/** `{floors, rooms: Map id -> room, wards: Map id -> ward}`; a floor has `rooms`, `doors`, `outlines`, `box`. */
export async function loadSite(floors, get) {
  const loaded = await Promise.all(floors.map((floor) => get(`/api/v1/floors/${floor.number}`)));
  return buildSite(floors, loaded);
}

export function buildSite(floors, collections) {
  const site = { floors: [], rooms: new Map(), wards: new Map() };
  floors.forEach((entry, i) => site.floors.push(readFloor(site, entry, collections[i].features ?? [])));
  site.floors.sort((a, b) => a.number - b.number);
  return site;
}

function readFloor(site, entry, features) {
  const floor = { number: entry.number, label: entry.label ?? String(entry.number), rooms: [], doors: [], outlines: [], box: emptyBox() };
  const doors = [];
  for (const { id, geometry, properties } of features) {
    if (properties.feature === 'outline') {
      floor.outlines.push(geometry.coordinates);
      growBox(floor.box, geometry.coordinates[0]);
    } else if (properties.feature === 'room') {
      const room = readRoom(id, geometry.coordinates, properties);
      room.floorLabel = floor.label;
      floor.rooms.push(room);
      site.rooms.set(id, room);
      growBox(floor.box, room.rings[0]);
    } else if (properties.feature === 'door') doors.push({ at: geometry.coordinates, rooms: properties.rooms });
  }
  for (const door of doors) {
    const wall = wallAt(door, site.rooms);
    if (wall) floor.doors.push(wall);
  }
  for (const room of floor.rooms) if (room.ward) joinWard(site.wards, room);
  return floor;
}

function readRoom(id, rings, properties) {
  const box = growBox(emptyBox(), rings[0]);
  const area = Math.abs(areaOf(rings[0]));
  const middle = properties.label ?? centreOf(rings[0], box);
  return {
    id, rings, box, area,
    name: properties.name,
    folded: ` ${fold(properties.name)} ${fold(id)} ${fold(properties.ward ?? '')} `,
    kind: properties.kind,
    ward: properties.ward ?? null,
    floor: properties.floor,
    x: middle[0],
    y: middle[1],
    // Only a room that nearly fills its box can carry words in its middle.
    square: area / Math.max(1e-6, (box.maxX - box.minX) * (box.maxY - box.minY)) > 0.8,
  };
}

function joinWard(wards, room) {
  const ward = wards.get(room.ward) ?? { id: room.ward, floors: new Map() };
  wards.set(room.ward, ward);
  const part = ward.floors.get(room.floor) ?? { box: emptyBox(), rooms: [], x: 0, y: 0, area: 0 };
  ward.floors.set(room.floor, part);
  part.rooms.push(room);
  growBox(part.box, room.rings[0]);
  part.x = (part.x * part.area + room.x * room.area) / (part.area + room.area);
  part.y = (part.y * part.area + room.y * room.area) / (part.area + room.area);
  part.area += room.area;
}

/** The ward's middle on the floor where most of it lies: `{x, y, floor}`. */
export function wardCentre(ward) {
  let best = null;
  for (const [floor, part] of ward.floors) if (!best || part.area > best.area) best = { x: part.x, y: part.y, floor, area: part.area };
  return best;
}

/** The room of a floor that holds a point. */
export function roomAt(floor, x, y) {
  return floor.rooms.find((room) => x >= room.box.minX && x <= room.box.maxX && y >= room.box.minY && y <= room.box.maxY && inside(room.rings[0], x, y)) ?? null;
}

function inside(ring, x, y) {
  let within = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
    const [ax, ay] = ring[i];
    const [bx, by] = ring[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

export function emptyBox() {
  return { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity };
}

export function growBox(box, points) {
  for (const [x, y] of points) {
    if (x < box.minX) box.minX = x;
    if (x > box.maxX) box.maxX = x;
    if (y < box.minY) box.minY = y;
    if (y > box.maxY) box.maxY = y;
  }
  return box;
}

function areaOf(ring) {
  let twice = 0;
  for (let i = 0; i + 1 < ring.length; i += 1) twice += ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
  return twice / 2;
}

function centreOf(ring, box) {
  const middle = [(box.minX + box.maxX) / 2, (box.minY + box.maxY) / 2];
  if (inside(ring, middle[0], middle[1])) return middle;
  return ring.length > 2 ? [(ring[0][0] + ring[2][0]) / 2, (ring[0][1] + ring[2][1]) / 2] : middle;
}

/** The piece of wall that a door opens: its ends, along the nearest edge of one of its rooms. */
function wallAt(door, rooms) {
  const [x, y] = door.at;
  let best = null;
  for (const id of door.rooms ?? []) {
    const ring = rooms.get(id)?.rings[0] ?? [];
    for (let i = 0; i + 1 < ring.length; i += 1) {
      const [ax, ay] = ring[i];
      const [bx, by] = ring[i + 1];
      const length = Math.hypot(bx - ax, by - ay) || 1;
      const along = Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length ** 2));
      const off = Math.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y);
      if (!best || off < best.off) best = { off, ux: (bx - ax) / length, uy: (by - ay) / length };
    }
  }
  if (!best || best.off > 2) return null;
  const half = 0.6;
  return { x1: x - best.ux * half, y1: y - best.uy * half, x2: x + best.ux * half, y2: y + best.uy * half };
}
