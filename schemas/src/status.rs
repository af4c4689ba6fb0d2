//! What a tag or a reader says about itself: `.../tags/{tag}/status`, `.../readers/{reader}/status`.

use crate::bounds::{self, OutOfRange, check};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Battery, firmware and button of a tag.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Encode, Decode, JsonSchema)]
#[cbor(map)]
pub struct TagStatusMessage {
    /// Milliseconds since the Unix epoch; absent: the time of receipt. CBOR key 1.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<i64>,
    /// The sender's counter. CBOR key 2.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u32>,
    /// Battery charge, 0 to 100 percent. CBOR key 7.
    #[n(7)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub battery_pct: Option<u8>,
    /// True when the button was pressed. CBOR key 9.
    #[n(9)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub button: Option<bool>,
    /// Firmware version, at most 64 bytes. CBOR key 10.
    #[n(10)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub firmware: Option<String>,
}

impl TagStatusMessage {
    /// Checks battery and text length.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        check(self.battery_pct.is_none_or(|b| b <= 100), "battery_pct", "0 to 100")?;
        let length = self.firmware.as_ref().map_or(0, String::len);
        check(length <= bounds::MAX_TEXT, "firmware", "at most 64 bytes")
    }
}

/// Whether a reader works.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Encode, Decode, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Presence {
    /// It hears and reports. CBOR 0.
    #[n(0)]
    Online,
    /// It is silent; also sent as the reader's will. CBOR 1.
    #[n(1)]
    Offline,
}

/// A reader's own report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode, JsonSchema)]
#[cbor(map)]
pub struct ReaderStatusMessage {
    /// Milliseconds since the Unix epoch; absent: the time of receipt. CBOR key 1.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<i64>,
    /// Online or offline. CBOR key 3.
    #[n(3)]
    pub status: Presence,
    /// Firmware version, at most 64 bytes. CBOR key 10.
    #[n(10)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub firmware: Option<String>,
}

impl ReaderStatusMessage {
    /// Checks the text length.
    ///
    /// # Errors
    /// `firmware` too long.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        let length = self.firmware.as_ref().map_or(0, String::len);
        check(length <= bounds::MAX_TEXT, "firmware", "at most 64 bytes")
    }
}
