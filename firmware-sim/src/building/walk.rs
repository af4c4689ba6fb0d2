//! A walk in time: straight legs through rooms, doors and lifts, each with its beginning and end.

use super::{RoomIx, Spot};

/// How somebody goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gait {
    /// Metres a second.
    pub speed_m_s: f64,
    /// True with something on wheels: lifts only, no stairs.
    pub wheels: bool,
}

/// A straight piece of a walk inside one room; in a lift it stands still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leg {
    /// When it begins, milliseconds.
    pub start_ms: i64,
    /// When it ends, milliseconds.
    pub end_ms: i64,
    /// Where it begins; its room is the leg's.
    pub from: Spot,
    /// Where it ends, in the same room.
    pub to: [f64; 2],
}

/// A walk: legs without a gap in time, at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    legs: Vec<Leg>,
    end: Spot,
}

impl Walk {
    pub(super) fn new(legs: Vec<Leg>, end: Spot) -> Self {
        Self { legs, end }
    }

    pub(super) fn into_legs(self) -> Vec<Leg> {
        self.legs
    }

    /// When it ends, milliseconds.
    #[must_use]
    pub fn end_ms(&self) -> i64 {
        self.legs.last().map_or(0, |leg| leg.end_ms)
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> Spot {
        self.end
    }

    /// The legs in order.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// Where the walker is at a time; before the walk at its start, after it at its end.
    #[must_use]
    pub fn spot_at(&self, time_ms: i64) -> Spot {
        let at = self.legs.partition_point(|leg| leg.end_ms <= time_ms);
        let Some(leg) = self.legs.get(at) else { return self.end };
        let lasts_ms = (leg.end_ms - leg.start_ms).max(1);
        let gone = (time_ms - leg.start_ms).clamp(0, lasts_ms);
        let share = ratio(gone, lasts_ms);
        Spot {
            room: leg.from.room,
            x_m: leg.from.x_m + share * (leg.to[0] - leg.from.x_m),
            y_m: leg.from.y_m + share * (leg.to[1] - leg.from.y_m),
        }
    }

    /// The rooms it comes through, each with the time of entry.
    pub fn entries(&self) -> impl Iterator<Item = (i64, RoomIx)> {
        let mut before = None;
        self.legs.iter().filter_map(move |leg| {
            let room = leg.from.room;
            (before.replace(room) != Some(room)).then_some((leg.start_ms, room))
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "walks last minutes: far below 2^53 ms")]
fn ratio(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}
