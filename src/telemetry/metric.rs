//! The metrics of `/metrics`: what each means, and the buckets of latencies.

use super::process;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of latency buckets, seconds.
const LATENCY_S: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 10.0, 60.0];

/// The metrics of this process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        process::measure();
        self.0.render()
    }

    /// Folds what histograms gathered; to be called every few seconds.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// Starts gathering metrics. Once a process.
///
/// # Errors
/// When the process gathers already.
pub fn install() -> Result<Metrics, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("spor_latency_seconds".to_owned()), &LATENCY_S)?
        .set_buckets_for_metric(
            Matcher::Full("spor_journal_commit_seconds".to_owned()),
            &LATENCY_S,
        )?
        .install_recorder()?;
    describe();
    Ok(Metrics(handle))
}

fn describe() {
    describe_counter!(
        "spor_messages_received_total",
        "Messages that reached the front door, by source"
    );
    describe_counter!("spor_messages_acknowledged_total", "QoS 1 messages that were acknowledged");
    describe_counter!("spor_messages_rejected_total", "Messages that ingest refused, by reason");
    describe_counter!("spor_positions_stored_total", "Rows added to the table position");
    describe_counter!(
        "spor_queue_full_total",
        "How often a bounded queue was found full, by queue"
    );
    describe_counter!(
        "spor_connections_refused_total",
        "MQTT connections that were refused, by reason"
    );
    describe_counter!(
        "spor_publishes_refused_total",
        "Publishes that a client was not permitted, by reason"
    );
    describe_counter!(
        "spor_messages_dropped_total",
        "QoS 0 messages for which there was no room behind the front door, by reason"
    );
    describe_counter!(
        "spor_reads_paused_total",
        "How often a client's socket was not read for a while, by the bound it had reached"
    );
    describe_counter!(
        "spor_events_dropped_total",
        "Events that no subscriber got because a queue was full"
    );
    describe_gauge!("spor_tags", "Tags that no person wears, by state");
    describe_gauge!("spor_queue_depth", "What waits in a bounded queue, by queue");
    describe_gauge!("spor_connections", "Open MQTT connections");
    describe_gauge!("spor_messages_in_flight", "QoS 1 messages that are not acknowledged yet");
    describe_gauge!("spor_stream_clients", "Open event streams of wall displays");
    describe_gauge!("spor_site_file_in_use", "1 while the site is what the site file says now");
    describe_counter!(
        "spor_site_file_refused_total",
        "Changes of the site file that were refused because it is wrong"
    );
    describe_gauge!("spor_alerts", "Alerts that are not resolved, by kind and state");
    describe_histogram!(
        "spor_alerts_seconds",
        Unit::Seconds,
        "How long it took to see what is wrong and to tell it"
    );
    describe_counter!(
        "spor_alert_webhooks_total",
        "Notices of alerts that were posted, by outcome: taken, refused, away"
    );
    describe_counter!(
        "spor_alert_webhooks_given_up_total",
        "Notices of alerts that the webhook did not take for too long"
    );
    describe_gauge!("spor_storage_up", "1 while Postgres answers");
    describe_gauge!("spor_outside_broker_up", "1 while the broker at mqtt.url is heard");
    describe_histogram!(
        "spor_latency_seconds",
        Unit::Seconds,
        "From receipt to durable (on disk), live (shown) and stored (committed), by stage"
    );
    describe_histogram!(
        "spor_replay_late_seconds",
        Unit::Seconds,
        "From when a recorded moment was due to when a replay played it"
    );
    describe_gauge!(
        "spor_clocks_ahead",
        "Senders whose clock ran ahead of this one and is corrected"
    );
    describe_histogram!(
        "spor_clock_ahead_seconds",
        Unit::Seconds,
        "How far a message's time lay ahead, where it was corrected"
    );
    describe_gauge!("spor_journal_up", "1 while a journal can be written");
    describe_gauge!("spor_journal_bytes", "Size of a journal's segments, bytes");
    describe_gauge!("spor_journal_oldest_seconds", "Age of the oldest record that a journal keeps");
    describe_gauge!("spor_journal_unsynced_bytes", "What waits for a journal's disk, bytes");
    describe_gauge!(
        "spor_journal_over_limit",
        "1 while max_bytes is exceeded by what is still needed"
    );
    describe_gauge!("spor_journal_lag_messages", "Records that a cursor has not passed, by cursor");
    describe_counter!(
        "spor_journal_gap_messages_total",
        "Records that were needed and no longer on disk"
    );
    describe_counter!("spor_journal_commits_total", "Commits that reached a journal's disk");
    describe_counter!("spor_journal_written_bytes_total", "Bytes that reached a journal's disk");
    describe_histogram!(
        "spor_journal_commit_seconds",
        Unit::Seconds,
        "How long a journal's disk took for a commit"
    );
    describe_counter!(
        "spor_journal_failures_total",
        "Writes and syncs that a journal's disk refused"
    );
    describe_counter!(
        "spor_journal_damage_total",
        "Places in a journal that can't be read any more"
    );
    describe_counter!("spor_journal_torn_tails_total", "Torn commits that were cut at a start");
    describe_counter!(
        "spor_journal_sealed_skipped_total",
        "Records of people that a reader skipped because their key is destroyed"
    );
    describe_gauge!("process_resident_memory_bytes", "Resident memory of this process, bytes");
    describe_counter!("process_cpu_milliseconds_total", "CPU time of this process, milliseconds");
    metrics::gauge!("spor_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
}
