//! Tags that never stand still: each walks about its room, and now and then to another one.

use crate::building::{Building, BuildingError, Gait, RoomIx, Spot, Walk, Ways};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use spor_schemas::{PositionMessage, TagId, site::SiteFile, topic};

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
    pub(super) tag: TagId,
    pub(super) topic: String,
    at: Spot,
    walk: Option<Walk>,
    seq: u32,
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

    /// A tag `load-00001` and so on, somewhere in the building.
    pub(super) fn walker(&mut self, number: u32) -> Walker {
        let tag = TagId::new(&format!("load-{number:05}")).expect("fits the pattern");
        let at = self.anywhere();
        Walker {
            topic: topic::tag_position(&tag),
            tag,
            at,
            walk: None,
            seq: 0,
            battery_pct: self.rng.random_range(20..=100),
        }
    }

    fn anywhere(&mut self) -> Spot {
        let room = self.rooms[self.rng.random_range(0..self.rooms.len())];
        self.building.random_spot(room, &mut self.rng)
    }

    /// Where the tag is at a time that never goes back.
    pub(super) fn position(&mut self, walker: &mut Walker, time_ms: i64) -> PositionMessage {
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
        PositionMessage {
            tag: None,
            time_ms: Some(time_ms),
            seq: Some(walker.seq),
            x_m: centi(spot.x_m),
            y_m: centi(spot.y_m),
            floor: self.building.room(spot.room).floor,
            accuracy_m: Some(0.5),
            battery_pct: Some(walker.battery_pct),
            moving: Some(true),
            button: None,
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

fn centi(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
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
        assert_eq!(walker.topic, "spor/v1/tags/load-00007/position");
        let mut before: Option<PositionMessage> = None;
        for second in 0..2_000 {
            let now = ground.position(&mut walker, 1_000_000 + 2_000 * second);
            let room = ground.building.room_at(now.floor, now.x_m, now.y_m);
            assert!(room.is_some(), "{now:?} is in no room");
            if let Some(before) = before.filter(|before| before.floor == now.floor) {
                let metres = (now.x_m - before.x_m).hypot(now.y_m - before.y_m);
                assert!(metres <= 3.1, "{metres} m in two seconds");
            }
            before = Some(now);
        }
    }
}
