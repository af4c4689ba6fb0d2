//! Decides where a tag is: fix -> smoothing -> floor -> room with hysteresis -> visits and zones.
//!
//! Pure functions over one tag's [`Track`]: time is an argument, and the same fixes in the same
//! order give the same moves. A fix older than the tag's newest leaves the track alone.

mod interval;
mod past;
mod room;
mod sightings;
mod smooth;

use crate::{
    model::{Fix, Origin, Sighting, ZoneId},
    site::Site,
};
use interval::Intervals;
use room::RoomChoice;
use serde::{Deserialize, Serialize};
use sightings::Heard;
pub use smooth::Smoothed;

/// How far from a zone's border a tag must be before it has left, metres.
const ZONE_EXIT_M: f64 = 1.0;

/// Everything that is remembered of one tag to place its next fix.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Track {
    newest: Option<Newest>,
    smoothed: Smoothed,
    rooms: RoomChoice,
    intervals: Intervals,
    heard: Heard,
    zones: Vec<ZoneId>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Newest {
    fix: Fix,
    moving: Option<bool>,
    /// Since when the tag has been in that state of motion, milliseconds.
    moving_since_ms: i64,
}

impl Newest {
    /// The fix after `before`.
    fn after(before: Option<&Self>, fix: &Fix) -> Self {
        let moving = fix.moving.or_else(|| before.and_then(|before| before.moving));
        let same = before.filter(|before| before.moving == moving);
        let moving_since_ms = same.map_or(fix.time_ms, |before| before.moving_since_ms);
        Self { fix: fix.clone(), moving, moving_since_ms }
    }
}

/// A tag went from one room (or floor) to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The visit that ended: its room and when it began.
    pub left: Option<(ZoneId, i64)>,
    /// The room it is in now; none: in no room.
    pub entered: Option<ZoneId>,
    /// When, by event time, milliseconds.
    pub at_ms: i64,
    /// The floor it is on now.
    pub floor: i16,
    /// The floor it was on, when that is another one.
    pub from_floor: Option<i16>,
    /// Why it was decided, for people.
    pub reason: &'static str,
}

/// A tag entered or left a zone that is no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The zone.
    pub zone: ZoneId,
    /// True when it entered.
    pub entered: bool,
}

/// Where a tag is held to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// Metres east, smoothed.
    pub x_m: f64,
    /// Metres north, smoothed.
    pub y_m: f64,
    /// The decided floor.
    pub floor: i16,
    /// Radius that holds the true place nine times in ten, metres.
    pub accuracy_m: f32,
    /// The decided room.
    pub zone: Option<ZoneId>,
    /// Since when it is there, milliseconds.
    pub entered_ms: i64,
    /// Event time of the newest fix, milliseconds.
    pub seen_ms: i64,
    /// When that fix was received, milliseconds.
    pub received_ms: i64,
    /// Who said so.
    pub origin: Origin,
    /// True while the tag feels motion.
    pub moving: Option<bool>,
    /// Since when that is so, milliseconds.
    pub moving_since_ms: i64,
}

/// What a fix changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// It is the newest; the tag may have moved.
    Newest {
        /// The room changed.
        moved: Option<Move>,
        /// Zones were crossed.
        crossings: Vec<Crossing>,
    },
    /// It is older than the newest: the past knows it, the present doesn't change.
    Late,
    /// It has the time and the counter of the newest, by which a fix is known: the first one counts.
    Repeat,
}

impl Track {
    /// A tag that was at `located` before a restart.
    #[must_use]
    pub fn restored(fix: &Fix, visit: Option<(ZoneId, i64)>) -> Self {
        let mut track = Self::default();
        track.smoothed.reset(fix);
        track.rooms.restore(fix.floor, visit, fix.time_ms);
        track.newest = Some(Newest::after(None, fix));
        track
    }

    /// To be called before a newer fix is placed, with its time: a room change whose dwell ended
    /// before is decided, whether or not a tick came between.
    pub fn settle(&mut self, to_ms: i64) -> Option<Move> {
        self.rooms.settle(to_ms)
    }

    /// True when a fix of that time would be the newest.
    #[must_use]
    pub fn would_be_newest(&self, time_ms: i64) -> bool {
        self.newest.as_ref().is_none_or(|n| n.fix.time_ms < time_ms)
    }

