//! Tags that walk about their room, and now and then to another one; and tags that stand still, whose
//! fixes are off as much as they claim.

use super::form::{ACCURACY_M, FIRST_SEQ, Report};
use crate::building::{Building, BuildingError, Gait, RoomIx, Spot, Walk, Ways};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spor_schemas::site::SiteFile;

/// The building that the tags walk in, and what decides where they go.
pub(super) struct Ground {
    building: Building,
    ways: Ways,
    /// Where tags may go, each room as often as it has tens of square metres.
    rooms: Vec<RoomIx>,
    roam_percent: u32,
    still_percent: u32,
    rng: ChaCha8Rng,
}

/// A tag that walks, or stands still.
pub(super) struct Walker {
    number: u32,
    at: Spot,
    walk: Option<Walk>,
    seq: u32,
    last_ms: i64,
    battery_pct: u8,
}

impl Ground {
    pub(super) fn new(
        site: &SiteFile,
        (roam_percent, still_percent): (u32, u32),
        seed: u64,
    ) -> Result<Self, BuildingError> {
        let building = Building::new(site)?;
        let mut rooms = Vec::new();
        for room in building.rooms_where(|room| !room.kind.is_no_track()) {
            let mut left_m2 = building.room(room).area_m2();
            while left_m2 > 0.0 {
                rooms.push(room);
                left_m2 -= 10.0;
            }
        }
        if rooms.is_empty() {
            return Err(BuildingError::NoRooms);
        }
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Ok(Self { ways: Ways::new(&building), building, rooms, roam_percent, still_percent, rng })
    }

    /// The tag of that number, somewhere in the building.
    pub(super) fn walker(&mut self, number: u32) -> Walker {
        Walker {
            number,
            at: self.anywhere(),
            walk: None,
            seq: FIRST_SEQ,
            last_ms: 0,
            battery_pct: self.rng.random_range(20..=100),
        }
    }

    fn anywhere(&mut self) -> Spot {
        let room = self.rooms[self.rng.random_range(0..self.rooms.len())];
        self.building.random_spot(room, &mut self.rng)
    }

    /// Where the tag is at a time, which it says is later than its last.
    pub(super) fn report(&mut self, walker: &mut Walker, time_ms: i64) -> Report {
        let time_ms = time_ms.max(walker.last_ms + 1);
        walker.last_ms = time_ms;
        let mut start_ms = time_ms;
        if let Some(done) = walker.walk.take_if(|walk| walk.end_ms() <= time_ms) {
            walker.at = done.end();
            // Without a pause, but not where it fell silent for long.
            start_ms = done.end_ms().max(time_ms - 2_000);
        }
        let moving = walker.number % 100 >= self.still_percent;
        if walker.walk.is_none() && moving {
            walker.walk = self.next_walk(walker.at, start_ms);
        }
        let spot = walker.walk.as_ref().map_or(walker.at, |walk| walk.spot_at(time_ms));
        walker.seq = walker.seq.wrapping_add(1);
        let (dx_m, dy_m) = if moving { (0.0, 0.0) } else { self.noise() };
        Report {
            number: walker.number,
            time_ms,
            seq: walker.seq,
            x_cm: centimetres(spot.x_m + dx_m),
            y_cm: centimetres(spot.y_m + dy_m),
            floor: self.building.room(spot.room).floor,
            battery_pct: walker.battery_pct,
            moving,
        }
    }

    /// Nine errors of ten lie within what the tag claims (Rayleigh: 2.146 standard deviations).
    fn noise(&mut self) -> (f64, f64) {
        let sigma_m = f64::from(ACCURACY_M) / 2.146;
        let radius_m = sigma_m * (-2.0 * self.rng.random_range(f64::MIN_POSITIVE..1.0).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.rng.random_range(0.0..1.0)).sin_cos();
        (radius_m * cos, radius_m * sin)
    }

    fn next_walk(&mut self, from: Spot, start_ms: i64) -> Option<Walk> {
        let to = if self.rng.random_range(0..100) < self.roam_percent {
            self.anywhere()
        } else {
            self.building.random_spot(from.room, &mut self.rng)
        };
        let gait = Gait { speed_m_s: self.rng.random_range(0.5..1.5), wheels: false };
        self.ways.walk(&self.building, from, to, gait, start_ms)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a building is smaller than 20,000 km")]
fn centimetres(metres: f64) -> i32 {
    (metres * 100.0).round() as i32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::site;

    #[test]
    fn every_report_is_a_new_place_at_walking_speed() {
        let mut ground = Ground::new(&site::generate(&site::demo_plan()), (20, 0), 1).unwrap();
        let mut walker = ground.walker(7);
        let mut before: Option<Report> = None;
        for second in 0..2_000 {
            let now = ground.report(&mut walker, 1_000_000 + 2_000 * second);
            let (x_m, y_m) = (f64::from(now.x_cm) / 100.0, f64::from(now.y_cm) / 100.0);
            let room = ground.building.room_at(now.floor, x_m, y_m);
            assert!(room.is_some(), "{now:?} is in no room");
            if let Some(before) = before.filter(|before| before.floor == now.floor) {
                let (dx_cm, dy_cm) = (now.x_cm - before.x_cm, now.y_cm - before.y_cm);
                let gone_cm = f64::from(dx_cm).hypot(f64::from(dy_cm));
                assert!(gone_cm <= 310.0, "{gone_cm} cm in two seconds");
            }
            before = Some(now);
        }
    }

    #[test]
    fn no_two_reports_of_a_tag_bear_the_same_time() {
        let mut ground = Ground::new(&site::generate(&site::demo_plan()), (20, 0), 1).unwrap();
        let mut walker = ground.walker(1);
        let times = [1_000, 1_000, 1_001, 1_500].map(|at| ground.report(&mut walker, at).time_ms);
        assert_eq!(times, [1_000, 1_001, 1_002, 1_500]);
    }

    #[test]
    fn a_tag_that_stands_still_says_so_and_is_off_as_much_as_it_claims() {
        let site = site::generate(&site::demo_plan());
        let mut ground = Ground::new(&site, (20, 80), 1).unwrap();
        let mut walker = ground.walker(79);
        let at = walker.at;
        let errors = (0..2_000).map(|n| {
            let report = ground.report(&mut walker, 2_000 * n);
            assert!(!report.moving);
            let [dx_m, dy_m] = [(report.x_cm, at.x_m), (report.y_cm, at.y_m)]
                .map(|(cm, m)| f64::from(cm) / 100.0 - m);
            dx_m.hypot(dy_m)
        });
        let within = errors.filter(|error_m| *error_m <= f64::from(ACCURACY_M)).count();
        assert!((1_740..1_860).contains(&within), "{within} of 2000");
        let mut other = ground.walker(180);
        assert!(ground.report(&mut other, 0).moving);
    }
}
