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

/// The length of the shortest way between two rooms by looking at every door and landing, in metres
/// of walking as [`Ways`] weighs them.
fn shortest_of_all(ways: &Ways, from: Spot, to: Spot) -> f64 {
    let nodes = &ways.nodes;
    let touches = |node: usize, room: RoomIx| nodes[node].rooms.contains(&room);
    let mut cost_m: Vec<f64> = (0..nodes.len())
        .map(|n| {
            if touches(n, from.room) {
                geometry::distance(from.point(), nodes[n].at)
            } else {
                f64::INFINITY
            }
        })
        .collect();
    let mut is_done = vec![false; nodes.len()];
    while let Some(next) = (0..nodes.len())
        .filter(|n| !is_done[*n] && cost_m[*n].is_finite())
        .min_by(|a, b| cost_m[*a].total_cmp(&cost_m[*b]))
    {
        is_done[next] = true;
        for other in 0..nodes.len() {
            if let Some(room) = ways::common_room(&nodes[next], &nodes[other]) {
                let extra_m = if ways.passages[room.0] { 0.0 } else { ways::INTRUSION_M };
                let step_m = geometry::distance(nodes[next].at, nodes[other].at) + extra_m;
                cost_m[other] = cost_m[other].min(cost_m[next] + step_m);
            }
        }
        for (other, step_m) in &nodes[next].shaft {
            cost_m[*other] = cost_m[*other].min(cost_m[next] + step_m);
        }
    }
    (0..nodes.len())
        .filter(|n| touches(*n, to.room))
        .map(|n| cost_m[n])
        .fold(f64::INFINITY, f64::min)
}

#[test]
fn the_way_through_the_core_is_the_shortest_of_all() {
    let building = demo();
    let mut ways = Ways::new(&building);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for _ in 0..60 {
        let mut spot = || {
            let room = RoomIx(rng.random_range(0..building.rooms().len()));
            building.random_spot(room, &mut rng)
        };
        let (from, to) = (spot(), spot());
        ways.walk(&building, from, to, Gait { speed_m_s: 1.0, wheels: false }, 0).unwrap();
        if from.room == to.room {
            continue;
        }
        let nodes = &ways.nodes;
        let mut length_m = geometry::distance(from.point(), nodes[ways.route[0]].at);
        for pair in ways.route.windows(2) {
            let [a, b] = [&nodes[pair[0]], &nodes[pair[1]]];
            length_m += match ways::common_room(a, b) {
                Some(room) if ways.passages[room.0] => geometry::distance(a.at, b.at),
                Some(_) => geometry::distance(a.at, b.at) + ways::INTRUSION_M,
                None => a.shaft.iter().find(|(other, _)| *other == pair[1]).unwrap().1,
            };
        }
        let shortest_m = shortest_of_all(&ways, from, to);
        assert!((length_m - shortest_m).abs() < 0.01, "{length_m} m instead of {shortest_m}");
    }
}

#[test]
fn a_lift_that_others_use_is_waited_for() {
    let building = demo();
    let mut ways = Ways::new(&building);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let from = building.random_spot(named(&building, "f0-depot"), &mut rng);
    let to = building.random_spot(named(&building, "f2-depot"), &mut rng);
    let gait = Gait { speed_m_s: 1.0, wheels: true };
    let mut lasts_ms = || ways.walk(&building, from, to, gait, 1_000).unwrap().end_ms();
    let (alone, second) = (lasts_ms(), lasts_ms());
    assert!(second > alone + 5_000, "{second} ms instead of {alone}");
}
