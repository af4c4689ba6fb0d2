//! A sighting: a reader heard a tag. `spor/v1/readers/{reader}/sightings` carries an array.

use crate::{
    bounds::{self, OutOfRange, check},
    ids::TagId,
};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One tag heard once by the reader that the topic names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode, JsonSchema)]
#[cbor(map)]
pub struct SightingMessage {
    /// The tag that was heard. CBOR key 0.
    #[n(0)]
    pub tag: TagId,
    /// Milliseconds since the Unix epoch by the reader's clock; absent: the time of receipt. CBOR key 1.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<i64>,
    /// Received signal strength, -130 to 0 dBm. CBOR key 2.
    #[n(2)]
    #[schemars(range(min = -130.0, max = 0.0))]
    pub rssi_dbm: f32,
}

impl SightingMessage {
    /// Checks the signal against [`bounds::RSSI_DBM`].
    ///
    /// # Errors
    /// `rssi_dbm` out of range.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        check(bounds::RSSI_DBM.contains(&self.rssi_dbm), "rssi_dbm", "-130 to 0 dBm")
    }
}
