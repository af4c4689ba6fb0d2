//! What the pipeline decided, as storage keeps it; and what storage gives back at a start.
//!
//! Nothing here is about a person, except presence, which names a role only.

use super::{
    asset::{Basis, Status, StatusNow},
    by_hand::Hand,
    fix::{Fix, Origin},
};
use serde::{Deserialize, Serialize};
use spor_schemas::{AssetId, EventMessage, ReaderId, StaffRole, TagId, ZoneId};

/// Every item that was decided of a stretch of the journal. What lies between two batches decided
/// nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecidedBatch {
    /// The last record of the journal that was looked at.
    pub through: u64,
    /// When that was received, milliseconds: what time alone brought by then is decided.
    pub at_ms: i64,
    /// The version of the site file that it was decided under.
    pub site: String,
    /// Each item with the sequence of the record that it came of, in order.
    pub items: Vec<(u64, Decided)>,
}

/// One decided change, in the order of deciding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Decided {
    /// A new row of `position`.
    Position(PositionRow),
    /// A row of `position` that came after newer ones, or a second time: it is stored unless it is
    /// there already.
    Late {
        /// The row; its room is the one that holds the point.
        row: PositionRow,
        /// True when it may say something new: what was decided around it is decided anew.
        amends: bool,
        /// How often the tag reports, milliseconds.
        interval_ms: i64,
    },
    /// What was decided of `tag` from a moment on took a silence for granted that there wasn't, or
    /// rests on what a late fix has amended: it is decided anew.
    Redecide {
        /// The tag.
        tag: TagId,
        /// From when on, milliseconds.
        from_ms: i64,
        /// At least until then, milliseconds.
        to_ms: i64,
        /// How often the tag reports, milliseconds.
        interval_ms: i64,
    },
    /// The row of `tag` that began at `time_ms` holds until `until_ms`. A late fix of the same
    /// moment is another row: `seq` tells them apart, for without a counter it is a duplicate.
    Extend {
        /// Whose row.
        tag: TagId,
        /// The row's `time`, milliseconds.
        time_ms: i64,
        /// The row's `seq`.
        seq: Option<u32>,
        /// Its new `until`, milliseconds.
        until_ms: i64,
    },
    /// The row of `tag` that began at `time_ms` ends at `until_ms`, earlier than was said: a late fix
    /// within it was elsewhere.
    Cut {
        /// Whose row.
        tag: TagId,
        /// The row's `time`, milliseconds.
        time_ms: i64,
        /// The row's `seq`.
        seq: Option<u32>,
        /// Its new `until`, milliseconds.
        until_ms: i64,
    },
    /// A visit began (`left_ms` none) or ended.
    Visit(VisitRow),
    /// An asset's status began; it ends the one before at the same moment.
    Status(StatusRow),
    /// Something happened.
    Event(#[serde(with = "as_json")] EventMessage),
    /// How many of a role were in a zone in a quarter of an hour.
    Presence(PresenceRow),
    /// What a tag said about itself.
    TagReport {
        /// The tag.
        tag: TagId,
        /// When, milliseconds.
        time_ms: i64,
        /// Charge, percent.
        battery_pct: Option<u8>,
        /// Firmware version.
        firmware: Option<String>,
    },
    /// A person wears the tag from now on: what is stored of it is deleted.
    Forget {
        /// The tag.
        tag: TagId,
    },
    /// A reader came or went.
    Reader {
        /// The reader.
        reader: ReaderId,
        /// When, milliseconds.
        time_ms: i64,
        /// True when it works.
        online: bool,
    },
    /// What rules say of an asset began, and isn't shown, since something else holds by hand.
    Beneath(StatusRow),
    /// Something holds of an asset by hand; told again with the same beginning when its end is another.
    ByHand {
        /// Of which.
        asset: AssetId,
        /// What, from when and until when.
        hand: Hand,
    },
    /// Other rules are in force.
    Rules(RulesRow),
}

/// Rules from which statuses follow, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesRow {
    /// From when on they are in force, milliseconds; those of a beginning: 0.
    pub from_ms: i64,
    /// Digest of the text.
    pub version: String,
    /// The file.
    pub text: String,
}

