//! Latencies in whole milliseconds, counted.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often each latency came, milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Counted(BTreeMap<i64, u64>);

/// What people look at, milliseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Counted {
    pub(crate) fn add(&mut self, ms: i64, times: u64) {
        *self.0.entry(ms).or_default() += times;
    }

    /// None: there was nothing.
    pub(crate) fn summary(&self) -> Option<Latency> {
        let max = *self.0.last_key_value()?.0;
        Some(Latency { p50: as_f64(self.at(50)), p99: as_f64(self.at(99)), max: as_f64(max) })
    }

    fn at(&self, percent: u64) -> i64 {
        let total: u64 = self.0.values().sum();
        let rank = (total * percent).div_ceil(100);
        let mut seen = 0;
        for (ms, times) in &self.0 {
            seen += times;
            if seen >= rank {
                return *ms;
            }
        }
        0
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds stay far below 2^53")]
fn as_f64(ms: i64) -> f64 {
    ms as f64
}
