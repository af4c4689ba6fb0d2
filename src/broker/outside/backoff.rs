//! How long to wait before the next attempt to reach the broker.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// The wait after `failures` attempts in a row that failed, at least one: it doubles from one
/// second to thirty. `chance`, from 0 to 1, takes off up to half of what is above one second, so
/// that many clients of a broker that comes back do not return in step.
pub(super) fn wait(failures: u32, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(5));
    let full = doubled.min(LONGEST);
    let off = (full - FIRST).mul_f64(0.5 * chance.clamp(0.0, 1.0));
    full - off
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_one_second_to_thirty_and_stay_there() {
        let seconds: Vec<_> = (1..8).map(|failures| wait(failures, 0.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(wait(u32::MAX, 0.0), LONGEST);
        assert_eq!(wait(0, 0.0), FIRST);
    }

    #[test]
    fn chance_shortens_a_wait_by_half_at_most_and_never_below_a_second() {
        for failures in 0..40 {
            let (full, least) = (wait(failures, 0.0), wait(failures, 1.0));
            assert!(least >= FIRST && least * 2 >= full && least <= full, "{failures}: {least:?}");
        }
        assert!(wait(6, 1.0) < wait(6, 0.5) && wait(6, 0.5) < wait(6, 0.0));
    }
}
