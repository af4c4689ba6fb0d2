//! Latencies in buckets of about two percent, so that millions of them cost a few kilobytes.

/// Each doubling is cut into so many buckets.
const STEPS: u64 = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// Counts of durations in microseconds.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_us: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; 64 * 32], total: 0, max_us: 0 }
    }

    pub(super) fn record(&mut self, us: u64, times: u64) {
        if let Some(count) = self.counts.get_mut(bucket(us)) {
            *count += times;
        }
        self.total += times;
        self.max_us = self.max_us.max(us);
    }

    /// As if everything in `other` had been recorded here.
    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.max_us = self.max_us.max(other.max_us);
    }

    pub(super) fn max_us(&self) -> u64 {
        self.max_us
    }

    /// The duration that so many percent stay below or reach; 0 when nothing was recorded.
    pub(super) fn percentile_us(&self, percent: f64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "counts stay far below 2^53"
        )]
        let rank = (self.total as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        for (number, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                return upper_end(number).min(self.max_us);
            }
        }
        self.max_us
    }
}

/// Exact below [`STEPS`], then [`STEPS`] buckets for each doubling.
fn bucket(us: u64) -> usize {
    if us < STEPS {
        return usize::try_from(us).unwrap_or(0);
    }
    let doubling = us.ilog2() - STEP_BITS;
    let within = (us >> doubling) - STEPS;
    usize::try_from(u64::from(doubling + 1) * STEPS + within).unwrap_or(usize::MAX)
}

/// The largest duration of a bucket.
fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let doubling = bucket / STEPS - 1;
    ((bucket % STEPS + STEPS + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_holds_what_falls_into_it(us in 0_u64..1 << 50) {
            let end = upper_end(bucket(us));
            prop_assert!(end >= us);
            #[expect(clippy::cast_precision_loss, reason = "below 2^50")]
            let error = (end - us) as f64 / (us as f64).max(1.0);
            prop_assert!(error < 0.04);
        }
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile_us(50.0), 0);
        let mut even = Histogram::new();
        (1..=1_000).filter(|us| us % 2 == 0).for_each(|us| even.record(us, 1));
        (1..=1_000).filter(|us| us % 2 == 1).for_each(|us| histogram.record(us, 1));
        histogram.merge(&even);
        assert!((500..=520).contains(&histogram.percentile_us(50.0)));
        assert!((990..=1_000).contains(&histogram.percentile_us(99.0)));
        assert_eq!(histogram.percentile_us(100.0), 1_000);
        assert_eq!(histogram.max_us(), 1_000);
    }
}
