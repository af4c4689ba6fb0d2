//! Who and what there is: classes of equipment, assets, staff by role, and their tags.

use super::{lives::Life, places::Places};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use spor_schemas::{AssetId, ClassId, PersonId, StaffRole, TagId, WardId};

/// An asset as a registry lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetEntry {
    /// Its id in the hospital's register.
    pub id: AssetId,
    /// What people call it.
    pub label: String,
    /// What kind of work it does.
    pub class: ClassId,
    /// The ward that owns it; none: the shared pool.
    pub home_ward: Option<WardId>,
    /// What it carries.
    pub tag: TagId,
}

/// One of the staff: a pseudonym and a role, never a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffEntry {
    /// The pseudonym.
    pub pseudonym: PersonId,
    /// What the person does.
    pub role: StaffRole,
    /// The badge.
    pub tag: TagId,
}

/// How a tag's place becomes known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// It knows its position and publishes it itself.
    Uwb,
    /// An engine computes and publishes its position.
    Engine,
    /// Readers hear it.
    Ble,
    /// Portals see it pass; it has no battery.
    Rfid,
    /// An engine computes its position from access points, good for some metres.
    Wifi,
}

/// The classes of equipment, and how they live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Bed,
    InfusionPump,
    SyringePump,
    Wheelchair,
    PatientMonitor,
    Ventilator,
    Ultrasound,
    MobileComputer,
}

/// What sets a class apart.
#[derive(Debug)]
pub(super) struct ClassTraits {
    pub(super) class: Class,
    pub(super) id: &'static str,
    /// Begins the asset's id.
    prefix: &'static str,
    /// Begins the label.
    label: &'static str,
    /// How many of a thousand assets.
    per_mille: u32,
    /// How many of a hundred belong to the shared pool.
    pooled_percent: u32,
    /// Mean minutes in storage and in use.
    pub(super) stored_min: f64,
    pub(super) used_min: f64,
}

pub(super) const CLASSES: [ClassTraits; 8] = [
    traits(Class::Bed, "bed", "SENG", "Seng", (320, 0), (240.0, 480.0)),
    traits(
        Class::InfusionPump,
        "infusion-pump",
        "PUMP",
        "Infusionspumpe",
        (255, 40),
        (150.0, 240.0),
    ),
    traits(
        Class::SyringePump,
        "syringe-pump",
        "SPROEJTE",
        "Sprøjtepumpe",
        (115, 40),
        (160.0, 200.0),
    ),
    traits(Class::Wheelchair, "wheelchair", "STOL", "Kørestol", (85, 70), (35.0, 20.0)),
    traits(Class::PatientMonitor, "patient-monitor", "MON", "Monitor", (95, 30), (180.0, 420.0)),
    traits(Class::Ventilator, "ventilator", "RESP", "Respirator", (28, 100), (240.0, 600.0)),
    traits(Class::Ultrasound, "ultrasound", "UL", "Ultralydsapparat", (24, 80), (60.0, 30.0)),
    traits(Class::MobileComputer, "mobile-computer", "COW", "Mobil computer", (78, 0), (20.0, 8.0)),
];

const fn traits(
    class: Class,
    id: &'static str,
    prefix: &'static str,
    label: &'static str,
    (per_mille, pooled_percent): (u32, u32),
    (stored_min, used_min): (f64, f64),
) -> ClassTraits {
    ClassTraits { class, id, prefix, label, per_mille, pooled_percent, stored_min, used_min }
}

/// How the classes live: as usual, but for those that are named.
pub(super) fn lives(named: &[(String, Life)]) -> [Life; CLASSES.len()] {
    Life::usual().map(|(id, usual)| {
        named.iter().find(|(name, _)| name == id).map_or(usual, |(_, life)| *life)
    })
}

/// The roles of the staff, and how many of a thousand have each.
pub(super) const ROLES: [(Role, &str, u32); 5] = [
    (Role::Nurse, "nurse", 500),
    (Role::Porter, "porter", 225),
    (Role::Doctor, "doctor", 150),
    (Role::Cleaner, "cleaner", 75),
    (Role::Technician, "technician", 50),
];

/// What somebody of the staff does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Nurse,
    Porter,
    Doctor,
    Cleaner,
    Technician,
}

/// The assets, class by class; every class gets at least one.
pub(super) fn assets(
    count: u32,
    places: &Places,
    rng: &mut ChaCha8Rng,
) -> Vec<(AssetEntry, &'static ClassTraits, TagKind)> {
    let mut all = Vec::new();
    for (traits, count) in CLASSES.iter().zip(shares(count, CLASSES.map(|c| c.per_mille))) {
        let class = ClassId::new(traits.id).expect("written here to fit the pattern");
        for number in 1..=count {
            let home_ward = match traits.class {
                // A bed belongs where its place is; those without a place are the pool.
                Class::Bed => places.home_of_bed(number as usize - 1),
                _ if rng.random_range(0..100) < traits.pooled_percent => None,
                _ => places.ward(number as usize),
            };
            let kind = tag_kind(traits.class, number);
            let entry = AssetEntry {
                id: AssetId::new(&format!("{}-{number:04}", traits.prefix)).expect("fits"),
                label: format!("{} {number}", traits.label),
                class: class.clone(),
                home_ward,
                tag: tag_name(kind, all.len() + 1),
            };
            all.push((entry, traits, kind));
        }
    }
    all
}

/// The staff, role by role; every role has at least one.
pub(super) fn staff(count: u32) -> Vec<(StaffEntry, Role)> {
    let mut all = Vec::new();
    for ((role, id, _), count) in ROLES.iter().zip(shares(count, ROLES.map(|r| r.2))) {
        for _ in 0..count {
            let number = all.len() + 1;
            let entry = StaffEntry {
                pseudonym: PersonId::new(&format!("P-{number:04}")).expect("fits the pattern"),
                role: StaffRole::new(id).expect("written here to fit the pattern"),
                tag: TagId::new(&format!("badge-{number:04}")).expect("fits the pattern"),
            };
            all.push((entry, *role));
        }
    }
    all
}

/// Cuts `count` by shares of a thousand; at least one each, and the first takes the remainder.
fn shares<const N: usize>(count: u32, per_mille: [u32; N]) -> [u32; N] {
    let mut cut = per_mille.map(|share| (count * share / 1000).max(1));
    let rest = cut.iter().skip(1).sum::<u32>();
    cut[0] = count.saturating_sub(rest).max(1);
    cut
}

/// Which tag a thing carries: most know their position, some are only heard.
fn tag_kind(class: Class, number: u32) -> TagKind {
    match (class, number % 4) {
        (Class::Bed, 0) | (Class::InfusionPump, 3) => TagKind::Engine,
        (Class::Wheelchair, 0) => TagKind::Rfid,
        (Class::Wheelchair, _) | (Class::PatientMonitor, 1) => TagKind::Ble,
        _ => TagKind::Uwb,
    }
}

fn tag_name(kind: TagKind, number: usize) -> TagId {
    let prefix = match kind {
        TagKind::Uwb | TagKind::Engine => "uwb",
        TagKind::Wifi => "wifi",
        TagKind::Ble => "ble",
        TagKind::Rfid => "rfid",
    };
    TagId::new(&format!("{prefix}-{number:05}")).expect("fits the pattern")
}
