//! The walking graph: doors, landings of lifts and stairs, and corners of rooms that are not convex;
//! whoever is at one of them walks straight to every other of the same room that is in sight.

use super::{
    inside::{Inside, Point, distance_m},
    load::Load,
};
use crate::{
    model::{ById, RoomKind, ZoneId},
    site::Site,
};
use spor_schemas::site::{Geometry, Properties};
use std::collections::BTreeMap;

/// A porter's pace, metres a second.
pub(super) const PACE_M_S: f64 = 1.2;
/// Defaults of the site file's `shafts`, seconds.
const LIFT_WAIT_S: f64 = 30.0;
const LIFT_FLOOR_S: f64 = 4.0;
const STAIRS_FLOOR_S: f64 = 15.0;
/// What it costs to go through a room where others live or work, seconds: knocking, asking.
const INTRUDING_S: f64 = 30.0;
/// The same where nobody should walk through: theatres, toilets, changing rooms.
const TRESPASSING_S: f64 = 300.0;

/// A place that somebody asks from or goes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot<'a> {
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
    /// Its room.
    pub room: &'a ZoneId,
}

impl Spot<'_> {
    pub(super) fn at(&self) -> Point {
        [self.x_m, self.y_m]
    }
}

/// Where ways meet.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Point,
    pub(super) kind: NodeKind,
    /// True for a door behind which no way goes on.
    pub(super) dead_end: bool,
}

/// What a node is; rooms and shafts by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Door([usize; 2]),
    Landing { room: usize, shaft: usize },
    Corner(usize),
}

/// A walk in one room from node to node.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) to: usize,
    pub(super) room: usize,
    pub(super) metres: f64,
}

/// A room as ways see it.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: String,
    pub(super) kind: RoomKind,
    pub(super) floor: i16,
    pub(super) inside: Inside,
    /// Its doors, landing and corners.
    pub(super) nodes: Vec<usize>,
    /// What it costs to pass through, seconds.
    pub(super) passing_s: f64,
}

/// A lift or a stairwell.
#[derive(Debug)]
pub(super) struct Shaft {
    pub(super) is_stairs: bool,
    wait_s: f64,
    floor_s: f64,
    beds: bool,
    /// Floor and node.
    pub(super) landings: Vec<(i16, usize)>,
}

impl Shaft {
    pub(super) fn takes(&self, load: Load) -> bool {
        match load {
            Load::Carried => true,
            Load::Rolling => !self.is_stairs,
            Load::Bed => !self.is_stairs && self.beds,
        }
    }

    pub(super) fn ride_s(&self, from: i16, to: i16) -> f64 {
        self.wait_s + self.floor_s * f64::from((i32::from(from) - i32::from(to)).abs())
    }
}

/// The ways through one building.
#[derive(Debug)]
pub struct Ways {
    pub(super) rooms: Vec<Room>,
    pub(super) room_index: ById<ZoneId, usize>,
    pub(super) nodes: Vec<Node>,
    pub(super) shafts: Vec<Shaft>,
    edges: Vec<Edge>,
    /// Where the edges of each node begin; one more than there are nodes.
    first_edge: Vec<usize>,
}

impl Ways {
    /// The graph of a building.
    #[must_use]
    pub fn of(site: &Site) -> Self {
        let mut ways = Self {
            rooms: Vec::new(),
            room_index: ById::default(),
            nodes: Vec::new(),
            shafts: Vec::new(),
            edges: Vec::new(),
            first_edge: Vec::new(),
        };
        ways.add_rooms(site);
        for door in &site.doors {
            let rooms = [0, 1].map(|side| ways.room_index.get(&door.rooms[side]).copied());
            if let [Some(a), Some(b)] = rooms {
                ways.add_node([door.x_m, door.y_m], NodeKind::Door([a, b]));
            }
        }
        for room in 0..ways.rooms.len() {
            for corner in ways.rooms[room].inside.corners() {
                ways.add_node(corner, NodeKind::Corner(room));
            }
        }
        for node in 0..ways.nodes.len() {
            if let NodeKind::Door(rooms) = ways.nodes[node].kind {
                ways.nodes[node].dead_end = rooms.iter().any(|r| ways.rooms[*r].nodes.len() == 1);
            }
        }
        ways.join();
        ways
    }

