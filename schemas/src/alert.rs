//! Alerts as Spor tells them: `spor/v1/events/alert/{id}`, and as `data` of a webhook.

use crate::ids::{AssetId, ClassId, ReaderId, WardId, ZoneId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($name:ident: $($variant:ident = $word:literal),+) => {
        impl $name {
            /// All, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word as it stands in topics, tables and JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What the word stands for.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }
        }
    };
}

/// What is wrong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Fewer of a class stand ready in a ward than should.
    Par,
    /// An asset is missing.
    Missing,
    /// An asset is in a way out of the building, or went out by it.
    Leaving,
    /// An asset lies in a room for linen or waste.
    Linen,
    /// The battery of an asset's tag is low.
    Battery,
    /// A reader is offline, or silent.
    Reader,
    /// An asset waits for its cleaning for too long.
    Cleaning,
}

words!(AlertKind: Par = "par", Missing = "missing", Leaving = "leaving", Linen = "linen",
    Battery = "battery", Reader = "reader", Cleaning = "cleaning");

/// How grave it is. What is critical is told at any hour.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It should be seen to.
    Low,
    /// It should be seen to now.
    Critical,
}

words!(Severity: Low = "low", Critical = "critical");

/// Where an alert is in its life.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has said yet that they see to it.
    Open,
    /// Somebody sees to it.
    Acknowledged,
    /// Its cause has ended, or somebody said that it is settled.
    Resolved,
}

words!(AlertState: Open = "open", Acknowledged = "acknowledged", Resolved = "resolved");

/// What is told of an alert.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertChange {
    /// It is new.
    Opened,
    /// It has become critical, and is open again if it was not.
    Raised,
    /// Somebody sees to it.
    Acknowledged,
    /// It is over.
    Resolved,
}

words!(AlertChange: Opened = "opened", Raised = "raised", Acknowledged = "acknowledged",
    Resolved = "resolved");

/// An alert after a change. It never names a person: neither one that is tracked nor who acknowledged it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertMessage {
    /// 32 hexadecimal digits; all changes of one alert have the same.
    pub id: String,
    /// What changed.
    pub change: AlertChange,
    /// When it changed, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// What is wrong.
    pub kind: AlertKind,
    /// How grave it is now.
    pub severity: Severity,
    /// Where it is in its life now.
    pub state: AlertState,
    /// What it is about: an asset's id, a reader's id, or `class/ward`. At any time at most one alert of
    /// a kind and subject is not resolved.
    pub subject: String,
    /// The ward that it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ward: Option<WardId>,
    /// The class of assets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassId>,
    /// The asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<AssetId>,
    /// The reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<ReaderId>,
    /// The room where it was when the alert was opened or raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<ZoneId>,
    /// The floor of that room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<i16>,
    /// What was seen, for people.
    pub reason: String,
    /// When it was opened, milliseconds since the Unix epoch.
    pub opened_ms: i64,
    /// When somebody took it on, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_ms: Option<i64>,
    /// When it was over, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_ms: Option<i64>,
}
