//! Runs as a table for people, each row a measure, each column a system.

use crate::{latency::Latency, plan::Plan, run::Outcome, system::Kind};

impl Outcome {
    /// Positions that were to be stored and are not, or messages that the journal has not.
    pub(crate) fn lost(&self) -> i64 {
        if self.still_percent.is_some() {
            // On change a row stands for many messages.
            return 0;
        }
        let load = &self.load;
        let promised = if self.qos == 1 { load.acknowledged } else { load.published };
        let kept = match &self.stored {
            Some(stored) => stored.distinct.unsigned_abs(),
            None => self.counted,
        };
        promised.cast_signed() - kept.cast_signed()
    }

    /// From the beginning of the load to the last commit; of the front door to the last PUBACK.
    fn seconds_to_store(&self) -> f64 {
        let last_ms = self.stored.as_ref().and_then(|stored| stored.last_commit_ms);
        let seconds = last_ms.map(|last_ms| (last_ms - self.load.start_ms) / 1_000.0);
        seconds.unwrap_or(self.load.acknowledged_seconds).max(0.001)
    }

    pub(crate) fn stored_per_second(&self) -> f64 {
        let rows = self.stored.as_ref().map_or(self.counted, |stored| stored.rows.unsigned_abs());
        as_f64(rows) / self.seconds_to_store()
    }

    fn rows(&self, bare: Option<&Self>) -> Vec<(&'static str, String)> {
        let load = &self.load;
        let positions = as_f64(load.published).max(1.0);
        let us = |seconds: f64| format!("{:.2}", seconds * 1e6 / positions);
        let bytes = |bytes: u64| format!("{:.0}", as_f64(bytes) / positions);
        let seconds = load.seconds.max(0.001);
        let mut rows = vec![
            ("published/s", whole(positions / seconds)),
            (
                "acknowledged/s",
                whole(as_f64(load.acknowledged) / load.acknowledged_seconds.max(seconds)),
            ),
            ("stored/s", whole(self.stored_per_second())),
            ("seconds until all was stored", format!("{:.1}", self.seconds_to_store())),
        ];
        if let Some(bare) = bare.filter(|_| self.system != Kind::Bare) {
            let share = 100.0 * self.stored_per_second() / bare.stored_per_second().max(1.0);
            rows.push(("of --bare", format!("{share:.0} %")));
        }
        if self.still_percent.is_none() {
            rows.push(("lost", self.lost().to_string()));
        }
        if let (Some(percent), Some(stored)) = (self.still_percent, &self.stored) {
            let share =
                |rows: i64, of: f64| format!("{:.2}", 100.0 * as_f64(rows.unsigned_abs()) / of);
            rows.push(("rows of all messages, %", share(stored.rows, positions)));
            let still = positions * f64::from(percent) / 100.0;
            rows.push(("of the still tags', %", share(stored.still_rows, still)));
            let bytes_a_day = as_f64(stored.rows.unsigned_abs()) * stored.bytes_a_row / seconds
                * 86_400.0
                / f64::from(self.tags);
            rows.push(("KiB stored an asset and day", format!("{:.0}", bytes_a_day / 1_024.0)));
        }
        if let Some(stored) = &self.stored {
            rows.push(("stored twice", (stored.rows - stored.distinct).to_string()));
        }
        rows.push(("not acknowledged", load.unacknowledged.to_string()));
        rows.push(("CPU us a position", us(self.cpu_seconds)));
        rows.push(("Postgres' CPU us a position", us(self.postgres_cpu_seconds)));
        if let Some(cpu) = load.cpu_seconds {
            rows.push(("load's CPU us a position", us(cpu)));
        }
        let all = self.seconds_to_store().max(seconds);
        rows.push(("its CPU, % of a core", format!("{:.1}", 100.0 * self.cpu_seconds / all)));
        rows.push((
            "Postgres' CPU, % of a core",
            format!("{:.1}", 100.0 * self.postgres_cpu_seconds / all),
        ));
        rows.push((
            "peak memory MiB",
            format!("{:.0}", as_f64(self.peak_memory_bytes) / 1_048_576.0),
        ));
        if self.qos == 1 {
            push_latency(
                &mut rows,
                ["PUBACK p50 ms", "PUBACK p99 ms", "PUBACK max ms"],
                load.latency_ms,
                2,
            );
        }
        if let Some(feed) = self.feed_latency_ms {
            push_latency(&mut rows, ["feed p50 ms", "feed p99 ms", "feed max ms"], feed, 0);
        }
        for read in &self.reads {
            push_latency(&mut rows, read.names, read.latency_ms, 0);
        }
        // On change a row is written again and again: its last commit says nothing.
        let row = self.stored.as_ref().filter(|_| self.still_percent.is_none());
        if let Some(row) = row.and_then(|stored| stored.latency_ms) {
            push_latency(&mut rows, ["row p50 ms", "row p99 ms", "row max ms"], row, 0);
        }
        if self.log_bytes > 0 {
            rows.push(("bytes to its logs a position", bytes(self.log_bytes)));
        }
        rows.push(("bytes written a position", bytes(self.written_bytes)));
        if let Some(stored) = &self.stored {
            rows.push(("Postgres' bytes to its log", bytes(self.postgres_log_bytes)));
            rows.push(("Postgres' bytes written", bytes(self.postgres_written_bytes)));
            rows.push(("bytes stored a row", format!("{:.0}", stored.bytes_a_row)));
        }
        rows.push(("load behind schedule, max ms", format!("{:.1}", load.own_delay_ms)));
        rows
    }
}

