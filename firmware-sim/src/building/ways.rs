//! Ways through the building: a graph of doors and landings, and the shortest way on it.
//!
//! Most rooms lead to one corridor, and most corridors to one other: such rooms hang on the *core*, in
//! which there is a choice, by a row of doors that leaves none. Only on the core the shortest ways are
//! computed, once for each door or room that is a destination there, and kept: a trip costs a look at
//! that tree. No randomness; equal ways are decided by the lower number.

use super::{
    Building, RoomIx, Spot,
    geometry::{Point, distance, inner_point},
    path::Path,
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
pub(super) const STAIRS_FLOOR_M: f64 = 14.0;
/// Walking through somebody's room costs this much more than through a corridor.
pub(super) const INTRUSION_M: f64 = 30.0;

/// A door, or the landing of a shaft.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// One or two rooms that meet here.
    pub(super) rooms: Vec<RoomIx>,
    pub(super) at: Point,
    /// Landings of the same shaft, with the cost in metres.
    pub(super) shaft: Vec<(usize, f64)>,
    /// Which shaft it is, for landings.
    lift: usize,
    is_stairs: bool,
}

/// The shortest ways to one place of the core, from every node of it.
#[derive(Debug, Clone)]
struct Tree {
    /// Metres to the place; infinite: no way.
    cost_m: Vec<f32>,
    /// The next node; [`HERE`]: the place itself.
    next: Vec<u32>,
}

const HERE: u32 = u32::MAX;

/// A place of the core that ways lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Room(RoomIx),
    /// A door behind which a room hangs on the core.
    Door(usize),
}

/// The graph, and the trees that were asked for so far.
#[derive(Debug, Clone)]
pub struct Ways {
    pub(super) nodes: Vec<Node>,
    /// For rooms that hang on the core: the door towards it, and the room behind that.
    exits: Vec<Option<(usize, RoomIx)>>,
    /// The nodes of the core, and which of them lie in each room.
    core: Vec<usize>,
    core_of: Vec<Vec<u32>>,
    pub(super) passages: Vec<bool>,
    trees: HashMap<(Place, bool), Tree>,
    /// When each lift was last in use, from and until.
    rides: Vec<(i64, i64)>,
    /// Nodes of the way that is being looked for.
    pub(super) route: Vec<usize>,
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
                lift: 0,
                is_stairs: false,
            })
            .collect();
        let lifts = add_landings(building, &mut nodes);
        let (exits, core) = split(&nodes, building.rooms.len());
        let mut core_of = vec![Vec::new(); building.rooms.len()];
        for (number, node) in (0..).zip(&core) {
            for room in &nodes[*node].rooms {
                core_of[room.0].push(number);
            }
        }
        let passages = building.rooms.iter().map(|room| is_passage(room.kind)).collect();
        Self {
            nodes,
            exits,
            core,
            core_of,
            passages,
            trees: HashMap::new(),
            rides: vec![(0, 0); lifts],
            route: Vec::new(),
            spare: Vec::new(),
        }
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
        self.route.clear();
        self.find(from, to.room, gait.wheels)?;
        let legs = self.spare.pop().unwrap_or_default();
        let mut path = Path::begin(legs, from, start_ms, gait);
        for (at, number) in self.route.iter().enumerate() {
            let here = &self.nodes[*number];
            let next = self.route.get(at + 1).map(|next| &self.nodes[*next]);
            let room = next.map_or(Some(to.room), |next| common_room(here, next));
            match (room, next) {
                (Some(room), _) => {
                    let entered = Spot { room, x_m: here.at[0], y_m: here.at[1] };
                    path.straight(here.at, entered);
                }
                // No room in common: two landings of one shaft.
                (None, Some(next)) => {
                    let landing = *next.rooms.first()?;
                    let waiting = Spot { x_m: here.at[0], y_m: here.at[1], ..path.at() };
                    path.straight(here.at, waiting);
                    if here.is_stairs {
                        path.climb(building, landing, next.at);
                    } else {
                        path.ride(building, landing, next.at, &mut self.rides[here.lift]);
                    }
                }
                (None, None) => return None,
            }
        }
        path.straight(to.point(), to);
        Some(Walk::new(path.end(), to))
    }

    /// Takes a walk that is over: the next one uses its memory.
    pub fn take_back(&mut self, walk: Walk) {
        let mut legs = walk.into_legs();
        legs.clear();
        self.spare.push(legs);
    }

    /// Writes the nodes of the way into the route.
    fn find(&mut self, from: Spot, to: RoomIx, wheels: bool) -> Option<()> {
        // Both ends go towards the core until they meet, or are there.
        let (mut here, mut there) = (from.room, to);
        let (mut at, mut place) = (from.point(), Place::Room(to));
        let behind = |ways: &Self, room: RoomIx| {
            std::iter::successors(Some(room), |r| ways.exits[r.0].map(|(_, next)| next)).count()
        };
        let (mut depth_here, mut depth_there) = (behind(self, here), behind(self, there));
        let mut last = Vec::new();
        while here != there {
            if depth_here == 1 && depth_there == 1 {
                break;
            }
            if depth_here >= depth_there {
                let (door, next) = self.exits[here.0]?;
                self.route.push(door);
                (here, at, depth_here) = (next, self.nodes[door].at, depth_here - 1);
            } else {
                let (door, next) = self.exits[there.0]?;
                last.push(door);
                (there, place, depth_there) = (next, Place::Door(door), depth_there - 1);
            }
        }
        if here != there {
            self.cross_core(here, at, there, place, wheels)?;
        }
        self.route.extend(last.into_iter().rev());
        Some(())
    }

    /// The way through the core, from a point in one of its rooms to a place in another.
    fn cross_core(
        &mut self,
        from: RoomIx,
        at: Point,
        to: RoomIx,
        place: Place,
        wheels: bool,
    ) -> Option<()> {
        if !self.trees.contains_key(&(place, wheels)) {
            let tree = self.grow(to, place, wheels);
            self.trees.insert((place, wheels), tree);
        }
        let tree = self.trees.get(&(place, wheels))?;
        let total_m = |number: &u32| {
            let node = &self.nodes[self.core[*number as usize]];
            distance(at, node.at) + f64::from(tree.cost_m[*number as usize])
        };
        let start = self.core_of[from.0].iter().copied();
        let mut number = start
            .min_by(|a, b| total_m(a).total_cmp(&total_m(b)))
            .filter(|number| tree.cost_m[*number as usize].is_finite())?;
        while number != HERE {
            self.route.push(self.core[number as usize]);
            number = tree.next[number as usize];
        }
        Some(())
    }

    /// Dijkstra from the destination outwards.
    fn grow(&self, to: RoomIx, place: Place, wheels: bool) -> Tree {
        let mut cost_m = vec![f64::INFINITY; self.core.len()];
        let mut next = vec![HERE; self.core.len()];
        let mut open = BinaryHeap::new();
        for &number in &self.core_of[to.0] {
            let node = &self.nodes[self.core[number as usize]];
            let last_m = match place {
                Place::Room(_) => 0.0,
                Place::Door(door) => distance(node.at, self.nodes[door].at),
            };
            cost_m[number as usize] = last_m;
            open.push(Reverse((Cost(last_m), number)));
        }
        let numbers: HashMap<usize, u32> = self.core.iter().copied().zip(0..).collect();
        while let Some(Reverse((Cost(cost), number))) = open.pop() {
            if cost > cost_m[number as usize] {
                continue;
            }
            let here = &self.nodes[self.core[number as usize]];
            let in_rooms = here.rooms.iter().flat_map(|room| {
                let extra_m = if self.passages[room.0] { 0.0 } else { INTRUSION_M };
                self.core_of[room.0].iter().filter(|other| **other != number).map(move |other| {
                    let node = &self.nodes[self.core[*other as usize]];
                    (*other, distance(here.at, node.at) + extra_m)
                })
            });
            let may_climb = !(wheels && here.is_stairs);
            let in_shaft = here.shaft.iter().filter(|_| may_climb);
            let in_shaft = in_shaft.filter_map(|(node, m)| Some((*numbers.get(node)?, *m)));
            for (neighbour, step_m) in in_rooms.chain(in_shaft) {
                let through_m = cost + step_m;
                if through_m < cost_m[neighbour as usize] {
                    cost_m[neighbour as usize] = through_m;
                    next[neighbour as usize] = number;
                    open.push(Reverse((Cost(through_m), neighbour)));
                }
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "metres to a millimetre")]
        let cost_m = cost_m.into_iter().map(|m| m as f32).collect();
        Tree { cost_m, next }
    }
}

