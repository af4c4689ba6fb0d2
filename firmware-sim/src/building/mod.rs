//! The building as somebody who walks through it knows it: rooms, doors, shafts, readers.
//!
//! Built once from a site file; rooms are taken as convex, as the generator makes them, so a
//! straight line between two doors of a room stays inside it.

pub(crate) mod geometry;
mod path;
mod walk;
mod ways;

pub use walk::{Gait, Leg, Walk};
pub use ways::Ways;

use geometry::Point;
use rand::Rng;
use spor_schemas::{
    ReaderId, WardId, ZoneId,
    site::{Geometry, Properties, RoomKind, SiteFile},
};
use std::collections::BTreeMap;

/// Why a site file can't be walked through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildingError {
    /// There is no room.
    #[error("the site has no rooms")]
    NoRooms,
    /// A door names a room that the file doesn't have.
    #[error("door {door} leads to {room}, which is not a room of the site")]
    UnknownRoom {
        /// The door.
        door: ZoneId,
        /// What it names.
        room: ZoneId,
    },
    /// A feature has another geometry than its kind needs.
    #[error("{feature} must be {expected}")]
    WrongGeometry {
        /// The feature.
        feature: ZoneId,
        /// What it must be.
        expected: &'static str,
    },
}

/// One room, by its place in [`Building::rooms`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomIx(pub(crate) usize);

/// A place in a room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// The room.
    pub room: RoomIx,
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
}

impl Spot {
    pub(crate) fn point(self) -> Point {
        [self.x_m, self.y_m]
    }
}

/// A room.
#[derive(Debug, Clone)]
pub struct Room {
    /// Its id in the site file.
    pub id: ZoneId,
    /// What it is for.
    pub kind: RoomKind,
    /// The ward it belongs to.
    pub ward: Option<WardId>,
    /// 0 is ground.
    pub floor: i16,
    pub(crate) ring: Vec<Point>,
    shaft: Option<String>,
    /// Readers near enough to hear something in this room.
    pub(crate) readers: Vec<usize>,
}

impl Room {
    /// True inside the room or on its wall.
    #[must_use]
    pub fn contains(&self, x_m: f64, y_m: f64) -> bool {
        geometry::contains(&self.ring, [x_m, y_m])
    }

    /// Square metres.
    #[must_use]
    pub fn area_m2(&self) -> f64 {
        geometry::area(&self.ring)
    }
}

/// A reader.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Its id on MQTT.
    pub id: ReaderId,
    /// 0 is ground.
    pub floor: i16,
    /// The room it hangs in.
    pub room: Option<RoomIx>,
    /// True when it watches a passage.
    pub portal: bool,
    pub(crate) at: Point,
}

/// A door.
#[derive(Debug, Clone)]
struct Door {
    rooms: [RoomIx; 2],
    at: Point,
}

/// How far a reader can hear at best, metres.
pub(crate) const HEARING_M: f64 = 15.0;
/// Floor that one bed needs around it, square metres.
const BED_M2: f64 = 14.0;

/// The building.
#[derive(Debug, Clone)]
pub struct Building {
    rooms: Vec<Room>,
    doors: Vec<Door>,
    readers: Vec<Reader>,
    outlines: BTreeMap<i16, Vec<Vec<Point>>>,
}

impl Building {
    /// Reads the building out of a site file.
    ///
    /// # Errors
    /// [`BuildingError`] when nobody could walk through it.
    pub fn new(site: &SiteFile) -> Result<Self, BuildingError> {
        let mut building = Self {
            rooms: Vec::new(),
            doors: Vec::new(),
            readers: Vec::new(),
            outlines: BTreeMap::new(),
        };
        let mut index = BTreeMap::new();
        for feature in &site.features {
            match &feature.properties {
                Properties::Room(room) => {
                    index.insert(feature.id.clone(), RoomIx(building.rooms.len()));
                    building.rooms.push(Room {
                        id: feature.id.clone(),
                        kind: room.kind,
                        ward: room.ward.clone(),
                        floor: room.floor,
                        ring: ring(&feature.id, &feature.geometry)?,
                        shaft: room.shaft.clone(),
                        readers: Vec::new(),
                    });
                }
                Properties::Outline { floor } => {
                    let ring = ring(&feature.id, &feature.geometry)?;
                    building.outlines.entry(*floor).or_default().push(ring);
                }
                Properties::Zone { .. } | Properties::Door { .. } | Properties::Reader { .. } => {}
            }
        }
        for feature in &site.features {
            match &feature.properties {
                Properties::Door { rooms: [a, b], .. } => {
                    let room = |id: &ZoneId| {
                        index.get(id).copied().ok_or_else(|| BuildingError::UnknownRoom {
                            door: feature.id.clone(),
                            room: id.clone(),
                        })
                    };
                    let rooms = [room(a)?, room(b)?];
                    let at = point(&feature.id, &feature.geometry)?;
                    building.doors.push(Door { rooms, at });
                }
                Properties::Reader { floor, reader, portal } => {
                    let at = point(&feature.id, &feature.geometry)?;
                    building.add_reader(&feature.id, reader.as_ref(), *floor, *portal, at);
                }
                Properties::Room(_) | Properties::Outline { .. } | Properties::Zone { .. } => {}
            }
        }
        if building.rooms.is_empty() { Err(BuildingError::NoRooms) } else { Ok(building) }
    }

