//! One tag at one place and time, and what a reader heard.

use serde::{Deserialize, Serialize};
use spor_schemas::{EngineId, ReaderId, TagId};

/// A tag's battery is low from here down, percent.
pub const LOW_BATTERY_PCT: u8 = 15;
/// A battery that was low is well again from here up, percent.
pub const WELL_AGAIN_PCT: u8 = 20;

/// Who says where a tag is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// The tag itself.
    Tag,
    /// An engine that computed it.
    Engine(EngineId),
    /// The reader that heard it best; the place is that reader's room.
    Reader {
        /// Which one.
        reader: ReaderId,
        /// True when it watches a passage.
        portal: bool,
    },
}

/// Where a tag is at a time. Its values are within the bounds of `spor_schemas::bounds`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// The tag, named as it was sent.
    pub tag: TagId,
    /// When it was there, by event time, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// When Spor received it, milliseconds since the Unix epoch, never decreasing.
    pub received_ms: i64,
    /// The sender's counter.
    pub seq: Option<u32>,
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
    /// 0 is ground.
    pub floor: i16,
    /// Radius that holds the true place nine times in ten, metres.
    pub accuracy_m: f32,
    /// True while the tag feels motion.
    pub moving: Option<bool>,
    /// Who says so.
    pub origin: Origin,
}

/// A reader heard a tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// The tag.
    pub tag: TagId,
    /// The reader.
    pub reader: ReaderId,
    /// When, by event time, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// When Spor received it, milliseconds since the Unix epoch.
    pub received_ms: i64,
    /// Signal strength, dBm.
    pub rssi_dbm: f32,
}
