//! A wing: a corridor of its own that leaves the main corridor, with rooms on both sides.
//!
//! [`draw`] decides what rooms it has and in which order, [`place`] puts it on the floor.

use super::draft::{Draft, Placed, Rect, Spec};
use rand::{Rng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use spor_schemas::{WardId, site::RoomKind};

const ROOM_DEPTH_CM: i32 = 600;
const CORRIDOR_CM: i32 = 280;
/// How much of the main corridor a wing takes.
pub(super) const WIDTH_CM: i32 = 2 * ROOM_DEPTH_CM + CORRIDOR_CM;

/// What a wing is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WingUse {
    Ward {
        beds: u32,
    },
    Emergency,
    Diagnostics,
    Theatres,
    Clinic,
    /// Workshop, bed washing, central stores, linen, waste.
    Service,
}

/// A wing that has its rooms but no place yet.
pub(super) struct Wing {
    /// West and east of its corridor, from the main corridor outwards; both of the same length.
    sides: [Vec<Spec>; 2],
    /// Ward or department; none: it belongs to the whole house.
    ward: Option<WardId>,
    /// Begins the ids of its rooms.
    code: String,
    name: String,
    is_restricted: bool,
}

impl Wing {
    pub(super) fn length_cm(&self) -> i32 {
        length(&self.sides[0])
    }
}

/// Draws wing `at` of `floor`.
pub(super) fn draw(wing: WingUse, floor: usize, at: usize, rng: &mut ChaCha8Rng) -> Wing {
    let place = format!("{}{floor}", letter(at));
    let (main_rooms, services, name, code, has_ward) = match wing {
        WingUse::Ward { beds } => {
            (patient_rooms(beds, rng), ward_services(), format!("Afsnit {place}"), place, true)
        }
        WingUse::Emergency => (
            emergency_rooms(),
            emergency_services(),
            "Akutmodtagelsen".to_owned(),
            format!("AKUT-{place}"),
            true,
        ),
        WingUse::Diagnostics => (
            diagnostic_rooms(),
            clinic_services(),
            "Billeddiagnostik".to_owned(),
            format!("BDA-{place}"),
            true,
        ),
        WingUse::Theatres => (
            theatre_rooms(),
            theatre_services(),
            "Operationsgangen".to_owned(),
            format!("OP-{place}"),
            true,
        ),
        WingUse::Clinic => (
            clinic_rooms(),
            clinic_services(),
            "Ambulatoriet".to_owned(),
            format!("AMB-{place}"),
            true,
        ),
        WingUse::Service => {
            (service_rooms(), Vec::new(), "Forsyningen".to_owned(), format!("FORS-{place}"), false)
        }
    };
    let is_restricted = code.starts_with("OP-");
    let mut sides = on_two_sides(main_rooms, services, rng);
    number_patient_rooms(&mut sides, &code);
    let ward = has_ward.then(|| WardId::new(&code).expect("letters, digits and hyphens"));
    Wing { sides, ward, code, name, is_restricted }
}

/// Puts the wing on a floor, from the corner on the main corridor's wall northwards
/// (`direction` 1) or southwards (-1), with doors to every room.
pub(super) fn place(
    draft: &mut Draft,
    wing: &Wing,
    floor: i16,
    (west_cm, wall_cm): (i32, i32),
    direction: i32,
    main: &Placed,
) {
    let corridor_west = west_cm + ROOM_DEPTH_CM;
    let corridor_east = corridor_west + CORRIDOR_CM;
    let east_cm = west_cm + WIDTH_CM;
    let far_cm = wall_cm + direction * wing.length_cm();
    let ward = wing.ward.as_ref();

    let corridor = draft.room(
        &Placed::new(floor, Rect::new(corridor_west, wall_cm, corridor_east, far_cm)),
        &Spec::corridor(&format!("{} gang", wing.name), "gang"),
        &wing.code,
        ward,
    );
    draft.door(&corridor, main);
    for (side, (near, far)) in
        wing.sides.iter().zip([(corridor_west, west_cm), (corridor_east, east_cm)])
    {
        let mut y_cm = wall_cm;
        for spec in side {
            let end_cm = y_cm + direction * spec.width_cm;
            let at = Placed::new(floor, Rect::new(near, y_cm, far, end_cm));
            let room = draft.room(&at, spec, &wing.code, ward);
            draft.door(&room, &corridor);
            y_cm = end_cm;
        }
    }
    if wing.is_restricted {
        let whole = Placed::new(floor, Rect::new(west_cm, wall_cm, east_cm, far_cm));
        draft.zone(&whole, &format!("zone:{}", wing.code), &wing.name);
    }
}

