//! A way in steps as a person says them: where one turns, how far, which lift to which floor.
//!
//! A turn is told against the way one faces; coming out of a room or lift one faces away from it.
//! Who starts in a corridor faces nobody knows where, and is told no turn.

use super::{
    graph::Ways,
    inside::{Point, distance_m},
    route::Leg,
};
use crate::model::RoomKind;

/// A change of direction less than this is none, degrees.
const STRAIGHT_DEG: f64 = 40.0;
/// More than this is a way back, degrees.
const BACK_DEG: f64 = 140.0;
/// A piece shorter than this between two turns is not worth a word, metres.
const SHORT_M: f64 = 3.0;
/// Straight on across a corridor is not worth one either, metres.
const ACROSS_M: f64 = 5.0;

/// Where one turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Straight on.
    Ahead,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// Back the way one faces away from.
    Back,
}

/// A piece of a way as one says it.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// So many metres on one floor.
    Walk {
        /// None: nobody knows how one stands.
        turn: Option<Turn>,
        /// Metres.
        metres: f64,
    },
    /// By lift to a floor.
    Lift {
        /// What its door says.
        name: String,
        /// 0 is ground.
        to_floor: i16,
    },
    /// By stairs to a floor.
    Stairs {
        /// What its door says.
        name: String,
        /// 0 is ground.
        to_floor: i16,
    },
    /// Through the last door.
    Enter {
        /// The side that the door is on.
        turn: Turn,
        /// What it says.
        name: String,
    },
}

/// A piece in one direction; none: whatever the next one is.
struct Move {
    heading: Option<Point>,
    metres: f64,
}

pub(super) fn of(ways: &Ways, legs: &[Leg]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = legs;
    loop {
        let walked = rest.iter().take_while(|leg| matches!(leg, Leg::Walk { .. })).count();
        let ride = rest.get(walked);
        on_one_floor(ways, &rest[..walked], ride.is_none(), &mut steps);
        let Some(Leg::Ride { room, to_floor }) = ride else { return steps };
        let room = &ways.rooms[*room];
        let (name, to_floor) = (room.name.clone(), *to_floor);
        steps.push(if room.kind == RoomKind::Stairs {
            Step::Stairs { name, to_floor }
        } else {
            Step::Lift { name, to_floor }
        });
        rest = &rest[walked + 1..];
    }
}

/// `ends`: the way ends on this floor; else it goes on by a lift or stairs, whose door needs no turn.
fn on_one_floor(ways: &Ways, legs: &[Leg], ends: bool, steps: &mut Vec<Step>) {
    let Some(Leg::Walk { room: first, .. }) = legs.first() else { return };
    let faces_out = !is_open(ways.rooms[*first].kind);
    let (mut moves, last_door) = moves(ways, legs, faces_out);
    let mut doorway = None;
    if last_door.is_some() {
        // What is walked behind the last door is in sight.
        moves.pop();
        doorway = moves.pop();
    }
    let mut faced = if faces_out { facing_out(ways, legs) } else { None };
    for piece in pieces(moves) {
        let Some(heading) = piece.heading else { continue };
        let turn = faced.map(|faced| turn(faced, heading));
        faced = Some(heading);
        if turn == Some(Turn::Ahead) && piece.metres < ACROSS_M {
            continue;
        }
        steps.push(Step::Walk { turn, metres: piece.metres });
    }
    if ends
        && let (Some(room), Some(faced), Some(heading)) =
            (last_door, faced, doorway.and_then(|m| m.heading))
    {
        steps.push(Step::Enter { turn: turn(faced, heading), name: ways.rooms[room].name.clone() });
    }
}

/// Legs, and between those of two rooms the doorway, as directions; and the room behind the last
/// door, where the last leg is in one that is seen whole from its door.
fn moves(ways: &Ways, legs: &[Leg], faces_out: bool) -> (Vec<Move>, Option<usize>) {
    let mut moves: Vec<Move> = Vec::new();
    let (mut before, mut last_door) = (None::<usize>, None);
    for (number, leg) in legs.iter().enumerate() {
        let Leg::Walk { room, from, to, .. } = leg else { continue };
        if let Some(before) = before.filter(|before| *before != *room) {
            let heading = ways.rooms[before].inside.outwards(*from);
            moves.push(Move { heading: Some(heading), metres: 0.0 });
        }
        before = Some(*room);
        let metres = distance_m(*from, *to);
        // Inside the first room nobody needs to be told the way to its door.
        if number > 0 || !faces_out {
            let ahead = || [(to[0] - from[0]) / metres, (to[1] - from[1]) / metres];
            moves.push(Move { heading: (metres >= 1.0).then(ahead), metres });
        }
        let came = number.checked_sub(1).and_then(|n| legs.get(n));
        let through = matches!(came, Some(Leg::Walk { room: other, .. }) if other != room);
        let ends_here = number + 1 == legs.len() && !is_open(ways.rooms[*room].kind);
        last_door = (through && ends_here).then_some(*room);
    }
    (moves, last_door)
}

/// How one faces who comes out of the first room.
fn facing_out(ways: &Ways, legs: &[Leg]) -> Option<Point> {
    let Leg::Walk { room, .. } = legs.first()? else { return None };
    legs.iter().find_map(|leg| match leg {
        Leg::Walk { room: next, from, .. } if next != room => {
            Some(ways.rooms[*room].inside.outwards(*from))
        }
        _ => None,
    })
}

/// Moves in about one direction as one piece; what is too short to be worth a turn joins the next.
fn pieces(moves: Vec<Move>) -> Vec<Move> {
    let mut pieces: Vec<Move> = Vec::new();
    let mut short_m = 0.0;
    for Move { heading, metres } in moves {
        let last = pieces.last_mut();
        match (heading, last) {
            (Some(heading), Some(last))
                if last.heading.is_some_and(|faced| turn(faced, heading) == Turn::Ahead) =>
            {
                last.metres += metres + std::mem::take(&mut short_m);
            }
            (Some(heading), _) if metres >= SHORT_M => {
                let metres = metres + std::mem::take(&mut short_m);
                pieces.push(Move { heading: Some(heading), metres });
            }
            _ => short_m += metres,
        }
    }
    if let Some(last) = pieces.last_mut() {
        last.metres += short_m;
    }
    pieces
}

fn turn(faced: Point, heading: Point) -> Turn {
    let across = faced[0] * heading[1] - faced[1] * heading[0];
    let along = faced[0] * heading[0] + faced[1] * heading[1];
    let degrees = across.atan2(along).to_degrees();
    if degrees.abs() < STRAIGHT_DEG {
        Turn::Ahead
    } else if degrees.abs() > BACK_DEG {
        Turn::Back
    } else if degrees > 0.0 {
        Turn::Left
    } else {
        Turn::Right
    }
}

/// True where people stand about and face anywhere.
fn is_open(kind: RoomKind) -> bool {
    matches!(kind, RoomKind::Corridor | RoomKind::Waiting | RoomKind::Entrance)
}
