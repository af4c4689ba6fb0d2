//! Bounds on what a message may say. Values outside are refused, never clamped.

/// Largest payload of one MQTT message, in bytes.
pub const MAX_PAYLOAD: usize = 256 * 1024;
/// Most elements in one array of positions or sightings.
pub const MAX_BATCH: usize = 5_000;
/// Farthest coordinate from the site's origin, in metres.
pub const MAX_COORDINATE_M: f64 = 100_000.0;
/// Lowest and highest floor number.
pub const FLOORS: std::ops::RangeInclusive<i16> = -20..=200;
/// Largest accuracy radius, in metres.
pub const MAX_ACCURACY_M: f32 = 10_000.0;
/// Weakest and strongest received signal that is believed, in dBm.
pub const RSSI_DBM: std::ops::RangeInclusive<f32> = -130.0..=0.0;
/// Longest free text (a firmware version), in bytes.
pub const MAX_TEXT: usize = 64;

/// Which field was outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} is out of range ({allowed})")]
pub struct OutOfRange {
    /// The field's name in JSON.
    pub field: &'static str,
    /// What is allowed, for people.
    pub allowed: &'static str,
}

/// `Ok` when `holds`, else the refusal of `field`.
pub(crate) fn check(
    holds: bool,
    field: &'static str,
    allowed: &'static str,
) -> Result<(), OutOfRange> {
    if holds { Ok(()) } else { Err(OutOfRange { field, allowed }) }
}
