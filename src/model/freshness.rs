//! How old the knowledge of a tag's place may be before it is called stale or lost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a last known place can be believed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Heard within three of its own intervals.
    Live,
    /// Silent for longer, but not yet lost.
    Stale,
    /// Silent for more than 20 intervals and 60 minutes.
    Lost,
    /// Never seen.
    Unknown,
}

/// Interval of a tag that hasn't taught its own yet, milliseconds.
pub const DEFAULT_INTERVAL_MS: i64 = 60_000;
/// Longest interval that is learned, milliseconds.
pub const MAX_INTERVAL_MS: i64 = 600_000;
/// How long a sighting at a passage counts as live, milliseconds.
pub const PORTAL_LIVE_MS: i64 = 60_000;
const LOST_AT_LEAST_MS: i64 = 3_600_000;

impl Freshness {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Live, Self::Stale, Self::Lost, Self::Unknown];

    /// The state of a tag that was last there at `seen_ms` and reports every `interval_ms`.
    #[must_use]
    pub fn at(now_ms: i64, seen_ms: i64, interval_ms: i64, portal: bool) -> Self {
        let age_ms = now_ms.saturating_sub(seen_ms);
        if age_ms <= live_for_ms(interval_ms, portal) {
            Self::Live
        } else if age_ms <= lost_after_ms(interval_ms) {
            Self::Stale
        } else {
            Self::Lost
        }
    }

    /// The state as it stands in metrics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }
}

/// How long after the last fix a tag counts as live, milliseconds.
#[must_use]
pub fn live_for_ms(interval_ms: i64, portal: bool) -> i64 {
    if portal { PORTAL_LIVE_MS } else { 3 * interval_ms.min(MAX_INTERVAL_MS) }
}

/// After how long a tag is lost: 20 intervals, at least 60 minutes; milliseconds.
#[must_use]
pub fn lost_after_ms(interval_ms: i64) -> i64 {
    (20 * interval_ms.min(MAX_INTERVAL_MS)).max(LOST_AT_LEAST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_tag_goes_from_live_to_stale_to_lost() {
        let at = |age_ms: i64| Freshness::at(10_000_000 + age_ms, 10_000_000, 2_000, false);
        assert_eq!(at(0), Freshness::Live);
        assert_eq!(at(6_000), Freshness::Live);
        assert_eq!(at(6_001), Freshness::Stale);
        assert_eq!(at(3_600_000), Freshness::Stale);
        assert_eq!(at(3_600_001), Freshness::Lost);
    }

    #[test]
    fn a_slow_tag_has_more_time() {
        let at = |age_ms| Freshness::at(age_ms, 0, MAX_INTERVAL_MS, false);
        assert_eq!(at(1_800_000), Freshness::Live);
        assert_eq!(at(12_000_000), Freshness::Stale);
        assert_eq!(at(12_000_001), Freshness::Lost);
    }

    #[test]
    fn a_passage_is_believed_for_a_minute() {
        assert_eq!(Freshness::at(60_000, 0, 600_000, true), Freshness::Live);
        assert_eq!(Freshness::at(60_001, 0, 600_000, true), Freshness::Stale);
    }
}
