#![allow(clippy::unwrap_used)]

use super::*;
use crate::site;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn demo() -> Building {
    Building::new(&site::generate(&site::demo_plan())).unwrap()
}

fn named(building: &Building, id: &str) -> RoomIx {
    RoomIx(building.rooms().iter().position(|r| r.id.as_str() == id).unwrap())
}

#[test]
fn a_walk_never_leaves_the_rooms_and_never_runs() {
    let building = demo();
    let mut ways = Ways::new(&building);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for round in 0..300 {
        let mut spot = || {
            let room = RoomIx(rng.random_range(0..building.rooms().len()));
            building.random_spot(room, &mut rng)
        };
        let (from, to) = (spot(), spot());
        let gait = Gait { speed_m_s: 1.2, wheels: round % 2 == 0 };
        let walk = ways.walk(&building, from, to, gait, 1_000).unwrap();
        assert_eq!(walk.spot_at(0), from);
        assert_eq!(walk.spot_at(walk.end_ms()), to);
        let mut before: Option<Spot> = None;
        for time_ms in (1_000..walk.end_ms()).step_by(500) {
            let at = walk.spot_at(time_ms);
            assert!(building.room(at.room).contains(at.x_m, at.y_m), "{at:?} at {time_ms}");
            if let Some(before) = before
                && building.room(before.room).floor == building.room(at.room).floor
            {
                let metres = geometry::distance(before.point(), at.point());
                assert!(metres <= 0.5 * gait.speed_m_s + 0.01, "{metres} m in half a second");
            }
            before = Some(at);
        }
    }
}

#[test]
fn wheels_take_the_lift_and_feet_the_stairs_where_they_are_nearer() {
    let building = demo();
    let mut ways = Ways::new(&building);
    let mut kinds = |wheels| {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let from = building.random_spot(named(&building, "f0-depot"), &mut rng);
        let to = building.random_spot(named(&building, "f1-depot"), &mut rng);
        let gait = Gait { speed_m_s: 1.0, wheels };
        let walk = ways.walk(&building, from, to, gait, 0).unwrap();
        walk.entries().map(|(_, room)| building.room(room).kind).collect::<Vec<_>>()
    };
    assert!(kinds(true).contains(&RoomKind::Lift));
    assert!(!kinds(true).contains(&RoomKind::Stairs));
    assert!(kinds(false).contains(&RoomKind::Stairs));
}

#[test]
fn a_door_to_nowhere_is_named() {
    let mut site = site::generate(&site::demo_plan());
    site.features.retain(|f| f.id.as_str() != "f0-affald");
    let refused = Building::new(&site).unwrap_err();
    assert!(refused.to_string().contains("f0-affald"), "{refused}");
}

#[test]
fn patient_rooms_have_a_place_for_each_bed() {
    let building = demo();
    let beds: usize = building
        .rooms_where(|r| r.id.as_str().contains("-stue-"))
        .into_iter()
        .map(|room| building.bed_spots(room).len())
        .sum();
    assert!((120..=130).contains(&beds), "{beds} beds");
}