    fn add_reader(
        &mut self,
        feature: &ZoneId,
        reader: Option<&ReaderId>,
        floor: i16,
        portal: bool,
        at: Point,
    ) {
        let Ok(id) = reader.map_or_else(|| ReaderId::new(feature.as_str()), |r| Ok(r.clone()))
        else {
            return;
        };
        let number = self.readers.len();
        for room in self.rooms.iter_mut().filter(|room| room.floor == floor) {
            let [w, s, e, n] = geometry::bounds(&room.ring);
            let nearest = [at[0].clamp(w, e), at[1].clamp(s, n)];
            if geometry::distance(at, nearest) <= HEARING_M {
                room.readers.push(number);
            }
        }
        let room = self.room_at(floor, at[0], at[1]);
        self.readers.push(Reader { id, floor, room, portal, at });
    }

    /// Every room.
    #[must_use]
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// One room.
    #[must_use]
    pub fn room(&self, room: RoomIx) -> &Room {
        &self.rooms[room.0]
    }

    /// Every reader.
    #[must_use]
    pub fn readers(&self) -> &[Reader] {
        &self.readers
    }

    /// The room at a place.
    #[must_use]
    pub fn room_at(&self, floor: i16, x_m: f64, y_m: f64) -> Option<RoomIx> {
        self.rooms.iter().position(|r| r.floor == floor && r.contains(x_m, y_m)).map(RoomIx)
    }

    /// The rooms for which `wanted` holds.
    pub fn rooms_where(&self, wanted: impl Fn(&Room) -> bool) -> Vec<RoomIx> {
        let numbered = self.rooms.iter().enumerate();
        numbered.filter(|(_, room)| wanted(room)).map(|(i, _)| RoomIx(i)).collect()
    }

    /// False outside of every outline of the floor; true on a floor that has none.
    #[must_use]
    pub fn is_on_site(&self, floor: i16, x_m: f64, y_m: f64) -> bool {
        self.outlines
            .get(&floor)
            .is_none_or(|rings| rings.iter().any(|ring| geometry::contains(ring, [x_m, y_m])))
    }

    /// Somewhere in the room, away from its walls.
    pub fn random_spot(&self, room: RoomIx, rng: &mut impl Rng) -> Spot {
        let [x_m, y_m] = geometry::random_inside(&self.room(room).ring, 0.6, rng);
        Spot { room, x_m, y_m }
    }

    /// Beside `near`, in the same room.
    pub fn spot_beside(&self, near: Spot, rng: &mut impl Rng) -> Spot {
        let mut step = || rng.random_range(-1.2..1.2);
        let beside = Spot { x_m: near.x_m + step(), y_m: near.y_m + step(), ..near };
        let ring = &self.room(near.room).ring;
        let fits = geometry::contains(ring, beside.point())
            && geometry::to_edge(ring, beside.point()) > 0.3;
        if fits { beside } else { near }
    }

    /// Where beds stand in the room: at least one place, in a row along its longer side.
    #[must_use]
    pub fn bed_spots(&self, room: RoomIx) -> Vec<Spot> {
        let ring = &self.room(room).ring;
        let [w, s, e, n] = geometry::bounds(ring);
        let mut count = 1;
        while f64::from(count + 1) * BED_M2 <= geometry::area(ring) {
            count += 1;
        }
        // Singles are deeper than wide: only with more than one bed the row matters.
        let along_x = e - w > n - s;
        let spots = (0..count).map(|i| {
            let share = (f64::from(i) + 0.5) / f64::from(count);
            let middle = [f64::midpoint(w, e), f64::midpoint(s, n)];
            let at = if along_x {
                [w + share * (e - w), middle[1]]
            } else {
                [middle[0], s + share * (n - s)]
            };
            let [x_m, y_m] =
                if geometry::contains(ring, at) { at } else { geometry::inner_point(ring) };
            Spot { room, x_m, y_m }
        });
        spots.collect()
    }
}

fn ring(id: &ZoneId, geometry: &Geometry) -> Result<Vec<Point>, BuildingError> {
    match geometry {
        Geometry::Polygon(rings) if rings.first().is_some_and(|ring| ring.len() >= 4) => {
            Ok(rings[0].clone())
        }
        _ => Err(BuildingError::WrongGeometry { feature: id.clone(), expected: "a polygon" }),
    }
}

fn point(id: &ZoneId, geometry: &Geometry) -> Result<Point, BuildingError> {
    match geometry {
        Geometry::Point(at) => Ok(*at),
        Geometry::Polygon(_) => {
            Err(BuildingError::WrongGeometry { feature: id.clone(), expected: "a point" })
        }
    }
}

#[cfg(test)]
mod tests;
