//! Assets, persons, and what an asset is doing.

use serde::{Deserialize, Serialize};
use spor_schemas::{AssetId, ClassId, PersonId, StaffRole, WardId};
use utoipa::ToSchema;

/// A trackable thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Its id in the hospital's register.
    pub id: AssetId,
    /// What people call it.
    pub label: String,
    /// What kind of work it does.
    pub class: ClassId,
    /// The ward that owns it; none: the shared pool.
    pub home_ward: Option<WardId>,
}

/// Somebody who wears a badge: a pseudonym and a role, no name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The pseudonym.
    pub id: PersonId,
    /// What the person does.
    pub role: StaffRole,
}

/// What an asset is doing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Clean, working, and nobody's.
    Available,
    /// At work.
    InUse,
    /// Used, waiting to be cleaned.
    Dirty,
    /// Being cleaned.
    Cleaning,
    /// With the engineers.
    Maintenance,
    /// Claimed by somebody who is on the way.
    Reserved,
    /// Not where anything of the hospital should be.
    Missing,
    /// Nobody knows; never counted as idle.
    Unknown,
}

impl Status {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Available,
        Self::InUse,
        Self::Dirty,
        Self::Cleaning,
        Self::Maintenance,
        Self::Reserved,
        Self::Missing,
        Self::Unknown,
    ];

    /// The status as it stands in tables, topics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::InUse => "in_use",
            Self::Dirty => "dirty",
            Self::Cleaning => "cleaning",
            Self::Maintenance => "maintenance",
            Self::Reserved => "reserved",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// How Spor came to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A sensor or a button said so.
    Observed,
    /// A rule concluded it from place and motion.
    Inferred,
    /// A person set it.
    Manual,
}

impl Basis {
    /// The basis as it stands in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Inferred => "inferred",
            Self::Manual => "manual",
        }
    }
}

/// The present status of an asset, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusNow {
    /// What it is doing.
    pub status: Status,
    /// Since when, milliseconds since the Unix epoch.
    pub since_ms: i64,
    /// How Spor knows.
    pub basis: Basis,
    /// The rule that said so, e.g. `room:storage`.
    pub rule: String,
}
