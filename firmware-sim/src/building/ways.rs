//! Ways through the building: a graph of doors and landings, and the shortest way on it.
//!
//! For each destination room the whole tree of shortest ways is computed once and kept, so that
//! a trip costs a look at the tree. No randomness; equal ways are decided by the lower number.

use super::{
    Building, RoomIx, Spot,
    geometry::{Point, distance, inner_point},
    walk::{Gait, Leg, Walk},
};
use spor_schemas::site::RoomKind;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

/// What a floor by lift costs, in metres of walking, and what waiting for it costs.
const LIFT_FLOOR_M: f64 = 4.0;
const LIFT_WAIT_M: f64 = 20.0;
/// What a floor by stairs costs, in metres of walking.
const STAIRS_FLOOR_M: f64 = 14.0;
/// Walking through somebody's room costs this much more than through a corridor.
const INTRUSION_M: f64 = 30.0;
/// How long a lift takes to come, and to travel a floor.
const LIFT_WAIT_MS: i64 = 12_000;
const LIFT_FLOOR_MS: i64 = 4_000;

/// A door, or the landing of a shaft.
#[derive(Debug, Clone)]
struct Node {
    /// One or two rooms that meet here.
    rooms: Vec<RoomIx>,
    at: Point,
    /// Landings of the same shaft, with the cost in metres.
    shaft: Vec<(usize, f64)>,
    is_stairs: bool,
}

/// The shortest ways to one room, from every node.
#[derive(Debug, Clone)]
struct Tree {
    /// Metres to the room; infinite: no way.
    cost_m: Vec<f64>,
    /// The next node; none: the room itself.
    next: Vec<Option<usize>>,
}

/// The graph, and the trees that were asked for so far.
#[derive(Debug, Clone)]
pub struct Ways {
    nodes: Vec<Node>,
    nodes_of: Vec<Vec<usize>>,
    passages: Vec<bool>,
    trees: HashMap<(RoomIx, bool), Tree>,
    /// Legs of walks that are over, to be used again.
    spare: Vec<Vec<Leg>>,
}

impl Ways {
    /// Builds the graph.
    #[must_use]
    pub fn new(building: &Building) -> Self {
        let mut nodes: Vec<Node> = building
            .doors
            .iter()
            .map(|door| Node {
                rooms: door.rooms.to_vec(),
                at: door.at,
                shaft: Vec::new(),
                is_stairs: false,
            })
            .collect();
        add_landings(building, &mut nodes);
        let mut nodes_of = vec![Vec::new(); building.rooms.len()];
        for (number, node) in nodes.iter().enumerate() {
            for room in &node.rooms {
                nodes_of[room.0].push(number);
            }
        }
        let passages = building.rooms.iter().map(|room| is_passage(room.kind)).collect();
        Self { nodes, nodes_of, passages, trees: HashMap::new(), spare: Vec::new() }
    }

