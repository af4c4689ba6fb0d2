//! What Spor publishes: `spor/v1/events/{kind}/{tag}`, best effort, never retained.

use crate::ids::{AssetId, TagId, ZoneId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happened; the second-last level of the topic.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A tag changed its room, or its floor.
    Zone,
    /// A tag entered or left a zone that is no room.
    Fence,
    /// An asset's status changed.
    Status,
    /// A tag's button was pressed.
    Button,
    /// A battery fell below its threshold.
    Battery,
    /// A tag was lost, or found again.
    Lost,
}

impl EventKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::Zone, Self::Fence, Self::Status, Self::Button, Self::Battery, Self::Lost];

    /// The kind as it stands in topics, tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Fence => "fence",
            Self::Status => "status",
            Self::Button => "button",
            Self::Battery => "battery",
            Self::Lost => "lost",
        }
    }
}

/// One event. The id is derived from what caused it, so that a repeat has the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventMessage {
    /// 32 hexadecimal digits, the same for the same cause.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// When, milliseconds since the Unix epoch, by event time.
    pub time_ms: i64,
    /// The tag it happened to; never one that a person wears.
    pub tag: TagId,
    /// The asset that carried the tag then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<AssetId>,
    /// The room or zone after the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<ZoneId>,
    /// The room or zone before the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_zone: Option<ZoneId>,
    /// The floor after the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<i16>,
    /// Words for the change: `entered`, `left`, `lost`, `found`, `pressed`, `low`, or the new status.
    pub change: String,
    /// Why it was decided so, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
