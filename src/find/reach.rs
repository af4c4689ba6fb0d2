//! From one place to all others: Dijkstra over the graph, and the last steps to a spot in its room.

use super::{
    graph::{Node, NodeKind, PACE_M_S, Spot, Ways},
    inside::distance_m,
    load::Load,
};
use std::{cmp::Reverse, collections::BinaryHeap};

/// How far a place is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walk {
    /// Seconds, waiting for lifts and passing through rooms included.
    pub seconds: f64,
    /// Metres on foot; lifts and stairs count none.
    pub metres: f64,
}

/// The quickest way to a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best {
    pub(super) walk: Walk,
    /// The node before; none: straight from where one asks.
    pub(super) before: Option<usize>,
}

/// How far everything is from one place, for somebody who fetches a [`Load`].
#[derive(Debug)]
pub struct Reach<'a> {
    pub(super) ways: &'a Ways,
    pub(super) from: Spot<'a>,
    pub(super) room: usize,
    pub(super) best: Vec<Option<Best>>,
}

const NO_WALK: Walk = Walk { seconds: 0.0, metres: 0.0 };

impl Ways {
    /// The quickest ways from `from`; none: its room is not of this building.
    #[must_use]
    pub fn reach<'a>(&'a self, from: Spot<'a>, load: Load) -> Option<Reach<'a>> {
        let room = self.room(from.room)?;
        let mut reach = Reach { ways: self, from, room, best: vec![None; self.nodes.len()] };
        let mut open = BinaryHeap::new();
        for node in in_sight(self, room, &from) {
            let walk = NO_WALK.on_foot(distance_m(from.at(), self.nodes[node].at));
            reach.best[node] = Some(Best { walk, before: None });
            open.push(Reverse((Seconds(walk.seconds), node)));
        }
        while let Some(Reverse((Seconds(seconds), node))) = open.pop() {
            let Some(here) = reach.best[node] else { continue };
            if seconds > here.walk.seconds {
                continue;
            }
            for edge in self.edges_of(node) {
                let mut walk = here.walk.on_foot(edge.metres);
                let Node { kind, dead_end, .. } = &self.nodes[edge.to];
                // Leaving a room by a door is what makes a visit a passage.
                if edge.room != room && matches!(kind, NodeKind::Door(_)) {
                    walk.seconds += self.rooms[edge.room].passing_s;
                }
                if reach.improve(edge.to, walk, node) && !dead_end {
                    open.push(Reverse((Seconds(walk.seconds), edge.to)));
                }
            }
            let NodeKind::Landing { room: landing, shaft } = self.nodes[node].kind else {
                continue;
            };
            let shaft = &self.shafts[shaft];
            if !shaft.takes(load) {
                continue;
            }
            let floor = self.rooms[landing].floor;
            for &(to_floor, to) in &shaft.landings {
                let seconds = here.walk.seconds + shaft.ride_s(floor, to_floor);
                let walk = Walk { seconds, ..here.walk };
                if to != node && reach.improve(to, walk, node) {
                    open.push(Reverse((Seconds(walk.seconds), to)));
                }
            }
        }
        Some(reach)
    }
}

impl Reach<'_> {
    /// How far `to` is; none: there is no way, or its room is not of this building.
    #[must_use]
    pub fn to(&self, to: &Spot<'_>) -> Option<Walk> {
        let room = self.ways.room(to.room)?;
        self.last(room, to).map(|best| best.walk)
    }

    /// The quickest of all ways into the room and on to the spot; `before` is the last node.
    pub(super) fn last(&self, room: usize, to: &Spot<'_>) -> Option<Best> {
        let inside = &self.ways.rooms[room].inside;
        let at = to.at();
        let direct = (room == self.room && inside.sees(self.from.at(), at))
            .then(|| Best { walk: NO_WALK.on_foot(distance_m(self.from.at(), at)), before: None });
        let through = |node: usize| {
            let walk = self.best[node]?.walk.on_foot(distance_m(self.ways.nodes[node].at, at));
            Some(Best { walk, before: Some(node) })
        };
        let quicker = |a: &Best, b: &Best| a.walk.seconds.total_cmp(&b.walk.seconds);
        let ways_in = self.ways.rooms[room].nodes.iter().copied().filter_map(through);
        if inside.is_convex() {
            return ways_in.chain(direct).min_by(quicker);
        }
        // Only few lines of sight are looked along: the first that is free is the quickest.
        let mut ways_in: Vec<Best> = ways_in.chain(direct).collect();
        ways_in.sort_by(quicker);
        let free = ways_in
            .iter()
            .find(|best| best.before.is_none_or(|node| inside.sees(self.ways.nodes[node].at, at)));
        free.or(ways_in.first()).copied()
    }

    fn improve(&mut self, node: usize, walk: Walk, before: usize) -> bool {
        let better = self.best[node].is_none_or(|best| walk.seconds < best.walk.seconds);
        if better {
            self.best[node] = Some(Best { walk, before: Some(before) });
        }
        better
    }
}

/// The nodes of the room that are in sight of the spot, or all of them where none is, as for a spot
/// that was measured behind a wall.
fn in_sight(ways: &Ways, room: usize, from: &Spot<'_>) -> Vec<usize> {
    let room = &ways.rooms[room];
    let sees = |node: &usize| room.inside.sees(from.at(), ways.nodes[*node].at);
    let seen: Vec<usize> = room.nodes.iter().copied().filter(sees).collect();
    if seen.is_empty() { room.nodes.clone() } else { seen }
}

impl Walk {
    fn on_foot(self, metres: f64) -> Self {
        Self { seconds: self.seconds + metres / PACE_M_S, metres: self.metres + metres }
    }
}

/// Seconds that can be ordered; never NaN.
#[derive(Debug, PartialEq, Clone, Copy)]
struct Seconds(f64);

impl Eq for Seconds {}

impl PartialOrd for Seconds {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Seconds {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
