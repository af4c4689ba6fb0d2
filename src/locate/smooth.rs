//! Noise out, motion in: a scalar Kalman filter with a random-walk model.
//!
//! Source of the formulas: the filter for a constant with process noise, e.g. Bar-Shalom, Li and
//! Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001, chapter 5; both
//! axes share one variance.

use crate::model::{Fix, Origin, freshness::MAX_INTERVAL_MS};
use serde::{Deserialize, Serialize};

/// For a circular Gaussian error nine in ten lie within 2.146 sigma (Rayleigh distribution).
const R90_IN_SIGMA: f64 = 2.146;
/// How fast a tag that may move is expected to go, metres a second.
const WALK_M_S: f64 = 1.5;
/// How far one that says it stands still may drift: a standard deviation of a tenth of a metre in a
/// minute, growing with the root of time; square metres a second.
const STILL_M2_S: f64 = 0.1 * 0.1 / 60.0;
/// A fix this many sigma away is a new place, not noise.
const JUMP_SIGMA: f64 = 5.0;

/// One tag's place with the noise taken out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Smoothed {
    x_m: f64,
    y_m: f64,
    variance_m2: f64,
    floor: i16,
    time_ms: Option<i64>,
}

impl Smoothed {
    pub(super) fn place(&self) -> (f64, f64) {
        (self.x_m, self.y_m)
    }

    pub(super) fn reset(&mut self, fix: &Fix) {
        *self = Self {
            x_m: fix.x_m,
            y_m: fix.y_m,
            variance_m2: error_m2(fix),
            floor: fix.floor,
            time_ms: Some(fix.time_ms),
        };
    }

    /// The place after this fix. Another floor, a room-level fix and a jump start anew.
    #[expect(clippy::cast_precision_loss, reason = "gaps are far below 2^52 ms")]
    pub fn take(&mut self, fix: &Fix, moving: Option<bool>) -> (f64, f64) {
        let Some(before_ms) = self.time_ms else {
            self.reset(fix);
            return self.place();
        };
        let silence_ms = fix.time_ms - before_ms;
        let seconds = silence_ms as f64 / 1000.0;
        // That it stands still now says nothing of a silence that is longer than any interval.
        let is_still = moving == Some(false) && silence_ms <= MAX_INTERVAL_MS;
        let moved_m2 = if is_still { STILL_M2_S * seconds } else { (WALK_M_S * seconds).powi(2) };
        let predicted_m2 = self.variance_m2 + moved_m2;
        let error_m2 = error_m2(fix);
        let (dx_m, dy_m) = (fix.x_m - self.x_m, fix.y_m - self.y_m);
        let limit_m2 = JUMP_SIGMA * JUMP_SIGMA * (predicted_m2 + error_m2);
        let room_level = matches!(fix.origin, Origin::Reader { .. });
        if room_level || fix.floor != self.floor || dx_m * dx_m + dy_m * dy_m > limit_m2 {
            self.reset(fix);
            return self.place();
        }
        let gain = predicted_m2 / (predicted_m2 + error_m2);
        self.x_m += gain * dx_m;
        self.y_m += gain * dy_m;
        self.variance_m2 = (1.0 - gain) * predicted_m2;
        self.time_ms = Some(fix.time_ms);
        self.place()
    }
}

fn error_m2(fix: &Fix) -> f64 {
    let sigma_m = f64::from(fix.accuracy_m).max(0.05) / R90_IN_SIGMA;
    sigma_m * sigma_m
}
