//! The drawing board: rectangles in whole centimetres become features with stable ids.
//!
//! Centimetres are integers here, so that shared walls coincide exactly.

use spor_schemas::{
    WardId, ZoneId,
    site::{Feature, FeatureType, Geometry, Properties, RoomKind, RoomProperties},
};
use std::collections::HashSet;

/// A corridor gets a reader every so many centimetres.
const CORRIDOR_READER_CM: i32 = 1_200;

/// A rectangle in centimetres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    x0: i32,
    y0: i32,
    x1: i32,
    y1: i32,
}

impl Rect {
    /// Between two opposite corners, in any order.
    pub(super) fn new(xa: i32, ya: i32, xb: i32, yb: i32) -> Self {
        Self { x0: xa.min(xb), y0: ya.min(yb), x1: xa.max(xb), y1: ya.max(yb) }
    }

    /// The middle of the wall that both rectangles share.
    fn shared_wall_middle(self, other: Self) -> (i32, i32) {
        let middle = |a0: i32, a1: i32, b0: i32, b1: i32| i32::midpoint(a0.max(b0), a1.min(b1));
        (middle(self.x0, self.x1, other.x0, other.x1), middle(self.y0, self.y1, other.y0, other.y1))
    }

    fn ring(self) -> Geometry {
        let corners = [
            (self.x0, self.y0),
            (self.x1, self.y0),
            (self.x1, self.y1),
            (self.x0, self.y1),
            (self.x0, self.y0),
        ];
        Geometry::Polygon(vec![corners.map(metres).to_vec()])
    }
}

/// What a room is, before it has a place.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) kind: RoomKind,
    pub(super) name: String,
    /// The part of its id after the ward or floor.
    pub(super) slug: String,
    /// How much of the corridor's wall it takes.
    pub(super) width_cm: i32,
    pub(super) shaft: Option<String>,
}

impl Spec {
    pub(super) fn new(kind: RoomKind, name: &str, slug: &str, width_cm: i32) -> Self {
        Self { kind, name: name.to_owned(), slug: slug.to_owned(), width_cm, shaft: None }
    }

    pub(super) fn corridor(name: &str, slug: &str) -> Self {
        Self::new(RoomKind::Corridor, name, slug, 0)
    }

    pub(super) fn with_shaft(mut self, shaft: &str) -> Self {
        self.shaft = Some(shaft.to_owned());
        self
    }
}

/// Where a room goes, and then which one it is.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    floor: i16,
    rect: Rect,
    id: Option<ZoneId>,
}

impl Placed {
    pub(super) fn new(floor: i16, rect: Rect) -> Self {
        Self { floor, rect, id: None }
    }
}

/// Rooms side by side along the main corridor.
pub(super) struct Row<'a> {
    pub(super) floor: i16,
    pub(super) start_cm: i32,
    pub(super) main: &'a Placed,
    pub(super) prefix: &'a str,
}

/// The features so far, in the order in which the file lists them per floor.
#[derive(Default)]
pub(super) struct Draft {
    outlines: Vec<Feature>,
    rooms: Vec<Feature>,
    zones: Vec<Feature>,
    doors: Vec<Feature>,
    readers: Vec<Feature>,
    used: HashSet<ZoneId>,
}

impl Draft {
    /// Adds a room, with its reader; the id is `{prefix}-{slug}`, numbered when taken.
    pub(super) fn room(
        &mut self,
        at: &Placed,
        spec: &Spec,
        prefix: &str,
        ward: Option<&WardId>,
    ) -> Placed {
        let id = self.fresh_id(&format!("{prefix}-{}", spec.slug));
        self.rooms.push(feature(
            id.clone(),
            at.rect.ring(),
            Properties::Room(RoomProperties {
                floor: at.floor,
                kind: spec.kind,
                name: spec.name.clone(),
                ward: ward.cloned(),
                shaft: spec.shaft.clone(),
            }),
        ));
        self.hang_readers(&id, at.floor, at.rect, spec.kind);
        Placed { floor: at.floor, rect: at.rect, id: Some(id) }
    }

    /// Adds a door in the middle of the wall that two rooms share.
    pub(super) fn door(&mut self, a: &Placed, b: &Placed) {
        let (Some(room_a), Some(room_b)) = (a.id.clone(), b.id.clone()) else { return };
        let id = self.fresh_id(&format!("door:{room_a}:{room_b}"));
        self.doors.push(feature(
            id,
            Geometry::Point(metres(a.rect.shared_wall_middle(b.rect))),
            Properties::Door { floor: a.floor, rooms: [room_a, room_b] },
        ));
    }

