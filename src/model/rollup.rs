//! Hours of the past as storage has them, and what they come to: roll-ups.

use super::asset::Status;
use spor_schemas::ClassId;
use std::collections::BTreeMap;

/// An hour, milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// The number of a class, ward or kind of room in a list of names that storage keeps.
pub type Name = u32;

/// Whole hours that are to be rolled up, and everything that reaches into them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RollupPast {
    /// Beginning of the first hour, milliseconds.
    pub from_ms: i64,
    /// End of the last hour, milliseconds.
    pub to_ms: i64,
    /// The present, behind which nothing has happened yet, milliseconds.
    pub now_ms: i64,
    /// Everything that was in the registry.
    pub assets: Vec<AssetPast>,
    /// The PAR levels that were in force.
    pub par: Vec<ParInForce>,
}

/// What an asset did and where.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AssetPast {
    /// Its class.
    pub class: Name,
    /// The ward that owns it, or the pool.
    pub home_ward: Name,
    /// Since when it is in the registry, milliseconds: before it was seen it was unknown.
    pub created_ms: i64,
    /// Since when it is out of service, milliseconds.
    pub retired_ms: Option<i64>,
    /// In the order of time, never two at once; the first is the last that began before `from_ms`.
    pub statuses: Vec<StatusPast>,
    /// The same of its stays in rooms.
    pub visits: Vec<VisitPast>,
    /// Since when it was dirty or in cleaning at `from_ms`, milliseconds; none: it wasn't.
    pub preparing_since_ms: Option<i64>,
    /// For how long it had been known and unused at `from_ms`, milliseconds.
    pub idle_ms: i64,
    /// The ward in which it stayed last before `from_ms`, not merely passed.
    pub ward_before: Option<Name>,
}

/// A status and its stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusPast {
    /// What the asset did.
    pub status: Status,
    /// Since when, milliseconds.
    pub from_ms: i64,
    /// Until when, milliseconds; none: it still does.
    pub to_ms: Option<i64>,
}

/// What an asset of a class did lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLine {
    /// The class.
    pub class: ClassId,
    /// In the order of time, never two at once.
    pub statuses: Vec<StatusPast>,
}

/// A stay in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitPast {
    /// The ward to which the room belongs.
    pub ward: Option<Name>,
    /// The room's kind.
    pub room_kind: Name,
    /// Since when, milliseconds.
    pub entered_ms: i64,
    /// Until when, milliseconds; none: it is still there.
    pub left_ms: Option<i64>,
}

/// A PAR level in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParInForce {
    /// The hour's beginning, milliseconds.
    pub hour_ms: i64,
    /// The class.
    pub class: Name,
    /// The ward.
    pub ward: Name,
    /// How many should stand ready.
    pub target: u32,
    /// How many at the very least.
    pub critical: u32,
}

/// Milliseconds in each status, in the order of [`Status::ALL`].
pub type ByStatus = [i64; Status::ALL.len()];

/// What hours came to. The keys begin with the hour's beginning, milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rolled {
    /// By hour, class, owning ward, and the ward where the asset was.
    pub places: BTreeMap<(i64, Name, Name, Option<Name>), ByStatus>,
    /// By hour, class and owning ward, wherever the asset was.
    pub classes: BTreeMap<(i64, Name, Name), ClassHour>,
    /// Milliseconds by hour, class, what is counted, and how many there were at the same time.
    pub levels: BTreeMap<(i64, Name, Level, u32), i64>,
    /// What follows from these levels, by hour, class, and what is counted.
    pub uses: BTreeMap<(i64, Name, Level), UseHour>,
    /// From dirty to available: by hour of its end, class, owning ward and bucket of its length.
    pub turnarounds: BTreeMap<(i64, Name, Name, i16), Lengths>,
    /// Stays by hour of their end, class, kind of room and bucket of their length.
    pub dwells: BTreeMap<(i64, Name, Name, i16), Lengths>,
    /// How many came: by hour, class, ward they came from, ward they came to.
    pub transfers: BTreeMap<(i64, Name, Name, Name), u32>,
    /// By hour, class and ward.
    pub par: BTreeMap<(i64, Name, Name), ParHour>,
    /// By hour, class, ward and beginning.
    pub shortages: BTreeMap<(i64, Name, Name, i64), Shortage>,
}

/// What is counted at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// In use.
    InUse,
    /// In use, reserved, dirty, in cleaning, or with the engineers.
    TiedUp,
}

impl Level {
    /// As it stands in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "in_use",
            Self::TiedUp => "tied_up",
        }
    }
}

/// An hour of the assets of a class that a ward owns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassHour {
    /// Milliseconds in each status.
    pub by_status: ByStatus,
    /// Of that: unknown for more than a day, milliseconds.
    pub lost_ms: i64,
    /// Of that: known, and unused for more than a day, a week, thirty days of known time, milliseconds.
    pub idle_ms: [i64; 3],
}

/// An hour of how many there were at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UseHour {
    /// How much of the hour is told of, milliseconds.
    pub recorded_ms: i64,
    /// How many there were, times milliseconds.
    pub level_ms: i64,
    /// The most at any time.
    pub highest: u32,
    /// The level that isn't passed in 95 % of the recorded time.
    pub p95: u32,
}

/// How many lengths of time, and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lengths {
    /// How many.
    pub count: u32,
    /// Their sum, milliseconds.
    pub sum_ms: i64,
}

/// An hour of a class in a ward against its PAR level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ParHour {
    /// How many should have stood ready.
    pub target: u32,
    /// How many at the very least.
    pub critical: u32,
    /// How much of the hour is told of, milliseconds.
    pub recorded_ms: i64,
    /// Available ones, times milliseconds.
    pub available_ms: i64,
    /// The fewest at any time.
    pub lowest: u32,
    /// Fewer than the target, milliseconds.
    pub short_ms: i64,
    /// Fewer than critical, milliseconds.
    pub critical_ms: i64,
}

/// A stretch of an hour with fewer than the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shortage {
    /// Its end, milliseconds.
    pub to_ms: i64,
    /// How much of it there were fewer than critical, milliseconds.
    pub critical_ms: i64,
}
