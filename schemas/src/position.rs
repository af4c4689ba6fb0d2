//! A position: `spor/v1/tags/{tag}/position` carries one, `spor/v1/engines/{engine}/positions` an array.

use crate::{
    bounds::{self, OutOfRange, check},
    ids::TagId,
};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a tag is, in the site's frame. In CBOR a map with the small integer keys given here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode, JsonSchema)]
#[cbor(map)]
pub struct PositionMessage {
    /// The tag: required in an engine's array, may be left out on the tag's own topic. CBOR key 0.
    #[n(0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagId>,
    /// Milliseconds since the Unix epoch by the sender's clock; absent: the time of receipt. CBOR key 1.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<i64>,
    /// The sender's counter; may wrap. CBOR key 2.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u32>,
    /// Metres east of the site's origin, within 100 km. CBOR key 3.
    #[n(3)]
    #[schemars(range(min = -100_000.0, max = 100_000.0))]
    pub x_m: f64,
    /// Metres north of the site's origin, within 100 km. CBOR key 4.
    #[n(4)]
    #[schemars(range(min = -100_000.0, max = 100_000.0))]
    pub y_m: f64,
    /// Floor number, 0 is ground, -20 to 200. CBOR key 5.
    #[n(5)]
    #[schemars(range(min = -20, max = 200))]
    pub floor: i16,
    /// Radius that holds the true place nine times in ten, metres, 0 to 10,000. CBOR key 6.
    #[n(6)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 10_000.0))]
    pub accuracy_m: Option<f32>,
    /// Battery charge, 0 to 100 percent. CBOR key 7.
    #[n(7)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub battery_pct: Option<u8>,
    /// True while the tag's own sensor feels motion. CBOR key 8.
    #[n(8)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<bool>,
    /// True when the tag's button was pressed. CBOR key 9.
    #[n(9)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub button: Option<bool>,
}

impl PositionMessage {
    /// Checks every field against [`bounds`]; NaN and infinity are outside all of them.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        let on_earth = |v: f64| v.abs() <= bounds::MAX_COORDINATE_M;
        check(on_earth(self.x_m), "x_m", "-100000 to 100000 m")?;
        check(on_earth(self.y_m), "y_m", "-100000 to 100000 m")?;
        check(bounds::FLOORS.contains(&self.floor), "floor", "-20 to 200")?;
        let accuracy = self.accuracy_m.unwrap_or(0.0);
        check((0.0..=bounds::MAX_ACCURACY_M).contains(&accuracy), "accuracy_m", "0 to 10000 m")?;
        check(self.battery_pct.is_none_or(|b| b <= 100), "battery_pct", "0 to 100")
    }
}
