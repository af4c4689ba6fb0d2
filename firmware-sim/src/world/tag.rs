//! A tag as firmware: its counter, clock and battery, and how well it is measured.

use super::TagKind;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use spor_schemas::TagId;

const FIRMWARE: [&str; 3] = ["2.3.1", "2.4.0", "2.4.2"];
/// What tags have that isn't perfect.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Firmware {
    /// How much clocks drift at most, millionths; each is set right every hour.
    pub drift_ppm: f64,
    /// How many tags of 1 count to 65,535 only before they begin anew.
    pub short_counters: f64,
    /// How often a tag restarts on an average day, and counts from nothing.
    pub resets_per_day: f64,
}

/// A clock is set right this often.
const SET_EVERY_MS: i64 = 3_600_000;
/// A tag.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) id: TagId,
    pub(super) kind: TagKind,
    pub(super) seq: u32,
    pub(super) battery_pct: f64,
    /// Standard deviation of its error along each axis.
    pub(super) sigma_m: f64,
    pub(super) firmware: &'static str,
    drift_ppm: f64,
    /// Where its counter begins anew.
    highest_seq: u32,
    /// It is off, out of reach, or its battery is empty.
    pub(super) is_silent: bool,
    /// When it speaks next; any other event is out of date.
    pub(super) due_ms: i64,
}

impl Tag {
    pub(super) fn new(id: TagId, kind: TagKind, ware: Firmware, rng: &mut ChaCha8Rng) -> Self {
        // A few are nearly empty, so that somebody has to change them.
        let battery_pct = if rng.random_bool(0.04) {
            rng.random_range(3.0..12.0)
        } else {
            rng.random_range(30.0..100.0)
        };
        let mut tag = Self {
            id,
            kind,
            seq: rng.random_range(0..10_000),
            battery_pct,
            sigma_m: match kind {
                TagKind::Wifi => rng.random_range(2.0..4.0),
                _ => rng.random_range(0.25..0.40),
            },
            firmware: FIRMWARE[rng.random_range(0..FIRMWARE.len())],
            drift_ppm: 0.0,
            highest_seq: u32::MAX,
            is_silent: false,
            due_ms: i64::MAX,
        };
        if ware.drift_ppm > 0.0 {
            tag.drift_ppm = rng.random_range(-ware.drift_ppm..ware.drift_ppm);
        }
        if ware.short_counters > 0.0 && rng.random_bool(ware.short_counters) {
            tag.highest_seq = u32::from(u16::MAX);
            tag.seq = rng.random_range(0..=tag.highest_seq);
        }
        tag
    }

    /// What it counts next.
    pub(super) fn next_seq(&mut self) -> u32 {
        self.seq = if self.seq >= self.highest_seq { 0 } else { self.seq + 1 };
        self.seq
    }

    /// What its clock says.
    pub(super) fn stamp(&self, clock_ms: i64) -> i64 {
        #[expect(clippy::cast_precision_loss, reason = "an hour in milliseconds")]
        let since_set_ms = clock_ms.rem_euclid(SET_EVERY_MS) as f64;
        clock_ms + super::whole_ms(since_set_ms * self.drift_ppm / 1e6)
    }

    /// What it says of its battery; none: it has none.
    pub(super) fn battery(&self) -> Option<u8> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let percent = self.battery_pct.clamp(0.0, 100.0).round() as u8;
        (self.kind != TagKind::Rfid).then_some(percent)
    }
}
