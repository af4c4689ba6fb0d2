//! How long the disk rests between two commits: not at all as long as few send, so that a lone
//! sender waits for one flush and no timer; under the load of many, while the next ones gather, so
//! that fewer flushes serve the same senders.

use std::time::{Duration, Instant};

/// The rest behind each commit under load.
const REST: Duration = Duration::from_millis(2);
/// The load is what came in a window of so long.
const WINDOW: Duration = Duration::from_millis(50);
/// More appends than this in a window, 3,000 a second, are a load.
const LOAD: usize = 150;

pub(super) struct Pace {
    begun: Instant,
    appends: usize,
    is_loaded: bool,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, appends: 0, is_loaded: false }
    }

    /// Takes note of a commit that served so many appends, and tells when the next may begin.
    pub(super) fn rest_after(&mut self, appends: usize, now: Instant) -> Instant {
        self.appends += appends;
        let took = now.saturating_duration_since(self.begun);
        if took >= WINDOW {
            // A window that lasted longer, since nothing came, is no load either.
            self.is_loaded = took < 2 * WINDOW && self.appends > LOAD;
            (self.begun, self.appends) = (now, 0);
        }
        if self.is_loaded { now + REST } else { now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_rests_under_the_load_of_many_and_never_for_a_lone_sender() {
        let begin = Instant::now();
        let at = |micros: u64| begin + Duration::from_micros(micros);
        let mut pace = Pace::new(begin);
        // One message in flight, a flush of half a millisecond.
        for commit in 1..=400 {
            assert_eq!(pace.rest_after(1, at(commit * 500)), at(commit * 500));
        }
        // 12,500 a second.
        let from = 200_000;
        for commit in 1..=100 {
            pace.rest_after(29, at(from + commit * 2_300));
        }
        let now = from + 101 * 2_300;
        assert_eq!(pace.rest_after(29, at(now)), at(now) + REST);
        // It is over.
        assert_eq!(pace.rest_after(1, at(now + 200_000)), at(now + 200_000));
    }
}
