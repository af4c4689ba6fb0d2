//! The blocks between the wings: lifts, stairs, the way in, offices; each opens to the main corridor.

use super::draft::Spec;
use spor_schemas::site::RoomKind;

/// How much of the main corridor a block takes.
pub(super) const WIDTH_CM: i32 = 1_800;
/// From the main corridor to the outer wall.
pub(super) const DEPTH_CM: i32 = 650;

/// The rooms of block `at` (of `columns` + 1) on its north and south side, west to east.
pub(super) fn rooms(at: usize, columns: usize, floor: usize) -> (Vec<Spec>, Vec<Spec>) {
    let middle = columns.div_ceil(2);
    let (north, south) = if at.abs_diff(middle).is_multiple_of(3) {
        lifts(at, middle, floor)
    } else if at == 0 {
        west(floor)
    } else if at == columns {
        east(floor)
    } else {
        between(at)
    };
    (stretched(north), stretched(south))
}

fn lifts(at: usize, middle: usize, floor: usize) -> (Vec<Spec>, Vec<Spec>) {
    // The cores beside the middle one are numbered outwards: A and B, then A2, B2 ...
    let core = if at == middle {
        String::new()
    } else {
        (2 * (at.abs_diff(middle) / 3) + usize::from(at > middle)).to_string()
    };
    let lift = |letter: &str| {
        let shaft = format!("{letter}{core}");
        let slug = format!("elevator-{}", shaft.to_lowercase());
        Spec::new(RoomKind::Lift, &format!("Elevator {shaft}"), &slug, 320).with_shaft(&shaft)
    };
    let north = vec![
        lift("A"),
        lift("B"),
        stairs(&format!("1{}", if core.is_empty() { String::new() } else { format!("-{core}") })),
        toilet("Toilet"),
        toilet("Handicaptoilet"),
        Spec::new(RoomKind::Other, "Teknik", "teknik", 280),
    ];
    let south = if floor == 0 && at == middle {
        vec![
            Spec::new(RoomKind::Entrance, "Hovedindgang", "hovedindgang", 900),
            Spec::new(RoomKind::Waiting, "Venteområde", "venteomraade", 900),
        ]
    } else {
        vec![
            Spec::new(RoomKind::Waiting, "Opholdsstue", "opholdsstue", 700),
            Spec::new(RoomKind::Office, "Kontor", "kontor", 400),
            Spec::new(RoomKind::Office, "Møderum", "moederum", 700),
        ]
    };
    (north, south)
}

fn west(floor: usize) -> (Vec<Spec>, Vec<Spec>) {
    let north = vec![
        Spec::new(RoomKind::Changing, "Omklædning", "omklaedning", 600),
        Spec::new(RoomKind::Office, "Kontor", "kontor", 400),
        Spec::new(RoomKind::Office, "Konference", "konference", 800),
    ];
    let mut south = vec![
        stairs("2"),
        Spec::new(RoomKind::Linen, "Linned", "linned", 400),
        Spec::new(RoomKind::Storage, "Depot", "depot", 500),
    ];
    south.push(if floor == 0 {
        Spec::new(RoomKind::Waste, "Affald", "affald", 500)
    } else {
        Spec::new(RoomKind::Rest, "Personalestue", "personalestue", 500)
    });
    (north, south)
}

fn east(floor: usize) -> (Vec<Spec>, Vec<Spec>) {
    let north = if floor == 0 {
        vec![
            Spec::new(RoomKind::Prayer, "Bederum", "bederum", 500),
            Spec::new(RoomKind::Other, "Kiosk", "kiosk", 700),
            Spec::new(RoomKind::Office, "Kontor", "kontor", 600),
        ]
    } else {
        vec![
            Spec::new(RoomKind::Office, "Kontor", "kontor", 500),
            Spec::new(RoomKind::Office, "Lægekontor", "laegekontor", 700),
            Spec::new(RoomKind::Office, "Kontor", "kontor", 600),
        ]
    };
    let south = vec![
        Spec::new(RoomKind::Storage, "Hjælpemidler", "hjaelpemidler", 600),
        toilet("Toilet"),
        Spec::new(RoomKind::Office, "Kontor", "kontor", 560),
        stairs("3"),
    ];
    (north, south)
}

fn between(at: usize) -> (Vec<Spec>, Vec<Spec>) {
    let north = vec![
        Spec::new(RoomKind::Office, "Kontor", "kontor", 450),
        Spec::new(RoomKind::Office, "Lægekontor", "laegekontor", 450),
        Spec::new(RoomKind::Office, "Sekretariat", "sekretariat", 900),
    ];
    let south = vec![
        stairs(&format!("2-{at}")),
        Spec::new(RoomKind::Storage, "Depot", "depot", 500),
        toilet("Toilet"),
        Spec::new(RoomKind::Office, "Møderum", "moederum", 660),
    ];
    (north, south)
}

fn stairs(number: &str) -> Spec {
    Spec::new(RoomKind::Stairs, &format!("Trappe {number}"), &format!("trappe-{number}"), 400)
        .with_shaft(&format!("T{number}"))
}

fn toilet(name: &str) -> Spec {
    Spec::new(RoomKind::Toilet, name, &name.to_lowercase(), 240)
}

/// Lets the last room take what is left of the block's width.
fn stretched(mut specs: Vec<Spec>) -> Vec<Spec> {
    let taken: i32 = specs.iter().map(|s| s.width_cm).sum();
    if let Some(last) = specs.last_mut() {
        last.width_cm += WIDTH_CM - taken;
    }
    specs
}
