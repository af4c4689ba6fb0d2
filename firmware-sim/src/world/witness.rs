//! The ground truth, told as it changes: where everything really is and what it is doing.
//!
//! Each [`Change`] says all there is to say of one body until its next one. Changes of a walk are
//! known when it begins, so they wait until their time has come.

use super::World;
use crate::building::{RoomIx, Walk};
use spor_schemas::TagId;
use std::{cmp::Reverse, collections::BinaryHeap};

/// From this time on, something is here and does this.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// When, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The tag it carries.
    pub tag: TagId,
    /// What it is doing, as files call it: of an asset [`Doing::as_str`](super::Doing::as_str), of
    /// people `on_duty` and `off_duty`.
    pub doing: &'static str,
    /// The room.
    pub room: RoomIx,
    /// Where it stands, metres east and north; none: it is on its way through the room.
    pub at_m: Option<[f64; 2]>,
}

/// What is known and not told yet.
#[derive(Debug, Default)]
pub(super) struct Witness {
    pending: BinaryHeap<Reverse<(i64, u64, Seen)>>,
    noted: u64,
}

/// A change, by numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    body: usize,
    doing: &'static str,
    room: RoomIx,
    /// Millimetres east and north.
    at_mm: Option<(i64, i64)>,
}

impl Witness {
    fn note(&mut self, time_ms: i64, seen: Seen) {
        self.noted += 1;
        self.pending.push(Reverse((time_ms, self.noted, seen)));
    }
}

impl World {
    /// What has changed since it was asked last, in the order of time; always empty unless
    /// [`Config::truth`](super::Config::truth) asks for it.
    pub fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        let Some(witness) = &mut self.witness else { return changes };
        while let Some(Reverse((time_ms, _, seen))) = witness.pending.peek() {
            if *time_ms > self.clock_ms {
                break;
            }
            changes.push(Change {
                time_ms: *time_ms,
                tag: self.bodies[seen.body].tag.id.clone(),
                doing: seen.doing,
                room: seen.room,
                at_m: seen.at_mm.map(|(x, y)| [metres(x), metres(y)]),
            });
            witness.pending.pop();
        }
        changes
    }

    /// How everything is now, for the beginning and the end of a file.
    pub fn state(&self) -> impl Iterator<Item = Change> {
        self.truth().enumerate().map(|(body, truth)| Change {
            time_ms: self.clock_ms,
            tag: truth.tag.clone(),
            doing: self.doing(body),
            room: truth.spot.room,
            at_m: (!truth.moving)
                .then(|| [truth.spot.x_m, truth.spot.y_m].map(|m| metres(millimetres(m)))),
        })
    }

    /// A body is at rest, or does something else than before.
    pub(super) fn seen_at_rest(&mut self, body: usize) {
        if self.witness.is_none() || self.bodies[body].walk.is_some() {
            return;
        }
        let doing = self.doing(body);
        let spot = self.bodies[body].at;
        let at_mm = Some((millimetres(spot.x_m), millimetres(spot.y_m)));
        let time_ms = self.clock_ms;
        if let Some(witness) = &mut self.witness {
            witness.note(time_ms, Seen { body, doing, room: spot.room, at_mm });
        }
    }

    /// Who is on the way when the watching begins: the rooms that are still to come.
    pub(super) fn see_who_is_on_the_way(&mut self) {
        if self.witness.is_none() {
            return;
        }
        for body in 0..self.bodies.len() {
            if let Some(walk) = self.bodies[body].walk.take() {
                self.seen_setting_off(body, &walk);
                self.bodies[body].walk = Some(walk);
            }
        }
        if let Some(witness) = &mut self.witness {
            let now_ms = self.clock_ms;
            witness.pending.retain(|Reverse((time_ms, ..))| *time_ms > now_ms);
        }
    }

    /// A body sets off.
    pub(super) fn seen_setting_off(&mut self, body: usize, walk: &Walk) {
        let doing = self.doing(body);
        let Some(witness) = &mut self.witness else { return };
        for (time_ms, room) in walk.entries() {
            witness.note(time_ms, Seen { body, doing, room, at_mm: None });
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a site is at most 100 km wide")]
fn millimetres(metres: f64) -> i64 {
    (metres * 1000.0).round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "a site is at most 100 km wide")]
fn metres(millimetres: i64) -> f64 {
    millimetres as f64 / 1000.0
}