/// C, D, E ...: A and B are lifts; I and O look like digits.
fn letter(at: usize) -> String {
    const LETTERS: &[u8] = b"CDEFGHJKLMNPQRSTUVWXYZ";
    let round = at / LETTERS.len();
    let letter = char::from(LETTERS[at % LETTERS.len()]);
    letter.to_string().repeat(round + 1)
}

fn length(side: &[Spec]) -> i32 {
    side.iter().map(|s| s.width_cm).sum()
}

/// Shares the rooms out over both sides, service rooms in the middle, and evens the ends.
fn on_two_sides(rooms: Vec<Spec>, services: Vec<Spec>, rng: &mut ChaCha8Rng) -> [Vec<Spec>; 2] {
    let mut sides: [Vec<Spec>; 2] = [Vec::new(), Vec::new()];
    let mut middles: [Vec<Spec>; 2] = [Vec::new(), Vec::new()];
    let first = usize::from(rng.random_bool(0.5));
    for spec in services {
        let shorter =
            if length(&middles[1 - first]) < length(&middles[first]) { 1 - first } else { first };
        middles[shorter].push(spec);
    }
    for spec in rooms {
        let total = |i: usize| length(&sides[i]) + length(&middles[i]);
        let shorter = usize::from(total(1) < total(0));
        sides[shorter].push(spec);
    }
    for (side, mut middle) in sides.iter_mut().zip(middles) {
        middle.shuffle(rng);
        let at = side.len() / 2;
        side.splice(at..at, middle);
    }
    let gap = length(&sides[0]) - length(&sides[1]);
    let short = &mut sides[usize::from(gap > 0)];
    if gap.abs() >= 300 {
        short.push(Spec::new(RoomKind::Waiting, "Opholdsstue", "opholdsstue", gap.abs()));
    } else if let Some(last) = short.last_mut() {
        last.width_cm += gap.abs();
    }
    sides
}

/// Odd numbers on one side, even ones on the other, counted from the main corridor.
fn number_patient_rooms(sides: &mut [Vec<Spec>; 2], code: &str) {
    for (i, side) in sides.iter_mut().enumerate() {
        let rooms = side.iter_mut().filter(|s| s.slug == "stue");
        for (n, spec) in rooms.enumerate() {
            let number = 2 * n + 1 + i;
            spec.name = format!("{code} Stue {number}");
            spec.slug = format!("stue-{number}");
        }
    }
}

fn patient_rooms(beds: u32, rng: &mut ChaCha8Rng) -> Vec<Spec> {
    let doubles = beds / 4;
    let single_cm = 360 + 5 * rng.random_range(-2..=2);
    let stue = |width_cm| Spec::new(RoomKind::Patient, "Stue", "stue", width_cm);
    let mut rooms: Vec<Spec> = (0..doubles).map(|_| stue(540)).collect();
    rooms.extend((0..beds - 2 * doubles).map(|_| stue(single_cm)));
    rooms.shuffle(rng);
    rooms
}

fn ward_services() -> Vec<Spec> {
    use RoomKind::{CleanUtility, NurseStation, Office, Rest, SoiledUtility, Storage, Toilet};
    vec![
        Spec::new(NurseStation, "Sygeplejestation", "station", 600),
        Spec::new(Storage, "Depot", "depot", 480),
        Spec::new(SoiledUtility, "Skyllerum", "skyllerum", 360),
        Spec::new(CleanUtility, "Rent depot", "rent-depot", 360),
        Spec::new(Rest, "Personalestue", "personalestue", 480),
        Spec::new(Toilet, "Toilet", "toilet", 240),
        Spec::new(Office, "Kontor", "kontor", 360),
    ]
}

