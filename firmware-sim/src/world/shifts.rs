//! Shifts: who is on duty when, and who doesn't come.
//!
//! Half of the staff works by day, less in the evening, least at night. Who is off duty has left by
//! the entrance, and the badge is silent.

use super::{World, staff::Task};
use rand::Rng;
use spor_schemas::site::RoomKind;

/// When the early, the late and the night shift begin, local hours; each lasts eight.
const BEGINS_H: [i64; 3] = [7, 15, 23];
const LASTS_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// People come within so long after the hour.
const LATEST_MS: i64 = 15 * 60_000;

/// The shift of somebody: half early, three of ten late, the others at night. Wards take their
/// people in turn, so numbers are mixed first: else a ward might have nobody at night.
pub(super) fn shift_of(number: usize) -> usize {
    match (number.wrapping_mul(0x9e37_79b9) >> 8) % 10 {
        0..5 => 0,
        5..8 => 1,
        _ => 2,
    }
}

impl World {
    /// How long the worker's shift still lasts, milliseconds; none: it isn't on.
    fn left_of_shift_ms(&self, worker: usize) -> Option<i64> {
        let left_ms = LASTS_MS - self.since_shift_ms(worker);
        (left_ms > 0).then_some(left_ms)
    }

    fn since_shift_ms(&self, worker: usize) -> i64 {
        let begins_ms = BEGINS_H[self.workers[worker].shift] * 3_600_000;
        (self.clock_ms + self.config.ahead_ms - begins_ms).rem_euclid(DAY_MS)
    }

    /// Whether the worker should go home now.
    pub(super) fn is_shift_over(&self, worker: usize) -> bool {
        self.config.shifts && self.left_of_shift_ms(worker).is_none()
    }

    /// At the very beginning: who isn't on duty, or doesn't come, is away.
    pub(super) fn settle_shift(&mut self, worker: usize) {
        if self.config.shifts
            && (self.is_shift_over(worker) || self.rng.random_bool(self.config.absent))
        {
            self.leave(worker);
        }
    }

    /// On the way home.
    pub(super) fn go_home(&mut self, worker: usize) {
        let room = self.places.room(&[RoomKind::Entrance], None, &mut self.rng);
        let to = self.random_spot(room);
        let gait =
            crate::building::Gait { speed_m_s: self.rng.random_range(1.1..1.5), wheels: false };
        if self.send(worker, to, gait, Task::Leaving).is_none() {
            self.leave(worker);
        }
    }

    /// Off duty until the shift begins again.
    pub(super) fn leave(&mut self, worker: usize) {
        let body = self.assets.len() + worker;
        self.bodies[body].silence();
        self.workers[worker].task = Task::OffDuty;
        let next_ms = DAY_MS - self.since_shift_ms(worker);
        let late_ms = self.rng.random_range(0..LATEST_MS);
        self.call(worker, next_ms + late_ms);
        self.seen_at_rest(body);
    }

    /// The shift begins, unless somebody is ill.
    pub(super) fn come(&mut self, worker: usize) {
        if self.rng.random_bool(self.config.absent) {
            // Tomorrow perhaps.
            self.call(worker, DAY_MS);
            return;
        }
        let body = self.assets.len() + worker;
        let room = self.places.room(&[RoomKind::Entrance], None, &mut self.rng);
        self.bodies[body].at = self.random_spot(room);
        self.workers[worker].task = Task::Staying;
        self.seen_at_rest(body);
        self.speak_again(body);
        let wait_ms = self.rng.random_range(10_000..120_000);
        self.call(worker, wait_ms);
    }
}
