#![allow(clippy::unwrap_used)]

use super::*;
use spor_schemas::{
    ZoneId,
    site::{Geometry, Properties, RoomKind, RoomProperties},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
};

/// West, south, east, north.
type Box4 = [f64; 4];

fn plans() -> Vec<Plan> {
    vec![
        demo_plan(),
        Plan::new(1, 1, 7),
        Plan::new(45, 2, 3),
        Plan::new(300, 5, 11),
        Plan::new(900, 7, 1),
        Plan { area_m2: Some(60_000), ..Plan::new(200, 4, 2) },
    ]
}

fn bounds(geometry: &Geometry) -> Box4 {
    let Geometry::Polygon(rings) = geometry else { panic!("not a polygon") };
    rings[0].iter().fold(
        [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY],
        |[w, s, e, n], [x, y]| [w.min(*x), s.min(*y), e.max(*x), n.max(*y)],
    )
}

fn rooms(site: &SiteFile) -> BTreeMap<ZoneId, (Box4, RoomProperties)> {
    site.features
        .iter()
        .filter_map(|f| match &f.properties {
            Properties::Room(room) => Some((f.id.clone(), (bounds(&f.geometry), room.clone()))),
            _ => None,
        })
        .collect()
}

#[test]
fn the_stored_demo_hospital_is_what_the_generator_makes() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../src/site/demo.geojson");
    let made = write(&generate(&demo_plan()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert!(stored == made, "run with UPDATE_GOLDEN=1 to write {}", path.display());
}

#[test]
fn a_written_site_is_read_back() {
    let site = generate(&demo_plan());
    assert_eq!(read(&write(&site)).unwrap(), site);
}

#[test]
fn every_room_is_reached_through_doors_and_shafts() {
    for plan in plans() {
        let site = generate(&plan);
        let rooms = rooms(&site);
        let mut next_to: HashMap<ZoneId, Vec<ZoneId>> = HashMap::new();
        let mut link = |a: &ZoneId, b: &ZoneId| {
            next_to.entry(a.clone()).or_default().push(b.clone());
            next_to.entry(b.clone()).or_default().push(a.clone());
        };
        for feature in &site.features {
            if let Properties::Door { rooms: [a, b], .. } = &feature.properties {
                link(a, b);
            }
        }
        for (a, (_, room_a)) in &rooms {
            for (b, (_, room_b)) in &rooms {
                if room_a.shaft.is_some()
                    && room_a.shaft == room_b.shaft
                    && room_a.floor + 1 == room_b.floor
                {
                    link(a, b);
                }
            }
        }
        let start = rooms.keys().next().unwrap().clone();
        let mut reached = BTreeSet::from([start.clone()]);
        let mut open = vec![start];
        while let Some(room) = open.pop() {
            for neighbour in next_to.get(&room).into_iter().flatten() {
                if reached.insert(neighbour.clone()) {
                    open.push(neighbour.clone());
                }
            }
        }
        let all: BTreeSet<_> = rooms.keys().cloned().collect();
        assert_eq!(reached, all, "{plan:?}");
    }
}

#[test]
fn rooms_of_a_floor_do_not_overlap() {
    for plan in plans() {
        let rooms: Vec<_> = rooms(&generate(&plan)).into_iter().collect();
        for (i, (id_a, (a, room_a))) in rooms.iter().enumerate() {
            for (id_b, (b, room_b)) in &rooms[i + 1..] {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart || room_a.floor != room_b.floor, "{id_a} and {id_b}");
            }
        }
    }
}

#[test]
fn rings_are_closed_counter_clockwise_and_in_whole_centimetres() {
    for feature in &generate(&demo_plan()).features {
        let points = match &feature.geometry {
            Geometry::Point(p) => vec![*p],
            Geometry::Polygon(rings) => {
                let ring = &rings[0];
                assert_eq!(ring.first(), ring.last(), "{} is open", feature.id);
                let doubled: f64 =
                    ring.windows(2).map(|p| p[0][0] * p[1][1] - p[1][0] * p[0][1]).sum();
                assert!(doubled > 0.0, "{} runs clockwise", feature.id);
                ring.clone()
            }
        };
        for value in points.into_iter().flatten() {
            assert!((value * 100.0 - (value * 100.0).round()).abs() < 1e-6, "{}", feature.id);
        }
    }
}

#[test]
fn doors_lie_on_the_wall_that_their_rooms_share() {
    for plan in plans() {
        let site = generate(&plan);
        let rooms = rooms(&site);
        let mut with_door = BTreeSet::new();
        for feature in &site.features {
            let Properties::Door { floor, rooms: pair } = &feature.properties else { continue };
            let Geometry::Point([x, y]) = feature.geometry else { panic!("a door is a point") };
            for id in pair {
                let ([w, s, e, n], room) = &rooms[id];
                assert_eq!(room.floor, *floor);
                let on_side = (x == *w || x == *e) && (s..=n).contains(&&y);
                let on_end = (y == *s || y == *n) && (w..=e).contains(&&x);
                assert!(on_side || on_end, "{} is not on a wall of {id}", feature.id);
                with_door.insert(id.clone());
            }
        }
        assert_eq!(with_door.len(), rooms.len(), "a room without a door in {plan:?}");
    }
}