/// A row of `position`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PositionRow {
    /// The tag.
    pub tag: TagId,
    /// Event time, milliseconds.
    pub time_ms: i64,
    /// The last time it was still there, milliseconds; at least `time_ms`.
    pub until_ms: i64,
    /// When its message was received, milliseconds: for measuring latency, not stored.
    pub received_ms: i64,
    /// The sender's counter.
    pub seq: Option<u32>,
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
    /// 0 is ground.
    pub floor: i16,
    /// Metres.
    pub accuracy_m: f32,
    /// The room it was decided to be in.
    pub zone: Option<ZoneId>,
    /// True while the tag felt motion; none: it didn't say.
    pub moving: Option<bool>,
    /// The place is a reader's room: true at a passage; none: the tag or an engine said the place.
    pub portal: Option<bool>,
}

impl PositionRow {
    /// The row of one fix.
    #[must_use]
    pub fn of(fix: &Fix, zone: Option<ZoneId>) -> Self {
        Self {
            tag: fix.tag.clone(),
            time_ms: fix.time_ms,
            until_ms: fix.time_ms,
            received_ms: fix.received_ms,
            seq: fix.seq,
            x_m: fix.x_m,
            y_m: fix.y_m,
            floor: fix.floor,
            accuracy_m: fix.accuracy_m,
            zone,
            moving: fix.moving,
            portal: match fix.origin {
                Origin::Reader { portal, .. } => Some(portal),
                Origin::Tag | Origin::Engine(_) => None,
            },
        }
    }

    /// The fix that made the row, at its beginning. Which reader said it isn't kept, and decides nothing.
    #[must_use]
    pub fn fix(&self) -> Fix {
        let reader = || ReaderId::new("-").unwrap_or_else(|_| unreachable!("a valid id"));
        let of_reader = |portal| Origin::Reader { reader: reader(), portal };
        Fix {
            tag: self.tag.clone(),
            time_ms: self.time_ms,
            received_ms: self.received_ms,
            seq: self.seq,
            x_m: self.x_m,
            y_m: self.y_m,
            floor: self.floor,
            accuracy_m: self.accuracy_m,
            moving: self.moving,
            origin: self.portal.map_or(Origin::Tag, of_reader),
        }
    }
}

/// A row of `visit`: a tag in a room from `entered_ms` to `left_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitRow {
    /// The tag.
    pub tag: TagId,
    /// The room.
    pub zone: ZoneId,
    /// Milliseconds.
    pub entered_ms: i64,
    /// Milliseconds; none while it lasts.
    pub left_ms: Option<i64>,
}

/// The beginning of a row of `asset_status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusRow {
    /// The asset.
    pub asset: AssetId,
    /// Its new status.
    pub status: Status,
    /// Since when, milliseconds.
    pub from_ms: i64,
    /// How Spor knows.
    pub basis: Basis,
    /// The rule that said so.
    pub rule: String,
    /// The room it was in.
    pub zone: Option<ZoneId>,
}

/// A row of `presence`; a later row of the same role, zone and quarter replaces a smaller count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceRow {
    /// The role.
    pub role: StaffRole,
    /// The room.
    pub zone: ZoneId,
    /// Beginning of the quarter of an hour, milliseconds.
    pub quarter_ms: i64,
    /// Different persons seen there so far.
    pub persons: u32,
}

/// What a start takes up again.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// Every tag's last known place, of the tags that no person wears.
    pub tags: Vec<RestoredTag>,
    /// The open status of every asset.
    pub statuses: Vec<RestoredStatus>,
    /// What was to hold by hand.
    pub hands: Vec<(AssetId, Hand)>,
    /// The rules in force; none: those that are built in.
    pub rules: Option<RulesRow>,
}

/// What an asset was doing.
#[derive(Debug, Clone)]
pub struct RestoredStatus {
    /// The asset.
    pub asset: AssetId,
    /// What rules say.
    pub now: StatusNow,
    /// The room in which that began.
    pub zone: Option<ZoneId>,
    /// Since when that, or something by hand, is shown, milliseconds.
    pub shown_ms: i64,
}

/// A tag's last known place.
#[derive(Debug, Clone)]
pub struct RestoredTag {
    /// Its newest row.
    pub row: PositionRow,
    /// Its open visit: room and entry, milliseconds.
    pub visit: Option<(ZoneId, i64)>,
    /// Last reported charge, percent.
    pub battery_pct: Option<u8>,
    /// Last reported firmware.
    pub firmware: Option<String>,
}

/// An event's JSON form leaves fields out, which a format without names can't read back.
mod as_json {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};
    use spor_schemas::EventMessage;

    pub(super) fn serialize<S: Serializer>(event: &EventMessage, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&serde_json::to_string(event).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<EventMessage, D::Error> {
        serde_json::from_str(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}