/// A plan's runs beside each other.
pub(crate) fn table(plan: &Plan, outcomes: &[&Outcome]) -> String {
    let bare = outcomes.iter().find(|outcome| outcome.system == Kind::Bare).copied();
    let columns: Vec<_> = outcomes.iter().map(|outcome| outcome.rows(bare)).collect();
    let mut measures: Vec<&str> = Vec::new();
    for (measure, _) in columns.iter().flatten() {
        if !measures.contains(measure) {
            measures.push(measure);
        }
    }
    let mut text = format!("\n{}\n\n| {:<34} | {:>18} |", describe(plan), plan.name, "to reach");
    for outcome in outcomes {
        text.push_str(&format!(" {:>12} |", outcome.system.name()));
    }
    text.push_str(&format!("\n|{:-<36}|{:->19}:|", "", ""));
    text.push_str(&format!("{:->13}:|", "").repeat(outcomes.len()));
    text.push('\n');
    for measure in measures {
        let goal = plan.goals.iter().find(|(of, _)| *of == measure).map_or("", |(_, goal)| goal);
        text.push_str(&format!("| {measure:<34} | {goal:>18} |"));
        for column in &columns {
            let value = column.iter().find(|(name, _)| *name == measure);
            text.push_str(&format!(" {:>12} |", value.map_or("", |(_, value)| value)));
        }
        text.push('\n');
    }
    text
}

fn describe(plan: &Plan) -> String {
    let form = if plan.cbor { "CBOR" } else { "JSON" };
    let rate = match plan.rate {
        0 => "as fast as acknowledged".to_owned(),
        rate => format!("{rate} positions/s"),
    };
    let batch = plan.batch.map_or(String::new(), |batch| format!(", {batch} a message"));
    format!(
        "{form}, QoS {}, {} connections, {} tags, {rate}{batch}, {} on the event stream",
        plan.qos, plan.connections, plan.tags, plan.feeds
    )
}

fn push_latency(
    rows: &mut Vec<(&'static str, String)>,
    names: [&'static str; 3],
    latency: Latency,
    decimals: usize,
) {
    let values = [latency.p50, latency.p99, latency.max];
    rows.extend(names.into_iter().zip(values.map(|value| format!("{value:.decimals$}"))));
}

/// With a comma every three digits.
fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
