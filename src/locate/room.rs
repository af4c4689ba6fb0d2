//! Which room, with hysteresis: a clear fix moves the tag at once, a doubtful one after a dwell.

use super::Move;
use crate::{
    model::{Fix, Origin, RoomKind, ZoneId},
    site::Site,
};
use serde::{Deserialize, Serialize};

/// Outside the present room by more than this and the fix's accuracy together is clear, metres.
const MARGIN_M: f64 = 0.5;
/// A doubtful change of room must hold this long, milliseconds.
const ROOM_DWELL_MS: i64 = 3_000;
/// A change of floor away from lifts and stairs must hold this long, milliseconds.
const FLOOR_DWELL_MS: i64 = 2_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct RoomChoice {
    /// None before the first fix.
    stay: Option<Stay>,
    candidate: Option<Candidate>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stay {
    room: Option<ZoneId>,
    floor: i16,
    entered_ms: i64,
}

/// Another room that the fixes have pointed to since `since_ms` without a break.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Candidate {
    room: Option<ZoneId>,
    floor: i16,
    since_ms: i64,
    /// By the clock of receipt, which [`RoomChoice::tick`] compares with.
    received_ms: i64,
    dwell_ms: i64,
}

impl RoomChoice {
    pub(super) fn room(&self) -> Option<&ZoneId> {
        self.stay.as_ref().and_then(|s| s.room.as_ref())
    }

    pub(super) fn floor(&self) -> i16 {
        self.stay.as_ref().map_or(0, |s| s.floor)
    }

    pub(super) fn entered_ms(&self) -> i64 {
        self.stay.as_ref().map_or(0, |s| s.entered_ms)
    }

    pub(super) fn restore(&mut self, floor: i16, visit: Option<(ZoneId, i64)>, time_ms: i64) {
        let (room, entered_ms) = match visit {
            Some((room, entered_ms)) => (Some(room), entered_ms),
            None => (None, time_ms),
        };
        self.stay = Some(Stay { room, floor, entered_ms });
    }

    pub(super) fn take(&mut self, fix: &Fix, x_m: f64, y_m: f64, site: &Site) -> Option<Move> {
        // Rooms don't overlap: most fixes need no look at any other.
        if let Some(Stay { room: Some(room), floor, .. }) = &self.stay
            && *floor == fix.floor
            && site.holds(room, fix.floor, x_m, y_m)
        {
            self.candidate = None;
            return None;
        }
        let room = site.room_at(fix.floor, x_m, y_m).cloned();
        let Some(stay) = &self.stay else {
            return Some(self.go(room, fix.floor, fix.time_ms, "first fix"));
        };
        if room == stay.room && fix.floor == stay.floor {
            self.candidate = None;
            return None;
        }
        match doubt(stay, fix, x_m, y_m, site) {
            None => Some(self.go(room, fix.floor, fix.time_ms, "clearly outside the last room")),
            Some(dwell_ms) => self.wait(room, fix, dwell_ms),
        }
    }

    /// True while a change of room waits for its dwell.
    pub(super) fn is_waiting(&self) -> bool {
        self.candidate.is_some()
    }

    /// By event time: what waited for its dwell and is due by `to_ms` is decided.
    pub(super) fn settle(&mut self, to_ms: i64) -> Option<Move> {
        let due = self.candidate.take_if(|c| to_ms - c.since_ms >= c.dwell_ms)?;
        Some(self.go(due.room, due.floor, due.since_ms, "no fix since spoke against it"))
    }

    /// The tag is held to be in that room from now on, whatever was thought.
    pub(super) fn put(&mut self, room: Option<ZoneId>, floor: i16, entered_ms: i64) {
        self.candidate = None;
        self.stay = Some(Stay { room, floor, entered_ms });
    }