#[test]
fn rooms_and_readers_lie_inside_the_outline() {
    for plan in plans() {
        let site = generate(&plan);
        let outlines: BTreeMap<i16, Vec<[f64; 2]>> = site
            .features
            .iter()
            .filter_map(|f| match (&f.properties, &f.geometry) {
                (Properties::Outline { floor }, Geometry::Polygon(rings)) => {
                    Some((*floor, rings[0].clone()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(outlines.len(), usize::from(plan.floors));
        for feature in &site.features {
            let (floor, points) = match (&feature.properties, &feature.geometry) {
                (Properties::Room(room), Geometry::Polygon(rings)) => {
                    (room.floor, rings[0].clone())
                }
                (Properties::Reader { floor, .. }, Geometry::Point(p)) => (*floor, vec![*p]),
                _ => continue,
            };
            for point in points {
                assert!(inside(&outlines[&floor], point), "{} at {point:?}", feature.id);
            }
        }
    }
}

/// Even-odd rule.
fn inside(ring: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    ring.windows(2)
        .filter(|e| {
            let [[xa, ya], [xb, yb]] = [e[0], e[1]];
            (ya > y) != (yb > y) && x < (xb - xa) * (y - ya) / (yb - ya) + xa
        })
        .count()
        % 2
        == 1
}

#[test]
fn shafts_stand_above_each_other() {
    for plan in plans() {
        let mut shafts: BTreeMap<String, (Box4, usize)> = BTreeMap::new();
        for (at, room) in rooms(&generate(&plan)).into_values() {
            if let Some(shaft) = room.shaft {
                let known = shafts.entry(shaft).or_insert((at, 0));
                assert_eq!(known.0, at);
                known.1 += 1;
            }
        }
        assert!(shafts.values().all(|(_, count)| *count == usize::from(plan.floors)));
        assert!(shafts.contains_key("A") && shafts.contains_key("B"));
    }
}

#[test]
fn the_demo_hospital_has_all_that_a_hospital_needs() {
    use RoomKind::*;
    let rooms = rooms(&generate(&demo_plan()));
    for kind in [
        Patient,
        Corridor,
        Storage,
        CleanUtility,
        SoiledUtility,
        OperatingTheatre,
        Emergency,
        Diagnostics,
        NurseStation,
        Office,
        Workshop,
        Linen,
        Waste,
        Waiting,
        Entrance,
        Lift,
        Stairs,
        Toilet,
        Changing,
        Rest,
        Prayer,
    ] {
        assert!(rooms.values().any(|(_, r)| r.kind == kind), "no {kind:?}");
    }
    let wards: BTreeSet<_> = rooms.values().filter_map(|(_, r)| r.ward.clone()).collect();
    let bed_wards = wards.iter().filter(|w| !w.as_str().contains('-')).count();
    assert_eq!(bed_wards, 7, "{wards:?}");
}

#[test]
fn a_university_hospital_has_the_area_and_the_readers_of_one() {
    let plan = Plan { area_m2: Some(500_000), ..Plan::new(900, 7, 1) };
    let site = generate(&plan);
    let rooms = rooms(&site);
    let area_m2: f64 = rooms.values().map(|([w, s, e, n], _)| (e - w) * (n - s)).sum();
    assert!((500_000.0..560_000.0).contains(&area_m2), "{area_m2} m2");
    let readers =
        site.features.iter().filter(|f| matches!(f.properties, Properties::Reader { .. }));
    assert!(readers.count() > 7_500);
    // A code is one ward: it never comes twice.
    let mut places: HashMap<_, BTreeSet<_>> = HashMap::new();
    for (_, room) in rooms.values() {
        if let (Some(ward), RoomKind::NurseStation) = (&room.ward, room.kind) {
            places.entry(ward.clone()).or_default().insert(room.floor);
        }
    }
    assert!(places.values().all(|floors| floors.len() == 1));
    let corridors = rooms.keys().filter(|id| id.as_str().ends_with("-gang")).count();
    let wards: BTreeSet<_> = rooms.values().filter_map(|(_, r)| r.ward.clone()).collect();
    // The supply wing belongs to the whole house.
    assert_eq!(corridors, wards.len() + 1);
}

#[test]
fn another_seed_gives_another_hospital() {
    let mut other = demo_plan();
    other.seed += 1;
    assert_ne!(generate(&other), generate(&demo_plan()));
    assert_eq!(generate(&other), generate(&other));
}