/// For each room, its way out where there is but one.
type Exits = Vec<Option<(usize, RoomIx)>>;

/// Takes rooms with a single door off the graph until none is left; what remains is the core.
fn split(nodes: &[Node], rooms: usize) -> (Exits, Vec<usize>) {
    let mut exits: Exits = vec![None; rooms];
    let mut doors_of = vec![Vec::new(); rooms];
    let mut has_shaft = vec![false; rooms];
    for (number, node) in nodes.iter().enumerate() {
        for room in &node.rooms {
            doors_of[room.0].push(number);
            has_shaft[room.0] |= !node.shaft.is_empty() || node.rooms.len() != 2;
        }
    }
    let mut is_core = vec![true; nodes.len()];
    let mut left: Vec<usize> = doors_of.iter().map(Vec::len).collect();
    let mut ends: Vec<usize> = (0..rooms).filter(|r| left[*r] == 1 && !has_shaft[*r]).collect();
    while let Some(room) = ends.pop() {
        // The last two rooms of a row may both wait here.
        let Some(door) = doors_of[room].iter().copied().find(|door| is_core[*door]) else {
            continue;
        };
        let Some(next) = nodes[door].rooms.iter().copied().find(|r| r.0 != room) else { continue };
        exits[room] = Some((door, next));
        is_core[door] = false;
        left[next.0] -= 1;
        if left[next.0] == 1 && !has_shaft[next.0] {
            ends.push(next.0);
        }
    }
    (exits, (0..nodes.len()).filter(|node| is_core[*node]).collect())
}

/// One landing in the middle of each lift and stairwell, joined along its shaft. Returns how many
/// shafts there are.
fn add_landings(building: &Building, nodes: &mut Vec<Node>) -> usize {
    let mut shafts: BTreeMap<&str, Vec<(i16, usize)>> = BTreeMap::new();
    for (number, room) in building.rooms.iter().enumerate() {
        let Some(shaft) = &room.shaft else { continue };
        shafts.entry(shaft).or_default().push((room.floor, nodes.len()));
        nodes.push(Node {
            rooms: vec![RoomIx(number)],
            at: inner_point(&room.ring),
            shaft: Vec::new(),
            lift: 0,
            is_stairs: room.kind == RoomKind::Stairs,
        });
    }
    for (number, landings) in shafts.values().enumerate() {
        for &(floor_a, a) in landings {
            nodes[a].lift = number;
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
    shafts.len()
}

fn is_passage(kind: RoomKind) -> bool {
    use RoomKind::{Corridor, Entrance, Lift, Stairs, Waiting};
    matches!(kind, Corridor | Entrance | Lift | Stairs | Waiting)
}

pub(super) fn common_room(a: &Node, b: &Node) -> Option<RoomIx> {
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
