//! What must never be kept or shown of people: where they are not tracked at all, and the counts by
//! role that are all Spor remembers of them.

mod presence;

use crate::model::ZoneRecord;
pub use presence::PresenceCount;

/// True in rooms where a person's tag is dropped before anything is decided: toilet, changing,
/// rest, prayer.
#[must_use]
pub fn is_no_track(zone: &ZoneRecord) -> bool {
    zone.kind.is_some_and(spor_schemas::site::RoomKind::is_no_track)
}
