//! Rooms, zones and readers of the site as the database and the pages list them.

use spor_schemas::{ReaderId, WardId, ZoneId, site::RoomKind};

/// A room or a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRecord {
    /// Its id in the site file.
    pub id: ZoneId,
    /// 0 is ground.
    pub floor: i16,
    /// What the lift's button says.
    pub floor_label: String,
    /// The room's kind; none: a zone that is no room.
    pub kind: Option<RoomKind>,
    /// What the door says.
    pub name: String,
    /// The ward it belongs to.
    pub ward: Option<WardId>,
    /// True for a zone that is a way out of the building, or outside.
    pub is_exit: bool,
}

/// A reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderRecord {
    /// Its id on MQTT.
    pub id: ReaderId,
    /// 0 is ground.
    pub floor: i16,
    /// The room it hangs in.
    pub zone: Option<ZoneId>,
    /// True when it watches a passage.
    pub portal: bool,
}