    /// Adds rooms from west to east with a door to the main corridor each, and to the neighbour
    /// where both are public; `depth_cm` is negative for a row on the corridor's south side.
    pub(super) fn row_along_x(
        &mut self,
        row: &Row<'_>,
        wall_cm: i32,
        depth_cm: i32,
        specs: &[Spec],
    ) {
        let mut x_cm = row.start_cm;
        let mut before: Option<(Placed, RoomKind)> = None;
        for spec in specs {
            let rect = Rect::new(x_cm, wall_cm, x_cm + spec.width_cm, wall_cm + depth_cm);
            let room = self.room(&Placed::new(row.floor, rect), spec, row.prefix, None);
            self.door(&room, row.main);
            if let Some((neighbour, RoomKind::Entrance)) = &before {
                self.door(neighbour, &room);
            }
            x_cm += spec.width_cm;
            before = Some((room, spec.kind));
        }
    }

    /// Adds a zone: a rectangle that events are wanted for.
    pub(super) fn zone(&mut self, at: &Placed, slug: &str, name: &str) {
        let id = self.fresh_id(slug);
        let properties = Properties::Zone { floor: at.floor, name: name.to_owned(), exit: false };
        self.zones.push(feature(id, at.rect.ring(), properties));
    }

    /// Adds the floor's outline from its stepped upper and lower edges, each step given by its
    /// western x and its y; wings (every second step) stick out and so take the wall's thickness.
    pub(super) fn outline(
        &mut self,
        floor: i16,
        upper: &[(i32, i32)],
        lower: &[(i32, i32)],
        east_cm: i32,
        wall_cm: i32,
    ) {
        let steps = |edge: &[(i32, i32)], outwards: i32| {
            let mut points = Vec::new();
            for (i, &(x, y)) in edge.iter().enumerate() {
                let is_wing = i % 2 == 1;
                let west = if i == 0 || is_wing { x - wall_cm } else { x + wall_cm };
                let east = match edge.get(i + 1) {
                    None => east_cm + wall_cm,
                    Some(next) if is_wing => next.0 + wall_cm,
                    Some(next) => next.0 - wall_cm,
                };
                points.push((west, y + outwards));
                points.push((east, y + outwards));
            }
            points
        };
        let mut ring = steps(lower, -wall_cm);
        ring.extend(steps(upper, wall_cm).into_iter().rev());
        ring.extend(ring.first().copied());
        let ring = ring.into_iter().map(metres).collect();
        let id = self.fresh_id(&format!("f{floor}-outline"));
        let outline = feature(id, Geometry::Polygon(vec![ring]), Properties::Outline { floor });
        self.outlines.push(outline);
    }

    /// All features: per floor outline, rooms, zones, doors, readers.
    pub(super) fn into_features(self) -> Vec<Feature> {
        let mut features: Vec<Feature> =
            [self.outlines, self.rooms, self.zones, self.doors, self.readers].concat();
        features.sort_by_key(|f| floor_of(&f.properties));
        features
    }

    /// A reader in most rooms, several along a corridor, a portal where things pass; none where
    /// people are never tracked.
    fn hang_readers(&mut self, room: &ZoneId, floor: i16, rect: Rect, kind: RoomKind) {
        if kind.is_no_track() || kind == RoomKind::Stairs {
            return;
        }
        let portal = matches!(kind, RoomKind::Entrance | RoomKind::Lift | RoomKind::Workshop);
        let (width, height) = (rect.x1 - rect.x0, rect.y1 - rect.y0);
        let count = match kind {
            RoomKind::Corridor => (width.max(height) / CORRIDOR_READER_CM).max(1),
            _ => 1,
        };
        for i in 0..count {
            let along = |from: i32, length: i32| from + length * (2 * i + 1) / (2 * count);
            let at = if width > height {
                (along(rect.x0, width), i32::midpoint(rect.y0, rect.y1))
            } else {
                (i32::midpoint(rect.x0, rect.x1), along(rect.y0, height))
            };
            let id = self.fresh_id(&format!("reader:{room}"));
            let properties = Properties::Reader { floor, reader: None, portal };
            self.readers.push(feature(id, Geometry::Point(metres(at)), properties));
        }
    }

    fn fresh_id(&mut self, wanted: &str) -> ZoneId {
        let numbered = (2..).map(|n| format!("{wanted}-{n}"));
        std::iter::once(wanted.to_owned())
            .chain(numbered)
            .map(|text| ZoneId::new(&text).expect("slugs keep to the pattern and are short"))
            .find(|id| self.used.insert(id.clone()))
            .expect("one of endlessly many ids is free")
    }
}

fn feature(id: ZoneId, geometry: Geometry, properties: Properties) -> Feature {
    Feature { kind: FeatureType::Feature, id, geometry, properties }
}

fn metres((x_cm, y_cm): (i32, i32)) -> [f64; 2] {
    [f64::from(x_cm) / 100.0, f64::from(y_cm) / 100.0]
}

fn floor_of(properties: &Properties) -> i16 {
    match properties {
        Properties::Room(room) => room.floor,
        Properties::Outline { floor }
        | Properties::Zone { floor, .. }
        | Properties::Door { floor, .. }
        | Properties::Reader { floor, .. } => *floor,
    }
}
