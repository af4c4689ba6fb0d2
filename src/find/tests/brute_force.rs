//! Ways through generated hospitals against a search that knows no graph and no queue: it goes round
//! all doors and shafts until nothing gets quicker. Its costs are written down once more.

use super::super::*;
use crate::{
    model::{RoomKind, ZoneId},
    site::Site,
};
use firmware_sim::site::{Plan, generate, write};
use proptest::prelude::*;
use spor_schemas::site::Properties;
use std::{collections::HashMap, sync::LazyLock};

/// A door, a landing, or where one asks from.
struct Point {
    at: [f64; 2],
    rooms: Vec<ZoneId>,
    /// Shaft and floor.
    landing: Option<(String, i16)>,
}

struct Hospital {
    site: Site,
    ways: Ways,
    rooms: Vec<ZoneId>,
    kinds: HashMap<ZoneId, RoomKind>,
    points: Vec<Point>,
}

static HOSPITALS: LazyLock<Vec<Hospital>> = LazyLock::new(|| {
    [(40, 2, 3), (90, 3, 7), (160, 5, 11)]
        .map(|(beds, floors, seed)| hospital(beds, floors, seed))
        .into()
});

fn hospital(beds: u32, floors: u16, seed: u64) -> Hospital {
    let site = Site::parse(&write(&generate(&Plan::new(beds, floors, seed)))).unwrap();
    let mut points: Vec<Point> = site
        .doors
        .iter()
        .map(|d| Point { at: [d.x_m, d.y_m], rooms: d.rooms.to_vec(), landing: None })
        .collect();
    let mut kinds = HashMap::new();
    let mut rooms = Vec::new();
    for feature in &site.file().features {
        let Properties::Room(room) = &feature.properties else { continue };
        kinds.insert(feature.id.clone(), room.kind);
        rooms.push(feature.id.clone());
        if let Some(shaft) = &room.shaft {
            let (x_m, y_m, floor) = site.centre(&feature.id).unwrap();
            let landing = Some((shaft.clone(), floor));
            points.push(Point { at: [x_m, y_m], rooms: vec![feature.id.clone()], landing });
        }
    }
    Hospital { ways: Ways::of(&site), site, rooms, kinds, points }
}

fn passing_s(kind: RoomKind) -> f64 {
    match kind.as_str() {
        "corridor" | "entrance" | "waiting" | "lift" | "stairs" => 0.0,
        "operating_theatre" | "toilet" | "changing" | "rest" | "prayer" => 300.0,
        _ => 30.0,
    }
}

impl Hospital {
    /// Seconds to each point, by relaxing everything again and again.
    fn seconds(&self, from: &Spot<'_>, load: Load) -> Vec<f64> {
        let walk = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]) / 1.2;
        let mut seconds: Vec<f64> = self
            .points
            .iter()
            .map(|p| {
                if p.rooms.contains(from.room) {
                    walk([from.x_m, from.y_m], p.at)
                } else {
                    f64::INFINITY
                }
            })
            .collect();
        loop {
            let mut quicker = false;
            for a in 0..self.points.len() {
                for b in 0..self.points.len() {
                    let step = self.step(a, b, from.room, load, walk);
                    if let Some(step) = step.filter(|step| seconds[a] + step < seconds[b]) {
                        seconds[b] = seconds[a] + step;
                        quicker = true;
                    }
                }
            }
            if !quicker {
                return seconds;
            }
        }
    }

    fn step(
        &self,
        a: usize,
        b: usize,
        home: &ZoneId,
        load: Load,
        walk: impl Fn([f64; 2], [f64; 2]) -> f64,
    ) -> Option<f64> {
        let (a, b) = (&self.points[a], &self.points[b]);
        let shared = a.rooms.iter().find(|room| b.rooms.contains(room));
        if let Some(room) = shared {
            let passing = b.landing.is_none() && room != home;
            return Some(
                walk(a.at, b.at) + if passing { passing_s(self.kinds[room]) } else { 0.0 },
            );
        }
        let ((shaft, from), (other, to)) = (a.landing.as_ref()?, b.landing.as_ref()?);
        let floors = f64::from((from - to).abs());
        match self.kinds[&a.rooms[0]] {
            _ if shaft != other => None,
            RoomKind::Stairs => (load == Load::Carried).then_some(15.0 * floors),
            _ => Some(30.0 + 4.0 * floors),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn ways_are_as_quick_as_the_quickest_that_a_patient_search_finds(
        which in 0usize..3, from in 0usize..10_000, load in 0usize..3,
    ) {
        let hospital = &HOSPITALS[which];
        let load = Load::ALL[load];
        let middle = |room| super::middle(&hospital.site, room);
        let from = middle(&hospital.rooms[from % hospital.rooms.len()]);
        let seconds = hospital.seconds(&from, load);
        let reach = hospital.ways.reach(from, load).unwrap();
        for room in hospital.rooms.iter().filter(|room| *room != from.room) {
            let to = middle(room);
            let expected = hospital.points.iter().zip(&seconds)
                .filter(|(p, _)| p.rooms.contains(room))
                .map(|(p, s)| s + (p.at[0] - to.x_m).hypot(p.at[1] - to.y_m) / 1.2)
                .fold(f64::INFINITY, f64::min);
            let found = reach.to(&to).map_or(f64::INFINITY, |walk| walk.seconds);
            prop_assert!((expected - found).abs() < 1e-6 || expected == found,
                "{} to {room}: {expected} s, found {found} s", from.room);
        }
    }

    #[test]
    fn nothing_on_wheels_is_ever_sent_over_stairs_and_every_leg_stays_in_its_room(
        which in 0usize..3, from in 0usize..10_000, load in 0usize..3,
    ) {
        let hospital = &HOSPITALS[which];
        let load = Load::ALL[load];
        let middle = |room| super::middle(&hospital.site, room);
        let from = middle(&hospital.rooms[from % hospital.rooms.len()]);
        let reach = hospital.ways.reach(from, load).unwrap();
        for room in &hospital.rooms {
            // Nobody leaves a stairwell's landing but by its door, so every room can be reached.
            let route = reach.route(&middle(room)).unwrap();
            let stairs = route.steps.iter().any(|step| matches!(step, Step::Stairs { .. }));
            prop_assert!(load == Load::Carried || !stairs, "{} to {room}: {route:?}", from.room);
            let mut metres = 0.0;
            for leg in &route.legs {
                let Leg::Walk { room, floor, from, to } = leg else { continue };
                metres += (from[0] - to[0]).hypot(from[1] - to[1]);
                let at = [f64::midpoint(from[0], to[0]), f64::midpoint(from[1], to[1])];
                let id = &hospital.rooms[*room];
                prop_assert!(hospital.site.holds(id, *floor, at[0], at[1]), "{at:?} is not in {id}");
            }
            prop_assert!((metres - route.walk.metres).abs() < 1e-6);
        }
    }
}