    /// Takes a fix whose event time is not later than its receipt.
    pub fn place(&mut self, fix: &Fix, site: &Site) -> Placed {
        let known = self.newest.as_ref().map(|n| (n.fix.time_ms, n.fix.seq));
        if known == Some((fix.time_ms, fix.seq)) {
            return Placed::Repeat;
        }
        let previous_ms = self.newest.as_ref().map(|n| n.fix.time_ms);
        if previous_ms.is_some_and(|newest_ms| fix.time_ms <= newest_ms) {
            return Placed::Late;
        }
        let newest = Newest::after(self.newest.as_ref(), fix);
        if let Some(previous_ms) = previous_ms {
            self.intervals.learn(newest.moving, fix.time_ms - previous_ms);
        }
        let (x_m, y_m) = self.smoothed.take(fix, newest.moving);
        let moved = self.rooms.take(fix, x_m, y_m, site);
        let crossings = self.cross(fix.floor, x_m, y_m, site);
        self.newest = Some(newest);
        Placed::Newest { moved, crossings }
    }

    /// A reader heard the tag: the fix that follows from the last five seconds, at room accuracy.
    pub fn hear(&mut self, sighting: &Sighting, site: &Site) -> Option<Fix> {
        self.heard.take(sighting, site)
    }

    /// Called each second: a room change that only waited for its dwell is decided now. With it comes
    /// up to when that took silence for granted, milliseconds.
    pub fn tick(&mut self, now_ms: i64) -> Option<(Move, i64)> {
        self.rooms.tick(now_ms)
    }

    /// Where the tag is held to be; none before its first fix.
    #[must_use]
    pub fn located(&self) -> Option<Located> {
        let newest = self.newest.as_ref()?;
        let (x_m, y_m) = self.smoothed.place();
        Some(Located {
            x_m,
            y_m,
            floor: self.rooms.floor(),
            accuracy_m: newest.fix.accuracy_m,
            zone: self.rooms.room().cloned(),
            entered_ms: self.rooms.entered_ms(),
            seen_ms: newest.fix.time_ms,
            received_ms: newest.fix.received_ms,
            origin: newest.fix.origin.clone(),
            moving: newest.moving,
            moving_since_ms: newest.moving_since_ms,
        })
    }

    /// Since when the tag is in its room, or in none, milliseconds.
    #[must_use]
    pub fn entered_ms(&self) -> i64 {
        self.rooms.entered_ms()
    }

    /// Metres east and north, with the noise taken out; of the newest fix.
    #[must_use]
    pub fn smoothed(&self) -> (f64, f64) {
        self.smoothed.place()
    }

    /// The decided room.
    #[must_use]
    pub fn room(&self) -> Option<&ZoneId> {
        self.rooms.room()
    }

    /// When the tag was last heard, milliseconds, and whether a portal heard it.
    #[must_use]
    pub fn last_heard(&self) -> Option<(i64, bool)> {
        let fix = &self.newest.as_ref()?.fix;
        Some((fix.time_ms, matches!(fix.origin, Origin::Reader { portal: true, .. })))
    }

    /// How often the tag reports in its present state of motion, milliseconds.
    #[must_use]
    pub fn interval_ms(&self) -> i64 {
        self.intervals.of(self.newest.as_ref().and_then(|n| n.moving))
    }

    /// Enters at the border, leaves only [`ZONE_EXIT_M`] beyond it, so that noise at a border makes
    /// no chatter.
    fn cross(&mut self, floor: i16, x_m: f64, y_m: f64, site: &Site) -> Vec<Crossing> {
        let mut crossings = Vec::new();
        self.zones.retain(|zone| {
            let distance_m = site.distance_to_room_m(zone, floor, x_m, y_m);
            let stays = distance_m.is_some_and(|d| d <= ZONE_EXIT_M);
            if !stays {
                crossings.push(Crossing { zone: zone.clone(), entered: false });
            }
            stays
        });
        for zone in site.zones_at(floor, x_m, y_m) {
            if !self.zones.contains(zone) {
                self.zones.push(zone.clone());
                crossings.push(Crossing { zone: zone.clone(), entered: true });
            }
        }
        crossings
    }
}

#[cfg(test)]
mod tests;