    /// The walk from one spot to another; none: there is no way.
    pub fn walk(
        &mut self,
        building: &Building,
        from: Spot,
        to: Spot,
        gait: Gait,
        start_ms: i64,
    ) -> Option<Walk> {
        let legs = self.spare.pop().unwrap_or_default();
        let mut path = Path { legs, at: from, time_ms: start_ms, gait };
        if from.room == to.room {
            path.straight(to.point(), to);
            return Some(Walk::new(path.legs, to));
        }
        let key = (to.room, gait.wheels);
        if !self.trees.contains_key(&key) {
            let tree = self.grow(to.room, gait.wheels);
            self.trees.insert(key, tree);
        }
        let tree = self.trees.get(&key)?;
        let total_m =
            |node: &usize| distance(from.point(), self.nodes[*node].at) + tree.cost_m[*node];
        let first = self.nodes_of[from.room.0]
            .iter()
            .copied()
            .min_by(|a, b| total_m(a).total_cmp(&total_m(b)))
            .filter(|node| tree.cost_m[*node].is_finite())?;

        let mut node = first;
        loop {
            let here = &self.nodes[node];
            let next = tree.next[node];
            let room = next.map_or(Some(to.room), |next| common_room(here, &self.nodes[next]));
            match (room, next) {
                (Some(room), _) => {
                    let entered = Spot { room, x_m: here.at[0], y_m: here.at[1] };
                    path.straight(here.at, entered);
                }
                // No room in common: two landings of one shaft.
                (None, Some(next)) => {
                    let landing = *self.nodes[next].rooms.first()?;
                    let waiting = Spot { x_m: here.at[0], y_m: here.at[1], ..path.at };
                    path.straight(here.at, waiting);
                    path.ride(building, here.is_stairs, landing, self.nodes[next].at);
                }
                (None, None) => return None,
            }
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        path.straight(to.point(), to);
        Some(Walk::new(path.legs, to))
    }

    /// Takes a walk that is over: the next one uses its memory.
    pub fn take_back(&mut self, walk: Walk) {
        let mut legs = walk.into_legs();
        legs.clear();
        self.spare.push(legs);
    }

    /// Dijkstra from the destination outwards.
    fn grow(&self, to: RoomIx, wheels: bool) -> Tree {
        let mut cost_m = vec![f64::INFINITY; self.nodes.len()];
        let mut next = vec![None; self.nodes.len()];
        let mut open = BinaryHeap::new();
        for &node in &self.nodes_of[to.0] {
            cost_m[node] = 0.0;
            open.push(Reverse((Cost(0.0), node)));
        }
        while let Some(Reverse((Cost(cost), node))) = open.pop() {
            if cost > cost_m[node] {
                continue;
            }
            for (neighbour, step_m) in self.steps(node, wheels) {
                let through_m = cost + step_m;
                if through_m < cost_m[neighbour] {
                    cost_m[neighbour] = through_m;
                    next[neighbour] = Some(node);
                    open.push(Reverse((Cost(through_m), neighbour)));
                }
            }
        }
        Tree { cost_m, next }
    }

    fn steps(&self, node: usize, wheels: bool) -> impl Iterator<Item = (usize, f64)> {
        let here = &self.nodes[node];
        let in_rooms = here.rooms.iter().flat_map(move |room| {
            let extra_m = if self.passages[room.0] { 0.0 } else { INTRUSION_M };
            self.nodes_of[room.0]
                .iter()
                .filter(move |other| **other != node)
                .map(move |other| (*other, distance(here.at, self.nodes[*other].at) + extra_m))
        });
        let may_climb = !(wheels && here.is_stairs);
        let in_shaft = here.shaft.iter().copied().filter(move |_| may_climb);
        in_rooms.chain(in_shaft)
    }
}

/// One landing in the middle of each lift and stairwell, joined along its shaft.
fn add_landings(building: &Building, nodes: &mut Vec<Node>) {
    let mut shafts: BTreeMap<&str, Vec<(i16, usize)>> = BTreeMap::new();
    for (number, room) in building.rooms.iter().enumerate() {
        let Some(shaft) = &room.shaft else { continue };
        shafts.entry(shaft).or_default().push((room.floor, nodes.len()));
        nodes.push(Node {
            rooms: vec![RoomIx(number)],
            at: inner_point(&room.ring),
            shaft: Vec::new(),
            is_stairs: room.kind == RoomKind::Stairs,
        });
    }
    for landings in shafts.values() {
        for &(floor_a, a) in landings {
            for &(floor_b, b) in landings.iter().filter(|(floor, _)| *floor != floor_a) {
                let floors = f64::from((floor_a - floor_b).abs());
                let cost_m = if nodes[a].is_stairs {
                    floors * STAIRS_FLOOR_M
                } else {
                    LIFT_WAIT_M + floors * LIFT_FLOOR_M
                };
                nodes[a].shaft.push((b, cost_m));
            }
        }
    }
}

fn is_passage(kind: RoomKind) -> bool {
    use RoomKind::{Corridor, Entrance, Lift, Stairs, Waiting};
    matches!(kind, Corridor | Entrance | Lift | Stairs | Waiting)
}

fn common_room(a: &Node, b: &Node) -> Option<RoomIx> {
    a.rooms.iter().copied().find(|room| b.rooms.contains(room))
}

/// A cost that can be ordered; never NaN.
#[derive(PartialEq, Clone, Copy)]
struct Cost(f64);

impl Eq for Cost {}

impl PartialOrd for Cost {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cost {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A walk in the making.
struct Path {
    legs: Vec<Leg>,
    at: Spot,
    time_ms: i64,
    gait: Gait,
}

impl Path {
    /// Goes straight to `to` in the present room, and is then at `then`.
    fn straight(&mut self, to: Point, then: Spot) {
        let length_m = distance(self.at.point(), to);
        self.leg(to, milliseconds(length_m / self.gait.speed_m_s), then);
    }

    /// Takes the lift or the stairs to another landing.
    fn ride(&mut self, building: &Building, is_stairs: bool, landing: RoomIx, at: Point) {
        let floor = |room: RoomIx| i64::from(building.room(room).floor);
        let floors = (floor(self.at.room) - floor(landing)).abs();
        let lasts_ms = if is_stairs {
            let a_floor = milliseconds(STAIRS_FLOOR_M / self.gait.speed_m_s);
            floors * a_floor
        } else {
            LIFT_WAIT_MS + floors * LIFT_FLOOR_MS
        };
        let then = Spot { room: landing, x_m: at[0], y_m: at[1] };
        self.leg(self.at.point(), lasts_ms, then);
    }

    fn leg(&mut self, to: Point, lasts_ms: i64, then: Spot) {
        let end_ms = self.time_ms + lasts_ms.max(1);
        self.legs.push(Leg { start_ms: self.time_ms, end_ms, from: self.at, to });
        self.time_ms = end_ms;
        self.at = then;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a leg lasts minutes")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
