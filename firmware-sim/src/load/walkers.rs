//! Tags that never stand still: each walks about its room, and now and then to another one.

use super::form::{FIRST_SEQ, Report};
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
    rng: ChaCha8Rng,
}

/// A walking tag.
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
        roam_percent: u32,
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
        Ok(Self { ways: Ways::new(&building), building, rooms, roam_percent, rng })
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
        if walker.walk.is_none() {
            walker.walk = self.next_walk(walker.at, start_ms);
        }
        let spot = walker.walk.as_ref().map_or(walker.at, |walk| walk.spot_at(time_ms));
        walker.seq = walker.seq.wrapping_add(1);
        Report {
            number: walker.number,
            time_ms,
            seq: walker.seq,
            x_cm: centimetres(spot.x_m),
            y_cm: centimetres(spot.y_m),
            floor: self.building.room(spot.room).floor,
            battery_pct: walker.battery_pct,
        }
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
        let mut ground = Ground::new(&site::generate(&site::demo_plan()), 20, 1).unwrap();
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
        let mut ground = Ground::new(&site::generate(&site::demo_plan()), 20, 1).unwrap();
        let mut walker = ground.walker(1);
        let times = [1_000, 1_000, 1_001, 1_500].map(|at| ground.report(&mut walker, at).time_ms);
        assert_eq!(times, [1_000, 1_001, 1_002, 1_500]);
    }
}