    /// The stay is another one; what waits goes on waiting, unless it is for that room. It waits since
    /// the newest fix, at `newest_ms`, where it began before the stay: others that speak for it may lie
    /// in between, and are looked at when the move is decided anew.
    pub(super) fn amend(
        &mut self,
        room: Option<ZoneId>,
        floor: i16,
        entered_ms: i64,
        newest_ms: i64,
    ) {
        self.candidate.take_if(|c| c.room == room || newest_ms <= entered_ms);
        if let Some(waiting) = &mut self.candidate
            && waiting.since_ms <= entered_ms
        {
            waiting.since_ms = newest_ms;
        }
        self.stay = Some(Stay { room, floor, entered_ms });
    }

    /// The tag was heard at one place all the while, and held to be in `room`. A change of room whose
    /// dwell is over is decided, unless a fix between must have spoken against it.
    pub(super) fn hold(
        &mut self,
        room: Option<&ZoneId>,
        (from_ms, to_ms): (i64, i64),
    ) -> Option<Move> {
        let due = self.candidate.take_if(|c| to_ms - c.since_ms >= c.dwell_ms)?;
        // It would have been decided within the row, had no fix spoken against it.
        let was_refuted = to_ms - from_ms >= due.dwell_ms && room == self.room();
        (!was_refuted)
            .then(|| self.go(due.room, due.floor, due.since_ms, "no fix since spoke against it"))
    }

    pub(super) fn tick(&mut self, now_ms: i64) -> Option<(Move, i64)> {
        let due = self.candidate.take_if(|c| now_ms - c.received_ms >= c.dwell_ms)?;
        let until_ms = due.since_ms + due.dwell_ms;
        let moved = self.go(due.room, due.floor, due.since_ms, "no fix since spoke against it");
        Some((moved, until_ms))
    }

    fn wait(&mut self, room: Option<ZoneId>, fix: &Fix, dwell_ms: i64) -> Option<Move> {
        match &self.candidate {
            Some(c) if c.room == room && c.floor == fix.floor => {
                let since_ms = c.since_ms;
                if fix.time_ms - since_ms < c.dwell_ms {
                    return None;
                }
                Some(self.go(room, fix.floor, since_ms, "held for its dwell"))
            }
            _ => {
                let (since_ms, received_ms) = (fix.time_ms, fix.received_ms);
                let floor = fix.floor;
                self.candidate = Some(Candidate { room, floor, since_ms, received_ms, dwell_ms });
                None
            }
        }
    }

    fn go(&mut self, room: Option<ZoneId>, floor: i16, at_ms: i64, reason: &'static str) -> Move {
        self.candidate = None;
        let stay = Stay { room: room.clone(), floor, entered_ms: at_ms };
        let before = self.stay.replace(stay);
        let from_floor = before.as_ref().map(|s| s.floor).filter(|f| *f != floor);
        let left = before.and_then(|s| Some((s.room?, s.entered_ms)));
        Move { left, entered: room, at_ms, floor, from_floor, reason }
    }
}

/// How long the change must hold before it is believed, milliseconds; none: it is clear.
fn doubt(stay: &Stay, fix: &Fix, x_m: f64, y_m: f64, site: &Site) -> Option<i64> {
    if fix.floor != stay.floor {
        let kind = stay.room.as_ref().and_then(|r| site.zone(r)).and_then(|z| z.kind);
        let by_shaft = matches!(kind, Some(RoomKind::Lift | RoomKind::Stairs));
        return if by_shaft { None } else { Some(FLOOR_DWELL_MS) };
    }
    if let Origin::Reader { portal, .. } = fix.origin {
        return if portal { None } else { Some(ROOM_DWELL_MS) };
    }
    let Some(room) = &stay.room else { return None };
    let outside_m = site.distance_to_room_m(room, fix.floor, x_m, y_m)?;
    let clear_m = MARGIN_M + f64::from(fix.accuracy_m);
    if outside_m > clear_m { None } else { Some(ROOM_DWELL_MS) }
}
