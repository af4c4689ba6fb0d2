//! A way walked: legs with their times, lifts that are waited for.

use super::{
    Building, RoomIx, Spot,
    geometry::{Point, distance},
    walk::{Gait, Leg},
    ways::STAIRS_FLOOR_M,
};

/// How long a free lift takes to come, and to travel a floor.
const LIFT_WAIT_MS: i64 = 12_000;
const LIFT_FLOOR_MS: i64 = 4_000;
/// Nobody waits longer for a lift that others use.
const LONGEST_WAIT_MS: i64 = 90_000;

/// A walk in the making.
pub(super) struct Path {
    legs: Vec<Leg>,
    at: Spot,
    time_ms: i64,
    gait: Gait,
}

impl Path {
    /// Stands at a spot; `legs` is empty memory.
    pub(super) fn begin(legs: Vec<Leg>, at: Spot, time_ms: i64, gait: Gait) -> Self {
        Self { legs, at, time_ms, gait }
    }

    pub(super) fn at(&self) -> Spot {
        self.at
    }

    pub(super) fn end(self) -> Vec<Leg> {
        self.legs
    }

    /// Goes straight to `to` in the present room, and is then at `then`.
    pub(super) fn straight(&mut self, to: Point, then: Spot) {
        let length_m = distance(self.at.point(), to);
        self.leg(to, milliseconds(length_m / self.gait.speed_m_s), then);
    }

    /// Takes the stairs to another landing.
    pub(super) fn climb(&mut self, building: &Building, landing: RoomIx, at: Point) {
        let a_floor_ms = milliseconds(STAIRS_FLOOR_M / self.gait.speed_m_s);
        self.change_floor(building, landing, at, a_floor_ms, 0);
    }

    /// Takes the lift, and waits while others use it.
    pub(super) fn ride(
        &mut self,
        building: &Building,
        landing: RoomIx,
        at: Point,
        used: &mut (i64, i64),
    ) {
        let comes_ms = if (used.0..used.1).contains(&self.time_ms) {
            (used.1 - self.time_ms).min(LONGEST_WAIT_MS) + LIFT_WAIT_MS
        } else {
            LIFT_WAIT_MS
        };
        let begins_ms = self.time_ms;
        self.change_floor(building, landing, at, LIFT_FLOOR_MS, comes_ms);
        *used = (begins_ms, self.time_ms);
    }

    fn change_floor(
        &mut self,
        building: &Building,
        landing: RoomIx,
        at: Point,
        a_floor_ms: i64,
        wait_ms: i64,
    ) {
        let floor = |room: RoomIx| i64::from(building.room(room).floor);
        let floors = (floor(self.at.room) - floor(landing)).abs();
        let then = Spot { room: landing, x_m: at[0], y_m: at[1] };
        self.leg(self.at.point(), wait_ms + floors * a_floor_ms, then);
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
