//! What the journal tells `/metrics`; each bears the journal's name.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::time::Duration;

pub(super) struct Meters {
    name: &'static str,
    pub(super) bytes: Gauge,
    pub(super) oldest_seconds: Gauge,
    pub(super) unsynced: Gauge,
    pub(super) over_limit: Gauge,
    pub(super) up: Gauge,
    pub(super) failed: Counter,
    pub(super) sealed_skipped: Counter,
    commits: Counter,
    written: Counter,
    commit_seconds: Histogram,
    /// From an append to its commit; what the decided log waits for is nobody's latency.
    durable_seconds: Option<Histogram>,
}

impl Meters {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            bytes: gauge!("spor_journal_bytes", "journal" => name),
            oldest_seconds: gauge!("spor_journal_oldest_seconds", "journal" => name),
            unsynced: gauge!("spor_journal_unsynced_bytes", "journal" => name),
            over_limit: gauge!("spor_journal_over_limit", "journal" => name),
            up: gauge!("spor_journal_up", "journal" => name),
            failed: counter!("spor_journal_failures_total", "journal" => name),
            sealed_skipped: counter!("spor_journal_sealed_skipped_total", "journal" => name),
            commits: counter!("spor_journal_commits_total", "journal" => name),
            written: counter!("spor_journal_written_bytes_total", "journal" => name),
            commit_seconds: histogram!("spor_journal_commit_seconds", "journal" => name),
            durable_seconds: (name == "raw")
                .then(|| histogram!("spor_latency_seconds", "stage" => "durable")),
        }
    }

    pub(super) fn committed(&self, bytes: usize, took: Duration) {
        self.commits.increment(1);
        self.written.increment(bytes as u64);
        self.commit_seconds.record(took);
    }

    /// The oldest record of a commit waited so long for the disk.
    pub(super) fn durable(&self, waited: Duration) {
        if let Some(durable) = &self.durable_seconds {
            durable.record(waited);
        }
    }

    /// How many records a pin holds back.
    pub(super) fn lag(&self, pin: &'static str, records: u64) {
        #[allow(clippy::cast_precision_loss)] // a gauge is a float
        gauge!("spor_journal_lag_messages", "journal" => self.name, "cursor" => pin)
            .set(records as f64);
    }
}

pub(super) fn damaged(name: &'static str) -> Counter {
    counter!("spor_journal_damage_total", "journal" => name)
}

/// A torn tail was cut at open.
pub(super) fn torn(name: &'static str) {
    counter!("spor_journal_torn_tails_total", "journal" => name).increment(1);
}
