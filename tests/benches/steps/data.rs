//! What the steps are given: buildings of a size, places in them, positions on the wire.

use firmware_sim::{
    building::Building,
    site::{self, Plan},
};
use rand::{SeedableRng as _, rngs::StdRng};
use spor::{
    model::{Fix, Origin, PositionRow, TagId},
    site::Site,
};
use spor_schemas::{PositionMessage, wire};
use std::time::{SystemTime, UNIX_EPOCH};

/// Some time.
pub(crate) const START_MS: i64 = 1_795_385_000_000;
/// Enough that they don't all lie in the processor's nearest cache.
const SPOTS: usize = 1_000;

/// A building as Spor knows it, and as the simulator does.
pub(crate) struct Hospital {
    pub(crate) site: Site,
    building: Building,
}

/// A hospital of at least so many rooms and zones, on as many floors as such a one has.
pub(crate) fn hospital(zones: usize) -> Hospital {
    let floors = match zones {
        0..1_000 => 3,
        1_000..10_000 => 6,
        _ => 12,
    };
    let mut beds = u32::try_from(zones).unwrap() / 4;
    loop {
        let file = site::generate(&Plan::new(beds, floors, 1));
        let site = Site::parse(&site::write(&file)).unwrap();
        if site.zones().count() >= zones {
            return Hospital { site, building: Building::new(&file).unwrap() };
        }
        beds += beds / 4 + 1;
    }
}

/// The hospital of the demo, or one of 900 beds on seven floors.
pub(crate) fn hospital_named(name: &str) -> Hospital {
    let plan = if name == "demo" { site::demo_plan() } else { Plan::new(900, 7, 1) };
    let file = site::generate(&plan);
    let site = Site::parse(&site::write(&file)).unwrap();
    Hospital { site, building: Building::new(&file).unwrap() }
}

/// Floor, metres east, metres north, each in some room.
pub(crate) fn spots(hospital: &Hospital) -> Vec<(i16, f64, f64)> {
    let building = &hospital.building;
    let rooms = building.rooms_where(|_| true);
    let mut rng = StdRng::seed_from_u64(1);
    let every = (0..SPOTS).map(|number| rooms[number * 7_919 % rooms.len()]);
    every
        .map(|room| {
            let spot = building.random_spot(room, &mut rng);
            (building.room(room).floor, spot.x_m, spot.y_m)
        })
        .collect()
}

/// A tag that walks from room to room, a fix every two seconds, about 1 m/s.
pub(crate) fn fixes(hospital: &Hospital) -> Vec<Fix> {
    let mut fixes = Vec::new();
    let spots = spots(hospital);
    let mut time_ms = START_MS;
    for pair in spots.windows(2).take(100) {
        let ((floor, x_m, y_m), (_, to_x_m, to_y_m)) = (pair[0], pair[1]);
        for step in 0..10 {
            let share =
                f64::from(step) / 10.0 * (20.0 / (to_x_m - x_m).hypot(to_y_m - y_m)).min(1.0);
            fixes.push(Fix {
                tag: tag(),
                time_ms,
                received_ms: time_ms,
                seq: None,
                x_m: x_m + share * (to_x_m - x_m),
                y_m: y_m + share * (to_y_m - y_m),
                floor,
                accuracy_m: 0.5,
                moving: Some(true),
                origin: Origin::Tag,
            });
            time_ms += 2_000;
        }
    }
    fixes
}

fn tag() -> TagId {
    TagId::new("load-00001").unwrap()
}

/// So many positions, in the form `JSON` or `CBOR`; in an array each with its tag.
pub(crate) fn payload(form: &str, count: u32, array: bool) -> Vec<u8> {
    let position = |seq| PositionMessage {
        tag: array.then(tag),
        time_ms: Some(START_MS),
        seq: Some(seq),
        x_m: 12.34,
        y_m: 56.78,
        floor: 2,
        accuracy_m: Some(0.5),
        battery_pct: Some(87),
        moving: Some(true),
        button: None,
    };
    let all: Vec<_> = (1..=count).map(position).collect();
    match (form, array) {
        ("JSON", true) => wire::to_json(&all),
        ("JSON", false) => wire::to_json(&all[0]),
        (_, true) => wire::to_cbor(&all),
        (_, false) => wire::to_cbor(&all[0]),
    }
}

/// Rows as the pipeline decides them.
pub(crate) fn position_rows(count: usize) -> Vec<PositionRow> {
    let row = PositionRow {
        tag: tag(),
        time_ms: START_MS,
        until_ms: START_MS,
        received_ms: START_MS,
        seq: Some(4_711),
        x_m: 12.34,
        y_m: 56.78,
        floor: 2,
        accuracy_m: 0.5,
        zone: Some("c1-store".parse().unwrap()),
        moving: Some(true),
        portal: None,
    };
    vec![row; count]
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}
