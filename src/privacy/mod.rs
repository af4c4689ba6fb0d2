//! What must never be kept or shown of people: where they are not tracked at all, and the counts by
//! role that are all Spor remembers of them.

mod presence;

use crate::model::ZoneRecord;
pub use presence::PresenceCount;

/// Section `[privacy]` of the configuration.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What arrived of people's tags can be read in the journal for this long after its hour, hours.
    pub people_journal_hours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { people_journal_hours: 1 }
    }
}

/// True in rooms where a person's tag is dropped before anything is decided: toilet, changing,
/// rest, prayer.
#[must_use]
pub fn is_no_track(zone: &ZoneRecord) -> bool {
    zone.kind.is_some_and(spor_schemas::site::RoomKind::is_no_track)
}
