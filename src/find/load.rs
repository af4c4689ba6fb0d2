//! What somebody fetches decides which ways are open: the way there is the way back with it.

use crate::model::ClassId;

/// How a thing travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Carried: over stairs too.
    Carried,
    /// On wheels: by any lift, never over stairs.
    Rolling,
    /// As large as a bed: by lifts that take beds.
    Bed,
}

/// Classes that one carries in a hand or under an arm.
const CARRIED: [&str; 7] = [
    "syringe-pump",
    "feeding-pump",
    "bladder-scanner",
    "defibrillator",
    "telemetry",
    "pulse-oximeter",
    "thermometer",
];
/// Classes that need the room of a bed.
const BEDS: [&str; 4] = ["bed", "stretcher", "incubator", "mattress"];

impl Load {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Carried, Self::Rolling, Self::Bed];

    /// How things of a class travel; what nobody knows is not sent over stairs.
    #[must_use]
    pub fn of(class: &ClassId) -> Self {
        let class = class.as_str();
        let words = |names: &[&str]| class.split(['-', '_', '.']).any(|word| names.contains(&word));
        if CARRIED.contains(&class) {
            Self::Carried
        } else if BEDS.contains(&class) || words(&["bed", "beds", "stretcher"]) {
            Self::Bed
        } else {
            Self::Rolling
        }
    }
}
