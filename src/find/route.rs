//! One way, leg by leg: what is walked on which floor, and which lift or stairs is taken.

use super::{
    graph::{NodeKind, Spot},
    inside::{Point, distance_m},
    reach::{Reach, Walk},
    steps::{self, Step},
};

/// A straight walk in one room, or a ride from floor to floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leg {
    /// A straight walk.
    Walk {
        /// The room, by its index in the graph.
        room: usize,
        /// Its floor; 0 is ground.
        floor: i16,
        /// Where it begins.
        from: Point,
        /// Where it ends.
        to: Point,
    },
    /// By lift or stairs.
    Ride {
        /// The room that one steps into, by its index in the graph.
        room: usize,
        /// The floor where one leaves it.
        to_floor: i16,
    },
}

impl Leg {
    /// Its room, by its index in the graph.
    pub(super) fn room(&self) -> usize {
        match self {
            Self::Walk { room, .. } | Self::Ride { room, .. } => *room,
        }
    }
}

/// One way.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// How far it is.
    pub walk: Walk,
    /// From the first to the last.
    pub legs: Vec<Leg>,
    /// The same as one says it.
    pub steps: Vec<Step>,
}

impl Route {
    /// Where it leads, for drawing: metres east and north, and the floor.
    pub fn points(&self) -> impl Iterator<Item = (Point, i16)> {
        self.legs.iter().enumerate().flat_map(|(number, leg)| {
            let Leg::Walk { floor, from, to, .. } = *leg else { return Vec::new() };
            let walks_on = number > 0 && matches!(self.legs[number - 1], Leg::Walk { .. });
            let begin = (!walks_on).then_some((from, floor));
            begin.into_iter().chain([(to, floor)]).collect()
        })
    }
}

impl Reach<'_> {
    /// The way to `to`; none: there is none.
    #[must_use]
    pub fn route(&self, to: &Spot<'_>) -> Option<Route> {
        let room = self.ways.room(to.room)?;
        let last = self.last(room, to)?;
        let mut nodes = Vec::new();
        let mut next = last.before;
        while let Some(node) = next {
            nodes.push(node);
            next = self.best[node]?.before;
        }
        nodes.reverse();
        let legs = self.legs(&nodes, room, to.at());
        let steps = steps::of(self.ways, &legs);
        Some(Route { walk: last.walk, legs, steps })
    }

    fn legs(&self, nodes: &[usize], last_room: usize, to: Point) -> Vec<Leg> {
        let ways = self.ways;
        let mut legs = Vec::new();
        let (mut room, mut at) = (self.room, self.from.at());
        for (number, &node) in nodes.iter().enumerate() {
            let here = &ways.nodes[node];
            let before = number.checked_sub(1).map(|n| ways.nodes[nodes[n]].kind);
            if let (
                Some(NodeKind::Landing { shaft: from, room: left }),
                NodeKind::Landing { shaft, room: landing },
            ) = (before, here.kind)
                && from == shaft
            {
                legs.push(Leg::Ride { room: left, to_floor: ways.rooms[landing].floor });
                (room, at) = (landing, here.at);
                continue;
            }
            let floor = ways.rooms[room].floor;
            legs.push(Leg::Walk { room, floor, from: at, to: here.at });
            at = here.at;
            if let NodeKind::Door([a, b]) = here.kind {
                let following = nodes.get(number + 1).map(|next| ways.nodes[*next].kind);
                room = behind([a, b], room, following, last_room);
            }
        }
        legs.push(Leg::Walk { room, floor: ways.rooms[room].floor, from: at, to });
        legs.retain(
            |leg| !matches!(leg, Leg::Walk { from, to, .. } if distance_m(*from, *to) == 0.0),
        );
        legs
    }
}

/// Which of a door's rooms one goes on in: the other one, unless what comes next is not there (two
/// doors of one room, where one only walks by the first).
fn behind([a, b]: [usize; 2], room: usize, following: Option<NodeKind>, last_room: usize) -> usize {
    let other = if room == a { b } else { a };
    let touches = |candidate: usize| match following {
        None => candidate == last_room,
        Some(NodeKind::Door(rooms)) => rooms.contains(&candidate),
        Some(NodeKind::Landing { room, .. } | NodeKind::Corner(room)) => candidate == room,
    };
    if touches(other) || !touches(room) { other } else { room }
}
