//! A track that follows a stretch of the past, from stored rows instead of from a tag's first fix.

use super::{Move, Newest, Track};
use crate::model::{Fix, ZoneId};

impl Track {
    /// Takes a fix for what it teaches of place and interval; its room is decided elsewhere.
    pub fn warm_up(&mut self, fix: &Fix) {
        let previous_ms = self.newest.as_ref().map(|n| n.fix.time_ms);
        let newest = Newest::after(self.newest.as_ref(), fix);
        if let Some(previous_ms) = previous_ms {
            self.intervals.learn(newest.moving, fix.time_ms - previous_ms);
        }
        self.smoothed.take(fix, newest.moving);
        self.newest = Some(newest);
    }

    /// The tag is held to be in that room, whatever was thought.
    pub fn put(&mut self, room: Option<ZoneId>, floor: i16, entered_ms: i64) {
        self.rooms.put(room, floor, entered_ms);
    }

    /// The tag will be heard until then at the place of its newest fix, and was held to be in `room`:
    /// what a row says that stands for many fixes.
    pub fn settle_within(&mut self, room: Option<&ZoneId>, until_ms: i64) -> Option<Move> {
        let from_ms = self.newest.as_ref()?.fix.time_ms;
        self.rooms.hold(room, (from_ms, until_ms))
    }

    /// The tag was heard until then at the place of its newest fix.
    pub fn heard_until(&mut self, until_ms: i64) {
        if let Some(newest) = &mut self.newest {
            newest.fix.time_ms = newest.fix.time_ms.max(until_ms);
        }
    }

    /// True when no change of room waits for its dwell.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        !self.rooms.is_waiting()
    }

    /// The visit that lasts: its room and beginning, milliseconds.
    #[must_use]
    pub fn visit(&self) -> Option<(ZoneId, i64)> {
        Some((self.rooms.room()?.clone(), self.rooms.entered_ms()))
    }

    /// The visit that lasts began at another time, or is in another room: what a late fix amended.
    /// Without effect when the track has gone on since.
    pub fn amend(&mut self, was: Option<&(ZoneId, i64)>, now: Option<&(ZoneId, i64)>) -> bool {
        let Some(newest_ms) = self.newest.as_ref().map(|newest| newest.fix.time_ms) else {
            return false;
        };
        if self.visit().as_ref() != was {
            return false;
        }
        let floor = self.rooms.floor();
        let entered_ms = now.map_or(self.rooms.entered_ms(), |(_, entered_ms)| *entered_ms);
        self.rooms.amend(now.map(|(room, _)| room.clone()), floor, entered_ms, newest_ms);
        true
    }
}