    /// How many doors, landings and corners there are, and how many straight walks between them.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.nodes.len(), self.edges.len())
    }

    pub(super) fn edges_of(&self, node: usize) -> &[Edge] {
        &self.edges[self.first_edge[node]..self.first_edge[node + 1]]
    }

    pub(super) fn room(&self, id: &ZoneId) -> Option<usize> {
        self.room_index.get(id).copied()
    }

    fn add_rooms(&mut self, site: &Site) {
        let mut shafts = BTreeMap::new();
        for feature in &site.file().features {
            let (Properties::Room(room), Geometry::Polygon(rings)) =
                (&feature.properties, &feature.geometry)
            else {
                continue;
            };
            let index = self.rooms.len();
            self.room_index.insert(feature.id.clone(), index);
            self.rooms.push(Room {
                name: room.name.clone(),
                kind: room.kind,
                floor: room.floor,
                inside: Inside::new(rings.clone()),
                nodes: Vec::new(),
                passing_s: passing_s(room.kind),
            });
            let centre = site.centre(&feature.id);
            if let (Some(shaft), Some((x_m, y_m, floor))) = (&room.shaft, centre) {
                let stairs = room.kind == RoomKind::Stairs;
                let shaft = *shafts
                    .entry((shaft, stairs))
                    .or_insert_with(|| add_shaft(&mut self.shafts, site, shaft, stairs));
                let node = self.add_node([x_m, y_m], NodeKind::Landing { room: index, shaft });
                self.shafts[shaft].landings.push((floor, node));
            }
        }
    }

    fn add_node(&mut self, at: Point, kind: NodeKind) -> usize {
        let number = self.nodes.len();
        let (rooms, count) = match kind {
            NodeKind::Door(rooms) => (rooms, 2),
            NodeKind::Landing { room, .. } | NodeKind::Corner(room) => ([room, room], 1),
        };
        for &room in &rooms[..count] {
            self.rooms[room].nodes.push(number);
        }
        self.nodes.push(Node { at, kind, dead_end: false });
        number
    }

    /// Joins the nodes of each room that see each other.
    fn join(&mut self) {
        let mut of_node: Vec<Vec<Edge>> = self.nodes.iter().map(|_| Vec::new()).collect();
        for (room, Room { inside, nodes, .. }) in self.rooms.iter().enumerate() {
            for (number, &a) in nodes.iter().enumerate() {
                for &b in &nodes[number + 1..] {
                    let (at_a, at_b) = (self.nodes[a].at, self.nodes[b].at);
                    if inside.sees(at_a, at_b) {
                        let metres = distance_m(at_a, at_b);
                        of_node[a].push(Edge { to: b, room, metres });
                        of_node[b].push(Edge { to: a, room, metres });
                    }
                }
            }
        }
        for edges in of_node {
            self.first_edge.push(self.edges.len());
            self.edges.extend(edges);
        }
        self.first_edge.push(self.edges.len());
    }
}

fn add_shaft(shafts: &mut Vec<Shaft>, site: &Site, id: &str, is_stairs: bool) -> usize {
    let said = site.file().shafts.iter().find(|shaft| shaft.id == id);
    let (wait_s, floor_s) =
        if is_stairs { (0.0, STAIRS_FLOOR_S) } else { (LIFT_WAIT_S, LIFT_FLOOR_S) };
    shafts.push(Shaft {
        is_stairs,
        wait_s: said.and_then(|s| s.wait_s).unwrap_or(wait_s),
        floor_s: said.and_then(|s| s.floor_s).unwrap_or(floor_s),
        beds: said.is_none_or(|s| s.beds),
        landings: Vec::new(),
    });
    shafts.len() - 1
}

fn passing_s(kind: RoomKind) -> f64 {
    use RoomKind::{Corridor, Entrance, Lift, OperatingTheatre, Stairs, Waiting};
    match kind {
        Corridor | Entrance | Lift | Stairs | Waiting => 0.0,
        OperatingTheatre => TRESPASSING_S,
        kind if kind.is_no_track() => TRESPASSING_S,
        _ => INTRUDING_S,
    }
}
