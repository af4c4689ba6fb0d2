//! How often a tag reports, learned from its own gaps, for each state of motion.

use crate::model::freshness::{DEFAULT_INTERVAL_MS, MAX_INTERVAL_MS};
use serde::{Deserialize, Serialize};

const GAPS: usize = 5;
/// Shortest interval that is believed, milliseconds: a burst must not make a tag stale at once.
const MIN_INTERVAL_MS: i64 = 1_000;

/// The last five gaps while moving, and while still; a tag that doesn't say counts as moving.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Intervals {
    moving: Gaps,
    still: Gaps,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Gaps {
    last_ms: [u32; GAPS],
    seen: u8,
}

impl Intervals {
    /// `moving` is the state that the gap led into.
    pub(super) fn learn(&mut self, moving: Option<bool>, gap_ms: i64) {
        let gaps = if moving == Some(false) { &mut self.still } else { &mut self.moving };
        gaps.push(gap_ms);
    }

    /// The median of five gaps, so that one silence teaches nothing; 60 s before five were seen.
    pub(super) fn of(&self, moving: Option<bool>) -> i64 {
        if moving == Some(false) { self.still.median_ms() } else { self.moving.median_ms() }
    }
}

impl Gaps {
    fn push(&mut self, gap_ms: i64) {
        let gap_ms = gap_ms.clamp(MIN_INTERVAL_MS, MAX_INTERVAL_MS);
        self.last_ms.rotate_left(1);
        self.last_ms[GAPS - 1] = u32::try_from(gap_ms).unwrap_or(u32::MAX);
        self.seen = self.seen.saturating_add(1);
    }

    fn median_ms(&self) -> i64 {
        if usize::from(self.seen) < GAPS {
            return DEFAULT_INTERVAL_MS;
        }
        let mut sorted = self.last_ms;
        sorted.sort_unstable();
        i64::from(sorted[GAPS / 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_teaches_its_own_interval_with_five_gaps() {
        let mut intervals = Intervals::default();
        for _ in 0..4 {
            intervals.learn(Some(true), 2_000);
        }
        assert_eq!(intervals.of(Some(true)), 60_000);
        intervals.learn(Some(true), 2_000);
        assert_eq!(intervals.of(Some(true)), 2_000);
        assert_eq!(intervals.of(Some(false)), 60_000, "the other state has its own");
        intervals.learn(Some(true), 3_600_000);
        assert_eq!(intervals.of(Some(true)), 2_000, "one silence teaches nothing");
    }
}
