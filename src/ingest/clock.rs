//! A sender's clock that runs ahead is measured, and then corrected; one bad stamp is refused.

use serde::{Deserialize, Serialize};

/// Stamps this far ahead of their receipt are taken for the time of receipt, milliseconds.
const TOLERANCE_MS: i64 = 2_000;
/// A stamp this near to its receipt shows that the clock is right again, milliseconds.
const RIGHT_MS: i64 = 10_000;
/// So many stamps in a row must agree before their error is believed.
const BELIEVED_AFTER: u8 = 3;

/// What is known of a sender whose clock ran ahead at least once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Clock {
    ahead_ms: i64,
    measured_ms: i64,
    agreeing: u8,
}

impl Clock {
    pub(super) fn runs_ahead(time_ms: i64, received_ms: i64) -> bool {
        time_ms.saturating_sub(received_ms) > TOLERANCE_MS
    }

    /// The event time by Spor's clock; none while the error is not yet believed.
    pub(super) fn correct(&mut self, time_ms: i64, received_ms: i64) -> Option<i64> {
        let ahead_ms = time_ms.saturating_sub(received_ms);
        if ahead_ms.abs() <= RIGHT_MS && ahead_ms <= TOLERANCE_MS {
            *self = Self::default();
            return Some(time_ms.min(received_ms));
        }
        if ahead_ms > self.ahead_ms.saturating_add(TOLERANCE_MS) {
            let near = ahead_ms.abs_diff(self.measured_ms) <= TOLERANCE_MS.unsigned_abs();
            self.agreeing = if near { self.agreeing + 1 } else { 1 };
            self.measured_ms = ahead_ms;
            if self.agreeing < BELIEVED_AFTER {
                return None;
            }
            self.ahead_ms = ahead_ms;
            self.agreeing = 0;
        }
        Some(time_ms.saturating_sub(self.ahead_ms).min(received_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_stamp_is_refused_and_leaves_no_trace() {
        let mut clock = Clock::default();
        assert_eq!(clock.correct(i64::MAX, 1_000), None);
        assert_eq!(clock.correct(1_900, 2_000), Some(1_900));
    }

    #[test]
    fn a_clock_five_minutes_ahead_is_corrected_from_the_third_stamp_on() {
        let mut clock = Clock::default();
        let corrected: Vec<_> =
            (0..5).map(|i| clock.correct(300_000 + i * 2_000, i * 2_000)).collect();
        assert_eq!(corrected, [None, None, Some(4_000), Some(6_000), Some(8_000)]);
        assert_eq!(clock.correct(10_000, 10_000), Some(10_000), "set right again");
    }

    #[test]
    fn event_time_is_never_after_receipt() {
        let mut clock = Clock::default();
        assert_eq!(clock.correct(2_500, 1_000), Some(1_000));
    }
}