fn emergency_rooms() -> Vec<Spec> {
    let mut rooms = vec![
        Spec::new(RoomKind::Waiting, "Venteværelse", "vente", 640),
        Spec::new(RoomKind::NurseStation, "Triage", "triage", 500),
        Spec::new(RoomKind::Emergency, "Traumestue 1", "traume-1", 700),
        Spec::new(RoomKind::Emergency, "Traumestue 2", "traume-2", 700),
    ];
    rooms.extend(numbered(RoomKind::Emergency, "Akutstue", "akutstue", 10, 380));
    rooms
}

fn emergency_services() -> Vec<Spec> {
    let mut services = ward_services();
    services.push(Spec::new(RoomKind::Toilet, "Handicaptoilet", "handicaptoilet", 240));
    services
}

fn diagnostic_rooms() -> Vec<Spec> {
    let room =
        |name: &str, slug: &str, width_cm| Spec::new(RoomKind::Diagnostics, name, slug, width_cm);
    vec![
        Spec::new(RoomKind::Waiting, "Venteværelse", "vente", 600),
        room("CT 1", "ct-1", 700),
        room("CT 2", "ct-2", 700),
        room("MR", "mr", 800),
        room("Røntgen 1", "roentgen-1", 550),
        room("Røntgen 2", "roentgen-2", 550),
        room("Ultralyd 1", "ultralyd-1", 400),
        room("Ultralyd 2", "ultralyd-2", 400),
        room("Endoskopi", "endoskopi", 600),
        room("Laboratorium", "laboratorium", 900),
    ]
}

fn theatre_rooms() -> Vec<Spec> {
    let mut rooms = numbered(RoomKind::OperatingTheatre, "OP", "op", 6, 700);
    rooms.push(Spec::new(RoomKind::Patient, "Opvågning", "opvaagning", 1_200));
    rooms.push(Spec::new(RoomKind::Patient, "Forberedelse", "forberedelse", 800));
    rooms
}

fn theatre_services() -> Vec<Spec> {
    let mut services = ward_services();
    services.push(Spec::new(RoomKind::Changing, "Omklædning", "omklaedning", 500));
    services
}

fn clinic_rooms() -> Vec<Spec> {
    let mut rooms = vec![Spec::new(RoomKind::Waiting, "Venteværelse", "vente", 700)];
    rooms.extend(numbered(RoomKind::Diagnostics, "Undersøgelse", "undersoegelse", 10, 420));
    rooms
}

fn clinic_services() -> Vec<Spec> {
    use RoomKind::{CleanUtility, NurseStation, Office, SoiledUtility, Storage, Toilet};
    vec![
        Spec::new(NurseStation, "Sekretariat", "sekretariat", 500),
        Spec::new(Storage, "Depot", "depot", 420),
        Spec::new(SoiledUtility, "Skyllerum", "skyllerum", 320),
        Spec::new(CleanUtility, "Rent depot", "rent-depot", 320),
        Spec::new(Toilet, "Toilet", "toilet", 240),
        Spec::new(Office, "Kontor", "kontor", 400),
    ]
}

fn service_rooms() -> Vec<Spec> {
    vec![
        Spec::new(RoomKind::Other, "Portørcentral", "portoercentral", 600),
        Spec::new(RoomKind::Storage, "Centraldepot", "centraldepot", 1_200),
        Spec::new(RoomKind::Workshop, "Medicoteknisk værksted", "vaerksted", 1_000),
        Spec::new(RoomKind::SoiledUtility, "Sengevask uren", "sengevask-uren", 700),
        Spec::new(RoomKind::CleanUtility, "Sengevask ren", "sengevask-ren", 700),
        Spec::new(RoomKind::Storage, "Hjælpemiddeldepot", "hjaelpemiddeldepot", 900),
        Spec::new(RoomKind::Linen, "Linned", "linned", 700),
        Spec::new(RoomKind::Waste, "Affald", "affald", 500),
        Spec::new(RoomKind::Changing, "Omklædning", "omklaedning", 600),
        Spec::new(RoomKind::Rest, "Personalestue", "personalestue", 500),
        Spec::new(RoomKind::Toilet, "Toilet", "toilet", 240),
        Spec::new(RoomKind::Other, "Varemodtagelse", "varemodtagelse", 900),
    ]
}

fn numbered(kind: RoomKind, name: &str, slug: &str, count: usize, width_cm: i32) -> Vec<Spec> {
    (1..=count)
        .map(|n| Spec::new(kind, &format!("{name} {n}"), &format!("{slug}-{n}"), width_cm))
        .collect()
}
